"""A federation within one process: the apps that Flower runs, what leaves a site, and sites that fail."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

pytest.importorskip("flwr", reason="needs Flower: make cluster")

from flwr.app import ArrayRecord, Error, Message, RecordDict
from safetensors.torch import load_file

from skin_model.network.checkpoint import Checkpoint
from tests.train.federated.rendered_sites import (
    CLINICS,
    TINY,
    TINY_CNN,
    GridInOneProcess,
    server_context,
    write_clinics,
)
from train import UserError
from train.evaluation import evaluate
from train.federated import client_app, secure
from train.federated.messages import ABOUT, ARRAYS, COUNTS, STATISTICS, from_record, to_record, weights_of
from train.federated.run_folder import FederatedRun
from train.federated.server_app import run_rounds
from train.federated.settings import Settings
from train.federated.simulation import divide
from train.federated.site import Site
from train.fitting import fit, recipes
from train.fitting.run import network_of


@pytest.fixture(autouse=True)
def tiny(monkeypatch) -> None:
    monkeypatch.setitem(recipes.RECIPES, "tiny", TINY)
    monkeypatch.setitem(recipes.RECIPES, "tiny-cnn", TINY_CNN)


@pytest.fixture(scope="module")
def work(tmp_path_factory) -> Path:
    return write_clinics(tmp_path_factory.mktemp("clinics"))


def settings(**changes: object) -> Settings:
    return Settings(**{"recipe": "tiny", "rounds": 2, "epochs": 1, **changes})


def grid_of(work: Path, out: Path, agreed: Settings) -> GridInOneProcess:
    places = divide(work, out / "sites", "source")
    return GridInOneProcess(client_app.build(places, agreed), len(places))


def federate(work: Path, out: Path, agreed: Settings, grid: GridInOneProcess | None = None) -> Checkpoint:
    grid = grid_of(work, out, agreed) if grid is None else grid
    run_rounds(grid, server_context(), FederatedRun(out, agreed, work), None)
    return Checkpoint.load(out / "checkpoint")


def interrupt_after_one_round(work: Path, out: Path, agreed: Settings) -> None:
    """Ctrl-C while the second round begins."""
    grid = grid_of(work, out, agreed)
    run, asked = FederatedRun(out, agreed, work), grid.send_and_receive

    def interrupt(messages, **options):
        if len(run.history) == 1:
            raise KeyboardInterrupt
        return asked(messages, **options)

    grid.send_and_receive = interrupt
    with pytest.raises(KeyboardInterrupt):
        run_rounds(grid, server_context(), run, None)


def history(out: Path) -> pd.DataFrame:
    return pd.read_csv(out / "history.csv", keep_default_na=False)


@pytest.fixture(scope="module")
def plain(work, tmp_path_factory) -> tuple[Path, GridInOneProcess]:
    """A run of two rounds, and the grid that saw every message."""
    out = tmp_path_factory.mktemp("plain")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(recipes.RECIPES, "tiny", TINY)
        agreed = settings()
        grid = grid_of(work, out, agreed)
        federate(work, out, agreed, grid)
    return out, grid


def test_a_federation_learns_from_photographs_that_no_site_shows(work, tmp_path):
    federate(work, tmp_path, settings(recipe="tiny-cnn", epochs=6))
    told = history(tmp_path)
    assert list(told["sites"]) == [3, 3]
    assert float(told["validation_auc"].iloc[-1]) > 0.9


def test_one_round_of_sites_with_the_same_photographs_ends_at_the_weights_of_fit(work, tmp_path):
    rows = pd.read_csv(work / "split.csv", dtype=str, keep_default_na=False)
    rows = rows[rows["source"] == "bern"]
    for name, kept in (("two", pd.concat([rows, rows.assign(source="copy")])), ("one", rows)):
        (tmp_path / name).mkdir()
        kept.to_csv(tmp_path / name / "split.csv", index=False)
    agreed = settings(rounds=1, epochs=2)
    found = federate(tmp_path / "two", tmp_path / "federated", agreed).network.state_dict()
    expected = fit.fit(tmp_path / "one", tmp_path / "alone", agreed.to_recipe()).network.state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in found.items() if tensor.is_floating_point())


def test_the_result_is_a_run_folder_that_evaluate_takes(plain, work, tmp_path):
    metrics = evaluate.evaluate(plain[0] / "checkpoint", tmp_path, work=work, split="validation", resamples=10)
    assert {name.partition(":")[0] for name in metrics["sets"]} == set(CLINICS)
    assert (plain[0] / "history.png").is_file()
    record = Checkpoint.load(plain[0] / "checkpoint").config.training
    assert record["federation"]["sites"] == sorted(CLINICS)
    assert record["photographs"]["train"] == dict.fromkeys(sorted(CLINICS), 24)


def test_only_weights_counts_and_the_sites_name_leave_a_site(plain, work):
    rows = pd.read_csv(work / "split.csv", dtype=str)
    tensors = {
        name: tensor.shape for name, tensor in Checkpoint.load(plain[0] / "checkpoint").network.state_dict().items()
    }
    for _, reply in plain[1].seen:
        assert set(reply.content) <= {ABOUT, ARRAYS, COUNTS}
        assert set(reply.content[ABOUT]) <= {"name", "build"} and reply.content[ABOUT]["name"] in CLINICS
        for name, array in reply.content.array_records.get(ARRAYS, {}).items():
            assert name in ("benign", "malignant") or tuple(tensors[name]) == tuple(array.shape)
        numbers = dict(reply.content.metric_records[COUNTS])
        assert set(numbers) <= {"photographs", "loss", "benign-groups", "malignant-groups"} | {
            f"{part}-{kind}" for part in ("train", "validation") for kind in ("benign", "malignant")
        }
        sent = repr(reply.content[ABOUT]) + repr(numbers)
        assert not any(name in sent for column in ("image_id", "group", "file") for name in rows[column])


def test_the_bytes_of_a_round_are_those_of_the_weights_and_counts(plain):
    told = history(plain[0])
    weights = sum(
        t.numel() * 4 for t in Checkpoint.load(plain[0] / "checkpoint").network.state_dict().values() if t.dim()
    )
    assert told["bytes_received"].iloc[1] == pytest.approx(3 * (weights + 2 * 4 * 640), rel=0.05)


def test_the_numbers_that_flower_draws_for_sites_change_no_bit_of_the_weights(plain, work, tmp_path):
    agreed = settings()
    grid = grid_of(work, tmp_path, agreed)
    grid.nodes = [30, 20, 10]
    grid.contexts = {number: grid.contexts[place] for place, number in enumerate(grid.nodes, 1)}
    federate(work, tmp_path, agreed, grid)
    weights = [(out / "checkpoint/model.safetensors").read_bytes() for out in (plain[0], tmp_path)]
    assert weights[0] == weights[1]


def test_an_interrupted_federation_goes_on_after_its_last_round_and_ends_at_the_same_weights(plain, work, tmp_path):
    interrupt_after_one_round(work, tmp_path, settings())
    assert len(history(tmp_path)) == 1
    assert federate(work, tmp_path, settings()).hash == Checkpoint.load(plain[0] / "checkpoint").hash


def test_one_that_stopped_between_its_history_and_its_weights_trains_that_round_again(plain, work, tmp_path):
    interrupt_after_one_round(work, tmp_path, settings())
    told = history(tmp_path)
    pd.concat([told, told.assign(round=2)]).to_csv(tmp_path / "history.csv", index=False)
    assert federate(work, tmp_path, settings()).hash == Checkpoint.load(plain[0] / "checkpoint").hash
    assert list(history(tmp_path)["round"]) == [1, 2]


def test_sites_take_up_their_own_statistics_where_an_interrupted_federation_goes_on(work, tmp_path):
    agreed = settings(rounds=3, batch_norm="local")
    whole = federate(work, tmp_path / "whole", agreed)
    interrupt_after_one_round(work, tmp_path / "parts", agreed)
    grid = grid_of(work, tmp_path / "parts", agreed)
    for context in grid.contexts.values():
        context.run_id = 2  # Flower counts every call as a run of its own
    assert federate(work, tmp_path / "parts", agreed, grid).hash == whole.hash


def test_another_setting_does_not_go_on_with_a_run(plain, work):
    with pytest.raises(UserError, match="under other settings"):
        FederatedRun(plain[0], settings(mu=0.5), work)


def changed(content: RecordDict, value: float) -> RecordDict:
    """The answer with one number of the weights replaced."""
    if ARRAYS not in content.array_records or "benign" in content.array_records[ARRAYS]:
        return content
    sent = from_record(content.array_records[ARRAYS])
    first = sorted(sent)[0]
    sent[first].view(-1)[0] = value
    content.array_records[ARRAYS] = to_record(sent)
    return content


def test_a_site_that_sends_no_numbers_is_left_out_of_the_round_and_named(work, tmp_path, capsys):
    agreed = settings()
    grid = grid_of(work, tmp_path, agreed)
    grid.answering[1] = lambda content: changed(content, float("nan"))
    checkpoint = federate(work, tmp_path, agreed, grid)
    told = history(tmp_path)
    assert list(told["sites"]) == [2, 2]
    assert "Round 1 goes on without bern: its weights or its loss were no finite numbers." in capsys.readouterr().err
    assert told["left_out"].iloc[0].startswith("bern: ")
    assert all(bool(np.isfinite(t.numpy()).all()) for t in checkpoint.network.state_dict().values())


def test_a_site_with_another_network_is_left_out(work, tmp_path):
    def without_one(content: RecordDict) -> RecordDict:
        if ARRAYS in content.array_records and "benign" not in content.array_records[ARRAYS]:
            kept = dict(list(content.array_records[ARRAYS].items())[1:])
            content.array_records[ARRAYS] = ArrayRecord(kept)
        return content

    agreed = settings(rounds=1)
    grid = grid_of(work, tmp_path, agreed)
    grid.answering[2] = without_one
    federate(work, tmp_path, agreed, grid)
    assert history(tmp_path)["left_out"].iloc[0].startswith("graz: it has another version")


def test_a_site_without_cancers_stays_out_and_is_named_once(work, tmp_path, capsys):
    rows = pd.read_csv(work / "split.csv", dtype=str, keep_default_na=False)
    healthy = (rows["source"] == "graz") & (rows["malignant"] == "1") & (rows["split"] == "train")
    (tmp_path / "work").mkdir()
    rows[~healthy].to_csv(tmp_path / "work/split.csv", index=False)
    federate(tmp_path / "work", tmp_path / "run", settings())
    said = capsys.readouterr().err
    assert said.count("graz stays out: its training part needs malignant photographs, and has none.") == 1
    assert list(history(tmp_path / "run")["sites"]) == [2, 2]


def test_with_too_few_sites_nothing_begins(work, tmp_path):
    agreed = settings(least_sites=3, patience=0.1)
    grid = grid_of(work, tmp_path, agreed)
    grid.offline = {2}
    with pytest.raises(UserError, match="1 more sites are needed"):
        federate(work, tmp_path, agreed, grid)


def test_a_site_that_leaves_and_comes_back_is_missed_and_taken_up_again(work, tmp_path):
    agreed = settings(rounds=3)
    grid = grid_of(work, tmp_path, agreed)
    run = FederatedRun(tmp_path, agreed, work)
    asked, online = grid.send_and_receive, grid.get_node_ids

    def weather() -> None:
        grid.offline = {3} if len(run.history) == 1 else set()

    grid.send_and_receive = lambda messages, **options: (weather(), asked(messages, **options))[1]
    grid.get_node_ids = lambda: (weather(), online())[1]
    run_rounds(grid, server_context(), run, None)
    assert list(history(tmp_path)["sites"]) == [3, 2, 3]


def test_a_site_that_the_superlink_reports_as_gone_is_named_and_the_superlink_is_not(work, tmp_path):
    agreed = settings(rounds=1)
    grid = grid_of(work, tmp_path, agreed)
    asked = grid.send_and_receive

    def losing_the_third(messages, **options):
        messages = list(messages)
        replies = asked(messages, **options)
        if messages[0].metadata.message_type != "train":
            return replies
        lost = next(message for message in messages if message.metadata.dst_node_id == 3)
        gone = Message(Error(code=3, reason="node unavailable"), reply_to=lost)
        gone.metadata.__dict__["_src_node_id"] = 99
        return [*(reply for reply in replies if reply.metadata.src_node_id != 3), gone]

    grid.send_and_receive = losing_the_third
    federate(work, tmp_path, agreed, grid)
    assert history(tmp_path)["left_out"].iloc[0] == "vienna: it could not be reached"


def test_secure_aggregation_gives_the_mean_and_hides_every_sites_weights(plain, work, tmp_path):
    agreed = settings(rounds=1, secure=True, least_sites=3)
    grid = grid_of(work, tmp_path / "secure", agreed)
    masked = federate(work, tmp_path / "secure", agreed, grid)
    open_ = federate(work, tmp_path / "open", settings(rounds=1))
    for name, tensor in open_.network.state_dict().items():
        assert np.allclose(tensor.float(), masked.network.state_dict()[name].float(), atol=2e-3), name
    answered = [reply.content for _, reply in grid.seen if not reply.has_error()]
    assert not any(
        set(record) - {"benign", "malignant"} for content in answered for record in content.array_records.values()
    )


def test_a_large_variance_that_changes_by_tens_is_not_clipped():
    common = torch.tensor([123.19, 0.5])
    changes = (torch.tensor([50.1, 7.5]) - common) / secure.unit("blocks.0.0.bn1.running_var", common)
    assert changes.abs().max() < secure.CLIPPING
    assert torch.equal(secure.unit("classifier.weight", common), torch.ones(2))


def test_a_secure_round_goes_on_when_a_site_fails_in_it(work, tmp_path, capsys, monkeypatch):
    from train.federated.site import Site, SiteRefused

    train = Site.train

    def failing(self, weights, number, mu=0.0):
        if self.work.name == "graz":
            raise SiteRefused("not_finite", "The loss is no number.")
        return train(self, weights, number, mu)

    monkeypatch.setattr(Site, "train", failing)
    write_more = write_clinics(tmp_path / "more")
    rows = pd.read_csv(write_more / "split.csv", dtype=str, keep_default_na=False)
    pd.concat([rows, rows[rows["source"] == "bern"].assign(source="linz")]).to_csv(
        write_more / "split.csv", index=False
    )
    agreed = settings(rounds=1, secure=True, least_sites=3)
    federate(write_more, tmp_path / "run", agreed)
    assert history(tmp_path / "run")["left_out"].iloc[0] == "graz: its weights or its loss were no finite numbers"


def test_a_site_may_insist_on_secure_aggregation(work, tmp_path):
    agreed = settings(rounds=1)
    places = divide(work, tmp_path / "sites", "source")
    places[0]["only-secure"] = True
    grid = GridInOneProcess(client_app.build(places, agreed), 3)
    federate(work, tmp_path, agreed, grid)
    assert history(tmp_path)["left_out"].iloc[0] == "bern: it takes part only with secure aggregation"


def test_local_batch_norm_keeps_its_statistics_at_the_site_until_the_last_round(work, tmp_path):
    agreed = settings(rounds=3, batch_norm="local")
    grid = grid_of(work, tmp_path, agreed)
    federate(work, tmp_path, agreed, grid)
    sent = [
        any(name.endswith(STATISTICS) for name in reply.content.array_records[ARRAYS])
        for message, reply in grid.seen
        if message.metadata.message_type == "train"
    ]
    assert sent == [False] * 6 + [True] * 3
    assert len(list((tmp_path / "sites").rglob("batch_norm.safetensors"))) == 3


def test_every_site_starts_from_the_common_statistics_of_batch_norm(work, tmp_path):
    agreed = settings(rounds=1, batch_norm="local", least_sites=2)
    place = divide(work, tmp_path / "sites", "source")[0]
    site = Site(Path(place["work"]), agreed, tmp_path / "kept")
    network = network_of(site.recipe)
    common = weights_of(network, statistics=True)
    common |= {name: torch.full_like(t, 1e6) for name, t in common.items() if name.endswith("running_mean")}
    site.train(common, 1)
    kept = load_file(tmp_path / "kept" / "batch_norm.safetensors")
    # A tenth of the way at each of a few steps; from nought none would come near.
    assert min(t.min() for name, t in kept.items() if name.endswith("running_mean")) > 1e4


@pytest.mark.parametrize("hidden", [False, True])
def test_the_common_statistics_are_as_they_were_until_the_last_round_of_local_batch_norm(work, tmp_path, hidden):
    agreed = settings(rounds=2, batch_norm="local", secure=hidden, least_sites=3)
    interrupt_after_one_round(work, tmp_path, agreed)
    after = load_file(tmp_path / "federation.safetensors")
    before = weights_of(network_of(agreed.to_recipe()), statistics=True)
    names = [name for name in before if name.endswith(STATISTICS)]
    assert names and all(torch.equal(after[name], before[name]) for name in names)


def test_fedprox_holds_a_sites_weights_nearer_to_the_common_ones(work, tmp_path):
    far = {}
    for mu in (0.0, 100.0):
        agreed = settings(rounds=1, strategy="fedprox" if mu else "fedavg", mu=mu)
        grid = grid_of(work, tmp_path / str(mu), agreed)
        federate(work, tmp_path / str(mu), agreed, grid)
        asked, answer = next((m, r) for m, r in grid.seen if m.metadata.message_type == "train")
        before, after = (from_record(message.content.array_records[ARRAYS]) for message in (asked, answer))
        learned = [name for name in before if not name.endswith(STATISTICS)]
        far[mu] = sum(float((after[name] - before[name]).square().sum()) for name in learned)
    assert far[100.0] < far[0.0] / 2


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"strategy": "fedsgd"}, "There is no strategy 'fedsgd'"),
        ({"batch_norm": "frozen"}, "There is no batch-norm 'frozen'"),
        ({"secure": True}, "at least 3 sites"),
        ({"least_sites": 1}, "at least 2 sites"),
        (
            {"recipe": "released"},
            "learns from teachers, which cannot be shared out in rounds. Choose another one, such as single-run",
        ),
        ({"recipe": "two-stage-mobilenetv2"}, "has stages"),
        ({"recipe": "nothing"}, "There is no recipe 'nothing'"),
    ],
)
def test_settings_that_cannot_be_are_refused_in_words(wrong, says):
    with pytest.raises(UserError, match=says):
        settings(**wrong)


def test_settings_travel_through_flowers_configuration():
    agreed = settings(secure=True, least_sites=3, batch_norm="local", mu=0.5)
    assert Settings.read(json.loads(json.dumps(agreed.to_config())) | {"out": "elsewhere"}) == agreed


def test_a_federation_of_one_source_is_refused(work, tmp_path):
    rows = pd.read_csv(work / "split.csv", dtype=str, keep_default_na=False)
    (tmp_path / "work").mkdir()
    rows[rows["source"] == "bern"].to_csv(tmp_path / "work/split.csv", index=False)
    with pytest.raises(UserError, match="needs at least 2 sites"):
        divide(tmp_path / "work", tmp_path / "sites", "source")

"""python -m train export: what it writes, and that it keeps nothing that does not give PyTorch's answers."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
import torch
from onnx import numpy_helper

from skin_model.assess import Assessor
from skin_model.network import saliency
from skin_model.network.checkpoint import EMBEDDED, Checkpoint
from skin_model.network.inference import OnnxEngine, session
from skin_model.network.torch_backend import attribution
from skin_model.network.torch_backend.architecture import normalise
from skin_model.network.torch_backend.inference import TorchEngine
from skin_model.photo import open_photo
from tests.conftest import REPOSITORY
from tests.train.exported_checkpoints import SIZE, random_checkpoint, rendered_squares
from tests.train.rendered_lesions import write_work
from train.commands.command_line import main
from train.export import agreement, onnx_files
from train.export import export as exporting
from train.export.agreement import Answers
from train.export.export import export, failed, table
from train.export.integrated_gradients import REQUEST

NAMES = ["risk", "probabilities", "logits", "novelty", "cam", "cam_gradient", "feature_map"]
ON_REQUEST = "integrated_gradients"
GRAPHS = {}
"""The graphs that ``exported`` was made of, by the kind of their module."""


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """The folder of a small random checkpoint."""
    folder = tmp_path_factory.mktemp("export") / "checkpoint"
    random_checkpoint().save(folder)
    return folder


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    return write_work(tmp_path_factory.mktemp("rendered"))


@pytest.fixture(scope="module")
def exported(checkpoint, work, tmp_path_factory):
    """(folder, record) of an export checked on rendered photographs, int8 tried."""
    out = tmp_path_factory.mktemp("exports")
    write = onnx_files.graph
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onnx_files, "graph", lambda module, size: GRAPHS.setdefault(type(module), write(module, size)))
        return out, export(checkpoint, out, ["onnx"], work=work)


@pytest.fixture
def graph_at_hand(exported, monkeypatch):
    """The exported graphs in place of exporting them again, which takes a minute."""
    monkeypatch.setattr(onnx_files, "graph", lambda module, size: GRAPHS[type(module)])


@pytest.fixture
def spoilt_halves(graph_at_hand, monkeypatch):
    """A conversion to half precision that damages the last layer."""
    halve = onnx_files.with_half_weights

    def spoil(model):
        spoilt = halve(model)
        for tensor in spoilt.graph.initializer:
            if tensor.name.startswith("network.classifier.weight"):
                tensor.CopyFrom(numpy_helper.from_array(-numpy_helper.to_array(tensor), tensor.name))
        return spoilt

    monkeypatch.setattr(onnx_files, "with_half_weights", spoil)


def main_ends_with(status, arguments):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == status


def files(folder):
    return sorted(file.name for file in folder.iterdir())


def test_full_and_half_precision_are_kept_and_nothing_half_written(exported):
    out, record = exported
    good = {found["file"] for found in record["files"] if found["good"]}
    assert {"model.onnx", "model.fp16.onnx"} <= good
    assert set(files(out)) == good | {"export.json"}


def test_export_json_is_the_record(exported):
    out, record = exported
    assert json.loads((out / "export.json").read_text()) == record
    assert record["checked_on"] == {
        "photographs": 16,
        "malignant": 8,
        "sources": {"rendered": 16},
        "split": "validation",
    }


def test_every_format_is_within_its_limits_where_it_is_kept(exported):
    for found in exported[1]["files"]:
        if found["good"]:
            assert found["max_risk_difference"] <= {"fp32": 0.001, "fp16": 0.01, "int8": 0.01}[found["precision"]]
            assert abs(found["auc"] - found["auc_torch"]) <= 0.003
            assert found["milliseconds"] > 0


def test_half_weights_take_about_half_the_room(exported):
    out, _ = exported
    assert (out / "model.fp16.onnx").stat().st_size < 0.56 * (out / "model.onnx").stat().st_size


@pytest.mark.parametrize("name", ["model.onnx", "model.fp16.onnx"])
def test_inputs_and_outputs_are_float32_by_name(exported, name):
    loaded = onnxruntime.InferenceSession(exported[0] / name)
    (given,) = loaded.get_inputs()
    assert (given.name, given.type, given.shape[1:]) == ("pixels", "tensor(float)", [3, SIZE, SIZE])
    assert [found.name for found in loaded.get_outputs()] == [*NAMES, ON_REQUEST]
    assert {found.type for found in loaded.get_outputs()} == {"tensor(float)"}


@pytest.mark.parametrize("count", [1, 3])
def test_any_number_of_pictures_goes_in_at_once(exported, count):
    pixels = np.random.default_rng(0).random((count, 3, SIZE, SIZE), dtype=np.float32)
    found = onnx_files.run(session(exported[0] / "model.onnx"), pixels)
    alone = onnx_files.run(session(exported[0] / "model.onnx"), pixels[-1:])
    assert {name: len(values) for name, values in found.items()} == dict.fromkeys(NAMES, count) | {ON_REQUEST: 0}
    assert found["risk"][-1] == pytest.approx(alone["risk"][0], abs=1e-5)


def test_the_metadata_is_inside_the_file(exported, checkpoint):
    about = onnxruntime.InferenceSession(exported[0] / "model.fp16.onnx").get_modelmeta().custom_metadata_map
    config = Checkpoint.load(checkpoint).config
    assert json.loads(about["labels"]) == list(config.diagnoses)
    assert json.loads(about["thresholds"])["malignant_from"] == config.thresholds.malignant_from
    assert json.loads(about["calibration"])["temperature"] == config.calibration.temperature
    assert json.loads(about["preprocessing"])["input_size"] == SIZE
    assert json.loads(about["gate_threshold"]) == 3.25
    assert (about["checkpoint_sha256"], about["licence"]) == (config.model_sha256, config.licence_note)
    assert (about["format"], about["precision"]) == ("1", "fp16")


def test_every_metadata_key_is_in_the_documentation(exported):
    page = (REPOSITORY / "docs" / "exports.md").read_text(encoding="utf-8")
    about = onnx.load(exported[0] / "model.onnx").metadata_props
    assert all(f"`{entry.key}`" in page for entry in about)
    assert all(f"| `{name}` |" in page for name in (*NAMES, ON_REQUEST))


@pytest.mark.parametrize("name", ["model.onnx", "model.fp16.onnx"])
def test_integrated_gradients_come_where_they_are_asked_for_and_are_captums(exported, checkpoint, name):
    loaded, kept = session(exported[0] / name), Checkpoint.load(checkpoint)
    for square in rendered_squares(3):
        found = onnx_files.run(loaded, agreement.pixels(square[None]), {REQUEST: np.array(True)})[ON_REQUEST]
        batch = normalise(torch.from_numpy(square)[None], kept.config.preprocessing)
        expected = attribution.explain(kept.network, batch, kept.config.malignant, ON_REQUEST)
        assert expected.max() == 1
        assert np.abs(saliency.readable(found[0]) - expected).max() < 1e-4


def test_the_network_is_not_in_the_file_twice(exported):
    model = onnx.load(exported[0] / "model.fp16.onnx")
    branches = [of.g for node in model.graph.node if node.op_type == "If" for of in node.attribute]
    own = sum(np.prod(tensor.dims) for branch in branches for tensor in branch.initializer)
    assert branches and own < 0.1 * sum(np.prod(tensor.dims) for tensor in model.graph.initializer)


def test_no_path_of_the_machine_that_exported_is_inside(exported):
    content = (exported[0] / "model.onnx").read_bytes()
    assert b"site-packages" not in content
    assert str(REPOSITORY).encode() not in content


def test_a_spoilt_export_is_refused_with_a_sentence_and_nothing_is_left_of_it(
    checkpoint, work, spoilt_halves, tmp_path, capsys
):
    (tmp_path / "model.fp16.onnx").write_bytes(b"an earlier one")
    with pytest.raises(SystemExit) as ended:
        main(["export", "--checkpoint", str(checkpoint), "--out", str(tmp_path), "--work", str(work)])
    assert ended.value.code == 1
    found = capsys.readouterr()
    assert re.search(
        r"^Error: model\.fp16\.onnx was not written: a risk differs from PyTorch's by 0\.\d+", found.err, re.M
    )
    assert re.search(r"^model\.fp16\.onnx .* not written: ", found.out, re.M)
    assert re.search(r"^model\.onnx .* good$", found.out, re.M)
    assert {"model.onnx", "export.json"} <= set(files(tmp_path)) <= {"model.onnx", "export.json", "model.int8.onnx"}
    record = json.loads((tmp_path / "export.json").read_text())
    assert [f["good"] for f in record["files"] if f["precision"] == "fp16"] == [False]


def test_an_interrupted_check_leaves_no_file(checkpoint, graph_at_hand, monkeypatch, tmp_path):
    def interrupt(loaded, pixels):
        assert (tmp_path / "model.onnx.part").is_file()  # written aside, and its name not taken yet
        raise KeyboardInterrupt

    monkeypatch.setattr(onnx_files, "run", interrupt)
    with pytest.raises(KeyboardInterrupt):
        export(checkpoint, tmp_path, ["onnx"])
    assert files(tmp_path) == []


def test_an_export_without_photographs_is_checked_on_the_rendered_examples(
    checkpoint, graph_at_hand, monkeypatch, tmp_path, capsys
):
    with pytest.raises(SystemExit) as ended:
        main(["export", "--checkpoint", str(checkpoint), "--out", str(tmp_path)])
    assert ended.value.code == 0
    printed = capsys.readouterr()
    count = len(list((REPOSITORY / "examples").glob("*.jpg")))
    assert f"On {count} photographs (rendered {count})" in printed.out
    assert "int8 is not tried" in printed.err
    assert files(tmp_path) == ["export.json", "model.fp16.onnx", "model.onnx"]
    record = json.loads((tmp_path / "export.json").read_text())
    assert [found["auc"] for found in record["files"]] == [None, None]  # nobody knows what rendered lesions are


@pytest.fixture
def own(checkpoint, tmp_path):
    """A copy of the checkpoint's folder."""
    return Path(shutil.copytree(checkpoint, tmp_path / "own"))


def test_an_export_into_the_checkpoint_is_what_answers_from_then_on(own, graph_at_hand, tmp_path, capsys):
    assert type(Assessor.load(own).engine) is TorchEngine
    main_ends_with(0, ["export", "--checkpoint", str(own), "--out", str(tmp_path / "out"), "--into-checkpoint"])
    assert f"Put model.fp16.onnx into {own} and named it in its config.json." in capsys.readouterr().out
    assert type(Assessor.load(own).engine) is OnnxEngine
    assert (own / "model.fp16.onnx").read_bytes() == (tmp_path / "out/model.fp16.onnx").read_bytes()


def test_an_export_changes_no_checkpoint_unless_asked(own, graph_at_hand, tmp_path):
    before = {file.name: file.read_bytes() for file in own.iterdir()}
    main_ends_with(0, ["export", "--checkpoint", str(own), "--out", str(tmp_path / "out")])
    assert {file.name: file.read_bytes() for file in own.iterdir()} == before


def test_a_spoilt_export_is_not_put_into_the_checkpoint(own, spoilt_halves, graph_at_hand, tmp_path):
    main_ends_with(1, ["export", "--checkpoint", str(own), "--out", str(tmp_path / "out"), "--into-checkpoint"])
    assert type(Assessor.load(own).engine) is TorchEngine


@pytest.mark.parametrize("done", range(3))
def test_a_checkpoint_can_be_loaded_wherever_the_export_into_it_was_interrupted(
    done, own, graph_at_hand, monkeypatch, tmp_path
):
    export(own, tmp_path / "first", into_checkpoint=True)
    written = []

    def until_interrupted(write, file, *rest, **options):
        if file.parent == own and len(written) == done:
            raise KeyboardInterrupt
        written.extend([file] if file.parent == own else [])
        write(file, *rest, **options)

    for name in ("write_json", "write_bytes"):
        monkeypatch.setattr(exporting, name, partial(until_interrupted, getattr(exporting, name)))
    with pytest.raises(KeyboardInterrupt):
        export(own, tmp_path / "second", into_checkpoint=True)
    assert type(Assessor.load(own).engine) is (OnnxEngine if done == 0 else TorchEngine)


def test_the_embedded_checkpoint_vouches_for_its_onnx_file():
    config = json.loads((EMBEDDED / "config.json").read_text())
    assert (
        config["skin_model"]["onnx_sha256"] == hashlib.sha256((EMBEDDED / "model.fp16.onnx").read_bytes()).hexdigest()
    )


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (["--formats", "coreml"], "There is no format coreml. Choose one or more: onnx, tflite."),
        (["--data", "a", "--work", "b"], "Say which photographs to check on: --data FOLDER or --work WORK, not both."),
        (["--checkpoint", "./nowhere"], "There is no folder ./nowhere."),
        (
            ["--into-checkpoint", "--checkpoint", "owner/name"],
            "owner/name is on the Hub, and a file is only put beside",
        ),
        (["--into-checkpoint", "--formats", "tflite"], "Only the ONNX file is put into the checkpoint's folder"),
        (["--work", "./nowhere"], "There is no nowhere/split.csv. Make it first"),
    ],
)
def test_what_a_user_can_mend_is_one_sentence_and_exit_status_2(arguments, sentence, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["export", "--out", str(tmp_path / "out"), *arguments])
    assert ended.value.code == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_photographs_that_check_come_from_all_sources_evenly():
    rows = pd.DataFrame({"source": ["a"] * 90 + ["b"] * 7 + ["c"] * 3, "file": map(str, range(100))})
    drawn = agreement.spread_over_sources(rows, 20)
    assert drawn["source"].value_counts().to_dict() == {"a": 10, "b": 7, "c": 3}
    assert drawn.equals(agreement.spread_over_sources(rows, 20))


def answers(risk, ood_score=(1.0, 2.0), cam=1.0):
    return Answers(np.array(risk), np.array(ood_score), np.full((1, 2, 2), cam))


@pytest.mark.parametrize("precision, limit", [("fp32", 0.001), ("fp16", 0.01), ("int8", 0.01)])
def test_a_risk_may_lie_as_far_as_the_precision_allows_and_no_further(precision, limit):
    expected = answers([0.25, 0.5])
    just, beyond = answers([0.25, 0.5 - 0.99 * limit]), answers([0.25 + 1.01 * limit, 0.5])
    assert agreement.faults(agreement.compare(just, expected, None), precision) == []
    (fault,) = agreement.faults(agreement.compare(beyond, expected, None), precision)
    assert fault.startswith("a risk differs from PyTorch's by")


def test_the_auc_may_differ_by_three_thousandths():
    malignant = np.repeat([0, 1], 20)
    risk = np.where(malignant == 1, 0.5, 0.499)
    swapped = risk.copy()
    swapped[0] = 0.501  # one benign photograph above all malignant ones: AUC 0.95
    expected, found = answers(risk), answers(swapped)
    figures = agreement.compare(found, expected, malignant)
    assert (figures["auc_torch"], figures["auc"]) == (1.0, pytest.approx(0.95))
    (fault,) = agreement.faults(figures, "fp16")
    assert fault == "the AUC is 0.9500 and PyTorch's 1.0000, more than 0.003 apart"


def test_answers_of_one_class_have_no_auc():
    assert agreement.compare(answers([0.1, 0.2]), answers([0.1, 0.2]), np.array([1, 1]))["auc"] is None


@pytest.mark.parametrize(
    "found, what",
    [
        (answers([0.1, np.nan]), "a risk"),
        (answers([0.1, 0.2], ood_score=(1.0, 2.2)), "an out-of-distribution score"),
        (answers([0.1, 0.2], cam=0.9), "a Grad-CAM value"),
        (Answers(np.array([0.1, 0.2]), None, np.ones((1, 2, 2))), "an out-of-distribution score"),
    ],
)
def test_whatever_is_not_pytorchs_is_a_fault(found, what):
    faults = agreement.faults(agreement.compare(found, answers([0.1, 0.2]), None), "fp16")
    assert [fault.split(" differs")[0] for fault in faults] == [what]


def test_int8_that_does_not_hold_is_told_but_was_not_asked_for():
    shared = {"bytes": 10, "milliseconds": 1.0, "auc": None, "faults": ["a risk differs"], "good": False}
    found = [{"file": "model.int8.onnx", "max_risk_difference": 0.2, "required": False, **shared}]
    record = {
        "files": found,
        "torch": {"milliseconds": 2.0, "auc": None},
        "checked_on": {"photographs": 1, "sources": {"a": 1}},
    }
    assert failed(record) == []
    assert re.search(r"^model\.int8\.onnx .* 0\.200000 .*not written: a risk differs$", table(record), re.M)


def documented(language_of):
    """The Python example of docs/exports.md whose text holds ``language_of``."""
    page = (REPOSITORY / "docs" / "exports.md").read_text(encoding="utf-8")
    (found,) = [code for code in re.findall(r"```python\n(.*?)```", page, re.S) if language_of in code]
    return found


def test_the_documented_example_of_onnx_runtime_gives_the_apps_risk(
    exported, checkpoint, tmp_path, monkeypatch, capsys
):
    (tmp_path / "exports").symlink_to(exported[0])
    (tmp_path / "examples").symlink_to(REPOSITORY / "examples")
    monkeypatch.chdir(tmp_path)
    exec(compile(documented("import onnxruntime"), "docs/exports.md", "exec"), {})
    printed = capsys.readouterr().out
    expected = Assessor.load(checkpoint).assess(open_photo("examples/tone-1.jpg"))
    assert float(re.search(r"risk (\d\.\d+)", printed)[1]) == pytest.approx(expected.risk, abs=0.01)
    assert ("refused" in printed) == (expected.refused is not None)


@pytest.mark.real_data
@pytest.mark.slow  # the same is shown on rendered photos in `make test`
def test_the_embedded_checkpoints_exports_answer_like_pytorch_on_real_photographs(shared_data, tmp_path):
    lesions = pd.read_csv(shared_data / "lesions.csv", dtype=str, keep_default_na=False)
    rows = agreement.spread_over_sources(lesions.assign(root=str(shared_data)), 60)[["root", "file", "source"]]
    checkpoint = Checkpoint.load()
    photographs = agreement.read(rows, checkpoint.config.preprocessing, "Opening")
    expected = agreement.by_torch(checkpoint, photographs)
    full = onnx_files.graph(onnx_files.ExportGraph(checkpoint), 224)
    for model, precision in ((full, "fp32"), (onnx_files.with_half_weights(full), "fp16")):
        (tmp_path / precision).write_bytes(model.SerializeToString())
        loaded = session(tmp_path / precision)
        batches = [onnx_files.run(loaded, pixels) for pixels in photographs.pixels()]
        found = {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}
        figures = agreement.compare(agreement.from_outputs(found), expected, None)
        assert agreement.faults(figures, precision) == []
        assert figures["max_risk_difference"] < 1e-4  # the embedded weights are fp16 already

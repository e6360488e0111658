"""A prepared split as a data set: what is published and what is not, the round trip, and rebuilding from a manifest."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from datasets import load_dataset
from huggingface_hub import DatasetCard
from PIL import Image

from tests import hub
from tests.conftest import REPOSITORY
from tests.train.rendered_folders import skin, write, write_text
from train import UserError
from train.commands import preparation
from train.commands.command_line import main
from train.hub import dataset_repository

HEADER = "file,source,image_id,lesion_id,patient_id,diagnosis,malignant,modality,age,fitzpatrick,licence"
LICENCES = ("CC0", "CC BY 4.0", "CC BY-NC 4.0", "")
REPO = "owner/cases"


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """48 photographs, 12 of each licence; number 0 says in its metadata where it was taken."""
    folder = tmp_path_factory.mktemp("data") / "clinic"
    lines = [HEADER]
    for k in range(48):
        ill = k % 3 == 0
        label = ("mel" if k % 2 else "") if ill else "nv"
        lines.append(
            f"images/{k}.jpg,clinic,c{k},l{k // 2 if k < 8 else k},,{label},{int(ill)},,40,II,{LICENCES[k % 4]}"
        )
        write(folder / f"images/{k}.jpg", skin(k, 96, mole=False))
    place = Image.Exif()
    place.get_ifd(0x8825)[2] = (52.0, 31.0, 12.0)
    Image.fromarray(skin(0, 96, mole=False)).save(folder / "images/0.jpg", quality=92, exif=place)
    write_text(folder / "lesions.csv", *lines)
    return folder


@pytest.fixture(scope="module")
def work(data, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("prepared")
    preparation.prepare([data], out)
    return out


@pytest.fixture(scope="module")
def release(work, tmp_path_factory) -> Path:
    return dataset_repository.write_dataset(work, tmp_path_factory.mktemp("release") / "cases", repo=REPO)


@pytest.fixture(scope="module")
def manifest(work, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("manifest") / "cases"
    return dataset_repository.write_dataset(work, out, manifest_only=True, repo=REPO)


def rows(file: Path) -> pd.DataFrame:
    return pd.read_csv(file, dtype=str, keep_default_na=False)


def loaded(folder: Path, cache: Path, **options):
    return load_dataset(str(folder), cache_dir=str(cache), **options)


def status(*arguments) -> int:
    with pytest.raises(SystemExit) as ending:
        main([str(argument) for argument in arguments])
    return ending.value.code or 0


def test_only_photographs_under_free_licences_are_published_and_the_rest_is_named(work, tmp_path, capsys):
    out = dataset_repository.write_dataset(work, tmp_path / "out")
    said = capsys.readouterr().err
    assert "Left out: 12 photographs of clinic, licence CC-BY-NC-4.0.\n" in said
    assert "Left out: 12 photographs of clinic, licence unknown (nothing stated).\n" in said
    published = [row for part in loaded(out, tmp_path / "cache").values() for row in part["licence"]]
    assert sorted(published) == ["CC-BY-4.0"] * 12 + ["CC0-1.0"] * 12
    assert "Left out: 12 photographs of clinic, licence CC-BY-NC-4.0." in (out / "README.md").read_text()


def test_a_licence_that_is_asked_for_is_not_taken_for_one_whose_name_begins_alike(work, tmp_path):
    out = dataset_repository.write_dataset(work, tmp_path / "out", licences=["CC-BY-NC-4.0"])
    published = {row for part in loaded(out, tmp_path / "cache").values() for row in part["licence"]}
    assert published == {"CC-BY-NC-4.0"}


def test_what_is_loaded_back_is_the_split_with_its_labels_and_pixels(release, work, tmp_path):
    known = rows(work / "catalogue.csv").set_index("image_id")
    found = loaded(release, tmp_path)
    assert set(found) == set(known["split"])
    features = found["train"].features
    for split, part in found.items():
        for row in part:
            expected = known.loc[row["image_id"]]
            assert features["split"].int2str(row["split"]) == split == expected["split"]
            assert str(row["malignant"]) == expected["malignant"]
            code = features["diagnosis"].int2str(row["diagnosis"]) if row["diagnosis"] is not None else ""
            assert code == expected["diagnosis"]
            assert (row["group"], row["lesion_id"]) == (expected["group"], expected["lesion_id"])
            assert row["patient_id"] is None and row["age"] == "40"
            original = np.asarray(Image.open(Path(expected["root"]) / expected["file"]))
            assert np.array_equal(np.asarray(row["image"]), original)
    assert features["malignant"].names == ["benign", "malignant"]
    assert "Licence: CC0-1.0." in {row["attribution"][-17:] for row in found["train"]}


def test_streaming_gives_the_same_rows(release, tmp_path):
    whole = loaded(release, tmp_path, split="train")
    streamed = list(loaded(release, tmp_path, split="train", streaming=True))
    plain = [{name: value for name, value in row.items() if name != "image"} for row in streamed]
    assert plain == whole.remove_columns("image").to_list()
    assert np.array_equal(np.asarray(streamed[0]["image"]), np.asarray(whole[0]["image"]))


def test_no_picture_says_where_it_was_taken(release, data):
    assert b"Exif" in (data / "images/0.jpg").read_bytes()
    content = b"".join(file.read_bytes() for file in (release / "data").iterdir())
    assert b"Exif\x00" not in content and str(data).encode() not in content


def test_the_same_split_gives_the_same_bytes(release, work, tmp_path):
    again = dataset_repository.write_dataset(work, tmp_path / "again", repo=REPO)
    files = sorted(file.relative_to(release) for file in release.rglob("*") if file.is_file())
    assert files[0].as_posix() == "README.md" and len(files) == 4
    for file in files:
        assert (again / file).read_bytes() == (release / file).read_bytes(), file


def test_large_parts_are_cut_into_shards_that_load_in_order(work, tmp_path, monkeypatch, release):
    monkeypatch.setattr(dataset_repository, "SHARD_BYTES", 20_000)
    out = dataset_repository.write_dataset(work, tmp_path / "out", repo=REPO)
    assert len(list((out / "data").glob("train-*.parquet"))) > 1
    ids = loaded(out, tmp_path / "a", split="train")["image_id"]
    assert list(ids) == list(loaded(release, tmp_path / "b", split="train")["image_id"])


def test_the_card_states_licences_parts_and_counts(release, work):
    card = DatasetCard.load(release / "README.md")
    assert card.data.license == ["cc-by-4.0", "cc0-1.0"]
    named = {found["split"] for found in card.data.configs[0]["data_files"]}
    assert named == {"train", "validation", "test"}
    known = rows(work / "catalogue.csv")
    known = known[known["licence"].isin(["CC0", "CC BY 4.0"])]
    total = next(line for line in card.text.splitlines() if line.startswith("| all | all |"))
    counts = [int(cell) for cell in total.strip("| ").split(" | ")[2:]]
    assert counts[:3] == [24, (known["malignant"] == "1").sum(), known["group"].nunique()]
    for heading in ("Licences", "Sources", "Duplicates and split", "Known biases"):
        assert f"## {heading}" in card.text


def test_a_manifest_holds_labels_and_hashes_and_not_one_pixel(manifest, data, tmp_path):
    found = loaded(manifest, tmp_path, split="train")
    assert "image" not in found.features and "It holds no picture" in (manifest / "README.md").read_text()
    assert len(found[0]["sha256"]) == 64 and len(found[0]["phash"]) == 16
    smallest = min(file.stat().st_size for file in (data / "images").iterdir())
    assert sum(file.stat().st_size for file in (manifest / "data").iterdir()) < 24 * smallest


def test_prepare_from_the_hub_keeps_the_split_and_the_bytes(local, release, work, tmp_path):
    repository = local.create(REPO, release, kind="datasets")
    repository.tags["v1"] = repository.heads["main"]
    assert status("prepare", "--data", f"hub:{REPO}@v1", "--out", tmp_path / "again", "--seed", 9) == 0
    before = rows(work / "split.csv").set_index("image_id")
    after = rows(tmp_path / "again/split.csv").set_index("image_id")
    assert len(after) == 24 and after["split"].to_dict() == before["split"][after.index].to_dict()
    assert after["diagnosis"].equals(before["diagnosis"][after.index])
    picture = Path(after.loc["c1", "root"]) / after.loc["c1", "file"]
    assert picture.read_bytes() == (Path(before.loc["c1", "root"]) / before.loc["c1", "file"]).read_bytes()


def test_own_photographs_beside_one_from_the_hub_leave_its_split_alone(local, release, work, tmp_path):
    local.create(REPO, release, kind="datasets")
    before = rows(work / "split.csv").set_index("image_id")
    tested = next(name for name in before.index[before["split"] == "test"] if int(name[1:]) % 4 < 2)
    lines = [HEADER, f"copy.png,mine,copy,,,{before.loc[tested, 'diagnosis']},{before.loc[tested, 'malignant']},,,,"]
    write(tmp_path / "mine/copy.png", (skin(int(tested[1:]), 96, mole=False) * 0.8).astype(np.uint8))
    for k in range(12):
        write(tmp_path / f"mine/{k}.png", skin(300 + k, 96, mole=False))
        lines.append(f"{k}.png,mine,m{k},,,nv,0,,,,")
    write_text(tmp_path / "mine/lesions.csv", *lines)
    data = ["--data", f"hub:{REPO}", "--data", tmp_path / "mine"]
    assert status("prepare", *data, "--out", tmp_path / "w", "--seed", 5) == 0
    after = rows(tmp_path / "w/split.csv").set_index("image_id")
    released = after[after["source"] == "clinic"]
    assert released["split"].to_dict() == before["split"][released.index].to_dict()
    assert after.loc["copy", "split"] == "test" and len(after) == 24 + 13


def test_a_manifest_and_ones_own_pictures_give_the_same_split(local, manifest, data, work, tmp_path):
    local.create(REPO, manifest, kind="datasets")
    published = list(range(48))  # whatever their licence, for no picture is given away
    renamed, smaller, other, missing = published[:4]
    mine = tmp_path / "mine"
    for k in published[4:]:
        (mine / "any").mkdir(parents=True, exist_ok=True)
        shutil.copy(data / f"images/{k}.jpg", mine / f"any/{k}.jpg")
    shutil.copy(data / f"images/{renamed}.jpg", mine / "holiday.jpg")
    Image.open(data / f"images/{smaller}.jpg").save(mine / f"c{smaller}.jpg", quality=50)
    write(mine / f"c{other}.jpg", skin(999, 96, mole=False))
    out = tmp_path / "out"
    assert status("prepare", "--manifest", f"hub:{REPO}", "--data", mine, "--out", out, "--seed", 7) == 0
    before = rows(work / "split.csv").set_index("image_id")
    after = rows(out / "split.csv").set_index("image_id")
    assert sorted(after.index) == sorted(f"c{k}" for k in published if k not in (other, missing))
    assert after["split"].to_dict() == before["split"][after.index].to_dict()
    assert after["malignant"].equals(before["malignant"][after.index])
    reasons = rows(out / "left_out.csv").set_index("image_id")["reason"].to_dict()
    assert reasons == {
        f"c{other}": "the photograph of this name in the folders is another one",
        f"c{missing}": "no such photograph in the folders",
    }


def test_a_manifest_given_as_data_is_one_sentence_that_says_what_to_do(local, manifest, tmp_path, capsys):
    local.create(REPO, manifest, kind="datasets")
    assert status("prepare", "--data", f"hub:{REPO}", "--out", tmp_path / "out") == 2
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("Error: ")]
    assert len(said) == 1 and f"--manifest hub:{REPO}" in said[0]


def test_a_data_set_of_another_make_is_refused(local, tmp_path, capsys):
    table = io.BytesIO()
    pd.DataFrame({"label": [0, 1]}).to_parquet(table)
    local.create(REPO, {"data/train-00000-of-00001.parquet": table.getvalue()}, kind="datasets")
    assert status("prepare", "--data", f"hub:{REPO}", "--out", tmp_path / "out") == 2
    assert "is not a data set that push dataset made: it lacks the column" in capsys.readouterr().err


@pytest.mark.parametrize("reference", ["hub:owner/none", "hub:owner/cases@v9", "hub:only-a-name"])
def test_a_data_set_that_the_hub_does_not_have_is_one_sentence(local, release, tmp_path, capsys, reference):
    local.create(REPO, release, kind="datasets")
    assert status("prepare", "--data", reference, "--out", tmp_path / "out") == 2
    said = capsys.readouterr().err.splitlines()
    assert [line[:7] for line in said if line] == ["Error: "]


def test_a_folder_of_something_else_is_not_overwritten(work, tmp_path):
    write_text(tmp_path / "thesis.txt", "years of work")
    with pytest.raises(UserError, match="something else"):
        dataset_repository.write_dataset(work, tmp_path)
    assert (tmp_path / "thesis.txt").is_file()


def test_an_earlier_release_is_replaced_whole(work, tmp_path):
    out = dataset_repository.write_dataset(work, tmp_path / "out")
    (out / "data/train-00001-of-00002.parquet").write_bytes(b"of an earlier release")
    dataset_repository.write_dataset(work, out, manifest_only=True)
    assert sorted(file.name for file in (out / "data").iterdir()) == [
        f"{split}-00000-of-00001.parquet" for split in ("test", "train", "validation")
    ]


def test_nothing_under_a_licence_is_one_sentence(work, tmp_path):
    with pytest.raises(UserError, match="No photograph is under a licence"):
        dataset_repository.write_dataset(work, tmp_path / "out", licences=["MIT"])


def test_a_gone_photograph_is_one_sentence_that_names_it(work, data, tmp_path):
    known = rows(work / "catalogue.csv")
    known.loc[known["image_id"] == "c1", "file"] = "images/gone.jpg"
    known.to_csv(tmp_path / "catalogue.csv", index=False)
    with pytest.raises(UserError, match=r"1 photographs are gone, .*images/gone\.jpg"):
        dataset_repository.write_dataset(tmp_path, tmp_path / "out")


def test_the_real_client_loads_and_streams_it_from_the_hub(release, tmp_path):
    script = (
        "import json\nfrom datasets import load_dataset\n"
        f"whole = load_dataset('{REPO}', split='test')\n"
        f"streamed = list(load_dataset('{REPO}', split='test', streaming=True))\n"
        "print(json.dumps([whole['image_id'][:], [row['image_id'] for row in streamed], whole[0]['image'].size]))\n"
    )
    with hub.LocalHub() as local:
        local.create(REPO, release, kind="datasets")
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=REPOSITORY,
            env=hub.environment(local.endpoint, tmp_path),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    assert done.returncode == 0, done.stderr[-2000:]
    whole, streamed, size = json.loads(done.stdout.splitlines()[-1])
    assert whole == streamed == list(loaded(release, tmp_path / "c", split="test")["image_id"]) and size == [96, 96]


def test_push_dataset_sends_it_tags_it_and_names_what_comes_next(local, work, release, tmp_path, capsys):
    command = ["push", "dataset", REPO, "--work", work, "--out", tmp_path]
    assert status(*command, "--dry-run") == 0
    said = capsys.readouterr()
    assert ("datasets", REPO) not in local.repositories and "Nothing was sent" in said.out
    assert "Left out: 12 photographs of clinic, licence CC-BY-NC-4.0." in said.err
    assert status(*command, "--version", "2.0.0") == 0
    said = capsys.readouterr()
    assert f"Next: python -m train prepare --data hub:{REPO}@2.0.0 --out WORK" in said.out
    repository = local.repository(REPO, "datasets")
    assert repository.tags["2.0.0"] == repository.heads["main"]
    for name in ("README.md", "data/test-00000-of-00001.parquet"):
        assert local.repository(REPO, "datasets").files()[name] == (release / name).read_bytes()
    assert local.token not in said.out + said.err


def test_push_dataset_from_a_data_folder_prepares_it_first(local, data, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert status("push", "dataset", REPO, "--data", data, "--manifest-only", "--licence", "CC0-1.0") == 0
    assert "prepare --manifest hub:owner/cases@1.0.0 --data FOLDER_OF_PICTURES" in capsys.readouterr().out
    sent = pd.concat(
        pd.read_parquet(io.BytesIO(content))
        for name, content in local.repository(REPO, "datasets").files().items()
        if name.endswith(".parquet")
    )
    assert len(sent) == 12 and set(sent["licence"]) == {"CC0-1.0"} and "image" not in sent


def test_push_dataset_wants_either_folders_or_a_work_folder(work, data, capsys):
    for more in ([], ["--data", data, "--work", work]):
        assert status("push", "dataset", REPO, *more) == 2
        assert "either --data FOLDER or --work WORK" in capsys.readouterr().err

"""The gallery as it is looked through: filters, mistakes at a threshold, pictures; and folders that are none."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from interface.gallery.gallery import Counts, Gallery, GalleryError, how_wrong
from interface.gallery.isic_archive import Archive
from skin_model.photo import open_photo
from tests import hub
from tests.conftest import REPOSITORY
from tests.interface.gallery.test_isic_archive import FULL, serving

HEADER = {
    "schema": 1,
    "split": "test",
    "thresholds": {"low": 0.2, "high": 0.6, "malignant_from": 0.3, "benign_to": 0.4},
    "attributions": {
        "ham10000": {"CC BY-NC 4.0": "HAM10000. Licence: CC BY-NC 4.0."},
        "pad_ufes_20": {"": "PAD-UFES-20. Licence: not stated by the source."},
    },
}
CASES = """\
image_id,source,group,modality,confirmed_by,age,sex,site,fitzpatrick,licence,diagnosis,malignant,risk,refused,p_mel,p_bcc,p_akiec,p_nv,p_bkl,p_df,p_vasc
ISIC_0000001,ham10000,g1,dermoscopic,histo,45,male,back,,CC BY-NC 4.0,nv,0,0.7,,0.5,0.1,0.1,0.3,0,0,0
ISIC_0000002,ham10000,g2,dermoscopic,histo,60,female,face,,CC BY-NC 4.0,mel,1,0.1,,0.1,0,0,0.9,0,0,0
ISIC_0000003,ham10000,g3,dermoscopic,follow_up,,male,,,CC BY-NC 4.0,bkl,0,0.2,,0.1,0.1,0,0.8,0,0,0
PAT_4,pad_ufes_20,g4,smartphone,,30,,arm,III,,,1,0.35,not_skin,,,,,,,
PAT_5,pad_ufes_20,g5,smartphone,,80,,arm,III,,bcc,1,0.9,,0,0.9,0,0.1,0,0,0
PAT_6,pad_ufes_20,g6,smartphone,,80,,arm,III,,nv,0,,damaged_file,,,,,,,
"""
DETAIL = {
    "file_name": "images/ISIC_0000001.jpg",
    "image_id": "ISIC_0000001",
    "width": 200,
    "height": 100,
    "border": {"kind": "circle", "x": 100.0, "y": 50.0, "radius": 40.0},
    "crop": [50, 0, 150, 100],
    "heat": [[0.0, 0.0], [0.0, 1.0]],
    "problems": ["glare"],
    "nearest": [
        {"image_id": "ISIC_0000009", "source": "ham10000", "diagnosis": "mel", "malignant": 1, "distance": 0.12},
        {"image_id": "PAT_9", "source": "pad_ufes_20", "diagnosis": None, "malignant": 0, "distance": 0.2},
    ],
}


@pytest.fixture
def folder(tmp_path) -> Path:
    folder = tmp_path / "gallery"
    (folder / "images").mkdir(parents=True)
    (folder / "gallery.json").write_text(json.dumps(HEADER))
    (folder / "cases.csv").write_text(CASES)
    (folder / "metadata.jsonl").write_text(json.dumps(DETAIL) + "\n")
    Image.new("RGB", (200, 100), (200, 160, 140)).save(folder / "images" / "ISIC_0000001.jpg")
    return folder


@pytest.fixture
def gallery(folder) -> Gallery:
    return Gallery.load(folder, Archive("http://127.0.0.1:1"))


def ids(cases) -> list[str]:
    return [case.image_id for case in cases]


def test_a_case_says_what_its_row_says(gallery):
    case = gallery.cases[3]
    assert (case.image_id, case.source, case.group, case.diagnosis) == ("PAT_4", "pad_ufes_20", "g4", "")
    assert (case.malignant, case.risk, case.refused, case.age, case.fitzpatrick) == (True, 0.35, "not_skin", 30, "III")
    assert case.attribution == "PAD-UFES-20. Licence: not stated by the source."
    assert (case.diagnoses, case.details) == (None, None)
    assert gallery.cases[4].diagnoses["bcc"] == 0.9


def test_bands_are_those_of_the_checkpoints_thresholds_and_a_refused_case_cannot_be_told(gallery):
    assert [case.band for case in gallery.cases] == ["high", "low", "raised", "cannot_tell", "high", ""]


def test_a_kept_case_has_its_details(gallery):
    details = gallery.cases[0].details
    assert (details.width, details.height, details.crop, details.problems) == (200, 100, (50, 0, 150, 100), ("glare",))
    assert details.border["radius"] == 40
    assert details.heat.tolist() == [[0, 0], [0, 1]]
    assert [(near.image_id, near.diagnosis, near.malignant, near.distance) for near in details.nearest] == [
        ("ISIC_0000009", "mel", True, 0.12),
        ("PAT_9", "", False, 0.2),
    ]


@pytest.mark.parametrize(
    ("threshold", "raised", "missed"),
    [
        (0.0, ["ISIC_0000001", "ISIC_0000003"], []),
        (0.2, ["ISIC_0000001", "ISIC_0000003"], ["ISIC_0000002"]),
        (0.21, ["ISIC_0000001"], ["ISIC_0000002"]),
        (0.6, ["ISIC_0000001"], ["ISIC_0000002", "PAT_4"]),
        (1.0, [], ["ISIC_0000002", "PAT_4", "PAT_5"]),
    ],
)
def test_mistakes_change_with_the_threshold_and_the_most_wrong_comes_first(gallery, threshold, raised, missed):
    assert tuple(map(ids, gallery.mistakes(threshold))) == (raised, missed)


def test_the_counts_are_of_every_case_with_a_risk(gallery):
    counts = gallery.counts(0.2)
    assert counts == Counts(true_positives=2, false_positives=2, true_negatives=0, false_negatives=1)
    assert counts.sensitivity == pytest.approx(2 / 3)
    assert counts.specificity == 0


@pytest.mark.parametrize(
    ("said", "untouched"),
    [
        ({"split": "test", "warnings": []}, True),
        ({"split": "validation", "warnings": []}, False),
        ({"split": None, "warnings": []}, False),
        ({"split": "test", "warnings": ["The checkpoint was trained with another split."]}, False),
    ],
)
def test_only_the_networks_own_test_split_counts_as_never_seen(gallery, said, untouched):
    assert replace(gallery, header={**gallery.header, **said}).is_untouched is untouched


def test_shares_of_nothing_are_unknown(gallery):
    counts = gallery.filtered(source="pad_ufes_20").counts(0.5)
    assert (counts.sensitivity, counts.specificity) == (0.5, None)


def test_how_wrong_is_the_distance_on_the_wrong_side(gallery):
    wrong = [how_wrong(case, 0.3) for case in gallery.cases[:5]]
    assert wrong == pytest.approx([0.4, 0.2, -0.1, -0.05, -0.6])
    assert np.isnan(how_wrong(gallery.cases[5], 0.3))


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, [0, 1, 2, 3, 4, 5]),
        ({"source": "ham10000"}, [0, 1, 2]),
        ({"diagnosis": ["nv", "mel"]}, [0, 1, 5]),
        ({"diagnosis": ""}, [3]),
        ({"diagnosis": []}, []),
        ({"site": None, "modality": "smartphone"}, [3, 4, 5]),
        ({"confirmed_by": {"histo", "follow_up"}, "sex": "male"}, [0, 2]),
        ({"age": (30, 60)}, [0, 1, 3]),
        ({"score": (0.2, 0.7)}, [0, 2, 3]),
        ({"band": "high", "age": (80, 80)}, [4]),
    ],
)
def test_only_what_fits_everything_that_is_asked_is_left(gallery, asked, found):
    assert gallery.filtered(**asked).cases == tuple(gallery.cases[i] for i in found)


def test_the_spellings_of_one_body_site_are_one_choice(folder):
    change(folder, "cases.csv", "female,face", "female,head/neck")
    change(folder, "cases.csv", "30,,arm", "30,,upper extremity")
    gallery = Gallery.load(folder, Archive("http://127.0.0.1:1"))
    assert gallery.choices("site") == ["head_neck", "posterior_torso", "upper_extremity", ""]
    assert ids(gallery.filtered(site="upper_extremity").cases) == ["PAT_4", "PAT_5", "PAT_6"]


def test_a_body_site_that_nobody_knows_keeps_its_name(folder):
    change(folder, "cases.csv", "male,back", "male,elsewhere")
    assert "elsewhere" in Gallery.load(folder).choices("site")


def test_the_spellings_of_one_confirmation_are_one_choice(folder):
    change(folder, "cases.csv", "dermoscopic,follow_up", "dermoscopic,serial imaging showing no change")
    assert Gallery.load(folder).choices("confirmed_by") == ["follow_up", "histo", ""]


def test_mistakes_are_those_of_the_filtered_cases(gallery):
    assert tuple(map(ids, gallery.filtered(source="pad_ufes_20").mistakes(0.5))) == ([], ["PAT_4"])


def test_a_filter_that_is_none_is_refused(gallery):
    with pytest.raises(ValueError, match="cannot be filtered by 'licence'"):
        gallery.filtered(licence="CC0")
    with pytest.raises(ValueError, match="cannot be filtered by 'risk'"):
        gallery.choices("risk")


def test_choices_are_sorted_with_unknown_last(gallery):
    assert gallery.choices("diagnosis") == ["bcc", "bkl", "mel", "nv", ""]


def test_a_link_leads_to_its_case_or_nowhere(gallery):
    assert gallery.case("PAT_5") is gallery.cases[4]
    assert gallery.case("PAT_55") is None
    assert gallery.filtered(source="ham10000").case("PAT_5") is None


def test_the_archive_has_a_page_about_its_own_pictures_only(gallery):
    assert gallery.case("ISIC_0000002").page == "https://api.isic-archive.com/images/ISIC_0000002/"
    assert (gallery.case("PAT_5").isic_id, gallery.case("PAT_5").page) == (None, None)


def test_a_picture_comes_from_the_folder_first(gallery, folder):
    assert gallery.picture(gallery.cases[0]) == (folder / "images" / "ISIC_0000001.jpg").read_bytes()


def test_the_picture_of_a_neighbour_comes_from_the_folder_too(folder):
    (folder / ".neighbours").mkdir()
    (folder / ".neighbours" / "PAT_9.jpg").write_bytes(FULL)
    change(folder, "metadata.jsonl", '"distance": 0.2}', '"distance": 0.2, "picture": ".neighbours/PAT_9.jpg"}')
    gallery = Gallery.load(folder, Archive("http://127.0.0.1:1"))
    assert gallery.picture(gallery.shown("PAT_9")) == FULL
    assert gallery.has_picture(gallery.shown("ISIC_0000009"))
    assert gallery.shown("PAT_99") is None


def test_a_picture_that_the_folder_lacks_comes_from_the_archive(folder):
    (folder / "images" / "ISIC_0000001.jpg").unlink()
    with serving() as served:
        gallery = Gallery.load(folder, Archive(served.address))
        assert gallery.picture(gallery.cases[0]) == FULL
        assert gallery.picture(gallery.cases[1]) is None
        assert gallery.picture(gallery.cases[4]) is None
    assert served.asked[-1] == "/api/v2/images/ISIC_0000002/"


def change(folder, name, old, new):
    file = folder / name
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new, 1))


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        ("gallery.json", '"schema": 1', '"schema": 2', "schema 2, but this version reads schema 1"),
        ("gallery.json", "{", "[", "is not a gallery's header"),
        ("gallery.json", '"low": 0.2', '"low": 3', "no usable value"),
        ("gallery.json", '"low": 0.2,', "", "no usable value"),
        ("gallery.json", "attributions", "others", "no usable value"),
        ("cases.csv", "image_id,", "id,", "lacks the column image_id"),
        ("cases.csv", "mel,1,0.1,", "mel,1,1.1,", "Line 3 of"),
        ("cases.csv", "mel,1,0.1,", "mel,1,nan,", "Line 3 of"),
        ("cases.csv", "mel,1,0.1,", "mel,2,0.1,", "Line 3 of"),
        ("cases.csv", "ISIC_0000002", "ISIC_0000001", "Line 3 of .* comes twice"),
        ("cases.csv", "PAT_4,pad_ufes_20", "PAT_4,elsewhere", "Line 5 of"),
        ("cases.csv", CASES.partition("\n")[2], "", "lists no case"),
        ("cases.csv", "ISIC_0000001", "ISIC_0000007", "tells of ISIC_0000001"),
        ("metadata.jsonl", "}\n", "\n", "Line 1 of"),
        ("metadata.jsonl", "images/ISIC_0000001.jpg", "images/../../secret.jpg", "Line 1 of .* not a picture"),
        ("metadata.jsonl", "images/ISIC_0000001.jpg", "/etc/passwd", "Line 1 of .* not a picture"),
        ("metadata.jsonl", '"distance": 0.2', '"distance": 0.2, "picture": "../x.jpg"', "Line 1 of .* not a picture"),
        ("metadata.jsonl", "[50, 0, 150, 100]", "[50, 0, 150, 101]", "Line 1 of .* crop"),
        ("metadata.jsonl", "[50, 0, 150, 100]", "[50, 0]", "Line 1 of"),
        ("metadata.jsonl", "[0.0, 1.0]", "[0.0, 2.0]", "Line 1 of .* map"),
        ("metadata.jsonl", "[0.0, 1.0]", "[0.0]", "Line 1 of"),
    ],
)
def test_a_broken_gallery_is_one_sentence_that_names_the_file(folder, name, old, new, words):
    change(folder, name, old, new)
    with pytest.raises(GalleryError, match=words) as problem:
        Gallery.load(folder)
    assert str(folder) in str(problem.value)
    assert "\n" not in str(problem.value)


@pytest.mark.parametrize("name", ["gallery.json", "cases.csv", "metadata.jsonl"])
def test_a_gallery_that_lacks_a_file_is_refused(folder, name):
    (folder / name).unlink()
    with pytest.raises(GalleryError, match=re.escape(name)):
        Gallery.load(folder)


def test_what_is_neither_folder_nor_data_set_is_refused(tmp_path):
    with pytest.raises(GalleryError, match="There is no folder"):
        Gallery.load(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(GalleryError, match="is a file; name its folder"):
        Gallery.load(tmp_path / "file")


SCRIPT = """
import sys
from interface.gallery.gallery import Gallery, GalleryError
for reference in sys.argv[1:]:
    try:
        gallery = Gallery.load(reference)
        print(len(gallery.cases), len(gallery.picture(gallery.cases[0])))
    except GalleryError as problem:
        print(f"refused: {problem}")
"""


def test_a_gallery_comes_from_the_hub_at_a_revision(folder, tmp_path):
    environment = {**os.environ, "HF_HOME": str(tmp_path / "home"), "HF_HUB_DISABLE_XET": "1"}
    environment.pop("HF_HUB_OFFLINE", None)
    (folder / "other.bin").write_bytes(b"0" * 100)
    with hub.serve("owner/name", folder, ("v1.0.0",), kind="datasets") as endpoint:
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, "owner/name@v1.0.0", "owner/other", "owner/name@v9"],
            cwd=REPOSITORY,
            env=environment | {"HF_ENDPOINT": endpoint},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    found, other, revision = done.stdout.splitlines()
    assert found == f"6 {(folder / 'images' / 'ISIC_0000001.jpg').stat().st_size}"
    assert other.startswith("refused: The Hub did not give owner/other: there is no such repository")
    assert revision.startswith("refused: The Hub did not give owner/name at revision v9: there is no such revision")
    assert not list((tmp_path / "home").rglob("other.bin"))


@pytest.mark.real_data
def test_real_mistakes_travel_from_training_to_the_interface(shared_data, tmp_path):
    import pandas as pd

    from train.evaluation import mistakes

    # Of the released split, what validates and what trains; never a photograph of its test part.
    validation = ["ham10000/ISIC_0026728", "ham10000/ISIC_0025451", "pad_ufes_20/PAT_1619_2774_616"]
    validation += ["pad_ufes_20/PAT_158_243_947", "isic_acral_imperial/ISIC_6529350", "isic_2017/ISIC_0012982"]
    training = ["ham10000/ISIC_0027653", "ham10000/ISIC_0026132", "pad_ufes_20/PAT_439_2887_834"]
    training += ["isic_acral_imperial/ISIC_5839875", "isic_2017/ISIC_0013136"]
    part = {f"images/{name}.jpg": "validation" for name in validation}
    part |= {f"images/{name}.jpg": "train" for name in training}
    table = pd.read_csv(shared_data / "lesions.csv", dtype=str, keep_default_na=False)
    table = table[table["file"].isin(part)].assign(root=str(shared_data), group=lambda rows: rows["file"])
    table["split"] = table["file"].map(part)
    assert len(table) == len(part)
    work = tmp_path / "work"
    work.mkdir()
    table.to_csv(work / "split.csv", index=False)
    shutil.copy(work / "split.csv", work / "catalogue.csv")

    header = mistakes.make(None, work, tmp_path / "full", split="validation")
    mistakes.make(None, work, tmp_path / "bare", split="validation", photographs=False)
    full, bare = (Gallery.load(tmp_path / name, Archive("http://127.0.0.1:1")) for name in ("full", "bare"))
    assert full.header == header
    assert len(full.cases) == len(bare.cases) == len(validation)
    for name in ("low", "high"):
        raised, missed = full.mistakes(full.header["thresholds"][name])
        assert {"false_positives": len(raised), "false_negatives": len(missed)} == header["counts"][name]
    kept = [case for case in full.cases if case.details is not None]
    assert len(kept) == header["counts"]["kept"]
    for case in kept:
        assert case.details.heat.shape == (8, 8)  # of 256 px, by the network's stride of 32
        assert len(case.details.nearest) == 5
        picture = full.picture(case)
        assert max(open_photo(picture).rgb.shape) <= 512
        assert all(full.picture(near) is not None for near in case.details.nearest)
        assert bare.picture(bare.case(case.image_id)) is None


def test_the_most_similar_training_cases_of_the_apps_gallery_were_learnt_from():
    lines = (REPOSITORY / "examples/mistakes/metadata.jsonl").read_text(encoding="utf-8").splitlines()
    training = json.loads((REPOSITORY / "skin_model/weights/config.json").read_text())["skin_model"]["training"]
    learnt = {source for of in training["photographs"].values() for source in of}
    near = {case["source"] for line in lines for case in json.loads(line)["nearest"]}
    assert near and near <= learnt

"""The check tab's pure functions, and the served page through gradio_client."""

from __future__ import annotations

import base64
import io
import json
import re
from html import escape
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from interface import blocks
from interface.components import result_card
from interface.components.photo_stage import data_uri, full_size_box, staged
from interface.tabs import check
from skin_model.assess import Assessment, Assessor
from skin_model.diagnoses import DIAGNOSES
from skin_model.network.calibration import BANDS, Calibration, Thresholds
from skin_model.network.checkpoint import EMBEDDED
from skin_model.photo import open_photo
from skin_model.wording import Words, languages, sentence
from tests.interface.served import OPERATING_POINTS, RefusingGate, random_assessor

WORDS = Words()
THRESHOLDS = Thresholds(low=0.1, high=0.4, malignant_from=1.0, benign_to=0.0)


def words(assessment: Assessment) -> str:
    """The answer as a reader sees it: no tags."""
    card = result_card.answer(WORDS, assessment, THRESHOLDS, Calibration(), part_only=False)
    return re.sub(r"<[^>]+>", " ", card)


# --- words and shapes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "under 1%"),
        (0.004, "under 1%"),
        (0.01, "1.0%"),
        (0.0453, "4.5%"),
        (0.0996, "10%"),
        (0.314, "31%"),
        (0.999, "over 99%"),
    ],
)
def test_percentages_never_claim_certainty(share, text):
    assert WORDS.percent(share) == text


@pytest.mark.parametrize("band", BANDS)
def test_every_band_comes_with_its_name_its_number_and_what_to_do(band):
    text = words(Assessment(risk=0.37, band=band))
    assert text.index(sentence(f"band.{band}")) < text.index(sentence(f"advice.{band}")) < text.index("37%")
    assert sentence(f"next_step.{band}").replace("'", "&#x27;") in text


@pytest.mark.parametrize("band", BANDS)
def test_what_the_tool_is_not_is_read_where_the_answer_is(band):
    assert sentence("notice.screening") in words(Assessment(risk=0.37, band=band))


def test_not_knowing_never_advises_less_than_a_raised_risk():
    for advice in ("doctor", "next few weeks", "sooner if it is changing or bleeding"):
        assert advice in sentence("next_step.raised") and advice in sentence("next_step.cannot_tell")


OVERLAPPING = Thresholds(low=0.0587, high=0.2125, malignant_from=0.0991, benign_to=0.2169)


def test_no_two_bands_claim_the_same_risk_in_words():
    assert result_card.scale_in_words(WORDS, OVERLAPPING) == (
        "Lower: below 5.9%, Raised: 5.9% to 9.9%, Cannot tell: 9.9% to 22%, High: from 22%"
    )
    assert result_card.scale_in_words(WORDS, THRESHOLDS) == "Lower: below 10%, Raised: 10% to 40%, High: from 40%"


def test_borders_and_mark_stand_in_the_segment_that_the_heading_names():
    card = result_card.answer(WORDS, Assessment(risk=0.6085, band="high"), OVERLAPPING, Calibration())
    borders = re.findall(r'inset-inline-start:([\d.]+%)">([^<]+)</span>', card)
    assert borders == [("25.0%", "5.9%"), ("50.0%", "9.9%"), ("75.0%", "22%")]
    # Halfway from 21.69 % to 100 %: the middle of the fourth of four segments.
    assert '<b style="inset-inline-start:87.5%"></b>' in card
    assert '<i data-band="high" class="here"></i>' in card and card.count('class="here"') == 2


@pytest.mark.parametrize(("reached", "doubted"), [(0.05, False), (0.07, True)])
def test_a_lower_risk_whose_range_reaches_a_higher_band_says_so(reached, doubted):
    low = Assessment(risk=0.03, band="low")
    card = result_card.answer(WORDS, low, OVERLAPPING, Calibration(), interval=(0.02, reached))
    assert ("reaches 7.0%, which would read “Raised risk”" in card) == doubted


def test_a_lower_risk_of_a_photo_in_which_nothing_stood_out_is_doubted():
    low, raised = Assessment(risk=0.03, band="low"), Assessment(risk=0.07, band="raised")
    doubt = sentence("interface.not_located")
    assert doubt in result_card.answer(WORDS, low, OVERLAPPING, Calibration(), not_located=True)
    assert doubt not in result_card.answer(WORDS, low, OVERLAPPING, Calibration())
    assert doubt not in result_card.answer(WORDS, raised, OVERLAPPING, Calibration(), not_located=True)


def test_photos_that_disagree_say_so_under_the_band_of_the_most_urgent_one():
    high = Assessment(risk=0.48, band="high")
    card = result_card.answer(WORDS, high, OVERLAPPING, Calibration(), interval=(0.01, 0.48), photos=3, disagree=True)
    assert 'data-kind="high"' in card and sentence("band.high") in card and sentence("advice.high") in card
    assert "looks more serious (48%)" in card and sentence("interface.photos", count=3) not in card


def test_diagnoses_calibrated_for_themselves_say_that_they_do_not_add_up_to_the_risk():
    shares = dict.fromkeys(DIAGNOSES, 1 / 7)
    note = sentence("interface.diagnoses.weighted")
    assert note in result_card.diagnosis_bars(WORDS, shares, weighted=True)
    assert note not in result_card.diagnosis_bars(WORDS, shares)


def test_every_band_has_a_shape_of_its_own():
    cards = [
        result_card.answer(WORDS, Assessment(risk=0.3, band=b), THRESHOLDS, Calibration(), part_only=False)
        for b in BANDS
    ]
    shapes = {re.search(r"<svg.*?</svg>", card).group() for card in cards}
    assert len(shapes) == len(BANDS)


@pytest.mark.parametrize("band", BANDS)
def test_no_band_is_called_healthy(band):
    assert "healthy" not in words(Assessment(risk=0.02, band=band)).lower()


def test_the_number_of_a_refused_photo_is_not_on_the_page():
    refused = Assessment(risk=0.5537, band="cannot_tell", refused="not_skin")
    text = words(refused)
    assert sentence("refused.not_skin") in text
    assert not re.search(r"\d", text)


def test_the_meaning_counts_spots_out_of_a_hundred():
    assert "Of 100 spots that look like this one, about 37 would be" in words(Assessment(risk=0.37, band="raised"))
    assert "fewer than 1 would be" in words(Assessment(risk=0.001, band="low"))


def test_diagnoses_come_likeliest_first_with_plain_and_medical_names():
    shares = dict(zip(DIAGNOSES, (0.05, 0.1, 0.15, 0.4, 0.2, 0.07, 0.03), strict=True))
    html = result_card.diagnosis_bars(WORDS, shares)
    order = [
        html.index(f"<strong>{sentence(f'diagnosis.{code}.name')}</strong>")
        for code in sorted(shares, key=lambda c: -shares[c])
    ]
    assert order == sorted(order)
    for code in DIAGNOSES:
        assert sentence(f"diagnosis.{code}.medical").replace("'", "&#x27;") in html
    assert html.count(sentence("interface.needs_doctor")) == 3


def test_a_binary_checkpoint_has_no_bars():
    assert result_card.diagnosis_bars(WORDS, None) == ""


@pytest.mark.parametrize(("threshold", "nearest"), [(0.01, 0.1), (0.19, 0.1), (0.21, 0.3), (0.99, 0.6)])
def test_the_nearest_measured_operating_point_is_taken(threshold, nearest):
    assert result_card.nearest_point(threshold, OPERATING_POINTS)["threshold"] == nearest


def test_the_operating_point_is_told_in_counts_and_for_this_photo():
    html = result_card.operating_point(WORDS, 0.3, OPERATING_POINTS, risk=0.3)
    assert "warns about 81" in html and "leaves 77" in html
    assert "would get a warning" in html
    assert "would get no warning" in result_card.operating_point(WORDS, 0.3, OPERATING_POINTS, risk=0.29)


@pytest.mark.parametrize("language", languages())
def test_which_photographs_the_counts_come_from_and_why_the_evidence_differs_is_told_beside_them(language):
    words = Words(language)
    told = escape(words("interface.threshold.photographs"))
    assert told in result_card.operating_point(words, 0.3, OPERATING_POINTS, risk=None)
    assert told not in result_card.operating_point(words, 0.3, [], risk=None)


def test_a_checkpoint_without_operating_points_says_so():
    assert sentence("interface.threshold.unknown") in result_card.operating_point(WORDS, 0.3, [], risk=0.3)


# --- boxes ----------------------------------------------------------------------------------------------------------


def test_a_box_in_shares_becomes_pixels():
    assert full_size_box([0.25, 0.5, 0.75, 1.0], 800, 600) == (200, 300, 600, 600)


def test_a_box_is_cut_off_at_the_photo():
    assert full_size_box([-0.5, 0.0, 1.5, 0.5], 100, 100) == (0, 0, 100, 50)


@pytest.mark.parametrize(
    "shares", [None, "abcd", {}, [0, 0, 1], [0.5, 0, 0.5, 1], [0.9, 0, 0.1, 1], [float("nan"), 0, 1, 1], [0, 0, 1, "x"]]
)
def test_what_is_no_box_is_refused(shares):
    with pytest.raises(ValueError):
        full_size_box(shares, 800, 600)


def test_the_sliders_square_keeps_its_size_at_the_rim():
    # Half of the shorter side is 300 px; centred on the right edge it moves in to 500…800.
    assert square_in_pixels(100, 50, 50, 800, 600) == [500, 150, 800, 450]
    assert square_in_pixels(50, 50, 50, 800, 600) == [250, 150, 550, 450]


def square_in_pixels(x, y, size, width, height):
    shares = check.square_around(x, y, size, width, height)
    return [round(share * side) for share, side in zip(shares, (width, height) * 2, strict=True)]


def test_the_scored_square_of_a_part_is_told_in_pixels_of_the_whole_photo(assessor, examples):
    file = examples / "tone-1.jpg"  # 800 × 600
    shown = check.score_photo(assessor, file, region=(100, 200, 400, 400))
    # The part is 300 × 200; its central square is 200 wide, 50 from its left edge.
    assert check.square_in_whole(shown) == (150, 200, 350, 400)


def test_a_part_is_decoded_in_full(assessor, tmp_path):
    big = tmp_path / "big.jpg"
    Image.new("RGB", (4000, 3000), (190, 140, 120)).save(big)
    shown = check.score_photo(assessor, big, region=(1000, 1000, 1400, 1400))
    assert shown.whole.rgb.shape[:2] == (750, 1000)
    assert shown.scored.rgb.shape[:2] == (400, 400)


def test_a_far_mole_is_scored_in_a_square_that_holds_it(examples):
    facts = next(f for f in check.example_facts() if f["file"] == "far-away.jpg")
    shown = check.score_photo(Assessor.load(), examples / "far-away.jpg")
    assert "lesion_too_small" in shown.assessment.problems
    left, top, right, bottom = check.square_in_whole(shown)
    assert right - left == pytest.approx(bottom - top, abs=1)
    outline = np.array(facts["outline"])
    assert (outline > (left, top)).all() and (outline < (right, bottom)).all()
    assert right - left < 0.5 * facts["width"]


def test_the_overlay_has_the_photos_size_and_changes_with_strength(assessor, examples):
    shown = check.score_photo(assessor, examples / "tone-2-hairs.jpg")
    before, faint = check.before_and_after(assessor, shown, "grad_cam", 0.2)
    _, strong = check.before_and_after(assessor, shown, "grad_cam", 0.9)
    assert before.shape == faint.shape == strong.shape == shown.whole.rgb.shape
    difference = [np.abs(after.astype(int) - before).mean() for after in (faint, strong)]
    assert 0 < difference[0] < difference[1]


def test_the_embedded_checkpoint_takes_every_example_for_skin(examples):
    if not (EMBEDDED / "config.json").is_file():
        pytest.skip(f"needs the embedded checkpoint in {EMBEDDED}")
    embedded = Assessor.load()
    for facts in check.example_facts():
        shown = check.score_photo(embedded, examples / facts["file"])
        assert shown.assessment.refused is None, facts["file"]


def test_only_the_flawed_examples_have_problems(assessor, examples):
    found = {
        f["file"]: check.score_photo(assessor, examples / f["file"]).assessment.problems for f in check.example_facts()
    }
    flawed = {file: problems for file, problems in found.items() if problems}
    assert flawed == {"far-away.jpg": ("lesion_too_small",), "blurred.jpg": ("too_blurred",)}


# --- privacy --------------------------------------------------------------------------------------------------------


def test_pictures_on_the_page_carry_no_metadata(tmp_path):
    file = tmp_path / "photo.jpg"
    exif = Image.Exif()
    exif[0x010F], exif[0x9003] = "Camera maker", "2020:01:02 03:04:05"
    Image.new("RGB", (300, 200), (190, 140, 120)).save(file, exif=exif)
    source = staged(open_photo(file).rgb, (300, 200), None, None)["src"]
    shown = base64.b64decode(source.partition(",")[2])
    assert b"Camera maker" in file.read_bytes() and b"Camera maker" not in shown
    assert not dict(Image.open(io.BytesIO(shown)).getexif())


def test_a_shown_picture_is_shrunk_to_its_longest_side():
    uri = data_uri(np.zeros((300, 1200, 3), np.uint8), 400)
    assert Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))).size == (400, 100)


def test_files_live_at_most_ten_minutes(assessor):
    sweep, age = blocks.build(assessor).delete_cache
    assert sweep + age <= 600


def test_nothing_is_recorded_and_nobody_watches(client):
    config = client.config
    assert config["run_history"] is False
    assert not config.get("analytics_enabled")
    assert httpx.get(client.src + "gradio_api/monitoring", timeout=10).status_code in (403, 404)
    assert httpx.get(client.src + "monitoring", timeout=10).status_code in (403, 404)
    assert httpx.get(client.src + "gradio_api/runs", timeout=10).status_code in (403, 404)


def test_a_file_over_20_megabytes_is_not_taken(client):
    files = {"files": ("big.jpg", b"\xff\xd8" + bytes(20 * 1024 * 1024), "image/jpeg")}
    assert httpx.post(client.src + "gradio_api/upload", files=files, timeout=60).status_code == 413


# --- /assess ----------------------------------------------------------------------------------------------------------


def assess(client, file: Path, **settings):
    from gradio_client import handle_file

    return client.predict(photo=handle_file(file), api_name="/assess", **settings)


def test_assess_and_about_are_the_only_public_endpoints(client):
    assert list(client.view_api(return_format="dict", print_info=False)["named_endpoints"]) == ["/assess", "/about"]


def test_assess_returns_the_object_of_the_command_line(client, assessor, examples):
    file = examples / "tone-3-dermatoscope.jpg"
    answer, _, _ = assess(client, file)
    expected = assessor.assess(open_photo(file)).to_json("tone-3-dermatoscope.jpg")
    assert answer == json.loads(json.dumps(expected))


def test_assess_returns_overlay_and_crop_as_pictures(client, assessor, examples):
    file = examples / "tone-1.jpg"
    answer, overlay, crop = assess(client, file, method="integrated_gradients", strength=0.8)
    assert Image.open(overlay).size == (800, 600)
    left, top, right, bottom = answer["crop"]
    side = min(right - left, bottom - top)
    assert Image.open(crop).size == (side, side)


def test_assess_says_why_a_cut_file_is_refused(client, examples, tmp_path):
    cut = tmp_path / "cut.jpg"
    cut.write_bytes((examples / "tone-1.jpg").read_bytes()[:20_000])
    answer, overlay, crop = assess(client, cut)
    assert answer["refused"] == "damaged_file" and answer["message"] == sentence("refused.damaged_file")
    assert answer["risk"] is None and overlay is None and crop is None


def test_assess_takes_age_sex_and_site_and_says_which_word_it_does_not_know(client, examples):
    answer, *_ = assess(client, examples / "tone-1.jpg", age=54, sex="female", site="back")
    assert answer["refused"] is None
    with pytest.raises(Exception, match="'moon' is no body site"):
        assess(client, examples / "tone-1.jpg", site="moon")


def test_assess_reads_a_phones_heic(client, examples, tmp_path):
    import pillow_heif

    heic = tmp_path / "phone.heic"
    pillow_heif.from_pillow(Image.open(examples / "tone-5-uneven.jpg")).save(heic, quality=80)
    answer, overlay, _ = assess(client, heic)
    assert answer["refused"] is None and answer["crop"] == [0, 0, 800, 600]
    assert Image.open(overlay).size == (800, 600)


def test_a_photo_that_is_not_skin_keeps_its_number_in_the_object_and_gets_no_pictures(examples, tmp_path):
    from gradio_client import Client

    from tests.interface.served import serve

    with serve(random_assessor(RefusingGate())) as address:
        client = Client(address, verbose=False, download_files=tmp_path, analytics_enabled=False)
        answer, overlay, crop = assess(client, examples / "tone-1.jpg")
    assert answer["refused"] == "not_skin" and 0 < answer["risk"] < 1
    assert overlay is None and crop is None

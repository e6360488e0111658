"""The corpus of bad files on the page: each ends in an answer or in a refusal with a sentence, never otherwise."""

from __future__ import annotations

import pytest

from skin_model.wording import Words
from tests.hostile.corpus import ANY, PHOTO, Case, cases, complete
from tests.on_device.conftest import encoded

pytestmark = pytest.mark.browser

EVERY = [case for case in cases() if not case.name.startswith("heif/grid")]
SAMPLE = [case for case in EVERY if not case.slow][5::7]
MILLISECONDS = 2_000
"""For a small file, on an idle machine."""
ASSESS = """async (folder, file) => {
    const bytes = Uint8Array.from(atob(file), (c) => c.charCodeAt(0));
    const { assessFile } = await import(folder + "app.js");
    const began = performance.now();
    try {
        const { refused, risk, problems } = await assessFile(new File([bytes], "photo"));
        return { refused, risk, took: performance.now() - began };
    } catch (problem) {
        return { error: `${problem.name}: ${problem.message}`, took: performance.now() - began };
    }
}"""
JUDGED_UNREAD = {"empty_file", "unsupported_format", "file_too_large", "too_many_pixels", "too_small_photo"}
"""By header and size alone, so that Python and the page must agree. What a browser's decoder makes of damage is its own
affair: it shows more of a broken picture than Python does."""


def wrongs(scripts, chosen: list[Case], milliseconds: float = float("inf")) -> list[str]:
    """What is wrong with the page's answers, one sentence each."""
    found = []
    for case in chosen:
        answer = scripts(ASSESS, encoded(case.build()))
        if "error" in answer:
            found.append(f"{case.name}: {answer['error']}")
            continue
        what = PHOTO if answer["refused"] in (None, "not_skin", "unfamiliar") else answer["refused"]
        if what == PHOTO and not 0 <= answer["risk"] <= 1:
            found.append(f"{case.name}: the risk {answer['risk']}")
        if what != PHOTO and not Words()(f"refused.{what}"):
            found.append(f"{case.name}: {what} without a sentence")
        if what not in ANY | {"file_too_large", "heic_unreadable"}:
            found.append(f"{case.name}: {what}")
        if len(case.outcomes) == 1 and case.outcomes <= JUDGED_UNREAD and what != "heic_unreadable":
            (expected,) = case.outcomes
            if what != expected and not case.name.startswith("bombs/webp-lossless-over"):
                found.append(f"{case.name}: {what}, in Python {expected}")
        if answer["took"] > milliseconds:
            found.append(f"{case.name}: {answer['took']:.0f} ms")
    return found


def test_the_page_knows_a_jpeg_that_lost_its_end_mark_from_one_that_lost_pixels(scripts):
    cut = [case for case in EVERY if case.name.startswith("truncated/jpeg-without-its")]
    answers = {case.name: scripts(ASSESS, encoded(case.build())) for case in cut}
    whole = scripts(ASSESS, encoded(complete()["jpeg"]))
    without_mark, without_pixels = (
        answers[f"truncated/jpeg-without-its-{lost}"] for lost in ("end-mark", "last-pixels")
    )
    assert without_mark["refused"] == whole["refused"] and without_mark["risk"] == whole["risk"]
    assert without_pixels["refused"] == "damaged_file"


def test_a_sample_of_bad_files_ends_in_an_answer_or_a_refusal(scripts):
    assert len(SAMPLE) >= 30
    assert wrongs(scripts, SAMPLE) == []


@pytest.mark.slow
@pytest.mark.parametrize("slow", [False, True], ids=["small", "large"])
def test_every_bad_file_ends_in_an_answer_or_a_refusal(scripts, slow):
    chosen = [case for case in EVERY if case.slow == slow]
    assert wrongs(scripts, chosen, float("inf") if slow else MILLISECONDS) == []

"""Age, sex and place on the page: Python's number, and words beside the picture's answer that take nothing back."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from skin_model.network.context import Context, ContextModel

pytestmark = pytest.mark.browser

MODEL = ContextModel((20.0, 40.0, 60.0), (-1.0, 0.0, 0.5), {"female": -0.1, "male": 0.1}, {"head_neck": 0.3})
LIMITS = {"low": 0.1, "high": 0.3, "malignant_from": 1.0, "benign_to": 0.0}
RISK = """async (folder, [model, risk, told]) => {
    const { withContext } = await import(folder + "path/context.js");
    return withContext(model, risk, told);
}"""
TELLS = """async (folder, [model, thresholds, found, age]) => {
    const { aboutSpot } = await import(folder + "about_spot.js");
    const { loadWords } = await import(folder + "words.js");
    const node = aboutSpot(await loadWords("en", new URL(folder)), found, { context: model, thresholds });
    const field = node.querySelector("input");
    field.value = age;
    field.dispatchEvent(new Event("input"));
    return node.querySelector("[aria-live]").textContent;
}"""


@pytest.mark.parametrize("age", [None, 10, 20, 33, 60, 95])
@pytest.mark.parametrize(("sex", "place"), [("", ""), ("male", "head_neck"), ("female", "palms_soles")])
def test_the_risk_with_context_is_pythons(scripts, age, sex, place):
    context = Context(age, sex or None, place or None)
    expected = None if context.is_empty else pytest.approx(MODEL.risk(0.2, context), abs=1e-12)
    assert scripts(RISK, [asdict(MODEL), 0.2, {"age": age, "sex": sex, "site": place}]) == expected


@pytest.mark.parametrize(
    ("risk", "band", "age", "says"),
    [
        (0.08, "low", "60", "With what you told us: 13%With this, it reads: Raised risk."),
        (0.2, "raised", "10", "With what you told us: 8.4%The number"),
        (0.2, "raised", "200", "Please type an age between 0 and 120."),
    ],
)
def test_the_page_says_a_more_serious_answer_and_takes_none_back(scripts, risk, band, age, says):
    assert scripts(TELLS, [asdict(MODEL), LIMITS, {"risk": risk, "band": band}, age]).startswith(says)


def test_nothing_told_says_nothing(scripts):
    assert scripts(TELLS, [asdict(MODEL), LIMITS, {"risk": 0.2, "band": "raised"}, ""]) == ""

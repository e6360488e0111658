"""The evidence tab: frequencies worked out by hand, and figures whose rows are the numbers of metrics.json."""

import json

import pytest

from interface.components import figures
from interface.components.figure_conclusions import conclusion
from interface.tabs import evidence
from skin_model.network.checkpoint import EMBEDDED, Checkpoint
from skin_model.wording import Words, languages

METRICS = json.loads((EMBEDDED / "metrics.json").read_text(encoding="utf-8"))


def test_a_thousand_people_are_shared_out_by_hand():
    # 2 % of 1,000 are 20; 90 % of them are 18. Of the 980 others 30 % are 294.
    assert evidence.natural_frequencies(0.9, 0.7, 0.02) == {
        "people": 1000,
        "with_cancer": 20,
        "found": 18,
        "missed": 2,
        "false_alarms": 294,
        "left_alone": 686,
        "warned": 312,
    }


@pytest.mark.parametrize("prevalence", [0.001, 0.013, 0.1, 0.5])
def test_nobody_is_lost_or_counted_twice(prevalence):
    found = evidence.natural_frequencies(0.947, 0.633, prevalence)
    assert found["found"] + found["missed"] + found["false_alarms"] + found["left_alone"] == found["people"]
    assert found["found"] + found["false_alarms"] == found["warned"]


def test_of_rare_cancers_so_many_people_are_counted_that_one_can_be_missed():
    # 0.1 % of 10,000 are 10, of whom 68 % are 7; of 1,000 it would be 1 of 1.
    found = evidence.natural_frequencies(0.68, 0.9, 0.001)
    assert (found["people"], found["with_cancer"], found["found"], found["missed"]) == (10_000, 10, 7, 3)


def test_the_bar_tells_its_parts_apart_by_words_too():
    point = {"sensitivity": {"value": 0.9}, "specificity": {"value": 0.7}}
    html = evidence.people(Words(), point, 0.02)
    for text in ("Cancers found: 18", "Cancers missed: 2", "False alarms: 294", "Rightly not warned: 686"):
        assert text in html


def test_every_figure_of_the_embedded_network_can_be_drawn():
    names = figures.available(METRICS)
    assert set(names) == {"sources", "subgroups", "decision", "coverage", "altered", "shortcuts", "pointing"}
    for name in names:
        drawn = figures.draw(name, METRICS, Words())
        assert drawn.rows
        assert drawn.picture.data


def test_a_figures_rows_are_the_numbers_of_the_metrics():
    row = next(r for r in figures.draw("sources", METRICS, Words()).rows if r["name"].startswith("ham10000"))
    measured = METRICS["sets"]["ham10000:dermoscopic"]
    assert (row["value"], row["n"]) == (measured["auc"]["value"], measured["n"])


def flips(**shares):
    return [{"name": name, "value": value} for name, value in shares.items()]


def test_a_missed_limit_is_said_with_how_many_alterations_miss_it():
    rows = flips(dark_circle=0.076, ruler=0.034, ink=0.02, blur=0.2)
    text, met = conclusion("altered", rows, Words())
    assert met is False
    assert "does not meet its own limit of 3.0%: 2 of 3" in text and "at most 7.6%" in text


def test_a_limit_that_is_just_reached_is_met_and_binds_no_other_alteration():
    text, met = conclusion("altered", flips(dark_circle=0.03, ruler=0.01, ink=0.01, blur=0.2), Words())
    assert met is True
    assert "at most 3.0%" in text


def test_the_line_of_a_figure_with_a_missed_limit_is_marked():
    html = evidence.figure_line(Words(), "altered", flips(ink=0.05))
    assert 'data-met="false"' in html and "Own limit missed" in html


def test_the_strongest_shortcut_is_one_that_never_looks_at_the_lesion():
    rows = [{"name": "file_size", "value": 0.68}, {"name": "only_lesion", "value": 0.84}, {"name": "x", "value": 0.4}]
    shown, _ = conclusion("shortcuts", rows, Words())
    assert shown.startswith(f"The strongest of these guesses is {Words().value('shortcuts', 'file_size')} (AUC 0.68")


def test_the_decision_curve_says_where_acting_beats_everybody_and_nobody():
    # At 0 everybody is as good, at 0.2 nobody is better: 2 of 4 thresholds are left.
    points = [(0.0, 0.15, 0.15), (0.05, 0.14, 0.1), (0.1, 0.1, 0.02), (0.2, -0.01, -0.2)]
    rows = [{"threshold": at, "net_benefit": net, "refer_all": all_} for at, net, all_ in points]
    assert conclusion("decision", rows, Words())[0].startswith("At 2 of 4 thresholds, between 5.0% and 10.0%,")


def test_a_source_with_too_few_cases_is_neither_best_nor_weakest():
    sets = {"ham10000": (0.9, False), "isic_2017": (0.8, False), "isic_acral_other": (1.0, True)}
    rows = [{"name": name, "value": value, "too_few": few} for name, (value, few) in sets.items()]
    assert "(AUC 0.90)" in conclusion("sources", rows, Words())[0]
    assert "1.00" not in conclusion("sources", rows, Words())[0]


@pytest.mark.parametrize("language", languages())
def test_every_figure_says_what_it_shows_in_every_language(language):
    words = Words(language)
    for name in figures.available(METRICS):
        assert conclusion(name, figures.draw(name, METRICS, words).rows, words)[0]


def test_metrics_without_the_full_evaluation_offer_fewer_figures():
    short = {name: METRICS[name] for name in ("sets", "subgroups")}
    assert figures.available(short) == ["sources", "subgroups"]


def counted(n, refused):
    share = {"value": refused / n, "low": refused / n / 2, "high": 2 * refused / n} if n else None
    return {"n": n, "n_refused": refused, "n_not_skin": 0, "n_unfamiliar": refused, "share": share}


def refused_metrics():
    """3 of 10 photographs refused, and 1 of 4 cancers; no cancer is of the skin type that nobody recorded."""
    return {
        "refused": {
            "all": counted(10, 3),
            "by_source": {"<clinic>": counted(10, 3)},
            "by_modality": {"smartphone": counted(10, 3)},
            "by_skin_tone": {"5": counted(8, 3), "unknown": counted(2, 0)},
        },
        "refused_malignant": {
            "all": counted(4, 1),
            "by_source": {"<clinic>": counted(4, 1)},
            "by_modality": {"smartphone": counted(4, 1)},
            "by_skin_tone": {"5": counted(4, 1), "unknown": counted(0, 0)},
        },
    }


def test_the_refusals_are_shown_with_their_share_and_interval():
    html = evidence.refusals(Words(), figures.refusals(refused_metrics()))
    # 3 of 10 are 30 %, 1 of 4 are 25 %.
    cells = "<td>3 of 10<br>30.0% (15.0% to 60.0%)</td><td>1 of 4<br>25.0% (12.5% to 50.0%)</td>"
    assert f"<th scope='row'>All</th>{cells}" in html


def test_refusals_of_none_and_of_no_photographs_have_no_share():
    html = evidence.refusals(Words(), figures.refusals(refused_metrics()))
    assert "<th scope='row'>not known</th><td>0 of 2</td><td>–</td>" in html


def test_the_name_of_a_source_is_escaped_in_the_table_of_refusals():
    html = evidence.refusals(Words(), figures.refusals(refused_metrics()))
    assert "&lt;clinic&gt;" in html and "<clinic>" not in html


def test_the_rows_of_the_refusals_are_the_numbers_of_the_metrics():
    row = figures.refusals(refused_metrics())[0]
    assert (row["photographs_n"], row["photographs_n_unfamiliar"], row["photographs_share"]) == (10, 3, 0.3)
    assert (row["cancers_n"], row["cancers_n_refused"], row["cancers_high"]) == (4, 1, 0.5)


def test_metrics_without_refusals_by_kind_give_no_rows():
    short = {name: METRICS[name] for name in ("sets", "subgroups")}
    assert figures.refusals(short) == []


def test_metrics_of_other_weights_are_not_shown(tmp_path):
    for file in ("config.json", "model.safetensors", "gate.safetensors"):
        (tmp_path / file).write_bytes((EMBEDDED / file).read_bytes())
    other = {**METRICS, "checkpoint": {**METRICS["checkpoint"], "hash": "0" * 12}}
    (tmp_path / "metrics.json").write_text(json.dumps(other))
    assert Checkpoint.load(tmp_path).metrics is None
    assert Checkpoint.load().metrics is not None


def test_the_csv_holds_every_row():
    import base64
    import re

    rows = [{"name": "a", "value": 0.5}, {"name": "b", "value": 0.25, "n": 3}]
    data = re.search(r"base64,([^\"]+)", evidence.csv_link(Words(), rows, "sources"))[1]
    assert base64.b64decode(data).decode().splitlines() == ["name,value,n", "a,0.5,", "b,0.25,3"]


def test_a_source_with_too_few_cases_is_a_hollow_point_and_the_line_says_what_that_means():
    words = Words()
    drawn = figures.draw("sources", METRICS, words)
    hollow = [symbol == "circle-open" for symbol in drawn.picture.data[0].marker.symbol]
    assert hollow == [row["too_few"] for row in drawn.rows]
    assert any(hollow)
    assert words("evidence.few") in evidence.figure_line(words, "sources", drawn.rows)
    assert words("evidence.few") not in evidence.figure_line(
        words, "altered", figures.draw("altered", METRICS, words).rows
    )


@pytest.mark.parametrize("language", languages())
def test_a_figures_numbers_have_the_languages_decimal_sign(language):
    words = Words(language)
    for name in figures.available(METRICS):
        assert figures.draw(name, METRICS, words).picture.layout.separators[0] == words("format.decimal")

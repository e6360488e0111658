"""The tables of README and of docs/figures.md: written between two marks, from metrics.json alone."""

import json

import pytest

from tests.train.full_metrics import full_metrics
from train import UserError
from train.evaluation.saliency_evaluation import RANKED
from train.reports.markdown import fill
from train.reports.report import (
    BEGIN,
    BEGIN_ALL,
    END,
    model_card,
    read_metrics,
    report,
    summary_table,
    tables,
)
from train.reports.sections.doubts import SALIENCY


def figure(value):
    return {"value": value, "low": value - 0.01, "high": value + 0.01}


def example_metrics():
    keys = ("auc", "auc_melanoma", "sensitivity", "specificity", "ece")
    found = {
        "n": 40,
        "n_malignant": 12,
        "n_refused": 5,
        "too_few": True,
        "diagnoses": None,
        **{key: figure(0.5 + i / 10) for i, key in enumerate(keys)},
    }
    return {
        "sets": {"clinic:smartphone": {**found, "auc_melanoma": None}},
        "pooled": found,
        "source_only_auc": figure(0.77),
        "threshold": 0.061,
        "checkpoint": {"hash": "abcdef123456"},
        "data": {"n": 40, "split_sha256": "0123456789abcdef"},
    }


def test_a_row_shows_the_value_its_interval_and_that_there_are_too_few():
    row = next(line for line in tables(example_metrics()).splitlines() if line.startswith("| clinic"))
    assert row.startswith("| clinic:smartphone \\* | 40 | 12 | 0.500 (0.490–0.510) | – |")


def test_the_source_alone_stands_beside_the_pooled_figure():
    text = tables(example_metrics())
    assert "pooled" in text.lower()
    assert "0.770 (0.760–0.780)" in text


def test_the_summary_shows_the_auc_with_its_interval_and_the_share_refused():
    lines = summary_table(example_metrics()).splitlines()
    assert lines[0] == "| source | photographs | malignant | AUC | sensitivity | specificity | refused |"
    assert lines[2] == "| clinic, smartphone \\* | 40 | 12 | 0.500 (0.490–0.510) | 70.0 % | 80.0 % | 5 (12.5 %) |"


def test_the_summary_shows_how_many_malignant_photographs_were_refused_where_they_were_counted():
    metrics = example_metrics()
    found = metrics["sets"]["clinic:smartphone"]
    metrics["sets"] = {"clinic:smartphone": found | {"n_refused_malignant": 3}, "other:dermoscopic": found}
    head, _, counted, uncounted = summary_table(metrics).splitlines()[:4]
    assert head.endswith("| refused | malignant refused |")
    assert counted.endswith("| 5 (12.5 %) | 3 (25.0 %) |")
    assert uncounted.endswith("| 5 (12.5 %) | – |")


def test_the_summary_explains_its_mark_only_where_a_row_has_it():
    metrics = example_metrics()
    assert "\\* Fewer than 30 malignant or 30 benign groups" in summary_table(metrics)
    metrics["sets"]["clinic:smartphone"]["too_few"] = False
    assert "\\*" not in summary_table(metrics)


def test_the_summary_has_a_column_of_refusals_for_each_kind_of_photograph_and_skin_type():
    lines = summary_table(full_metrics()).splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("| refused |"))
    names = ("kind of photograph: dermoscopic", "kind of photograph: smartphone")
    names += tuple(f"Fitzpatrick skin type: {name}" for name in ("2", "5", "unknown"))
    # 9 of 430 are 2.1 %, 3 of 110 are 2.7 %.
    assert lines[start : start + 4] == [
        f"| refused | all | {' | '.join(names)} |",
        "|---|---:|---:|---:|---:|---:|---:|",
        "| photographs | 9 of 430 (2.1 %) | 6 of 400 (1.5 %) | 3 of 30 (10.0 %) | 0 of 26 | 1 of 4 (25.0 %) | "
        "8 of 400 (2.0 %) |",
        "| of a cancer | 3 of 110 (2.7 %) | 2 of 100 (2.0 %) | 1 of 10 (10.0 %) | 0 of 5 | – | 3 of 105 (2.9 %) |",
    ]


@pytest.mark.parametrize("write", [summary_table, tables])
def test_metrics_that_count_no_refusals_by_kind_have_no_such_table(write):
    text = write(example_metrics())
    assert "Fitzpatrick" not in text and "of a cancer" not in text


def test_all_figures_and_the_card_show_the_refusals_with_their_interval_and_reasons():
    # 1 of 50 cancers of clinic_a, none of them taken for no skin; the interval is half to twice the share.
    row = "| source: clinic\\_a | 50 | 1 | 2.0 % (1.0–4.0) | 0 | 1 |"
    assert row in tables(full_metrics())
    assert row in model_card(full_metrics())


def test_a_share_of_none_refused_has_no_interval():
    assert "| Fitzpatrick skin type: 2 | 26 | 0 | 0.0 % | 0 | 0 |" in model_card(full_metrics())


def test_a_figure_that_is_undefined_is_a_dash_in_the_summary():
    metrics = example_metrics()
    metrics["sets"]["clinic:smartphone"] |= {"auc": None, "sensitivity": None, "n_malignant": 0, "n_refused": 0}
    assert "| 40 | 0 | – | – | 80.0 % | 0 |" in summary_table(metrics)


def test_the_summary_says_that_other_cameras_do_worse_and_names_the_checkpoint():
    text = summary_table(example_metrics())
    assert "Photographs from centres and cameras that are not in the data are judged worse" in text
    assert text.endswith("Checkpoint `abcdef123456`, test split `0123456789ab`, 40 photographs.")


def test_the_sources_of_a_real_run_give_a_row_each():
    metrics = full_metrics()
    source_table = summary_table(metrics).partition("\n\n")[0]
    rows = [line for line in source_table.splitlines() if line.startswith("| ")][1:]
    assert [row.split(" | ")[1] for row in rows] == [str(found["n"]) for found in metrics["sets"].values()]


def test_only_what_stands_between_the_marks_changes():
    assert fill(f"before {BEGIN} old {END} after", {BEGIN: "new"}, END, "page") == f"before {BEGIN}\nnew\n{END} after"


def test_each_mark_of_a_page_gets_its_own_text():
    page = f"{BEGIN} old {END} between {BEGIN_ALL} old {END}"
    texts = {BEGIN: "short", BEGIN_ALL: "long"}
    assert fill(page, texts, END, "page") == f"{BEGIN}\nshort\n{END} between {BEGIN_ALL}\nlong\n{END}"


@pytest.mark.parametrize("page", ["no marks", f"{BEGIN} no end", f"{BEGIN} no end {BEGIN_ALL} old {END}"])
def test_a_page_without_its_marks_is_refused(page):
    with pytest.raises(UserError, match="lacks the marks"):
        fill(page, {BEGIN: "short", BEGIN_ALL: "long"}, END, "page")


def test_a_file_that_is_no_metrics_json_is_refused(tmp_path):
    (tmp_path / "metrics.json").write_text("[]")
    with pytest.raises(UserError, match=r"is no metrics\.json"):
        read_metrics(tmp_path / "metrics.json")


def test_a_missing_metrics_json_is_refused_without_the_systems_own_words(tmp_path):
    with pytest.raises(UserError, match=r"^There is no .*metrics\.json\. Make one") as problem:
        read_metrics(tmp_path / "metrics.json")
    assert "Errno" not in str(problem.value)


def test_a_metrics_json_that_lacks_a_part_is_refused_by_name(tmp_path):
    metrics = example_metrics()
    del metrics["pooled"]
    (tmp_path / "metrics.json").write_text(json.dumps(metrics))
    with pytest.raises(UserError, match="it has no pooled"):
        read_metrics(tmp_path / "metrics.json")


def test_a_folder_without_a_split_has_its_tables_too():
    metrics = example_metrics()
    metrics["data"] = {"n": 40, "split": None, "split_sha256": None}
    assert tables(metrics).endswith("Checkpoint `abcdef123456`, a data folder, 40 photographs.")


def test_the_tables_are_written_to_the_folder_and_the_page(tmp_path):
    (tmp_path / "metrics.json").write_text(json.dumps(example_metrics()))
    page = tmp_path / "figures.md"
    page.write_text(f"{BEGIN_ALL}\n{END}")
    text = report(tmp_path / "metrics.json", tmp_path / "out", page)
    assert (tmp_path / "out" / "figures.md").read_text() == text + "\n"
    assert page.read_text() == f"{BEGIN_ALL}\n{text}\n{END}"


def test_readme_gets_the_summary_and_not_the_tables(tmp_path):
    (tmp_path / "metrics.json").write_text(json.dumps(example_metrics()))
    page = tmp_path / "README.md"
    page.write_text(f"{BEGIN}\n{END}")
    report(tmp_path / "metrics.json", None, page)
    assert page.read_text() == f"{BEGIN}\n{summary_table(example_metrics())}\n{END}"


def test_the_page_and_the_card_are_written_beside_the_tables(tmp_path):
    (tmp_path / "metrics.json").write_text(json.dumps(example_metrics()))
    report(tmp_path / "metrics.json", tmp_path / "out", None)
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [
        "figures.md",
        "model_card_figures.md",
        "report.html",
    ]
    assert "0.500 (0.490–0.510)" in (tmp_path / "out" / "report.html").read_text()
    assert "0.500 (0.490–0.510) \\*" not in (tmp_path / "out" / "report.html").read_text()


def test_the_card_has_every_section_and_its_figures():
    card = model_card(full_metrics())
    for title in (
        "each source",
        "seven diagnoses",
        "prevalence",
        "works less well",
        "refuses a photograph",
        "without looking",
        "hairs, ink",
        "risk means",
    ):
        assert title in card, title
    assert (
        "| clinic\\_b:dermoscopic | 200 | 50 | 12 of 50 | 75 of 150 | 76.0 % (74.0–78.0) | 50.0 % (48.0–52.0) |" in card
    )
    assert "| ink | 0.050 (0.030–0.070) | 8.0 % (6.0–11.0) | 0.850 (0.830–0.870) | −0.030 (−0.050 to −0.010) |" in card
    assert (
        "| file size | 0.930 (0.910–0.950) | – | – | 400 | 110 | leak | The size of the file says malignant. |" in card
    )
    assert "- seed of the bootstrap: `7`" in card


def test_every_row_of_the_card_is_as_wide_as_its_head():
    lines = model_card(full_metrics()).splitlines()
    heads = [i for i, line in enumerate(lines) if line.startswith("|---")]
    assert len(heads) > 15
    for i in heads:
        width = lines[i].count("|")
        for line in lines[i - 1 : lines.index("", i)]:
            assert line.replace("\\|", "").count("|") == width, line


def test_the_card_names_what_was_not_measured():
    metrics = full_metrics()
    del metrics["robustness"], metrics["subgroups"]
    assert "Not measured in this run: subgroups, robustness against altered photographs." in model_card(metrics)


def test_a_name_cannot_break_the_cards_tables():
    metrics = full_metrics()
    metrics["sets"]["a|b<script>*:dermoscopic"] = metrics["sets"].pop("clinic_a:dermoscopic")
    assert "| a\\|b&lt;script>\\*:dermoscopic |" in model_card(metrics)


def test_the_card_marks_what_stands_on_too_few():
    row = next(line for line in model_card(full_metrics()).splitlines() if line.startswith("| phones:"))
    assert row.startswith("| phones:smartphone \\* | 30 | 10 | 1 of 10 | 12 of 20 | 90.0 % (88.0–92.0) \\* |")


def test_the_arrows_over_the_overlays_figures_say_what_ranks_them():
    better = {1: "↑", -1: "↓"}
    assert all(SALIENCY[name].endswith(better[sign]) for name, sign in RANKED.items())
    # A map that looks at no weights does not change when they are drawn anew: 0 is the worst.
    assert SALIENCY["randomisation"].endswith("↑")


@pytest.mark.parametrize(
    "broken", [{"pooled": {}}, {"checkpoint": {}}, {"sets": None}, {"sets": {"a": {}}}, {"data": {}}]
)
def test_metrics_that_are_not_whole_are_one_sentence(tmp_path, broken):
    file = tmp_path / "metrics.json"
    file.write_text(json.dumps({**full_metrics(), **broken}))
    with pytest.raises(UserError, match=r"is not whole .* Make it again"):
        report(file, tmp_path / "out", None)
    assert not (tmp_path / "out").exists()


def test_a_readme_that_is_a_picture_is_one_sentence(tmp_path):
    (tmp_path / "metrics.json").write_text(json.dumps(full_metrics()))
    (tmp_path / "page.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(UserError, match="no text in UTF-8"):
        report(tmp_path / "metrics.json", None, tmp_path / "page.jpg")


def test_the_weak_spots_stand_beside_the_table():
    metrics = full_metrics()
    metrics["shortcuts"]["lesion_blanked"] = {"auc": figure(0.81)}
    text = tables(metrics)
    assert "With the lesion painted over, HAM10000 still gives an AUC of 0.810 (0.800–0.820)" in text
    assert "in clinic_a the share is 0.920 (" in text


@pytest.mark.parametrize(("verdict", "told"), [("leak", True), ("watch", False)])
def test_what_the_audit_calls_a_leak_is_told_beside_the_table(verdict, told):
    metrics = full_metrics()
    metrics["shortcuts"]["sharpness"] = {"auc": figure(0.72), "verdict": verdict, "says": "Sharpness alone tells."}
    assert ("Sharpness alone tells." in tables(metrics)) == told

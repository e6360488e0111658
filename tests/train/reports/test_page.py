"""The report page: every figure from metrics.json, nothing from the network, nothing invented."""

import re
from html.parser import HTMLParser

import pytest

from tests.train.full_metrics import figure, full_metrics
from train.reports.page import page
from train.reports.sections import sections
from train.reports.sections.parts import decimal, share
from train.reports.summary import summary

SPARSE = ("operating", "decision_curves", "subgroups", "abstention", "robustness", "saliency", "shortcuts")


class Read(HTMLParser):
    """Tags with their attributes, the text of the body, and the texts of the elements of one kind."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.words, self.open = [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.open.append(tag)

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())

    def of(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def without(metrics, *keys):
    return {key: value for key, value in metrics.items() if key not in keys}


def small():
    """Metrics of which the page draws two pictures only, so that it is quick."""
    metrics = without(full_metrics(), *SPARSE)
    metrics["families"] = {}
    return metrics


@pytest.fixture(scope="module")
def whole():
    return page(full_metrics())


def test_a_changed_value_changes_on_the_page():
    metrics = small()
    assert "0.713" not in page(metrics)
    metrics["sets"]["clinic_b:dermoscopic"]["auc"] = figure(0.713, 0.654, 0.781)
    assert "0.713 (0.654–0.781)" in Read(page(metrics)).text


def test_every_optional_key_reaches_the_page():
    """A value that occurs nowhere else is put into each of them."""
    metrics = without(full_metrics(), "decision_curves")  # pictures take time
    metrics["families"] = {"first": metrics["families"]["first"]}
    del metrics["abstention"]["risk_coverage"]
    metrics["operating"]["all"]["low"]["prevalences"][2]["flagged_per_cancer"] = figure(31.7, 28.6, 35.9)
    metrics["subgroups"]["sex"]["female"] = {**metrics["subgroups"]["sex"]["female"], "auc": figure(0.8137)}
    metrics["abstention"]["conformal"]["clinic_a"]["malignant"]["coverage"] = figure(0.9236)
    metrics["robustness"]["alterations"]["ink"]["auc_change"] = figure(-0.0317, -0.0519, -0.0111)
    metrics["saliency"]["methods"]["occlusion"]["insertion"] = figure(0.6421)
    metrics["shortcuts"]["border"]["auc"] = figure(0.5379)
    metrics["families"]["first"]["ece_raw"] = figure(0.0838)
    text = Read(page(metrics)).text
    for shown in ("31.7 (28.6–35.9)", "0.814", "92.4 %", "−0.032 (−0.052 to −0.011)", "0.642", "0.538", "0.084"):
        assert shown in text, shown


def test_a_changed_curve_changes_its_picture():
    metrics = full_metrics()

    def roc():
        found = next(section for section in sections(metrics) if section.key == "families")
        return found.pictures[0].draw()

    before = roc()
    assert roc() == before
    metrics["families"]["first"]["curves"]["roc"]["sensitivity"][1] = 0.55
    assert roc() != before


def test_the_page_needs_no_other_file(whole):
    read = Read(whole)
    assert {tag for tag, _ in read.tags} & {"script", "link", "iframe", "object", "embed", "base", "form"} == set()
    places = [
        attributes[name] for _, attributes in read.tags for name in ("src", "href", "srcset") if name in attributes
    ]
    assert places
    assert all(place.startswith(("#", "data:")) for place in places)
    assert "@import" not in whole
    assert all(place.startswith("#") for place in re.findall(r"url\(([^)]*)\)", whole))
    assert "default-src 'none'" in whole


def test_html_in_the_name_of_a_source_is_shown_not_run():
    metrics = small()
    name = '<img src="x" onerror="alert(1)">:dermoscopic'
    metrics["sets"] = {name: metrics["sets"]["clinic_a:dermoscopic"]}
    metrics["warnings"] = ["<b>bold</b>"]
    read = Read(page(metrics))
    assert read.of("img") == []
    assert read.of("b") == []
    assert '<img src="x" onerror="alert(1)">:' in read.text


def test_a_dollar_in_the_name_of_a_source_is_no_formula():
    metrics = small()
    metrics["sets"] = {"$\\frac{clinic$:x": metrics["sets"]["clinic_a:dermoscopic"]}
    assert "$\\frac{clinic$" in Read(page(metrics)).text


def test_nothing_is_missing_from_a_full_run(whole):
    assert "Not measured in this run" not in whole


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("operating", "operating points at prevalences"),
        ("decision_curves", "decision curves"),
        ("subgroups", "subgroups"),
        ("refused", "how often photographs are refused"),
        ("robustness", "robustness against altered photographs"),
        ("saliency", "how well the overlay points at the lesion"),
        ("shortcuts", "the shortcut audit"),
        ("families", "ROC and precision-recall curves per centre family"),
    ],
)
def test_an_absent_key_is_named_and_has_no_section(key, name):
    metrics = full_metrics()
    found = {section.key: section for section in sections(without(metrics, key))}
    assert found[key].empty
    assert name in found[key].missing
    assert not {section.key: section for section in sections(metrics)}[key].empty


def test_all_that_was_not_measured_stands_in_one_line():
    html = page(small())
    line = re.search(r'<p class="missing">(.*?)</p>', html)[1]
    assert line.startswith("<strong>Not measured in this run:</strong>")
    for name in ("operating points", "decision curves", "subgroups", "risk-coverage", "conformal coverage", "shortcut"):
        assert name in line
    assert 'id="operating"' not in html


def test_a_missing_attribute_is_named_beside_the_others():
    metrics = full_metrics()
    del metrics["subgroups"]["fitzpatrick"]
    found = next(section for section in sections(metrics) if section.key == "subgroups")
    assert found.missing == ("subgroups by Fitzpatrick skin type",)
    assert len(found.tables) == 7


def test_the_summary_follows_from_the_figures():
    """By hand: 50 + 50 + 10 malignant; at 2 %, (0.9 · 0.02 + 0.4 · 0.98) / (0.9 · 0.02) = 22.8 flagged for each."""
    tested, flagged, by_source, worth, untested = summary(full_metrics())
    assert tested == "It was scored on 430 photographs of the test split, 110 of them of a cancer, from 3 sources."
    assert flagged.startswith(
        "Of 100 cancers it flags about 90 (88 to 92) and misses about 10; of 100 benign lesions it"
    )
    assert "flags about 40 for nothing" in flagged
    assert "misses about 24 (22 to 26) on clinic_b (dermoscopic), the worst of 2 sources" in by_source
    assert "about 4 on clinic_a (dermoscopic), the best" in by_source
    assert worth.startswith("Where 2 of 100 lesions are cancers, about 23 people (20 to 25)")
    assert "1 of 3 sources (phones)" in untested
    assert "phones alone has any" in untested
    assert "types 5 and 6: 4 photographs, 1 of a cancer" in untested


def test_the_summary_moves_with_the_figures():
    metrics = full_metrics()
    metrics["operating"]["all"]["low"] |= {"sensitivity": figure(0.81, 0.74, 0.87), "specificity": figure(0.73)}
    metrics["sets"]["clinic_b:dermoscopic"]["too_few"] = True
    _, flagged, by_source, _, untested = summary(metrics)
    assert "flags about 81 (74 to 87) and misses about 19; of 100 benign lesions it flags about 27" in flagged
    assert "about 4 (2 to 6) on clinic_a (dermoscopic), the only source with enough to judge" in by_source
    assert "2 of 3 sources (clinic_b and phones)" in untested


def test_without_operating_points_the_summary_takes_the_mean_of_the_families():
    """By hand: (0.96 + 0.76 + 0.9) / 3 = 0.873 and (0.62 + 0.5 + 0.4) / 3 = 0.507."""
    _, flagged, _, worth, _ = summary(without(full_metrics(), "operating"))
    assert "flags about 87 and misses about 13; of 100 benign lesions it flags about 49" in flagged
    assert "mean of 3 families of centres" in flagged
    assert worth == "How many people it flags for each cancer found was not measured in this run."


def test_the_summary_never_says_none_where_there_are_some():
    metrics = full_metrics()
    metrics["operating"]["all"]["low"]["sensitivity"] = figure(0.998, 0.99, 1.0)
    assert "flags about 99 or more (99 to 100) and misses about 1 or fewer;" in summary(metrics)[1]


def test_error_before_calibrating_is_worked_out_from_its_bins():
    """By hand: 150 photographs at risk 0.1 of which 0.3 are malignant, 50 at 0.5 of which 0.3 are: 0.2 apart each."""
    found = next(section for section in sections(full_metrics()) if section.key == "calibration")
    assert found.tables[0].rows[0][1].text == "0.200"


def test_of_a_thousand_lesions_the_four_kinds_add_up():
    """By hand, at 10 %: 100 cancers of which 90 are flagged, 900 benign of which 40 % are flagged."""
    found = next(section for section in sections(full_metrics()) if section.key == "operating")
    assert [cell.text for cell in found.tables[0].rows[2]] == ["10 %", "90", "10", "360", "540"]


def test_a_figure_on_too_few_is_marked():
    found = next(section for section in sections(full_metrics()) if section.key == "sources")
    judged, phones = found.tables[1].rows[0], found.tables[1].rows[2]
    assert [cell.few for cell in judged[:2]] == [False, False]
    assert [cell.few for cell in phones[:2]] == [True, True]
    assert "fewer than 30 malignant" in found.tables[1].footnote


def test_how_often_it_decides_how_a_photo_lies_stands_beside_the_alterations():
    orientation = {
        "n": 500,
        "orientations": 8,
        "changed": figure(0.02, 0.01, 0.03),
        "largest_difference": 0.0123,
        "by_source": {
            "ham10000": {"n": 400, "changed": figure(0.01, 0.0, 0.02)},
            "pad_ufes_20": {"n": 100, "changed": figure(0.06, 0.02, 0.1)},
        },
    }
    found = next(
        section for section in sections(full_metrics() | {"orientation": orientation}) if section.key == "robustness"
    )
    assert found.says[-1] == (
        "Turned and mirrored in all 8 ways, 2.0 % (1.0–3.0) of 500 photographs do not keep their band, most often in "
        "pad_ufes_20: 6.0 % (2.0–10.0). Half of the risks differ by less than 0.012."
    )


def test_the_star_is_explained_only_where_there_is_one():
    found = next(section for section in sections(full_metrics()) if section.key == "robustness")
    assert found.tables[0].footnote == ""


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (figure(0.954, 0.918, 0.985), "95.4 % (91.8–98.5)"),
        (figure(0.9998, 0.9995, 0.9999), "99.98 % (99.95–99.99)"),
        (figure(0.0004, 0.0002, 0.0006), "0.04 % (0.02–0.06)"),
        (figure(0.0022, 0.002, 0.0024), "0.22 % (0.20–0.24)"),
        (figure(1.0, 1.0, 1.0), "100.0 % (100.0–100.0)"),
        (None, "–"),
        (0.25, "25.0 %"),
    ],
)
def test_a_share_never_rounds_to_none_or_all(value, shown):
    assert share(value).text == shown


def test_a_change_has_a_sign():
    assert decimal(figure(0.004, -0.002, 0.011), signed=True).text == "+0.004 (−0.002 to +0.011)"


def test_every_section_says_where_it_comes_from(whole):
    parts = re.findall(r'<section id="([a-z_]+)".*?</section>', whole, flags=re.DOTALL)
    assert len(parts) == 15
    for key in set(parts) - {"reading", "reproduce"}:
        text = re.search(rf'<section id="{key}".*?</section>', whole, flags=re.DOTALL)[0]
        origin = re.search(r'<p class="origin">(.*?)</p>', text)[1]
        for part in ("abcdef123456", "0123456789ab", "seed 7", "python -m train evaluate"):
            assert part in origin, key


def test_a_section_with_its_own_seed_and_command_shows_those():
    metrics = without(full_metrics(), *(key for key in SPARSE if key != "robustness")) | {"families": {}}
    metrics["robustness"] |= {"seed": 11, "command": "python -m train robustness --photographs 400"}
    text = re.search(r'<section id="robustness".*?</section>', page(metrics), flags=re.DOTALL)[0]
    assert "seed 11" in text
    assert "python -m train robustness --photographs 400" in text


def test_tables_have_captions_and_headings_and_pictures_have_words(whole):
    read = Read(whole)
    assert len(read.of("table")) == len(read.of("caption")) > 20
    assert all(attributes["scope"] in ("row", "col") for attributes in read.of("th"))
    pictures = [attributes for attributes in read.of("div") if attributes.get("role") == "img"]
    assert len(pictures) == len(read.of("svg")) > 10
    assert all(len(attributes["aria-label"]) > 20 for attributes in pictures)


def test_headings_skip_no_level_and_ids_are_unique(whole):
    read = Read(whole)
    levels = [int(tag[1]) for tag, _ in read.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert set(levels[1:]) == {2}
    ids = [attributes["id"] for _, attributes in read.tags if "id" in attributes]
    assert len(ids) == len(set(ids)) > 100
    assert {attributes["href"][1:] for attributes in read.of("a")} <= set(ids)


def test_pictures_take_their_colours_from_the_page(whole):
    """Else they would be black on black in the dark."""
    drawn = "".join(re.findall(r"<svg.*?</svg>", whole, flags=re.DOTALL))
    assert "currentColor" in drawn
    assert "var(--series-1)" in drawn
    assert not re.findall(r"(?:fill|stroke): ?#[0-9a-f]+", drawn)


def test_warnings_stand_above_the_summary():
    metrics = small() | {"warnings": ["The checkpoint was trained on the train split."]}
    html = page(metrics)
    assert html.index("trained on the train split") < html.index('class="summary"')


def test_the_same_figures_give_the_same_page():
    assert page(small()) == page(small())


def test_a_shortcut_shows_its_auc_over_all_and_within_sources():
    found = next(section for section in sections(full_metrics()) if section.key == "shortcuts")
    border = dict(zip(found.tables[0].head, found.tables[0].rows[1], strict=True))
    assert border["over all sources"].text == "0.610 (0.590–0.630)"
    assert border["within a source"].text == "0.520 (0.500–0.540)"


def shortcuts_of(metrics):
    return next(section for section in sections(metrics) if section.key == "shortcuts")


def test_the_shortcut_section_says_which_rows_leak_how_it_was_measured_and_what_crosses():
    found = shortcuts_of(full_metrics())
    assert [row[0].text for row in found.tables[0].rows] == ["source", "border", "file size"]
    assert "1 of 3 rows leak: file size." in found.says[0]
    assert found.says[1] == (
        "In more than one of train, validation and test: groups 0, lesions not checked, patients 2, near-duplicates 1."
    )
    assert found.tables[0].footnote == "Fitted on train, scored on test."


def test_a_shortcut_that_was_not_measured_is_named():
    metrics = full_metrics()
    metrics["shortcuts"]["not_measured"] = {"only_lesion": "No lesion has an outline."}
    assert shortcuts_of(metrics).missing == ("the shortcut only lesion",)


def test_a_folder_without_a_split_says_nothing_of_crossing():
    metrics = full_metrics()
    metrics["shortcuts"]["crossing"] = None
    assert len(shortcuts_of(metrics).says) == 1

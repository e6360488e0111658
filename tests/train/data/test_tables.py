"""Tables of every dialect give the same rows, or a sentence that names the file."""

from __future__ import annotations

import codecs

import pytest

from train.data import tables
from train.data.labels import CatalogueError

ROWS = [["name", "note", "size"], ["Rücken-1", "a, b", "1.5"], ["Bauch-2", "", "12"]]


def written(folder, separator=",", encoding="utf-8", before="", end="\n", decimal=".", name="metadata.csv"):
    cells = [[cell.replace(".", decimal) for cell in row] for row in ROWS]
    lines = [separator.join(f'"{cell}"' if separator in cell else cell for cell in row) for row in cells]
    file = folder / name
    file.write_bytes((before + end.join(lines) + end).encode(encoding))
    return file


@pytest.mark.parametrize(
    "dialect",
    [
        {},
        {"separator": ";"},
        {"separator": ";", "decimal": ","},
        {"separator": ";", "before": "sep=;\n"},
        {"separator": ";", "before": "sep=;\r\n", "end": "\r\n", "encoding": "cp1252"},
        {"before": '"sep=,"\n'},
        {"separator": "\t", "name": "metadata.tab"},
        {"separator": "\t", "encoding": "utf-16", "name": "metadata.txt"},
        {"separator": "\t", "encoding": "utf-16-le"},
        {"separator": ";", "encoding": "utf-16-be"},
        {"separator": "|", "name": "metadata"},
        {"encoding": "utf-8-sig"},
        {"encoding": "utf-32"},
        {"end": "\r"},
    ],
    ids=str,
)
def test_a_table_of_any_dialect_has_the_same_cells(tmp_path, dialect):
    file = written(tmp_path, **dialect)
    table = tables.read_text_table(file)
    assert [list(table.columns), *table.to_numpy().tolist()] == ROWS
    assert tables.header(file) == ROWS[0]


def test_a_line_break_within_quotes_belongs_to_its_cell(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text('name;"a note\nin two lines"\nx;"one\ntwo"\n')
    assert tables.read_text_table(file).to_numpy().tolist() == [["x", "one\ntwo"]]
    assert tables.header(file) == ["name", "a note\nin two lines"]


def test_a_comma_in_a_word_stays_a_comma(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("name;label\n1,5;Nevus, Atypical\nx;2\n")
    assert tables.read_text_table(file).to_numpy().tolist() == [["1,5", "Nevus, Atypical"], ["x", "2"]]


def test_a_separator_at_the_end_of_every_row_is_passed_over(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("name,label\na,1,\nb,0,\n")
    assert tables.read_text_table(file).to_dict("list") == {"name": ["a", "b"], "label": ["1", "0"]}


def test_rows_longer_than_the_header_are_refused(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("name,label\na,1,2\nb,0,3\n")
    with pytest.raises(CatalogueError, match=r"a\.csv is not a readable table.*more cells"):
        tables.read_text_table(file)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_json_lines_are_a_table_in_any_encoding(tmp_path, encoding):
    file = tmp_path / "metadata.jsonl"
    text = '{"file_name": "ü.png", "label": true, "age": null}\r\n\r\n{"file_name": "b.png", "label": 0}\r\n'
    file.write_bytes(text.encode(encoding))
    assert tables.read_text_table(file).to_dict("list") == {
        "file_name": ["ü.png", "b.png"],
        "label": ["True", "0"],
        "age": ["", ""],
    }
    assert tables.header(file) == ["file_name", "label", "age"]


@pytest.mark.parametrize(
    "content", [b"", codecs.BOM_UTF8, b"\x89PNG\r\n\x1a\n\0\0\0", b"a,b\n\x81,\x8d\n", b"PK\3\4\x14\0\6\0\x08\0"]
)
def test_what_is_no_table_is_refused_with_its_name(tmp_path, content):
    file = tmp_path / "metadata.csv"
    file.write_bytes(content)
    with pytest.raises(CatalogueError, match=r"metadata\.csv is not a readable table") as refusal:
        tables.read_text_table(file)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "above", ["\n\n", "# exported on Monday\n", "#\n# by a, b and c\n\n", "  \n", "#! v1\nsep=,\n"], ids=repr
)
def test_blank_lines_and_comments_above_the_first_row_are_no_row(tmp_path, above):
    file = written(tmp_path, before=above)
    assert tables.read_text_table(file).to_numpy().tolist() == ROWS[1:]
    assert tables.header(file) == ROWS[0]


def test_a_column_may_begin_with_a_number_sign(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("#id,label\n1,nevus\n")
    assert tables.header(file) == ["#id", "label"]


def test_a_cell_may_be_longer_than_csv_takes_by_itself(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text(f"name,label,note\na,nevus,{'x' * 140_000}\nb,melanoma,\n")
    assert tables.read_text_table(file)["label"].tolist() == ["nevus", "melanoma"]


@pytest.mark.parametrize(
    "above",
    ["Export of Monday\n", "Export\nof Monday\n\n", "#Export\n", "Clinic export 2024,,\n", "Export of Monday,,\n,,\n"],
    ids=repr,
)
def test_a_title_above_the_first_row_is_no_row(tmp_path, above):
    file = written(tmp_path, before=above)
    assert tables.read_text_table(file).to_numpy().tolist() == ROWS[1:]
    assert tables.header(file) == ROWS[0]


@pytest.mark.parametrize(
    "rows",
    [
        "a.jpg,Nevus, Atypical,\nb.jpg,melanoma,50",
        "a.jpg,melanoma,50\nb.jpg,Nevus, Atypical,",
        "a.jpg,Nevus, Atypical,50,",
    ],
)
def test_rows_whose_cells_have_shifted_are_refused(tmp_path, rows):
    file = tmp_path / "a.csv"
    file.write_text(f"name,label,age\n{rows}\n")
    with pytest.raises(CatalogueError, match=r"a\.csv .* The row that begins with .\.jpg has more cells .* a comma"):
        tables.read_text_table(file)


def test_a_space_before_a_quotation_mark_changes_nothing(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text('name, label\na.jpg, "Nevus, Atypical"\n')
    assert tables.read_text_table(file).to_dict("list") == {"name": ["a.jpg"], "label": ["Nevus, Atypical"]}


@pytest.mark.parametrize("end", ['x"', ""])
def test_a_quotation_mark_that_swallows_rows_is_refused_with_where_it_opens(tmp_path, end):
    file = tmp_path / "a.csv"
    file.write_text(f'name,label,note\na,nevus,"5 mm\nb,melanoma,x\nc,melanoma,x\nd,melanoma,{end}\n')
    with pytest.raises(CatalogueError, match=r"quotation mark that opens in the row that begins with a "):
        tables.read_text_table(file)


@pytest.mark.parametrize(
    ("content", "cause"),
    [(b"a,b\n1,\0\n", "NUL bytes"), (b"PK\3\4xx", "Excel workbook"), (b"a,b\n\x81,\x8d\n", "no text in UTF-8")],
)
def test_what_is_no_text_is_refused_with_the_cause(tmp_path, content, cause):
    file = tmp_path / "a.csv"
    file.write_bytes(content)
    with pytest.raises(CatalogueError, match=cause):
        tables.read_text_table(file)


def test_the_end_of_a_text_of_dos_is_no_row(tmp_path):
    file = tmp_path / "a.csv"
    file.write_bytes(b"name,label\r\na,1\r\n\x1a")
    assert tables.read_text_table(file).to_numpy().tolist() == [["a", "1"]]


@pytest.mark.parametrize(
    "text", ['{"a": ["x", "y"], "b": [1, 0]}', '{"a": {"0": "x", "1": "y"}, "b": {"0": 1, "1": 0}}']
)
def test_json_by_columns_is_a_table(tmp_path, text):
    file = tmp_path / "a.json"
    file.write_text(text)
    assert tables.read_text_table(file).to_numpy().tolist() == [["x", "1"], ["y", "0"]]
    assert tables.header(file) == ["a", "b"]


def by_column(folder, text):
    file = folder / "a.csv"
    file.write_text(text)
    return tables.by_column(file, tables.read_text_table(file))


def test_a_column_that_stands_twice_counts_once(tmp_path):
    assert by_column(tmp_path, "Image ID,dx,dx\na,nv,nv\n").to_dict("list") == {"image_id": ["a"], "dx": ["nv"]}


@pytest.mark.parametrize("names", ["dx,dx", "dx,DX", "imageId,image_id"])
def test_two_columns_of_one_name_that_differ_are_refused_by_name(tmp_path, names):
    with pytest.raises(CatalogueError, match=rf"two columns called {names.partition(',')[0]} whose cells differ"):
        by_column(tmp_path, f"{names}\nnv,mel\n")

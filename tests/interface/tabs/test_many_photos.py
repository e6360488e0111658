"""The batch tab: what counts as a photo, what is refused whole, and what one bad file does not spoil."""

import csv
import io
import zipfile

import pytest

from interface.components import batch_files
from interface.components.batch_list import ListedPhoto
from interface.tabs import many_photos
from skin_model.assess import Assessment
from skin_model.wording import Words
from tests.interface.served import random_assessor

WORDS = Words()


@pytest.fixture(scope="module")
def assessor():
    return random_assessor()


def zipped(folder, entries):
    file = folder / "photos.zip"
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return file


def refused(files, most=10):
    with pytest.raises(batch_files.BatchRefused) as problem:
        batch_files.batch(files, most)
    return problem.value.code


def test_photos_inside_a_zip_are_found_without_hidden_ones(tmp_path):
    file = zipped(tmp_path, {"a/1.jpg": b"x", "__MACOSX/a/._1.jpg": b"x", ".DS_Store": b"x", "2.png": b"x"})
    assert [name for name, _ in batch_files.batch([file], 10).photos] == ["a/1.jpg", "2.png"]


def test_an_entry_that_points_out_of_the_zip_is_a_photo_like_others(tmp_path):
    ((name, _),) = batch_files.batch([zipped(tmp_path, {"../../x.jpg": b"x"})], 10).photos
    assert name == "../../x.jpg"


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_photos_of_one_name_are_both_looked_at(tmp_path, assessor, examples):
    file = tmp_path / "photos.zip"
    with zipfile.ZipFile(file, "w") as archive:
        for name in ("tone-1.jpg", "tone-4-uneven.jpg"):
            archive.write(examples / name, "mole.jpg")
    photos = batch_files.batch([file], 10).photos
    risks = [many_photos.score(assessor, "", place).assessment.risk for _, place in photos]
    assert risks == [
        many_photos.score(assessor, "", examples / name).assessment.risk for name in ("tone-1.jpg", "tone-4-uneven.jpg")
    ]


def test_a_document_that_is_a_zip_inside_is_one_file_and_no_photo(tmp_path, assessor):
    file = zipped(tmp_path, {"word/picture.jpg": b"x"}).rename(tmp_path / "letter.docx")
    ((name, place),) = batch_files.batch([file], 10).photos
    assert (name, many_photos.score(assessor, name, place).assessment.refused) == ("letter.docx", "unsupported_format")


def test_nothing_to_look_at_is_said(tmp_path):
    assert refused([]) == "none"
    assert refused([zipped(tmp_path, {".hidden": b"x"})]) == "none"


def test_more_photos_than_allowed_are_refused_whole(tmp_path):
    assert refused([zipped(tmp_path, {f"{i}.jpg": b"x" for i in range(11)})]) == "too_many"
    assert len(batch_files.batch([zipped(tmp_path, {f"{i}.jpg": b"x" for i in range(10)})], 10).photos) == 10


def test_a_small_zip_of_huge_photos_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(batch_files, "MAX_TOTAL_BYTES", 1000)
    file = tmp_path / "bomb.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("1.jpg", bytes(2000))
    assert file.stat().st_size < 1000
    assert refused([file]) == "too_large"


def test_a_broken_zip_is_named(tmp_path):
    file = zipped(tmp_path, {"1.jpg": b"x" * 500})
    content = bytearray(file.read_bytes())
    content[content.rindex(b"PK\x01\x02")] = 0  # the entry in its list of contents
    file.write_bytes(bytes(content))
    assert refused([file]) == "broken_zip"


def test_a_file_that_is_no_photo_is_a_line_of_the_table(assessor, tmp_path, examples):
    file = zipped(tmp_path, {"good.jpg": (examples / "tone-1.jpg").read_bytes(), "bad.jpg": b"no photo"})
    rows = [
        many_photos.row(many_photos.score(assessor, name, place), WORDS)
        for name, place in batch_files.batch([file], 10).photos
    ]
    assert rows[0][0] == "good.jpg" and rows[0][1] is not None and rows[0][4] == ""
    assert rows[1][:3] == ["bad.jpg", None, ""]
    assert rows[1][4] == WORDS("refused.unsupported_format")


def test_a_photo_gets_the_same_number_as_alone(assessor, tmp_path, examples):
    from skin_model.photo import open_photo

    file = zipped(tmp_path, {"1.jpg": (examples / "tone-1.jpg").read_bytes()})
    inside = many_photos.score(assessor, *batch_files.batch([file], 10).photos[0]).assessment
    assert inside.risk == pytest.approx(assessor.assess(open_photo(examples / "tone-1.jpg")).risk, abs=1e-6)


def test_a_refused_photo_shows_no_number():
    cat = ListedPhoto("cat.jpg", Assessment(risk=0.55, band="cannot_tell", refused="not_skin"))
    line = many_photos.row(cat, WORDS)
    assert line == ["cat.jpg", None, "", "", WORDS("refused.not_skin")]


def test_a_name_that_a_spreadsheet_would_run_is_made_harmless():
    text = many_photos.as_csv([["=HYPERLINK(1).jpg", 3.0, "", "", ""]])
    assert text.startswith("\ufeff")
    assert next(csv.reader(io.StringIO(text.splitlines()[1])))[0] == "'=HYPERLINK(1).jpg"


def test_side_files_in_a_zip_are_no_photos_and_are_counted(tmp_path):
    entries = {"a.jpg": b"\xff\xd8\xff", "photo": b"\xff\xd8\xff", "scan.tif": b"II*\0", "a.jpg.json": b"{}"}
    entries |= {"IMG_1.AAE": b"<plist/>", "IMG_1.MOV": b"\0\0\0\x14ftypqt  ", "Thumbs.db": b"x", "desktop.ini": b"x"}
    chosen = batch_files.batch([zipped(tmp_path, entries)], 3)
    assert ([name for name, _ in chosen.photos], chosen.others) == (["a.jpg", "photo", "scan.tif"], 5)


@pytest.mark.parametrize(
    ("stored", "language", "name"),
    [
        ("Rücken.jpg".encode(), "de", "Rücken.jpg"),  # macOS: UTF-8 without the flag that says so
        (b"R\x81cken.jpg", "de", "Rücken.jpg"),  # Windows in the west, cp850
        (b"znami\xa9.jpg", "pl", "znamię.jpg"),  # Windows in Poland, cp852
        (b"R\xfccken.jpg", "de", "Rücken.jpg"),  # programs that write cp1252
        ("Łódź, znamię.jpg".encode("cp1250"), "pl", "Łódź, znamię.jpg"),
        ("شامة.jpg".encode("cp1256"), "ar", "شامة.jpg"),
    ],
)
def test_names_in_a_zip_without_the_utf_8_flag_are_read(tmp_path, stored, language, name):
    file = zipped(tmp_path, {"x" * len(stored): b"\xff\xd8\xff"})
    file.write_bytes(file.read_bytes().replace(b"x" * len(stored), stored))
    assert [found for found, _ in batch_files.batch([file], 9, language).photos] == [name]


def stored_as(tmp_path, name, **fields):
    """A ZIP of one photo whose name is these bytes."""
    file = zipped(tmp_path, {"x" * len(name): b"\xff\xd8\xff"})
    file.write_bytes(file.read_bytes().replace(b"x" * len(name), name))
    return file


@pytest.mark.parametrize(
    ("name", "encoding"), [("表.jpg", "shift-jis"), ("ほくろ表/.jpg", "shift-jis"), ("誠.jpg", "gbk")]
)
def test_half_a_letter_that_is_a_backslash_hides_no_photo(tmp_path, name, encoding):
    stored = name.replace("/", "").encode(encoding)
    assert len(batch_files.batch([stored_as(tmp_path, stored)], 9).photos) == 1


def test_a_photo_that_is_called_zip_is_a_photo(tmp_path):
    file = tmp_path / "photo.zip"
    file.write_bytes(b"\xff\xd8\xff")
    assert [name for name, _ in batch_files.batch([file], 9).photos] == ["photo.zip"]


@pytest.mark.parametrize("method", [9, 93, 98])
def test_photos_packed_in_an_unknown_way_are_refused_and_not_called_damaged(tmp_path, method):
    file = zipped(tmp_path, {"a.jpg": b"x"})
    data = bytearray(file.read_bytes())
    for mark, place in ((b"PK\3\4", 8), (b"PK\1\2", 10)):
        data[data.index(mark) + place] = method
    file.write_bytes(data)
    assert refused([file]) == "packed_zip"
    data = data.replace(b"a.jpg", b"a.xml")
    file.write_bytes(data)
    assert refused([file]) == "none"


def test_photos_in_a_cameras_own_format_are_told_and_not_counted_among_what_is_no_photo(tmp_path):
    chosen = batch_files.batch([zipped(tmp_path, {"IMG_1.DNG": b"II*\0", "IMG_2.cr3": b"\0\0\0\x18ftypcrx "})], 9)
    assert (len(chosen.photos), chosen.others) == (2, 0)


def test_a_semicolon_in_a_name_begins_no_cell_of_the_table():
    text = many_photos.as_csv([["x;=1+1.jpg", 3.0, "Low", "", ""]])
    (line,) = csv.reader(text.splitlines()[1:], delimiter=";")
    assert line[0].startswith("x;=1+1.jpg")


def test_the_table_is_a_workbook_too_with_numbers_as_numbers_and_no_formulas():
    openpyxl = pytest.importorskip("openpyxl")
    rows = [["=1+1", 3.1, "Low", "blurred", ""], ["x.jpg", None, "", "", "too small"]]
    book = openpyxl.load_workbook(io.BytesIO(many_photos.as_workbook(WORDS, rows)))
    head, *cells = book.active.iter_rows(values_only=True)
    assert head[0] == WORDS("batch.column.file")
    assert cells == [("=1+1", 3.1, "Low", "blurred"), ("x.jpg", None, WORDS("interface.no_result"), "too small")]
    assert book.active["A2"].data_type == "s"


def test_backslashes_in_a_zip_are_slashes(tmp_path):
    file = tmp_path / "powershell.zip"
    with zipfile.ZipFile(file, "w") as archive:
        for name in ("moles\\1.jpg", "__MACOSX\\moles\\._1.jpg", "moles\\.thumbs\\1.jpg", "moles\\"):
            entry = zipfile.ZipInfo("x")
            entry.filename = name
            archive.writestr(entry, b"" if name.endswith("\\") else b"x")
    found = batch_files.batch([file], 10)
    assert ([name for name, _ in found.photos], found.others) == (["moles\\1.jpg"], 0)

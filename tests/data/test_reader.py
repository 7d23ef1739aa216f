"""The table reader that load_csv and the label program share: every case of a file that once went wrong."""

import bz2
import csv
import gzip
import io
import json
import lzma
import sys
import unicodedata
from random import Random

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from helpers.data import load_csv
from helpers.data.own import FEWEST
from helpers.data.reader import DataError, clean_label, entity, missing, open_table
from helpers.label import files
from helpers.label.files import LabelError

RNG = Random(0)


def say() -> str:
    return " ".join(f"word{RNG.randrange(3000)}" for _ in range(9))


@pytest.fixture
def file(tmp_path):
    """Writes a file and gives its path."""

    def write(name: str, content: str | bytes, encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return write


def labeled(kinds, times=9, separator=",") -> str:
    rows = [separator.join((say(), str(kind))) for _ in range(times) for kind in kinds]
    return "\n".join([separator.join(("text", "kind")), *rows, ""])


def classes(path, **options) -> list[str]:
    return load_csv(path, "text", "kind", **options)["train"].features["label"].names


def texts(path, **options) -> list[str]:
    """As the label program reads them."""
    return [text for chunk in files.open_table(path, "text", **options).chunks(2) for text in chunk["text"].to_pylist()]


def total(parts) -> int:
    return sum(len(part) for part in parts.values())


# Quotation marks that are text

SWALLOWED = 'id\ttext\tkind\n1\t"They said it again\ta\n2\tplain words\tb\n3\tand that was all "\ta\n'
SWALLOWED += "".join(f"{n}\t{say()}\t{'ab'[n % 2]}\n" for n in range(4, 44))


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.txt"])
def test_a_text_that_begins_with_a_quotation_mark_swallows_no_lines(file, capsys, name):
    path = file(name, SWALLOWED)
    assert files.open_table(path, "text").rows == 43
    assert texts(path)[:3] == ['"They said it again', "plain words", 'and that was all "']
    assert total(load_csv(path, "text", "kind")) == 43
    assert "43 rows read (tab, UTF-8, quotation marks read as text)" in capsys.readouterr().out


def test_a_quotation_mark_that_never_closes_is_text_where_all_lines_are_complete(file):
    path = file("t.tsv", 'text\tkind\n"open\ta\n' + "".join(f"{say()}\ta\n" for _ in range(5)))
    assert len(texts(path)) == 6 and texts(path)[0] == '"open'
    assert texts(file("u.tsv", 'text\tkind\n"so" they said\ta\n'))[0] == '"so" they said'


def test_two_readings_with_different_rows_are_asked_about_and_chosen(file):
    path = file("t.csv", 'text,kind\n"Hello, you\nfriends",a\nplain,b\n')
    with pytest.raises(DataError, match=r'2 rows .* 3 if .* quoting="minimal" or quoting="none"'):
        load_csv(path, "text", "kind")
    with pytest.raises(LabelError, match='--quoting "none"'):
        texts(path)
    assert texts(path, quoting="minimal") == ["Hello, you\nfriends", "plain"]
    assert texts(path, quoting="none") == ['"Hello', 'friends"', "plain"] or texts(path, quoting="none")[2] == "plain"
    with pytest.raises(DataError, match="'csv' is not known"):
        open_table(path, {"text": "text"}, quoting="csv")


def test_a_swallowed_line_in_a_table_with_short_rows_is_asked_about(file):
    with pytest.raises(DataError, match="two ways"):
        load_csv(file("t.tsv", 'id\ttext\tkind\n1\t"one\ta\n2\ttwo"\ta\n3\n'), "text", "kind")


def test_texts_over_several_lines_are_read_and_counted(file, capsys):
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter="\t")
    writer.writerows([["text", "kind"], *([f'{say()}\n\tso "they"\n{say()}', "ab"[n % 2]] for n in range(40))])
    path = file("t.tsv", stream.getvalue())
    assert total(load_csv(path, "text", "kind")) == 40 == len(texts(path))
    assert "40 of them over several lines" in capsys.readouterr().out


def test_what_r_writes_is_read(file):
    rows = "".join(f'"{n}"\t"they said \\"{n}\\""\t"a"\n' for n in range(1, 4))  # write.table(d, f, sep = "\t")
    path = file("t.txt", '"text"\t"kind"\n' + rows)
    table = files.open_table(path, "text")
    assert table.schema.names == ["", "text", "kind"] and table.rows == 3
    assert texts(path) == [f'they said "{n}"' for n in range(1, 4)]
    with pytest.raises(LabelError, match="Row 2 .* has 3 fields"):  # no row names: a comma in a text
        texts(file("c.csv", "text,kind\nyes,no,a\nyes,yes,a\n"))


# Formats


def test_spaces_around_names_and_empty_cells_at_the_end_do_no_harm(file):
    assert texts(file("s.csv", "id;text ;note\n1;good;x\n")) == ["good"]
    assert texts(file("r.csv", "id;text\n1;good;\n")) == ["good"]
    assert files.open_table(file("r.csv", "id;text\n1;good;\n"), "text").schema.names == ["id", "text"]


@pytest.mark.parametrize("line", ["sep=;", '"sep=;"', "SEP=;"])
def test_excels_line_with_the_separator_is_read(file, line):
    path = file("e.csv", f"{line}\n" + labeled("ab", 20, ";"))
    assert total(load_csv(path, "text", "kind")) == 40 == len(texts(path))
    assert files.open_table(path, "text").opening == b"sep=;\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "cp1252", "latin-1"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_both_programs_read_every_encoding_and_separator(file, encoding, separator):
    content = labeled(["für", "wider"], 20, separator).replace("word", "wört")
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    path = file("t.csv", mark + content, encoding)
    assert total(load_csv(path, "text", "kind")) == 40
    assert texts(path) == [line.split(separator)[0] for line in content.splitlines()[1:]]


RECORDS = [{"text": say(), "kind": "ab"[n % 2], "id": 10**18 + n} for n in range(40)]


@pytest.mark.parametrize("name", ["d.jsonl", "d.json", "list.json", "d.parquet", "d.dta", "columns.json"])
def test_both_programs_read_json_parquet_and_stata(file, name):
    path, frame = file(name, b""), pd.DataFrame(RECORDS)
    if name == "d.parquet":
        frame.to_parquet(path)
    elif name == "d.dta":
        frame.drop(columns="id").to_stata(path, write_index=False)
    elif name == "columns.json":
        frame.to_json(path)
    else:
        frame.to_json(path, orient="records", lines=name.startswith("d."))
    assert total(load_csv(path, "text", "kind")) == 40
    assert texts(path) == list(frame["text"])
    if name != "d.dta":
        assert files.open_table(path, "text").schema.field("id").type == pa.int64()


def test_json_lines_of_two_rows_are_read_and_a_broken_line_is_named(file):
    path = file("d.jsonl", '{"text": "one", "label": "a"}\n{"text": "two", "label": 2, "more": [1]}\n')
    assert texts(path) == ["one", "two"]
    assert open_table(path, {}).frame()["more"].tolist() == ["", "[1]"]
    with pytest.raises(DataError, match=r"Line 2 of d\.jsonl is not JSON"):
        open_table(file("d.jsonl", '{"text": "one"}\n{"text": \n'), {})
    for content in ("[1, 2]", "5", "true"):
        with pytest.raises(DataError, match="not a list of objects"):
            open_table(file("d.json", content), {})


def test_excel_is_read_where_openpyxl_is_and_otherwise_the_way_to_csv_is_told(file, monkeypatch):
    path = file("t.xlsx", b"")
    pd.DataFrame({"text": [say() for _ in range(40)], "kind": [0, 1] * 20}).to_excel(path, index=False)
    assert classes(path) == ["0", "1"] and len(texts(path)) == 40
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(DataError, match="CSV"):
        open_table(path, {})


def test_typed_labels_and_missing_cells_of_parquet_are_read(file):
    path = file("t.parquet", b"")
    kinds = pa.array([1.0, 0.0, None] * 10)
    pq.write_table(pa.table({"text": [say() for _ in range(30)], "kind": kinds}), path)
    parts = load_csv(path, "text", "kind")
    assert parts["train"].features["label"].names == ["0", "1"] and total(parts) == 20


REFUSED = {
    "r": ("x.rds", gzip.compress(b"X\n" + b"r" * 99), "a file of R.*write.csv.readRDS"),
    "r with bzip2": ("x.rds", bz2.compress(b"A\n" + b"r" * 99), "a file of R"),
    "r with another name": ("x.dat", lzma.compress(b"X\n" + b"r" * 99), "a file of R"),
    "r data": ("x.RData", gzip.compress(b"RDX3\n" + b"r" * 99), "a file of R.*load.*write.csv"),
    "lfs": ("x.csv", "version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "pointer of Git LFS.*git lfs pull"),
    "packed": ("x.csv.gz", gzip.compress(b"text,kind\na,b\n"), "packed file.*Unpack"),
    "json by another name": ("x.csv", '{"text": "one"}\n', "is JSON.*ends in .json"),
    "broken parquet": ("x.parquet", "text\n", "cannot be read as Parquet"),
    "broken stata": ("x.dta", b"<stata_dta>", "cannot be read as Stata.*Export it"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_table_is_told_in_one_sentence_by_both_programs(file, case):
    name, content, message = REFUSED[case]
    path = file(name, content)
    with pytest.raises(DataError, match=message):
        load_csv(path, "text", "kind")
    with pytest.raises(LabelError, match=message):
        texts(path)


def test_a_web_address_is_told_how_to_be_downloaded():
    address = "https://example.org/data/tweets.csv?raw=true"
    for read in (lambda: load_csv(address), lambda: files.open_table(address, "text")):
        with pytest.raises(ValueError, match=r'urlretrieve\("https://example.org/data/tweets.csv\?raw=true", "tweets'):
            read()


# What a CSV output takes over


@pytest.mark.parametrize(
    ("cells", "decimal"),
    [("0,5;x", ","), ("0.5;x", "."), ("1,000;x", "."), ("a, b;x", "."), ("1,5;2.5", "."), ("12,25;7", ",")],
)
def test_decimal_commas_are_found(file, cells, decimal):
    assert files.open_table(file("t.csv", f"text;a;b\ngood;{cells}\n"), "text").decimal == decimal


# Labels


def test_missing_cells_are_the_same_for_both_programs():
    assert all(map(missing, [None, "", " ", "NA", "N/A", "NULL", "#N/A", "None", "nan", " NaN "]))
    assert not any(map(missing, ["0", "no", "none", "NONE", "Na", "-"]))


def test_null_in_every_usual_case_and_cells_of_no_width_are_missing(file, capsys):
    assert all(map(missing, ["#n/a", "Null", "\u200b", " \u200b\ufeff \u2060", "\u200bNA"]))
    assert not any(map(missing, ["none", "👩\u200d👩", "a\u200b"]))
    rows = "".join(f"{cell},a\n{say()},{cell}\n" for cell in ("#n/a", "Null", "\u200b"))
    assert classes(file("t.csv", labeled(["a", "none"]) + rows)) == ["a", "none"]
    said = capsys.readouterr().out
    assert "3 without text, written #n/a, Null (" in said and "3 without label, written #n/a, Null (" in said


@pytest.mark.parametrize("cell", ["NA", "N/A", "NULL", "#N/A", "None", "nan"])
def test_missing_labels_are_left_out_and_said(file, capsys, cell):
    assert classes(file("na.csv", labeled(["0", "1", cell]))) == ["0", "1"]
    assert f"9 without label, written {cell} (rows 4, 7, 10, 13, 16, …)" in capsys.readouterr().out


def test_codes_are_names(file):
    assert classes(file("num.csv", labeled(["NA", "1", "1.0", "0"]))) == ["0", "1"]
    assert classes(file("v.csv", labeled(["1.1", "1.2", "1.10"]))) == ["1.1", "1.10", "1.2"]
    assert classes(file("c.tsv", labeled(["1", "1,000"], separator="\t"))) == ["1", "1,000"]
    assert classes(file("cap.csv", labeled(range(1, 70)))) == [str(n) for n in range(1, 70)]


def test_labels_have_one_spelling(file):
    spelled = ["für", unicodedata.normalize("NFD", "für"), "very bad", "very  bad", "very\u00a0bad", "very\u200b bad"]
    assert classes(file("n.csv", labeled(spelled))) == ["für", "very bad"]
    assert [clean_label(label) for label in ("1.0", "-2,0", "1.00", "01", "1.", "ﬁt")] == [
        "1", "-2", "1.00", "01", "1.", "fit"
    ]  # fmt: skip


def test_ids_and_scores_are_refused_by_their_share_of_distinct_values(file):
    many = "text,kind\n" + "".join(f"{say()},{n % 150 / 10}\n" for n in range(400))
    with pytest.raises(DataError, match="150 values in 400 rows.*a score, an id"):
        classes(file("t.csv", many))


def test_all_rare_classes_are_named_at_once_with_the_choices(file):
    path = file("t.csv", labeled("ab", 40) + f"{say()},c\n{say()},d\n{say()},d\n")
    with pytest.raises(DataError, match=r'"c" 1 \(row 82\), "d" 2 \(rows 83, 84\)\. Label more, merge.*leave .*empty'):
        load_csv(path, "text", "kind")
    assert FEWEST == 7
    path = file("t.csv", labeled("ab", 40) + "".join(f"{say()},{name}\n" for name in "cdefgh"))
    with pytest.raises(DataError, match=r'"c" 1 \(row 82\), .*"f" 1 \(row 85\), "g" 1, "h" 1\. Label more'):
        load_csv(path, "text", "kind")


def test_html_entities_are_pointed_out_once(file, capsys):
    load_csv(file("t.csv", labeled("ab", 20).replace("word1", "this &amp; that &#39; &co; ")), "text", "kind")
    said = capsys.readouterr().out
    assert said.count("HTML codes such as &amp;") == 1 and "html.unescape" in said
    load_csv(file("t.csv", labeled("ab", 20).replace("word1", "AT&T; R&D ")), "text", "kind")
    assert "HTML" not in capsys.readouterr().out


def test_the_first_html_code_that_is_one_is_found():
    assert entity("R&D; &amp; &#39;") == "&amp;" and entity("AT&T; R&D") is None and entity(None) is None


# The same in every format


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".jsonl", ".xlsx", ".dta"])
def test_spaces_around_the_name_of_a_column_do_not_matter_in_any_format(tmp_path, ending):
    rows = [(say(), "ab"[n % 2]) for n in range(40)]
    frame, path = pd.DataFrame(rows, columns=["text ", " kind"]), tmp_path / f"t{ending}"
    if ending == ".csv":
        frame.to_csv(path, index=False)
    elif ending == ".parquet":
        frame.to_parquet(path)
    elif ending == ".jsonl":
        frame.to_json(path, orient="records", lines=True)
    elif ending == ".xlsx":
        pytest.importorskip("openpyxl")
        frame.to_excel(path, index=False)
    else:
        frame.set_axis(["text", "kind"], axis=1).to_stata(path, write_index=False)
    for name in ("text", "text "):
        assert files.open_table(path, name).rows == total(load_csv(path, name, "kind")) == 40


def test_two_columns_that_differ_only_in_spaces_are_refused_unless_one_is_named_exactly(tmp_path):
    path = tmp_path / "t.parquet"
    pd.DataFrame({"text ": ["a"], " text": ["b"]}).to_parquet(path)
    with pytest.raises(LabelError, match=r'"text" in columns \[1, 2\]'):
        files.open_table(path, "text")
    assert files.open_table(path, " text").rows == 1


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "latin-1"])
@pytest.mark.parametrize("name", ["t.jsonl", "t.json"])
def test_json_is_read_in_every_encoding_that_csv_is(file, capsys, name, encoding):
    rows = [{"text": f"Größe {say()}", "kind": "äb"[n % 2]} for n in range(40)]
    written = [json.dumps(row, ensure_ascii=False) for row in rows]
    content = "\n".join(written) if name == "t.jsonl" else f"[{', '.join(written)}]"
    path = file(name, content, encoding)
    assert texts(path) == [row["text"] for row in rows]
    assert classes(path) == ["b", "ä"]
    said = capsys.readouterr().out
    assert ('Windows-1252 by guess, so it reads "Größe"' in said) == (encoding in ("cp1252", "latin-1"))


def test_a_broken_byte_in_json_is_not_taken_for_another_encoding(file):
    lines = [json.dumps({"text": f"Größe {say()}"}, ensure_ascii=False).encode() for _ in range(5)]
    lines[2] = lines[2].replace("ß".encode(), b"\xc3")
    with pytest.raises(LabelError, match="is UTF-8, except for a broken byte in line 3 of the file.*in UTF-8"):
        texts(file("t.jsonl", b"\n".join(lines)))
    half = json.dumps({"text": "Größe"}).encode("utf-16") + b"\x00"
    with pytest.raises(LabelError, match="is UTF-16, except for a broken byte.*in UTF-8"):
        texts(file("t.jsonl", half))

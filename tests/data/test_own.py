"""A learner's own CSV: what is read, and what is refused with a message that says what to do."""

import csv
import io
import json
import tracemalloc
import zipfile

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from helpers.data import load_csv, splits
from helpers.data.own import FEWEST, DataError

COUNCIL = ROOT / "data" / "council_messages.csv"
# Short texts (under 8 words, so that none is another's near-duplicate), alternately civil and uncivil.
ROWS = [[f"{n:03d}", f"Müller, Nr. {n}: “größer”; was | sonst?", "01"[n % 2]] for n in range(40)]
HEADER = ["id", "tweet", "uncivil"]


def as_csv(rows=ROWS, header=HEADER, separator=",") -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=separator)
    writer.writerows([header, *rows] if header else rows)
    return stream.getvalue()


@pytest.fixture
def file(tmp_path):
    """Writes a file and gives its path."""

    def write(content: str | bytes, name="mine.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def pairs(parts) -> set[tuple[str, str]]:
    """Text and name of the label of every row that was kept."""
    found = [(row["text"], part.features["label"].int2str(row["label"])) for part in parts.values() for row in part]
    assert len(set(found)) == len(found)
    return set(found)


def names(parts) -> list[str]:
    return parts["test"].features["label"].names


def expected(content: str, separator=",", text=1, label=2) -> set[tuple[str, str]]:
    """The same by the csv module alone."""
    [_, *rows] = csv.reader(io.StringIO(content, newline=""), delimiter=separator)
    return {(row[text], row[label]) for row in rows}


# What is read


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_separators_and_encodings_are_found(file, capsys, separator, encoding):
    content = as_csv(separator=separator)
    parts = load_csv(file(content.encode(encoding)))
    assert pairs(parts) == expected(content, separator)
    said = capsys.readouterr().out
    assert {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}[separator] in said
    assert ("by guess" in said and '"Müller"' in said) == (encoding == "cp1252")
    assert said.count("\n") == 1


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_kind_of_line_end_is_read(file, end):
    assert pairs(load_csv(file(as_csv().replace("\r\n", end)))) == expected(as_csv())


def test_utf_16_is_read_in_both_byte_orders(file):
    for mark, encoding in (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"):
        assert pairs(load_csv(file(mark + as_csv().encode(encoding)))) == expected(as_csv())


def test_latin_1_is_read_and_said_to_be_guessed(file, capsys):
    content = as_csv([[a, f"Größe {a}", c] for a, b, c in ROWS])
    assert pairs(load_csv(file(content.encode("latin-1")))) == expected(content)
    assert "by guess" in capsys.readouterr().out


def test_bytes_that_windows_1252_leaves_open_are_read_as_latin_1(file, capsys):
    content = as_csv([[a, f"Größe {a} \x81", c] for a, b, c in ROWS])
    assert pairs(load_csv(file(content.encode("latin-1")))) == expected(content)
    assert "Latin-1" in capsys.readouterr().out


@pytest.mark.parametrize(
    "text",
    [
        "first line\nsecond, line;\r\n\r\nfourth", 'he said ""no"" and "yes"', '"', "a\ttab | and a pipe", "NA!",
        "none", "007", "1.50", "👩‍👩‍👧 🇪🇺 👍🏽", "x = {'a': [1]}", "  spaces around  ", "-", "=1+1",
        "\\n \\\"",
        "\u2028 and \x0b and \x85 in a line",
    ],
)  # fmt: skip
def test_a_text_stays_exactly_as_it_was_written(file, text):
    content = as_csv([*ROWS, ["999", text, "1"]])
    found = pairs(load_csv(file(content)))
    assert (text, "1") in found
    assert found == expected(content)


def test_numbers_as_texts_keep_their_leading_zeros(file):
    rows = [[f"{n:05d}", "ab"[n % 2]] for n in range(40)]
    assert pairs(load_csv(file(as_csv(rows, ["tweet", "uncivil"])))) == {(text, label) for text, label in rows}


@pytest.mark.parametrize("length", [131_073, 1_000_000])
def test_a_very_long_text_is_read_whole_and_in_sane_memory(file, length):
    text = " ".join(f"{n:060d}" for n in range(length // 61 + 1))[: length - 1] + "!"
    path = file(as_csv([*ROWS, ["999", text, "1"]]))
    tracemalloc.start()
    parts = load_csv(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (text, "1") in pairs(parts)
    assert peak < 150e6


def test_a_date_is_kept_as_written(file):
    rows = [[*row, f"{n % 28 + 1}.5.2020"] for n, row in enumerate(ROWS)]
    parts = load_csv(file(as_csv(rows, [*HEADER, "sent"])), date="sent")
    given = {row["text"]: row["date"] for part in parts.values() for row in part}
    assert given == {row[1]: row[3] for row in rows}


def test_columns_have_other_names_and_spaces_around_them(file):
    content = as_csv(header=["id", " Message ", "rude "])
    assert pairs(load_csv(file(content), text="Message", label="rude")) == expected(content)


def test_separators_at_the_end_of_rows_and_blank_rows_do_no_harm(file, capsys):
    lines = as_csv().splitlines()
    content = "\n".join([lines[0], *(line + ",," for line in lines[1:20]), "", ",,", *lines[20:], "", ",,,,", ""])
    assert pairs(load_csv(file(content))) == expected(as_csv())
    assert "40 rows read" in capsys.readouterr().out


# Labels


@pytest.mark.parametrize(
    ("written", "classes"),
    [
        (["0", "1"], ["0", "1"]),
        (["2.0", "1.0", "10", "-1"], ["-1", "1", "2", "10"]),
        (["1", "1.0", "0", "0.0"], ["0", "1"]),
        (["1,5", "0,5"], ["0,5", "1,5"]),
        (["True", "False"], ["False", "True"]),
        (["TRUE", "false", "True"], ["False", "True"]),
        (["uncivil ", " civil", "civil\u00a0"], ["civil", "uncivil"]),
        (["zu", "Äpfel", "äh", "NA"], ["zu", "äh", "Äpfel"]),
        (["02", "01"], ["01", "02"]),
        (["100", "20"], ["20", "100"]),
    ],
)
def test_labels_become_classes_in_order(file, written, classes):
    rows = [[row[0], row[1], written[n % len(written)]] for n, row in enumerate(ROWS)]
    assert names(load_csv(file(as_csv(rows)))) == classes


def test_labels_stay_with_their_texts(file):
    rows = [[row[0], row[1], ["10", "9", "2.0"][n % 3]] for n, row in enumerate(ROWS)]
    wanted = {(text, label.removesuffix(".0")) for _, text, label in rows}
    assert pairs(load_csv(file(as_csv(rows)))) == wanted


# What is left out


def test_rows_without_text_or_label_are_left_out_and_named(file, capsys):
    rows = [list(row) for row in ROWS]
    rows[3][1], rows[5][1], rows[8][2], rows[9] = "", " \n\t", " ", ["x", "", ""]
    parts = load_csv(file(as_csv(rows)))
    assert pairs(parts) == {(text, label) for n, (_, text, label) in enumerate(ROWS) if n not in {3, 5, 8, 9}}
    said = capsys.readouterr().out  # the first row of data is row 2
    assert "40 rows read" in said and "3 without text (rows 5, 7, 11), 1 without label (row 10)" in said


def test_rows_are_numbered_as_a_spreadsheet_does_despite_line_breaks_and_blank_rows(file, capsys):
    rows = [["1", "two\nlines", "0"], [], *ROWS, ["9", "", "1"]]
    load_csv(file(as_csv(rows)))
    assert "1 without text (row 44)" in capsys.readouterr().out  # header, text, blank, 40 rows: 43 before it


def test_many_rows_left_out_are_counted_and_only_the_first_named(file, capsys):
    load_csv(file(as_csv([*ROWS, *([["9", "", "1"]] * 1200)])))
    assert "1,200 without text (rows 42, 43, 44, 45, 46, …)" in capsys.readouterr().out


def test_duplicates_are_left_out_as_in_the_workshops_own_data_sets(file, capsys):
    added = [
        ["a", ROWS[4][1].replace("Müller", "MÜLLER") + " https://x.org ", "0"],
        ["b", "Twice!", "0"],
        ["c", "twice!", "1"],
    ]
    rows = [*ROWS, *added]
    found = pairs(load_csv(file(as_csv(rows))))
    frame = splits.without_duplicates(pd.DataFrame(rows, columns=["id", "text", "label"]))
    assert found == set(zip(frame["text"], frame["label"], strict=True)) == expected(as_csv())
    said = capsys.readouterr().out
    assert "1 repeated (row 42)" in said and "2 with different labels for one text (rows 43, 44)" in said


# The split


def run_sets(parts, run):
    for part in parts.values():
        words = [splits.words(text) for text in part["text"]]
        yield {" ".join(each[n : n + run]) for each in words for n in range(len(each) - run + 1)}


@pytest.mark.parametrize(("extra", "run"), [(0, 8), (110, 20)], ids=["short texts", "long texts"])
def test_no_text_and_no_near_duplicate_stands_in_two_splits(file, extra, run):
    rng = np.random.default_rng(0)
    filler = [" ".join(f"w{n}" for n in rng.integers(0, 9000, extra)) for _ in range(200)]
    quotes = [" ".join(f"q{quote}x{n}" for n in range(run)) for quote in range(60)]
    rows = [[n, f"{text} {quotes[n % 60]} end{n}", "ab"[n % 60 % 2]] for n, text in enumerate(filler)]
    parts = load_csv(file(as_csv(rows)))
    texts = [set(part["text"]) for part in parts.values()]
    assert sum(map(len, texts)) == 200 == len(set.union(*texts))
    train, validation, test = run_sets(parts, run)
    assert not (train & validation or train & test or validation & test)


def test_the_split_is_70_15_15_stratified_and_follows_the_seed(file):
    rows = [[n, f"Text {n} by itself", "b" if n % 5 else "a"] for n in range(400)]
    path = file(as_csv(rows))
    first, again, other = (load_csv(path, seed=seed) for seed in (0, 0, 1))
    assert [len(part) for part in first.values()] == [280, 60, 60]
    assert [sum(label == 0 for label in part["label"]) for part in first.values()] == [56, 12, 12]
    assert first["test"]["text"][:] == again["test"]["text"][:]
    assert pairs(first) == pairs(other)
    assert set(first["test"]["text"]) != set(other["test"]["text"])


@pytest.mark.parametrize("others", [7, 8, 23, 400])
def test_the_fewest_texts_that_are_allowed_put_a_class_into_every_part(file, others):
    rows = [[n, f"Text {n} by itself", "a" if n < FEWEST else "bc"[n % 2]] for n in range(FEWEST + 2 * others)]
    path = file(as_csv(rows))
    for seed in range(5):
        assert all(set(part["label"]) == {0, 1, 2} for part in load_csv(path, seed=seed).values())


# What is refused


def with_row(row: int, text: str) -> str:
    """The good file with another line in the place of this row of the spreadsheet."""
    lines = as_csv().splitlines()
    return "\n".join([*lines[: row - 1], text, *lines[row:]]) + "\n"


def workbook(member: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("[Content_Types].xml", "<x/>")
        archive.writestr(member, "x" * 300)
    return stream.getvalue()


def labelled(labels) -> str:
    return as_csv([[n, f"Text {n} by itself", label] for n, label in enumerate(labels)])


TWO_LINES = '000,"two\nlines",1'
REFUSED = {
    "broken byte": (
        as_csv().encode().replace("Müller, Nr. 7".encode(), b"M\xfcller, Nr. 7"), {},
        ["UTF-8", "0xFC", "row 9", 'column 2 ("tweet")', "line 9", "CSV UTF-8"],
    ),
    "broken byte after a line break in a text": (
        with_row(2, TWO_LINES).encode().replace("Müller, Nr. 7".encode(), b"M\xfcller, Nr. 7"), {},
        ["row 9", "line 10"],
    ),
    "broken byte in a file with a mark": (
        b"\xef\xbb\xbf" + as_csv().encode("cp1252"), {}, ["UTF-8", "row 2", 'column 2 ("tweet")'],
    ),
    "utf-16 cut off": (as_csv().encode("utf-16")[:-1], {}, ["UTF-16", "broken", "row 42"]),
    "NUL": (with_row(6, "004,a\0b,1"), {}, ["NUL", "row 6", 'column 2 ("tweet")', "line 6"]),
    "utf-16 without its mark": (as_csv().encode("utf-16-le"), {}, ["NUL", "UTF-16", "row 1"]),
    "too many fields": (with_row(7, "005,one, two, three,1"), {}, ["Row 7", "line 7", "5 fields", "row 3", "quotes"]),
    "too many fields after a line break in a text": (
        with_row(2, TWO_LINES).replace("039,\"", "039,a,b,\""), {}, ["Row 41", "line 42", "5 fields"],
    ),
    "quote that is not doubled": (with_row(8, '006,"He said "no" to me",1'), {}, ["row 8", "line 8", "quote", '""']),
    "quote that never closes": (with_row(41, '039,"He said,1'), {}, ["row 41", "line 41", "quote"]),
    "quote that swallows rows": (with_row(9, '007,"He said no,1'), {}, ["row 9", "line 9", "quote"]),
    "empty": ("", {}, ["empty", "first row"]),
    "empty but for its mark": (b"\xef\xbb\xbf", {}, ["empty"]),
    "empty in utf-16": (b"\xff\xfe", {}, ["empty"]),
    "blank lines": ("\r\n \n", {}, ["empty"]),
    "blank first row": ("\n" + as_csv(), {}, ["first row"]),
    "header only": ("id,tweet,uncivil\n", {}, ["id, tweet, uncivil", "no rows"]),
    "header and blank rows": ("id,tweet,uncivil\n\n,,\n", {}, ["no rows"]),
    "no header": (as_csv(header=None), {}, ['"tweet" not found', "row 1", "000", "Pass text="]),
    "no such column": (as_csv(), {"text": "body"}, ['"body"', "id, tweet, uncivil", 'text="NAME" with one']),
    "nearly such a column": (as_csv(), {"text": "Tweets"}, ['"Tweets"', 'Pass text="tweet"']),
    "nearly such a label": (as_csv(separator=";"), {"label": "Uncivil"}, ["id, tweet, uncivil", 'label="uncivil"']),
    "no such date": (as_csv(), {"date": "sent"}, ['"sent"', "Pass date="]),
    "two columns of a name": (as_csv(header=["tweet"] * 2 + ["uncivil"]), {}, ["Row 1", '"tweet"', "[1, 2]", "Rename"]),
    "no texts": (as_csv([[a, " ", c] for a, _, c in ROWS]), {}, ['"tweet" is filled in 0', '"uncivil" in 40']),
    "no labels": (as_csv([[a, b, ""] for a, b, _ in ROWS]), {}, ['"tweet" is filled in 40', '"uncivil" in 0']),
    "one class": (labelled(["yes"] * 30), {}, ['"uncivil"', '"yes"', "30 rows", "Two classes"]),
    "two spellings": (
        labelled(["Uncivil", *["uncivil "] * 20, *["civil"] * 20]), {},
        ['"uncivil"', '"Uncivil" (1; row 2)', '"uncivil" (20; rows 3, 4, 5, 6, 7, …)', "same way"],
    ),
    "a score": (labelled(n / 7 for n in range(60)), {}, ['"uncivil"', "60 values", "score"]),
    "ids": (as_csv(), {"label": "id"}, ['"id"', "40 values in 40 rows", "uncivil"]),
    "texts as labels": (as_csv(), {"text": "id", "label": "tweet"}, ['"tweet"', "40 values"]),
    "one example": (labelled([*"ab" * 20, "c"]), {}, ['"c" 1 (row 42)', "7 are needed", "merge"]),
    "very few rows": (labelled("abab"), {}, ['"a" 2 (rows 2, 4), "b" 2 (rows 3, 5)', "7 are needed"]),
    "one row": (labelled("a"), {}, ["Two classes"]),
    "one text with every label": (as_csv([[n, "Same.", "ab"[n % 2]] for n in range(9)]), {}, ['"a" 0, "b" 0']),
    "a footer in every text": (
        as_csv([[n, f"{n} sent from a phone of the city council office", "ab"[n % 2]] for n in range(30)]), {},
        ["share no run of 8 words", "7 are needed"],
    ),
    "xlsx": (workbook("xl/workbook.xml"), {}, ["spreadsheet", "CSV UTF-8"]),
    "zip": (workbook("mine.csv"), {}, ["packed", "Unpack"]),
    "gz": (b"\x1f\x8b\x08\x00abc", {}, ["packed", "Unpack"]),
    "xls": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), {}, ["spreadsheet", "CSV UTF-8"]),
    "parquet": (b"PAR1\x15\x04", {}, ["cannot be read", "Parquet", "Export it again"]),
    "pdf": (b"%PDF-1.7\n%\xe2\xe3", {}, ["PDF"]),
    "json": (json.dumps([{"tweet": "a", "uncivil": 1}]), {}, ["JSON", "ends in .json"]),
    "json by lines": ('{"tweet": "a"}\n{"tweet": "b"}\n', {}, ["JSON"]),
    "html": ("\ufeff\n<!DOCTYPE html><html><table>", {}, ["web page", "Download"]),
    "spss": (b"$FL2@(#) IBM SPSS", {}, ["SPSS"]),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_used_is_refused_with_one_message_that_says_where_and_what_to_do(file, case):
    content, options, said = REFUSED[case]
    path = file(content)
    before = path.read_bytes()
    with pytest.raises(DataError) as refusal:
        load_csv(path, **options)
    message = str(refusal.value)
    assert "mine.csv" in message and not [part for part in said if part not in message], message
    assert isinstance(refusal.value, ValueError)
    assert refusal.value.__cause__ is None  # one traceback, not two
    assert refusal.value.__context__ is None or refusal.value.__suppress_context__
    assert len(message) < 400 and message.rstrip().endswith(".")
    assert path.read_bytes() == before


def test_a_file_that_is_not_there_is_answered_with_near_names(file):
    path = file(as_csv(), "tweets_2020.csv")
    with pytest.raises(DataError, match=r"tweet_2020\.csv is not there.*Near it: tweets_2020\.csv"):
        load_csv(path.with_name("tweet_2020.csv"))
    with pytest.raises(DataError, match="is not there"):
        load_csv(path.parent / "no_folder" / "mine.csv")


def test_a_folder_is_answered_with_what_lies_in_it(file):
    path = file(as_csv())
    with pytest.raises(DataError, match=r"is a folder.*mine\.csv"):
        load_csv(str(path.parent))


def test_the_file_is_only_read(file):
    path = file(as_csv())
    path.chmod(0o444)
    before = path.stat(), path.read_bytes()
    load_csv(path)
    assert (path.stat().st_mtime_ns, path.read_bytes()) == (before[0].st_mtime_ns, before[1])
    assert [found.name for found in path.parent.iterdir()] == ["mine.csv"]


# The example file


@pytest.fixture(scope="module")
def council() -> pd.DataFrame:
    with COUNCIL.open(encoding="utf-8", newline="") as stream:
        return pd.DataFrame(csv.DictReader(stream))


def test_the_example_file_goes_through_whole(council, capsys):
    parts = load_csv(COUNCIL, text="message", label="request", date="date")
    assert pairs(parts) == set(zip(council["message"], council["request"], strict=True))
    assert names(parts) == ["no", "yes"] and "left out: none" in capsys.readouterr().out
    assert 140 <= len(council) <= 160 and 0.42 < (council["request"] == "yes").mean() < 0.48


def test_no_two_messages_share_a_run_of_8_words(council):
    seen = [set(runs) for message in council["message"] if (runs := runs_of_8(message))]
    assert sum(map(len, seen)) == len(set.union(*seen))
    assert not council["message"].map(splits.normalize).duplicated().any()


def runs_of_8(message: str) -> list[str]:
    words = splits.words(message)
    return [" ".join(words[n : n + 8]) for n in range(len(words) - 7)]


def test_messages_have_what_makes_csv_hard(council):
    for mark in ["\n", '"', ",", ";", "’", "🙏"]:
        assert council["message"].str.contains(mark.replace("’", "'")).any()
    assert council["id"].str.startswith("0").all() and council["id"].is_unique
    assert pd.to_datetime(council["date"], format="%Y-%m-%d").is_monotonic_increasing


def test_the_best_rule_of_one_word_is_right_for_at_most_two_thirds_of_the_messages(council):
    wanted = (council["request"] == "yes").to_numpy()
    present = CountVectorizer(binary=True).fit_transform(council["message"]).toarray().astype(bool)
    right = [(word == wanted).mean() for word in present.T]
    assert max(max(right), 1 - min(right)) <= 2 / 3


@pytest.mark.parametrize(
    "model",
    [
        make_pipeline(CountVectorizer(), LogisticRegression(max_iter=1000)),
        make_pipeline(TfidfVectorizer(), LinearSVC()),
    ],
    ids=["counts", "tfidf"],
)
def test_a_bag_of_words_is_better_than_guessing_and_far_from_perfect_on_the_messages(council, model):
    folds = [StratifiedKFold(5, shuffle=True, random_state=seed) for seed in range(3)]
    scores = [cross_val_score(model, council["message"], council["request"], cv=fold).mean() for fold in folds]
    assert min(scores) > 0.58 and max(scores) < 0.80

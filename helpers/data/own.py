"""The learner's own CSV file, read as `helpers.data.load` reads the workshop's, or refused with what to do about it."""

import csv
import difflib
import io
import re
from decimal import Decimal
from pathlib import Path

import pandas as pd
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value

from helpers.data import splits

SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
MARKS = {b"\xef\xbb\xbf": "UTF-8-SIG", b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}  # byte order marks
MOST_CLASSES = 20
FEWEST = 7  # so many texts put a class into each part of a stratified 70/15/15 split, whatever the other classes are
AS_CSV = 'Open it in Excel or LibreOffice and save it as "CSV UTF-8".'
NOT_CSV = {  # the first bytes of files that are not CSV, whatever their names say: what they are, and the way to a CSV
    rb"PK\x03\x04(?s:.*)(xl/|opendocument)|\xd0\xcf\x11\xe0": ("a spreadsheet (.xlsx, .xls or .ods)", AS_CSV),
    rb"PK\x03\x04|\x1f\x8b|7z\xbc\xaf": ("a packed file (.zip, .gz)", "Unpack it and give the CSV file inside."),
    rb"PAR1": ("a Parquet file", "Make a CSV of it: pandas.read_parquet(path).to_csv(new_path, index=False)."),
    rb"%PDF": ("a PDF", "It holds pages, not a table: ask for the table that it was made from."),
    rb"\$FL[23]|<stata_dta>": ("an SPSS or Stata file", "Export it there as CSV in UTF-8."),
    rb"(?i:\s*<(!doctype|html|head|body|table|\?xml))": ("a web page", f"Download the file that it shows. {AS_CSV}"),
    rb'\s*(\{\s*["}]|\[\s*[\[{"\d-])': ("JSON", "Make a CSV of it: pandas.read_json(path).to_csv(new_path)."),
}


class DataError(ValueError):
    """Something in the learner's file that a person has to repair or decide: where it is and what to do."""


def load_csv(
    path: str | Path, text: str = "tweet", label: str = "uncivil", seed: int = 0, date: str | None = None
) -> DatasetDict:
    """Load the learner's own CSV file, without duplicates, split 70/15/15 and stratified, as `helpers.data.load` does.

    Prints what was read, left out and guessed. Rows without text or label are left out.

    Parameters
    ----------
    path : str or Path
        A CSV (comma, semicolon, tab or pipe) with the names of its columns in the first row; it is only read. Every
        cell is taken as written: "007" and "NA" stay what they are.
    text, label, date : str
        The names of these columns; date is optional.
    seed : int
        Changes only the split.

    Returns
    -------
    datasets.DatasetDict
        train, validation and test, with the columns text (str), label (ClassLabel; numbers in numeric, words in
        alphabetical order) and date (str). Texts that share 8 consecutive words (20 where the median text has over
        100) are in the same part.

    Raises
    ------
    DataError
        With file, row and column, where a person has to repair or decide something.
    """
    path, wanted = Path(path).expanduser(), {"text": text, "label": label} | ({"date": date} if date else {})
    content, encoding = _decoded(_bytes(path), path.name, list(wanted.values()))
    separator = _separator(content, list(wanted.values()))
    table = _table(content, separator, path.name)
    frame = pd.DataFrame({role: _column(table, name, role, path.name) for role, name in wanted.items()})
    frame["label"] = frame["label"].str.strip()
    no_text, no_label = frame["text"].str.strip() == "", frame["label"] == ""
    left_out = {"without text": frame.index[no_text], "without label": frame.index[no_label & ~no_text]}
    frame = frame[~no_text & ~no_label].rename_axis("row").reset_index()
    if frame.empty:
        filled = f'"{text}" is filled in {(~no_text).sum():,}, "{label}" in {(~no_label).sum():,} of {len(table):,}'
        raise DataError(f"No row of {path.name} has text and label: {filled}. Fill them, or pass other columns.")
    frame["label"], names = _classes(frame, label, table, path.name)
    kept = splits.without_duplicates(frame)
    is_kept = frame["text"].map(splits.normalise).isin(kept["text"].map(splits.normalise))  # the first copy stays
    left_out["repeated"] = frame["row"][is_kept & ~frame["row"].isin(kept["row"])]
    left_out["with different labels for one text"] = frame["row"][~is_kept]
    parts = _parts(kept, names, seed, path.name)

    reasons = ", ".join(f"{len(rows):,} {why} ({_rows(rows)})" for why, rows in left_out.items() if len(rows))
    counts = ", ".join(f"{name} {(kept['label'] == name).sum():,}" for name in names)
    sizes = ", ".join(f"{part} {len(rows):,}" for part, rows in parts.items())
    print(f"{path.name}: {len(table):,} rows read ({SEPARATORS[separator]}, {encoding});", end=" ")
    print(f"left out: {reasons or 'none'}; kept: {len(kept):,} ({counts}); {sizes}.")
    columns = Features({role: ClassLabel(names=names) if role == "label" else Value("string") for role in wanted})
    tables = {part: rows[list(columns)].reset_index(drop=True) for part, rows in parts.items()}
    return DatasetDict({part: Dataset.from_pandas(rows, features=columns) for part, rows in tables.items()})


def _rows(rows: pd.Series | pd.Index) -> str:
    """The first few of some row numbers, for a message."""
    first = ", ".join(map(str, list(rows)[:5]))
    return f"row{'s' if len(rows) > 1 else ''} {first}{', …' if len(rows) > 5 else ''}"


def _bytes(path: Path) -> bytes:
    """What the file holds, if it is there and can be a CSV."""
    if not path.is_file():
        folder = path if path.is_dir() else path.parent
        there = sorted(found.name for found in folder.iterdir()) if folder.is_dir() else []
        near = there if path.is_dir() else difflib.get_close_matches(path.name, there, cutoff=0.5)
        what = "is a folder" if path.is_dir() else f"is not there (looked in {folder.resolve()})"
        raise DataError(f"{path} {what}. Pass the path of a CSV file. Near it: {', '.join(near[:5]) or 'nothing'}.")
    raw = path.read_bytes()
    for pattern, (kind, advice) in NOT_CSV.items():
        if re.match(rb"(\xef\xbb\xbf)?(" + pattern + rb")", raw):
            raise DataError(f"{path.name} is {kind}, not a CSV file. {advice}")
    return raw


def _decoded(raw: bytes, name: str, wanted: list[str]) -> tuple[str, str]:
    """The file's text and its encoding, which is guessed only where the bytes are clearly not UTF-8."""
    mark = next((encoding for mark, encoding in MARKS.items() if raw.startswith(mark)), "")
    encoding = mark or "UTF-8"
    try:
        content = raw.decode(encoding)
    except UnicodeDecodeError as error:
        # Letters of an older encoding hardly ever form a character of UTF-8 by chance.
        whole = len(re.findall(r"[^\x00-\x7f]", raw.decode("UTF-8", "ignore")))
        if mark or whole >= raw.decode("UTF-8", "replace").count("\ufffd"):
            what = f"{name} is {encoding}, but for a broken byte (0x{error.object[error.start]:02X})"
            raise _damage(what, error.object[: error.start].decode(encoding, "ignore"), wanted) from None
        encoding = "Latin-1" if set(raw) & set(b"\x81\x8d\x8f\x90\x9d") else "Windows-1252"  # it leaves these open
        content = raw.decode(encoding)
        example = re.search(r"\w*[^\x00-\x7f]\w*", content)[0]
        encoding += f' by guess, so that it says "{example[:30]}": if that is wrong, save the file as "CSV UTF-8"'
    if "\0" in content:
        what = f"{name} has a NUL (it is damaged, or UTF-16 without its mark)"
        raise _damage(what, content[: content.index("\0")], wanted)
    if not content.split("\n", 1)[0].strip():
        raise DataError(f"{name} is empty, or its first row is. The first row has to name the columns.")
    return content, encoding.removesuffix("-SIG")


def _damage(what: str, before: str, wanted: list[str]) -> DataError:
    """The error for damage after this beginning of a file: row and column of a spreadsheet, line of an editor."""
    rows = list(records := _records(before + "?", _separator(before, wanted)))
    number = len(rows[-1])
    column = f'{number} ("{rows[0][number - 1]}")' if len(rows) > 1 and number <= len(rows[0]) else number
    place = f"in row {len(rows)}, column {column}, line {records.line_num} of the file"
    return DataError(f'{what} {place}. Retype that cell and save the file as "CSV UTF-8", or export it again.')


def _records(content: str, separator: str, strict: bool = False):
    """The csv module's reader, for texts of any length (it stops at 131,072 characters otherwise)."""
    csv.field_size_limit(2**31 - 1)
    return csv.reader(io.StringIO(content, newline=""), delimiter=separator, strict=strict)


def _separator(content: str, wanted: list[str]) -> str:
    """The separator with which the first row names the wanted columns; csv.Sniffer errs where texts have commas."""

    def fit(separator: str) -> tuple[int, int]:
        header = [name.strip() for name in next(_records(content, separator), [])]
        return sum(name in header for name in wanted), len(header)

    return max(SEPARATORS, key=fit)


def _table(content: str, separator: str, name: str) -> pd.DataFrame:
    """All cells as str, without blank rows; the index is the row in a spreadsheet. csv measures, pandas reads."""
    records, width, widest, row, line = _records(content, separator, strict=True), None, 0, 0, 1
    try:
        for row, record in enumerate(records, start=1):
            width, widest = len(record) if width is None else width, max(widest, len(record))
            if any(record[width:]):
                what = f"has {len(record)} fields, but the first row {width}"
                advice = f"A text with a {SEPARATORS[separator]} must be in double quotes, without a space before."
                raise DataError(f"Row {row} of {name} (line {line} of the file) {what}. {advice}")
            line = records.line_num + 1
    except csv.Error:
        advice = 'A quote within a quoted cell is written twice (""), and the cell closes with one: correct it.'
        raise DataError(f"In row {row + 1} of {name} (line {line} of the file) quotes do not match. {advice}") from None
    options = {"header": None, "names": range(widest), "dtype": str, "keep_default_na": False, "na_filter": False}
    table = pd.read_csv(io.StringIO(content, newline=""), sep=separator, skip_blank_lines=False, **options)
    table.index += 1
    table = table.iloc[:, :width].set_axis(table.iloc[0, :width].str.strip(), axis=1)[1:]
    table = table[(table != "").any(axis=1)]
    if table.empty:
        raise DataError(f"{name} has names of columns ({', '.join(table.columns)}), but no rows. Export it again.")
    return table


def _column(table: pd.DataFrame, name: str, role: str, file: str) -> pd.Series:
    """The column of that name. Raises DataError with the nearest name where there is none, or where there are two."""
    places = [place for place, column in enumerate(table.columns, start=1) if column == name]
    if len(places) > 1:
        raise DataError(f'Row 1 of {file} has the name "{name}" in columns {places}. Rename all but one.')
    if not places:
        near = difflib.get_close_matches(name.lower(), table.columns.str.lower(), n=1)
        near = [column for column in table.columns if column.lower() in near]
        advice = f'Pass {role}="{near[0]}".' if near else f"Pass {role}= one of them, or put names above the data."
        columns = ", ".join(column[:30] for column in table.columns)
        raise DataError(f'Column "{name}" not found in {file} (row 1). It has: {columns}. {advice}')
    return table.iloc[:, places[0] - 1]


def _classes(frame: pd.DataFrame, column: str, table: pd.DataFrame, file: str) -> tuple[pd.Series, list[str]]:
    """The labels as names of classes, and these names in order. Raises DataError where they are not classes."""
    labels, folded, what = frame["label"], frame["label"].str.casefold(), f'Column "{column}" of {file}'
    are_numbers = labels.str.fullmatch(r"[+-]?(0|[1-9]\d*)([.,]\d+)?").all()
    if are_numbers:  # 1.0 is 1, as spreadsheets and pandas write whole numbers both ways
        labels = labels.map(lambda number: f"{Decimal(number.replace(',', '.')).normalize() + 0:f}")
    elif set(folded) <= {"true", "false"}:
        labels = folded.str.capitalize()
    names = sorted(set(labels), key=Decimal if are_numbers else lambda name: (name.casefold(), name))
    if len(names) > MOST_CLASSES or 2 < 0.8 * len(frame) < len(names):
        few = [str(name) for name, values in table.items() if 2 <= values.nunique() < len(names)]
        found = f"{len(names):,} values in {len(frame):,} rows (such as {names[0][:40]}). Is it a score, an id, a text?"
        advice = f"Group them to at most {MOST_CLASSES} classes. Columns with fewer values: {', '.join(few) or 'none'}."
        raise DataError(f"{what} has {found} {advice}")
    if len(names) == 1:
        raise DataError(f'{what} says "{names[0]}" in all {len(frame):,} rows with a text. Two classes are needed.')
    for pair in zip(names, names[1:], strict=False):
        if pair[0].casefold() == pair[1].casefold():
            rows = [frame["row"][labels == name] for name in pair]
            spellings = [f'"{name}" ({len(each):,}; {_rows(each)})' for name, each in zip(pair, rows, strict=True)]
            raise DataError(f"{what} spells a label in two ways: {' and '.join(spellings)}. Write them alike.")
    return labels, names


def _parts(frame: pd.DataFrame, names: list[str], seed: int, file: str) -> dict[str, pd.DataFrame]:
    """The split. Raises DataError where a class has too few texts that are not near-duplicates of each other."""
    run = splits.SHARED_RUN_LONG if frame["text"].str.split().str.len().median() > 100 else splits.SHARED_RUN
    label = frame["label"].groupby(splits.same_source(frame["text"], run)).first()
    counts = label.value_counts().reindex(names, fill_value=0)
    if counts.min() < FEWEST:
        rows = frame["row"][frame["label"] == counts.idxmin()]
        few = f'Class "{counts.idxmin()}" of {file} ({_rows(rows)}) has too few texts that share no run of {run} words'
        raise DataError(f"{few}: {counts.min()}, but {FEWEST} are needed. Label more, or join it with another class.")
    return splits.split(frame, run, seed)

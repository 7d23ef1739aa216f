"""One reader for tables of texts: `load_csv` and `python -m helpers.label` read the same files in the same way."""

import bz2
import difflib
import gzip
import html
import importlib.util
import json
import lzma
import re
import unicodedata
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from helpers.data.delimited import BLOCK, NAMES, QUOTING, DataError, Delimited, guessed, is_damaged

MISSING = frozenset(("", "NA", "N/A", "n/a", "#N/A", "#n/a", "<NA>", "NULL", "Null", "null", "None", "nan", "NaN"))
ZERO_WIDTH = re.compile("[\u200b-\u200f\u2060\ufeff]")
ENTITY = re.compile(r"&(?:#\d+|#x[\da-fA-F]+|[A-Za-z][A-Za-z\d]+);")
JSON, EXCEL = (".jsonl", ".ndjson", ".json"), rb"PK\x03\x04(?s:.*)xl/"
READ_AS = {".parquet": ("Parquet", "Export it again."), ".dta": ("Stata", "Export it there as CSV in UTF-8.")}
IN_R = 'In R: write.csv({}, "{}.csv", row.names = FALSE, fileEncoding = "UTF-8"). Then read that file.'
AS_CSV = 'Open it in Excel or LibreOffice and save it as "CSV UTF-8".'
NOT_TABLES = {  # how files begin that are not tables, whatever their names say: what they are, and what to do
    rb"version https://git-lfs": (
        "a pointer of Git LFS, not the data", "Download the file by its page's button, or run `git lfs pull` there."
    ),
    rb"PK\x03\x04(?s:.*)(xl/|opendocument)|\xd0\xcf\x11\xe0": ("a spreadsheet (.xlsx, .xls or .ods)", AS_CSV),
    rb"PK\x03\x04|\x1f\x8b|7z\xbc\xaf|BZh|\xfd7zXZ": ("a packed file (.zip, .gz)", "Unpack it."),
    rb"%PDF": ("a PDF", "It has pages, not a table: ask for the table that it was made from."),
    rb"\$FL[23]": ("an SPSS file", "Export it there as CSV in UTF-8."),
    rb"(?i:\s*<(!doctype|html|head|body|table|\?xml))": ("a web page", f"Download the file that it shows. {AS_CSV}"),
    rb'\s*(\{\s*["}]|\[\s*[\[{"\d-])': ("JSON", "Rename it so that it ends in .json or .jsonl, and read it again."),
}  # fmt: skip


def missing(cell: str | None) -> bool:
    """Whether a cell is empty, or says NA, NULL, None or nan, as R, SQL, Excel and Python write it."""
    return cell is None or visible(cell) in MISSING


def visible(cell: str) -> str:
    """A cell without characters of no width, and without white space around it."""
    return ZERO_WIDTH.sub("", cell).strip()


def entity(text: str | None) -> str | None:
    """The first character that a text writes as HTML does, such as &amp;, or None."""
    return next((found for found in ENTITY.findall(text or "") if html.unescape(found) != found), None)


def column(names: list[str], name: str) -> str:
    """The column that `name` means: of that name or, as `Delimited` reads it, with spaces around it."""
    if name in names:
        return name
    return next((found for found in names if found.strip() == name.strip()), name)


def clean_label(label: str) -> str:
    """A label in one spelling: Unicode's NFKC, single spaces, no invisible characters, and 1 for 1.0.

    Codes are names: "1.10" is not "1.1", and "1,000" is not "1".
    """
    visible = "".join(c for c in unicodedata.normalize("NFKC", label) if unicodedata.category(c) != "Cf")
    name = " ".join(visible.split())
    whole = re.fullmatch(r"([+-]?\d+)[.,]0", name)  # as pandas and spreadsheets write 1
    return whole[1] if whole else name


class Table:
    """A table in a file, checked to its last row and read in chunks.

    Attributes
    ----------
    path : Path
        The file.
    schema : pyarrow.Schema
        Its columns; text for each column of a CSV file, where 007 stays 007.
    rows : int
        How many.
    kind : str
        How it was read, for a message: "comma, UTF-8".
    separator, encoding, decimal : str
        What a CSV output takes over.
    opening : bytes
        What a CSV output begins with: a byte order mark, and Excel's line "sep=;".
    """

    separator, encoding, decimal, opening = ",", "utf-8", ".", b""

    def __init__(self, path: Path, schema: pa.Schema, rows: int, kind: str, read: Callable[[int], Iterator[pa.Table]]):
        self.path, self.schema, self.rows, self.kind, self.chunks = path, schema, rows, kind, read

    def frame(self) -> pd.DataFrame:
        """All cells as str, missing ones empty; the index is the row in a spreadsheet. Names may occur twice."""
        cells = [[] for _ in self.schema]
        for chunk in self.chunks(BLOCK):
            for values, column in zip(cells, chunk.columns, strict=True):
                values += ["" if value is None else str(value) for value in column.to_pylist()]
        frame = pd.DataFrame(dict(enumerate(cells)), index=range(2, self.rows + 2), dtype=object)
        return frame.set_axis(self.schema.names, axis=1)


def open_table(
    path: str | Path, wanted: dict[str, str], quoting: str | None = None, option: str = '{}="{}"'
) -> Table | Delimited:
    """The table in a file: CSV with any usual separator and encoding, JSON, Parquet, Stata, and Excel with openpyxl.

    Parameters
    ----------
    path : str or Path
        The file. What it holds decides how it is read, before its ending does.
    wanted : dict of str to str
        Columns that must be there: {"text": "tweet"}.
    quoting : {"minimal", "none"}, optional
        Whether quotation marks enclose cells or are part of the text; by default the reading in which every row is
        complete.
    option : str
        How messages write a choice: '{}="{}"' in Python, '--{} "{}"' in a shell.

    Returns
    -------
    Table or Delimited
        Both have what Table describes.

    Raises
    ------
    DataError
        Where a person has to repair or decide something: file, row and column.
    """
    if address := re.match(r"(https?):/+(.+)", str(path)):
        address = f"{address[1]}://{address[2]}"
        name = address.split("?")[0].rsplit("/", 1)[-1] or "table.csv"
        raise DataError(
            f"{address} is a web address. Download it first: in Python "
            f'urllib.request.urlretrieve("{address}", "{name}"), then pass "{name}".'
        )
    if quoting not in (None, *QUOTING):
        raise DataError(f'quoting={quoting!r} is not known. Pass "minimal" (marks enclose cells) or "none" (are text).')
    path = Path(path).expanduser()
    _check_kind(path, start := _start(path))
    ending = path.suffix.lower()
    try:
        if start.startswith(b"PAR1") or ending == ".parquet":
            table = _parquet(path)
        elif ending in JSON:
            table = _in_memory(path, *_json(path))
        elif ending == ".dta" or start.startswith(b"<stata_dta>"):
            table = _in_memory(path, _arrow(_stata(path)), "Stata")
        elif re.match(EXCEL, start):
            table = _in_memory(path, _arrow(pd.read_excel(path, dtype=str, na_filter=False)), "Excel, first sheet")
        else:
            table = Delimited(path, [name.strip() for name in wanted.values()], quoting, option)
    except DataError:
        raise
    except (OSError, ValueError, KeyError, pa.ArrowException, zipfile.BadZipFile) as error:
        kind, advice = READ_AS.get(ending, ("a table", "Export it again."))
        if re.match(EXCEL, start):
            kind, advice = "a spreadsheet", AS_CSV
        raise DataError(f"{path.name} cannot be read as {kind}: {str(error)[:150]}. {advice}") from None
    for role, name in wanted.items():
        _check_column(table, name, role, option)
    return table


def _start(path: Path) -> bytes:
    """How the file begins. Raises DataError with near names where there is none."""
    if path.is_file():
        with path.open("rb") as file:
            return file.read(BLOCK)
    folder = path if path.is_dir() else path.parent
    there = sorted(found.name for found in folder.iterdir()) if folder.is_dir() else []
    near = there if path.is_dir() else difflib.get_close_matches(path.name, there, cutoff=0.5)
    what = "is a folder" if path.is_dir() else f"is not there (looked in {folder.resolve()})"
    raise DataError(f"{path} {what}. Pass the path of a file. Near it: {', '.join(near[:5]) or 'nothing'}.")


def _check_kind(path: Path, start: bytes) -> None:
    """Raises DataError for a file of another kind, with the way to a table."""
    ending, unpacked = path.suffix.lower(), start
    for packed, opener in {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}.items():
        if start.startswith(packed):
            try:
                with opener(path) as file:
                    unpacked = file.read(5)
            except (OSError, EOFError, lzma.LZMAError):
                break
    if ending in (".rdata", ".rda") or unpacked.startswith((b"RDX2\n", b"RDX3\n")):
        advice = f'load("{path.name}") names its tables. {IN_R.format("NAME_OF_THE_TABLE", path.stem)}'
        raise DataError(f"{path.name} is a file of R. {advice}")
    if ending == ".rds" or unpacked[:2] in (b"X\n", b"A\n") and unpacked != start:
        table = f'readRDS("{path.name}")'
        raise DataError(f"{path.name} is a file of R. {IN_R.format(table, path.stem)}")
    for pattern, (kind, advice) in NOT_TABLES.items():
        is_read = kind == "JSON" and ending in JSON
        is_read |= importlib.util.find_spec("openpyxl") is not None and re.match(EXCEL, start) is not None
        if not is_read and re.match(rb"(\xef\xbb\xbf)?(" + pattern + rb")", start):
            raise DataError(f"{path.name} is {kind}, not a table in plain text. {advice}")


def _check_column(table: Table, name: str, role: str, option: str) -> None:
    """Raises DataError with the nearest name where there is no column of that name, or where there are two."""
    names, file = table.schema.names, table.path.name
    places = [place for place, column in enumerate(names, start=1) if column == name]
    places = places or [place for place, column in enumerate(names, start=1) if column.strip() == name.strip()]
    if len(places) > 1:
        raise DataError(f'Row 1 of {file} has the name "{name}" in columns {places}. Rename all but one.')
    if not places:
        folded = {column.lower(): column for column in names}
        near = difflib.get_close_matches(name.lower(), folded, n=1)
        advice = f"Pass {option.format(role, folded[near[0]] if near else 'NAME')}"
        advice += "." if near else " with one of them, or put names above the data."
        columns = ", ".join(column[:30] for column in names[:30])
        raise DataError(f'Column "{name}" not found in {file} (row 1). It has: {columns}. {advice}')


def _parquet(path: Path) -> Table:
    def chunks(size: int) -> Iterator[pa.Table]:
        # Not buffered ahead: that would read a whole group of rows, often the whole file, into memory.
        with pq.ParquetFile(path, pre_buffer=False, buffer_size=BLOCK) as file:
            for batch in file.iter_batches(batch_size=size):
                yield pa.Table.from_batches([batch])

    with pq.ParquetFile(path) as file:
        return Table(path, file.schema_arrow, file.metadata.num_rows, "Parquet", chunks)


def _in_memory(path: Path, table: pa.Table, kind: str) -> Table:
    def chunks(size: int) -> Iterator[pa.Table]:
        for start in range(0, len(table), size):
            yield table.slice(start, size).combine_chunks()

    if not len(table):
        raise DataError(f"{path.name} has no rows. Export it again.")
    return Table(path, table.schema, len(table), kind, chunks)


def _json(path: Path) -> tuple[pa.Table, str]:
    """A list of objects, one object a line, or what pandas calls columns; and how it was read."""
    content, kind = _decoded(path)
    try:
        found = json.loads(content)
    except json.JSONDecodeError:
        found = []
        for number, line in enumerate(content.split("\n"), start=1):
            try:
                found += [json.loads(line)] if line.strip() else []
            except json.JSONDecodeError as error:
                raise DataError(f"Line {number} of {path.name} is not JSON: {error}. Export it again.") from None
    if isinstance(found, dict):
        of_columns = found and all(isinstance(values, dict | list) for values in found.values())
        found = pd.DataFrame(found).to_dict("records") if of_columns else [found]
    if not isinstance(found, list) or not found or not all(isinstance(row, dict) for row in found):
        raise DataError(f"{path.name} is not a list of objects, such as {{'text': '...'}}. Export it again as records.")
    names = dict.fromkeys(name for row in found for name in row)
    return pa.table({name: _array([row.get(name) for row in found]) for name in names}), kind


def _decoded(path: Path) -> tuple[str, str]:
    """The content of a JSON file, and how it was read. Raises DataError for UTF-8 or UTF-16 with damage."""
    raw = path.read_bytes()
    encoding = json.detect_encoding(raw)  # UTF-8 if there is neither a byte order mark nor a NUL
    name = "-".join(encoding.upper().split("-")[:2])
    try:
        return raw.decode(encoding), "JSON" if name == "UTF-8" else f"JSON, {name}"
    except UnicodeDecodeError as error:
        if encoding != "utf-8" or is_damaged(raw):
            what = f"{name}, except for a broken byte in line {raw[: error.start].count(10) + 1} of the file"
            raise DataError(f"{path.name} is {what}. Export it again, in UTF-8.") from None
    encoding, example = guessed(raw)
    guess = f'by guess, so it reads "{example}": if that is wrong, export it again in UTF-8'
    return raw.decode(encoding), f"JSON, {NAMES[encoding]} {guess}"


def _array(values: list) -> pa.Array:
    """Values of one type as they are; of several types as text."""
    try:
        return pa.array(values, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([v if v is None or isinstance(v, str) else json.dumps(v, default=str) for v in values])


def _arrow(frame: pd.DataFrame) -> pa.Table:
    return pa.table(
        {str(name): _array(values if values.dtype != object else list(values)) for name, values in frame.items()}
    )


def _stata(path: Path) -> pd.DataFrame:
    try:
        return pd.read_stata(path)
    except ValueError:  # two codes with the same value label
        return pd.read_stata(path, convert_categoricals=False)

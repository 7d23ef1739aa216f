"""A CSV file in any usual separator and encoding, checked to its last row; nothing in it is merged silently."""

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pandas as pd
import pyarrow as pa

SEPARATORS = {"\t": "tab", ",": "comma", ";": "semicolon", "|": "pipe"}
QUOTING = ("minimal", "none")  # the csv module's names: quotation marks enclose cells, or are part of the text
MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
NAMES = {"utf-8": "UTF-8", "utf-16-le": "UTF-16", "utf-16-be": "UTF-16", "cp1252": "Windows-1252", "latin-1": "Latin-1"}
BLOCK = 1 << 20  # characters or bytes read at once


class DataError(ValueError):
    """Something in the learner's file that a person has to repair or decide: where it is and what to do."""


@dataclass
class Reading:
    """What one way of reading a CSV file gives: header, rows, the first error, and what speaks for or against it."""

    names: list[str]
    rows: int = 0
    error: DataError | None = None
    complete: bool = True  # each row has as many cells as the header
    over_lines: int = 0  # rows that take several lines
    swallows: bool = False  # a row over several lines, the first of which is a complete row by itself
    commas: int = 0  # decimal commas less decimal points


class Delimited:
    """A CSV file. Nothing is merged silently: records are compared with lines, with and without quotation marks."""

    def __init__(self, path: Path, wanted: list[str], quoting: str | None, option: str):
        self.path, self.option = path, option
        self.encoding, mark, guess, has_quotes = _encoding(path, wanted)
        self.line = ""
        first = next(self._lines(), "")
        if found := re.fullmatch(r'"?sep=(.)"?\s*', first, re.IGNORECASE):
            self.line = f"sep={found[1]}\n"
            first = next(self._lines(), "")
        if not first.strip():
            raise DataError(f"{path.name} is empty, or its first row is. The first row has to name the columns.")
        self.separator = found[1] if found else _separator(self._lines, wanted, path.suffix.lower() == ".csv")
        self.opening = mark + self.line.encode(self.encoding)
        self.style, reading = self._choose(quoting, has_quotes)
        self.names, self.rows, self.decimal = reading.names, reading.rows, "," if reading.commas > 0 else "."
        self.schema = pa.schema([(name, pa.string()) for name in self.names])
        self.kind = f"{SEPARATORS.get(self.separator, repr(self.separator))}, {NAMES[self.encoding]}{guess}"
        if self.style == "none" and has_quotes:
            self.kind += ", quotation marks read as text"
        if reading.over_lines:
            self.kind += f", {reading.over_lines:,} of them over several lines"

    def chunks(self, size: int) -> Iterator[pa.Table]:
        records = (record for _, record in self._records())
        while rows := list(islice(records, size)):
            yield pa.Table.from_arrays(
                [pa.array(cells, pa.string()) for cells in zip(*rows, strict=True)], schema=self.schema
            )

    def frame(self) -> pd.DataFrame:
        numbers, rows = zip(*self._records(), strict=True) if self.rows else ((), ())
        frame = pd.DataFrame(list(rows), index=numbers, columns=range(len(self.names)), dtype=object)
        return frame.set_axis(self.names, axis=1)

    def _lines(self) -> Iterator[str]:
        with self.path.open(encoding=self.encoding, newline="") as file:
            first = next(file, "").removeprefix("\ufeff")
            if not self.line:
                yield first
            yield from file

    def _reader(self, style: str):
        csv.field_size_limit(2**31 - 1)  # a cell can hold a whole debate
        if style == "none":
            return csv.reader(self._lines(), delimiter=self.separator, quoting=csv.QUOTE_NONE)
        lines = self._lines() if style == "minimal" else (line.replace('\\"', '""') for line in self._lines())
        return csv.reader(lines, delimiter=self.separator, strict=True)

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        """Row number in a spreadsheet and cells of each row, as many as there are names."""
        width = len(self.names)
        for number, record in enumerate(self._reader(self.style), start=1):
            if number > 1 and not _blank(record, width):
                yield number, [*record[:width], *[""] * (width - len(record))]

    def _read(self, style: str) -> Reading:
        """Read the whole file in one style, to its first error."""
        reader, number, line, before = self._reader(style), 0, 1, bool(self.line)
        reading, row_names = Reading([]), set()
        try:
            for number, record in enumerate(reader, start=1):
                if number == 1:
                    reading.names, width = [name.strip() for name in record], len(record)
                elif not _blank(record, width):
                    reading.rows += 1
                    reading.complete &= len(record) >= width
                    if any(record[width:]):
                        reading.complete = False
                        reading.error = reading.error or self._too_wide(number, line + before, len(record), width)
                        if len(record) == width + 1 and record[0].isdigit():
                            row_names.add(record[0])
                    if reading.error and len(row_names) < reading.rows:
                        break
                    reading.over_lines += reader.line_num > line
                    if reader.line_num > line and self._swallows(record, width):
                        reading.swallows = True
                    reading.commas += 0 if self.separator == "," else sum(map(_decimal, record))
                line = reader.line_num + 1
            if reading.rows and len(row_names) == reading.rows:  # R leaves out the name of its row names
                reading.error, reading.complete, reading.names = None, True, ["", *reading.names]
        except csv.Error:
            place = f"row {number + 1} of {self.path.name} (line {line + before} of the file)"
            none = self.option.format("quoting", "none")
            reading.error = DataError(
                f'In {place} quotes do not match. A quote within a quoted cell is written twice (""), and the cell '
                f"closes with one: correct it, or pass {none} if quotation marks are part of the texts."
            )
        return reading

    def _swallows(self, record: list[str], width: int) -> bool:
        """Whether the first line of a row over several lines has as many separators as a whole row."""
        place = next((place for place, cell in enumerate(record) if re.search(r"[\r\n]", cell)), 0)
        return place + re.split(r"[\r\n]", record[place])[0].count(self.separator) + 1 == width

    def _too_wide(self, number: int, line: int, cells: int, width: int) -> DataError:
        what = (
            f"Row {number} of {self.path.name} (line {line} of the file) has {cells} fields, but the first row {width}."
        )
        separator = SEPARATORS.get(self.separator, repr(self.separator))
        return DataError(f"{what} A text with a {separator} must be in double quotes, without a space before them.")

    def _choose(self, quoting: str | None, has_quotes: bool) -> tuple[str, Reading]:
        """The style in which every row is complete. Raises DataError where none is, or where two differ in rows."""
        if quoting or not has_quotes:
            reading = self._read(quoting or "none")
            if reading.error:
                raise reading.error
            return quoting or "none", reading
        quoted, text, style = self._read("minimal"), self._read("none"), "minimal"
        if quoted.error and not (escaped := self._read("escaped")).error:
            quoted, style = escaped, "escaped"  # as R's write.table writes a quotation mark within a text: \"
        is_text = text.complete and not text.error and not any(name.startswith('"') for name in text.names)
        if quoted.error and not is_text:
            raise quoted.error
        if quoted.error:
            return "none", text
        if quoted.rows == text.rows or not (is_text or self.separator == "\t" and quoted.swallows):
            return style, quoted
        # Texts with both tabs and line ends, in lines that are complete rows by themselves, do not occur.
        if is_text and self.separator == "\t" and len(text.names) > 1:
            return "none", text
        minimal, none = (self.option.format("quoting", name) for name in QUOTING)
        raise DataError(
            f"{self.path.name} can be read in two ways: {quoted.rows:,} rows if quotation marks enclose cells, "
            f"{text.rows:,} if they are part of the text. Look at it, then pass {minimal} or {none}."
        )


def _blank(record: list[str], width: int) -> bool:
    """Whether a line is empty; in a table of one column that is an empty text."""
    return width > 1 and (not record or len(record) == 1 and not record[0].strip())


def _decimal(cell: str) -> int:
    """1 for a number with a decimal comma, -1 for one with a point, 0 for anything else, as 1,000 may be either."""
    if len(cell) > 25 or not re.fullmatch(r"\s*[+-]?\d*[.,]\d+\s*", cell):
        return 0
    return -1 if "." in cell else int(not re.fullmatch(r"\s*[+-]?[1-9]\d{0,2},\d{3}\s*", cell))


def _separator(lines: Callable[[], Iterator[str]], wanted: list[str], is_csv: bool) -> str:
    """The separator with which the first row names the wanted columns; csv.Sniffer errs where texts have commas."""

    def fit(separator: str) -> tuple[int, int, bool]:
        try:
            header = [name.strip() for name in next(csv.reader(lines(), delimiter=separator), [])]
        except csv.Error:
            header = []
        return sum(name in header for name in wanted), len(header), is_csv and separator == ","

    return max(SEPARATORS, key=fit)


def _encoding(path: Path, wanted: list[str]) -> tuple[str, bytes, str, bool]:
    """Encoding, byte order mark, what to say of a guess, and whether there are quotation marks."""
    with path.open("rb") as file:
        start = file.read(3)
    mark = next((mark for mark in MARKS if start.startswith(mark)), b"")
    encoding, guess, has_quotes, has_nul = MARKS.get(mark, "utf-8"), "", False, False
    try:
        with path.open(encoding=encoding, newline="") as file:
            while block := file.read(BLOCK):
                has_quotes, has_nul = has_quotes or '"' in block, has_nul or "\0" in block
    except UnicodeDecodeError:
        raw = path.read_bytes()
        try:
            raw.decode(encoding)
        except UnicodeDecodeError as error:  # again, as a reader of blocks knows its place in a block only
            place = error.start
        if mark or is_damaged(raw):
            what = f"{path.name} is {NAMES[encoding]}, except for a broken byte (0x{raw[place]:02X})"
            raise _damage(what, raw[:place].decode(encoding, "ignore"), wanted) from None
        encoding, example = guessed(raw)
        guess = f' by guess, so it reads "{example}": if that is wrong, save the file as "CSV UTF-8"'
        has_quotes, has_nul = b'"' in raw, b"\0" in raw
    if has_nul:
        before = path.read_bytes().decode(encoding, "ignore").split("\0")[0]
        raise _damage(f"{path.name} has a NUL (it is damaged, or UTF-16 without its mark)", before, wanted)
    return encoding, mark, guess, has_quotes


def is_damaged(raw: bytes) -> bool:
    """Whether bytes that are not UTF-8 are UTF-8 with damage, and not an older encoding.

    Letters of an older encoding hardly ever form a character of UTF-8 by chance.
    """
    whole = len(re.findall(r"[^\x00-\x7f]", raw.decode("utf-8", "ignore")))
    return whole >= raw.decode("utf-8", "replace").count("\ufffd")


def guessed(raw: bytes) -> tuple[str, str]:
    """The older encoding of bytes that are not UTF-8, and a word of theirs in it, to see whether it is right."""
    encoding = "latin-1" if set(raw) & set(b"\x81\x8d\x8f\x90\x9d") else "cp1252"  # it leaves these undefined
    return encoding, re.search(r"\w*[^\x00-\x7f]\w*", raw.decode(encoding))[0][:30]


def _damage(what: str, before: str, wanted: list[str]) -> DataError:
    """The error for damage after this beginning of a file: row and column of a spreadsheet, line of an editor."""

    def lines() -> Iterator[str]:
        return iter(io.StringIO(f"{before}?".removeprefix("\ufeff"), newline=""))

    csv.field_size_limit(2**31 - 1)
    rows = list(records := csv.reader(lines(), delimiter=_separator(lines, wanted, True)))
    number = len(rows[-1])
    column = f'{number} ("{rows[0][number - 1]}")' if len(rows) > 1 and number <= len(rows[0]) else number
    place = f"in row {len(rows)}, column {column}, line {records.line_num} of the file"
    return DataError(f'{what} {place}. Retype that cell and save the file as "CSV UTF-8", or export it again.')

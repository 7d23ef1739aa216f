"""Tables too long for memory: a CSV or Parquet file, checked at once and read in chunks."""

import codecs
import csv
import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

ENDINGS = (".csv", ".parquet")
LABEL, PROBABILITY = "predicted_label", "probability_"
BLOCK = 1 << 20  # bytes read at once
ROWS_CHECKED = 1000  # at once


class LabelError(ValueError):
    """The file, model or output cannot be used as asked. The message says what to do."""


class CsvTable:
    """A CSV file in UTF-8 with a header, checked to its last line. Cells stay text: 007 stays 007 and NA stays NA.

    Parameters
    ----------
    path : Path
        The file.
    text : str
        The column with the texts.

    Attributes
    ----------
    schema : pyarrow.Schema
        A text column for each name in the header.
    rows : int
        How many rows there are below the header.
    separator : str
        Between cells.
    has_bom : bool
        Whether a byte order mark comes first.

    Raises
    ------
    LabelError
        Where the file is not such a table, or has no such column.
    """

    def __init__(self, path: Path, text: str):
        self.path = path
        headers = {separator: self._header(separator) for separator in ",;\t|"}
        # Spreadsheets of many countries write semicolons: the separator that makes the asked column appear is meant.
        likely = max(headers, key=lambda separator: len(headers[separator]))
        self.separator = next((separator for separator, names in headers.items() if text in names), likely)
        self.schema = pa.schema([(name, pa.string()) for name in headers[self.separator]])
        _check_column(path, self.schema, text)
        with path.open("rb") as file:
            self.has_bom = file.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8
        # All of it, now: a broken line far down would show after hours, and correcting it would make another input.
        self._check_widths()
        self.rows = sum(len(table) for table in self.chunks(ROWS_CHECKED))

    def chunks(self, size: int) -> Iterator[pa.Table]:
        """The rows in order, `size` at a time (fewer in the last). Raises LabelError for a broken line."""
        columns = [str(place) for place in range(len(self.schema))]  # a header may name two columns alike, or none
        options = {"sep": self.separator, "header": 0, "names": columns, "dtype": str, "encoding": "utf-8-sig"}
        # In a table of one column an empty line is an empty text; elsewhere it is nothing.
        options |= {"keep_default_na": False, "skip_blank_lines": len(columns) > 1, "chunksize": size}
        try:
            with pd.read_csv(self.path, **options) as frames:
                for frame in frames:
                    arrays = [pa.array(frame[column], pa.string(), from_pandas=True) for column in columns]
                    yield pa.Table.from_arrays(arrays, schema=self.schema)
        except UnicodeDecodeError:
            raise self._not_utf8() from None
        except pd.errors.ParserError as error:
            raise LabelError(
                f"{self.path} is broken as a CSV file: {str(error).strip()}. Correct that line, then start again."
            ) from None

    def _check_widths(self) -> None:
        """Raises LabelError for a row with more cells than the header: pandas 2.2 drops some of them without a word."""
        csv.field_size_limit(2**31 - 1)  # a cell can hold a whole debate
        end = 0
        try:
            with self.path.open(encoding="utf-8-sig", newline="") as file:
                rows = csv.reader(file, delimiter=self.separator)
                for row in rows:
                    if len(row) > len(self.schema):
                        raise LabelError(
                            f"{self.path} is broken as a CSV file: line {end + 1:,} has {len(row):,} cells, the header "
                            f"{len(self.schema):,}. Correct that line (a text with the separator "
                            f"{self.separator!r} must be in quotes), then start again."
                        )
                    end = rows.line_num
        except UnicodeDecodeError:
            raise self._not_utf8() from None

    def _header(self, separator: str) -> list[str]:
        try:
            with self.path.open(encoding="utf-8-sig", newline="") as file:
                names = next(csv.reader(file, delimiter=separator), [])
        except UnicodeDecodeError:
            raise self._not_utf8() from None
        if not names:
            raise LabelError(f"{self.path} is empty, or its first line is. The first line must name the columns.")
        return names

    def _not_utf8(self) -> LabelError:
        """The error for the first byte that is not UTF-8; it is searched for, because readers do not give its line."""
        decoder, line = codecs.getincrementaldecoder("utf-8")(), 1
        try:
            with self.path.open("rb") as file:
                while block := file.read(BLOCK):
                    decoder.decode(block)
                    line += block.count(b"\n")
                decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            line += error.object.count(b"\n", 0, error.start)
            what = f"line {line:,} has the byte 0x{error.object[error.start]:02X} ({error.reason})"
        else:
            what = "it was changed while it was read"
        return LabelError(
            f"{self.path} is not in UTF-8: {what}. If only that line is damaged, type it again; otherwise save the "
            'file as "CSV UTF-8" from the spreadsheet, or in R with fileEncoding = "UTF-8".'
        )


class ParquetTable:
    """A Parquet file; its columns keep their types. schema, rows, chunks and errors as in CsvTable."""

    separator, has_bom = ",", False

    def __init__(self, path: Path, text: str):
        self.path = path
        try:
            with pq.ParquetFile(path) as file:
                self.schema, self.rows = file.schema_arrow, file.metadata.num_rows
        except pa.ArrowInvalid as error:
            raise LabelError(f"{path} cannot be read as Parquet: {error}") from None
        _check_column(path, self.schema, text)
        kind = self.schema.field(text).type
        kind = kind.value_type if pa.types.is_dictionary(kind) else kind
        texts = pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_null
        if not any(is_such(kind) for is_such in texts):  # a column without a single text has the type null
            raise LabelError(
                f'Column "{text}" of {path} holds {kind}, not texts. Name the column that holds the texts.'
            )

    def chunks(self, size: int) -> Iterator[pa.Table]:
        # Not buffered ahead: that would read a whole group of rows, often the whole file, into memory.
        with pq.ParquetFile(self.path, pre_buffer=False, buffer_size=BLOCK) as file:
            for batch in file.iter_batches(batch_size=size):
                yield pa.Table.from_batches([batch])


def open_table(path: Path, text: str) -> CsvTable | ParquetTable:
    """Open a table by its ending, to be read in chunks.

    Parameters
    ----------
    path : Path
        A .csv or .parquet file.
    text : str
        The column with the texts.

    Returns
    -------
    CsvTable or ParquetTable
        The table, checked.

    Raises
    ------
    LabelError
        Where the file cannot be read as a table with such a column.
    """
    if not path.is_file():
        raise LabelError(f"There is no file {path} (looked in {Path.cwd()}).")
    _check_ending(path)
    return (CsvTable if path.suffix.lower() == ".csv" else ParquetTable)(path, text)


def _check_ending(path: Path) -> None:
    """Raises LabelError for a file that is neither CSV nor Parquet by its name."""
    if path.suffix.lower() not in ENDINGS:
        raise LabelError(
            f'{path} ends in "{path.suffix}". It can be .csv or .parquet; a spreadsheet program saves as "CSV UTF-8".'
        )


def output_path(path: Path, output: str | Path | None) -> Path:
    """Where the output goes; by default beside the input, with .labeled before its ending.

    Raises LabelError for an ending that cannot be written, and for the input itself.
    """
    place = Path(output).expanduser() if output else path.with_suffix(f".labeled{path.suffix}")
    _check_ending(place)
    if place.exists() and place.samefile(path):
        raise LabelError(f"The output would replace the input {path}. Name another --output.")
    return place


def output_schema(schema: pa.Schema, names: list[str], path: Path) -> pa.Schema:
    """The input's columns and the new ones. Raises LabelError where the input has one of these already."""
    new = [pa.field(LABEL, pa.string()), *(pa.field(PROBABILITY + name, pa.float64()) for name in names)]
    taken = [field.name for field in new if field.name in schema.names]
    if taken:
        raise LabelError(f"{path} has columns that would be written: {', '.join(taken)}. Rename them in it first.")
    return pa.schema([*schema, *new], metadata=schema.metadata)


def with_labels(table: pa.Table, schema: pa.Schema, names: list[str], probabilities: np.ndarray) -> pa.Table:
    """Add the new columns to a chunk: the most probable class and all probabilities.

    Parameters
    ----------
    table : pyarrow.Table
        Some rows of the input.
    schema : pyarrow.Schema
        The result's.
    names : list of str
        The classes.
    probabilities : numpy.ndarray
        (rows, classes), written with six decimals; rows with NaN get empty cells.

    Returns
    -------
    pyarrow.Table
        The same rows with the new columns.
    """
    empty = np.isnan(probabilities[:, 0])
    best = np.where(empty, 0, probabilities.argmax(axis=1))
    labels = pa.array(np.array(names, dtype=object)[best], pa.string(), mask=empty)
    rounded = probabilities.astype(np.float64).round(6)
    columns = [pa.array(column, pa.float64(), mask=empty) for column in rounded.T]
    return pa.Table.from_arrays([*table.columns, labels, *columns], schema=schema)


def identity(path: Path) -> dict[str, str | int]:
    """What tells an input from another one, and from itself after a change."""
    found = path.stat()
    with path.open("rb") as file:
        beginning = hashlib.sha256(file.read(BLOCK)).hexdigest()
    return {
        "input": str(path.resolve()),
        "size of the input": found.st_size,
        "time of the input's last change": found.st_mtime_ns,
        "beginning of the input": beginning,
    }


def _check_column(path: Path, schema: pa.Schema, text: str) -> None:
    if schema.names.count(text) != 1:
        found = "not found" if text not in schema.names else "found more than once"
        raise LabelError(
            f'Column "{text}" {found} in {path}. It has: {", ".join(schema.names)}. '
            "Say which of them holds the texts: --text NAME."
        )

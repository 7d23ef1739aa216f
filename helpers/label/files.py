"""The table that goes in, the table that comes out, and what tells one input from another."""

import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa

from helpers.data import reader
from helpers.data.delimited import BLOCK, Delimited
from helpers.data.reader import DataError, Table

ENDINGS = (".csv", ".tsv", ".txt", ".jsonl", ".parquet")  # of outputs
LABEL, PROBABILITY = "predicted_label", "probability_"


class LabelError(ValueError):
    """The file, model or output cannot be used as asked. The message says what to do."""


def open_table(path: str | Path, text: str, quoting: str | None = None) -> Table | Delimited:
    """Open a table with the reader of `helpers.data.load_csv`, to be read in chunks.

    Parameters
    ----------
    path : str or Path
        The file.
    text : str
        The column with the texts.
    quoting : {"minimal", "none"}, optional
        Whether quotation marks enclose cells or are part of the text; by default the file shows it.

    Returns
    -------
    Table or Delimited
        The table, checked to its last row.

    Raises
    ------
    LabelError
        Where the file cannot be read as a table with such a column.
    """
    try:
        table = reader.open_table(path, {"text": text}, quoting, option='--{} "{}"')
    except DataError as error:
        raise LabelError(str(error)) from None
    kind = table.schema.field(reader.column(table.schema.names, text)).type
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    texts = pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_null
    if not any(is_such(kind) for is_such in texts):  # a column without a single text has the type null
        raise LabelError(f'Column "{text}" of {path} holds {kind}, not texts. Name the column that holds the texts.')
    return table


def _check_ending(path: Path) -> None:
    """Raises LabelError for an output that cannot be written by its name."""
    if path.suffix.lower() not in ENDINGS:
        raise LabelError(f'{path} ends in "{path.suffix}". An output can be {", ".join(ENDINGS)}.')


def output_path(path: Path, output: str | Path | None) -> Path:
    """Where the output goes; by default beside the input, with .labeled before its ending.

    Raises LabelError for an ending that cannot be written, and for the input itself.
    """
    ending = path.suffix if path.suffix.lower() in ENDINGS else ".csv"
    place = Path(output).expanduser() if output else path.with_suffix(f".labeled{ending}")
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


def check_names(names: list[str], source: Table | Delimited, output: Path) -> None:
    """Raises LabelError where the output takes over an encoding that cannot write the names of the classes."""
    if output.suffix.lower() in (".parquet", ".jsonl"):
        return
    for name in names:
        try:
            name.encode(source.encoding)
        except UnicodeEncodeError:
            raise LabelError(
                f'The class "{name}" cannot be written in the encoding of {source.path} ({source.encoding}). Save that '
                'file as "CSV UTF-8", or name an --output that ends in .parquet.'
            ) from None


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

"""An unfinished output: numbered parts that outlive a kill, joined into one CSV or Parquet file at the end."""

import csv
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from helpers.data.delimited import Delimited
from helpers.data.reader import Table
from helpers.label.files import LabelError
from helpers.settings import atomic

COUNTS = ("empty", "cut", "entities")  # counted in each part, and kept in it


class Parts:
    """The folder OUTPUT.parts of an unfinished output: a part for each chunk, and run.json, which says of what.

    A part gets its name only when it is complete, so that a kill at any moment loses at most the chunks at work.
    """

    def __init__(self, output: Path):
        self.output = output
        self.folder = output.with_name(f"{output.name}.parts")
        self.run_file = self.folder / "run.json"
        self.lock = FileLock(self.folder / "lock")

    def begin(self, run: dict, restart: bool = False, free: tuple[str, ...] = ()) -> set[int]:
        """Start the folder, or continue one of the same run; release() must follow.

        Parameters
        ----------
        run : dict
            What the parts depend on.
        restart : bool
            Throw parts of an earlier run away; an output that is there stays until finish() replaces it.
        free : tuple of str
            Entries of `run` that may differ from the earlier run's, which then hold.

        Returns
        -------
        set of int
            The chunks that an earlier run has done.

        Raises
        ------
        LabelError
            Where the output is there already, another run is at work, or the parts are of another run.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.lock.acquire(timeout=0)
            if self.output.exists() and (restart or self.run_file.exists()):
                self.output.open("ab").close()  # Windows refuses it while Excel shows the file
        except Timeout:
            raise LabelError(f"Another run is writing {self.output} right now. Wait for it, or stop it.") from None
        except OSError as error:
            raise LabelError(
                f"{self.output} cannot be written ({error.strerror or error}). If it is open in a program such as "
                "Excel, close it there; otherwise name an --output in a folder of your own. Nothing was labeled yet."
            ) from None
        if restart:
            self.run_file.unlink(missing_ok=True)
        # With run.json beside it the run is unfinished, and whatever output is there will be replaced.
        elif self.output.exists() and not self.run_file.exists():
            self._remove()  # nothing, or what a kill in the last moment of finish() left
            raise LabelError(f"{self.output} is there already. Pass --restart to replace it, or another --output.")
        if self.run_file.exists():
            self._check_same(run, free)
            return {int(part.stem) for part in self.folder.glob("*.parquet")}
        for left_over in self.folder.iterdir():
            if left_over.name != "lock":
                left_over.unlink()
        _write(self.run_file, lambda file: file.write(json.dumps(run, indent=2).encode()))
        return set()

    def release(self) -> None:
        """Let another run in."""
        self.lock.release()

    def recorded(self) -> dict:
        """What run.json says."""
        return json.loads(self.run_file.read_text(encoding="utf-8"))

    def holds(self, number: int, rows: int) -> bool:
        """Whether chunk `number` is done. Raises LabelError where its part has not as many rows."""
        if not self._path(number).exists():
            return False
        if pq.read_metadata(self._path(number)).num_rows != rows:
            raise LabelError(f"{self._path(number)} does not fit the input. Pass --restart to start again.")
        return True

    def save(self, number: int, table: pa.Table, counts: dict[str, int]) -> None:
        """Write a labeled chunk, and in it what was counted."""
        counted = {name: str(count) for name, count in counts.items()}
        table = table.replace_schema_metadata({**(table.schema.metadata or {}), **counted})
        _write(self._path(number), lambda file: pq.write_table(table, file))

    def finish(self, number_of_parts: int, schema: pa.Schema, source: Table | Delimited) -> Counter:
        """Join the parts into the output and remove them.

        Parameters
        ----------
        number_of_parts : int
            How many chunks the input has.
        schema : pyarrow.Schema
            The output's.
        source : Table or Delimited
            The input; a CSV output takes over its separator, encoding and decimal commas.

        Returns
        -------
        Counter
            The sums of rows and of what was counted.
        """
        totals = Counter(dict.fromkeys(("rows", *COUNTS), 0))

        def tables() -> Iterator[pa.Table]:
            for number in range(number_of_parts):
                table = pq.ParquetFile(self._path(number)).read()
                # Parts of an earlier edition lack some.
                counts = {name: int(table.schema.metadata.get(name.encode(), 0)) for name in COUNTS}
                totals.update({"rows": table.num_rows, **counts})
                yield table

        joined = self.folder / "joined"  # not beside the output, where a kill would leave it
        ending = self.output.suffix.lower()
        if ending == ".parquet":
            _write(joined, lambda file: _join_parquet(tables(), file, schema))
        elif ending == ".jsonl":
            _write(joined, lambda file: _join_json(tables(), file))
        else:
            is_tab = ending != ".csv" and not isinstance(source, Delimited)
            _write(joined, lambda file: _join_csv(tables(), file, schema, source, "\t" if is_tab else source.separator))
        try:
            joined.replace(self.output)
        except PermissionError:
            raise LabelError(
                f"All rows are labeled, but {self.output} cannot be replaced. Close it in the program that shows it, "
                f"such as Excel; then the same command without --restart writes it at once, from {self.folder}."
            ) from None
        self.run_file.unlink()  # from here on the output counts as complete, whatever is left of the folder
        self._remove()
        return totals

    def _remove(self) -> None:
        self.release()  # first: an open file cannot be deleted on Windows
        shutil.rmtree(self.folder)

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:07}.parquet"

    def _check_same(self, run: dict, free: tuple[str, ...]) -> None:
        recorded = self.recorded()  # of an earlier edition, it may lack some
        differ = [name for name in run if name not in free and run[name] != recorded.get(name, run[name])]
        if differ:
            raise LabelError(
                f"{self.folder} holds an unfinished run that differs in: {', '.join(differ)}. Give what that run was "
                "given to continue it; or pass --restart to throw its parts away; or name another --output."
            )


def _write(place: Path, write: Callable) -> None:
    """Give a file its name only when its bytes are on the disk, even if the power fails.

    Raises LabelError where the disk is full or cannot be written.
    """
    try:
        with atomic(place) as temporary, temporary.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
    except FileNotFoundError:  # a part is not there, or its folder was taken away
        raise
    except OSError as error:
        raise LabelError(
            f"{place} cannot be written ({error.strerror or error}). What was labeled stays in {place.parent}: make "
            "room, and the same command without --restart continues."
        ) from None


def _join_csv(
    tables: Iterable[pa.Table], file: BinaryIO, schema: pa.Schema, source: Table | Delimited, separator: str
) -> None:
    file.write(source.opening)
    for table in chain([None], tables):
        frame = (schema.empty_table() if table is None else table).to_pandas(
            types_mapper=pd.ArrowDtype, ignore_metadata=True
        )  # Arrow's own types, so that whole numbers beside empty cells stay whole
        options = {"index": False, "header": table is None, "lineterminator": "\n"}
        options |= {"sep": separator, "decimal": source.decimal}
        lines = frame.to_csv(**options)
        if "\r" in lines:  # Python before 3.13 leaves it unquoted, and readers take it for the end of a row
            lines = frame.to_csv(**options, quoting=csv.QUOTE_ALL)
        file.write(lines.encode(source.encoding))


def _join_json(tables: Iterable[pa.Table], file: BinaryIO) -> None:
    for table in tables:
        for row in table.to_pylist():
            file.write(f"{json.dumps(row, ensure_ascii=False, default=str)}\n".encode())


def _join_parquet(tables: Iterable[pa.Table], file: BinaryIO, schema: pa.Schema) -> None:
    with pq.ParquetWriter(file, schema) as writer:
        for table in tables:
            writer.write_table(table)

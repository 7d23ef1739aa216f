"""Label every text of a table with a classifier of your own.

python -m helpers.label texts.csv --model my-model --text tweet
"""

import argparse
import os
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from helpers.data.delimited import QUOTING
from helpers.data.reader import column, entity
from helpers.label.files import (
    LABEL,
    LabelError,
    check_names,
    identity,
    open_table,
    output_path,
    output_schema,
    with_labels,
)

ROWS_PER_PART = 1000

DESCRIPTION = """\
Label every text of a table with a classifier that you fine-tuned.

The output is the table as it was, every row and column in its place, with new columns:
  predicted_label         the class with the highest probability
  probability_NAME        one column for each class: its probability, from 0 to 1
An empty or missing text (also NA) gets an empty label. A text longer than the model takes
is truncated: only its beginning is read. The end of the run says how many there were of either.
"""

EXAMPLES = """\
examples:
  python -m helpers.label tweets.csv --model my-model --text tweet
      writes tweets.labeled.csv
  python -m helpers.label speeches.parquet --model my-model --text speech --output speeches.csv
      reads Parquet and writes CSV
  accelerate launch --multi_gpu --num_processes 2 -m helpers.label tweets.csv --model my-model --text tweet
      shares the work among two GPUs (or, without GPUs, among two processes)

It can be stopped at any time (Ctrl-C, or a power cut): the same command continues where it
stopped. Until then, the finished part is in a folder OUTPUT.parts.

The number format is the fastest that your processor or GPU has; probabilities differ a little
between formats. For the same ones everywhere, set WORKSHOP_PRECISION=float32 before.
"""


@dataclass(frozen=True)
class Labeled:
    """What was written.

    Attributes
    ----------
    output : Path
        The new file.
    rows, empty, cut : int
        Its rows; how many texts were empty or missing; how many were truncated.
    longest : int
        How many tokens the model takes.
    resumed : int
        Rows that an earlier run had labeled.
    entities : int
        How many texts hold characters as HTML writes them, such as &amp;.
    """

    output: Path
    rows: int
    empty: int
    cut: int
    longest: int
    resumed: int = 0
    entities: int = 0

    def __str__(self) -> str:
        lines = [f"{self.output} is written. Rows: {self.rows:,}."]
        if self.resumed:
            lines.append(f"Rows that an earlier run had labeled: {self.resumed:,}.")
        if self.empty:
            lines.append(f"Empty or missing texts, whose label is empty: {self.empty:,}.")
        if self.cut:
            lines.append(f"Texts that were truncated to their first {self.longest} tokens: {self.cut:,}.")
        if self.entities:
            codes = f"Texts with HTML codes such as &amp;, which the model read as they are: {self.entities:,}."
            lines.append(f"{codes} html.unescape(text) makes characters of them.")
        return "\n".join(lines)


def label_file(
    path: str | Path,
    *,
    model: str | Path,
    text: str,
    output: str | Path | None = None,
    batch_size: int | None = None,
    restart: bool = False,
    progress: bool = True,
    rows_per_part: int = ROWS_PER_PART,
    quoting: str | None = None,
) -> Labeled | None:
    """Label every text of a table; stopped and called again, it continues.

    Taught on Day 2, "Keep it, use it, share it".

    Parameters
    ----------
    path : str or Path
        The table, in any format that `helpers.data.load_csv` reads.
    model : str or Path
        The folder of the classifier.
    text : str
        The column with the texts.
    output : str or Path, optional
        .csv, .tsv, .txt, .jsonl or .parquet; by default `path` with .labeled before its ending. A CSV keeps the
        separator, encoding and decimal commas of the input.
    batch_size : int, optional
        Texts at once; by default what suits the device.
    restart : bool
        Start again, and replace the output when done.
    progress : bool
        Show a bar with the time left.
    rows_per_part : int
        How many rows are in memory, and lost at most by a stop.
    quoting : {"minimal", "none"}, optional
        Whether quotation marks enclose cells or are part of the text; by default the file shows it.

    Returns
    -------
    Labeled or None
        What was written; None in the processes of `accelerate launch` that only help.

    Raises
    ------
    LabelError
        Where the table, the model or the output cannot be used; the message says what to do.
    """
    source = open_table(path, text, quoting)
    path, model, text = source.path, Path(model).expanduser(), column(source.schema.names, text)
    if output is None and not restart:
        _check_first_edition(path)
    output = output_path(path, output)
    from helpers import runtime  # these take seconds: mistakes in the names above show before
    from helpers.label import classifier
    from helpers.label.parts import Parts

    names = classifier.class_names(model)
    schema = output_schema(source.schema, names, path)
    check_names(names, source, output)
    team, parts, before = _Team(), Parts(output), set()
    loaded = classifier.Classifier(model, team.device)
    run = {**identity(path), "model": classifier.fingerprint(model), "text column": text}
    run |= {"rows per part": rows_per_part, "number format": runtime.inference_format(team.device)}
    run["quotation marks"] = getattr(source, "style", "none")
    try:
        if team.rank == 0:
            before = parts.begin(run, restart, free=() if runtime.precision_asked_for() else ("number format",))
            print(f"{path}: {source.rows:,} rows ({source.kind}).")
        team.wait()
        loaded.use_format(parts.recorded()["number format"])

        def label(table, on_batch):
            texts = table.column(text).to_pylist()
            probabilities, cut = loaded.probabilities(texts, batch_size, on_batch)
            table = with_labels(table, schema, loaded.names, probabilities)
            entities = sum(entity(each) is not None for each in texts)
            return table, {"empty": table.column(LABEL).null_count, "cut": cut, "entities": entities}

        number_of_parts, resumed = _label_chunks(source, rows_per_part, label, parts, before, team, progress)
        team.wait()
        if team.rank > 0:
            return None
        totals = parts.finish(number_of_parts, schema, source)
    finally:
        parts.release()
    return Labeled(output, **totals, longest=loaded.longest, resumed=resumed)


def _check_first_edition(path: Path) -> None:
    """Say what the first edition, which spelled the output's name otherwise, left of the same table."""
    old = path.with_suffix(f".labelled{path.suffix}")
    if ((parts := old.with_name(f"{old.name}.parts")) / "run.json").exists():
        raise LabelError(
            f"{parts} holds an unfinished run of the workshop's first edition. Pass --output {old} to continue it, or "
            "--restart to start again."
        )
    if old.exists():
        print(f"{old} is an output of the workshop's first edition, and stays as it is.")


def _label_chunks(source, rows_per_part, label, parts, before, team, progress) -> tuple[int, int]:
    """Label and write the chunks that fall to this process and are not done yet.

    Returns how many chunks there are in all, and how many rows had been done before.
    """
    from tqdm.auto import tqdm

    number, resumed = -1, 0
    shown = progress and team.rank == 0
    with tqdm(total=source.rows, unit=" texts", smoothing=0, mininterval=0.5, disable=not shown) as bar:
        for number, table in enumerate(source.chunks(rows_per_part)):
            if parts.holds(number, len(table)) and number in before:
                resumed += len(table)
                bar.n = bar.initial = bar.n + len(table)  # what was done before must not make the rest look fast
            elif number % team.size == team.rank and not parts.holds(number, len(table)):
                parts.save(number, *label(table, on_batch=bar.update))
            else:
                bar.update(len(table))  # another process does it at the same pace
    return number + 1, resumed


class _Team:
    """The processes that share the work: one, or all that `accelerate launch` started; and this one's device."""

    def __init__(self):
        import torch

        cuda = torch.cuda.is_available()
        self.rank, self.size, self.state = 0, 1, None
        self.device = torch.device("cuda" if cuda else "mps" if torch.backends.mps.is_available() else "cpu")
        if "LOCAL_RANK" in os.environ:
            from accelerate import PartialState

            # Whoever is done first waits for the others, for as long as it takes.
            self.state = PartialState(cpu=not cuda, timeout=timedelta(days=30))
            self.rank, self.size = self.state.process_index, self.state.num_processes
            self.device = self.state.device
            if not cuda:
                here = int(os.environ.get("LOCAL_WORLD_SIZE", self.size))
                torch.set_num_threads(max(1, os.cpu_count() // here))

    def wait(self) -> None:
        """Wait until every process has come to this point."""
        if self.state:
            self.state.wait_for_everyone()


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m helpers.label",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "path", metavar="FILE", help="the table: CSV (any separator, with a header), .jsonl, .parquet, .dta"
    )
    parser.add_argument(
        "--model", required=True, metavar="FOLDER", help="the folder that trainer.save_model(...) wrote"
    )
    parser.add_argument("--text", required=True, metavar="COLUMN", help="the column that holds the texts")
    parser.add_argument(
        "--output",
        metavar="FILE",
        help=".csv, .tsv, .txt, .jsonl or .parquet (default: FILE with .labeled before its ending)",
    )
    parser.add_argument(
        "--batch-size",
        type=_positive,
        metavar="N",
        help="texts that go through the model at once (default: what suits the device); fewer need less memory",
    )
    parser.add_argument(
        "--restart", action="store_true", help="start again: drop an unfinished run, and replace the output when done"
    )
    parser.add_argument(
        "--quoting",
        choices=QUOTING,
        help="minimal: quotation marks enclose cells; none: they are part of the text (default: what fits the file)",
    )
    given = parser.parse_args(arguments)
    # Nothing is fetched: the model is in a folder. Set before Hugging Face's libraries are imported.
    os.environ |= {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "TRANSFORMERS_VERBOSITY": "error"}
    try:
        labeled = label_file(**vars(given))
    except LabelError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        again = " without --restart" if given.restart else ""
        print(f"Stopped. The same command{again} continues from here.", file=sys.stderr)
        return 130
    if labeled:
        print(labeled)
    return 0


def _positive(value: str) -> int:
    if not value.isdigit() or int(value) == 0:
        raise argparse.ArgumentTypeError(f"{value} is not a whole number above 0")
    return int(value)

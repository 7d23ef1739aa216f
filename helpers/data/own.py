"""The learner's own file, read as `helpers.data.load` reads the workshop's, or refused with what to do about it."""

from decimal import Decimal
from pathlib import Path

import pandas as pd
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value

from helpers.data import splits
from helpers.data.reader import DataError, clean_label, column, entity, missing, open_table, visible

__all__ = ["DataError", "load_csv"]

FEWEST = 7  # so many texts put a class into each part of a stratified 70/15/15 split, whatever the other classes are
LONG = 100  # words of the median text, above which a run of 20 words makes two texts near-copies


def load_csv(
    path: str | Path,
    text: str = "tweet",
    label: str = "uncivil",
    seed: int = 0,
    date: str | None = None,
    quoting: str | None = None,
) -> DatasetDict:
    """Load the learner's own file, without duplicates, split 70/15/15 and stratified, as `helpers.data.load` does.

    Taught on Day 2, "Your own data".

    Prints what was read, left out and guessed. Rows without text or label are left out: empty cells, NA, NULL, None
    and nan.

    Parameters
    ----------
    path : str or Path
        CSV (comma, semicolon, tab or pipe) with the names of its columns in the first row, JSON, Parquet, Stata, or
        Excel where openpyxl is installed; it is only read. Every cell is taken as written: "007" stays what it is.
    text, label, date : str
        The names of these columns; date is optional.
    seed : int
        Changes only the split.
    quoting : {"minimal", "none"}, optional
        Whether quotation marks enclose cells or are part of the text; by default the file shows it.

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
    wanted = {"text": text, "label": label} | ({"date": date} if date else {})
    source = open_table(path, wanted, quoting)  # as it was given: Path would change a web address on Windows
    path = source.path
    table = source.frame()
    table = table[(table != "").any(axis=1)]
    if table.empty:
        raise DataError(f"{path.name} has names of columns ({', '.join(table.columns)}), but no rows. Export it again.")
    frame = pd.DataFrame({role: table[column(source.schema.names, name)] for role, name in wanted.items()})
    frame["label"] = frame["label"].map(clean_label)
    no_text, no_label = frame["text"].map(missing), frame["label"].map(missing)
    left_out = {"without text": frame["text"][no_text], "without label": frame["label"][no_label & ~no_text]}
    written = {why: ", ".join(sorted(set(cells.map(visible)) - {""})) for why, cells in left_out.items()}
    left_out = {f"{why}, written {written[why]}" if written[why] else why: c.index for why, c in left_out.items()}
    frame = frame[~no_text & ~no_label].rename_axis("row").reset_index()
    if frame.empty:
        filled = f'"{text}" is filled in {(~no_text).sum():,}, "{label}" in {(~no_label).sum():,} of {len(table):,}'
        raise DataError(f"No row of {path.name} has text and label: {filled}. Fill them, or pass other columns.")
    frame["label"], names = _classes(frame, label, table, path.name)
    kept = splits.without_duplicates(frame)
    is_kept = frame["text"].map(splits.normalize).isin(kept["text"].map(splits.normalize))  # its first copy stays
    left_out["repeated"] = frame["row"][is_kept & ~frame["row"].isin(kept["row"])]
    left_out["with different labels for one text"] = frame["row"][~is_kept]
    parts = _parts(kept, names, seed, path.name)

    reasons = ", ".join(f"{len(rows):,} {why} ({_rows(rows)})" for why, rows in left_out.items() if len(rows))
    counts = ", ".join(f"{name} {(kept['label'] == name).sum():,}" for name in names)
    sizes = ", ".join(f"{part} {len(rows):,}" for part, rows in parts.items())
    print(f"{path.name}: {len(table):,} rows read ({source.kind});", end=" ")
    print(f"left out: {reasons or 'none'}; kept: {len(kept):,} ({counts}); {sizes}.")
    _point_out_entities(kept["text"])
    columns = Features({role: ClassLabel(names=names) if role == "label" else Value("string") for role in wanted})
    tables = {part: rows[list(columns)].reset_index(drop=True) for part, rows in parts.items()}
    return DatasetDict({part: Dataset.from_pandas(rows, features=columns) for part, rows in tables.items()})


def _point_out_entities(texts: pd.Series) -> None:
    """Say once that texts hold characters as HTML writes them, which a model reads as they are."""
    found = texts.map(entity).dropna()
    if len(found):
        some = ", ".join(found.unique()[:3])
        print(f"{len(found):,} texts hold HTML codes such as {some}: html.unescape(text) makes characters of them.")


def _rows(rows: pd.Series | pd.Index) -> str:
    """The first few of some row numbers, for a message."""
    first = ", ".join(map(str, list(rows)[:5]))
    return f"row{'s' if len(rows) > 1 else ''} {first}{', …' if len(rows) > 5 else ''}"


def _classes(frame: pd.DataFrame, column: str, table: pd.DataFrame, file: str) -> tuple[pd.Series, list[str]]:
    """The labels as names of classes, and these names in order. Raises DataError where they are not classes."""
    labels, folded, what = frame["label"], frame["label"].str.casefold(), f'Column "{column}" of {file}'
    are_numbers = labels.str.fullmatch(r"[+-]?\d+([.,]\d+)?").all()
    if set(folded) <= {"true", "false"}:
        labels = folded.str.capitalize()
    by_number = lambda name: (Decimal(name.replace(",", ".")), name)  # noqa: E731
    names = sorted(set(labels), key=by_number if are_numbers else lambda name: (name.casefold(), name))
    if len(names) > 2 and 3 * len(names) > len(frame):
        few = [str(name) for name, values in table.items() if 2 <= values.nunique() < len(names)]
        found = f"{len(names):,} values in {len(frame):,} rows (such as {names[0][:40]}). Is it a score, an id, a text?"
        advice = f"Group them into classes. Columns with fewer values: {', '.join(few) or 'none'}."
        raise DataError(f"{what} has {found} {advice}")
    if len(names) == 1:
        raise DataError(f'{what} says "{names[0]}" in all {len(frame):,} rows with a text. Two classes are needed.')
    for pair in zip(names, names[1:], strict=False):
        if pair[0].casefold() == pair[1].casefold():
            rows = [frame["row"][labels == name] for name in pair]
            spelled = [f'"{name}" ({len(each):,}; {_rows(each)})' for name, each in zip(pair, rows, strict=True)]
            raise DataError(
                f"{what} spells a label in two ways: {' and '.join(spelled)}. Spell it the same way everywhere."
            )
    return labels, names


def _parts(frame: pd.DataFrame, names: list[str], seed: int, file: str) -> dict[str, pd.DataFrame]:
    """The split. Raises DataError with all classes that have too few texts that are not near-copies of each other."""
    run = splits.SHARED_RUN_LONG if frame["text"].map(splits.length).median() > LONG else splits.SHARED_RUN
    groups = frame.assign(group=splits.same_source(frame["text"], run)).groupby("label")["group"].nunique()
    groups = groups.reindex(names, fill_value=0)
    rare = groups[groups < FEWEST]
    if len(rare):
        rows = {name: frame["row"][frame["label"] == name] for name in rare.index[:4]}
        places = {name: f" ({_rows(found)})" for name, found in rows.items() if len(found)}
        found = ", ".join(f'"{name[:40]}" {count}{places.get(name, "")}' for name, count in rare.items())
        raise DataError(
            f"Too few texts that share no run of {run} words, of which {FEWEST} are needed of each class in {file}: "
            f"{found}. Label more, merge them with another class, or leave their labels empty."
        )
    return splits.split(frame, run, seed)

"""Scores over seeds and over the folds of a cross-validation: means, spreads, and fair comparisons."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from helpers.metrics.intervals import Interval
from helpers.metrics.resampling import tail
from helpers.metrics.scores import shown

SPREADS = {"sd": ("S.D.", 4), "se": ("corrected S.E.", 3)}  # heading and decimals, as in Table S2 and in Table 6


def fold_statistics(scores: pd.DataFrame, splits: int | None = None) -> pd.DataFrame:
    """Mean, standard deviation (n - 1) and standard error of each system over its n folds.

    The standard error is corrected for folds that share training texts (see `fold_factor`).

    Parameters
    ----------
    scores : pandas.DataFrame
        One row for each system and fold, with the columns system, fold, and any number of scores; a score that does
        not apply to a system is missing in all its rows.
    splits : int, optional
        Into how many parts the texts were cut, where not all of them were held out in turn: 5 for three of five folds.

    Returns
    -------
    pandas.DataFrame
        A row for each system. Columns: (score, "mean"), (score, "sd"), (score, "se"), then ("folds", "").

    Raises
    ------
    ValueError
        For missing columns, a fold that comes twice, and a score that only some folds have.
    """
    measures = [column for column in scores.columns if column not in ("system", "fold")]
    if len(scores.columns) - len(measures) != 2 or not measures or scores.empty:
        found = f"{len(scores)} rows of {', '.join(map(str, scores.columns))}"
        raise ValueError(f"Expected rows with the columns system, fold and at least one score; got {found}.")
    for system, rows in scores.groupby("system", sort=False, observed=True):
        if rows["fold"].duplicated().any():
            raise ValueError(f"{system} has a fold more than once. Put all its scores of a fold into one row.")
        for measure, count in rows[measures].count().items():
            if 0 < count < len(rows):
                raise ValueError(
                    f"{system} has {measure} for {count} of {len(rows)} folds. Run the others or drop them."
                )
    grouped = scores.groupby("system", sort=False, observed=True)
    means, deviations = grouped[measures].mean(), grouped[measures].std(ddof=1)
    errors = deviations.mul(grouped.size().map(lambda folds: fold_factor(folds, splits)) ** 0.5, axis="index")
    parts = {"mean": means, "sd": deviations, "se": errors}
    columns = {(measure, part): frame[measure] for measure in measures for part, frame in parts.items()}
    return pd.DataFrame(columns | {("folds", ""): grouped.size()})


def cross_validation_table(scores: pd.DataFrame, spread: str = "sd", splits: int | None = None) -> pd.DataFrame:
    """Tabulate the mean of each system over its folds, with the spread in parentheses, as published tables do.

    Taught on Day 2, "Comparing classifiers".

    Parameters
    ----------
    scores : pandas.DataFrame
        One row for each system and fold, with the columns system, fold, and any number of scores.
    spread : str
        "sd" (standard deviation), as in Table S2 (Kim et al. 2022), or "se" (standard error). Table 6 (Bestvater and
        Monroe 2023) has standard errors too; ours are corrected for folds that share training texts.
    splits : int, optional
        As for `fold_statistics`.

    Returns
    -------
    pandas.DataFrame
        Text, a row for each system. A score that does not apply is an empty cell, and one fold alone has no spread.

    Raises
    ------
    ValueError
        As `fold_statistics`, and for another spread.
    """
    if spread not in SPREADS:
        raise ValueError(f'spread is {spread!r}. It can be "sd" (standard deviation) or "se" (standard error).')
    statistics, (heading, decimals) = fold_statistics(scores, splits), SPREADS[spread]
    numbers = shown(statistics.drop(columns="folds", level=0), decimals)
    table = pd.DataFrame(index=statistics.index)
    for measure in numbers.columns.unique(level=0):
        width = numbers[measure, spread].map(lambda text: f" ({text})" if text else "")
        table[f"{measure} ({heading})"] = numbers[measure, "mean"] + width
    return table.assign(folds=statistics["folds", ""])


def fold_difference(
    scores: pd.DataFrame, first: str, second: str, measure: str, level: float = 0.95, splits: int | None = None
) -> Interval:
    """How much better one system is than another over the folds of a cross-validation that both went through.

    Taught on Day 2, "Table 6 in five folds".

    Parameters
    ----------
    scores : DataFrame
        As for `helpers.metrics.cross_validation_table`: the columns system, fold, and the measure.
    first, second : str
        Names of systems.
    measure : str
        The column to compare.
    level : float
        How often such intervals hold the true difference, from 0 to 1.
    splits : int, optional
        As for `fold_statistics`.

    Returns
    -------
    Interval
        The mean of the differences by fold, with the t interval whose variance is corrected for folds that share
        training texts (see `fold_factor`).

    Raises
    ------
    ValueError
        Where the two were not run on the same folds, or on fewer than three.
    """
    if measure not in scores:
        raise ValueError(f"There is no score {measure!r}. There are: {', '.join(map(str, scores.columns))}.")
    if unknown := [name for name in (first, second) if name not in set(scores["system"])]:
        raise ValueError(f"There is no system {unknown[0]!r}. There are: {', '.join(scores['system'].unique())}.")
    own = scores.loc[scores["system"].isin([first, second]), ["system", "fold", measure]]
    fold_statistics(own)  # refuses a fold that comes twice
    wide = own.pivot(index="fold", columns="system", values=measure)
    differences = wide[first] - wide[second]
    if differences.isna().any() or len(differences) < 3:
        raise ValueError(f"{first} and {second} need three folds or more, the same for both; got {len(wide)}.")
    half = stats.t.ppf(1 - tail(level), len(differences) - 1) * differences.std(ddof=1)
    half *= fold_factor(len(differences), splits) ** 0.5
    return Interval(float(differences.mean()), float(differences.mean() - half), float(differences.mean() + half))


def mean_and_interval(values: Sequence[float], level: float = 0.95) -> Interval:
    """The mean of independent runs (seeds), with the interval of the t distribution.

    Taught on Day 3, "Searching honestly".

    For folds, which share training texts, see `fold_difference`.

    Parameters
    ----------
    values : sequence of float, shape (runs,)
        A number for each run.
    level : float
        How often such intervals hold the true mean, from 0 to 1.

    Returns
    -------
    Interval
        The mean, with an interval that covers other runs of the same kind.

    Raises
    ------
    ValueError
        For fewer than two numbers, a missing one, or a level that is not between 0 and 1.
    """
    runs = np.asarray(values, dtype=float)
    if runs.ndim != 1 or len(runs) < 2 or not np.isfinite(runs).all():
        raise ValueError(f"Expected two numbers or more, none missing; got {list(values)}. Add runs or drop gaps.")
    half = stats.t.ppf(1 - tail(level), len(runs) - 1) * stats.sem(runs)
    return Interval(float(runs.mean()), float(runs.mean() - half), float(runs.mean() + half))


def fold_factor(folds: int, splits: int | None = None) -> float:
    """The variance of a mean over folds, as a multiple of the variance between folds (Nadeau and Bengio 2003).

    1/k + 1/(s - 1) in place of 1/k for k folds of texts that were cut into s parts, because the folds share training
    texts. With five of five folds the standard error is 1.5 times the naive one.
    """
    return 1 / folds + 1 / ((splits or folds) - 1) if folds > 1 else float("nan")

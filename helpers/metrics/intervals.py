"""How sure a measured score is: intervals for the scores of one system, and for the agreement of two coders.

An interval says how much a number would differ on other texts of the same kind. It says nothing about wrong labels, nor
about texts of a different kind. Scores of a confusion matrix get a Bayesian bootstrap (resampling.py), and proportions
Wilson's interval (1927).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from helpers.metrics.resampling import (
    Score,
    count,
    ends,
    imaginary_rows,
    numbered,
    tail,
    warn_of_few_rows,
    weighted_tables,
    weights_of_rows,
)


@dataclass(frozen=True)
class Interval:
    """A number and the ends of its interval; prints as "0.95 [0.92, 0.98]", with more digits as f"{interval:.3f}".

    Attributes
    ----------
    value : float
        The number.
    low, high : float
        The ends of its interval.
    note : str
        What is printed instead of the interval, where there is something better to say.
    """

    value: float
    low: float
    high: float
    note: str = ""

    def __format__(self, form: str) -> str:
        value, low, high = (f"{number:z{form or '.2f'}}" for number in (self.value, self.low, self.high))
        return f"{value} ({self.note})" if self.note else f"{value} [{low}, {high}]"

    def __str__(self) -> str:
        return format(self)


def bootstrap_interval(
    truth: Sequence, predicted: Sequence, score: str = "macro_f1", level: float = 0.95, resamples: int = 2000,
    seed: int = 0, groups: Sequence | None = None,
) -> Interval:  # fmt: skip
    """A score of a classifier on these rows, with its interval. Taught on Day 2, "Evaluation".

    Parameters
    ----------
    truth, predicted : sequence of int or str, shape (rows,)
        Class numbers or class names.
    score : str
        "accuracy", "macro_precision", "macro_recall", "macro_f1", or that of one class by its label, such as "f1_1" or
        "recall_Uncivil". Macro averages are over the classes of the truth.
    level : float
        How often such intervals hold the true score, from 0 to 1.
    resamples, seed : int
        Number of draws, and what makes them repeatable.
    groups : sequence, shape (rows,), optional
        What the rows belong to, such as their speaker. Whole groups are weighted then, because texts of one speaker
        resemble each other.

    Returns
    -------
    Interval
        Wilson's for a proportion (accuracy, precision or recall of a class, without groups), else a Bayesian bootstrap
        interval. Where no row is wrong, a macro score has the exact bound of the accuracy as its note.

    Raises
    ------
    ValueError
        For labels that do not fit together, or an unknown score.

    Warns
    -----
    UserWarning
        Where a class of the truth has fewer than ten rows (not for the accuracy).
    """
    classes, (truth, predicted) = numbered(truth=truth, predicted=predicted)
    measure = Score(score, classes)
    tail(level)  # refuses what is no share
    warn_of_few_rows(truth, classes, measure)
    size, (truth, predicted) = measure.joined(truth, predicted)
    table = count(truth, predicted, size)
    value = float(measure(table))
    if groups is None and measure.is_proportion:
        return Interval(value, *_wilson(*measure.counts(table), level))
    patterns, weights, random = weights_of_rows([truth, predicted], groups, resamples, seed)
    (prior,) = imaginary_rows(truth, size, random, resamples)
    draws = measure(prior + weighted_tables(patterns, weights, size))
    note = ""
    if measure.place is None and (truth == predicted).all():
        # As if the rows of a group were right or wrong together.
        trials = len(truth) if groups is None else len(pd.unique(np.asarray(groups)))
        bound = stats.binomtest(trials, trials).proportion_ci(level, method="exact").low
        note = f"no errors in {len(truth)} rows; accuracy at least {bound:.3f}"
    return Interval(value, *ends(draws, value, level), note)


def kappa(first: Sequence, second: Sequence, level: float = 0.95, resamples: int = 2000, seed: int = 0) -> Interval:
    """Cohen's (1960) kappa of two coders of the same texts, with its interval.

    Taught on Day 2, "Sentiment is not stance".

    Parameters
    ----------
    first, second : sequence, shape (texts,)
        The labels that each coder gave.
    level, resamples, seed
        As in `bootstrap_interval`.

    Returns
    -------
    Interval
        1 is perfect agreement and 0 that of chance; with a Bayesian bootstrap interval over the texts.

    Raises
    ------
    ValueError
        For labels that do not fit together, or only one label in all.
    """
    classes, (first, second) = numbered(first=first, second=second)
    if len(classes) < 2:
        raise ValueError(f"Both coders gave every text the label {classes[0]!r}. Kappa needs texts of two classes.")
    size, value = len(classes), float(_kappa(count(first, second, len(classes))))
    patterns, weights, random = weights_of_rows([first, second], None, resamples, seed)
    (prior,) = imaginary_rows(np.arange(size), size, random, resamples)
    draws = _kappa(prior + weighted_tables(patterns, weights, size))
    return Interval(value, *ends(draws, value, level))


def _kappa(table: np.ndarray) -> np.ndarray:
    rows = table.sum(axis=(-2, -1))
    agreed = np.trace(table, axis1=-2, axis2=-1) / rows
    chance = (table.sum(axis=-1) * table.sum(axis=-2)).sum(axis=-1) / rows**2
    return (agreed - chance) / (1 - chance)


def _wilson(successes: float, trials: float, level: float) -> tuple[float, float]:
    """Wilson's interval of a proportion; from 0 to 1 where there is no trial."""
    if not trials:
        return 0.0, 1.0
    found = stats.binomtest(int(successes), int(trials)).proportion_ci(level, method="wilson")
    return float(found.low), float(found.high)

"""How sure a measured score is: intervals for scores, differences and agreement.

An interval says how much a number would differ on other texts (or runs) of the same kind. It says nothing about wrong
labels, nor about texts of a different kind.

Scores of a confusion matrix get a Bayesian bootstrap (Rubin 1981): the rows receive random weights that sum to 1, the
score is computed again, and the interval is the middle 95% of 2,000 such scores. Two imaginary rows, spread over the
classes, half right and half wrong, are added before (with two classes it is Jeffreys' prior), because an error that no
row shows could never come up in a resample. A score of one class sees two classes, that one and the others.
Proportions get Wilson's interval (1927).
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from helpers.metrics.scores import MEASURES, as_labels, same_length

FEW_ROWS = 10  # of a class: below, its interval is a rough guide
FEW_DISCORDANT = 10  # rows on which just one of two systems is right: below, no interval decides between them


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


@dataclass(frozen=True)
class Difference(Interval):
    """The score of one system minus that of another on the same rows, with McNemar's exact test of their errors.

    Attributes
    ----------
    value, low, high, note
        As for `Interval`.
    first_alone, second_alone : float
        Rows on which only the first or only the second system is right, with a score of one class right about that
        class (with several seeds, their mean).
    p_value : float or None
        Of McNemar's test that both are equally likely; None with several seeds or with groups, because the test counts
        independent rows.
    """

    first_alone: float = 0
    second_alone: float = 0
    p_value: float | None = None

    def __format__(self, form: str) -> str:
        counts = f"right alone: {self.first_alone:.4g} and {self.second_alone:.4g}"
        if self.p_value is not None:
            counts += f", McNemar p {'< 0.001' if self.p_value < 0.001 else f'= {self.p_value:.3f}'}"
        return f"{super().__format__(form)} ({counts})"

    @property
    def verdict(self) -> str:
        """In words: higher, lower, not distinguishable, or too few discordant rows to say."""
        if self.first_alone + self.second_alone < FEW_DISCORDANT:
            return f"too few rows on which only one system is right ({self.first_alone + self.second_alone:.4g}) to say"
        return "higher" if self.low > 0 else "lower" if self.high < 0 else "not distinguishable"


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
    classes, (truth, predicted) = _numbered(truth=truth, predicted=predicted)
    measure = _Score(score, classes)
    tail(level)  # refuses what is no share
    _warn_of_few_rows(truth, classes, measure)
    size, (truth, predicted) = measure.joined(truth, predicted)
    table = _count(truth, predicted, size)
    value = float(measure(table))
    if groups is None and measure.is_proportion:
        return Interval(value, *_wilson(*measure.counts(table), level))
    patterns, weights, random = _weights([truth, predicted], groups, resamples, seed)
    (prior,) = _priors(truth, size, random, resamples)
    draws = measure(prior + _tables(patterns, weights, size))
    note = ""
    if measure.place is None and (truth == predicted).all():
        # As if the rows of a group were right or wrong together.
        trials = len(truth) if groups is None else len(pd.unique(np.asarray(groups)))
        bound = stats.binomtest(trials, trials).proportion_ci(level, method="exact").low
        note = f"no errors in {len(truth)} rows; accuracy at least {bound:.3f}"
    return Interval(value, *_ends(draws, value, level), note)


def bootstrap_difference(
    truth: Sequence, first: Sequence, second: Sequence, score: str = "macro_f1", level: float = 0.95,
    resamples: int = 2000, seed: int = 0, groups: Sequence | None = None,
) -> Difference:  # fmt: skip
    """The score of the first system minus that of the second, with its interval and McNemar's exact test.

    Taught on Day 2, "The test set, opened once".

    Parameters
    ----------
    truth : sequence, shape (rows,)
        As in `bootstrap_interval`, like the other parameters.
    first, second : sequence, shape (rows,) or (seeds, rows)
        What each system predicts for these rows. With several seeds the difference is averaged over them, and the
        interval covers other seeds, too.

    Returns
    -------
    Difference
        Both systems are measured on the same weighted rows, so what is hard for both cancels out. Its `verdict` says
        in words what the interval allows to claim.

    Raises
    ------
    ValueError
        As in `bootstrap_interval`, and for different numbers of seeds.
    """
    first, second = _by_seed(first), _by_seed(second)
    if len(first) != len(second):
        raise ValueError(f"first has {len(first)} seeds and second {len(second)}. Give the same number of each.")
    columns = {
        name if len(runs) == 1 else f"{name}[{number}]": run
        for name, runs in {"first": first, "second": second}.items()
        for number, run in enumerate(runs)
    }
    classes, (truth, *runs) = _numbered(truth=truth, **columns)
    measure = _Score(score, classes)
    _warn_of_few_rows(truth, classes, measure)
    size, (truth, *runs) = measure.joined(truth, *runs)
    patterns, weights, random = _weights([truth, *runs], groups, resamples, seed)
    priors = _priors(truth, size, random, resamples, systems=2)
    values, differences, alone = [], [], []
    for one in range(len(first)):
        pair = one, one + len(first)
        tables = [
            _tables(patterns[[0, 1 + run]], weights, size) + prior for run, prior in zip(pair, priors, strict=True)
        ]
        differences.append(measure(tables[0]) - measure(tables[1]))
        values.append(np.subtract(*(measure(_count(truth, runs[run], size)) for run in pair)))
        is_right = [runs[run] == truth for run in pair]
        alone.append([(is_right[0] & ~is_right[1]).sum(), (is_right[1] & ~is_right[0]).sum()])
    draws = _mean_over_seeds(np.stack(differences, axis=1), random)
    value, (first_alone, second_alone) = float(np.mean(values)), np.mean(alone, axis=0)
    is_plain = len(first) == 1 and groups is None
    p_value = _mcnemar(int(first_alone), int(second_alone)) if is_plain else None
    return Difference(value, *_ends(draws, value, level), "", float(first_alone), float(second_alone), p_value)


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
    classes, (first, second) = _numbered(first=first, second=second)
    if len(classes) < 2:
        raise ValueError(f"Both coders gave every text the label {classes[0]!r}. Kappa needs texts of two classes.")
    size, value = len(classes), float(_kappa(_count(first, second, len(classes))))
    patterns, weights, random = _weights([first, second], None, resamples, seed)
    (prior,) = _priors(np.arange(size), size, random, resamples)
    draws = _kappa(prior + _tables(patterns, weights, size))
    return Interval(value, *_ends(draws, value, level))


def _mean_over_seeds(differences: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The mean over seeds of each resample (resamples, seeds), which also varies as other seeds would make it vary.

    Random weights of k seeds vary too little by the factor (k - 1) / (k + 1), which is a half for three.
    """
    resamples, seeds = differences.shape
    means = differences.mean(axis=1)
    if seeds == 1:
        return means
    drawn = (differences * random.dirichlet(np.ones(seeds), resamples)).sum(axis=1)
    return means + (drawn - means) * ((seeds + 1) / (seeds - 1)) ** 0.5


def _mcnemar(first_alone: int, second_alone: int) -> float:
    """McNemar's (1947) exact test: are the two equally often right alone?"""
    discordant = first_alone + second_alone
    return float(stats.binomtest(first_alone, discordant).pvalue) if discordant else 1.0


def _wilson(successes: float, trials: float, level: float) -> tuple[float, float]:
    """Wilson's interval of a proportion; from 0 to 1 where there is no trial."""
    if not trials:
        return 0.0, 1.0
    found = stats.binomtest(int(successes), int(trials)).proportion_ci(level, method="wilson")
    return float(found.low), float(found.high)


class _Score:
    """A score as a function of confusion matrices (..., truth, predicted), over the classes that the truth has."""

    def __init__(self, score: str, classes: np.ndarray):
        names = [str(label) for label in classes]
        first, _, last = str(score).partition("_")
        self.measure, label = (last, None) if first == "macro" else (first, last)
        if score != "accuracy" and (self.measure not in MEASURES or label not in (None, *names)):
            known = f"accuracy, macro_f1, ..., f1_{names[-1]}, ... (labels: {', '.join(names)})"
            raise ValueError(f"There is no score {score!r} of these labels. There are: {known}.")
        self.size, self.place = len(names), names.index(label) if label in names else None
        self.is_proportion = score == "accuracy" or (self.place is not None and self.measure != "f1")

    def __call__(self, table: np.ndarray) -> np.ndarray:
        right, true, found = np.diagonal(table, axis1=-2, axis2=-1), table.sum(axis=-1), table.sum(axis=-2)
        if self.measure == "accuracy":
            return right.sum(axis=-1) / true.sum(axis=-1)
        top, bottom = {"precision": (right, found), "recall": (right, true), "f1": (2 * right, true + found)}[
            self.measure
        ]
        values = np.divide(top, bottom, out=np.zeros(top.shape), where=bottom > 0)
        if self.place is not None:  # joined: this class is 1
            return values[..., 1]
        return np.where(true > 0, values, 0).sum(axis=-1) / (true > 0).sum(axis=-1)

    def joined(self, *columns: np.ndarray) -> tuple[int, list[np.ndarray]]:
        """For a score of one class, all other classes as one: the number of classes, and the columns."""
        if self.place is None:
            return self.size, list(columns)
        return 2, [(column == self.place).astype(int) for column in columns]

    def counts(self, table: np.ndarray) -> tuple[float, float]:
        """Successes and trials of a score that is a proportion."""
        if self.measure == "accuracy":
            return np.trace(table), table.sum()
        trials = table[:, 1] if self.measure == "precision" else table[1]
        return table[1, 1], trials.sum()


def _kappa(table: np.ndarray) -> np.ndarray:
    rows = table.sum(axis=(-2, -1))
    agreed = np.trace(table, axis1=-2, axis2=-1) / rows
    chance = (table.sum(axis=-1) * table.sum(axis=-2)).sum(axis=-1) / rows**2
    return (agreed - chance) / (1 - chance)


def _count(truth: np.ndarray, predicted: np.ndarray, size: int) -> np.ndarray:
    """The confusion matrix: (size, size)."""
    return np.bincount(truth * size + predicted, minlength=size * size).reshape(size, size)


def _weights(columns: list[np.ndarray], groups: Sequence | None, resamples: int, seed: int) -> tuple:
    """Random weights of the rows, with the mean 1, added up over rows that are alike.

    Returns the distinct rows as columns (columns, patterns), the weights (resamples, patterns), and the generator.
    """
    random = np.random.default_rng(seed)
    patterns, place, counts = np.unique(np.stack(columns), axis=1, return_inverse=True, return_counts=True)
    if groups is None:
        return patterns, random.gamma(counts, size=(resamples, len(counts))), random
    group = pd.factorize(np.asarray(groups))[0]
    same_length(groups=group, truth=columns[0])
    if (group < 0).any() or group.max() < 1:
        raise ValueError("groups must name two groups or more, and one for each row.")
    inside = np.zeros((group.max() + 1, len(counts)))
    np.add.at(inside, (group, place.ravel()), 1)
    return patterns, random.gamma(1, size=(resamples, len(inside))) @ inside, random


def _tables(patterns: np.ndarray, weights: np.ndarray, size: int) -> np.ndarray:
    """Confusion matrices (resamples, size, size) of patterns, truth and predicted, with their weights."""
    one_hot = np.zeros((len(patterns[0]), size * size))
    one_hot[np.arange(len(one_hot)), patterns[0] * size + patterns[1]] = 1
    return (weights @ one_hot).reshape(-1, size, size)


def _priors(truth: np.ndarray, size: int, random: np.random.Generator, resamples: int, systems: int = 1) -> list:
    """Weights of the imaginary rows as a confusion matrix for each system: (resamples, size, size).

    In a class of the truth, each way in which the systems can be right or wrong is equally likely. What is wrong is
    spread over the other classes.
    """
    classes = np.unique(truth)
    rows = np.zeros((size, *[2] * systems))
    rows[classes] = 2 / max(len(classes), 2) / 2**systems
    mass, right = random.gamma(rows, size=(resamples, *rows.shape)), np.eye(size)
    priors = []
    for system in range(systems):
        by_class = mass.sum(axis=tuple(2 + other for other in range(systems) if other != system))[..., None, :]
        priors.append(by_class[..., 0] * right + by_class[..., 1] * (1 - right) / max(size - 1, 1))
    return priors


def _ends(draws: np.ndarray, value: float, level: float) -> tuple[float, float]:
    """The middle share of the draws; the measured value is never outside."""
    low, high = np.nanquantile(draws, [tail(level), 1 - tail(level)])
    return min(float(low), value), max(float(high), value)


def tail(level: float) -> float:
    """What an interval leaves out at each end. Raises ValueError for a level that is no share."""
    if not 0 < level < 1:
        raise ValueError(f"level is {level}; expected a share between 0 and 1, such as 0.95.")
    return (1 - level) / 2


def _warn_of_few_rows(truth: np.ndarray, classes: np.ndarray, measure: _Score) -> None:
    if measure.measure == "accuracy":
        return
    counts = np.bincount(truth, minlength=len(classes))
    few = [f"{label} ({count})" for label, count in zip(classes, counts, strict=True) if 0 < count < FEW_ROWS]
    if few:
        advice = "intervals of scores that depend on them are rough guides"
        warnings.warn(f"Classes with fewer than {FEW_ROWS} rows: {', '.join(few)}; {advice}.", stacklevel=3)


def _by_seed(predicted: Sequence) -> list[Sequence]:
    """The runs of a system: those of a list of runs, or the one run that was given."""
    runs = isinstance(predicted, list | tuple) and len(predicted) and np.ndim(predicted[0]) == 1
    return list(predicted) if runs or getattr(predicted, "ndim", 1) == 2 else [predicted]


def _numbered(**columns: Sequence) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """The labels that occur, sorted, and each column as positions (rows) in these."""
    arrays = {name: as_labels(labels, name) for name, labels in columns.items()}
    same_length(**arrays)
    if len({labels.dtype.kind for labels in arrays.values()}) > 1:
        raise ValueError(f"Of {', '.join(arrays)} some are class numbers and some are names. Give all as one kind.")
    classes, positions = np.unique(np.stack(list(arrays.values())), return_inverse=True)
    positions = positions.reshape(len(arrays), -1)
    if positions.shape[1] < 2:
        raise ValueError("There is one row, and one row has no interval. Give two or more.")
    return classes, tuple(positions)

"""Random weights of the rows, as draws of a confusion matrix: a Bayesian bootstrap (Rubin 1981).

The rows receive random weights that sum to 1, the score is computed again, and its interval is the middle 95% of many
such scores. Two imaginary rows, spread over the classes, half right and half wrong, are added before (with two classes
it is Jeffreys' prior), because an error that no row shows could never come up in a resample. A score of one class sees
two classes, that one and the others.
"""

import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd

from helpers.metrics.scores import MEASURES, as_labels, same_length

FEW_ROWS = 10  # of a class: below, its interval is a rough guide


class Score:
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


def numbered(**columns: Sequence) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
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


def count(truth: np.ndarray, predicted: np.ndarray, size: int) -> np.ndarray:
    """The confusion matrix: (size, size)."""
    return np.bincount(truth * size + predicted, minlength=size * size).reshape(size, size)


def weights_of_rows(columns: list[np.ndarray], groups: Sequence | None, resamples: int, seed: int) -> tuple:
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


def weighted_tables(patterns: np.ndarray, weights: np.ndarray, size: int) -> np.ndarray:
    """Confusion matrices (resamples, size, size) of patterns, truth and predicted, with their weights."""
    one_hot = np.zeros((len(patterns[0]), size * size))
    one_hot[np.arange(len(one_hot)), patterns[0] * size + patterns[1]] = 1
    return (weights @ one_hot).reshape(-1, size, size)


def imaginary_rows(truth: np.ndarray, size: int, random: np.random.Generator, resamples: int, systems: int = 1) -> list:
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


def ends(draws: np.ndarray, value: float, level: float) -> tuple[float, float]:
    """The middle share of the draws; the measured value is never outside."""
    low, high = np.nanquantile(draws, [tail(level), 1 - tail(level)])
    return min(float(low), value), max(float(high), value)


def tail(level: float) -> float:
    """What an interval leaves out at each end. Raises ValueError for a level that is no share."""
    if not 0 < level < 1:
        raise ValueError(f"level is {level}; expected a share between 0 and 1, such as 0.95.")
    return (1 - level) / 2


def warn_of_few_rows(truth: np.ndarray, classes: np.ndarray, measure: Score) -> None:
    if measure.measure == "accuracy":
        return
    counts = np.bincount(truth, minlength=len(classes))
    few = [f"{label} ({count})" for label, count in zip(classes, counts, strict=True) if 0 < count < FEW_ROWS]
    if few:
        advice = "intervals of scores that depend on them are rough guides"
        warnings.warn(f"Classes with fewer than {FEW_ROWS} rows: {', '.join(few)}; {advice}.", stacklevel=3)

"""How certain a measured number is: intervals for scores, differences, shares and agreement; calibration.

An interval says how much the number would differ on other texts (or runs) of the same kind. It says nothing about
labels that are wrong, or about texts of another kind.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from helpers.metrics.scores import MEASURES, as_labels, same_length

AT_ONCE = 2_000_000  # labels that the bootstrap holds in memory at once


@dataclass(frozen=True)
class Interval:
    """A number with the ends of its interval; prints as "0.95 [0.92, 0.98]", with more digits as f"{interval:.3f}"."""

    value: float
    low: float
    high: float

    def __format__(self, form: str) -> str:
        value, low, high = (f"{number:z{form or '.2f'}}" for number in (self.value, self.low, self.high))
        return f"{value} [{low}, {high}]"

    def __str__(self) -> str:
        return format(self)


def bootstrap_interval(truth, predicted, score="macro_f1", level=0.95, resamples=2000, seed=0) -> Interval:
    """Measure a score with its bootstrap interval: rows are resampled, truth and prediction together.

    The interval is BCa (Efron 1987, by scipy), because scores near 1 are skewed: of 4,500 simulated samples of 200
    rows with a true macro F1 of 0.97, its 95% intervals contained it in 94%, percentile ones in 92%. It is a percentile
    interval where BCa is undefined.

    Parameters
    ----------
    truth, predicted : sequence
        Labels of the same rows, as class numbers or class names.
    score : str or callable
        "accuracy", "macro_precision", "macro_recall", "macro_f1", "kappa", or that of one class by its label, such as
        "f1_1" or "recall_Uncivil"; or a function of (truth, predicted), which takes seconds rather than a moment.
    level : float
        Of the interval, between 0 and 1.
    resamples, seed : int
        Of the bootstrap.

    Returns
    -------
    Interval
        value, low and high.

    Raises
    ------
    ValueError
        For labels that do not fit together, and for unknown scores.

    Warns
    -----
    UserWarning
        Where every row is right.
    """
    classes, (truth, predicted) = _numbered(truth=truth, predicted=predicted)
    if (truth == predicted).all():
        advice = f"Up to about {min(1, 3 / len(truth)):.1%} errors are still possible (rule of three)."
        warnings.warn(f"All {len(truth)} rows are right: no resample can hold an error. {advice}", stacklevel=2)
    return _bootstrap((truth, predicted), _statistic(score, classes), level, resamples, seed)


def bootstrap_difference(truth, first, second, score="macro_f1", level=0.95, resamples=2000, seed=0) -> Interval:
    """Measure the score of the first system minus that of the second, with its bootstrap interval.

    Both are measured on the same resampled rows, so what is hard for both cancels out.

    Parameters
    ----------
    truth, first, second : sequence
        The labels, and two systems' predictions, of the same rows.
    score, level, resamples, seed
        As for `bootstrap_interval`.

    Returns
    -------
    Interval
        value, low and high of the difference.

    Raises
    ------
    ValueError
        As `bootstrap_interval` does.
    """
    classes, columns = _numbered(truth=truth, first=first, second=second)
    measure = _statistic(score, classes)
    return _bootstrap(columns, lambda t, a, b: measure(t, a) - measure(t, b), level, resamples, seed)


def kappa(first: Sequence, second: Sequence, level=0.95, resamples=2000, seed=0) -> Interval:
    """Measure Cohen's (1960) kappa of two coders of the same texts, with its bootstrap interval.

    Parameters
    ----------
    first, second : sequence
        The labels (texts) of each coder.
    level, resamples, seed
        As for `bootstrap_interval`.

    Returns
    -------
    Interval
        Its value is that of sklearn.metrics.cohen_kappa_score.

    Raises
    ------
    ValueError
        For labels that do not fit together, or are all the same.
    """
    classes, columns = _numbered(first=first, second=second)
    if len(classes) < 2:
        raise ValueError(f"Both coders gave every text the label {classes[0]!r}. Kappa needs texts of two classes.")
    return _bootstrap(columns, _statistic("kappa", classes), level, resamples, seed)


def mean_and_interval(values: Sequence[float], level: float = 0.95) -> Interval:
    """Average independent runs, such as seeds, with the interval of the t distribution.

    Over folds the interval is too narrow, because they share training data.

    Parameters
    ----------
    values : sequence of float
        One number for each run.
    level : float
        Of the interval, between 0 and 1.

    Returns
    -------
    Interval
        The mean, and the ends of its interval.

    Raises
    ------
    ValueError
        For fewer than two numbers, or missing ones.
    """
    runs = np.asarray(values, dtype=float)
    if runs.ndim != 1 or len(runs) < 2 or not np.isfinite(runs).all():
        raise ValueError(f"Expected two numbers or more, none missing; got {list(values)}. Add runs or drop gaps.")
    half = stats.t.ppf(1 - _tail(level), len(runs) - 1) * stats.sem(runs)
    return Interval(float(runs.mean()), float(runs.mean() - half), float(runs.mean() + half))


def calibration_table(truth: Sequence, probability: Sequence[float], bins: int = 10, positive=1) -> pd.DataFrame:
    """Compare probabilities with what is true: of the rows at about 0.8, are 80% of the class?

    Parameters
    ----------
    truth : sequence
        The labels (rows).
    probability : sequence of float
        Of the class `positive`, for each row. For a model with many classes give the highest probability, and
        truth == predicted as the truth.
    bins : int
        How many bins of equal width; the upper end belongs to the bin.
    positive : int or str
        The label of the class.

    Returns
    -------
    pandas.DataFrame
        A row for each bin. Columns: n, mean probability, share true (no number in an empty bin).

    Raises
    ------
    ValueError
        For numbers that are not probabilities, and a label that does not occur.
    """
    labels, probability = as_labels(truth, "truth"), np.asarray(probability, dtype=float)
    if probability.ndim != 1 or not ((probability >= 0) & (probability <= 1)).all():
        advice = "Take one column of the softmax: scipy.special.softmax(logits, axis=1)[:, 1]."
        raise ValueError(f"probability {probability.shape} must hold one number from 0 to 1 for each row. {advice}")
    same_length(truth=labels, probability=probability)
    if positive not in labels and not set(labels.tolist()) <= {0, 1}:
        raise ValueError(f"truth has no label {positive!r}. It has: {_listed(labels)}. Pass positive= one of these.")
    edges = np.linspace(0, 1, bins + 1)
    rows = pd.DataFrame({"mean probability": probability, "share true": labels == positive})
    grouped = rows.groupby(np.searchsorted(edges[1:-1], probability))
    table = grouped.mean().reindex(range(bins))
    table.insert(0, "n", grouped.size().reindex(range(bins), fill_value=0))
    return table.set_axis(pd.Index([f"{edges[i]:.2f} to {edges[i + 1]:.2f}" for i in range(bins)], name="bin"))


def expected_calibration_error(truth, probability, bins: int = 10, positive=1) -> float:
    """Average the distance between mean probability and share true over the bins, weighted by their n.

    By Naeini et al. (2015); Guo et al. (2017) use the highest probability and truth == predicted.

    Parameters
    ----------
    truth, probability, bins, positive
        As for `calibration_table`.

    Returns
    -------
    float
        From 0, which is perfect, to 1.

    Raises
    ------
    ValueError
        As `calibration_table` does.
    """
    table = calibration_table(truth, probability, bins, positive).query("n > 0")
    return float(np.average((table["mean probability"] - table["share true"]).abs(), weights=table["n"]))


def corrected_share(predicted_share: float, recall_of_positive: float, false_positive_rate: float) -> float:
    """Estimate the share of a class in new texts from the share that a classifier finds (Rogan and Gladen 1978).

    found = recall * share + false positive rate * (1 - share), solved for the share and cut to 0 to 1. It is valid
    where the classifier errs at the same rates as on the validation texts.

    Parameters
    ----------
    predicted_share : float
        The share of the new texts that the classifier puts into the class.
    recall_of_positive, false_positive_rate : float
        The classifier's rates on the validation texts.

    Returns
    -------
    float
        From 0 to 1.

    Raises
    ------
    ValueError
        For what is not a share, and for a recall that is not above the false positive rate.
    """
    for value in (predicted_share, recall_of_positive, false_positive_rate):
        if not 0 <= value <= 1:
            raise ValueError(f"{value} is not a share. Give the share, the recall and the rate as numbers from 0 to 1.")
    if recall_of_positive <= false_positive_rate:
        rates = f"recall {recall_of_positive:.2f}, false positive rate {false_positive_rate:.2f}"
        raise ValueError(f"The recall must be above the false positive rate ({rates}): use a better classifier.")
    share = (predicted_share - false_positive_rate) / (recall_of_positive - false_positive_rate)
    return float(np.clip(share, 0, 1))


def corrected_share_interval(
    validation_truth, validation_predicted, new_predicted, positive=1, level=0.95, resamples=2000, seed=0
) -> Interval:
    """Estimate the share of a class in new texts as `corrected_share` does, with a percentile bootstrap interval.

    The interval covers both uncertainties: the error rates, and which texts are in the new sample. Resampling rows
    and counting them is drawing the counts (multinomial), which is fast for any number of texts. A resample whose
    recall is not above its false positive rate counts as 0 for the lower end and as 1 for the upper end.

    Parameters
    ----------
    validation_truth, validation_predicted : sequence
        Labels and predictions of the validation texts.
    new_predicted : sequence
        Predictions for the new texts.
    positive : int or str
        The label of the class.
    level, resamples, seed
        As for `bootstrap_interval`.

    Returns
    -------
    Interval
        value, low and high of the share, from 0 to 1.

    Raises
    ------
    ValueError
        For labels that do not fit together, and where `corrected_share` has no solution.
    """
    classes, columns = _numbered(validation_truth=validation_truth, validation_predicted=validation_predicted)
    (truth, predicted), new = (classes[column] for column in columns), as_labels(new_predicted, "new_predicted")
    unknown = sorted(set(new.tolist()) - set(classes.tolist()), key=str)
    if unknown or positive not in truth or (truth == positive).all():
        what = f"new_predicted holds {unknown[0]!r}" if unknown else f"positive is {positive!r}"
        raise ValueError(f"{what}; validation_truth has: {_listed(truth)}. It needs that class and another.")
    cells = np.bincount(2 * (truth == positive) + (predicted == positive), minlength=4)
    found, rows = float((new == positive).mean()), len(truth)
    value = corrected_share(found, cells[3] / cells[2:].sum(), cells[1] / cells[:2].sum())

    random, tail = np.random.default_rng(seed), _tail(level)
    tn, fp, fn, tp = random.multinomial(rows, cells / rows, size=resamples).T
    share = random.binomial(len(new), found, size=resamples) / len(new)
    recall, false = tp / np.maximum(tp + fn, 1), fp / np.maximum(fp + tn, 1)
    share = np.clip((share - false) / np.where(recall > false, recall - false, 1), 0, 1)
    low, high = (np.where(recall > false, share, instead) for instead in (0, 1))
    return Interval(value, float(np.quantile(low, tail)), float(np.quantile(high, 1 - tail)))


def _listed(labels: np.ndarray) -> str:
    return ", ".join(repr(label) for label in np.unique(labels).tolist())


def _tail(level: float) -> float:
    if not 0 < level < 1:
        raise ValueError(f"level is {level}; expected a share between 0 and 1, such as 0.95.")
    return (1 - level) / 2


def _numbered(**columns: Sequence) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """The labels that occur, sorted, and each column as positions (rows) in these."""
    arrays = {name: as_labels(labels, name) for name, labels in columns.items()}
    same_length(**arrays)
    if len({labels.dtype.kind for labels in arrays.values()}) > 1:
        raise ValueError(f"Of {', '.join(arrays)} some are class numbers and some are names. Give all as one kind.")
    classes, positions = np.unique(np.stack(list(arrays.values())), return_inverse=True)
    if positions.shape[1] < 2:
        raise ValueError("There is one row, and one row has no interval. Give two or more.")
    return classes, tuple(positions)


def _statistic(score: str | Callable, classes: np.ndarray) -> Callable:
    """The score as a function of truth and predicted, each (rows) or (resamples, rows) of positions in classes."""
    if callable(score):
        return np.vectorize(
            lambda truth, predicted: score(classes[truth], classes[predicted]), [float], signature="(n),(n)->()"
        )
    names, numbers = [str(label) for label in classes], range(len(classes))
    first, _, last = score.partition("_")
    measure, label = (last, None) if first == "macro" else (first, last)
    if score not in ("accuracy", "kappa") and (measure not in MEASURES or label not in (None, *names)):
        known = f"accuracy, kappa, macro_f1, ..., f1_{names[-1]}, ... (labels: {', '.join(names)})"
        raise ValueError(f"There is no score {score!r} of these labels. There are: {known}, or give a function.")

    def by_name(truth, predicted):
        right = np.stack([((truth == c) & (predicted == c)).sum(axis=-1) for c in numbers])  # (classes, resamples)
        true, found = (np.stack([(part == c).sum(axis=-1) for c in numbers]) for part in (truth, predicted))
        rows = truth.shape[-1]
        if score == "accuracy":
            return right.sum(axis=0) / rows
        if score == "kappa":
            chance = (true * found).sum(axis=0) / rows**2
            return (right.sum(axis=0) / rows - chance) / (1 - chance)
        top, bottom = {"precision": (right, found), "recall": (right, true), "f1": (2 * right, true + found)}[measure]
        values = top / np.maximum(bottom, 1)
        return values.sum(axis=0) / (true + found > 0).sum(axis=0) if label is None else values[names.index(label)]

    return by_name


def _bootstrap(columns: tuple, statistic: Callable, level: float, resamples: int, seed: int) -> Interval:
    tail, random = _tail(level), np.random.default_rng(seed)
    how = {"paired": True, "vectorized": True, "batch": max(1, AT_ONCE // len(columns[0])), "random_state": random}
    how |= {"method": "BCa", "n_resamples": resamples, "confidence_level": level}
    # Resamples that are all alike have no BCa, and a resample of one class has no kappa: both are dealt with below.
    with warnings.catch_warnings(), np.errstate(invalid="ignore", divide="ignore"):
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        drawn = stats.bootstrap(columns, lambda *columns, axis: statistic(*columns), **how)
    ends = tuple(drawn.confidence_interval)
    if np.isnan(ends).any():
        ends = np.nanquantile(drawn.bootstrap_distribution, [tail, 1 - tail])
    return Interval(float(statistic(*columns)), float(ends[0]), float(ends[1]))

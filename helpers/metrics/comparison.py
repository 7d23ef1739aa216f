"""How sure a difference between two systems is, on the same rows and over several seeds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from helpers.metrics.intervals import Interval
from helpers.metrics.resampling import (
    Score,
    count,
    ends,
    imaginary_rows,
    numbered,
    warn_of_few_rows,
    weighted_tables,
    weights_of_rows,
)

FEW_DISCORDANT = 10  # rows on which just one of two systems is right: below, no interval decides between them


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
    classes, (truth, *runs) = numbered(truth=truth, **columns)
    measure = Score(score, classes)
    warn_of_few_rows(truth, classes, measure)
    size, (truth, *runs) = measure.joined(truth, *runs)
    patterns, weights, random = weights_of_rows([truth, *runs], groups, resamples, seed)
    priors = imaginary_rows(truth, size, random, resamples, systems=2)
    values, differences, alone = [], [], []
    for one in range(len(first)):
        pair = one, one + len(first)
        tables = [
            weighted_tables(patterns[[0, 1 + run]], weights, size) + prior
            for run, prior in zip(pair, priors, strict=True)
        ]
        differences.append(measure(tables[0]) - measure(tables[1]))
        values.append(np.subtract(*(measure(count(truth, runs[run], size)) for run in pair)))
        is_right = [runs[run] == truth for run in pair]
        alone.append([(is_right[0] & ~is_right[1]).sum(), (is_right[1] & ~is_right[0]).sum()])
    draws = _mean_over_seeds(np.stack(differences, axis=1), random)
    value, (first_alone, second_alone) = float(np.mean(values)), np.mean(alone, axis=0)
    is_plain = len(first) == 1 and groups is None
    p_value = _mcnemar(int(first_alone), int(second_alone)) if is_plain else None
    return Difference(value, *ends(draws, value, level), "", float(first_alone), float(second_alone), p_value)


def _by_seed(predicted: Sequence) -> list[Sequence]:
    """The runs of a system: those of a list of runs, or the one run that was given."""
    runs = isinstance(predicted, list | tuple) and len(predicted) and np.ndim(predicted[0]) == 1
    return list(predicted) if runs or getattr(predicted, "ndim", 1) == 2 else [predicted]


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

"""Whether predicted probabilities mean what they say.

For the Brier score, which also rewards probabilities near 0 and 1, use `sklearn.metrics.brier_score_loss`.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from helpers.metrics.scores import as_labels, same_length


def calibration_table(truth: Sequence, probability: Sequence[float], bins: int = 10, positive=1) -> pd.DataFrame:
    """Of the rows with a predicted probability of about 0.8, are 80% of the class? Taught on Day 2, "Calibration".

    Parameters
    ----------
    truth : sequence, shape (rows,)
        Labels.
    probability : sequence of float, shape (rows,)
        Of the class with the label `positive`. For a model of many classes, give truth == predicted and the highest
        probability.
    bins : int
        Number of bins of equal width; the upper end belongs to the bin.

    Returns
    -------
    DataFrame
        A row per bin: n, mean probability, share true (no number in an empty bin), as the points of
        `sklearn.calibration.calibration_curve`.

    Raises
    ------
    ValueError
        For what is no probability or no label.
    """
    labels, probability = as_labels(truth, "truth"), _probabilities(probability)
    same_length(truth=labels, probability=probability)
    if positive not in labels and not set(labels.tolist()) <= {0, 1}:
        found = ", ".join(repr(label) for label in np.unique(labels).tolist())
        raise ValueError(f"truth has no label {positive!r}. It has: {found}. Pass positive= one of these.")
    edges = np.linspace(0, 1, bins + 1)
    rows = pd.DataFrame({"mean probability": probability, "share true": labels == positive})
    grouped = rows.groupby(np.searchsorted(edges[1:-1], probability))
    table = grouped.mean().reindex(range(bins))
    table.insert(0, "n", grouped.size().reindex(range(bins), fill_value=0))
    return table.set_axis(pd.Index([f"{edges[i]:.2f} to {edges[i + 1]:.2f}" for i in range(bins)], name="bin"))


def expected_calibration_error(truth, probability, bins: int = 10, positive=1) -> float:
    """The distance between mean probability and share true, averaged over the rows of all bins (Naeini et al. 2015).

    Taught on Day 2, "Calibration".

    Parameters
    ----------
    truth, probability, bins, positive
        As in `calibration_table`.

    Returns
    -------
    float
        0 is perfect, but with few rows even a perfect model does not reach it: compare with `calibration_noise_floor`.

    Raises
    ------
    ValueError
        As `calibration_table` does.
    """
    table = calibration_table(truth, probability, bins, positive).query("n > 0")
    return float(np.average((table["mean probability"] - table["share true"]).abs(), weights=table["n"]))


def calibration_noise_floor(probability: Sequence[float], bins: int = 10, draws: int = 1000, seed: int = 0) -> float:
    """The expected calibration error that a perfectly calibrated model would show on so many rows.

    Taught on Day 2, "Calibration".

    Parameters
    ----------
    probability : sequence of float, shape (rows,)
        The probabilities whose error is to be judged. Labels are drawn from them, so they are right by construction.

    Returns
    -------
    float
        The mean error over the draws.
    """
    probability = _probabilities(probability)
    random = np.random.default_rng(seed)
    bin_of = np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], probability)
    surplus = (random.random((draws, len(probability))) < probability) - probability
    by_bin = np.stack([surplus[:, bin_of == number].sum(axis=1) for number in range(bins)])
    return float(np.abs(by_bin).sum(axis=0).mean() / len(probability))


def _probabilities(probability: Sequence[float]) -> np.ndarray:
    found = np.asarray(probability, dtype=float)
    if found.ndim != 1 or not len(found) or not ((found >= 0) & (found <= 1)).all():
        advice = "Take one column of the softmax: scipy.special.softmax(logits, axis=1)[:, 1]."
        raise ValueError(f"probability {found.shape} must hold one number from 0 to 1 for each row. {advice}")
    return found

"""The charts of results: losses, calibration, precision and recall, learning curves, shares over time.

Each function draws, shows and closes one figure; its alternative text has the numbers that it shows.
"""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy import stats

from helpers.plots.figures import show


def lengths(words: Mapping[str, Sequence[int]], title: str) -> None:
    """Draw histograms of text lengths, one for each class.

    Parameters
    ----------
    words : mapping of str to sequence of int
        For each class, the number of words of each of its texts.
    title : str
        Above the figure.
    """
    figure, axis = plt.subplots(figsize=(7, 2.6))
    longest = max(max(values) for values in words.values())
    for name, values in words.items():
        axis.hist(values, bins=np.linspace(0, longest, 16), alpha=0.6, label=name)
    axis.set(xlabel="words in a text", ylabel="texts", title=title)
    axis.legend()
    medians = ", ".join(f"{name} {np.median(values):.0f}" for name, values in words.items())
    show(figure, f"Histogram of text lengths by class. {title}. Median words: {medians}.")


def losses(trainer, title: str) -> None:
    """Draw the training and validation loss of a training, by epoch. Day 2 teaches to read it.

    Parameters
    ----------
    trainer : transformers.Trainer
        After `train()`, with losses logged; without evaluations there is no validation loss to draw.
    title : str
        Above the figure.

    Raises
    ------
    ValueError
        Where no loss was logged.
    """
    history = pd.DataFrame(trainer.state.log_history)
    names = {"loss": "training", "eval_loss": "validation"}
    logged = {column: name for column, name in names.items() if column in history}
    if not logged:
        raise ValueError('No loss was logged. Train with TrainingArguments(..., logging_strategy="epoch").')
    figure, axis = plt.subplots(figsize=(6, 2.8))
    told = []
    for column, name in logged.items():
        points = history.dropna(subset=column)
        axis.plot(points["epoch"], points[column], marker="o", markersize=4, label=name)
        told.append(f"{name} loss from {points[column].iloc[0]:.2f} to {points[column].iloc[-1]:.2f}")
    axis.set(xlabel="epoch", ylabel="loss", title=title)
    axis.legend()
    show(figure, f"{title}: {'; '.join(told)}.")


def calibration(table: pd.DataFrame, title: str) -> None:
    """Draw the share of texts that are positive against the probability that a model gave. Day 2, calibration.

    Parameters
    ----------
    table : pandas.DataFrame
        As `helpers.metrics.calibration_table` gives it: "mean probability", "share true" and "n" of each bin.
    title : str
        Above the figure.
    """
    shown = table[table["n"] > 0]
    figure, axis = plt.subplots(figsize=(3.8, 3.4))
    axis.plot([0, 1], [0, 1], color="gray", linestyle="--", label="calibrated")
    sizes = 20 + 280 * shown["n"] / shown["n"].max()  # the largest bin fills a tenth of the width, however many texts
    axis.scatter(shown["mean probability"], shown["share true"], s=sizes, label="texts (size: how many)")
    axis.set(xlabel="mean probability given", ylabel="share that is true", title=title)
    axis.legend(fontsize=8)
    points = zip(shown["mean probability"], shown["share true"], shown["n"], strict=True)
    told = "; ".join(f"given {given:.2f}, true {true:.2f} ({n} texts)" for given, true, n in points)
    show(figure, f"{title}. Points of probability given against share true, next to the diagonal: {told}.")


def precision_recall(precision, recall, points: Mapping[str, tuple[float, float]], title: str) -> None:
    """Draw the curve of precision and recall over all thresholds, with named points.

    Parameters
    ----------
    precision, recall : arrays of shape (thresholds + 1,)
        As scikit-learn's `precision_recall_curve` gives them.
    points : mapping of str to (precision, recall)
        To mark, such as a threshold that was chosen, or another model.
    title : str
        Above the figure.
    """
    figure, axis = plt.subplots(figsize=(4.8, 3.4))
    axis.plot(recall, precision, label="all thresholds")
    for name, (one_precision, one_recall) in points.items():
        axis.scatter(one_recall, one_precision, s=45, label=name, zorder=3)
    axis.set(xlabel="recall", ylabel="precision", title=title, ylim=(0, 1.03))
    axis.legend(fontsize=8)
    told = "; ".join(f"{name}: precision {p:.2f}, recall {r:.2f}" for name, (p, r) in points.items())
    show(figure, f"{title}. Precision against recall for all thresholds, with points. {told}.")


def learning_curves(curve: pd.DataFrame, title: str) -> None:
    """Draw the mean score by number of labels, with a band from the lowest to the highest draw.

    Parameters
    ----------
    curve : pandas.DataFrame
        One row for each training, with columns "system", "labels" and "macro F1".
    title : str
        Above the figure.
    """
    bands = curve.groupby(["system", "labels"])["macro F1"].agg(["mean", "min", "max"])
    figure, axis = plt.subplots(figsize=(5.6, 3.2))
    told = []
    for name, rows in bands.groupby(level=0):
        rows = rows.droplevel(0)
        axis.plot(rows.index, rows["mean"], marker="o", label=name)
        axis.fill_between(rows.index, rows["min"], rows["max"], alpha=0.25)
        told.append(f"{name}: " + ", ".join(f"{labels} labels {mean:.2f}" for labels, mean in rows["mean"].items()))
    axis.set(xlabel="labeled texts", ylabel="macro F1", xscale="log", title=title)
    sizes = sorted(curve["labels"].unique())
    axis.set_xticks(sizes, sizes)
    axis.minorticks_off()
    axis.legend()
    show(figure, f"{title}. {'; '.join(told)}.")


def shares_by_period(shares: pd.DataFrame, counts: pd.Series, xlabel: str, ylabel: str, title: str) -> None:
    """Draw a line for each measure over periods, with 95% intervals of a share (Wilson 1927).

    Parameters
    ----------
    shares : pandas.DataFrame of shape (periods, measures)
        Shares between 0 and 1.
    counts : pandas.Series of length periods
        How many texts each period has.
    xlabel, ylabel, title : str
        Names of the axes, and what is above the figure.
    """
    figure, axis = plt.subplots(figsize=(7, 3.4))
    markers, told = "osD^vP", []
    for number, (measure, values) in enumerate(shares.items()):
        ends = [_wilson(share, n) for share, n in zip(values, counts, strict=True)]
        low, high = np.transpose(ends)
        places = np.arange(len(shares)) + 0.07 * (number - (shares.shape[1] - 1) / 2)
        spread = [np.maximum(values - low, 0), np.maximum(high - values, 0)]
        axis.errorbar(places, values, spread, marker=markers[number % 6], capsize=2, label=measure)
        told.append(f"{measure}: " + ", ".join(f"{period} {share:.2f}" for period, share in values.items()))
    axis.set_xticks(range(len(shares)), [str(period) for period in shares.index])
    axis.set(xlabel=xlabel, ylabel=ylabel, title=title, ylim=(0, 1.02))
    axis.legend(fontsize=8, ncols=2)
    show(figure, f"{title}. {ylabel} by {xlabel}, with 95% intervals. {'; '.join(told)}.")


def _wilson(share: float, n: int) -> tuple[float, float]:
    """Wilson's 95% interval of a share of n texts, by scipy; none without texts."""
    if not n:
        return float("nan"), float("nan")
    interval = stats.binomtest(round(share * n), n).proportion_ci(method="wilson")
    return interval.low, interval.high

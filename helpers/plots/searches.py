"""The charts of a hyperparameter search: sweeps, where the trials lie, and the best score so far.

Each function draws, shows and closes one figure; its alternative text has the numbers that it shows.
"""

import math
from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from helpers.plots.figures import show


def sweeps(table: pd.DataFrame, default: Mapping[str, float], ylabel: str, title: str) -> None:
    """Draw a panel for each hyperparameter: mean score by its value, with a band from the lowest to the highest seed.

    Parameters
    ----------
    table : pandas.DataFrame
        A row for each training, with columns "hyperparameter", "value" and "score". Values that span more than a factor
        of ten are drawn on a logarithmic scale.
    default : mapping of str to float
        The value of each hyperparameter while another one is varied, drawn as a dashed line.
    ylabel, title : str
        Name of the score, and what is above the figure.
    """
    names = list(dict.fromkeys(table["hyperparameter"]))
    rows = math.ceil(len(names) / 3)
    figure, axes = plt.subplots(
        rows, min(3, len(names)), figsize=(8.4, 2.2 * rows), sharey=True, squeeze=False, layout="constrained"
    )
    told = []
    for axis, name in zip(axes.flat, names, strict=False):
        band = table[table["hyperparameter"] == name].groupby("value")["score"].agg(["mean", "min", "max"])
        axis.plot(band.index, band["mean"], marker="o", markersize=4)
        axis.fill_between(band.index, band["min"], band["max"], alpha=0.25)
        if name in default:
            axis.axvline(default[name], color="gray", linestyle="--")
        if band.index.min() > 0 and band.index.max() > 10 * band.index.min():
            axis.set_xscale("log")
        axis.set(xlabel=name)
        told.append(f"{name}: " + ", ".join(f"{value:.3g} gives {mean:.2f}" for value, mean in band["mean"].items()))
    for axis in axes[:, 0]:
        axis.set_ylabel(ylabel)
    for axis in axes.flat[len(names) :]:
        axis.set_axis_off()
    figure.suptitle(title)
    show(figure, f"{title}. {ylabel} by the value of one hyperparameter, means over seeds. {'; '.join(told)}.")


def places(trials: pd.DataFrame, x: str, y: str, title: str) -> None:
    """Draw where each sampler put its trials in two of the hyperparameters: colored by score, later ones larger.

    Parameters
    ----------
    trials : pandas.DataFrame
        A row for each trial, in order, with columns "sampler", "score" and the two hyperparameters.
    x, y : str
        The two hyperparameters; x is drawn on a logarithmic scale.
    title : str
        Above the figure.
    """
    samplers = list(dict.fromkeys(trials["sampler"]))
    figure, axes = plt.subplots(
        1,
        len(samplers),
        figsize=(2.9 * len(samplers) + 0.8, 2.7),
        sharex=True,
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    ends, told = {"vmin": trials["score"].min(), "vmax": trials["score"].max()}, []
    for axis, name in zip(axes[0], samplers, strict=True):
        own = trials[trials["sampler"] == name]
        sizes = np.linspace(12, 80, len(own)) if len(own) > 1 else 80  # later ones are larger
        points = axis.scatter(own[x], own[y], c=own["score"], s=sizes, edgecolors="black", linewidths=0.4, **ends)
        axis.set(xscale="log", xlabel=x, title=name)
        told.append(f"{name}: {len(own)} trials at {own[x].nunique()} values of {x} and {own[y].nunique()} of {y}")
    axes[0, 0].set_ylabel(y)
    figure.colorbar(points, ax=axes, label="score")
    figure.suptitle(title)
    show(figure, f"{title}. Points of {x} and {y}, colored by score, larger where they came later. {'; '.join(told)}.")


def best_so_far(trials: pd.DataFrame, ylabel: str, title: str) -> None:
    """Draw the best score after each trial: the mean over repetitions, with a band that holds the middle 80 % of them.

    Parameters
    ----------
    trials : pandas.DataFrame
        A row for each trial, in order, with columns "sampler", "seed" and "score".
    ylabel, title : str
        Name of the score, and what is above the figure.
    """
    trials = trials.assign(trial=trials.groupby(["sampler", "seed"]).cumcount() + 1)
    trials["best"] = trials.groupby(["sampler", "seed"])["score"].cummax()
    figure, axis = plt.subplots(figsize=(6.4, 3.2))
    told = []
    for name, own in trials.groupby("sampler", sort=False):
        found = own.groupby("trial")["best"]
        axis.plot(found.mean(), label=name)
        axis.fill_between(found.mean().index, found.quantile(0.1), found.quantile(0.9), alpha=0.2)
        after = [1, trials["trial"].max() // 2, trials["trial"].max()]
        told.append(f"{name}: " + ", ".join(f"{found.mean()[n]:.3f} after {n}" for n in dict.fromkeys(after) if n))
    # The first trials of a search can be anything: they would leave no room for what comes after.
    settled = trials[trials["trial"] >= min(3, trials["trial"].max())]["best"]
    axis.set(xlabel="trials", ylabel=ylabel, title=title, ylim=(settled.quantile(0.02), settled.max() + 0.002))
    axis.legend()
    show(figure, f"{title}. {ylabel} so far by number of trials, means over repetitions. {'; '.join(told)}.")

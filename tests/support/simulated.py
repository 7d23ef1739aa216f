"""Simulated classifiers and coders, whose true scores are known."""

import numpy as np


def sample(rows: int, seed: int, share: float = 0.3, recall: float = 0.8, false: float = 0.1):
    """Truth, and what a classifier with these rates says."""
    random = np.random.default_rng(seed)
    truth = random.random(rows) < share
    predicted = random.random(rows) < np.where(truth, recall, false)
    return truth.astype(int), predicted.astype(int)


def coverage(intervals_and_truths) -> float:
    return float(np.mean([found.low <= truth <= found.high for found, truth in intervals_and_truths]))


def speakers(seed: int):
    """Twenty speakers with eight texts each; some speakers are harder than others. Also: their number."""
    random = np.random.default_rng(seed)
    groups, truth = np.repeat(np.arange(20), 8), np.tile([0, 1], 80)
    right = np.repeat(random.beta(8, 2, 20), 8)
    return truth, np.where(random.random(160) < right, truth, 1 - truth), groups

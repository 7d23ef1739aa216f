"""Scores of classifiers with their intervals, calibration, corrected estimates, and scores of translations."""

from helpers.metrics import estimates, translations
from helpers.metrics.calibration import calibration_noise_floor, calibration_table, expected_calibration_error
from helpers.metrics.comparison import bootstrap_difference
from helpers.metrics.estimates import corrected_share_interval
from helpers.metrics.folds import cross_validation_table, fold_difference, mean_and_interval
from helpers.metrics.intervals import bootstrap_interval, kappa
from helpers.metrics.scores import compute_metrics, confusion, report, shown

__all__ = [
    "bootstrap_difference", "bootstrap_interval", "calibration_noise_floor", "calibration_table", "compute_metrics",
    "confusion", "corrected_share_interval", "cross_validation_table", "estimates", "expected_calibration_error",
    "fold_difference", "kappa", "mean_and_interval", "report", "shown", "translations",
]  # fmt: skip

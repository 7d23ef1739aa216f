"""Scores of classifiers with their intervals, and scores of translations."""

from helpers.metrics import translations
from helpers.metrics.intervals import (
    bootstrap_difference,
    bootstrap_interval,
    calibration_table,
    corrected_share_interval,
    expected_calibration_error,
    kappa,
    mean_and_interval,
)
from helpers.metrics.scores import compute_metrics, confusion, cross_validation_table, report, shown

__all__ = [
    "bootstrap_difference", "bootstrap_interval", "calibration_table", "compute_metrics", "confusion",
    "corrected_share_interval", "cross_validation_table", "expected_calibration_error", "kappa", "mean_and_interval",
    "report", "shown", "translations",
]  # fmt: skip

"""Calibration: scikit-learn's curve, the error by hand, and what chance alone would give."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from helpers.metrics import calibration


@pytest.mark.parametrize("bins", [5, 10])
def test_the_calibration_table_equals_scikit_learns_curve(bins):
    random = np.random.default_rng(0)
    probability = np.append(random.random(300) ** 3, [0, 0.2, 0.4, 1])  # on the edges too
    truth = (random.random(304) < probability).astype(int)
    table = calibration.calibration_table(truth, probability, bins)
    share, mean = calibration_curve(truth, probability, n_bins=bins)
    filled = table[table["n"] > 0]
    assert np.allclose(filled["share true"], share) and np.allclose(filled["mean probability"], mean)
    assert table["n"].sum() == 304 and len(table) == bins and table.index[0] == f"0.00 to {1 / bins:.2f}"


def test_an_empty_bin_has_no_number_and_does_not_count():
    table = calibration.calibration_table(["no", "yes"], [0.1, 0.9], bins=3, positive="yes")
    assert table["n"].tolist() == [1, 0, 1] and table.iloc[1].isna().sum() == 2
    assert np.isclose(calibration.expected_calibration_error(["no", "yes"], [0.1, 0.9], bins=3, positive="yes"), 0.1)


def test_the_calibration_error_is_the_weighted_distance_by_hand():
    """Three of four rows say 0.8 and two of these are true (2/3); one says 0.3 and is false."""
    error = calibration.expected_calibration_error([1, 1, 0, 0], [0.8, 0.8, 0.8, 0.3])
    assert np.isclose(error, 3 / 4 * (0.8 - 2 / 3) + 1 / 4 * 0.3)
    assert calibration.expected_calibration_error([True, False], [1.0, 0.0]) == 0


def test_the_noise_floor_is_the_mean_error_of_models_that_are_right_by_construction():
    random = np.random.default_rng(0)
    probability = random.beta(0.5, 0.5, 127)
    errors = [
        calibration.expected_calibration_error((random.random(127) < probability).astype(int), probability)
        for _ in range(300)
    ]
    floor = calibration.calibration_noise_floor(probability)
    assert np.isclose(floor, np.mean(errors), rtol=0.05) and floor > 0.03


def test_the_noise_floor_falls_with_rows_and_is_nothing_for_certain_answers():
    few, many = (calibration.calibration_noise_floor(np.linspace(0, 1, rows)) for rows in (50, 5000))
    assert np.isclose(few / many, 10, rtol=0.25)  # with the root of their number
    assert calibration.calibration_noise_floor([0.0, 1.0, 1.0]) == 0


WRONG = [[0.1, 1.2], [0.1, np.nan], [[0.1, 0.9], [0.5, 0.5]], []]


@pytest.mark.parametrize("probability", WRONG)
def test_what_is_no_probability_is_answered_with_what_to_do(probability):
    with pytest.raises(ValueError, match="softmax"):
        calibration.calibration_table([0, 1], probability)
    with pytest.raises(ValueError, match="softmax"):
        calibration.calibration_noise_floor(probability)


def test_labels_that_do_not_fit_are_answered_with_what_to_do():
    with pytest.raises(ValueError, match="truth 2, probability 1"):
        calibration.calibration_table([0, 1], [0.1])
    with pytest.raises(ValueError, match="It has: 'no', 'yes'. Pass positive="):
        calibration.calibration_table(["no", "yes"], [0.1, 0.9])

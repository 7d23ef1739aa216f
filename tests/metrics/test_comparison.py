"""Differences of two systems: McNemar's test by scipy, equal systems seldom called different, other seeds covered."""

import numpy as np
import pytest
from scipy import stats
from simulated import coverage, sample, speakers

from helpers.metrics.comparison import Difference, bootstrap_difference
from helpers.metrics.intervals import bootstrap_interval


def test_a_difference_is_that_of_the_scores_and_is_sharper_than_two_intervals():
    truth, first = sample(300, seed=2)
    second = np.where(np.random.default_rng(0).random(300) < 0.05, 1 - first, first)  # much like the first
    difference = bootstrap_difference(truth, first, second, "accuracy", resamples=500)
    a, b = (bootstrap_interval(truth, each, "accuracy", resamples=500) for each in (first, second))
    assert np.isclose(difference.value, a.value - b.value)
    assert difference.high - difference.low < 0.7 * max(a.high - a.low, b.high - b.low)
    turned = bootstrap_difference(truth, second, first, "accuracy", resamples=500)
    assert np.isclose(turned.value, -difference.value)


def test_a_difference_has_the_discordant_counts_and_mcnemars_exact_test():
    """14 rows on which only the first is right and 3 on which only the second is."""
    truth = np.array([0, 1] * 50)
    first, second = truth.copy(), truth.copy()
    second[:14], first[14:17] = 1 - truth[:14], 1 - truth[14:17]
    first[17:27] = second[17:27] = 1 - truth[17:27]  # both wrong: of no account
    found = bootstrap_difference(truth, first, second)
    assert (found.first_alone, found.second_alone) == (14, 3)
    assert np.isclose(found.p_value, stats.binomtest(14, 17).pvalue) and found.verdict == "higher"
    assert str(found).endswith(f"(right alone: 14 and 3, McNemar p = {found.p_value:.3f})")
    assert bootstrap_difference(truth, second, first).verdict == "lower"
    assert "p < 0.001" in str(Difference(0.3, 0.2, 0.4, "", 40, 1, 1e-9))


def test_two_identical_systems_are_not_certainly_equal():
    truth, predicted = sample(50, seed=0)
    found = bootstrap_difference(truth, predicted, predicted)
    assert found.low < 0 == found.value < found.high and found.p_value == 1
    assert found.verdict == "too few rows on which only one system is right (0) to say"


def equal_systems(seed: int, discordant: float, rows: int = 127):
    """Two systems that err on 5% of the rows together, and each as often alone."""
    random = np.random.default_rng(seed)
    truth, kind = random.integers(0, 2, rows), random.random(rows)
    first_wrong = (kind < 0.05) | ((kind > 0.5) & (kind < 0.5 + discordant / 2))
    second_wrong = (kind < 0.05) | ((kind > 0.8) & (kind < 0.8 + discordant / 2))
    return truth, np.where(first_wrong, 1 - truth, truth), np.where(second_wrong, 1 - truth, truth)


@pytest.mark.parametrize("discordant", [0.04, 0.1, 0.2])
def test_equal_systems_are_seldom_called_different(discordant):
    verdicts = [bootstrap_difference(*equal_systems(seed, discordant), resamples=300).verdict for seed in range(300)]
    assert np.mean([verdict in ("higher", "lower") for verdict in verdicts]) <= 0.07


def test_a_better_system_is_called_higher():
    truth, worse = sample(300, seed=0, recall=0.6)
    better = np.where(np.random.default_rng(1).random(300) < 0.95, truth, 1 - truth)
    assert bootstrap_difference(truth, better, worse).verdict == "higher"


def test_several_seeds_are_averaged_and_make_the_interval_cover_other_seeds():
    """Seeds shift a system by up to ten points: an interval of rows alone holds the true difference too seldom."""
    held = {"one": [], "five": []}
    for seed in range(150):
        random = np.random.default_rng(seed)
        truth = random.integers(0, 2, 300)

        def runs(truth=truth, random=random):
            right = np.clip(random.normal(0.8, 0.05, 5), 0, 1)
            return [np.where(random.random(300) < share, truth, 1 - truth) for share in right]

        first, second = runs(), runs()
        many = bootstrap_difference(truth, first, second, "accuracy", resamples=300)
        one = bootstrap_difference(truth, first[0], second[0], "accuracy", resamples=300)
        held["one"].append((one, 0))
        held["five"].append((many, 0))
    assert coverage(held["five"]) >= 0.9 > coverage(held["one"]) + 0.1
    values = [bootstrap_difference(truth, a, b, "accuracy").value for a, b in zip(first, second, strict=True)]
    assert np.isclose(many.value, np.mean(values)) and many.p_value is None
    same = bootstrap_difference(truth, np.array(first), np.array(second), "accuracy", resamples=300)
    assert same == many


def test_different_numbers_of_seeds_are_refused():
    with pytest.raises(ValueError, match="2 seeds and second 1"):
        bootstrap_difference([0, 1], [[0, 1], [0, 1]], [0, 1])


def test_with_groups_mcnemars_test_is_left_out():
    truth, predicted, groups = speakers(0)
    found = bootstrap_difference(truth, predicted, 1 - predicted, groups=groups, resamples=100)
    assert found.p_value is None and "McNemar" not in str(found) and "right alone" in str(found)

"""Intervals and calibration: equal to scikit-learn's and scipy's where these have them, and right in simulations."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn import metrics as sklearn_metrics
from sklearn.calibration import calibration_curve

from helpers.metrics import intervals
from helpers.metrics.intervals import Interval


def sample(rows: int, seed: int, share: float = 0.3, recall: float = 0.8, false: float = 0.1):
    """Truth, and what a classifier with these rates says."""
    random = np.random.default_rng(seed)
    truth = random.random(rows) < share
    predicted = random.random(rows) < np.where(truth, recall, false)
    return truth.astype(int), predicted.astype(int)


def test_an_interval_prints_as_papers_give_it():
    assert str(Interval(0.95, 0.921, 0.984)) == "0.95 [0.92, 0.98]"
    assert f"{Interval(0.95, 0.921, 0.984):.3f}" == "0.950 [0.921, 0.984]"
    assert str(Interval(0.0, -0.001, 0.5)) == "0.00 [0.00, 0.50]"  # no minus before a zero


SCIKIT_LEARN = {
    "accuracy": sklearn_metrics.accuracy_score,
    "kappa": sklearn_metrics.cohen_kappa_score,
    "macro_f1": lambda t, p: sklearn_metrics.f1_score(t, p, average="macro", zero_division=0),
    "macro_precision": lambda t, p: sklearn_metrics.precision_score(t, p, average="macro", zero_division=0),
    "macro_recall": lambda t, p: sklearn_metrics.recall_score(t, p, average="macro", zero_division=0),
    "f1_2": lambda t, p: sklearn_metrics.f1_score(t, p, labels=[2], average="macro", zero_division=0),
    "precision_0": lambda t, p: sklearn_metrics.precision_score(t, p, labels=[0], average="macro", zero_division=0),
    "recall_2": lambda t, p: sklearn_metrics.recall_score(t, p, labels=[2], average="macro", zero_division=0),
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
@pytest.mark.parametrize("score", SCIKIT_LEARN)
def test_the_score_of_every_resample_equals_scikit_learns(score):
    """Also where a resample lacks the rare class altogether: with 12 rows many do."""
    random = np.random.default_rng(0)
    truth = np.array([2] + [0, 1] * 5 + [0])
    predicted = np.where(random.random(12) < 0.7, truth, 1)
    drawn = random.integers(0, 12, (100, 12))
    ours = intervals._statistic(score, np.arange(3))(truth[drawn], predicted[drawn])
    theirs = [SCIKIT_LEARN[score](truth[rows], predicted[rows]) for rows in drawn]
    assert np.allclose(ours, theirs, equal_nan=True)
    assert (truth[drawn] == 2).any(axis=1).sum() < 80


def test_a_named_score_and_the_same_function_of_scikit_learn_have_the_same_interval():
    truth, predicted = sample(60, seed=0)
    named = intervals.bootstrap_interval(truth, predicted, "macro_f1", resamples=100)
    function = intervals.bootstrap_interval(truth, predicted, SCIKIT_LEARN["macro_f1"], resamples=100)
    assert np.allclose([named.value, named.low, named.high], [function.value, function.low, function.high])


def test_the_interval_of_an_accuracy_is_near_the_exact_one():
    truth, predicted = sample(400, seed=1)
    ours = intervals.bootstrap_interval(truth, predicted, "accuracy")
    exact = stats.binomtest(int((truth == predicted).sum()), 400).proportion_ci()
    assert abs(ours.low - exact.low) < 0.01 and abs(ours.high - exact.high) < 0.01


def test_the_interval_is_scipys_bca_and_no_simpler_one():
    truth, predicted = sample(60, seed=3)
    found = intervals.bootstrap_interval(truth, predicted, "accuracy", resamples=500)
    ends = {
        method: stats.bootstrap(
            (truth == predicted,), np.mean, n_resamples=500, method=method, random_state=np.random.default_rng(0)
        ).confidence_interval
        for method in ("BCa", "percentile", "basic")
    }
    equal = {method: bool(np.allclose([found.low, found.high], end)) for method, end in ends.items()}
    assert equal == {"BCa": True, "percentile": False, "basic": False}


def test_the_interval_holds_the_true_score_in_about_95_of_100_samples():
    recall, false, share = 0.8, 0.1, 0.3
    tp, fp, fn, tn = share * recall, (1 - share) * false, share * (1 - recall), (1 - share) * (1 - false)
    true = (2 * tp / (2 * tp + fp + fn) + 2 * tn / (2 * tn + fp + fn)) / 2
    held = 0
    for seed in range(100):
        found = intervals.bootstrap_interval(*sample(100, seed, share, recall, false), resamples=400)
        held += found.low <= true <= found.high
    assert 90 <= held <= 99


def test_the_same_seed_gives_the_same_interval_and_a_lower_level_a_narrower_one():
    truth, predicted = sample(100, seed=0)
    first, again, narrow = (
        intervals.bootstrap_interval(truth, predicted, level=level, resamples=500) for level in (0.95, 0.95, 0.8)
    )
    assert first == again
    assert first.low < narrow.low < narrow.value < narrow.high < first.high


def test_names_and_numbers_of_classes_give_the_same_interval():
    truth, predicted = sample(80, seed=0)
    names = np.array(["Civil", "Uncivil"])
    numbers = intervals.bootstrap_interval(truth, predicted, "f1_1", resamples=200)
    named = intervals.bootstrap_interval(pd.Series(names[truth]), list(names[predicted]), "f1_Uncivil", resamples=200)
    assert numbers == named


def test_where_every_row_is_right_it_warns_that_errors_are_still_possible():
    with pytest.warns(UserWarning, match=r"All 150 rows are right.*2\.0% errors"):
        found = intervals.bootstrap_interval([0, 1, 1] * 50, [0, 1, 1] * 50, resamples=100)
    assert (found.value, found.low, found.high) == (1, 1, 1)


def test_a_difference_is_that_of_the_scores_and_is_sharper_than_two_intervals():
    truth, first = sample(300, seed=2)
    second = np.where(np.random.default_rng(0).random(300) < 0.05, 1 - first, first)  # much like the first
    difference = intervals.bootstrap_difference(truth, first, second, "accuracy", resamples=500)
    a, b = (intervals.bootstrap_interval(truth, each, "accuracy", resamples=500) for each in (first, second))
    assert np.isclose(difference.value, a.value - b.value)
    assert difference.high - difference.low < 0.7 * max(a.high - a.low, b.high - b.low)
    turned = intervals.bootstrap_difference(truth, second, first, "accuracy", resamples=500)
    assert np.isclose(turned.value, -difference.value)


def test_the_difference_of_a_system_to_itself_is_zero():
    truth, predicted = sample(50, seed=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert str(intervals.bootstrap_difference(truth, predicted, predicted, resamples=100)) == "0.00 [0.00, 0.00]"


@pytest.mark.parametrize(
    ("truth", "predicted", "score", "answer"),
    [
        ([0, 1], [0, 1, 1], "macro_f1", "truth 2, predicted 3"),
        ([], [], "macro_f1", "one label for each row"),
        ([0], [0], "macro_f1", "two or more"),
        ([0, 1], ["no", "yes"], "macro_f1", "one kind"),
        ([0, None], [0, 1], "macro_f1", "without a label"),
        ([0, 1, 1], [0, 1, 0], "f1", "no score 'f1'.*f1_1"),
        ([0, 1, 1], [0, 1, 0], "f1_2", "no score 'f1_2'"),
        ([0, 1, 1], [0, 1, 0], "macro_f2", "no score 'macro_f2'"),
    ],
)
def test_what_does_not_fit_is_answered_with_what_to_do(truth, predicted, score, answer):
    with pytest.raises(ValueError, match=answer):
        intervals.bootstrap_interval(truth, predicted, score)


@pytest.mark.parametrize("level", [0, 1, 95])
def test_a_level_that_is_no_share_is_refused(level):
    with pytest.raises(ValueError, match=r"such as 0\.95"):
        intervals.bootstrap_interval([0, 1, 1], [0, 1, 0], level=level)


def test_kappa_equals_scikit_learns_and_a_hand_computation():
    """50 texts: both say yes 20 times, both no 15, first only 5, second only 10. Agreement 0.7, by chance 0.5."""
    first = ["yes"] * 25 + ["no"] * 25
    second = ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15
    found = intervals.kappa(first, second)
    assert np.isclose(found.value, (0.7 - 0.5) / (1 - 0.5))
    assert np.isclose(found.value, sklearn_metrics.cohen_kappa_score(first, second))
    assert found.low < found.value < found.high < 0.7


def test_kappa_has_an_interval_where_some_resamples_have_none_and_an_answer_where_it_is_undefined():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = intervals.kappa(["a"] * 9 + ["b"], ["a"] * 8 + ["b"] * 2)
    assert -1 <= found.low <= found.value <= found.high <= 1
    with pytest.raises(ValueError, match="two classes"):
        intervals.kappa(["a", "a"], ["a", "a"])


def test_the_mean_of_runs_has_scipys_interval_of_the_t_distribution():
    runs = [0.91, 0.93, 0.9, 0.95, 0.92]
    found = intervals.mean_and_interval(pd.Series(runs, index=range(5, 10)))
    theirs = stats.ttest_1samp(runs, 0).confidence_interval(0.95)
    assert np.allclose([found.value, found.low, found.high], [np.mean(runs), theirs.low, theirs.high])
    assert str(intervals.mean_and_interval([0.5, 0.5])) == "0.50 [0.50, 0.50]"
    for wrong in ([0.9], [], [0.9, np.nan]):
        with pytest.raises(ValueError, match="two numbers or more"):
            intervals.mean_and_interval(wrong)


@pytest.mark.parametrize("bins", [5, 10])
def test_the_calibration_table_equals_scikit_learns_curve(bins):
    random = np.random.default_rng(0)
    probability = np.append(random.random(300) ** 3, [0, 0.2, 0.4, 1])  # on the edges too
    truth = (random.random(304) < probability).astype(int)
    table = intervals.calibration_table(truth, probability, bins)
    share, mean = calibration_curve(truth, probability, n_bins=bins)
    filled = table[table["n"] > 0]
    assert np.allclose(filled["share true"], share) and np.allclose(filled["mean probability"], mean)
    assert table["n"].sum() == 304 and len(table) == bins and table.index[0] == f"0.00 to {1 / bins:.2f}"


def test_an_empty_bin_has_no_number_and_does_not_count():
    table = intervals.calibration_table(["no", "yes"], [0.1, 0.9], bins=3, positive="yes")
    assert table["n"].tolist() == [1, 0, 1] and table.iloc[1].isna().sum() == 2
    assert np.isclose(intervals.expected_calibration_error(["no", "yes"], [0.1, 0.9], bins=3, positive="yes"), 0.1)


def test_the_calibration_error_is_the_weighted_distance_by_hand():
    """Three of four rows say 0.8 and two of these are true (2/3); one says 0.3 and is false."""
    error = intervals.expected_calibration_error([1, 1, 0, 0], [0.8, 0.8, 0.8, 0.3])
    assert np.isclose(error, 3 / 4 * (0.8 - 2 / 3) + 1 / 4 * 0.3)
    assert intervals.expected_calibration_error([True, False], [1.0, 0.0]) == 0


@pytest.mark.parametrize(
    ("truth", "probability", "answer"),
    [
        ([0, 1], [0.1, 1.2], "softmax"),
        ([0, 1], [0.1, np.nan], "softmax"),
        ([0, 1], [[0.1, 0.9], [0.5, 0.5]], r"\(2, 2\).*softmax"),
        ([0, 1], [0.1], "truth 2, probability 1"),
        (["no", "yes"], [0.1, 0.9], "It has: 'no', 'yes'. Pass positive="),
    ],
)
def test_probabilities_that_do_not_fit_are_answered_with_what_to_do(truth, probability, answer):
    with pytest.raises(ValueError, match=answer):
        intervals.calibration_table(truth, probability)


def test_the_corrected_share_undoes_what_a_classifiers_errors_do():
    for share in (0, 0.1, 0.5, 1):
        found = 0.8 * share + 0.05 * (1 - share)
        assert np.isclose(intervals.corrected_share(found, 0.8, 0.05), share)
    assert intervals.corrected_share(0.01, 0.8, 0.05) == 0  # fewer than its false positives alone would give


@pytest.mark.parametrize("given", [(0.2, 0.1, 0.1), (0.2, 0.1, 0.5), (20, 0.8, 0.1), (0.2, 0.8, -0.1), (np.nan, 1, 0)])
def test_a_share_that_cannot_be_corrected_is_refused(given):
    with pytest.raises(ValueError, match="better classifier|not a share"):
        intervals.corrected_share(*given)


def test_the_corrected_interval_holds_the_true_share_in_about_95_of_100_samples_and_the_raw_share_misses_it():
    held = []
    for seed in range(200):
        validation, new = sample(200, seed, share=0.3), sample(1000, 1000 + seed, share=0.15)
        found = intervals.corrected_share_interval(*validation, new[1], seed=seed, resamples=500)
        held.append((found.low <= 0.15 <= found.high, abs(new[1].mean() - 0.15) < 0.02))
    corrected, raw = np.mean(held, axis=0)
    assert 0.9 <= corrected <= 0.99 and raw < 0.1


def test_the_corrected_interval_is_centred_on_the_corrected_share_and_takes_names():
    truth, predicted = sample(200, seed=0)
    new = sample(500, seed=1)[1]
    names = np.array(["civil", "uncivil"])
    found = intervals.corrected_share_interval(
        names[truth], list(names[predicted]), pd.Series(names[new]), positive="uncivil"
    )
    rates = predicted[truth == 1].mean(), predicted[truth == 0].mean()
    assert np.isclose(found.value, intervals.corrected_share(new.mean(), *rates))
    assert found.low < found.value < found.high
    assert found == intervals.corrected_share_interval(truth, predicted, new)


def test_more_new_texts_or_more_validation_texts_make_the_corrected_interval_narrower():
    def width(validation_rows: int, new_rows: int) -> float:
        validation, new = sample(validation_rows, seed=0), sample(new_rows, seed=1)
        found = intervals.corrected_share_interval(*validation, new[1])
        return found.high - found.low

    assert width(5000, 5000) < 0.6 * width(5000, 100)
    assert width(5000, 5000) < 0.6 * width(100, 5000)


def test_a_validation_sample_that_says_almost_nothing_gives_an_interval_that_says_so():
    found = intervals.corrected_share_interval([1, 1, 0, 0], [1, 0, 0, 0], [1] * 20 + [0] * 80)
    assert (found.low, found.high) == (0, 1)


def test_new_labels_that_validation_does_not_know_and_a_missing_class_are_refused():
    for new, positive, answer in [
        (["yes", "maybe"], "yes", "'maybe'"),
        (["yes"], "Yes", "'no', 'yes'"),
        (["yes"], 1, "'no', 'yes'"),
    ]:
        with pytest.raises(ValueError, match=answer):
            intervals.corrected_share_interval(["yes", "no"], ["yes", "no"], new, positive)
    with pytest.raises(ValueError, match="and another"):
        intervals.corrected_share_interval([1, 1], [1, 0], [1])

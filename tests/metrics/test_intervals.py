"""Intervals: scikit-learn's scores, scipy's Wilson intervals, and ends that hold the truth as often as they say."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from simulated import coverage, sample, speakers
from sklearn import metrics as sklearn_metrics

from helpers.metrics import intervals
from helpers.metrics.intervals import Interval

few_rows = pytest.mark.filterwarnings("ignore:Classes with fewer than 10 rows")


def true_macro_f1(share: float, recall: float, false: float) -> float:
    tp, fp, fn, tn = share * recall, (1 - share) * false, share * (1 - recall), (1 - share) * (1 - false)
    return (2 * tp / (2 * tp + fp + fn) + 2 * tn / (2 * tn + fp + fn)) / 2


def test_an_interval_prints_as_papers_give_it():
    assert str(Interval(0.95, 0.921, 0.984)) == "0.95 [0.92, 0.98]"
    assert f"{Interval(0.95, 0.921, 0.984):.3f}" == "0.950 [0.921, 0.984]"
    assert str(Interval(0.0, -0.001, 0.5)) == "0.00 [0.00, 0.50]"  # no minus before a zero


SCIKIT_LEARN = {
    "accuracy": sklearn_metrics.accuracy_score,
    "macro_f1": lambda t, p: sklearn_metrics.f1_score(t, p, labels=np.unique(t), average="macro", zero_division=0),
    "macro_precision": lambda t, p: sklearn_metrics.precision_score(
        t, p, labels=np.unique(t), average="macro", zero_division=0
    ),
    "macro_recall": lambda t, p: sklearn_metrics.recall_score(t, p, labels=np.unique(t), average="macro"),
    "f1_2": lambda t, p: sklearn_metrics.f1_score(t, p, labels=[2], average="macro", zero_division=0),
    "precision_0": lambda t, p: sklearn_metrics.precision_score(t, p, labels=[0], average="macro", zero_division=0),
    "recall_2": lambda t, p: sklearn_metrics.recall_score(t, p, labels=[2], average="macro", zero_division=0),
}


@few_rows
@pytest.mark.parametrize("score", SCIKIT_LEARN)
def test_the_scores_are_scikit_learns_over_the_classes_of_the_truth(score):
    """Label 3 is only predicted, so it is an error and no class."""
    for seed in range(20):
        random = np.random.default_rng(seed)
        truth = np.array([2] + [0, 1] * 5 + [0])
        predicted = np.where(random.random(12) < 0.7, truth, random.integers(0, 4, 12))
        found = intervals.bootstrap_interval(truth, predicted, score, resamples=50)
        assert np.isclose(found.value, SCIKIT_LEARN[score](truth, predicted))
        assert 0 <= found.low <= found.value <= found.high <= 1


@pytest.mark.parametrize("score", ["accuracy", "precision_1", "recall_1"])
def test_a_proportion_has_wilsons_interval(score):
    truth, predicted = sample(200, seed=1)
    rows = {"accuracy": truth == predicted, "precision_1": truth[predicted == 1], "recall_1": predicted[truth == 1]}
    theirs = stats.binomtest(int(rows[score].sum()), len(rows[score])).proportion_ci(method="wilson")
    found = intervals.bootstrap_interval(truth, predicted, score)
    assert np.allclose([found.low, found.high], [theirs.low, theirs.high])


def test_a_precision_without_predictions_says_that_it_is_not_known():
    found = intervals.bootstrap_interval([0] * 10 + [1] * 10, [0] * 20, "precision_1")
    assert (found.value, found.low, found.high) == (0, 0, 1)


@pytest.mark.parametrize(
    ("rows", "share", "recall", "false"),
    [(127, 0.5, 0.97, 0.02), (127, 0.2, 0.9, 0.05), (100, 0.3, 0.8, 0.1)],
)
def test_an_interval_holds_the_true_macro_f1_in_about_95_of_100_samples(rows, share, recall, false):
    """Drawing rows with replacement instead holds it in 84 to 87 of 100 in the first case."""
    true = true_macro_f1(share, recall, false)
    held = coverage(
        (intervals.bootstrap_interval(*sample(rows, seed, share, recall, false), resamples=300), true)
        for seed in range(300)
    )
    assert 0.91 <= held <= 0.985


@few_rows
def test_an_interval_holds_the_true_score_with_a_class_of_four_rows():
    truth, found = np.repeat([0, 1], [60, 4]), []
    tp, fp, fn, tn = 4 * 0.75, 60 * 0.03, 4 * 0.25, 60 * 0.97
    true = (2 * tp / (2 * tp + fp + fn) + 2 * tn / (2 * tn + fp + fn)) / 2
    for seed in range(300):
        predicted = np.random.default_rng(seed).random(64) < np.where(truth, 0.75, 0.03)
        found.append((intervals.bootstrap_interval(truth, predicted.astype(int), resamples=300), true))
    assert coverage(found) >= 0.89


def test_an_interval_holds_the_true_score_of_a_codebook_with_many_classes():
    size, recall, found = 12, 0.8, []
    for seed in range(100):
        random = np.random.default_rng(seed)
        truth = np.repeat(np.arange(size), 20)
        wrong = (truth + random.integers(1, size, len(truth))) % size
        predicted = np.where(random.random(len(truth)) < recall, truth, wrong)
        found.append((intervals.bootstrap_interval(truth, predicted, resamples=300), recall))
    assert coverage(found) >= 0.88


def test_groups_are_resampled_as_wholes():
    found = {"rows": [], "groups": []}
    for seed in range(200):
        truth, predicted, groups = speakers(seed)
        found["rows"].append((intervals.bootstrap_interval(truth, predicted, resamples=300), 0.8))
        found["groups"].append((intervals.bootstrap_interval(truth, predicted, groups=groups, resamples=300), 0.8))
    held = {name: coverage(pairs) for name, pairs in found.items()}
    assert held["groups"] >= 0.88 and held["groups"] > held["rows"] + 0.03


def test_rows_as_groups_of_one_are_rows_and_groups_that_do_not_fit_are_refused():
    truth, predicted = sample(100, seed=0)
    plain = intervals.bootstrap_interval(truth, predicted)
    grouped = intervals.bootstrap_interval(truth, predicted, groups=range(100))
    assert np.allclose([plain.low, plain.high], [grouped.low, grouped.high], atol=0.015)
    for groups, answer in [
        ([1] * 100, "two groups"),
        ([1, 2], "groups 2, truth 100"),
        ([None] + [1, 2, 3] * 33, "two"),
    ]:
        with pytest.raises(ValueError, match=answer):
            intervals.bootstrap_interval(truth, predicted, groups=groups)


@few_rows
def test_a_class_never_found_stays_a_class_in_every_resample():
    found = intervals.bootstrap_interval([0] * 38 + [1] * 2, [0] * 40)
    assert np.isclose(found.value, (2 * 38 / 78 + 0) / 2) and found.high < 0.9


def test_a_class_with_few_rows_is_named_where_the_score_depends_on_it():
    with pytest.warns(UserWarning, match=r"fewer than 10 rows: 1 \(2\)"):
        intervals.bootstrap_interval([0] * 38 + [1] * 2, [0] * 40, resamples=50)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        intervals.bootstrap_interval([0] * 38 + [1] * 2, [0] * 40, "accuracy", resamples=50)


def test_where_every_row_is_right_the_exact_bound_of_the_accuracy_is_printed():
    found = intervals.bootstrap_interval([0, 1, 1] * 50, [0, 1, 1] * 50, resamples=100)
    exact = stats.binomtest(150, 150).proportion_ci(method="exact").low
    assert str(found) == f"1.00 (no errors in 150 rows; accuracy at least {exact:.3f})" and found.low < 1
    grouped = intervals.bootstrap_interval([0, 1, 1] * 50, [0, 1, 1] * 50, resamples=100, groups=[1, 2, 3, 4, 5] * 30)
    assert "at least 0.478" in str(grouped)  # five of five speakers


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


def test_the_score_of_a_class_does_not_depend_on_how_the_other_classes_are_called():
    truth, predicted = sample(90, seed=0)
    many = np.where(truth == 0, np.arange(90) % 7 + 2, 1)
    said = np.where(predicted == 0, np.arange(90) % 7 + 2, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        joined, apart = (intervals.bootstrap_interval(*pair, "f1_1") for pair in ((truth, predicted), (many, said)))
    assert joined == apart


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
@pytest.mark.parametrize("score", ["accuracy", "macro_f1"])
@few_rows
def test_a_level_that_is_no_share_is_refused(level, score):
    with pytest.raises(ValueError, match=r"such as 0\.95"):
        intervals.bootstrap_interval([0, 1, 1], [0, 1, 0], score, level=level)


def test_kappa_equals_scikit_learns_and_a_hand_computation():
    """50 texts: both say yes 20 times, both no 15, first only 5, second only 10. Agreement 0.7, by chance 0.5."""
    first = ["yes"] * 25 + ["no"] * 25
    second = ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15
    found = intervals.kappa(first, second)
    assert np.isclose(found.value, (0.7 - 0.5) / (1 - 0.5))
    assert np.isclose(found.value, sklearn_metrics.cohen_kappa_score(first, second))
    assert found.low < found.value < found.high < 0.7


def test_the_interval_of_kappa_holds_the_true_kappa_in_about_95_of_100_samples():
    """Each of two coders says the same as a third in 90 of 100 texts of three classes."""
    found = []
    for seed in range(200):
        random = np.random.default_rng(seed)
        meant = random.integers(0, 3, 80)
        coders = [np.where(random.random(80) < 0.9, meant, (meant + random.integers(1, 3, 80)) % 3) for _ in range(2)]
        agreement = 0.9**2 + 2 * 0.05**2
        found.append((intervals.kappa(*coders, resamples=300), (agreement - 1 / 3) / (1 - 1 / 3)))
    assert 0.9 <= coverage(found) <= 0.99


def test_a_perfect_class_says_nothing_of_the_accuracy():
    """Of 60 rows 10 are wrong, none of them in class 1."""
    truth = np.repeat([0, 1, 2], 20)
    predicted = np.where(np.arange(60) < 10, 2, truth)
    found = intervals.bootstrap_interval(truth, predicted, "f1_1")
    assert found.value == 1 and not found.note and "[" in str(found)


def test_kappa_has_an_answer_where_it_is_undefined_and_is_not_certain_where_coders_agree():
    assert intervals.kappa(["a", "b"] * 20, ["a", "b"] * 20).low < 0.95
    with pytest.raises(ValueError, match="two classes"):
        intervals.kappa(["a", "a"], ["a", "a"])

"""Seeds and folds: means and spreads as published tables have them, and comparisons that allow for shared texts."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from helpers import metrics
from helpers.metrics.folds import fold_statistics


@pytest.fixture
def folds():
    """Two systems over five folds; stance does not apply to the second, the third has one fold."""
    random = np.random.default_rng(0)
    rows = [("SVM", fold, *random.random(2)) for fold in range(5)]
    rows += [("BERT", fold, random.random(), np.nan) for fold in range(5)] + [("AVG", 0, 0.5, 0.25)]
    return pd.DataFrame(rows, columns=["system", "fold", "Sentiment", "Stance"])


def test_means_and_deviations_over_folds_equal_numpys_and_errors_are_corrected(folds):
    table = fold_statistics(folds)
    svm = folds.query("system == 'SVM'")["Stance"].to_numpy()
    naive = np.std(svm, ddof=1) / np.sqrt(5)
    assert np.allclose(table.loc["SVM", "Stance"], [np.mean(svm), np.std(svm, ddof=1), 1.5 * naive])
    assert table["folds", ""].to_dict() == {"SVM": 5, "BERT": 5, "AVG": 1}


def test_the_table_of_folds_looks_as_published_in_the_order_of_the_systems(folds):
    table = metrics.cross_validation_table(folds, spread="se")
    assert list(table.columns) == ["Sentiment (corrected S.E.)", "Stance (corrected S.E.)", "folds"]
    assert list(table.index) == ["SVM", "BERT", "AVG"]
    assert table.loc["SVM"].str.fullmatch(r"0\.\d{3} \(0\.\d{3}\)").sum() == 2
    assert table.loc["BERT", "Stance (corrected S.E.)"] == ""
    assert table.loc["AVG"].tolist() == ["0.500", "0.250", 1]


def test_the_published_cells_of_tables_s2_and_6_come_out_of_folds_with_their_mean_and_spread():
    unit = np.array([-2, -1, 0, 1, 2]) / np.std([-2, -1, 0, 1, 2], ddof=1)  # five folds, deviation 1
    s2 = pd.DataFrame({"system": "RF + Count", "fold": range(5), "Precision": 0.9713 + 0.0187 * unit})
    assert metrics.cross_validation_table(s2).iloc[0].tolist() == ["0.9713 (0.0187)", 5]
    spread = 0.005 * np.sqrt(5) / 1.5 * unit  # for a corrected standard error of 0.005
    t6 = pd.DataFrame({"system": "Lexicoder", "fold": range(5), "F1": 0.788 + spread})
    assert metrics.cross_validation_table(t6, spread="se").iloc[0].tolist() == ["0.788 (0.005)", 5]


def test_folds_that_do_not_fit_are_answered_with_what_to_do(folds):
    wrong = [
        (folds.drop(columns="fold"), "system, fold and at least one score"),
        (folds.iloc[:0], "0 rows"),
        (pd.concat([folds, folds.head(1)]), "SVM has a fold more than once"),
        (folds.assign(Stance=folds["Stance"].where(folds["fold"] < 3)), "SVM has Stance for 3 of 5 folds"),
    ]
    for table, answer in wrong:
        with pytest.raises(ValueError, match=answer):
            metrics.cross_validation_table(table)
    with pytest.raises(ValueError, match='"sd".*"se"'):
        metrics.cross_validation_table(folds, spread="var")


def test_the_mean_of_runs_has_scipys_interval_of_the_t_distribution():
    runs = [0.91, 0.93, 0.9, 0.95, 0.92]
    found = metrics.mean_and_interval(pd.Series(runs, index=range(5, 10)))
    theirs = stats.ttest_1samp(runs, 0).confidence_interval(0.95)
    assert np.allclose([found.value, found.low, found.high], [np.mean(runs), theirs.low, theirs.high])
    assert str(metrics.mean_and_interval([0.5, 0.5])) == "0.50 [0.50, 0.50]"
    for wrong in ([0.9], [], [0.9, np.nan]):
        with pytest.raises(ValueError, match="two numbers or more"):
            metrics.mean_and_interval(wrong)


@pytest.fixture
def two_systems():
    first, second = [0.9, 0.85, 0.88, 0.91, 0.86], [0.86, 0.84, 0.83, 0.9, 0.85]
    rows = [("BERT", fold, score) for fold, score in enumerate(first)]
    rows += [("SVM", fold, score) for fold, score in enumerate(second)]
    return pd.DataFrame(rows, columns=["system", "fold", "F1"])


def test_systems_are_compared_on_common_folds_with_an_interval_1_5_times_as_wide(two_systems):
    found = metrics.fold_difference(two_systems.sample(frac=1, random_state=0), "BERT", "SVM", "F1")
    wide = two_systems.pivot(index="fold", columns="system", values="F1")
    naive = stats.ttest_rel(wide["BERT"], wide["SVM"]).confidence_interval(0.95)
    assert np.isclose(found.value, (wide["BERT"] - wide["SVM"]).mean())
    assert np.isclose(found.high - found.low, 1.5 * (naive.high - naive.low))


def test_three_folds_of_texts_cut_into_five_parts_are_corrected_for_five(two_systems):
    three = two_systems.query("fold < 3")
    found = metrics.fold_difference(three, "BERT", "SVM", "F1", splits=5)
    wide = three.pivot(index="fold", columns="system", values="F1")
    half = stats.t.ppf(0.975, 2) * (wide["BERT"] - wide["SVM"]).std() * (1 / 3 + 1 / 4) ** 0.5
    assert np.isclose(found.high - found.low, 2 * half)
    table = metrics.cross_validation_table(three, spread="se", splits=5)
    naive = three.query("system == 'SVM'")["F1"].std()
    assert table.loc["SVM"].iloc[0].endswith(f"({naive * (1 / 3 + 1 / 4) ** 0.5:.3f})")


def test_folds_that_cannot_be_compared_are_refused(two_systems):
    for table, first, measure, answer in [
        (two_systems, "BERT", "recall", "no score 'recall'"),
        (two_systems, "GPT", "F1", "no system 'GPT'. There are: BERT, SVM"),
        (two_systems.iloc[1:], "BERT", "F1", "the same for both"),
        (two_systems.query("fold < 2"), "BERT", "F1", "three folds or more"),
        (pd.concat([two_systems, two_systems]), "BERT", "F1", "more than once"),
    ]:
        with pytest.raises(ValueError, match=answer):
            metrics.fold_difference(table, first, "SVM", measure)

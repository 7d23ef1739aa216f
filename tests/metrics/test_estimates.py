"""Corrected estimates hold the truth where predicted labels alone miss it, and follow from published formulas."""

import numpy as np
import pandas as pd
import pytest

from helpers.metrics import estimates

METHODS = ["predicted labels alone", "corrected", "coded sample alone"]


def study(seed: int, texts: int = 1200) -> pd.DataFrame:
    """Texts of two parties, with a label that depends on party and age. The classifier errs more for one party.

    Texts that it calls positive are drawn for coding three times as often as the others.
    """
    random = np.random.default_rng(seed)
    party, age = random.integers(0, 2, texts), random.normal(size=texts)
    label = random.random(texts) < 0.25 + 0.2 * party + 0.05 * np.tanh(age)
    said = random.random(texts) < np.where(label, np.where(party == 1, 0.65, 0.92), np.where(party == 1, 0.03, 0.3))
    drawn = np.where(said, 0.3, 0.1)
    attitude = 1 + 0.8 * label - 0.3 * party + random.normal(size=texts)
    table = pd.DataFrame({"party": party, "age": age, "attitude": attitude, "said": said.astype(int), "p": drawn})
    return table.assign(label=np.where(random.random(texts) < drawn, label.astype(float), np.nan))


def coverage(tables: list[pd.DataFrame], truth: float) -> dict[str, float]:
    held = pd.concat([(table["low"] <= truth) & (truth <= table["high"]) for table in tables], axis=1)
    return held.mean(axis=1).to_dict()


def check(held: dict[str, float], naive: float = 0.5) -> None:
    assert held["predicted labels alone"] < naive, held
    assert 0.9 <= held["corrected"] <= 0.99, held
    assert 0.9 <= held["coded sample alone"] <= 0.99, held


def test_a_corrected_share_holds_the_true_share_and_the_predicted_labels_alone_miss_it():
    found = [estimates.share(study(seed), "label", "said", "p") for seed in range(150)]
    assert list(found[0].index) == METHODS and list(found[0].columns) == ["estimate", "low", "high"]
    truth = 0.35
    held = coverage(found, truth)
    assert 0.9 <= held["corrected"] <= 0.99 and held["predicted labels alone"] < 0.5
    means = pd.concat(found).groupby(level=0)["estimate"].mean()
    assert abs(means["corrected"] - truth) < 0.01 < 0.02 < abs(means["predicted labels alone"] - truth)


def test_a_corrected_difference_holds_where_the_error_rates_depend_on_the_groups():
    check(coverage([estimates.difference(study(seed), "label", "said", "party", "p") for seed in range(150)], 0.2), 0.1)


def test_a_corrected_regression_holds_with_the_label_as_outcome():
    tables = [
        estimates.regression(study(seed), "label", ["party", "age"], {"label": "said"}, "p").xs(
            "party", level="coefficient"
        )
        for seed in range(150)
    ]
    check(coverage(tables, 0.2), 0.1)


def test_a_corrected_regression_holds_with_the_label_as_a_regressor():
    tables = [
        estimates.regression(study(seed), "attitude", ["label", "party"], {"label": "said"}, "p") for seed in range(150)
    ]
    for coefficient, truth in [("label", 0.8), ("party", -0.3)]:
        check(coverage([table.xs(coefficient, level="coefficient") for table in tables], truth))


def test_a_good_classifier_makes_the_corrected_interval_narrower_than_the_codes_alone():
    data = study(0, 3000)
    truth = (np.random.default_rng(1).random(3000) < 0.4).astype(float)
    said = np.where(np.random.default_rng(2).random(3000) < 0.95, truth, 1 - truth)
    coded = np.where(np.random.default_rng(3).random(3000) < 0.1, truth, np.nan)
    table = estimates.share(data.assign(label=coded, said=said, p=0.1), "label", "said", "p")
    width = table["high"] - table["low"]
    assert width["corrected"] < 0.7 * width["coded sample alone"]


def test_where_every_text_is_coded_the_correction_gives_what_the_codes_give():
    data = study(0)
    label = (np.random.default_rng(0).random(len(data)) < 0.4).astype(float)
    table = estimates.regression(data.assign(label=label, p=1.0), "label", ["party", "age"], {"label": "said"}, "p")
    assert np.allclose(table.loc["corrected"], table.loc["coded sample alone"])
    x = np.column_stack([np.ones(len(data)), data["party"], data["age"]])
    assert np.allclose(table.loc["corrected", "estimate"], np.linalg.lstsq(x, label)[0])


def test_estimates_are_those_of_prediction_powered_inference_where_texts_are_drawn_alike():
    """Angelopoulos et al. (2023): the mean, or the coefficients, of the predictions, plus those of their errors."""
    data = study(0).assign(p=0.2)
    random = np.random.default_rng(0)
    truth = np.where(random.random(len(data)) < 0.7, data["said"], 1 - data["said"])
    is_coded = np.zeros(len(data), dtype=bool)
    is_coded[random.permutation(len(data))[: len(data) // 5]] = True
    data["label"] = np.where(is_coded, truth, np.nan)
    errors = (truth - data["said"])[is_coded]
    mean = data["said"].mean() + errors.mean()
    variance = data["said"].var() / len(data) + errors.var() / len(errors)
    row = estimates.share(data, "label", "said", "p").loc["corrected"]
    assert np.isclose(row["estimate"], mean)
    assert np.isclose(row["high"] - row["low"], 2 * 1.96 * variance**0.5, rtol=0.1)

    x = np.column_stack([np.ones(len(data)), data["party"], data["age"]])
    table = estimates.regression(data, "label", ["party", "age"], {"label": "said"}, "p").loc["corrected"]
    moments = x.T @ data["said"] + x[is_coded].T @ errors / 0.2
    assert np.allclose(table["estimate"], np.linalg.solve(x.T @ x, moments))


def test_unequal_drawing_is_undone_in_the_coded_sample_too():
    data = study(1, 4000)
    row = estimates.share(data, "label", "said", "p").loc["coded sample alone", "estimate"]
    coded = data.dropna(subset="label")
    assert np.isclose(row, np.average(coded["label"], weights=1 / coded["p"]))


DATA = study(0, 300)


@pytest.mark.parametrize(
    ("data", "answer"),
    [
        (DATA.drop(columns="said"), "no column 'said'"),
        (DATA.assign(label="Uncivil"), '"label" holds values that are not numbers'),
        (DATA.assign(party=np.nan), '"party" has gaps'),
        (DATA.assign(said=np.nan), '"said" has gaps'),
        (DATA.assign(p=0.0), "above 0 and up to 1"),
        (DATA.assign(p=30.0), "above 0 and up to 1"),
        (DATA.assign(label=np.nan), "0 coded texts are too few"),
        (DATA.assign(age=1.0), "constant or repeats"),
        (DATA.assign(age=DATA["party"] * 2), "constant or repeats"),
    ],
)
def test_data_that_do_not_fit_are_answered_with_what_to_do(data, answer):
    with pytest.raises(ValueError, match=answer):
        estimates.regression(data, "label", ["party", "age"], {"label": "said"}, "p")


def test_what_is_asked_for_must_be_there():
    with pytest.raises(ValueError, match="predicted must map"):
        estimates.regression(DATA, "attitude", ["party"], {"label": "said"}, "p")
    with pytest.raises(ValueError, match='"age" must be 0 for some'):
        estimates.difference(DATA, "label", "said", "age", "p")
    with pytest.raises(ValueError, match="no column 'camp'"):
        estimates.difference(DATA, "label", "said", "camp", "p")


def test_codes_may_be_true_and_false_with_gaps():
    given = DATA.assign(label=DATA["label"].map({0.0: False, 1.0: True}))
    pd.testing.assert_frame_equal(
        estimates.share(given, "label", "said", "p"), estimates.share(DATA, "label", "said", "p")
    )


def sample(rows: int, seed: int, share: float, recall: float, false: float):
    random = np.random.default_rng(seed)
    truth = random.random(rows) < share
    return truth.astype(int), (random.random(rows) < np.where(truth, recall, false)).astype(int)


def test_the_corrected_share_undoes_what_a_classifiers_errors_do():
    for share in (0, 0.1, 0.5, 1):
        found = 0.8 * share + 0.05 * (1 - share)
        assert np.isclose(estimates.corrected_share(found, 0.8, 0.05), share)
    assert estimates.corrected_share(0.01, 0.8, 0.05) == 0  # fewer than its false positives alone would give


@pytest.mark.parametrize("given", [(0.2, 0.1, 0.1), (0.2, 0.1, 0.5), (20, 0.8, 0.1), (0.2, 0.8, -0.1), (np.nan, 1, 0)])
def test_a_share_that_cannot_be_corrected_is_refused(given):
    with pytest.raises(ValueError, match="better classifier|not a share"):
        estimates.corrected_share(*given)


@pytest.mark.parametrize(
    ("rows", "recall", "false", "share"),
    [(127, 0.97, 0.02, 0.15), (127, 0.95, 0.01, 0.05), (200, 0.8, 0.1, 0.15)],
)
def test_the_corrected_interval_holds_the_true_share_where_few_errors_are_seen(rows, recall, false, share):
    """Of 63 validation texts without the label, a rate of 0.02 shows no false positive in one sample of four."""
    held = []
    for seed in range(300):
        validation = sample(rows, seed, 0.5, recall, false)
        new = sample(1000, 1000 + seed, share, recall, false)[1]
        found = estimates.corrected_share_interval(*validation, new, seed=seed, draws=2000)
        held.append(found.low <= share <= found.high)
    assert np.mean(held) >= 0.93


def test_the_corrected_interval_is_around_the_corrected_share_and_takes_names():
    truth, predicted = sample(200, 0, 0.3, 0.8, 0.1)
    new = sample(500, 1, 0.3, 0.8, 0.1)[1]
    names = np.array(["civil", "uncivil"])
    found = estimates.corrected_share_interval(
        names[truth], list(names[predicted]), pd.Series(names[new]), positive="uncivil"
    )
    rates = predicted[truth == 1].mean(), predicted[truth == 0].mean()
    assert np.isclose(found.value, estimates.corrected_share(new.mean(), *rates))
    assert found.low < found.value < found.high
    assert found == estimates.corrected_share_interval(truth, predicted, new)


@pytest.mark.parametrize("new", [[0] * 100, [1] * 100])
def test_a_share_at_the_end_is_inside_its_interval(new):
    found = estimates.corrected_share_interval([0, 1] * 50, [0, 1] * 50, new)
    assert found.low <= found.value <= found.high and found.value in (0, 1) and 0 < found.high - found.low < 0.1


def test_more_new_texts_or_more_validation_texts_make_the_corrected_interval_narrower():
    def width(validation_rows: int, new_rows: int) -> float:
        validation, new = sample(validation_rows, 0, 0.3, 0.8, 0.1), sample(new_rows, 1, 0.3, 0.8, 0.1)
        found = estimates.corrected_share_interval(*validation, new[1])
        return found.high - found.low

    assert width(5000, 5000) < 0.6 * width(5000, 100)
    assert width(5000, 5000) < 0.6 * width(100, 5000)


def test_a_validation_sample_that_says_almost_nothing_gives_an_interval_that_says_so():
    found = estimates.corrected_share_interval([1, 1, 0, 0], [1, 0, 0, 0], [1] * 20 + [0] * 80)
    assert found.low < 0.01 and found.high > 0.99


def test_new_labels_that_validation_does_not_know_and_a_missing_class_are_refused():
    for new, positive, answer in [
        (["yes", "maybe"], "yes", "'maybe'"),
        (["yes"], "Yes", "'no', 'yes'"),
        (["yes"], 1, "'no', 'yes'"),
    ]:
        with pytest.raises(ValueError, match=answer):
            estimates.corrected_share_interval(["yes", "no"], ["yes", "no"], new, positive)
    with pytest.raises(ValueError, match="and another"):
        estimates.corrected_share_interval([1, 1], [1, 0], [1])

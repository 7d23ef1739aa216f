"""From predicted labels to an estimate: shares, differences and regression coefficients, corrected by a coded sample.

A classifier that is right for 90% of the texts can still bend a share or a coefficient, and the usual interval then
misses the truth. Code a random sample of the very texts that the study is about, drawn with known probabilities, and
every moment m of the estimate is corrected on it: m(predicted) + R / p * (m(coded) - m(predicted)), where R
says whether a text was coded and p is the probability with which it was drawn. Nothing is assumed about the errors.

Egami, Hinck, Stewart and Wei 2023, "Using imperfect surrogates for downstream inference", arXiv:2306.04746;
Angelopoulos et al. 2023, "Prediction-powered inference", Science 382, doi:10.1126/science.adi6000.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from helpers.metrics.intervals import Interval
from helpers.metrics.resampling import tail
from helpers.metrics.scores import as_labels, same_length


def share(data: pd.DataFrame, label: str, predicted: str, probability: str, level: float = 0.95) -> pd.DataFrame:
    """The share of texts with a label, or the mean of any predicted number.

    Parameters
    ----------
    data : DataFrame
        One row per text of the study.
    label : str
        Column with what people coded: 0 or 1 (or any number), missing where a text was not coded.
    predicted : str
        Column with what the classifier says of every text: 0 or 1, or a probability.
    probability : str
        Column with the probability, above 0 and up to 1, with which each text was drawn to be coded.
    level : float
        How often such intervals hold the true value, from 0 to 1.

    Returns
    -------
    DataFrame
        Rows "predicted labels alone", "corrected" and "coded sample alone"; columns estimate, low, high.

    Raises
    ------
    ValueError
        For missing columns, values that are no numbers, impossible probabilities, or too few coded texts.
    """
    table = regression(data, label, [], {label: predicted}, probability, level)
    return table.droplevel("coefficient")


def difference(
    data: pd.DataFrame, label: str, predicted: str, by: str, probability: str, level: float = 0.95
) -> pd.DataFrame:
    """The share of a label where `by` is 1 minus the share where it is 0; the rest as in `share`.

    Parameters
    ----------
    by : str
        Column that is 0 or 1 for every text, such as one of two parties.
    """
    if by in data and not set(data[by].unique()) == {0, 1}:
        raise ValueError(
            f'"{by}" must be 0 for some texts and 1 for the others. Make it so: (data["{by}"] == ...) * 1.'
        )
    return regression(data, label, [by], {label: predicted}, probability, level).xs(by, level="coefficient")


def regression(
    data: pd.DataFrame, outcome: str, regressors: Sequence[str], predicted: Mapping[str, str], probability: str,
    level: float = 0.95,
) -> pd.DataFrame:  # fmt: skip
    """Coefficients of a linear regression in which the outcome or a regressor is a predicted label.

    Parameters
    ----------
    data, probability, level
        As in `share`.
    outcome : str
        Column of the outcome.
    regressors : sequence of str
        Columns of the regressors; a constant is added.
    predicted : mapping of str to str
        For each of these columns that holds codes of people, missing where a text was not coded: the column with what
        the classifier predicts for every text.

    Returns
    -------
    DataFrame
        Index: method ("predicted labels alone", "corrected", "coded sample alone") and coefficient ("constant" and the
        regressors). Columns estimate, low, high, with variances that are robust to unequal spread.

    Raises
    ------
    ValueError
        As in `share`.
    """
    coded_y, coded_x, said_y, said_x, weight = _checked(data, outcome, list(regressors), dict(predicted), probability)
    is_coded = weight > 0
    methods = {
        "predicted labels alone": _solve(said_x, said_y, np.ones(len(data)), None, None, level),
        "corrected": _solve(said_x, said_y, weight, coded_x, coded_y, level),
        "coded sample alone": _solve(coded_x[is_coded], coded_y[is_coded], weight[is_coded], None, None, level),
    }
    names = pd.Index(["constant", *regressors], name="coefficient")
    frames = {method: pd.DataFrame(rows, names, ["estimate", "low", "high"]) for method, rows in methods.items()}
    return pd.concat(frames, names=["method"])


def _solve(x, y, weight, coded_x, coded_y, level) -> np.ndarray:
    """Least squares with weights, corrected where there are codes: (coefficients, 3) of estimate, low, high.

    weight: 1 / p for a coded text and 0 for the others; without codes, the weight of each row.
    """

    def moments(x, y):  # of each text: x x' and x y
        return x[:, :, None] * x[:, None, :], x * y[:, None]

    squares, products = moments(x, y)
    if coded_x is None:
        squares, products, rows = squares * weight[:, None, None], products * weight[:, None], len(x)
    else:
        coded_squares, coded_products = moments(coded_x, coded_y)
        squares = squares + weight[:, None, None] * (coded_squares - squares)
        products = products + weight[:, None] * (coded_products - products)
        rows = int((weight > 0).sum())  # the codes limit what can be known
    total = squares.sum(axis=0)
    if np.linalg.matrix_rank(total) < len(total):
        raise ValueError("A regressor is constant or repeats another one, so its coefficient is not defined. Drop it.")
    estimate = np.linalg.solve(total, products.sum(axis=0))
    residuals = products - squares @ estimate  # (texts, coefficients): each text's moment
    inverse, freedom = np.linalg.inv(total), rows - x.shape[1]
    variance = inverse @ (residuals.T @ residuals) @ inverse.T * rows / freedom
    half = stats.t.ppf(1 - tail(level), freedom) * np.sqrt(np.diag(variance))
    return np.column_stack([estimate, estimate - half, estimate + half])


def _checked(data: pd.DataFrame, outcome: str, regressors: list[str], predicted: dict[str, str], probability: str):
    """Outcome and regressors with the constant, coded and predicted, and the weight of each text."""
    columns = [outcome, *regressors]
    needed = [*columns, *predicted.values(), probability]
    if missing := [name for name in needed if name not in data]:
        raise ValueError(f"data has no column {missing[0]!r}. It has: {', '.join(map(str, data.columns))}.")
    if not predicted or not set(predicted) <= set(columns):
        raise ValueError(f"predicted must map one or more of {', '.join(columns)} to columns of predictions.")
    numbers = data[needed].apply(pd.to_numeric, errors="coerce").astype(float)
    if wrong := [name for name in needed if numbers[name].isna().sum() > data[name].isna().sum()]:
        raise ValueError(
            f'Column "{wrong[0]}" holds values that are not numbers. For a label: (data["{wrong[0]}"] == "...") * 1.'
        )
    if gaps := [name for name in needed if name not in predicted and numbers[name].isna().any()]:
        raise ValueError(f'Column "{gaps[0]}" has gaps. Only what people coded may be missing.')
    drawn = numbers[probability].to_numpy()
    if not ((drawn > 0) & (drawn <= 1)).all():
        raise ValueError(f'Column "{probability}" must hold probabilities above 0 and up to 1, for every text.')
    is_coded = numbers[list(predicted)].notna().all(axis=1).to_numpy()
    if is_coded.sum() < len(columns) + 2:
        raise ValueError(f"{is_coded.sum()} coded texts are too few for {len(columns)} coefficients. Code more.")
    said = numbers[columns].assign(**{name: numbers[source] for name, source in predicted.items()})
    coded = numbers[columns].mask(numbers[columns].isna(), said)  # what was not coded gets no weight
    constant = np.ones((len(data), 1))
    x, said_x = (np.hstack([constant, frame[regressors].to_numpy()]) for frame in (coded, said))
    return coded[outcome].to_numpy(), x, said[outcome].to_numpy(), said_x, is_coded / drawn


def corrected_share(predicted_share: float, recall_of_positive: float, false_positive_rate: float) -> float:
    """The share of a class in new texts, from the share that a classifier finds (Rogan and Gladen 1978).

    found = recall * share + false positive rate * (1 - share), solved for the share and cut to 0 to 1. It holds where
    the classifier errs at the same rates as on the validation texts; `share` needs no such assumption.

    Parameters
    ----------
    predicted_share : float
        The share of the new texts that the classifier puts into the class.
    recall_of_positive : float
        On validation texts, the share of the class that the classifier finds.
    false_positive_rate : float
        On validation texts, the share of all others that the classifier puts into the class.

    Returns
    -------
    float
        The share of the class, from 0 to 1.

    Raises
    ------
    ValueError
        For what is no share, and where the recall is not above the false positive rate.
    """
    for value in (predicted_share, recall_of_positive, false_positive_rate):
        if not 0 <= value <= 1:
            raise ValueError(f"{value} is not a share. Give the share, the recall and the rate as numbers from 0 to 1.")
    if recall_of_positive <= false_positive_rate:
        rates = f"recall {recall_of_positive:.2f}, false positive rate {false_positive_rate:.2f}"
        raise ValueError(f"The recall must be above the false positive rate ({rates}): use a better classifier.")
    found = (predicted_share - false_positive_rate) / (recall_of_positive - false_positive_rate)
    return float(np.clip(found, 0, 1))


def corrected_share_interval(
    validation_truth: Sequence, validation_predicted: Sequence, new_predicted: Sequence, positive=1,
    level: float = 0.95, draws: int = 10_000, seed: int = 0,
) -> Interval:  # fmt: skip
    """`corrected_share` with an interval for both doubts: the error rates, and which new texts came.

    Taught on Day 2, "Rare classes and thresholds".

    Parameters
    ----------
    validation_truth, validation_predicted : sequence, shape (validation rows,)
        Labels of texts that were not used in training.
    new_predicted : sequence, shape (new texts,)
        What the classifier says of the texts of the study.
    positive : label
        The class whose share is wanted.
    level, draws, seed
        How often such intervals hold the true share; number of draws, and what makes them repeatable.

    Returns
    -------
    Interval
        Recall, false positive rate and the share found are each drawn from their Jeffreys beta distribution, which
        keeps an error possible that no validation row shows. Draws whose recall is not above the false positive rate
        count as 0 below and as 1 above.

    Raises
    ------
    ValueError
        For labels that do not fit together.
    """
    truth = as_labels(validation_truth, "validation_truth")
    predicted = as_labels(validation_predicted, "validation_predicted")
    new = as_labels(new_predicted, "new_predicted")
    same_length(validation_truth=truth, validation_predicted=predicted)
    known = {*truth.tolist(), *predicted.tolist()}
    unknown = sorted(set(new.tolist()) - known, key=str)
    if unknown or positive not in truth or (truth == positive).all():
        what = f"new_predicted holds {unknown[0]!r}" if unknown else f"positive is {positive!r}"
        has = ", ".join(map(repr, np.unique(truth).tolist()))
        raise ValueError(f"{what}; validation_truth has: {has}. It needs that class and another.")
    true, said = truth == positive, predicted == positive
    value = corrected_share(float((new == positive).mean()), said[true].mean(), said[~true].mean())
    random = np.random.default_rng(seed)
    recall, false, found = (
        random.beta(part.sum() + 0.5, (~part).sum() + 0.5, size=draws)
        for part in (said[true], said[~true], new == positive)
    )
    is_better = recall > false
    drawn = np.clip((found - false) / np.where(is_better, recall - false, 1), 0, 1)
    lows, highs = (np.where(is_better, drawn, instead) for instead in (0, 1))
    low, high = np.quantile(lows, tail(level)), np.quantile(highs, 1 - tail(level))
    return Interval(value, min(float(low), value), max(float(high), value))

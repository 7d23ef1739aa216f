"""Corrected estimates agree with the reference package of prediction-powered inference, ppi-python.

It handles simple random samples and predicted outcomes only. Its power tuning is off here (lam=1).
"""

import numpy as np
import pandas as pd
import ppi_py
import pytest

from helpers.metrics import estimates

TEXTS, CODED = 40_000, 800
REGRESSORS = ["party", "age"]
NAIVE, CORRECTED, CODES = "predicted labels alone", "corrected", "coded sample alone"


def study(party: np.ndarray, age: np.ndarray, is_coded: np.ndarray) -> pd.DataFrame:
    """Texts with a classifier that overlooks the label in one party and sees it too often in the other."""
    random = np.random.default_rng(1)
    label = random.random(TEXTS) < 0.25 + 0.2 * party + 0.1 * np.tanh(age)
    said = random.random(TEXTS) < np.where(label, np.where(party == 1, 0.6, 0.95), np.where(party == 1, 0.02, 0.3))
    table = pd.DataFrame({"party": party, "age": age, "said": said.astype(float), "p": CODED / TEXTS})
    return table.assign(label=np.where(is_coded, label, np.nan))


@pytest.fixture(scope="module")
def drawn() -> pd.DataFrame:
    """A simple random sample was coded."""
    random = np.random.default_rng(0)
    is_coded = np.isin(np.arange(TEXTS), random.choice(TEXTS, CODED, replace=False))
    return study(random.integers(0, 2, TEXTS), random.normal(size=TEXTS), is_coded)


def theirs(table: pd.DataFrame) -> np.ndarray:
    """Estimate, low and high of the constant and each regressor by ppi-python: (coefficients, 3)."""
    coded, columns = table.dropna(subset="label"), ["constant", *REGRESSORS]
    coded_x, x = (np.ascontiguousarray(rows.assign(constant=1.0)[columns]) for rows in (coded, table))
    given = coded_x, coded["label"].to_numpy(), coded["said"].to_numpy(), x, table["said"].to_numpy()
    point = ppi_py.ppi_ols_pointestimate(*given, lam=1)
    return np.column_stack([point, *ppi_py.ppi_ols_ci(*given, alpha=0.05, lam=1)])


def ours(table: pd.DataFrame) -> dict[str, np.ndarray]:
    found = estimates.regression(table, "label", REGRESSORS, {"label": "said"}, "p")
    return {method: rows.to_numpy() for method, rows in found.groupby(level="method")}


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_a_corrected_share_is_the_mean_of_ppi_python(drawn, level):
    coded = drawn.dropna(subset="label")
    given = coded["label"].to_numpy(), coded["said"].to_numpy(), drawn["said"].to_numpy()
    point = ppi_py.ppi_mean_pointestimate(*given, lam=1).item()
    low, high = (bound.item() for bound in ppi_py.ppi_mean_ci(*given, alpha=1 - level, lam=1))
    found = estimates.share(drawn, "label", "said", "p", level)
    assert np.isclose(found.loc[CORRECTED, "estimate"], point, rtol=1e-12, atol=0)
    assert np.allclose(found.loc[CORRECTED, ["low", "high"]], [low, high], rtol=0, atol=0.01 * (high - low))
    assert not np.isclose(found.loc[[NAIVE, CODES], "estimate"], point, rtol=1e-3).any()


def test_a_corrected_regression_is_close_to_that_of_ppi_python(drawn):
    """ppi-python divides the errors by the moments of the coded texts, the helper by those of all texts.

    The helper's intervals also allow for a random number of coded texts.
    """
    expected, found = theirs(drawn), ours(drawn)
    width = expected[:, 2] - expected[:, 1]
    assert (np.abs(found[CORRECTED] - expected) < 0.2 * width[:, None]).all()
    wrong_sign = 2 * found[NAIVE] - found[CORRECTED]
    for wrong in (found[NAIVE], wrong_sign):  # the constant and the party, on which the errors depend
        assert (np.abs(wrong - expected)[:2, 0] > 1.5 * width[:2]).all()


def test_a_corrected_regression_is_that_of_ppi_python_where_the_coded_texts_have_the_same_regressors():
    row = np.arange(TEXTS)
    # In each block of ten rows every party meets every age once; every fiftieth block is coded.
    table = study(row % 2, row // 2 % 5 - 2.0, row // 10 % (TEXTS // CODED) == 0)
    expected, found = theirs(table), ours(table)
    assert np.allclose(found[CORRECTED][:, 0], expected[:, 0], rtol=1e-9, atol=0)
    for other in (NAIVE, CODES):
        assert not np.isclose(found[other][:, 0], expected[:, 0], rtol=1e-3).any()
    width = expected[:, 2] - expected[:, 1]
    assert (np.abs(found[CORRECTED] - expected) < 0.08 * width[:, None]).all()

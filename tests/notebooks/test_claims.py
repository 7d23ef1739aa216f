"""What the notebooks say about other libraries, asked of the libraries."""

import inspect

import optuna
import pytest


def draws(sampler: optuna.samplers.BaseSampler, trials: int = 12) -> list[float]:
    """The values that a sampler tries for one hyperparameter, whatever the score."""
    study = optuna.create_study(sampler=sampler)
    study.optimize(lambda trial: trial.suggest_float("rate", 1e-5, 1e-1, log=True), n_trials=trials)
    return [trial.params["rate"] for trial in study.trials]


def test_tpe_begins_with_ten_random_trials_and_with_one_seed_they_are_those_of_random_search():
    tpe, random = draws(optuna.samplers.TPESampler(seed=3)), draws(optuna.samplers.RandomSampler(seed=3))
    assert tpe[:10] == random[:10] and tpe[10:] != random[10:]


def test_a_sampler_that_starts_again_with_the_same_seed_draws_the_same_values():
    assert draws(optuna.samplers.TPESampler(seed=3), 4) == draws(optuna.samplers.TPESampler(seed=3), 4)


def test_tpe_looks_at_hyperparameters_together_and_counts_running_trials_as_poor():
    told = inspect.signature(optuna.samplers.TPESampler).parameters
    assert told["constant_liar"].default is True
    assert optuna.samplers.TPESampler()._is_multivariate(optuna.create_study())


def test_optuna_says_what_the_notebook_quotes_on_sqlite():
    said = inspect.getsource(optuna.storages.RDBStorage)
    assert "We would never recommend SQLite3 for parallel optimization." in said


@pytest.fixture(autouse=True)
def quiet():
    optuna.logging.set_verbosity(optuna.logging.WARNING)

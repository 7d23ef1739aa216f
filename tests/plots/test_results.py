"""The charts of results and searches draw what they are given, in any script and with any sign in it."""

import warnings
from types import SimpleNamespace

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from helpers.metrics import calibration_table
from helpers.plots import results, searches

NAMES = ["$$", r"$\x$ and $", "a $5 or $6 price"]
OTHER_SCRIPTS = ["政府", "सरकार", "حكومة", "😀"]


@pytest.fixture
def shown(monkeypatch):
    """The figures that were shown, with their alternative texts; not closed, so that a test can look into them."""
    figures = []
    monkeypatch.setattr(
        "helpers.plots.figures.display", lambda content, **options: figures.append((plt.gcf(), content))
    )
    monkeypatch.setattr(plt, "close", lambda figure: None)
    yield figures
    monkeypatch.undo()
    plt.close("all")


def trials(samplers):
    random = np.random.default_rng(0)
    rows = [(sampler, 0, *random.uniform(0.001, 1, 3)) for sampler in samplers for _ in range(5)]
    return pd.DataFrame(rows, columns=["sampler", "seed", "score", "learning_rate", "epochs"])


def draw_everything(names):
    table = calibration_table([0, 1, 1, 0], [0.1, 0.9, 0.8, 0.3])
    curve = pd.DataFrame(
        [(name, n, 0.5) for name in names for n in (10, 100)], columns=["system", "labels", "macro F1"]
    )
    sweep = pd.DataFrame(
        [(name, v, 0.5) for name in names for v in (0.1, 9)], columns=["hyperparameter", "value", "score"]
    )
    shares = pd.DataFrame({name: [0.2, 0.4] for name in names}, index=names[:2])
    title = names[0]
    results.lengths({name: [3, 5, 9] for name in names}, title)
    results.losses(SimpleNamespace(state=SimpleNamespace(log_history=[{"epoch": 1, "loss": 1, "eval_loss": 2}])), title)
    results.calibration(table, title)
    results.precision_recall([0.5, 1], [1, 0], dict.fromkeys(names, (0.7, 0.7)), title)
    results.learning_curves(curve, title)
    results.shares_by_period(shares, pd.Series([20, 30], names[:2]), names[0], names[1], title)
    searches.sweeps(sweep, {}, names[1], title)
    searches.places(trials(names), "learning_rate", "epochs", title)
    searches.best_so_far(trials(names), names[1], title)


def test_dollar_signs_in_texts_are_drawn_as_they_are(shown):
    draw_everything(NAMES)
    assert len(shown) == 9
    for figure, _ in shown:
        labels = [text for text in figure.findobj(matplotlib.text.Text) if text.get_text() in NAMES]
        assert labels and not any(text.get_parse_math() for text in labels)


def test_the_numbers_of_a_logarithmic_axis_stay_powers_of_ten(shown):
    searches.places(trials(["random"]), "learning_rate", "epochs", "Places")
    figure, _ = shown[0]
    powers = [label for label in figure.axes[0].get_xticklabels() if "10^" in label.get_text()]
    assert powers and all(label.get_parse_math() for label in powers)


def test_other_scripts_are_drawn_with_at_most_one_warning_for_each_figure(shown):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        draw_everything(OTHER_SCRIPTS)
    fonts = [warning for warning in caught if "Install a font" in str(warning.message)]
    others = [str(warning.message) for warning in caught if warning not in fonts]
    assert len(shown) == 9 and len(fonts) <= 9 and len(others) <= 9
    assert all("does not support Devanagari" in said for said in others)  # matplotlib 3.10, once for each figure


def test_fonts_that_are_not_installed_are_not_asked_for():
    installed = matplotlib.font_manager.fontManager.get_font_names()
    assert plt.rcParams["font.family"][0] == "DejaVu Sans" and set(plt.rcParams["font.family"]) <= set(installed)


def test_the_places_of_a_single_sampler_are_one_panel_and_later_points_are_larger(shown):
    searches.places(trials(["random"]), "learning_rate", "epochs", "Places")
    panel, bar = shown[0][0].axes
    sizes = panel.collections[0].get_sizes()
    assert panel.get_title() == "random" and bar.get_ylabel() == "score" and (np.diff(sizes) > 0).all()
    searches.places(trials(["random"]).head(1), "learning_rate", "epochs", "One trial")


def test_losses_without_evaluations_are_those_of_training_and_without_any_the_answer_says_what_to_do(shown):
    log = [{"epoch": 1, "loss": 0.9}, {"epoch": 2, "loss": 0.4}, {"epoch": 2, "train_loss": 0.6}]
    results.losses(SimpleNamespace(state=SimpleNamespace(log_history=log)), "Losses")
    figure, content = shown[0]
    assert [line.get_label() for line in figure.axes[0].lines] == ["training"]
    assert content["text/plain"] == "Losses: training loss from 0.90 to 0.40."
    with pytest.raises(ValueError, match="logging_strategy"):
        results.losses(SimpleNamespace(state=SimpleNamespace(log_history=log[2:])), "Losses")


def test_the_markers_of_a_calibration_fit_the_figure_however_many_texts_there_are(shown):
    random = np.random.default_rng(0)
    for rows in (40, 40_000):
        probability = random.random(rows) ** 4
        results.calibration(calibration_table(random.random(rows) < probability, probability), "Calibration")
    few, many = (figure.axes[0].collections[0].get_sizes() for figure, _ in shown)
    assert few.max() == many.max() < 400 and few.min() >= 20  # square points: 400 are 20 points across

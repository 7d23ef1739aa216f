"""The public names: Tab after `helpers.` offers these and nothing else, and scripts of learners can rely on them."""

import subprocess
import sys

import pytest
from conftest import ROOT

import helpers

FOR_SCRIPTS = [
    "setup", "model", "download", "data.load", "data.load_csv", "data.table", "metrics.compute_metrics",
    "metrics.report", "metrics.confusion", "metrics.bootstrap_interval", "metrics.bootstrap_difference",
    "metrics.corrected_share_interval", "metrics.cross_validation_table", "metrics.calibration_table",
    "metrics.kappa", "plots.show", "plots.heatmap", "plots.head_view", "plots.model_view",
    "translation.translate", "drive.keep_outputs", "exercises.get",
]  # fmt: skip


def test_tab_after_helpers_offers_the_public_names_alone():
    assert set(dir(helpers)) == {
        "baselines", "data", "download", "drive", "exercises", "label", "metrics", "model", "packages", "plots",
        "setup", "training", "translation",
    }  # fmt: skip


@pytest.mark.parametrize("name", FOR_SCRIPTS)
def test_a_public_name_can_be_called_and_says_what_it_does(name):
    found = helpers
    for part in name.split("."):
        found = getattr(found, part)
    assert callable(found) and found.__doc__


@pytest.mark.parametrize("module", ["helpers.label", "helpers.packages"])
def test_a_public_program_says_how_it_is_used(module):
    done = subprocess.run([sys.executable, "-m", module, "--help"], cwd=ROOT, capture_output=True, text=True)
    assert f"python -m {module}" in done.stdout + done.stderr


def test_the_name_of_the_first_edition_says_what_replaced_it():
    done = subprocess.run([sys.executable, "-m", "helpers.sources"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1 and "python -m helpers.packages" in done.stderr


def test_a_name_that_does_not_exist_is_answered_with_those_that_do():
    with pytest.raises(AttributeError, match=r"no attribute 'nothing'.*metrics"):
        helpers.nothing  # noqa: B018

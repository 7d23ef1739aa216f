"""The public names: Tab after `helpers.` offers these and nothing else, and scripts of learners can rely on them."""

import json
import operator
import re
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
TAUGHT = [
    "metrics.fold_difference", "metrics.mean_and_interval", "metrics.expected_calibration_error",
    "metrics.calibration_noise_floor", "metrics.translations.scores", "metrics.translations.by_category",
    "metrics.translations.worst", "metrics.translations.compare", "translation.translate_corpus",
    "translation.beam_steps", "translation.head_scores", "label.label_file", "baselines.lexicons.Vader",
    "baselines.lexicons.general_inquirer", "baselines.lexicons.lexicoder", "baselines.glove.GloveAverage",
    "training.last_checkpoint",
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


def sections(number: str) -> dict[str, str]:
    """The text and code of each section of a day's notebook, by its heading."""
    (path,) = ROOT.glob(f"notebooks/day{number}_*.ipynb")
    found, heading = {}, None
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown" and (headings := re.findall(r"^## (.+)$", source, re.M)):
            (heading,) = headings
        found[heading] = found.get(heading, "") + source
    return found


@pytest.mark.parametrize("name", [*FOR_SCRIPTS, *TAUGHT])
def test_a_public_name_says_in_which_section_it_is_taught(name):
    found = operator.attrgetter(name)(helpers)
    taught = re.findall(r'Taught on (?:Day (\d)|every day), "([^"\n]+)"\.$', found.__doc__, re.M)
    assert "Taught on" in found.__doc__ and len(taught) == 1
    ((day, section),) = taught
    for number in day or "123":
        assert re.search(rf"\b{found.__name__}\b", sections(number)[section]), f"Day {number}"


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

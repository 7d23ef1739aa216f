"""The search of Day 3: the notebook and the helper search the same, and a study survives a kill."""

import ast
import os
import signal
import subprocess
import sys

import nbformat
import optuna
import pytest
from conftest import NOTEBOOKS, ROOT
from optuna.trial import TrialState

from helpers import runtime, study_file, tuning

[PATH] = [path for path in NOTEBOOKS if path.stem.startswith("day3")]
CELLS = {cell["id"]: cell.source for cell in nbformat.read(PATH, as_version=4).cells if cell.cell_type == "code"}
SEARCH = """
import sys
from pathlib import Path
import helpers
workshop = helpers.setup(source="packages", size="tiny")
from helpers import tuning
tuning.OUTPUTS = Path(sys.argv[1])
tuning.finished_study(workshop)
"""


def workshop(size="tiny"):
    return runtime.Workshop(device="cpu", source="packages", size=size, seed=0)


def without_docstring(function: ast.FunctionDef) -> str:
    body = [part for part in function.body if not (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant))]
    return "\n".join(ast.dump(part) for part in body)


def test_the_notebook_searches_the_space_of_the_helper():
    helper = ast.parse((ROOT / "helpers" / "tuning.py").read_text(encoding="utf-8"))
    functions = {part.name: part for part in helper.body if isinstance(part, ast.FunctionDef)}
    shown = {part.name: part for part in ast.parse(CELLS["trainer-space"]).body if isinstance(part, ast.FunctionDef)}
    assert without_docstring(shown["hp_space"]) == without_docstring(functions["hp_space"])
    for function in (shown["model_init"], functions["model_init"]):
        assert "suggest_int('frozen_layers', 0, 4)" in ast.unparse(function)


@pytest.mark.parametrize("name", ["sampler", "pruner"])
def test_the_notebook_uses_the_samplers_and_pruners_of_the_helper(name):
    def argument(source):
        calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
        found = [k.value for call in calls for k in call.keywords if k.arg == name]
        return {
            ast.unparse(value).replace("helpers.tuning.", "").replace("steps_of_an_epoch", "steps") for value in found
        }

    assert argument(CELLS["trainer-search-run"]) == argument(
        (ROOT / "helpers" / "tuning.py").read_text(encoding="utf-8")
    )


def test_the_test_split_is_opened_in_one_marked_cell_only():
    notebook = nbformat.read(PATH, as_version=4)
    opens = [cell["id"] for cell in notebook.cells if cell.cell_type == "code" and '["test"]' in cell.source]
    assert opens == ["honest-test"]
    [cell] = [cell for cell in notebook.cells if cell["id"] == "honest-test"]
    assert "opens-the-test-set" in cell.metadata["tags"]


def test_frozen_layers_and_the_embeddings_are_not_trained():
    model = tuning.model_init(optuna.trial.FixedTrial({"frozen_layers": 2}))
    trained = {name for name, weight in model.named_parameters() if weight.requires_grad}
    assert not [name for name in trained if ".embeddings." in name or ".layer.0." in name or ".layer.1." in name]
    assert [name for name in trained if ".layer.2." in name] and [name for name in trained if "classifier" in name]
    assert all(weight.requires_grad for weight in tuning.model_init().parameters())


def test_a_search_that_is_killed_goes_on_where_it_was(tmp_path):
    """Killed in its third trial or later; the second run does what is missing, and no value is tried twice."""
    command = [sys.executable, "-c", SEARCH, str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    first = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    lines = (line for line in first.stdout if line.startswith("learning rate"))
    next(lines), next(lines)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    file = next(tmp_path.rglob("study.log"))
    before = tuning.finished(study_file.find_study(file, tuning.NAME))
    wanted = tuning.budget(workshop())
    assert 1 <= before < wanted
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL, timeout=300)
    study = study_file.find_study(file, tuning.NAME)
    counted = study.get_trials(states=(TrialState.COMPLETE, TrialState.PRUNED))
    assert len(counted) == wanted
    assert len({trial.params["learning_rate"] for trial in counted}) == wanted

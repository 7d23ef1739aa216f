"""The notebooks with every exercise solved, end to end at size tiny: each answer is right, and all are counted."""

import os

import nbformat
import pytest
from conftest import NOTEBOOKS
from nbclient import NotebookClient
from test_notebooks_run import NO_NETWORK

from helpers.exercises import check
from tools.notebooks import exercises


@pytest.mark.long
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_solved_notebook_runs_and_counts_every_exercise(path, tmp_path):
    notebook, day = nbformat.read(path, as_version=4), path.stem.split("_")[0]
    exercises.insert(notebook, day)
    for cell in notebook.cells:
        if cell["id"].endswith("-exercise-answer"):
            exercise = check.get(cell["id"].removesuffix("-exercise-answer"))
            cell.source = cell.source.replace(exercise.cell.strip(), exercise.solution_code.strip())
    setup = next(place for place, cell in enumerate(notebook.cells) if cell["id"] == "setup")
    elsewhere = f"from pathlib import Path\nfrom helpers import settings\nsettings.OUTPUTS = Path({str(tmp_path)!r})"
    notebook.cells.insert(setup + 1, nbformat.v4.new_code_cell(elsewhere))  # not into the progress of whoever tests
    client = NotebookClient(notebook, kernel_name="python3", timeout=1200, coalesce_streams=True)
    client.resources = {"metadata": {"path": str(path.parent)}}
    client.extra_arguments = ["--log-level=40"]
    client.execute(env={**os.environ, **NO_NETWORK, "WORKSHOP_SIZE": "tiny"})
    said = {
        cell["id"]: "".join(output.get("text", "") for output in cell.outputs)
        for cell in notebook.cells
        if cell["id"].endswith("-exercise-answer")
    }
    assert not {name: text for name, text in said.items() if "Right. " not in text}
    total = len(check.names(day))
    assert list(said.values())[-1].rstrip().endswith(f"{total} of {total} done")

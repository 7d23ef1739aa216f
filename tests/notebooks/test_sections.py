"""Learners who enter a day in the middle: set-up, then the section's own cells, with what earlier sections saved."""

import os
import re
import shutil

import nbformat
import pytest
from conftest import NOTEBOOKS, ROOT
from nbclient import NotebookClient
from test_notebooks_run import NO_NETWORK

FORGET = "get_ipython().run_line_magic('reset', '-f')"


def sections(notebook) -> dict[str, list]:
    """Title of each section to its code cells; "Set-up" is the first."""
    found: dict[str, list] = {}
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and (heading := re.match(r"## (.+)", cell.source)):
            found[heading[1]] = []
        elif cell.cell_type == "code" and found:
            found[list(found)[-1]].append(cell)
    return {title: cells for title, cells in found.items() if cells}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_section_runs_after_the_set_up_and_what_earlier_sections_saved(path):
    """In one kernel: before each section all variables are forgotten, and the set-up is run; outputs/ stays."""
    whole = nbformat.read(path, as_version=4)
    setup, *others = sections(whole).items()
    notebook = nbformat.v4.new_notebook(metadata=whole.metadata)
    for number, (_, cells) in enumerate(others):
        for cell in [*setup[1], *cells]:
            copy = nbformat.v4.new_code_cell(cell.source)
            copy["id"] = f"{number}-{cell['id']}"[:60]
            notebook.cells.append(copy)
        notebook.cells.append(nbformat.v4.new_code_cell(FORGET))
    for kept in (ROOT / "outputs" / path.stem.split("_")[0]).glob("*-tiny*"):  # an earlier run's
        shutil.rmtree(kept) if kept.is_dir() else kept.unlink()
    client = NotebookClient(notebook, kernel_name="python3", timeout=600)
    client.resources = {"metadata": {"path": str(path.parent)}}
    client.extra_arguments = ["--log-level=40"]
    client.execute(env={**os.environ, **NO_NETWORK, "WORKSHOP_SIZE": "tiny"})

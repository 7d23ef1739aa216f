"""Every notebook runs end to end in a fresh kernel, and gives the outputs that are saved in it.

The core runs at size small, and "Going deeper" at size tiny: `make run` runs all of it at size small. test_sections.py
runs the same cells at size tiny.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from conftest import NOTEBOOKS, ROOT

from tools.notebooks.outputs import results_of

# After this cell, pick() gives the sizes of tiny; files of the core keep their names, which hold the size small.
TINY = "type(workshop).pick = lambda self, small, full, tiny=None: small if tiny is None else tiny"
# The tables of a day's results; what else is in its file is text.
TABLES = ("systems", "differences")
# Whatever asks for the network through a proxy-aware library (pip, requests, httpx, urllib) meets a closed door.
NO_NETWORK = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9")


def run_nbval(path: Path) -> subprocess.CompletedProcess:
    """nbval in a process of its own: cells tagged nbval-check-output are compared with their saved outputs."""
    command = [sys.executable, "-m", "pytest", "--nbval-lax", "--nbval-cell-timeout=1200", "-p", "no:cacheprovider"]
    environment = {**os.environ, **NO_NETWORK, "WORKSHOP_SIZE": "small"}
    return subprocess.run([*command, str(path)], env=environment, capture_output=True, text=True, cwd=ROOT)


def with_a_tiny_second_half(path: Path, folder: Path) -> Path:
    """A copy of a notebook, beside links to the project, whose cells after "Going deeper" run at size tiny.

    The set-up's own cells are run again there, but for the first: what they pick is tiny, too.
    """
    (ROOT / "outputs").mkdir(exist_ok=True)
    for entry in ROOT.iterdir():
        if entry.name != "notebooks":
            (folder / entry.name).symlink_to(entry)
    notebook = nbformat.read(path, as_version=4)
    deeper = [n for n, cell in enumerate(notebook.cells) if cell.source.startswith("## Going deeper")]
    if deeper:
        again = [cell.source for cell in notebook.cells if cell.id.startswith("setup-") and cell.cell_type == "code"]
        notebook.cells[deeper[0] : deeper[0]] = [nbformat.v4.new_code_cell(source) for source in (TINY, *again)]
    copy = folder / "notebooks" / path.name
    copy.parent.mkdir()
    nbformat.write(notebook, copy)
    return copy


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs_and_gives_its_saved_outputs(path, tmp_path):
    result = run_nbval(with_a_tiny_second_half(path, tmp_path))
    assert result.returncode == 0, result.stdout[-6000:]
    written, published = results_of(path.stem.split("_")[0])
    if published.exists():
        fresh, shown = (json.loads(file.read_text(encoding="utf-8")) for file in (written, published))
        assert fresh.keys() == shown.keys()
        for table in [name for name in TABLES if name in shown]:
            assert list(fresh[table]) == list(shown[table])
            for row in shown[table]:  # other processors round differently, which changes a few answers
                assert without_words(fresh[table][row]) == pytest.approx(without_words(shown[table][row]), abs=0.03), row


def without_words(row: dict) -> dict[str, float]:
    """The numbers of a row of results."""
    return {column: value for column, value in row.items() if not isinstance(value, str)}


def test_one_changed_number_in_a_saved_output_is_seen(tmp_path):
    """The comparison is real: the same cells, one digit of one saved output changed, and the run fails."""
    notebook = nbformat.v4.new_notebook()
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    whole = nbformat.read(NOTEBOOKS[0], as_version=4)
    cells = {cell["id"]: cell for cell in whole.cells if cell.cell_type == "code"}
    setup = cells["setup"].copy()
    setup["source"] = setup["source"].replace('".."', repr(str(ROOT)))
    wanted = [setup, cells["setup-imports"], cells["uses-a1"], cells["uses-a1-slip"]]
    notebook.cells = wanted
    path = tmp_path / "copy.ipynb"
    nbformat.write(notebook, path)
    assert run_nbval(path).returncode == 0
    [output] = cells["uses-a1-slip"].outputs
    assert "0.83" in output["text"]
    output["text"] = output["text"].replace("0.83", "0.84")
    nbformat.write(notebook, path)
    result = run_nbval(path)
    assert result.returncode != 0
    assert "0.84" in result.stdout

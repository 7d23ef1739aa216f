"""Every notebook runs end to end in a fresh kernel, and gives the outputs that are saved in it.

test_sections.py runs the same cells at size tiny.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from conftest import NOTEBOOKS, ROOT

# Whatever asks for the network through a proxy-aware library (pip, requests, httpx, urllib) meets a closed door.
NO_NETWORK = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9")


def run_nbval(path: Path) -> subprocess.CompletedProcess:
    """nbval in a process of its own: cells tagged nbval-check-output are compared with their saved outputs."""
    command = [sys.executable, "-m", "pytest", "--nbval-lax", "--nbval-cell-timeout=1200", "-p", "no:cacheprovider"]
    environment = {**os.environ, **NO_NETWORK, "WORKSHOP_SIZE": "small"}
    return subprocess.run([*command, str(path)], env=environment, capture_output=True, text=True, cwd=ROOT)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs_and_gives_its_saved_outputs(path):
    result = run_nbval(path)
    assert result.returncode == 0, result.stdout[-6000:]
    day = path.stem.split("_")[0]
    published = ROOT / "data" / "results" / f"{day}.json"
    if published.exists():
        fresh = json.loads((ROOT / "outputs" / day / "results-small.json").read_text(encoding="utf-8"))["systems"]
        shown = json.loads(published.read_text(encoding="utf-8"))["systems"]
        assert list(fresh) == list(shown)
        for system in fresh:  # other processors round differently, which changes a few answers
            assert fresh[system] == pytest.approx(shown[system], abs=0.03), system


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

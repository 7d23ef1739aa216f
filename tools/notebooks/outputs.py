"""Run notebooks and write their outputs back into them: `make outputs`.

Always at size small and on the CPU, so that what is committed is what the tests compare with.
Timings and widget states are left out: they differ from run to run and say nothing.
"""

import os
import re
import shutil
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from helpers.settings import ROOT, atomic
from tools.notebooks import picture

# The Trainer's progress: "[38/38 00:12, Epoch 2/2]" without the minutes.
CLOCK = re.compile(r"(\[\s*\d+/\d+) (?:[\d:]+) ?[^\]]*\]")
# A bar in plain text draws over itself, and shows the time: "parts: 100%|###| 5/5 [00:12<00:00, 2.4s/it]".
DRAWN_OVER = re.compile(r"[^\n]*\r(?=[^\n])")
BAR_CLOCK = re.compile(r"(?<=\d) \[\d+:\d+<[^\]\n]*\]")
WIDGET = "application/vnd.jupyter.widget-view+json"  # shows nothing without its state
FIXED = {"WORKSHOP_SIZE": "small", "CUDA_VISIBLE_DEVICES": ""}


def execute(path: Path, environment: dict[str, str]) -> nbformat.NotebookNode:
    """Run a notebook as run() does; the notebook with its outputs, without what differs from run to run."""
    return strip(run(path, environment))


def run(path: Path, environment: dict[str, str]) -> nbformat.NotebookNode:
    """Run a notebook from top to bottom in a fresh kernel, in its own folder; the notebook with outputs and timings.

    Raises nbclient's CellExecutionError at the first cell that fails.
    """
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}})
    client.timeout = 7200  # seconds for a cell: the longest takes a quarter of an hour on two fast cores
    client.extra_arguments = ["--log-level=40"]  # a warning on encryption, meant for servers
    # A cell that prints in pieces gives one stream output, on every machine the same.
    client.coalesce_streams = True
    client.execute(env={**os.environ, **environment})
    return notebook


def strip(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Take out what differs from run to run: times of execution, the Trainer's clock and widgets."""
    notebook.metadata.pop("widgets", None)
    notebook.metadata["language_info"] = {"name": "python"}
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", []):
            if "text" in output:  # of a progress bar only its end, without the clock
                output["text"] = BAR_CLOCK.sub("", DRAWN_OVER.sub("", output["text"]))
            output.get("data", {}).pop(WIDGET, None)
            page = output.get("data", {}).get("text/html", "")
            if "<progress" in page:
                output["data"]["text/html"] = CLOCK.sub(r"\1]", page)
    return notebook


def save(notebook: nbformat.NotebookNode, path: Path) -> None:
    """Write a notebook under a temporary name, then rename it: there is never half a notebook."""
    with atomic(path) as temporary:
        nbformat.write(notebook, temporary)


def main(names: list[str]) -> None:
    paths = [Path(name) for name in names] or sorted((ROOT / "notebooks").glob("*.ipynb"))
    for path in paths:
        start = time.perf_counter()
        # What an earlier run kept would be gone on with, and the cells would show less.
        shutil.rmtree(ROOT / "outputs" / path.stem.split("_")[0], ignore_errors=True)
        notebook = execute(path.resolve(), FIXED)
        save(notebook, path)
        print(f"{path.name}: {time.perf_counter() - start:.0f} s")
        publish_results(path.stem.split("_")[0])
    picture.main()


def results_of(day: str) -> tuple[Path, Path]:
    """Where a day's run at size small writes its results, and where its first section reads them."""
    return ROOT / "outputs" / day / "results-small.json", ROOT / "data" / "results" / f"{day}.json"


def publish_results(day: str) -> None:
    """Copy the results that a day's run wrote to data/results/, from where its first section reads them."""
    fresh, published = results_of(day)
    if fresh.exists() and (not published.exists() or fresh.read_bytes() != published.read_bytes()):
        with atomic(published) as temporary:
            shutil.copy(fresh, temporary)
        print(f"{published.relative_to(ROOT)} is new: run {day} again, so that its first section shows it.")


if __name__ == "__main__":
    main(sys.argv[1:])

"""Mark what is a slide: writes the cells' metadata `slideshow` by rules: `python -m tools.site.mark_slides`.

- A section's opening is a slide: its heading and its question. Its further words become the speaker's notes.
- A cell that draws or shows something stands on a sub-slide, with the sentence "What to see" as notes.
- Key points are a slide of their own. Other cells are left out, and code is hidden where it is longer than six lines.
- Everything from "Going deeper" to the day's last section is left out: it is for the evening.

Doing it again changes nothing; a cell with the tag `slide-as-is` keeps what its author gave it.
"""

import re
import sys
from pathlib import Path

import nbformat

from helpers.settings import ROOT
from tools.notebooks.outputs import save

LONG_CODE = 6
HIDDEN = "hide-code"
VIEWS = ("image/png", "text/html")


def is_view(output: nbformat.NotebookNode) -> bool:
    """Whether an output of a cell is a figure or a table."""
    return any(kind in output.get("data", {}) for kind in VIEWS)


def slide_type(cell: nbformat.NotebookNode, previous: str) -> str:
    """What a cell is in the deck: slide, subslide, notes or skip. previous: the same of the cell before."""
    if cell.cell_type == "code":
        return "subslide" if any(map(is_view, cell.outputs)) else "skip"
    if re.match(r"#{1,2} ", cell.source):
        return "slide"
    if "**Key points**" in cell.source:
        return "subslide"
    return "notes" if cell.source.startswith("*What to see:*") and previous == "subslide" else "skip"


def mark(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The notebook with `slideshow` and the tag for hidden code on its cells; the given one is changed."""
    previous, core = "skip", True
    for cell in notebook.cells:
        if cell.source.startswith(("## Going deeper", "## What you take from Day")):
            core = not cell.source.startswith("## Going deeper")
        tags = [tag for tag in cell.metadata.get("tags", []) if tag != HIDDEN]
        if "slide-as-is" not in tags:
            previous = slide_type(cell, previous) if core else "skip"
            cell.metadata["slideshow"] = {"slide_type": previous}
        if cell.cell_type == "code" and len(cell.source.splitlines()) > LONG_CODE:
            tags.append(HIDDEN)
        if tags:
            cell.metadata["tags"] = tags
        else:
            cell.metadata.pop("tags", None)
    return notebook


def main(names: list[str]) -> None:
    for path in [Path(name) for name in names] or sorted((ROOT / "notebooks").glob("day*.ipynb")):
        save(mark(nbformat.read(path, as_version=4)), path)


if __name__ == "__main__":
    main(sys.argv[1:])

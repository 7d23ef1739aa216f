"""Insert the exercises of data/exercises/ into the notebooks, or refresh them there.

    python -m tools.notebooks.exercises [NOTEBOOK ...]

Each exercise becomes a cell with the question and a cell with a blank, just before its section's **Key points**.
Run it on any state of a notebook, as often as you like: what stands there already is brought up to date.
"""

import re
import sys
from pathlib import Path

import nbformat

from helpers.exercises import check
from helpers.settings import ROOT
from tools.notebooks.outputs import save

MARK = "**Key points**"


def cells_of(name: str) -> list[nbformat.NotebookNode]:
    """The two cells of an exercise: the question, and the blank with the check."""
    exercise = check.get(name)
    given = "".join(f", {variable}={variable}" for variable in exercise.given)
    code = [
        exercise.cell.strip(),
        "",
        f'exercise = helpers.exercises.get("{name}")',
        f"exercise.check(answer{given})",
        "# exercise.hint()  # without the first #: one more hint each time",
        "# exercise.solution()",
    ]
    if "\n" not in exercise.cell.strip():  # a short blank and its check stand together
        code.remove("")
    question = f"**Exercise** ({check.KINDS[exercise.kind]}). {exercise.question.strip()}"
    return [
        nbformat.v4.new_markdown_cell(question, id=f"{name}-exercise"),
        nbformat.v4.new_code_cell("\n".join(code), id=f"{name}-exercise-answer"),
    ]


def split_key_points(notebook: nbformat.NotebookNode) -> None:
    """Give **Key points** a cell of its own wherever it stands at the end of another."""
    cells = []
    for cell in notebook.cells:
        cells.append(cell)
        before, mark, after = cell.source.partition(MARK)
        if cell.cell_type == "markdown" and mark and before.strip():
            cell.source = before.strip()
            points = re.sub(r"-read$", "", cell["id"]) + "-points"
            cells.append(nbformat.v4.new_markdown_cell(mark + after, id=points))
    notebook.cells = cells


def place_of(section: str, notebook: nbformat.NotebookNode) -> int:
    """The place of the cell that opens with **Key points** in a section. Raises ValueError where there is none."""
    inside = False
    for place, cell in enumerate(notebook.cells):
        if cell.cell_type != "markdown":
            continue
        if inside and cell.source.startswith(MARK):
            return place
        if titles := re.findall(r"^## (.+)$", cell.source, flags=re.MULTILINE):
            inside = titles[-1].strip() == section
    raise ValueError(f'No section "{section}" with {MARK}. Correct the section in data/exercises/.')


def insert(notebook: nbformat.NotebookNode, day: str) -> None:
    """Put all exercises of a day such as "day1" into its notebook; older versions of them are replaced.

    A cell with an answer keeps its outputs as long as its code stays the same. Raises ValueError for an exercise
    whose section the notebook lacks.
    """
    split_key_points(notebook)
    old = {cell["id"]: cell for cell in notebook.cells if re.fullmatch(r"day\d-.+-exercise(-answer)?", cell["id"])}
    notebook.cells = [cell for cell in notebook.cells if cell["id"] not in old]
    for name in check.names(day):
        new = [old[c["id"]] if c["id"] in old and old[c["id"]].source == c.source else c for c in cells_of(name)]
        place = place_of(check.get(name).section, notebook)
        notebook.cells[place:place] = new


def write(path: Path) -> None:
    """Insert the exercises into the notebook of a day and write it."""
    notebook = nbformat.read(path, as_version=4)
    insert(notebook, path.stem.split("_")[0])
    nbformat.validate(notebook)
    save(notebook, path)


if __name__ == "__main__":
    for path in [Path(name) for name in sys.argv[1:]] or sorted((ROOT / "notebooks").glob("day*.ipynb")):
        write(path)
        print(f"{path.name}: {len(check.names(path.stem.split('_')[0]))} exercises")

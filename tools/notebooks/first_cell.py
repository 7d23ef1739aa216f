"""Write the first cell of code, the same in every notebook, into all of them.

    python -m tools.notebooks.first_cell

Its text is first_cell.txt, with the address of pyproject.toml once the workshop has been published.
"""

import tomllib
from pathlib import Path

import nbformat

from helpers.settings import ROOT
from tools.notebooks.outputs import save

TEXT = Path(__file__).with_name("first_cell.txt")
ID = "setup"
SERVER = "https://github.com/"
NOBODY = "not_published_yet/"  # the owner until `make publish` has run


def project() -> dict[str, str]:
    """What pyproject.toml says of the workshop: version, description, python, repository, branch."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["workshop"]


def source(repository: str, branch: str) -> str:
    """The cell's source for OWNER/NAME and a branch or tag."""
    text = TEXT.read_text(encoding="utf-8").rstrip("\n")
    if repository.startswith(NOBODY):
        return text
    lines = text.splitlines()
    place = next(number for number, line in enumerate(lines) if line.startswith("address = "))
    lines[place] = f'address = "--branch {branch} {SERVER}{repository}"'
    return "\n".join(lines)


def of(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """A notebook's first cell of code."""
    return next(cell for cell in notebook.cells if cell.id == ID)


def main() -> None:
    found = project()
    for path in sorted((ROOT / "notebooks").glob("day*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        of(notebook).source = source(found["repository"].removeprefix(SERVER), found["branch"])
        save(notebook, path)


if __name__ == "__main__":
    main()

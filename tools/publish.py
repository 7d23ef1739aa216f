"""Write the repository's address into its badges and the notebooks' first cells.

    python tools/publish.py OWNER/NAME [BRANCH-OR-TAG]

The address stands in pyproject.toml; everything else is written from there, and a test holds them together.
"""

import re
import sys
import tomllib
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parent.parent
SERVER = "https://github.com/"


def address() -> str:
    """OWNER/NAME as pyproject.toml has it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project["urls"]["Repository"].removeprefix(SERVER)


def badge(repository: str, branch: str, notebook: str) -> str:
    """The Markdown of a Colab badge."""
    place = f"https://colab.research.google.com/github/{repository}/blob/{branch}/notebooks/{notebook}"
    return f"[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({place})"


def branch() -> str:
    """The branch or tag that the notebooks' first cells fetch."""
    path = next((ROOT / "notebooks").glob("*.ipynb"))
    return re.search(r"--branch (\S+)", first_cell(nbformat.read(path, as_version=4)).source)[1]


def first_cell(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """A notebook's first cell of code, which fetches the workshop in Colab."""
    return next(cell for cell in notebook.cells if cell.cell_type == "code")


def write(repository: str, branch: str) -> None:
    """Write the address to pyproject.toml, README.md and each notebook's set-up (first cell, link to the glossary).

    repository: OWNER/NAME. branch: a branch or a tag, not a commit, which git cannot clone alone.
    Raises SystemExit where one of them cannot be such a name; nothing is written then.
    """
    _check(repository, branch)
    settings, readme, old = ROOT / "pyproject.toml", ROOT / "README.md", address()
    text, notebooks = readme.read_text(encoding="utf-8"), {}
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        text = _put(badge(repository, branch, path.name), rf"\[!\[Open in Colab\]\([^)]*\)\]\([^)]*{path.name}\)", text)
        notebooks[path] = nbformat.read(path, as_version=4)
        first = first_cell(notebooks[path])
        first.source = _put(f'--branch {branch} "{SERVER}{repository}"', r'--branch \S+ "https://[^"]+"', first.source)
        words = next(cell for cell in notebooks[path].cells if cell.id == "setup-text")
        glossary = f"({SERVER}{repository}/blob/{branch}/GLOSSARY.md)"
        words.source = _put(glossary, rf"\({SERVER}[^)]+/GLOSSARY\.md\)", words.source)
    for path, notebook in notebooks.items():
        nbformat.write(notebook, path)
    readme.write_text(text.replace(SERVER + old, SERVER + repository), encoding="utf-8")
    settings.write_text(settings.read_text(encoding="utf-8").replace(SERVER + old, SERVER + repository), "utf-8")


def _check(repository: str, branch: str) -> None:
    if not re.fullmatch(r"\w[\w-]*/(?!\.+$)[\w.-]+(?<!\.git)", repository, re.ASCII):
        raise SystemExit(f"{repository!r} is not OWNER/NAME, as in: python tools/publish.py my-group/workshop")
    if not re.fullmatch(r"\w[\w./-]*", branch, re.ASCII) or re.fullmatch(r"[0-9a-f]{40}", branch):
        raise SystemExit(
            f"{branch!r} is no name of a branch or tag, as in: python tools/publish.py my-group/workshop main"
        )


def _put(new: str, pattern: str, text: str) -> str:
    """The text with what fits the pattern replaced. Raises SystemExit where nothing does."""
    found, times = re.subn(pattern, lambda _: new, text)
    if not times:
        raise SystemExit(f"There is no place for {new}: nothing fits {pattern}. Nothing was written.")
    return found


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        raise SystemExit(__doc__)
    write(sys.argv[1], sys.argv[2] if len(sys.argv) == 3 else "main")

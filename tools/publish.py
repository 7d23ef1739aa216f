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


def write(repository: str, branch: str) -> None:
    """Write the address to pyproject.toml, README.md and each notebook's set-up (first cell, link to the glossary)."""
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
        raise SystemExit(f"{repository!r} is not OWNER/NAME, as in: python tools/publish.py my-group/workshop")
    settings = ROOT / "pyproject.toml"
    old = address()
    settings.write_text(settings.read_text(encoding="utf-8").replace(SERVER + old, SERVER + repository), "utf-8")
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        text = re.sub(
            rf"\[!\[Open in Colab\]\([^)]*\)\]\([^)]*{path.name}\)", badge(repository, branch, path.name), text
        )
        notebook = nbformat.read(path, as_version=4)
        first = next(cell for cell in notebook.cells if cell.cell_type == "code")
        clone = rf'--branch {branch} "{SERVER}{repository}"'
        first.source = re.sub(r'--branch \S+ "https://[^"]+"', clone, first.source)
        words = next(cell for cell in notebook.cells if cell.id == "setup-text")
        glossary = f"({SERVER}{repository}/blob/{branch}/GLOSSARY.md)"
        words.source = re.sub(rf"\({SERVER}[^)]+/GLOSSARY\.md\)", glossary, words.source)
        nbformat.write(notebook, path)
    readme.write_text(text.replace(SERVER + old, SERVER + repository), encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        raise SystemExit(__doc__)
    write(sys.argv[1], sys.argv[2] if len(sys.argv) == 3 else "main")

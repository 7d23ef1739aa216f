"""Write the repository's address into the README's badges, CITATION.cff, and the notebooks.

    python -m tools.notebooks.publish OWNER/NAME [BRANCH-OR-TAG]

The address stands in pyproject.toml; everything else is written from there, and a test holds them together. Until
this has run, the README shows no badges.
"""

import re
import sys

import nbformat

from helpers.settings import ROOT, atomic
from tools.notebooks import first_cell, glossary
from tools.notebooks.first_cell import SERVER
from tools.notebooks.outputs import save

# What the README says on Colab before, and after.
UNPUBLISHED = (
    "This copy is not published, so badges would not work yet. Upload a notebook and `workshop.zip` as "
    "[docs/setup.md](docs/setup.md#in-colab) says, or [publish it](CONTRIBUTING.md#publish)."
)
PUBLISHED = "Click a badge in the table and run the cells from top to bottom."
BADGE = r"\[!\[Open in Colab\]\([^)]*\)\]\([^)]*\)"


def address() -> str:
    """OWNER/NAME as pyproject.toml has it."""
    return first_cell.project()["repository"].removeprefix(SERVER)


def branch() -> str:
    """The branch or tag that the notebooks' first cells fetch."""
    return first_cell.project()["branch"]


def badge(repository: str, branch: str, notebook: str) -> str:
    """The Markdown of a Colab badge."""
    place = f"https://colab.research.google.com/github/{repository}/blob/{branch}/notebooks/{notebook}"
    return f"[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({place})"


def write(repository: str, branch: str) -> None:
    """Write the address to pyproject.toml, README.md, CITATION.cff and each notebook's set-up.

    In the README, each notebook's link gets a badge. In a notebook, the first cell changes, and the links to the
    glossary become absolute, so that they work in Colab.

    repository: OWNER/NAME. branch: a branch or a tag, not a commit, which git cannot clone alone.
    Raises SystemExit where one of them cannot be such a name; nothing is written then.
    """
    _check(repository, branch)
    settings, readme, citation = (ROOT / name for name in ("pyproject.toml", "README.md", "CITATION.cff"))
    text, notebooks = readme.read_text(encoding="utf-8").replace(UNPUBLISHED, PUBLISHED), {}
    place = glossary.place(repository, branch)
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        link = f"](notebooks/{path.name})"
        text = _put(f"{link} {badge(repository, branch, path.name)}", rf"{re.escape(link)}( {BADGE})?", text)
        notebooks[path] = nbformat.read(path, as_version=4)
        first_cell.of(notebooks[path]).source = first_cell.source(repository, branch)
        for cell in notebooks[path].cells:
            if cell.cell_type == "markdown":
                cell.source = glossary.moved(cell.source, place)
    project = _put(f'repository = "{SERVER}{repository}"', r'^repository = ".*"$', settings.read_text(encoding="utf-8"))
    project = _put(f'branch = "{branch}"', r'^branch = ".*"$', project)
    code = f"repository-code: {SERVER}{repository}"
    cited = _put(code, r"^(# )?repository-code: .*$", citation.read_text(encoding="utf-8"))
    for path, notebook in notebooks.items():
        save(notebook, path)
    for path, content in ((readme, text), (citation, cited), (settings, project)):
        with atomic(path) as temporary:
            temporary.write_text(content, encoding="utf-8")


def _check(repository: str, branch: str) -> None:
    if not re.fullmatch(r"\w[\w-]*/(?!\.+$)[\w.-]+(?<!\.git)", repository, re.ASCII):
        raise SystemExit(f"{repository!r} is not OWNER/NAME, as in: make publish REPOSITORY=my-group/workshop")
    if not re.fullmatch(r"\w[\w./-]*", branch, re.ASCII) or re.fullmatch(r"[0-9a-f]{40}", branch):
        raise SystemExit(
            f"{branch!r} is no name of a branch or tag, as in: make publish REPOSITORY=my-group/workshop BRANCH=main"
        )


def _put(new: str, pattern: str, text: str) -> str:
    """The text with what fits the pattern replaced. Raises SystemExit where nothing does."""
    found, times = re.subn(pattern, lambda _: new, text, flags=re.MULTILINE)
    if not times:
        raise SystemExit(f"There is no place for {new}: nothing fits {pattern}. Nothing was written.")
    return found


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        raise SystemExit(__doc__)
    write(sys.argv[1], sys.argv[2] if len(sys.argv) == 3 else "main")

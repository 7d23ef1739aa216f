"""Build the site from the notebooks as they are saved, outputs included: `make site`, into site/.

Sphinx with myst-nb and the theme of Jupyter Book make the pages. Nothing is asked from elsewhere: formulas are
MathML, and fonts, styles and search lie beside the pages.
"""

import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable
from pathlib import Path

import nbformat

from helpers.settings import ROOT
from tools.notebooks import glossary
from tools.notebooks.run import alternatives, mathml

SITE = ROOT / "site"
SETTINGS = Path(__file__).with_name("sphinx")
BLOCK = re.compile(r'(<math[^>]*display="block".*?</math>)', flags=re.DOTALL)
PAGES = {"glossary": "GLOSSARY.md", "instructors": "INSTRUCTORS.md", "data": "data/README.md"}


def build(target: Path = SITE) -> None:
    """Build the site in a temporary folder and put it in place of the old one.

    Raises subprocess.CalledProcessError where Sphinx fails or warns, for a broken link for example.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as temporary:
        source, made = Path(temporary) / "source", Path(temporary) / "made"
        shutil.copytree(SETTINGS, source)
        lay_pages(source)
        sphinx = [sys.executable, "-m", "sphinx", "-b", "html", "-q", "-W", "--keep-going", str(source), str(made)]
        subprocess.run(sphinx, check=True)
        shutil.rmtree(made / ".doctrees", ignore_errors=True)
        shutil.rmtree(target, ignore_errors=True)
        made.rename(target)


def lay_pages(source: Path) -> None:
    """The notebooks, the Markdown files and the first page, as Sphinx wants them, in a folder."""
    notebooks = sorted((ROOT / "notebooks").glob("day*.ipynb"))
    for path in notebooks:
        nbformat.write(prepared(nbformat.read(path, as_version=4)), source / path.name)
    for name, path in PAGES.items():
        text = linked((ROOT / path).read_text(encoding="utf-8"), (ROOT / path).parent)
        (source / f"{name}.md").write_text(text, encoding="utf-8")
    description = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["workshop"][
        "description"
    ]
    contents = "\n".join(
        _contents(names, depth) for names, depth in (([path.stem for path in notebooks], 2), (PAGES, 1))
    )
    title, _, rest = description.partition(": ")
    first = f"# {title}\n\n{rest[:1].upper()}{rest[1:]}.\n\n{contents}"
    (source / "index.md").write_text(first, encoding="utf-8")


def _contents(names: Iterable[str], depth: int) -> str:
    return f"```{{toctree}}\n:maxdepth: {depth}\n\n" + "\n".join(names) + "\n```\n"


def prepared(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """A notebook with formulas as MathML, and the alternative texts of figures where myst-nb looks for them."""
    notebook.metadata["language_info"] = {"name": "python", "pygments_lexer": "ipython3"}  # knows !git and %pip
    under_going_deeper(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            formulas = mathml(linked(glossary.moved(cell.source, glossary.BESIDE), ROOT / "notebooks"))
            cell.source = BLOCK.sub(r'<div class="formula" tabindex="0">\1</div>', formulas)
        if texts := alternatives(cell):  # myst-nb knows one text a cell
            cell.metadata["mystnb"] = {"image": {"alt": " ".join(texts)}}
    return notebook


def under_going_deeper(notebook: nbformat.NotebookNode) -> None:
    """Move the headings of the second half one level down, so that the contents tell it from the core."""
    below = False
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            below = below and not cell.source.startswith("## What you take from Day")
            if below:
                cell.source = re.sub(r"^(?=#+ )", "#", cell.source, flags=re.MULTILINE)
            below = below or cell.source.startswith("## Going deeper")


def linked(markdown: str, folder: Path) -> str:
    """Markdown of a file in a folder of the repository, with its links as the site's pages have them.

    Anchors become those of Sphinx, links to a file that is a page lead there, those to other files lose their link.
    """
    pages = {ROOT / path: f"{name}.md" for name, path in PAGES.items()}
    pages |= {path: path.name for path in (ROOT / "notebooks").glob("day*.ipynb")}

    def link(match: re.Match) -> str:
        words, address = match[1], match[2]
        if address.startswith("https:"):
            return match[0]
        place, _, heading = address.partition("#")
        heading = "#" + re.sub(r"[^\w-]", "", heading.lower()) if heading else ""
        page = pages.get((folder / place).resolve()) if place else ""
        return words if page is None else f"[{words}]({page}{heading})"

    return re.sub(r"\[([^\]]+)\]\(([^)\s]+)\)", link, markdown)


if __name__ == "__main__":
    build()

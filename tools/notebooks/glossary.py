"""Link the first use of each term in each notebook to GLOSSARY.md, and each entry there back to its section.

    python -m tools.notebooks.glossary [NOTEBOOK ...]

The first bold use is linked; where a notebook has none, the first plain one in the prose. Run it on any state of a
notebook, as often as you like: old links are taken out first. Links are relative until `make publish` has run, and
then absolute, because Colab has no file next to a notebook.
"""

import re
import sys
from dataclasses import dataclass
from pathlib import Path

import nbformat

from helpers.settings import ROOT, atomic
from tools.notebooks import first_cell
from tools.notebooks.outputs import save

GLOSSARY = ROOT / "GLOSSARY.md"
# "*Day 1: Tokens*", as a person writes it, or with the link that link_back() has put there.
BACK = r"\*\[?Day (\d): ([^\]\n]+?)(?:\]\([^)\n]*\))?\*$"
ENTRY = re.compile(rf"^### (.+)\n\n(.+?)(?: Also: ([^.]+)\.)? {BACK}", flags=re.MULTILINE)
BESIDE = "../GLOSSARY.md"
PLACE = rf"(?:\.\./|{re.escape(first_cell.SERVER)}[^)\s]+/)GLOSSARY\.md"  # relative, or published
LINK = re.compile(rf"\[([^\[\]]+)\]\({PLACE}#[^)]*\)")
# Never touched: code, formulas, links, headings, tables, the lines that open and close a section, exercises.
UNTOUCHED = re.compile(
    r"^### References.*|```.*?```|`[^`\n]*`|\$\$.*?\$\$|\$[^$\n]+\$|\[[^\]]*\]\([^)]*\)|^(?:#|\||\*In this|\*\*Key)[^\n]*$",
    flags=re.MULTILINE | re.DOTALL,
)
# Words of everyday language: linked only where they are bold.
EVERYDAY = {
    "accuracy", "balanced", "body", "budget", "dense", "dictionary", "generate", "gradient", "head", "importance",
    "instruct", "key", "leak", "loss", "macro", "objective", "position", "precision", "query", "recall", "reference",
    "segment", "shape", "signature", "sparse", "storage", "student", "study", "test", "threshold", "training", "trial",
    "unknown", "validation", "value", "weighted", "weighted average", "width",
    "worker",
}  # fmt: skip


@dataclass(frozen=True)
class Term:
    """An entry of the glossary: its heading, the names it goes by, and where it is met."""

    heading: str
    definition: str
    names: tuple[str, ...]
    day: str
    section: str

    @property
    def anchor(self) -> str:
        """The anchor that code hosts give the heading."""
        return re.sub(r"[^\w\- ]", "", self.heading.lower()).replace(" ", "-")

    def pattern(self, names: list[str]) -> str:
        return "(?:" + "|".join(re.escape(name) for name in names) + ")(?:s|es)?"


def place(repository: str, branch: str) -> str:
    """Where a notebook finds the glossary: beside it, or at an address once OWNER/NAME is a real one."""
    if repository.startswith(first_cell.NOBODY):
        return BESIDE
    return f"{first_cell.SERVER}{repository}/blob/{branch}/GLOSSARY.md"


def moved(markdown: str, place: str) -> str:
    """Markdown of a notebook in which every link to the glossary leads to this place."""
    return re.sub(rf"\]\({PLACE}(?=[#)])", lambda _: f"]({place}", markdown)


def section_anchor(title: str) -> str:
    """The anchor that JupyterLab gives a heading of a notebook; code hosts have none and open the notebook."""
    return title.replace(" ", "-")


def link_back(text: str) -> str:
    """The glossary's text, in which each entry names its section with a link to it."""

    def linked(match: re.Match) -> str:
        day, title = match.groups()
        [path] = (ROOT / "notebooks").glob(f"day{day}_*.ipynb")
        return f"*[Day {day}: {title}](notebooks/{path.name}#{section_anchor(title)})*"

    return re.sub(BACK, linked, text, flags=re.MULTILINE)


def terms() -> list[Term]:
    """All entries of the glossary, in its order."""
    found = []
    for heading, definition, also, day, section in ENTRY.findall(GLOSSARY.read_text(encoding="utf-8")):
        names = [re.sub(r" \(.+\)$", "", heading), *filter(None, also.split(", "))]
        found.append(Term(heading, definition, tuple(names), f"day{day}", section))
    return found


def prose(source: str) -> str:
    """Markdown in which everything that is never touched is blanked out, at the same length."""
    return UNTOUCHED.sub(lambda match: "\0" * len(match[0]), source)


def sections_of(notebook: nbformat.NotebookNode) -> list[tuple[str, nbformat.NotebookNode]]:
    """Each Markdown cell of the lesson with the title of its section."""
    found, title = [], ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            if heading := re.match(r"## (.+)", cell.source):
                title = heading[1].strip()
            if title and not cell["id"].endswith("-exercise"):
                found.append((title, cell))
    return found


def first_use(term: Term, cells: list, day: str, twins: bool) -> tuple[nbformat.NotebookNode, re.Match] | None:
    """The cell and the match of a term's first use: bold if there is one, else plain."""
    own = [(title, cell) for title, cell in cells if title == term.section] if term.day == day else []
    plain = [name for name in term.names if own or name not in EVERYDAY]
    bold = rf"\*\*{term.pattern(list(term.names))}[.:]?\*\*"
    searches = [(bold, own if twins else cells)]
    if plain:
        searches.append((rf"(?<![\w*-]){term.pattern(plain)}(?![\w*-])", own or ([] if twins else cells)))
    for pattern, places in searches:
        for _, cell in places:
            if match := re.search(pattern, prose(cell.source), flags=re.IGNORECASE):
                return cell, match
    return None


def link(notebook: nbformat.NotebookNode, day: str, place: str = BESIDE) -> list[str]:
    """Link the terms in the notebook of a day such as "day1"; the headings of those that were linked."""
    cells = sections_of(notebook)
    for _, cell in cells:
        cell.source = LINK.sub(r"\1", cell.source)
    everything, linked = terms(), []
    bare = [term.names[0] for term in everything]
    for term in sorted(everything, key=lambda term: -len(term.names[0])):  # "attention mask" before "attention"
        twins = bare.count(term.names[0]) > 1
        if found := first_use(term, cells, day, twins):
            cell, match = found
            text = cell.source[match.start() : match.end()]
            target = f"[{text}]({place}#{term.anchor})"
            cell.source = cell.source[: match.start()] + target + cell.source[match.end() :]
            linked.append(term.heading)
    return linked


def write(path: Path) -> int:
    """Link the terms in a notebook and write it; how many were linked."""
    notebook, project = nbformat.read(path, as_version=4), first_cell.project()
    repository = project["repository"].removeprefix(first_cell.SERVER)
    linked = link(notebook, path.stem.split("_")[0], place(repository, project["branch"]))
    save(notebook, path)
    return len(linked)


if __name__ == "__main__":
    content = link_back(GLOSSARY.read_text(encoding="utf-8"))
    with atomic(GLOSSARY) as temporary:
        temporary.write_text(content, encoding="utf-8")
    for path in [Path(name) for name in sys.argv[1:]] or sorted((ROOT / "notebooks").glob("day*.ipynb")):
        print(f"{path.name}: {write(path)} terms linked")

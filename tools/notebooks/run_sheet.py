"""Hold INSTRUCTORS.md to the notebooks: `make runsheet` writes schedules, clock and minutes into it.

Everything else there is written by hand: what to say in each section, and its exercises, which the schedules repeat.
"""

import re
import sys
from pathlib import Path

import nbformat

from helpers.settings import ROOT, atomic

SHEET = ROOT / "INSTRUCTORS.md"
SECTION = re.compile(r"^### (?:\d+:\d\d )?(.+?)(?: \(\d+ minutes\))?$", flags=re.MULTILINE)
EXERCISE = re.compile(r"^- \*\*Exercise:\*\* (.+?) \((\d+) minutes\)\.", flags=re.MULTILINE)
TABLE = re.compile(r"^\| clock \|.*\n(?:\|.*\n)*", flags=re.MULTILINE)
# In minutes, and minutes after midnight. The first break after LUNCH_FROM is lunch.
START, LUNCH_FROM = 9 * 60, 11 * 60 + 45
LONGEST, BREAK, LUNCH = 65, 10, 60


class SheetError(ValueError):
    """The run sheet and the notebooks name different sections; the message says which."""


def day(path: Path) -> str:
    """A notebook's day as the run sheet names it: "Day 1"."""
    return "Day " + re.match(r"day(\d+)", path.stem)[1]


def minutes(notebook: nbformat.NotebookNode) -> tuple[dict[str, int], dict[str, int]]:
    """Title of each section to the minutes of its line "In this section": the core, then *Going deeper*."""
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    core, _, deeper = text.partition("\n## Going deeper\n")
    return _minutes(core), _minutes(deeper)


def _minutes(text: str) -> dict[str, int]:
    found = {}
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        if stated := re.search(r"\*In this section:\* .+\((\d+) minutes\)", section):
            found[section.splitlines()[0].strip()] = int(stated[1])
    return found


def schedule(name: str, core: dict[str, int]) -> list[tuple[int, str, int]]:
    """Start, title and minutes of everything in a day's class, from the set-up to the end.

    Before a section that would make more than LONGEST minutes without a break, there is one.
    """
    rows, clock, since, lunched = [], START, 0, False
    for title, length in {"Set-up": 15 if name == "Day 1" else 5, **core}.items():
        if since and since + length > LONGEST:
            lunch = clock >= LUNCH_FROM and not lunched
            rows.append((clock, "*Lunch*" if lunch else "*Break*", LUNCH if lunch else BREAK))
            clock, since, lunched = clock + rows[-1][2], 0, lunched or lunch
        rows.append((clock, title, length))
        clock, since = clock + length, since + length
    return [*rows, (clock, "*End*", 0)]


def updated(sheet: str, plans: dict[str, tuple[dict[str, int], dict[str, int]]]) -> str:
    """The run sheet with the schedule of every day and the headings of its sections written anew.

    plans: for each day ("Day 1") what `minutes` gives. Raises SheetError where the sheet's sections of a day are not
    the notebook's, in order.
    """
    for name, (core, deeper) in plans.items():
        found = re.search(rf"^## {name}\b.*?(?=^## |\Z)", sheet, flags=re.MULTILINE | re.DOTALL)
        part, titles = found[0] if found else "", [*core, *deeper]
        met = SECTION.findall(part)
        if met != titles:
            raise SheetError(
                f"INSTRUCTORS.md and the notebook differ on the sections of {name}. The notebook has, in this order:\n"
                + "\n".join(f"  {'' if title in met else '(not in the sheet) '}{title}" for title in titles)
                + "".join(f"\n  (only in the sheet) {title}" for title in met if title not in titles)
            )
        sheet = sheet.replace(part, _day(part, schedule(name, core), core | deeper))
    return sheet


def _day(part: str, rows: list[tuple[int, str, int]], lengths: dict[str, int]) -> str:
    clock = {title: f"{start // 60}:{start % 60:02}" for start, title, _ in rows if title in lengths}

    def heading(match: re.Match) -> str:
        title = match[1]
        return f"### {clock[title] + ' ' if title in clock else ''}{title} ({lengths[title]} minutes)"

    texts = SECTION.split(part)  # what is above, then title and text of each section
    exercises = {
        title: ", ".join(f"{what} ({length})" for what, length in EXERCISE.findall(text))
        for title, text in zip(texts[1::2], texts[2::2], strict=True)
    }
    lines = ["| clock | section | minutes | exercise |", "| --- | --- | --- | --- |"]
    for start, title, length in rows:
        lines.append(f"| {start // 60}:{start % 60:02} | {title} | {length or ''} | {exercises.get(title, '')} |")
    table = re.sub(" {2,}", " ", "\n".join(lines)) + "\n"
    return SECTION.sub(heading, TABLE.sub(lambda _: table, part))


def main() -> int:
    paths = sorted((ROOT / "notebooks").glob("day*.ipynb"))
    plans = {day(path): minutes(nbformat.read(path, as_version=4)) for path in paths}
    try:
        text = updated(SHEET.read_text(encoding="utf-8"), plans)
    except SheetError as error:
        print(error, file=sys.stderr)
        return 1
    with atomic(SHEET) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

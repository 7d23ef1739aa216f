"""Hold the run sheet to the notebooks: `make runsheet` writes clock and minutes into the headings of INSTRUCTORS.md.

The words under a heading are written by hand; the headings are not. `--measure` runs the notebooks first, at size
small and on the CPU, and keeps how long each section computes in section_seconds.json.
"""

import json
import os
import platform
import re
import shutil
import sys
from datetime import datetime
from pathlib import Path

import nbformat

from helpers.settings import ROOT, atomic
from tools.notebooks.outputs import FIXED, run

SHEET = ROOT / "INSTRUCTORS.md"
SECONDS = Path(__file__).with_name("section_seconds.json")
DAY = re.compile(r"## (Day \d+)")
SECTION = re.compile(r"### (?:\d+:\d\d )?(.+?)(?: \(\d+ minutes[^()]*\))?$")


class SheetError(ValueError):
    """The run sheet and the notebooks name different sections; the message says which."""


def day(path: Path) -> str:
    """A notebook's day as the run sheet names it: "Day 1"."""
    return "Day " + re.match(r"day(\d+)", path.stem)[1]


def minutes(notebook: nbformat.NotebookNode) -> dict[str, int]:
    """Title of each section to the minutes of its line "In this section", in the notebook's order."""
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    found = {}
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        stated = re.search(r"\*In this section:\* .+\((\d+) minutes\)", section)
        if stated:
            found[section.splitlines()[0].strip()] = int(stated[1])
    return found


def computing(notebook: nbformat.NotebookNode) -> dict[str, float]:
    """Title of each section to the seconds that its cells took, in a notebook that was just run."""
    found: dict[str, float] = {}
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and (heading := re.match(r"## (.+)", cell.source)):
            found[heading[1].strip()] = 0.0
        elif cell.cell_type == "code" and found and "execution" in cell.metadata:
            times = cell.metadata.execution
            begun, ended = (
                datetime.fromisoformat(times[name].replace("Z", "+00:00"))
                for name in ("iopub.execute_input", "shell.execute_reply")
            )
            found[list(found)[-1]] += (ended - begun).total_seconds()
    return {title: round(seconds, 1) for title, seconds in found.items()}


def updated(sheet: str, plans: dict[str, dict[str, int]], seconds: dict[str, dict[str, float]]) -> str:
    """The run sheet with the heading of every day and section written anew: clock, title, minutes.

    plans: for each day ("Day 1") its sections with their minutes. seconds: the same with seconds of computing, where
    they were measured. Raises SheetError where the sheet's sections of a day are not the notebook's, in order.
    """
    lines, met, today = [], {name: [] for name in plans}, None
    for line in sheet.splitlines():
        if line.startswith("## "):
            found = DAY.match(line)
            today = found[1] if found else None
            line = f"## {today} ({sum(plans[today].values())} minutes without breaks)" if today in plans else line
        elif today in plans and (found := SECTION.match(line)):
            clock = sum(plans[today].get(title, 0) for title in met[today])
            met[today].append(found[1])
            line = _heading(found[1], clock, plans[today].get(found[1], 0), seconds.get(today, {}).get(found[1]))
        lines.append(line)
    for name, plan in plans.items():
        if met[name] != list(plan):
            raise SheetError(
                f"INSTRUCTORS.md and the notebook differ on the sections of {name}. The notebook has, in this order:\n"
                + "\n".join(f"  {'' if title in met[name] else '(not in the sheet) '}{title}" for title in plan)
                + "".join(f"\n  (only in the sheet) {title}" for title in met[name] if title not in plan)
            )
    return "\n".join(lines) + "\n"


def _heading(title: str, clock: int, length: int, seconds: float | None) -> str:
    computes = "" if seconds is None else f", of which computing {seconds / 60:.1f}"
    return f"### {clock // 60}:{clock % 60:02} {title} ({length} minutes{computes})"


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["--measure"]):
        print(__doc__, file=sys.stderr)
        return 2
    paths = sorted((ROOT / "notebooks").glob("day*.ipynb"))
    if arguments:
        for path in paths:  # what an earlier run kept would save time
            shutil.rmtree(ROOT / "outputs" / path.stem.split("_")[0], ignore_errors=True)
        times = {day(path): computing(run(path, FIXED)) for path in paths}
        _write(
            SECONDS, json.dumps({"machine": platform.machine(), "cores": os.cpu_count(), "seconds": times}, indent=1)
        )
    seconds = json.loads(SECONDS.read_text(encoding="utf-8"))["seconds"] if SECONDS.exists() else {}
    plans = {day(path): minutes(nbformat.read(path, as_version=4)) for path in paths}
    try:
        _write(SHEET, updated(SHEET.read_text(encoding="utf-8"), plans, seconds))
    except SheetError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _write(path: Path, text: str) -> None:
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Which exercises are solved: kept in a small file under outputs/, shown as a line such as "Day 1: 4 of 8 done"."""

import json

from helpers.settings import OUTPUTS

FILE = OUTPUTS / "exercises.json"


def solved() -> set[str]:
    """The names of the exercises solved so far; none where the file is missing or damaged."""
    try:
        kept = json.loads(FILE.read_text(encoding="utf-8"))["solved"]
        return {name for name in kept if isinstance(name, str)}
    except (OSError, ValueError, TypeError, KeyError):
        return set()


def keep(name: str) -> None:
    """Keep that an exercise is solved. Raises OSError where the file cannot be written."""
    FILE.parent.mkdir(parents=True, exist_ok=True)
    temporary = FILE.with_suffix(".part")
    temporary.write_text(json.dumps({"solved": sorted(solved() | {name})}), encoding="utf-8")
    temporary.replace(FILE)


def line(day: str, names: list[str]) -> str:
    """The line on one day, such as "day1", which has the exercises of these names."""
    return f"Day {day.removeprefix('day')}: {len(solved() & set(names))} of {len(names)} done"

"""Which exercises are solved: kept in a small file in outputs/, which two runtimes can share."""

import json
from collections.abc import Iterable
from pathlib import Path

from helpers import settings

NAME = "exercises.json"


def solved(folder: Path | None = None) -> set[str]:
    """Read the names of the exercises solved so far.

    Parameters
    ----------
    folder : Path, optional
        Where the file lies; outputs/ by default.

    Returns
    -------
    set of str
        Empty where the file is missing or damaged.
    """
    path = (folder or settings.OUTPUTS) / NAME
    try:
        names = json.loads(path.read_text(encoding="utf-8"))["solved"]
        return {name for name in names if isinstance(name, str)}
    except (OSError, ValueError, TypeError, KeyError):
        return set()


def add(names: Iterable[str], folder: Path | None = None) -> None:
    """Note that exercises are solved, next to those that are noted already.

    Parameters
    ----------
    names : iterable of str
        Such as ["day1-tokens"].
    folder : Path, optional
        Where the file lies; outputs/ by default.

    Raises
    ------
    OSError
        Where the file cannot be written.
    """
    folder = folder or settings.OUTPUTS
    with settings.atomic(folder / NAME) as temporary:
        temporary.write_text(json.dumps({"solved": sorted(solved(folder).union(names))}), encoding="utf-8")

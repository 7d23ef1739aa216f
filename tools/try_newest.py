"""Run the tests with the newest release of everything, and report what broke: `make update`.

Prints the versions that differ from tests/constraints.txt, then the tests that fail with them. Changes no file of the
project. Exit status: that of the tests.
"""

import subprocess
import sys
from importlib import metadata

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from helpers.settings import ROOT

NOT_PINNED = {"pip", "setuptools"}  # what tests/constraints.txt leaves out


def pins(text: str) -> dict[str, str]:
    """The exact versions that a file of requirements has for this system, by name as packaging spells it."""
    exact = [Requirement(line) for line in text.splitlines() if "==" in line and not line.startswith("#")]
    here = [pin for pin in exact if pin.marker is None or pin.marker.evaluate()]
    return {canonicalize_name(pin.name): next(iter(pin.specifier)).version for pin in here}


def differences(tested: str) -> list[str]:
    """A line for each package of this environment whose version is not the tested one.

    tested: the text of tests/constraints.txt.
    """
    pinned = pins(tested)
    installed = {canonicalize_name(d.name): d.version.split("+")[0] for d in metadata.distributions() if d.name}
    names = sorted(name for name in pinned.keys() & installed.keys() if pinned[name] != installed[name])
    lines = [f"{name}: tested {pinned[name]}, now {installed[name]}" for name in names]
    lines += [f"{name}: new, {installed[name]}" for name in sorted(installed.keys() - pinned.keys() - NOT_PINNED)]
    return lines + [
        f"{name}: no longer there, tested {pinned[name]}" for name in sorted(pinned.keys() - installed.keys())
    ]


def main() -> int:
    found = differences((ROOT / "tests" / "constraints.txt").read_text(encoding="utf-8"))
    print("\n".join(found) or "Every version is the tested one.", flush=True)
    done = subprocess.run([sys.executable, "-m", "pytest", "-m", "not long", *sys.argv[1:]], cwd=ROOT)
    print("Nothing broke." if done.returncode == 0 else "The tests named above break with these versions.")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())

"""Install what a Colab runtime lacks, and leave what it has as it is. Each notebook's first cell runs this there.

A package that is replaced after Colab's own start-up has imported it needs a restart of the runtime, and a replaced
torch takes minutes. So what the workshop imports is held at its version while pip looks for what is missing; where one
of those few is too old, it stops and says what to install before a restart.
"""

import subprocess
import sys
import tempfile
from contextlib import suppress
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
SAME = {"xgboost-cpu": "xgboost"}  # another build under the same import name
NEVER = ("torch", "numpy", "pyarrow", "transformers")
# peft raises an error where it meets an older one than this. Colab has had 0.10.0; nothing here uses it.
IN_THE_WAY = {"torchao": "0.16.0"}


def requirements() -> list[Requirement]:
    """What the notebooks import on this system, with the ranges of requirements.txt."""
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    wanted = [Requirement(line) for line in lines if line.strip() and not line.startswith("#")]
    return [requirement for requirement in wanted if requirement.marker is None or requirement.marker.evaluate()]


def version_of(name: str) -> str | None:
    """The version that is installed, of the package or of one that stands in for it; None where there is none."""
    for known in (name, SAME.get(name, name)):
        with suppress(metadata.PackageNotFoundError):
            return metadata.version(known)
    return None


def missing() -> list[Requirement]:
    """The requirements that are not installed, or in a version out of their range."""
    wanted = [(requirement, version_of(requirement.name)) for requirement in requirements()]
    return [r for r, version in wanted if version is None or not r.specifier.contains(version, prereleases=True)]


def held(wanted: list[Requirement]) -> list[str]:
    """What is there of the requirements, and under them, as lines for pip's --constraint.

    Not every package that is there: one old bound somewhere would send pip through all releases of the new ones.
    """
    names = [*(requirement.name for requirement in requirements()), *NEVER, "tokenizers"]
    found = {name: version_of(name) for name in names if name not in SAME}
    changing = {requirement.name for requirement in wanted}
    return [f"{name}=={version}" for name, version in found.items() if version and name not in changing]


def install(wanted: list[Requirement]) -> None:
    """Let pip install them beside what is there. Raises SystemExit with what to do where that fails."""
    with tempfile.TemporaryDirectory() as folder:
        constraints = Path(folder) / "installed.txt"
        constraints.write_text("\n".join(held(wanted)), encoding="utf-8")
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        done = subprocess.run([*pip, "--constraint", str(constraints), *map(str, wanted)])
    if done.returncode:
        raise SystemExit(
            "pip could not install what is missing; its last lines above say why.\n  What to do: check the network and "
            "run this cell again. If versions do not fit, please open an issue with those lines."
        )


def remove_what_is_in_the_way() -> None:
    """Uninstall packages that the workshop does not use and whose mere presence breaks one that it does."""
    for name, oldest in IN_THE_WAY.items():
        version = version_of(name)
        if version and Version(version) < Version(oldest):
            pip = [sys.executable, "-m", "pip", "uninstall", "--quiet", "--yes", "--disable-pip-version-check", name]
            if subprocess.run(pip).returncode:
                raise SystemExit(f"pip could not remove {name} {version}; its last lines above say why.")
            print(f"Removed {name} {version}: fine-tuning with peft fails beside it, and nothing here uses it.")


def _restart(wanted: list[Requirement]) -> str:
    """What to do about packages that Colab has loaded already, so that another version works only after a restart."""
    found = ", ".join(f"{r.name} is {version_of(r.name) or 'missing'}, not {r.specifier}" for r in wanted)
    return (
        f"This runtime's versions do not fit: {found}.\n  What to do: install it and restart. Run the next line in "
        "a cell, choose Runtime > Restart session, then run this cell again.\n    %pip install "
        + " ".join(f'"{requirement.name}{requirement.specifier}"' for requirement in wanted)
    )


def main() -> None:
    commit = ["git", "-C", str(ROOT), "log", "-1", "--format=%h of %cd", "--date=short"]
    print("Workshop at commit", subprocess.run(commit, capture_output=True, text=True).stdout.strip() or "unknown")
    wanted = missing()
    if for_a_restart := [requirement for requirement in wanted if requirement.name in NEVER]:
        raise SystemExit(_restart(for_a_restart))
    if wanted:
        print("Installing what is missing or too old:", ", ".join(requirement.name for requirement in wanted))
        install(wanted)
    remove_what_is_in_the_way()
    print("Everything is installed.")


if __name__ == "__main__":
    main()

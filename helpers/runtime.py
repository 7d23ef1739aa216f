"""The first call of every notebook: `helpers.setup()` picks device, source and size, seeds everything, and says so."""

from __future__ import annotations  # an older Python must be able to read this, to be told that it is too old

import os
import platform
import random
import shutil
import sys
import warnings
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

SOURCES = ("hub", "packages")
SIZES = ("tiny", "small", "full")
CHOSEN = "as chosen"
OFFLINE = "HF_HUB_OFFLINE is set"
OUTPUTS = Path(__file__).resolve().parent.parent / "outputs"  # checkpoints, studies, tables, progress
SHOWN_VERSIONS = ("torch", "transformers", "datasets", "scikit-learn")
_found: dict = {}  # by the first setup() of this process, which then writes over the environment


@dataclass(frozen=True)
class Workshop:
    """What `setup()` found: the device ("cuda", "mps" or "cpu"), the source of the models, the size, the seed.

    precision: what TrainingArguments needs to compute with short numbers where this machine is faster with them.
    """

    device: str
    source: str
    size: str
    seed: int
    precision: dict = field(default_factory=dict)

    def pick(self, *, small, full, tiny=None):
        """The value for the size in force; `tiny` (for tests) is `small` where it is not given."""
        values = {"tiny": small if tiny is None else tiny, "small": small, "full": full}
        return values[self.size]


def setup(source: str = "auto", size: str = "auto", seed: int = 0) -> Workshop:
    """Get ready: call it first, before transformers is imported.

    source: "hub", "packages", or "auto" (WORKSHOP_SOURCE; else the Hub if it answers within 3 seconds, which is asked
        once: the answer is kept in the cache folder until `python -m helpers.sources ask` asks anew;
        the packages where HF_HUB_OFFLINE is set).
    size: "small", "full", "tiny" (tests), or "auto" (WORKSHOP_SIZE; else full with a GPU and small without).
    seed: of Python, NumPy and torch.

    Prints a short table of what it found; a line that is not right says what to do. Calling it again is
    harmless. Returns the Workshop. Raises ValueError for a source or size that does not exist.
    """
    source = _choice("source", source, "WORKSHOP_SOURCE", SOURCES)
    size = _choice("size", size, "WORKSHOP_SIZE", SIZES)
    _found.setdefault("offline", os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"))
    source, why = _source_and_reason(source)
    _found.update(source=source, why=why)
    late = _set_environment(source)

    import torch

    from helpers.precision import training_arguments

    device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    size = size or ("small" if device == "cpu" else "full")
    os.environ["WORKSHOP_SIZE"] = size
    _seed(seed)
    # True, and of no use to a learner; the last one is peft's to mend.
    warnings.filterwarnings("ignore", message="IProgress not found|.*pin_memory|.*is_gradient_checkpointing")
    workshop = Workshop(device, source, size, seed, training_arguments(device))
    _print_table(workshop, why, late)
    return workshop


def source_in_force() -> str:
    """The source that setup() chose; "packages" where it was not called."""
    return os.environ.get("WORKSHOP_SOURCE", "packages")


def size_in_force() -> str:
    """The size that setup() chose; "small" where it was not called."""
    return os.environ.get("WORKSHOP_SIZE", "small")


def _choice(what: str, given: str, variable: str, known: tuple[str, ...]) -> str | None:
    """An argument, else the environment's, else None for auto."""
    value = given if given != "auto" else os.environ.get(variable, "auto")
    if value != "auto" and value not in known:
        origin = "argument" if given != "auto" else variable
        raise ValueError(f"{what} is {value!r} ({origin}). It can be: auto, {', '.join(known)}.")
    return None if value == "auto" else value


def _source_and_reason(source: str | None) -> tuple[str, str]:
    """The source to take, and why: as it was asked for, as an earlier setup() found it, or what the Hub answers now."""
    from helpers import hub_answer

    if source:
        return source, _found["why"] if source == _found.get("source") else CHOSEN
    return ("packages", OFFLINE) if _found["offline"] else hub_answer.answer()


def _set_environment(source: str) -> bool:
    """Set what Hugging Face's libraries read at import; True where they are imported already with other values."""
    os.environ["WORKSHOP_SOURCE"] = source
    offline = source == "packages" or _found["offline"]  # what the learner forbade, stays so
    os.environ["HF_HUB_OFFLINE"] = "1" if offline else "0"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    os.environ["HF_DATASETS_DISABLE_PROGRESS_BARS"] = "1"  # the data are small: their bars only flicker
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")  # its advice on loading is explained on Day 2
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1" if offline else "0"  # from a local folder they only flicker
    hub = sys.modules.get("huggingface_hub.constants")
    return hub is not None and offline != hub.HF_HUB_OFFLINE


def _seed(seed: int) -> None:
    import numpy
    import torch

    random.seed(seed)
    numpy.random.seed(seed)
    torch.manual_seed(seed)


def _print_table(workshop: Workshop, why: str, late: bool) -> None:
    import psutil

    from helpers import sources

    memory = psutil.virtual_memory().available / 1e9
    folder = sources.cache_folder()
    existing = next(p for p in (folder, *folder.parents) if p.exists())
    disk = shutil.disk_usage(existing).free / 1e9
    lines = [
        ("Python", platform.python_version(), "" if sys.version_info >= (3, 11) else "needs 3.11 or newer"),
        ("device", _device_name(workshop.device), _device_advice(workshop.device)),
        ("models from", f"{workshop.source} ({why})", _source_advice(workshop.source, why, late)),
        ("size", workshop.size, "" if workshop.size != "tiny" else "for tests: the numbers mean nothing"),
        ("numbers", _precision_name(workshop.precision), ""),
        ("seed", str(workshop.seed), ""),
        ("memory", f"{memory:.0f} GB free", "" if memory > 3 else "close other programs: 3 GB are needed"),
        ("disk", f"{disk:.0f} GB free", "" if disk > 2 else f"make room for {folder}: 2 GB are needed"),
    ]
    lines += [("version", f"{name} {metadata.version(name)}", "") for name in SHOWN_VERSIONS]
    for name, value, advice in lines:
        print(f"{name:12} {value:44} {'-> ' + advice if advice else 'ok'}")


def _device_name(device: str) -> str:
    import torch

    names = {"cpu": f"CPU, {os.cpu_count()} cores", "mps": "Apple GPU (mps)"}
    return names.get(device) or f"GPU (cuda), {torch.cuda.get_device_name()}"


def _device_advice(device: str) -> str:
    if device == "cpu" and "google.colab" in sys.modules:
        return "fine; faster with a GPU: Runtime > Change runtime type > T4 GPU, then run this cell again"
    return ""


def _precision_name(precision: dict) -> str:
    """In words, what models are trained with on this machine."""
    if precision.get("bf16"):
        return "bfloat16 for training: faster here"
    return "float16 for training: faster here" if precision.get("fp16") else "float32: no faster kind here"


def _source_advice(source: str, why: str, late: bool) -> str:
    from helpers import sources

    if late:
        return "too late to matter: transformers was imported before. Restart the kernel and run this cell first"
    advice = []
    if source == "packages" and why not in (CHOSEN, OFFLINE):
        advice.append('to ask it again: run helpers.sources.main(["ask"]) in a cell, then restart the kernel')
    missing = [name for name in sources.CATALOGUE["packages"] if not sources.is_cached(name)]
    if source == "packages" and missing:
        advice.append(f"{len(missing)} sources are not fetched yet; each comes at first use")
    return "; ".join(advice)

"""The first call of every notebook: `helpers.setup()` picks the device, the number format and the size, and says so."""

import os
import platform
import random
import shutil
import sys
import time
import warnings
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata

import numpy
import psutil
import torch

from helpers import packages, settings
from helpers.packages.catalogue import first_edition
from helpers.settings import SIZES, SOURCES, chosen

SHOWN_VERSIONS = ("torch", "transformers", "datasets", "scikit-learn")
PRECISION, FORMATS = "WORKSHOP_PRECISION", ("float32", "bfloat16")
OUT_OF_MEMORY = """The GPU does not have enough memory.
  What to do: restart the kernel, which frees what earlier cells hold, then run Set-up and this section. If that does
  not help, halve per_device_train_batch_size and add gradient_accumulation_steps=2: each step then still learns from as
  many texts. Other notebooks on this GPU hold their memory until their kernels are shut down."""
WORTH_IT = 1.5  # times faster than float32; below that the lost digits of bfloat16 buy too little


@dataclass(frozen=True)
class Workshop:
    """What `setup()` found and chose.

    device: "cuda" or "cpu", for training and computing. source: "packages" or "hub". size: "tiny", "small" or "full".
    seed: of Python, NumPy and torch. precision: what TrainingArguments needs for the faster number format here.
    """

    device: str
    source: str
    size: str
    seed: int
    precision: dict[str, bool] = field(default_factory=dict)

    def pick(self, *, small, full, tiny=None):
        """The value for the size in force; `tiny` (for tests) is `small` where it is not given."""
        values = {"tiny": small if tiny is None else tiny, "small": small, "full": full}
        return values[self.size]


def setup(source: str = "packages", size: str | None = None, seed: int = 0) -> Workshop:
    """Get ready: call it first, before transformers is imported; calling it again is harmless.

    Taught on every day, "Set-up".

    Parameters
    ----------
    source : str
        "packages": the Hugging Face Hub is never asked, and `helpers.model` gives stand-ins. "hub": `helpers.model`
        downloads the published models instead.
    size : str, optional
        "small", "full" (more work, for a GPU) or "tiny" (for tests). By default WORKSHOP_SIZE, else "small".
    seed : int
        Of Python, NumPy and torch.

    Returns
    -------
    Workshop
        What was found and chosen; a printed table says it, too, with advice where something is not right.

    Raises
    ------
    ValueError
        For a source or size that does not exist.
    SourceError
        Where the encoder of all three days is not there and cannot be fetched.
    """
    size = size or os.environ.get("WORKSHOP_SIZE") or "small"
    for what, value, known in (("source", source, SOURCES), ("size", size, SIZES)):
        if value not in known:
            raise ValueError(f"{what} is {value!r}. It can be: {', '.join(known)}.")
    chosen.source, chosen.size = source, size
    # True, and of no use to a learner; the last one is peft's to correct.
    warnings.filterwarnings("ignore", message="IProgress not found|.*pin_memory|.*is_gradient_checkpointing")
    too_late = _set_environment()
    packages.published("minilm")  # the encoder of all three days
    device = "cuda" if torch.cuda.is_available() else "cpu"
    random.seed(seed)
    numpy.random.seed(seed)
    torch.manual_seed(seed)
    _explain_out_of_memory()
    workshop = Workshop(device, source, size, seed, training_arguments(device))
    _print_table(workshop, too_late)
    return workshop


def _set_environment() -> bool:
    """Set what Hugging Face's libraries read when they are imported; True where that has already happened."""
    os.environ |= {
        "HF_HUB_CACHE": str(settings.HUB_CACHE),
        "HF_HUB_OFFLINE": "1",  # helpers.download is the one way to the Hub
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",  # from a local folder they only flicker
        "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")  # its advice on loading is explained on Day 2
    hub = sys.modules.get("huggingface_hub.constants")
    return hub is not None and not (hub.HF_HUB_OFFLINE and str(settings.HUB_CACHE) == hub.HF_HUB_CACHE)


def _explain_out_of_memory() -> None:
    """In a notebook, let a cell that does not fit the GPU show what to do in place of a long traceback."""
    from IPython import get_ipython  # python -m helpers.label starts without it

    def explain(shell, kind, error, traceback, tb_offset=None):
        error.__traceback__ = None  # IPython keeps the error; its traceback would hold the memory
        print(OUT_OF_MEMORY, file=sys.stderr)

    if shell := get_ipython():
        shell.set_custom_exc((torch.OutOfMemoryError,), explain)


def fast_bfloat16(device: str | torch.device) -> bool:
    """Whether bfloat16, which has the range of float32 with fewer digits, is the faster number format.

    On the CPU it is measured, once per process; CUDA has it from compute capability 8.0 on (A100, L4, but no T4).
    WORKSHOP_PRECISION=float32 or =bfloat16 decides instead. Raises ValueError for any other value of it.
    """
    kind = torch.device(device).type
    if wanted := precision_asked_for():
        return wanted == "bfloat16"
    if kind == "cuda":
        return torch.cuda.get_device_capability(device)[0] >= 8
    return kind == "cpu" and _times_faster() > WORTH_IT


def training_arguments(device: str | torch.device) -> dict[str, bool]:
    """What TrainingArguments needs to compute on this device in its fastest number format.

    On the CPU that includes "use_cpu": a Mac's GPU, on which nobody has measured the workshop, would be used without.
    """
    on_cpu = {"use_cpu": True} if torch.device(device).type == "cpu" else {}
    if fast_bfloat16(device):
        return {"bf16": True} | on_cpu
    return ({"fp16": True} if _fast_float16(device) else {}) | on_cpu


def inference_format(device: str | torch.device) -> str:
    """For a model that only predicts, the name of torch's type: "bfloat16", "float16" (older GPUs) or "float32"."""
    if fast_bfloat16(device):
        return "bfloat16"
    return "float16" if _fast_float16(device) else "float32"


def precision_asked_for() -> str | None:
    """What WORKSHOP_PRECISION says, None where it says nothing. Raises ValueError for a value that it cannot have."""
    wanted = os.environ.get(PRECISION) or None
    if wanted not in (None, *FORMATS):
        raise ValueError(f"{PRECISION} is {wanted!r}. It can be: {', '.join(FORMATS)}; not set, it is measured.")
    return wanted


def _fast_float16(device: str | torch.device) -> bool:
    """GPUs of compute capability 7.0 and more (V100, T4) multiply float16 fast."""
    device = torch.device(device)
    return device.type == "cuda" and not precision_asked_for() and torch.cuda.get_device_capability(device)[0] >= 7


@cache
def _times_faster(width: int = 512, seconds: float = 0.1) -> float:
    """How many times faster the processor multiplies two (width, width) matrices in bfloat16 than in float32.

    The best of many rounds each, in turn, because other work on the machine slows most of them.
    """
    best = {torch.float32: float("inf"), torch.bfloat16: float("inf")}
    matrices = {dtype: torch.ones(width, width, dtype=dtype) for dtype in best}
    begun, rounds = time.perf_counter(), 0
    with torch.inference_mode():
        while rounds < 3 or time.perf_counter() - begun < seconds:
            for dtype, matrix in matrices.items():
                start = time.perf_counter()
                matrix @ matrix
                if rounds > 0:  # the first call of each prepares
                    best[dtype] = min(best[dtype], time.perf_counter() - start)
            rounds += 1
    return best[torch.float32] / best[torch.bfloat16]


def _print_table(workshop: Workshop, too_late: bool) -> None:
    memory = psutil.virtual_memory().available / 1e9
    existing = next(path for path in (settings.CACHE, *settings.CACHE.parents) if path.exists())
    disk = shutil.disk_usage(existing).free / 1e9
    lines = [
        ("Python", platform.python_version(), ""),
        ("device", _device_name(workshop.device), _device_advice(workshop.device)),
        ("models", MODELS[workshop.source], TOO_LATE if too_late else _source_advice()),
        ("size", workshop.size, "" if workshop.size != "tiny" else "for tests: the numbers mean nothing"),
        ("numbers", _format_name(workshop.precision), ""),
        ("seed", str(workshop.seed), ""),
        ("memory", f"{memory:.0f} GB free", "" if memory > 5 else "close other programs: 5 GB are needed"),
        ("disk", f"{disk:.0f} GB free", "" if disk > 2 else f"make room for {settings.CACHE}: 2 GB are needed"),
    ]
    lines += [("version", f"{name} {metadata.version(name)}", "") for name in SHOWN_VERSIONS]
    for name, value, advice in lines:
        print(f"{name:12} {value:44} {'-> ' + advice if advice else 'ok'}")
    if first_edition():
        print(first_edition())


MODELS = {"packages": "from Python packages, without the Hub", "hub": "from the Hub instead of stand-ins"}
TOO_LATE = "transformers was imported before this cell: restart the kernel and run this cell first"


def _source_advice() -> str:
    if os.environ.get("WORKSHOP_SOURCE"):  # of the first edition
        return 'WORKSHOP_SOURCE no longer does anything: helpers.setup(source="hub") takes models from the Hub'
    return ""


def _device_name(device: str) -> str:
    return f"GPU (cuda), {torch.cuda.get_device_name()}" if device == "cuda" else f"CPU, {os.cpu_count()} cores"


def _device_advice(device: str) -> str:
    if device == "cpu" and "google.colab" in sys.modules:
        return "fine; faster with a GPU: Runtime > Change runtime type > T4 GPU, then run this cell again"
    return ""


def _format_name(precision: dict) -> str:
    """In words, what models are trained with on this machine."""
    if precision.get("bf16"):
        return "bfloat16 for training: faster here"
    return "float16 for training: faster here" if precision.get("fp16") else "float32: nothing is faster here"

"""Which number format is fast here: asked before training and before labelling.

bfloat16 has the range of float32 with fewer digits. Newer processors and GPUs multiply it several times faster, older
ones more slowly. WORKSHOP_PRECISION=float32 or =bfloat16 decides instead, so that results can be had again elsewhere.
"""

import os
import time
from functools import cache

import torch

VARIABLE = "WORKSHOP_PRECISION"
CHOICES = ("float32", "bfloat16")
WORTH_IT = 1.5  # times faster than float32; below that the lost digits buy too little


def fast_bfloat16(device: str | torch.device) -> bool:
    """Whether bfloat16 is fast on "cpu", "cuda" or "mps".

    On the CPU it is measured, once per process; CUDA has it from compute capability 8.0 on (A100, L4, but no T4).
    Raises ValueError where WORKSHOP_PRECISION is neither of its two values.
    """
    kind = torch.device(device).type
    wanted = chosen()
    if kind == "mps":
        return False
    if wanted:
        return wanted == "bfloat16"
    if kind == "cuda":
        return torch.cuda.get_device_capability(device)[0] >= 8
    return _times_faster() > WORTH_IT


def training_arguments(device: str | torch.device) -> dict[str, bool]:
    """What to give to TrainingArguments: {"bf16": True}, {"fp16": True} or nothing.

    On the CPU "use_cpu" stands beside "bf16", because TrainingArguments refuses bf16 without a GPU that has it.
    """
    kind = torch.device(device).type
    if fast_bfloat16(device):
        return {"bf16": True, "use_cpu": True} if kind == "cpu" else {"bf16": True}
    return {"fp16": True} if _fast_float16(device) else {}


def inference_format(device: str | torch.device) -> str:
    """For a model that only predicts, the name of torch's type: "bfloat16", "float16" (older GPUs) or "float32"."""
    if fast_bfloat16(device):
        return "bfloat16"
    return "float16" if _fast_float16(device) else "float32"


def chosen() -> str | None:
    """What WORKSHOP_PRECISION says, None where it says nothing. Raises ValueError for anything but its two values."""
    wanted = os.environ.get(VARIABLE) or None
    if wanted not in (None, *CHOICES):
        raise ValueError(f"{VARIABLE} is {wanted!r}. It can be: {', '.join(CHOICES)}; not set, it is measured.")
    return wanted


def _fast_float16(device: str | torch.device) -> bool:
    """GPUs of compute capability 7.0 and more (V100, T4) multiply float16 fast."""
    device = torch.device(device)
    return device.type == "cuda" and not chosen() and torch.cuda.get_device_capability(device)[0] >= 7


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

"""Reading the files of a Marian student: weights in 8 bits, and the lexical shortlist that goes with them.

Both are plain little-endian numbers. The weights file: a version, then for every item its sizes, then all names, all
shapes, and all numbers. The shortlist file: six numbers, then for each source token where its target tokens start,
then the target tokens.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

FLOAT32, INT8, BYTES = 0x404, 0x4101, 0x101  # how Marian numbers the types of its items
VERSION = 1
SHORTLIST_MAGIC = 0xF11A48D5013417F5
SETTINGS = "special:model.yml"


class MarianFileError(ValueError):
    """A file is not what a Marian student's file should be; the message says which and why."""


@dataclass(frozen=True)
class LexicalTable:
    """Which target tokens a translation model considers for each source token.

    always: how many of the most frequent tokens (0, 1, ...) are allowed in every sentence.
    offsets: (source tokens + 1,): the target tokens of source token i are targets[offsets[i] : offsets[i + 1]].
    """

    always: int
    offsets: np.ndarray
    targets: np.ndarray


def read_weights(path: Path) -> dict[str, np.ndarray]:
    """All weights of the file by Marian's own names, in float32.

    Eight-bit matrices hold value * scale as whole numbers and the scale after them; they are divided by it. They are
    stored transposed, as (out, in), which is what torch.nn.Linear wants, except the embeddings "Wemb": (tokens, width).
    The scales of activations (names that end in "_QuantMultA") are left out: they only serve arithmetic in 8 bits.

    Raises MarianFileError where the file is cut short, of another version, or of another kind.
    """
    reader = _Reader(path)
    version = reader.numbers("<u8", 1)[0]
    if version != VERSION:
        raise MarianFileError(f"{path.name} has version {version} of Marian's format; this reads version {VERSION}.")
    [count] = reader.numbers("<u8", 1)
    headers = reader.numbers("<u8", 4 * int(count)).reshape(-1, 4)
    names = [reader.take(int(length)).rstrip(b"\0").decode("utf-8", "replace") for length in headers[:, 0]]
    shapes = [tuple(reader.numbers("<i4", int(rank)).tolist()) for rank in headers[:, 2]]
    [padding] = reader.numbers("<u8", 1)
    reader.take(int(padding))
    weights = {}
    for name, shape, (_, kind, _, length) in zip(names, shapes, headers.tolist(), strict=True):
        blob = reader.take(length)
        if name != SETTINGS and not name.endswith("_QuantMultA"):
            weights[name] = _decode(path, name, shape, kind, blob)
    return weights


def _decode(path: Path, name: str, shape: tuple[int, ...], kind: int, blob: bytes) -> np.ndarray:
    size = int(np.prod(shape))
    if len(blob) < size * 4 * (kind == FLOAT32) + (size + 4) * (kind == INT8):
        raise MarianFileError(f"{path.name} is damaged: {name} has fewer numbers than its shape {shape} says.")
    if kind == FLOAT32:
        return np.frombuffer(blob, "<f4", size).reshape(shape).astype(np.float32)
    if kind == INT8:
        [scale] = np.frombuffer(blob, "<f4", 1, offset=size)
        stored = shape if name == "Wemb" else shape[::-1]
        return np.frombuffer(blob, np.int8, size).reshape(stored).astype(np.float32) / scale
    raise MarianFileError(
        f"{path.name} holds {name} as type {kind:#x}; this reads 32-bit floats ({FLOAT32:#x}) and 8 bits ({INT8:#x})."
    )


def read_shortlist(path: Path, tokens: int) -> LexicalTable:
    """The lexical shortlist of the file, for a vocabulary of that many tokens (the same on both sides).

    Raises MarianFileError where the file is cut short, of another kind, or names tokens that do not exist.
    """
    reader = _Reader(path)
    magic, _checksum, always, _best, offset_count, target_count = reader.numbers("<u8", 6).tolist()
    if magic != SHORTLIST_MAGIC:
        raise MarianFileError(f"{path.name} is not a binary shortlist: it does not start with its number.")
    offsets = reader.numbers("<u8", offset_count).astype(np.int64)
    targets = reader.numbers("<u4", target_count).astype(np.int64)
    sound = len(offsets) == tokens + 1 and offsets[0] == 0 and offsets[-1] == target_count
    if not sound or (np.diff(offsets) < 0).any() or (targets >= tokens).any():
        raise MarianFileError(f"{path.name} is damaged, or not made for a vocabulary of {tokens} tokens.")
    return LexicalTable(always, offsets, targets)


class _Reader:
    """A file read from front to back; asking for more than there is says that it is cut short."""

    def __init__(self, path: Path):
        self.path, self.content, self.position = path, Path(path).read_bytes(), 0

    def take(self, length: int) -> bytes:
        end = self.position + length
        if end > len(self.content):
            raise MarianFileError(
                f"{self.path.name} is cut short: it has {len(self.content)} bytes and should have {end} or more. "
                "Delete it, so that it is fetched again."
            )
        found = self.content[self.position : end]
        self.position = end
        return found

    def numbers(self, kind: str, count: int) -> np.ndarray:
        return np.frombuffer(self.take(count * np.dtype(kind).itemsize), kind)

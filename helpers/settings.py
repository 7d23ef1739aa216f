"""The leaf of the package: folders, what `setup()` chose, and how a file is written so that it is whole or absent."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SOURCES = ("packages", "hub")
SIZES = ("tiny", "small", "full")

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "data"  # written by the project itself
OUTPUTS = ROOT / "outputs"  # checkpoints, studies, tables, progress


def _cache_folder() -> Path:
    given = os.environ.get("WORKSHOP_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(given or Path(base) / "llm-workshop").expanduser().absolute()


CACHE = _cache_folder()  # all that is fetched; resolved once, so that a later change of folder means nothing
HUB_CACHE = CACHE / "huggingface"  # a Hugging Face cache, in its documented layout


@dataclass
class Choice:
    """What `setup()` chose for this process; before it is called, the defaults.

    source: "packages" or "hub". size: "tiny", "small" or "full".
    """

    source: str = "packages"
    size: str = "small"


chosen = Choice()


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Write a file or a folder under a temporary name, and rename it once it is whole.

    Parameters
    ----------
    path : Path
        Where it will be. A file that is there is replaced; a folder must not be there.

    Yields
    ------
    Path
        Where to write it meanwhile. If the block raises, this is removed and `path` stays as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    _remove(temporary)  # of a killed process that had the same number
    try:
        yield temporary
        temporary.replace(path)
    finally:
        _remove(temporary)


def file_mode(folder: Path) -> int:
    """The mode of a file in this folder that is open to the people to whom the folder is open.

    For libraries that choose a mode of their own: safetensors lets only the owner read what it writes.
    """
    return folder.stat().st_mode & 0o666


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()

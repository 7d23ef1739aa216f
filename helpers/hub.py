"""Models and data sets of the Hugging Face Hub: fetched once, checked by hash, used again at the same commit."""

import hashlib
import json
import sys
import zipfile
from collections.abc import Callable, Iterable
from fnmatch import fnmatch
from functools import partial
from pathlib import Path

from helpers import sources
from helpers.hub_errors import TELL_US, TRY_LATER, hub_error, patiently

SETTINGS = ("*.json", "*.txt", "*.spm", "*.model", "*.codes", "*.jinja")  # configuration and every kind of tokenizer
WEIGHTS = (("model*.safetensors",), ("pytorch_model*.bin",))  # the second only where the first is not there
DATA_SETS = "datasets/"  # stands before the name of a data set, as in the Hub's own addresses
DATA = ("*.parquet", "*.jsonl")  # tables, and nothing that runs


def snapshot(name: str, tokenizer_only: bool = False) -> str:
    """The folder of a repository's configuration, tokenizer and weights, for `from_pretrained`.

    name: as on the Hub, such as "google-bert/bert-base-uncased". tokenizer_only: leave out the weights.

    The first call asks the Hub for the newest commit and notes it, with size and hash of each file, in
    hub/NAME.json of the cache folder; later ones use that commit again, and ask nobody once its files are there.
    Weights are safetensors; a repository that has none gives its .bin files, if torch can read them as mere weights.
    Raises SourceError with the repository, the cause, and what to do; no file that is not whole is ever used.
    """

    def choose(files: dict[str, dict]) -> list[str]:
        return [file for file in files if not (tokenizer_only and _is_weights(file))]

    return str(_fetched(name, choose)["config.json"].parent)


def data_files(name: str, patterns: dict[str, tuple[str, ...]]) -> dict[str, list[Path]]:
    """The files of a data set by split, as they lie in its repository: Parquet or JSON lines, and never a script.

    name: as on the Hub, such as "cardiffnlp/tweet_eval". patterns: split to file patterns, such as
    {"train": ("offensive/train-*.parquet",)}; the first that fits a file counts, as repositories change their layout.
    Commit, size and hash are noted, checked and kept as by `snapshot`.
    Raises SourceError as `snapshot` does, also where no file fits a pattern.
    """
    name = DATA_SETS + name

    def choose(files: dict[str, dict]) -> list[str]:
        for alternatives in patterns.values():
            if not _fitting(files, alternatives):
                raise hub_error(name, f"it has no file {alternatives[0]} any more", TELL_US)
        return [file for alternatives in patterns.values() for file in _fitting(files, alternatives)]

    paths = _fetched(name, choose)
    return {split: [paths[file] for file in _fitting(paths, each)] for split, each in patterns.items()}


def _fitting(files: Iterable[str], alternatives: tuple[str, ...]) -> list[str]:
    """The files, sorted, that fit the first pattern that any of them fits."""
    found = (sorted(file for file in files if fnmatch(file, pattern)) for pattern in alternatives)
    return next(filter(None, found), [])


def _fetched(name: str, choose: Callable[[dict], list[str]]) -> dict[str, Path]:
    """The chosen ones of a repository's noted files, by name; what is not there yet is fetched."""
    from filelock import FileLock

    place = record_file(name)
    place.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{place}.lock"):
        record = _read(place, name) or _describe(name)
        paths = {file: _have(name, record["commit"], file, record["files"][file]) for file in choose(record["files"])}
        for file in [file for file, path in paths.items() if path is None]:
            paths[file] = _fetch(name, record["commit"], file, record["files"][file])
            record["files"][file]["checked"] = True
            _write(place, record)
    return paths


def _address(name: str) -> dict[str, str]:
    """A repository as huggingface_hub's functions name it."""
    return {"repo_id": name.removeprefix(DATA_SETS), "repo_type": "dataset" if name.startswith(DATA_SETS) else "model"}


def record_file(name: str) -> Path:
    """Where the commit of a repository is noted. Without this file the newest commit is taken."""
    return sources.cache_folder() / "hub" / f"{name.replace('/', '--')}.json"


def _read(place: Path, name: str) -> dict | None:
    """The record, or None where there is none that can be read."""
    try:
        record = json.loads(place.read_text(encoding="utf-8"))
        whole = record["files"] and (name.startswith(DATA_SETS) or "config.json" in record["files"])
        whole = whole and all({"bytes", "hash"} <= file.keys() for file in record["files"].values())
        return record if record["commit"] and whole else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _write(place: Path, record: dict) -> None:
    temporary = place.with_suffix(".part")
    temporary.write_text(json.dumps(record, indent=1), encoding="utf-8")
    temporary.replace(place)


def _describe(name: str) -> dict:
    """Ask the Hub for the newest commit of a repository, and size and hash of each file that is wanted."""
    from huggingface_hub import HfApi, constants

    # Not snapshot_download: it asks without a limit of time, and does not compare hashes.
    ask = partial(HfApi().repo_info, **_address(name), files_metadata=True, timeout=constants.HF_HUB_ETAG_TIMEOUT)
    found = patiently(name, ask)
    files = {
        file.rfilename: {"bytes": file.size, "hash": file.lfs.sha256 if file.lfs else file.blob_id}
        for file in found.siblings
    }
    if name.startswith(DATA_SETS):
        tables = {file: files[file] for file in files if any(fnmatch(file, pattern) for pattern in DATA)}
        return {"repository": name, "commit": found.sha, "files": tables}
    kinds = [[file for file in files if any(fnmatch(file, pattern) for pattern in kind)] for kind in WEIGHTS]
    weights = next((kind for kind in kinds if kind), [])
    settings = [file for file in files if any(fnmatch(file, pattern) for pattern in SETTINGS)]
    # Copies of the model for other programs lie in folders.
    wanted = {file: files[file] for file in [*settings, *weights] if "/" not in file}
    if "config.json" not in wanted or not weights:
        raise hub_error(name, f"it has no {'weights' if 'config.json' in wanted else 'config.json'} any more", TELL_US)
    return {"repository": name, "commit": found.sha, "files": wanted}


def _is_weights(file: str) -> bool:
    return any(fnmatch(file, pattern) for kind in WEIGHTS for pattern in kind)


def _have(name: str, commit: str, file: str, expected: dict) -> Path | None:
    """Where a file lies that was checked before and has its size; None where it must be fetched."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(**_address(name), filename=file, revision=commit)
    if not isinstance(found, str) or not expected.get("checked") or Path(found).stat().st_size != expected["bytes"]:
        return None
    return Path(found)


def _fetch(name: str, commit: str, file: str, expected: dict) -> Path:
    """Download one file (a second time where its content is not what the Hub names) and check it."""
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_download, hf_hub_url

    # hf_hub_download asks the same, but waits for as long as it is told, or for a minute where nobody answers.
    address = hf_hub_url(**_address(name), filename=file, revision=commit)
    patiently(name, partial(get_hf_file_metadata, address, timeout=constants.HF_HUB_ETAG_TIMEOUT))
    for again in (False, True):
        options = {**_address(name), "filename": file, "revision": commit, "force_download": again}
        path = Path(patiently(name, partial(hf_hub_download, **options)))
        if _matches(path, expected):
            break
        _remove(path)
        if not again:
            print(f"{file} of {name} is damaged: it is fetched anew.", file=sys.stderr)
    else:
        raise hub_error(name, f"{file} is not the file that the Hub names: it arrives damaged", TRY_LATER)
    if path.suffix == ".bin" and not _is_mere_weights(path):
        _remove(path)
        raise hub_error(name, f"{file} holds more than weights, so that reading it could run a program", TELL_US)
    return path


def _matches(path: Path, expected: dict) -> bool:
    """Whether a file has its size and its hash: SHA-256 for large files, git's own for the others."""
    size = path.stat().st_size
    if size != expected["bytes"]:
        return False
    with path.open("rb") as stream:
        if len(expected["hash"]) == 64:
            return hashlib.file_digest(stream, "sha256").hexdigest() == expected["hash"]
        return hashlib.sha1(b"blob %d\0" % size + stream.read()).hexdigest() == expected["hash"]


def _is_mere_weights(path: Path) -> bool:
    """Whether torch reads the file with weights_only, which runs no code."""
    import torch

    try:
        torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except Exception:  # whatever a malformed file makes its reader stumble over
        return False
    return True


def _remove(path: Path) -> None:
    """Take a file out of the Hub's cache: its name in the snapshot, and the content that it points to."""
    content = path.resolve()
    path.unlink(missing_ok=True)
    content.unlink(missing_ok=True)

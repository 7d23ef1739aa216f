"""The one way to the Hugging Face Hub: `helpers.download("org/name")`; everything else works without it."""

import json
import os
import re
import sys
from pathlib import Path

from helpers import settings
from helpers.packages import hub_download
from helpers.packages.catalogue import CATALOGUE, locked, published, repository_folder
from helpers.packages.wheels import SourceError, run_with_bar


def download(name: str, repo_type: str = "model", files: str | list[str] | None = None) -> bool:
    """Bring a model or a data set of the Hugging Face Hub into the workshop's cache, with a progress bar.

    Taught on Day 1, "What BERT is for".

    Parameters
    ----------
    name : str
        As on the Hub, such as "FacebookAI/xlm-roberta-base".
    repo_type : str
        "model" (configuration, tokenizer, weights as safetensors) or "dataset" (its Parquet files).
    files : str or list of str, optional
        Patterns of the files to bring instead, such as "stance_hillary/*.parquet".

    Returns
    -------
    bool
        True once everything is there: from then on the name works in every cell, without a network. Otherwise False,
        and one printed sentence says why; it gives up where the first answer takes more than three seconds. After
        an interruption the next call brings only the files that are not whole.

    Raises
    ------
    ValueError
        For a name that is not of the form owner/name, or another repo_type.
    """
    if repo_type not in ("model", "dataset"):
        raise ValueError(f'repo_type is {repo_type!r}. It can be "model" or "dataset".')
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", name):
        raise ValueError(
            f'{name!r} is not a name of the Hub. It must be owner/name, such as "google-bert/bert-base-uncased".'
        )
    patterns = [files] if isinstance(files, str) else list(files or [])
    folder = repository_folder(name, repo_type)
    carried = {found.get("repository"): entry for entry, found in CATALOGUE["packages"].items()}
    try:
        if name in carried and repo_type == "model" and not patterns:
            published(carried[name])  # the packages have it
            return True
        if _is_there(folder, patterns):
            return True
        with locked(settings.CACHE / f"{folder.name}.lock"):
            if _is_there(folder, patterns):  # another process may have brought it meanwhile
                return True
            for left in folder.glob("blobs/*.*.incomplete"):  # huggingface_hub does not go on with these
                left.unlink(missing_ok=True)
            said = _run(name, repo_type, patterns, folder)
    except SourceError as error:
        print(f"{name} was not downloaded. {error}")
        return False
    done = bool(_message(said, "done"))
    if not done:
        print(f"{name} was not downloaded: the Hub {_message(said, 'error') or 'could not be asked'}.")
    return done


def _is_there(folder: Path, patterns: list[str]) -> bool:
    """Whether an earlier call brought everything, at the commit in refs/main."""
    refs = folder / "refs"
    try:
        commit = (refs / hub_download.mark(patterns)).read_text(encoding="utf-8")
        return commit == (refs / "main").read_text(encoding="utf-8") and (folder / "snapshots" / commit).is_dir()
    except OSError:
        return False


def _run(name: str, repo_type: str, patterns: list[str], folder: Path) -> str:
    """Run the download in a process of its own; what it printed."""
    environment = os.environ | {
        "HF_HUB_OFFLINE": "0", "HF_HUB_CACHE": str(settings.HUB_CACHE), "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_DISABLE_XET": "1",  # one way to download, which goes on where it broke off
        "HF_HUB_DISABLE_SYMLINKS_WARNING": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "PYTHONUTF8": "1",
    }  # fmt: skip
    environment.setdefault("HF_HUB_DOWNLOAD_TIMEOUT", "10")
    command = [sys.executable, hub_download.__file__, name, repo_type, *patterns]
    return run_with_bar(command, environment, name, lambda said: _message(said, "bytes"), folder)[0]


def _message(said: str, key: str):
    """The last value of that name in the lines of JSON that the program printed; None where there is none."""
    for line in reversed(said.splitlines()):
        if line.startswith("{"):
            try:
                message = json.loads(line)
            except ValueError:  # a line that is being written
                continue
            if key in message:
                return message[key]
    return None

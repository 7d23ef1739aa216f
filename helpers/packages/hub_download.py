"""The program that `helpers.download` runs in a process of its own, where the Hub is not switched off.

It is run as a file, because it needs nothing of the workshop. It prints lines of JSON: {"bytes": ...} when the Hub has
answered, and at the end {"done": true} or {"error": "what is wrong, in words"}.
"""

import errno
import hashlib
import json
import sys
import threading
from fnmatch import fnmatch
from functools import partial
from pathlib import Path

UNWRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST)
PATIENCE = 3  # seconds for the first answer, looking up the address included
SETTINGS = ("*.json", "*.txt", "*.spm", "*.model", "*.codes", "*.jinja")  # configuration and every kind of tokenizer
WEIGHTS = ("model*.safetensors", "pytorch_model*.bin")  # the first of these that a repository has
TABLES = ("*.parquet",)


class Failed(Exception):
    """The Hub did not give it; the message says why, in words that follow "the Hub"."""


def mark(patterns: list[str]) -> str:
    """The name in refs/ that says: everything of this kind has been downloaded at this commit."""
    return "downloaded" + (f"-{hashlib.sha256(repr(sorted(patterns)).encode()).hexdigest()[:8]}" if patterns else "")


def wanted(names: list[str], kind: str, patterns: list[str]) -> list[str]:
    """The files of a repository to bring: those that fit the patterns, else what `from_pretrained` or tables need."""
    if patterns or kind == "dataset":
        found = [name for name in names if any(fnmatch(name, pattern) for pattern in patterns or TABLES)]
    else:
        names = [name for name in names if "/" not in name]  # copies for other programs lie in folders
        weights = ([name for name in names if fnmatch(name, pattern)] for pattern in WEIGHTS)
        settings = [name for name in names if any(fnmatch(name, pattern) for pattern in SETTINGS)]
        found = settings + next(filter(None, weights), [])
    if not found:
        raise Failed(f"has no {' or '.join(patterns or (TABLES if kind == 'dataset' else WEIGHTS[:1]))} of that name")
    return found


def describe(name: str, kind: str, revision: str):
    """What the Hub says of a repository: commit and files. Raises Failed without an answer within PATIENCE."""
    from huggingface_hub import HfApi

    replies = []
    ask = partial(HfApi().repo_info, name, repo_type=kind, revision=revision, files_metadata=True, timeout=PATIENCE)

    def target() -> None:
        try:
            replies.append(ask())
        except Exception as error:
            replies.append(error)

    # A thread, because no timeout of a connection limits looking up the address, or an answer that comes in drips.
    asking = threading.Thread(target=target, daemon=True)
    asking.start()
    asking.join(PATIENCE)
    if not replies:
        raise Failed(f"did not answer within {PATIENCE} seconds")
    if isinstance(replies[0], Exception):
        raise replies[0]
    if not replies[0].sha or replies[0].siblings is None:
        raise Failed("was not reached: a page to log in to the network answers in its place")
    return replies[0]


def download(name: str, kind: str, patterns: list[str]) -> None:
    """Bring the files of a repository into the Hugging Face cache, and mark it once they are all there.

    Only then refs/main names the commit, so that nothing reads half a model. A commit that it names already is kept:
    what comes later belongs to the same one.
    """
    from huggingface_hub import constants, snapshot_download

    refs = Path(constants.HF_HUB_CACHE) / f"{kind}s--{name.replace('/', '--')}" / "refs"
    before = (refs / "main").read_text(encoding="utf-8") if (refs / "main").is_file() else ""
    found = describe(name, kind, before or "main")
    sizes = {file.rfilename: file.size or 0 for file in found.siblings}
    files = wanted(list(sizes), kind, patterns)
    say(bytes=sum(sizes[file] for file in files))
    patterns_of_files = [_literal(file) for file in files]
    snapshot = Path(snapshot_download(name, repo_type=kind, revision=found.sha, allow_patterns=patterns_of_files))
    if missing := [file for file in files if not (snapshot / file).exists()]:
        raise Failed(f"stopped answering before {missing[0]} was here; run the cell again, and it goes on")
    refs.mkdir(exist_ok=True)
    for ref in ("main", mark(patterns)):
        (refs / ref).write_text(found.sha, encoding="utf-8")


def _literal(name: str) -> str:
    """A file's name as a pattern that fits nothing else."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


def in_words(error: Exception) -> str:
    """Why it failed, as the end of a sentence that begins with "the Hub"."""
    from huggingface_hub import constants
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RevisionNotFoundError

    if isinstance(error, Failed):
        return str(error)
    chain = [error]
    while chain[-1].__cause__ or chain[-1].__context__:
        chain.append(chain[-1].__cause__ or chain[-1].__context__)
    if any(getattr(each, "errno", None) == errno.ENOSPC for each in chain):
        return "answers, but the disk is full: make room, run the cell again, and it goes on"
    if any(isinstance(each, OSError) and each.errno in UNWRITABLE and each.filename for each in chain):
        return f"answers, but {constants.HF_HUB_CACHE} cannot be written: set WORKSHOP_CACHE to a folder of your own"
    if any("CERTIFICATE_VERIFY_FAILED" in str(each) for each in chain):
        return "shows a certificate that is unknown here: set SSL_CERT_FILE to your network's file of certificates"
    if isinstance(error, RevisionNotFoundError):
        return "no longer has the version in the cache: remove the folder of that name there, and run the cell again"
    if isinstance(error, GatedRepoError):
        return "wants you to accept this repository's terms first, on its page, and a token (HF_TOKEN)"
    status = next((each.response.status_code for each in chain if isinstance(each, HfHubHTTPError)), None)
    if status in (401, 403):
        return (
            f"does not let you in ({status}): the name is misspelled, or a token is missing or out of date (HF_TOKEN)"
        )
    if status == 404:
        return "has nothing of that name (404): look it up on its website"
    if status == 429:
        return "got too many requests from here (429): wait some minutes"
    if status:
        return f"is not working right now ({status}): wait some minutes"
    if any(isinstance(each, ValueError) for each in chain):
        return "was not reached: a page to log in to the network answers in its place"
    return "cannot be reached from here: check the network"


def say(**message) -> None:
    print(json.dumps(message), flush=True)


def main(name: str, kind: str, *patterns: str) -> int:
    try:
        download(name, kind, list(patterns))
    except Exception as error:  # the process that started this one says it in one sentence
        say(error=in_words(error))
        return 1
    say(done=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

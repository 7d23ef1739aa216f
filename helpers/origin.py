"""Where a saved model comes from: the source, the checkpoint that its training began with, and its tokenizer."""

import hashlib
import json
from pathlib import Path

from helpers import sources
from helpers.runtime import source_in_force

NAME = "origin.json"
# Capitals, accents, names and links: what tokenizers treat differently.
PROBE = "@Someone SAID https://t.co/x: déjà vu!"


def note(folder: str | Path, model, tokenizer) -> None:
    """Write origin.json into the folder of a model that is being saved.

    model: its config still names the checkpoint that `from_pretrained` read. tokenizer: what it was trained with, or
    None where the trainer knows of none.
    """
    began = Path(str(getattr(model.config, "name_or_path", "")))
    found = {
        "source": source_in_force(),
        "checkpoint": _shown(began),
        "tokenizer": tokenizer and fingerprint(tokenizer),
    }
    (Path(folder) / NAME).write_text(json.dumps(found, indent=1), encoding="utf-8")


def fits(folder: str | Path, checkpoint: str | Path, tokenizer) -> bool:
    """Whether a saved model notes that it began from this checkpoint and reads with this tokenizer.

    folder: where the model was saved. checkpoint: a folder for `from_pretrained`. Without a readable note: False.
    """
    try:
        noted = json.loads((Path(folder) / NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    wanted = {"source": source_in_force(), "checkpoint": _shown(Path(checkpoint)), "tokenizer": fingerprint(tokenizer)}
    return noted == wanted


def check(folder: str | Path, tokenizer) -> None:
    """Raise ValueError where a model's folder notes another tokenizer than this one; a folder without a note passes."""
    place = Path(folder) / NAME
    if not place.is_file():
        return
    noted = json.loads(place.read_text(encoding="utf-8"))
    if noted.get("tokenizer") and noted["tokenizer"] != fingerprint(tokenizer):
        raise ValueError(
            f"The tokenizer is not the one that the model in {folder} was trained with: it would read other words. "
            f"It was trained from {noted['checkpoint']} (source {noted['source']!r}). Save both again from the same "
            "training, as helpers.training.save(trainer, folder) does."
        )


def fingerprint(tokenizer) -> str:
    """A name that changes with any token or its number, and with how texts are made ready for them."""
    read = (sorted(tokenizer.get_vocab().items()), list(tokenizer(PROBE)["input_ids"]))
    return hashlib.sha256(repr(read).encode()).hexdigest()[:16]


def _shown(checkpoint: Path) -> str:
    """A checkpoint's name without this machine's folders: repository and commit, or its place in the cache."""
    commit = f" at commit {checkpoint.name}" if _is_snapshot(checkpoint) else ""
    return repository(checkpoint) + commit


def _is_snapshot(checkpoint: Path) -> bool:
    return checkpoint.parent.name == "snapshots"  # the Hub's cache: models--OWNER--NAME/snapshots/COMMIT


def repository(checkpoint: Path) -> str:
    """A checkpoint's name without folders of this machine and commit: OWNER/NAME, or its place in the cache."""
    if _is_snapshot(checkpoint):
        return checkpoint.parent.parent.name.removeprefix("models--").replace("--", "/")
    cache = sources.cache_folder()
    return checkpoint.relative_to(cache).as_posix() if checkpoint.is_relative_to(cache) else checkpoint.name

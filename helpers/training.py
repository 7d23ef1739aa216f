"""Training that is gone on with after an interruption, and models that are saved whole.

Beside a saved model stands origin.json: the source, the checkpoint that its training began with, and its tokenizer.
"""

import hashlib
import json
import shutil
import tempfile
from pathlib import Path

import torch

from helpers.settings import CACHE, chosen

FINGERPRINT, ORIGIN = "settings.json", "origin.json"
# Capitals, accents, names and links: what tokenizers treat differently.
PROBE = "@Someone SAID https://t.co/x: déjà vu!"
# Not part of what a training is: what it writes, prints and evaluates, on which device and in which number format.
BESIDE_THE_POINT = {
    "output_dir", "run_name", "disable_tqdm", "report_to", "logging_strategy", "logging_steps", "logging_first_step",
    "do_eval", "eval_strategy", "eval_steps", "per_device_eval_batch_size", "save_strategy", "save_steps",
    "save_total_limit", "use_cpu", "bf16", "fp16", "tf32",
}  # fmt: skip


def last_checkpoint(trainer) -> str | None:
    """The newest whole checkpoint in the trainer's folder, for `trainer.train(resume_from_checkpoint=...)`.

    None where there is none. A checkpoint counts only if it belongs to this training: the same settings, model and
    training texts. Those of another training are removed, and a line says so; so is one whose saving was cut short.
    """
    folder = Path(trainer.args.output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    record, now = folder / FINGERPRINT, _fingerprint(trainer)
    differ = _differences(record, now)
    found = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))
    whole = [path for path in found if not differ and _read_json(path / "trainer_state.json")]  # its last file
    if found and differ:
        what = ", ".join(differ[:3])
        print(f"Removed checkpoints of another training (other: {what}) in {folder}. To keep both: another output_dir.")
    for path in set(found) - set(whole):
        shutil.rmtree(path)
    if differ:
        record.write_text(json.dumps(now), encoding="utf-8")  # were it cut short: no checkpoint is there to be lost
    return str(whole[-1]) if whole else None


def _read_json(place: Path) -> dict | None:
    """What a JSON file says; None where it is missing, or its writing was cut short."""
    try:
        return json.loads(place.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _fingerprint(trainer) -> dict:
    """Settings, model and training texts in a form that can be compared."""
    texts = hashlib.sha256()
    for row in trainer.train_dataset:
        texts.update(repr((list(row["input_ids"]), row["label"])).encode())
    model = {"shapes": {name: list(weight.shape) for name, weight in trainer.model.named_parameters()}}
    model["trained"] = [name for name, weight in trainer.model.named_parameters() if weight.requires_grad]
    # Without the Hub's commit: a lost runtime may find a newer one, and the weights are those of the checkpoint anyway.
    model["from"] = _repository(Path(str(getattr(trainer.model.config, "name_or_path", ""))))
    found = {"settings": trainer.args.to_dict(), "texts": texts.hexdigest(), "model": model}
    return json.loads(json.dumps(found, default=str))  # as it will be read from the record


def _differences(record: Path, now: dict) -> list[str]:
    """What makes this training another one than that of the record, in words; empty where it is the same."""
    before = _read_json(record)
    if before is None:
        return [f"{FINGERPRINT}, which is missing or damaged"]
    old, new = before["settings"], now["settings"]
    names = sorted((old.keys() | new.keys()) - BESIDE_THE_POINT)
    differ = [f"the {part}" for part in ("model", "texts") if before[part] != now[part]]
    return differ + [name for name in names if old.get(name) != new.get(name)]


def save(trainer, folder: str | Path) -> None:
    """Save a trainer's model and tokenizer to a folder, under another name first: there is never half a model.

    Beside them stands origin.json: source, checkpoint and tokenizer of the training (helpers/origin.py).
    The Trainer's settings, which it adds as a Python pickle, are left out: a pickle can run code when it is read.
    """
    folder = Path(folder)
    temporary = folder.with_name(folder.name + ".part")
    shutil.rmtree(temporary, ignore_errors=True)
    if trainer.processing_class is not None:
        # Some tokenizers (BERTweet's) do not know how much their model takes, and would cut no text.
        trainer.processing_class.model_max_length = longest(trainer.processing_class, trainer.model)
    trainer.save_model(str(temporary))
    if trainer.processing_class is not None:
        _mend_vocabulary(trainer.processing_class, temporary)
    (temporary / "training_args.bin").unlink(missing_ok=True)
    _note(temporary, trainer.model, trainer.processing_class)
    _give_place(temporary, folder)


def _mend_vocabulary(tokenizer, folder: Path) -> None:
    """Where a saved tokenizer reads otherwise than it did in training, give it its own files again.

    transformers (5.15 to 5.23, seen) writes BERTweet's merges without their last column, and takes half of each merge
    for that column when it reads them: every word would fall into letters, silently.
    """
    from transformers import AutoTokenizer

    if fingerprint(AutoTokenizer.from_pretrained(folder)) != fingerprint(tokenizer):
        for name in tokenizer.vocab_files_names.values():
            if (own := Path(tokenizer.name_or_path) / name).is_file():
                shutil.copyfile(own, folder / name)


def _give_place(new: Path, folder: Path) -> None:
    """Put a new model where an old one may stand. Raises OSError where that one is in use, and leaves it as it was."""
    if not folder.exists():
        new.replace(folder)
        return
    old = folder.with_name(folder.name + ".old")
    old.mkdir(exist_ok=True)
    # Moved, not removed: Windows keeps files that are in use, and half a model would stay.
    aside = Path(tempfile.mkdtemp(dir=old)) / "model"  # what an earlier save moved aside may still be in use
    try:
        folder.replace(aside)
        new.replace(folder)
    except OSError as error:
        if aside.exists():
            aside.replace(folder)
        raise OSError(
            f"The model in {folder} cannot be replaced: it seems to be in use, and should not be ({error}).\n  What to "
            f"do: restart whatever has loaded it, then save again. It is as it was; the new one lies whole in {new}."
        ) from error
    shutil.rmtree(old, ignore_errors=True)


def _note(folder: str | Path, model, tokenizer) -> None:
    """Write origin.json into the folder of a model that is being saved.

    model: its config still names the checkpoint that `from_pretrained` read. tokenizer: what it was trained with, or
    None where the trainer knows of none.
    """
    began = Path(str(getattr(model.config, "name_or_path", "")))
    found = {
        "source": chosen.source,
        "checkpoint": _shown(began),
        "tokenizer": tokenizer and fingerprint(tokenizer),
    }
    (Path(folder) / ORIGIN).write_text(json.dumps(found, indent=1), encoding="utf-8")


def check_tokenizer(folder: str | Path, tokenizer) -> None:
    """Raise ValueError where a model's folder notes another tokenizer than this one; a folder without a note passes."""
    place = Path(folder) / ORIGIN
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
    return _repository(checkpoint) + commit


def _is_snapshot(checkpoint: Path) -> bool:
    return checkpoint.parent.name == "snapshots"  # the Hub's cache: models--OWNER--NAME/snapshots/COMMIT


def _repository(checkpoint: Path) -> str:
    """A checkpoint's name without folders of this machine and commit: OWNER/NAME, or its place in the cache."""
    if _is_snapshot(checkpoint):
        return checkpoint.parent.parent.name.removeprefix("models--").replace("--", "/")
    return checkpoint.relative_to(CACHE).as_posix() if checkpoint.is_relative_to(CACHE) else checkpoint.name


def longest(tokenizer, model) -> int:
    """How many tokens the model takes: what its tokenizer says, or as many as it has positions."""
    embeddings = [part for name, part in model.named_modules() if name.endswith("position_embeddings")]
    # RoBERTa and its kin number their positions from behind the padding's own, and so have two fewer.
    positions = [
        part.num_embeddings - (0 if part.padding_idx is None else part.padding_idx + 1)
        for part in embeddings
        if isinstance(part, torch.nn.Embedding)
    ]
    stated = getattr(model.config, "max_position_embeddings", None) or 512
    return min([tokenizer.model_max_length, *(positions or [stated])])

"""Trainings that continue after an interruption, and saved models that are complete.

A saved model has a file origin.json: the published model that its training began from, and its tokenizer's fingerprint.
"""

import hashlib
import json
import shutil
from pathlib import Path

import torch
from transformers.trainer_utils import get_last_checkpoint

from helpers.settings import CACHE, atomic

RECORD, ORIGIN = "settings.json", "origin.json"
# Capitals, accents, names and links: what tokenizers treat differently.
PROBE = "@Someone SAID https://t.co/x: déjà vu!"
# What a training writes, prints and evaluates, and its device and number format, do not make it another training.
IGNORED = {
    "output_dir", "run_name", "disable_tqdm", "report_to", "logging_strategy", "logging_steps", "logging_first_step",
    "do_eval", "eval_strategy", "eval_steps", "per_device_eval_batch_size", "save_strategy", "save_steps",
    "save_total_limit", "use_cpu", "bf16", "fp16", "tf32",
}  # fmt: skip


def last_checkpoint(trainer) -> str | None:
    """Find the last complete checkpoint of this very training. Taught on Day 2, "Training with Trainer".

    Checkpoints in the trainer's folder that belong to other settings, another model or other texts are removed, and a
    line says so; so is a checkpoint whose saving was cut short.

    Parameters
    ----------
    trainer : transformers.Trainer
        Ready to train: its settings, model and training texts decide which checkpoints are its own.

    Returns
    -------
    str or None
        For `trainer.train(resume_from_checkpoint=...)`; None where there is no checkpoint.
    """
    folder = Path(trainer.args.output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    record, now = folder / RECORD, _description(trainer)
    differ = _differences(_read_json(record), now)
    found = list(folder.glob("checkpoint-*"))
    if found and differ:
        what = ", ".join(differ[:3])
        print(
            f"Removed checkpoints of another training (different: {what}) in {folder}. "
            "To keep both, use a different output_dir."
        )
    for path in found:
        if differ or not _read_json(path / "trainer_state.json"):  # the last file that is written
            shutil.rmtree(path)
    if differ:
        with atomic(record) as temporary:
            temporary.write_text(json.dumps(now), encoding="utf-8")
    return get_last_checkpoint(str(folder))


def save(trainer, folder: str | Path) -> None:
    """Save a trainer's model and tokenizer to a folder that is complete, or else stays as it was.

    The Trainer's settings, which it adds as a Python pickle, are left out: a pickle can run code when it is read.

    Parameters
    ----------
    trainer : transformers.Trainer
        After its training.
    folder : str or Path
        A model that is there is replaced; one that the workshop's first edition saved is kept under another name.

    Raises
    ------
    OSError
        Where the folder cannot be written, or its model is in use.
    """
    folder, tokenizer = Path(folder), trainer.processing_class
    with atomic(folder) as new:
        if tokenizer is not None:
            # Some tokenizers (BERTweet's) do not know how much their model takes, and would not truncate.
            tokenizer.model_max_length = longest(tokenizer, trainer.model)
        trainer.save_model(str(new))
        (new / "training_args.bin").unlink(missing_ok=True)
        if tokenizer is not None:
            _correct_vocabulary(tokenizer, new)
        note = {"model": _began_from(trainer.model), "tokenizer": tokenizer and fingerprint(tokenizer)}
        (new / ORIGIN).write_text(json.dumps(note, indent=1), encoding="utf-8")
        if folder.exists():
            _move_aside(folder)
    shutil.rmtree(folder.with_name(f"{folder.name}.old"), ignore_errors=True)


def check_tokenizer(folder: str | Path, tokenizer) -> None:
    """Raise ValueError where a saved model was trained with another tokenizer; a folder without a note passes."""
    place = Path(folder) / ORIGIN
    if not place.is_file():
        return
    noted = _read_json(place)
    if noted is None:
        raise ValueError(f"{place} is damaged. Save the model again with helpers.training.save(trainer, folder).")
    if noted.get("tokenizer") and noted["tokenizer"] != fingerprint(tokenizer):
        began = noted.get("model") or noted.get("checkpoint")  # the second: of the first edition
        raise ValueError(
            f"The tokenizer in {folder} is not the one that its model was trained with, so it would split words "
            f"differently. The model was trained from {began}. Save both again from the same training, with "
            "helpers.training.save(trainer, folder)."
        )


def fingerprint(tokenizer) -> str:
    """Sixteen hexadecimal digits that change with any token or its number, and with how texts are prepared."""
    read = (sorted(tokenizer.get_vocab().items()), list(tokenizer(PROBE)["input_ids"]))
    return hashlib.sha256(repr(read).encode()).hexdigest()[:16]


def longest(tokenizer, model) -> int:
    """How many tokens the model takes: what its tokenizer says, or as many as it has positions."""
    embeddings = [part for name, part in model.named_modules() if name.endswith("position_embeddings")]
    # RoBERTa and its kin number positions from behind that of the padding, and so have two fewer.
    positions = [
        part.num_embeddings - (0 if part.padding_idx is None else part.padding_idx + 1)
        for part in embeddings
        if isinstance(part, torch.nn.Embedding)
    ]
    stated = getattr(model.config, "max_position_embeddings", None) or 512
    return min([tokenizer.model_max_length, *(positions or [stated])])


def _description(trainer) -> dict:
    """Settings, model and training texts, in a form that can be compared."""
    texts = hashlib.sha256()
    for row in trainer.train_dataset:
        texts.update(repr((list(row["input_ids"]), row.get("label", row.get("labels")))).encode())
    model = {"shapes": {name: list(weight.shape) for name, weight in trainer.model.named_parameters()}}
    model["trained"] = [name for name, weight in trainer.model.named_parameters() if weight.requires_grad]
    model["from"] = _began_from(trainer.model)
    found = {"settings": trainer.args.to_dict(), "texts": texts.hexdigest(), "model": model}
    return json.loads(json.dumps(found, default=str))  # as it will be read from the record


def _differences(before: dict | None, now: dict) -> list[str]:
    """What makes this training another one than the recorded one, in words; empty where it is the same."""
    if before is None:
        return [f"{RECORD}, which is missing or damaged"]
    old, new = before["settings"], now["settings"]
    names = sorted((old.keys() | new.keys()) - IGNORED)
    differ = [f"the {part}" for part in ("model", "texts") if before[part] != now[part]]
    return differ + [name for name in names if old.get(name) != new.get(name)]


def _began_from(model) -> str:
    """The name that `from_pretrained` was given, without folders of this machine."""
    name = str(getattr(model.config, "name_or_path", ""))
    folder = Path(name)
    if folder.is_absolute() and folder.is_relative_to(CACHE):
        return f"the stand-in {folder.name}"
    if folder.is_dir():
        noted = _read_json(folder / ORIGIN) or {}
        return folder.name + (f", trained from {noted['model']}" if noted.get("model") else "")
    return name


def _correct_vocabulary(tokenizer, folder: Path) -> None:
    """Where a saved tokenizer reads other words than in training, give it the files that it was loaded from.

    transformers (5.15 to 5.24, seen) writes BERTweet's merges without their last column, and takes half of each merge
    for that column when it reads them: every word would fall into letters, silently.
    """
    from transformers import AutoTokenizer

    if fingerprint(AutoTokenizer.from_pretrained(folder)) != fingerprint(tokenizer):
        for attribute, name in tokenizer.vocab_files_names.items():
            if (loaded := getattr(tokenizer, attribute, None)) and Path(loaded).is_file():
                shutil.copyfile(loaded, folder / name)


def _move_aside(folder: Path) -> None:
    """Rename a saved model to NAME.old, or to NAME-first-edition with a line that says so. Raises OSError."""
    first_edition = "source" in (_read_json(folder / ORIGIN) or {})  # a word that only the first edition noted
    names = (f"{folder.name}-first-edition{number}" for number in ("", *(f"-{n}" for n in range(2, 100))))
    free = next(folder.with_name(name) for name in names if not folder.with_name(name).exists())
    aside = free if first_edition else folder.with_name(f"{folder.name}.old")
    shutil.rmtree(folder.with_name(f"{folder.name}.old"), ignore_errors=True)
    try:
        folder.replace(aside)  # not removed: Windows keeps files that are in use, and half a model would stay
    except OSError as error:
        raise OSError(
            f"The model in {folder} is in use and cannot be replaced ({error}). It is as it was. Restart the kernel or "
            "program that has loaded it, then save again."
        ) from error
    if first_edition:
        print(f"The model that the workshop's first edition saved in {folder} is now in {aside}.")


def _read_json(place: Path) -> dict | None:
    """What a JSON file says; None where it is missing, or its writing was cut short."""
    try:
        return json.loads(place.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None

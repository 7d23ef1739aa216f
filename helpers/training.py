"""What Day 2's cells share around the Trainer: the recipe, going on after an interruption, and the finished classifier.

The recipe is spelled out in Day 2; `arguments` gives the same one to the cells that train again and again.
"""

import gc
import hashlib
import json
import shutil
import tempfile
from pathlib import Path

from helpers import data, metrics, models, origin
from helpers.runtime import OUTPUTS, Workshop

MAX_LENGTH = 64  # tokens: no tweet of 2016 is longer
FINGERPRINT = "settings.json"
# Not part of what a training is: what it writes, prints and evaluates, on which device and in which number format.
BESIDE_THE_POINT = {
    "output_dir", "run_name", "disable_tqdm", "report_to", "logging_strategy", "logging_steps", "logging_first_step",
    "do_eval", "eval_strategy", "eval_steps", "per_device_eval_batch_size", "save_strategy", "save_steps",
    "save_total_limit", "use_cpu", "bf16", "fp16", "tf32",
}  # fmt: skip


def arguments(workshop: Workshop, **changes):
    """The TrainingArguments of Day 2's recipe, quiet and without checkpoints, for cells that train many times.

    workshop: what setup() returned. changes: other values, such as num_train_epochs=4.
    """
    from transformers import TrainingArguments

    gc.collect()  # a Trainer and its callbacks hold each other: an earlier one, with its optimizer, is freed only so
    recipe = {
        "output_dir": str(OUTPUTS / "day2" / "many"),
        "learning_rate": 2e-4,
        "per_device_train_batch_size": 32,
        "num_train_epochs": workshop.pick(tiny=1, small=2, full=2),
        "max_steps": workshop.pick(tiny=2, small=-1, full=-1),
        "warmup_steps": 0.1,
        "weight_decay": 0.01,
        "train_sampling_strategy": "group_by_length",
        "per_device_eval_batch_size": 64,
        "seed": workshop.seed,
        "save_strategy": "no",
        "logging_strategy": "no",
        "disable_tqdm": True,
        **workshop.precision,
    }
    return TrainingArguments(**recipe | changes)


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
    whole = [path for path in found if not differ and _read(path / "trainer_state.json")]  # its last file
    if found and differ:
        what = ", ".join(differ[:3])
        print(f"Removed checkpoints of another training (other: {what}) in {folder}. To keep both: another output_dir.")
    for path in set(found) - set(whole):
        shutil.rmtree(path)
    if differ:
        record.write_text(json.dumps(now), encoding="utf-8")  # were it cut short: no checkpoint is there to be lost
    return str(whole[-1]) if whole else None


def _read(place: Path) -> dict | None:
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
    model["from"] = origin.repository(Path(str(getattr(trainer.model.config, "name_or_path", ""))))
    found = {"settings": trainer.args.to_dict(), "texts": texts.hexdigest(), "model": model}
    return json.loads(json.dumps(found, default=str))  # as it will be read from the record


def _differences(record: Path, now: dict) -> list[str]:
    """What makes this training another one than that of the record, in words; empty where it is the same."""
    before = _read(record)
    if before is None:
        return [f"{FINGERPRINT}, which is missing or damaged"]
    old, new = before["settings"], now["settings"]
    names = sorted((old.keys() | new.keys()) - BESIDE_THE_POINT)
    differ = [f"the {part}" for part in ("model", "texts") if before[part] != now[part]]
    return differ + [name for name in names if old.get(name) != new.get(name)]


def stance_model(workshop: Workshop) -> str:
    """A folder with Day 2's stance classifier and its tokenizer, for from_pretrained.

    It is trained once, on the training split of clinton_stance by Day 2's recipe, and kept in outputs/ for each size
    and source. Whoever enters the day in the middle gets the same classifier as somebody who came from the top. A kept
    one that began from another checkpoint, or reads with another tokenizer, is trained anew.
    """
    from transformers import AutoTokenizer, PrinterCallback

    folder = OUTPUTS / "day2" / f"stance-{workshop.source}-{workshop.size}"
    checkpoint = models.checkpoint("tweets")
    kept = (folder / "config.json").exists()
    if kept and origin.fits(folder, checkpoint, AutoTokenizer.from_pretrained(checkpoint)):
        return str(folder)
    trainer = stance_trainer(workshop)
    trainer.remove_callback(PrinterCallback)  # it would print the seconds
    trainer.train()
    save(trainer, folder)
    return str(folder)


def stance_trainer(workshop: Workshop):
    """The Trainer of the stance task, ready to train: as Day 2 spells it out."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding, Trainer

    tweets = data.load("clinton_stance")
    checkpoint = models.checkpoint("tweets")
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    tweets = tweets.map(lambda rows: tokenizer(rows["text"], truncation=True, max_length=MAX_LENGTH), batched=True)
    names = tweets["train"].features["label"].names
    torch.manual_seed(workshop.seed)
    model = AutoModelForSequenceClassification.from_pretrained(
        checkpoint, id2label=dict(enumerate(names)), label2id={name: number for number, name in enumerate(names)}
    )
    return Trainer(
        model=model,
        args=arguments(workshop),
        train_dataset=tweets["train"],
        eval_dataset=tweets["validation"],
        data_collator=DataCollatorWithPadding(tokenizer),
        processing_class=tokenizer,
        compute_metrics=metrics.compute_metrics,
    )


def save(trainer, folder: str | Path) -> None:
    """Save a trainer's model and tokenizer to a folder, under another name first: there is never half a model.

    Beside them stands origin.json: source, checkpoint and tokenizer of the training (helpers/origin.py).
    The Trainer's settings, which it adds as a Python pickle, are left out: a pickle can run code when it is read.
    """
    folder = Path(folder)
    temporary = folder.with_name(folder.name + ".part")
    shutil.rmtree(temporary, ignore_errors=True)
    if trainer.processing_class is not None:
        from helpers.classifier import longest

        # Some tokenizers (BERTweet's) do not know how much their model takes, and would cut no text.
        trainer.processing_class.model_max_length = longest(trainer.processing_class, trainer.model)
    trainer.save_model(str(temporary))
    if trainer.processing_class is not None:
        _mend_vocabulary(trainer.processing_class, temporary)
    (temporary / "training_args.bin").unlink(missing_ok=True)
    origin.note(temporary, trainer.model, trainer.processing_class)
    _give_place(temporary, folder)


def _mend_vocabulary(tokenizer, folder: Path) -> None:
    """Where a saved tokenizer reads otherwise than it did in training, give it its own files again.

    transformers (5.15 to 5.23, seen) writes BERTweet's merges without their last column, and takes half of each merge
    for that column when it reads them: every word would fall into letters, silently.
    """
    from transformers import AutoTokenizer

    if origin.fingerprint(AutoTokenizer.from_pretrained(folder)) != origin.fingerprint(tokenizer):
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

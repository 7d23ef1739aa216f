"""The search of Day 3 around the Trainer: its task, and the finished study for whoever enters later.

The notebook spells the same search out; a test holds the two together.
"""

from pathlib import Path

import optuna
from optuna.storages import JournalStorage
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    PrinterCallback,
    Trainer,
    TrainerCallback,
)

from helpers import data, metrics, models
from helpers.runtime import Workshop
from helpers.search_worker import finished
from helpers.study_file import open_storage
from helpers.training import MAX_LENGTH, OUTPUTS, arguments

NAME = "fine-tuning"
BATCH = 16


def encoded(workshop: Workshop):
    """Rotten Tomatoes, tokenized: few labelled snippets to train on, some to validate, and the whole test split.

    At size tiny the test split, too, is only some of its texts.
    """
    reviews = data.load("rotten_tomatoes")
    train, validation = workshop.pick(tiny=(32, 40), small=(300, 500), full=(1000, 1500))
    test = workshop.pick(tiny=80, small=len(reviews["test"]), full=len(reviews["test"]))
    for part, count in {"train": train, "validation": validation, "test": test}.items():
        if count < len(reviews[part]):
            reviews[part] = reviews[part].shuffle(seed=0).select(range(count))
    tokenizer = AutoTokenizer.from_pretrained(models.checkpoint("encoder"))
    rows = reviews.map(lambda rows: tokenizer(rows["text"], truncation=True, max_length=MAX_LENGTH), batched=True)
    return rows, tokenizer


def study_file(workshop: Workshop) -> Path:
    """Where the trials are kept: for each source and size another file."""
    folder = OUTPUTS / "day3" / f"search-{workshop.source}-{workshop.size}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / "study.log"


def budget(workshop: Workshop) -> int:
    """How many trials the study shall have."""
    return workshop.pick(tiny=5, small=12, full=20)


def storage(workshop: Workshop) -> JournalStorage:
    """The trials in their file."""
    return open_storage(study_file(workshop))


def model_init(trial: optuna.Trial | None = None):
    """A fresh model for a trial, with its lowest layers frozen; without a trial none are."""
    model = AutoModelForSequenceClassification.from_pretrained(models.checkpoint("encoder"), num_labels=2)
    return freeze(model, trial.suggest_int("frozen_layers", 0, 4) if trial else 0)


def freeze(model, layers: int):
    """Keep the embeddings and the lowest layers as they are in training; with 0 layers nothing is frozen.

    Returns the same model.
    """
    lowest = [model.base_model.embeddings, *model.base_model.encoder.layer[:layers]] if layers else []
    for part in lowest:
        part.requires_grad_(False)
    return model


def hp_space(trial: optuna.Trial) -> dict[str, float]:
    """One value for each of the Trainer's settings that are searched."""
    return {
        "learning_rate": trial.suggest_float("learning_rate", 1e-5, 2e-3, log=True),
        "num_train_epochs": trial.suggest_int("num_train_epochs", 1, 6),
        "weight_decay": trial.suggest_float("weight_decay", 1e-3, 0.3, log=True),
    }


def trainer(workshop: Workshop, rows, tokenizer, model_init=model_init, **changes) -> Trainer:
    """A quiet Trainer for the task, which evaluates after each epoch. changes: other TrainingArguments."""
    settings = {
        "output_dir": str(OUTPUTS / "day3" / "trials"),
        "per_device_train_batch_size": BATCH,
        "train_sampling_strategy": "random",
        "eval_strategy": "epoch",
        **changes,
    }
    made = Trainer(
        model_init=model_init,
        args=arguments(workshop, **settings),
        train_dataset=rows["train"],
        eval_dataset=rows["validation"],
        data_collator=DataCollatorWithPadding(tokenizer),
        compute_metrics=metrics.compute_metrics,
    )
    made.remove_callback(PrinterCallback)
    return made


def without_optimizer(trainer: Trainer) -> Trainer:
    """The same Trainer without what only training needs: gradients and the optimizer's averages, thrice the weights."""
    trainer.optimizer = trainer.lr_scheduler = None
    trainer.accelerator.free_memory()
    trainer.model.zero_grad(set_to_none=True)
    return trainer


class PrintTrials(TrainerCallback):
    """Prints a line at the end of each training of a search: its settings, and macro F1 after each epoch."""

    def on_train_end(self, args, state, control, model=None, **_):
        frozen = sum(not any(p.requires_grad for p in layer.parameters()) for layer in model.base_model.encoder.layer)
        scores = [f"{entry['eval_macro_f1']:.2f}" for entry in state.log_history if "eval_macro_f1" in entry]
        print(
            f"learning rate {args.learning_rate:.1e}, {args.num_train_epochs} epochs, weight decay "
            f"{args.weight_decay:.3f}, {frozen} layers frozen: {' '.join(scores)}",
            flush=True,
        )


def finished_study(workshop: Workshop) -> optuna.Study:
    """The study of the section on searching with Trainer; what is missing of its trials is run."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    shared = {"study_name": NAME, "storage": storage(workshop)}
    study = optuna.create_study(direction="maximize", load_if_exists=True, **shared)
    missing = budget(workshop) - finished(study)
    if missing > 0:
        rows, tokenizer = encoded(workshop)
        steps = -(-len(rows["train"]) // BATCH)
        searching = trainer(workshop, rows, tokenizer)
        searching.add_callback(PrintTrials())
        searching.hyperparameter_search(
            hp_space=hp_space,
            compute_objective=lambda scores: scores["eval_macro_f1"],
            n_trials=missing,
            direction="maximize",
            backend="optuna",
            sampler=optuna.samplers.TPESampler(n_startup_trials=4, seed=workshop.seed + finished(study)),
            pruner=optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=2 * steps),
            load_if_exists=True,
            **shared,
        )
    return study

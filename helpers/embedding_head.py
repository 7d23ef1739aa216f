"""A small classifier on frozen sentence embeddings: so cheap to train that a search can be repeated over many seeds.

python -m helpers.search outputs/head.log --objective helpers.embedding_head:head_on_embeddings --trials 40 --workers 2
"""

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

import torch
from filelock import FileLock
from optuna import Trial, TrialPruned
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from safetensors.torch import load_file, save_file
from sklearn.metrics import f1_score

from helpers import models
from helpers.runtime import OUTPUTS, size_in_force, source_in_force

FOLDER = OUTPUTS / "embeddings"
DATA_SET = "rotten_tomatoes"
SIZES = {"tiny": (40, 40), "small": (300, 1000), "full": (300, 1000)}  # labelled texts to train on, and to validate
BATCH = 64  # texts that the encoder reads at once
DEFAULTS = {
    "learning_rate": 1e-3, "weight_decay": 0.01, "batch_size": 16, "epochs": 3, "dropout": 0.1, "hidden": 64,
}  # fmt: skip

Labelled = tuple[torch.Tensor, torch.Tensor]  # vectors (texts, width) and labels (texts,)


def space() -> dict[str, BaseDistribution]:
    """What can be tuned, and within which bounds: the one space of grid, random and TPE."""
    return {
        "learning_rate": FloatDistribution(1e-5, 1e-1, log=True),
        "weight_decay": FloatDistribution(1e-4, 1.0, log=True),
        "batch_size": CategoricalDistribution((8, 16, 32, 64)),
        "epochs": IntDistribution(1, 20),
        "dropout": FloatDistribution(0.0, 0.7),
        "hidden": IntDistribution(4, 256, log=True),
    }


def suggest(trial: Trial) -> dict:
    """One value for each hyperparameter of `space()`, chosen by the sampler of the trial's study."""
    chosen = {}
    for name, bounds in space().items():
        if isinstance(bounds, CategoricalDistribution):
            chosen[name] = trial.suggest_categorical(name, bounds.choices)
        elif isinstance(bounds, IntDistribution):
            chosen[name] = trial.suggest_int(name, bounds.low, bounds.high, log=bounds.log)
        else:
            chosen[name] = trial.suggest_float(name, bounds.low, bounds.high, log=bounds.log)
    return chosen


def grid(points: dict[str, int]) -> dict[str, list]:
    """The same space as optuna's GridSampler takes it.

    points: how many values each hyperparameter gets, as in {"learning_rate": 4, "epochs": 2}: the centres of so many
    equal parts of its range. Those that are not named keep their default.

    Raises ValueError for a hyperparameter that does not exist.
    """
    if unknown := points.keys() - space().keys():
        raise ValueError(f"The space has no {', '.join(sorted(unknown))}. It has: {', '.join(space())}.")
    return {
        name: [_value_at(bounds, (point + 0.5) / points[name]) for point in range(points[name])]
        if name in points
        else [DEFAULTS[name]]
        for name, bounds in space().items()
    }


def _value_at(bounds: BaseDistribution, fraction: float) -> float | int:
    """The value so far along a range, on its own scale: 0.5 is the middle."""
    if isinstance(bounds, CategoricalDistribution):
        return bounds.choices[int(fraction * len(bounds.choices))]
    low, high = bounds.low, bounds.high
    value = low * (high / low) ** fraction if bounds.log else low + (high - low) * fraction
    return round(value) if isinstance(bounds, IntDistribution) else value


def embeddings(split: str, size: int) -> Labelled:
    """Sentence embeddings of `size` texts of a split of Rotten Tomatoes, and their labels (0 rotten, 1 fresh).

    The texts are drawn at random with a fixed seed; a smaller draw is part of a larger one. They are computed once and
    kept under outputs/; a second process that wants the same waits for the first.

    Returns vectors (size, width) of length 1 each, float32, and labels (size,), int64. Raises ValueError for a split
    that does not exist or has fewer texts.
    """
    # Whatever changes the texts or the encoder changes the name of the file.
    origin = hashlib.sha256(f"{source_in_force()} {models.repository('encoder')}".encode())
    for name in ("catalogue.toml", "data.py", "splits.py", "embedding_head.py"):
        origin.update(Path(__file__).with_name(name).read_bytes())
    kept = FOLDER / f"{DATA_SET}-{split}-{size}-{origin.hexdigest()[:8]}.safetensors"
    FOLDER.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{kept}.lock"):
        if not kept.exists():
            texts, labels = _texts(split, size)
            temporary = kept.with_suffix(".part")
            save_file({"vectors": _encode(texts), "labels": torch.tensor(labels)}, temporary)
            temporary.replace(kept)
    found = load_file(kept)
    return found["vectors"], found["labels"]


@cache
def _data_set():
    from helpers import data  # slow to import, and not needed where the vectors are there

    return data.load(DATA_SET)


def _texts(split: str, size: int) -> tuple[list[str], list[int]]:
    splits = _data_set()
    if split not in splits or not 1 <= size <= len(splits[split]):
        known = ", ".join(f"{name} ({len(texts)} texts)" for name, texts in splits.items())
        raise ValueError(f"There are no {size} texts in a split {split!r}. There are: {known}.")
    drawn = splits[split].shuffle(seed=0).select(range(size))
    return list(drawn["text"]), list(drawn["label"])


@torch.inference_mode()
def _encode(texts: list[str]) -> torch.Tensor:
    """The mean of each text's token vectors, scaled to length 1, as the encoder's authors take them."""
    from transformers import AutoModel, AutoTokenizer

    folder = models.checkpoint("encoder")
    tokenizer, encoder = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    vectors = []
    for start in range(0, len(texts), BATCH):
        batch = tokenizer(texts[start : start + BATCH], padding=True, truncation=True, return_tensors="pt")
        hidden = encoder(**batch).last_hidden_state  # (texts, tokens, width)
        mask = batch["attention_mask"].unsqueeze(-1)  # (texts, tokens, 1)
        vectors.append((hidden * mask).sum(1) / mask.sum(1))
    return torch.nn.functional.normalize(torch.cat(vectors), dim=1)


def train_head(
    params: dict,
    train: Labelled,
    validation: Labelled,
    report: Callable[[float, int], None] | None = None,
    seed: int = 0,
) -> float:
    """Train one hidden layer on embeddings; macro F1 on the validation set after the last epoch, 0 to 1.

    params: the hyperparameters of `space()`; those that are missing keep their default. train, validation: vectors
    (texts, width) and labels (texts,). report: called after each epoch with macro F1 and the number of the epoch, as
    `trial.report` takes them; what it raises ends the training. seed: of the weights, the order, the dropout.

    Raises ValueError for a hyperparameter that does not exist.
    """
    if unknown := params.keys() - DEFAULTS.keys():
        raise ValueError(f"train_head has no {', '.join(sorted(unknown))}. It has: {', '.join(DEFAULTS)}.")
    chosen = DEFAULTS | params
    (vectors, labels), (unseen, answers) = train, validation
    middle, spread = vectors.mean(0), vectors.std(0) + 1e-6  # of the training set only
    vectors, unseen = (vectors - middle) / spread, (unseen - middle) / spread
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        head = torch.nn.Sequential(
            torch.nn.Linear(vectors.shape[1], chosen["hidden"]),
            torch.nn.ReLU(),
            torch.nn.Dropout(chosen["dropout"]),
            torch.nn.Linear(chosen["hidden"], int(labels.max()) + 1),
        )
        optimizer = torch.optim.AdamW(
            head.parameters(), lr=chosen["learning_rate"], weight_decay=chosen["weight_decay"]
        )
        for epoch in range(chosen["epochs"]):
            for rows in torch.randperm(len(labels)).split(chosen["batch_size"]):
                loss = torch.nn.functional.cross_entropy(head.train()(vectors[rows]), labels[rows])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            with torch.inference_mode():
                predicted = head.eval()(unseen).argmax(1)
            score = float(f1_score(answers, predicted, average="macro", zero_division=0))
            if report is not None:
                report(score, epoch)
    return score


def head_on_embeddings(trial: Trial) -> float:
    """The objective of a search: macro F1 on the validation set, of a head trained on few labelled texts."""
    train_size, validation_size = SIZES[size_in_force()]

    def report(score: float, epoch: int) -> None:
        trial.report(score, epoch)
        if trial.should_prune():
            raise TrialPruned

    train, validation = embeddings("train", train_size), embeddings("validation", validation_size)
    return train_head(suggest(trial), train, validation, report)

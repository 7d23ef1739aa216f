"""Checkpoints on the packages' encoder: its weights plus what this project trained, merged at first use.

The encoder came without heads. The project trained some and ships in data/ what that changed: whole tensors where they
are small, and for each large matrix W a product of two thin ones, so that the changed matrix is W + up @ down (LoRA, Hu
et al. 2021). The cards are in data/README.md.

| file in data/ | head | trained by |
| --- | --- | --- |
| pretraining_heads | masked words and next sentences, as in BERT's pretraining | tools.heads.train |
| tuned_sentiment | film reviews, negative or positive | tools.tuned.sentiment |
| tuned_entities | names of persons, organizations and places | tools.tuned.entities |
"""

import hashlib
import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from helpers.packages.wheels import SourceError
from helpers.settings import DATA


def _classifier(architecture: str, labels: list[str]) -> dict:
    """What config.json says of a model with these classes."""
    return {
        "architectures": [architecture],
        "id2label": {str(number): label for number, label in enumerate(labels)},
        "label2id": {label: number for number, label in enumerate(labels)},
    }


# What config.json says of each model that the encoder's does not say.
PRETRAINING = {"architectures": ["BertForPreTraining"], "tie_word_embeddings": True}
SENTIMENT = _classifier("BertForSequenceClassification", ["NEGATIVE", "POSITIVE"])
ENTITIES = _classifier("BertForTokenClassification", ["O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC"])

HEADS = DATA / "pretraining_heads.safetensors"
CHECKPOINTS = {  # by the part of a folder's name that says what it is: the file of changes, the configuration
    "pretraining": (HEADS, PRETRAINING),
    "sentiment": (DATA / "tuned_sentiment.safetensors", SENTIMENT),
    "entities": (DATA / "tuned_entities.safetensors", ENTITIES),
}
UP, DOWN = ".up", ".down"
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt")


def fingerprint(heads: Path = HEADS) -> str:
    """Eight characters that change with the content of the file, for the name of the folder built from it.

    Raises SourceError with what to do where the file is missing.
    """
    if not heads.is_file():
        raise SourceError(
            f"{heads.name} is not in {heads.parent}. It is part of the repository: get it back with "
            f"`git checkout -- data/{heads.name}`, or train it again (see the top of helpers/packages/heads.py)."
        )
    return hashlib.sha256(heads.read_bytes()).hexdigest()[:8]


def merge(encoder: dict[str, torch.Tensor], changes: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """All weights of a BERT with a head, as transformers names them, in float32.

    Parameters
    ----------
    encoder : dict of Tensor
        The weights of a BertModel.
    changes : dict of Tensor
        By full name either a tensor that replaces a weight, or NAME.up (rows, rank) and NAME.down (rank, columns),
        whose product is added to the matrix NAME.

    Returns
    -------
    dict of Tensor
        Without the encoder's pooler where `changes` has none: such a head does not use it.
    """
    changes = {name: change.float() for name, change in changes.items()}
    merged = {f"bert.{name}": weight for name, weight in encoder.items() if not name.endswith("position_ids")}
    if "bert.pooler.dense.weight" not in changes:
        merged = {name: weight for name, weight in merged.items() if not name.startswith("bert.pooler.")}
    for name, change in changes.items():
        if name.endswith(UP):
            matrix = name.removesuffix(UP)
            merged[matrix] = merged[matrix] + change @ changes[matrix + DOWN]
        elif not name.endswith(DOWN):
            merged[name] = change
    return {name: weight.contiguous() for name, weight in merged.items()}


def build(encoder: Path, folder: Path, heads: Path = HEADS, configuration: dict = PRETRAINING) -> None:
    """Fill `folder` with a checkpoint for `from_pretrained`.

    Parameters
    ----------
    encoder : Path
        The folder of the encoder's checkpoint.
    folder : Path
        An empty folder.
    heads : Path
        A file of changes. The decoder of the masked words shares the word embeddings, as in every BERT, so it has no
        weights of its own but a bias.
    configuration : dict
        What config.json says of the model that the encoder's does not say.
    """
    merged = merge(load_file(encoder / "model.safetensors"), load_file(heads))
    save_file(merged, folder / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((encoder / "config.json").read_text()) | configuration
    (folder / "config.json").write_text(json.dumps(config, indent=2))
    for name in TOKENIZER_FILES:
        shutil.copy(encoder / name, folder)

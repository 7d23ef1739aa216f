"""A BERT with its pretraining heads: the packages' encoder plus the changes in data/pretraining_heads.safetensors.

The encoder came without the heads that BERT was pretrained with (masked words, next sentence). The project trained them
(tools/heads; card in data/README.md) and ships what that changed: whole tensors where they are small, and for
each large matrix W a product of two thin ones, so that the changed matrix is W + up @ down (LoRA, Hu et al. 2021).
"""

import hashlib
import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from helpers.packages.wheels import SourceError
from helpers.settings import DATA

HEADS = DATA / "pretraining_heads.safetensors"
UP, DOWN = ".up", ".down"
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt")


def fingerprint(heads: Path = HEADS) -> str:
    """Eight characters that change with the content of the file, for the name of the folder built from it.

    Raises SourceError with what to do where the file is missing.
    """
    if not heads.is_file():
        raise SourceError(
            f"{heads.name} is not in {heads.parent}. It is part of the repository: get it back with "
            f"`git checkout -- data/{heads.name}`, or train it again with `python -m tools.heads.train`."
        )
    return hashlib.sha256(heads.read_bytes()).hexdigest()[:8]


def merge(encoder: dict[str, torch.Tensor], changes: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """All weights of a BERT with pretraining heads, as BertForPreTraining names them, in float32.

    encoder: the weights of a BertModel. changes: by full name either a tensor that takes a weight's place, or
    NAME.up (rows, rank) and NAME.down (rank, columns) whose product is added to the matrix NAME.
    """
    merged = {f"bert.{name}": weight for name, weight in encoder.items() if not name.endswith("position_ids")}
    changes = {name: change.float() for name, change in changes.items()}
    for name, change in changes.items():
        if name.endswith(UP):
            matrix = name.removesuffix(UP)
            merged[matrix] = merged[matrix] + change @ changes[matrix + DOWN]
        elif not name.endswith(DOWN):
            merged[name] = change
    return {name: weight.contiguous() for name, weight in merged.items()}


def build(encoder: Path, folder: Path, heads: Path = HEADS) -> None:
    """Fill `folder` with a checkpoint that BertForMaskedLM and BertForNextSentencePrediction load.

    encoder: the folder of the encoder's checkpoint. The decoder of the masked words shares the word embeddings, as in
    every BERT, so it has no weights of its own but a bias.
    """
    merged = merge(load_file(encoder / "model.safetensors"), load_file(heads))
    save_file(merged, folder / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((encoder / "config.json").read_text())
    config |= {"architectures": ["BertForPreTraining"], "tie_word_embeddings": True}
    (folder / "config.json").write_text(json.dumps(config, indent=2))
    for name in TOKENIZER_FILES:
        shutil.copy(encoder / name, folder)

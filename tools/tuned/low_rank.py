"""Low-rank changes of a BERT (LoRA, Hu et al. 2021, with peft): frozen matrices, thin trained products."""

import torch
from peft import LoraConfig, inject_adapter_in_model
from torch import nn

MATRICES = r"bert\.encoder\..*(query|key|value|dense)"  # all six of each layer
NAMES = {".lora_A.default.weight": ".weight.down", ".lora_B.default.weight": ".weight.up", ".base_layer.": "."}


def freeze(model: nn.Module, rank: int) -> None:
    """Freeze the matrices of a BERT but for a low-rank change of each; norms, biases and the head stay free.

    Parameters
    ----------
    model : Module
        A BERT with a head; it is changed in place.
    rank : int
        Of the change of each matrix of a layer. The word embeddings do not change.
    """
    inject_adapter_in_model(LoraConfig(r=rank, lora_alpha=rank, target_modules=MATRICES), model)
    for name, weight in model.named_parameters():
        weight.requires_grad = weight.dim() == 1 or "lora" in name or not name.startswith(("bert.enc", "bert.emb"))


def changes(model: nn.Module) -> dict[str, torch.Tensor]:
    """What was trained, in float16, under the names that `helpers.packages.heads.merge` reads."""
    found = {}
    for name, weight in model.named_parameters():
        if weight.requires_grad:
            for theirs, ours in NAMES.items():
                name = name.replace(theirs, ours)
            found[name] = weight.detach().half().contiguous()
    return found

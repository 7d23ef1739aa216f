"""What is trained (low-rank changes of the encoder, and two heads) and what a step reads (see train_heads.py)."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn.utils import parametrize
from transformers import BertConfig, BertForPreTraining

from helpers import models
from tools.heads_eval import IGNORED, choosable, mask, pack, to_torch
from tools.heads_text import Corpus


@dataclass(frozen=True)
class Settings:
    """What the result depends on. steps: planned end, where the learning rate is zero; the rest has the best values."""

    steps: int
    seed: int = 0
    rank: int = 48  # of the change of each matrix of a layer
    embedding_rank: int = 16  # of the change of the word embeddings, which also decode the masked words
    learning_rate: float = 2e-3
    warmup: int = 100
    decay: float = 0.7  # the last part of the steps, in which the learning rate falls to zero
    stretches: int = 24  # of 126 tokens, a step
    pairs: int = 16  # of sentences, a step
    length: int = 126

    def rate(self, step: int) -> float:
        """The learning rate of a step: a straight rise, a plateau, a straight fall to zero."""
        left = (self.steps - step) / (self.decay * self.steps)
        return self.learning_rate * max(0.0, min(1.0, (step + 1) / self.warmup, left))


class LowRank(nn.Module):
    """The change of a frozen matrix W (rows, columns) to W + up @ down; none at first, because up is zero."""

    def __init__(self, matrix: torch.Tensor, rank: int):
        super().__init__()
        rows, columns = matrix.shape
        self.up = nn.Parameter(torch.zeros(rows, rank))
        self.down = nn.Parameter(torch.randn(rank, columns) / columns**0.5)

    def forward(self, matrix: torch.Tensor) -> torch.Tensor:
        return matrix + self.up @ self.down


def trainable(settings: Settings, frequency: torch.Tensor) -> BertForPreTraining:
    """The encoder with fresh heads; its matrices frozen but for low-rank changes; norms, biases and heads free.

    frequency: how often each token stands in the training texts, (vocabulary,). The decoder's bias starts at its
    logarithm, so that the model need not learn first which words are common.
    """
    torch.manual_seed(settings.seed)
    folder = models.checkpoint("encoder")
    config = BertConfig.from_pretrained(folder, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    config._attn_implementation = "eager"  # on a CPU its backward pass is faster than that of the fused attention
    model = BertForPreTraining.from_pretrained(folder, config=config).train()
    model.cls.predictions.decoder.bias.data = torch.log((frequency + 0.5) / frequency.sum())
    for name, weight in model.bert.named_parameters():
        weight.requires_grad = weight.dim() == 1 or "pooler" in name or "token_type" in name
    for module in model.bert.encoder.modules():
        if isinstance(module, nn.Linear):
            parametrize.register_parametrization(module, "weight", LowRank(module.weight, settings.rank))
    if settings.embedding_rank:
        words = model.bert.embeddings.word_embeddings
        parametrize.register_parametrization(words, "weight", LowRank(words.weight, settings.embedding_rank))
    return model


def changes(model: BertForPreTraining) -> dict[str, torch.Tensor]:
    """What was trained, by name in BertForPreTraining, in float16: the content of the file that ships."""
    found = {}
    for name, weight in model.named_parameters():
        if weight.requires_grad:
            name = name.replace("parametrizations.weight.0.", "weight.").replace("decoder.bias", "bias")
            found[name] = weight.detach().half().contiguous()
    return found


def batch(corpus: Corpus, tokenizer, settings: Settings, step: int) -> Iterator[tuple]:
    """The two parts of a step, each as (tensors, labels of masked words, labels of next sentences or None)."""
    rng = np.random.default_rng([settings.seed, step])
    pairs = corpus.sentence_pairs(settings.pairs, rng)
    follows = torch.tensor([label for _, _, label in pairs])
    for parts, label in (
        ([(ids,) for ids in corpus.windows(settings.stretches, settings.length, rng)], None),
        ([(a, b) for a, b, _ in pairs], follows),
    ):
        arrays = pack(parts, tokenizer)
        arrays["input_ids"], words = mask(arrays["input_ids"], choosable(arrays, tokenizer), tokenizer, rng)
        yield to_torch(arrays), torch.from_numpy(words), label


def loss(model: BertForPreTraining, parts) -> tuple[torch.Tensor, torch.Tensor, int]:
    """Cross-entropies of masked words and of next sentences, and the number of tokens read.

    The vocabulary is only scored where a word is masked, about one place in seven.
    """
    hidden, truth, following, tokens = [], [], 0.0, 0
    for tensors, words, follows in parts:
        out = model.bert(**tensors)
        hidden.append(out.last_hidden_state[words != IGNORED])
        truth.append(words[words != IGNORED])
        tokens += tensors.get("attention_mask", tensors["input_ids"] > 0).sum().item()
        if follows is not None:
            following = nn.functional.cross_entropy(model.cls.seq_relationship(out.pooler_output).float(), follows)
    head = model.cls.predictions
    vectors = model.bert.embeddings.word_embeddings.weight  # the decoder shares them
    scores = nn.functional.linear(head.transform(torch.cat(hidden)), vectors, head.decoder.bias)
    return nn.functional.cross_entropy(scores.float(), torch.cat(truth)), following, int(tokens)

"""What is trained (low-rank changes of the encoder, and two heads) and what a step reads (see train.py)."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.utils import parametrize
from transformers import BertConfig, BertForPreTraining

from helpers.packages import catalogue
from tools.heads.eval import IGNORED, choosable, mask, pack, to_torch
from tools.heads.text import Corpus


def encoder() -> Path:
    """The folder of the encoder that everything starts from."""
    return catalogue.snapshot("minilm")


@dataclass(frozen=True)
class Settings:
    """What the result depends on. steps: planned end, where the learning rate is zero."""

    steps: int
    seed: int = 0
    start: str = ""  # SHA-256 of the file of changes that the training starts from; none: from the encoder alone
    rank: int = 48  # of the change of each matrix of a layer
    embedding_rank: int = 16  # of the change of the word embeddings, which also decode the masked words
    stretches: int = 24  # a step
    length: int = 126  # tokens of a stretch, without [CLS] and [SEP]
    pairs: int = 16  # of sentences, a step
    halves: int = 12  # so many of the stretches are cut in two, the second half often another document's
    halves_from: int = 257  # first step where they are: single sentences had taught nothing by then
    pair_weight: float = 2.0  # of the loss of next sentences from then on; before it 1
    alone: tuple[int, int] | None = (
        409,
        459,
    )  # steps that learn next sentences alone: beside words they did not
    rates: tuple[float, float, float] = (2e-3, 1e-3, 1.2e-3)  # learning rates before, in and after `alone`
    masked: float = 0.15  # share of the tokens to be predicted, until step `masked_until`; then BERT's 0.15
    masked_until: float = 0.8  # as a share of all steps

    def share_masked(self, step: int) -> float:
        """The share of the tokens that a step is to predict."""
        return self.masked if step < self.masked_until * self.steps else 0.15

    def rate(self, step: int) -> float:
        """The learning rate of a step: it rises at the start of each part, and in the last falls to zero at the end."""
        if self.alone is None:
            return float(np.interp(step, [-1, 60, self.steps], [0, self.rates[0], 0]))
        (start, end), (before, within, after) = self.alone, self.rates
        return float(
            np.interp(
                step,
                [-1, 99, start - 1, start, start + 10, end - 1, end, end + 20, self.steps],
                [0, before, before, 0, within, within, 0, after, 0],
            )
        )

    def is_alone(self, step: int) -> bool:
        return self.alone is not None and self.alone[0] <= step < self.alone[1]

    def weights(self, step: int) -> tuple[float, float]:
        """How much the losses of masked words and of next sentences count at a step."""
        return float(not self.is_alone(step)), self.pair_weight if step >= self.halves_from else 1.0


def second_round(steps: int, start: str) -> Settings:
    """Going on from a file of changes that knows both tasks: more masked words at a step, no steps alone."""
    return Settings(
        steps, start=start, halves=6, halves_from=0, pair_weight=1.0, alone=None, rates=(1e-3,) * 3, masked=0.3
    )


class LowRank(nn.Module):
    """The change of a frozen matrix W (rows, columns) to W + up @ down; none at first, because up is zero."""

    def __init__(self, matrix: torch.Tensor, rank: int):
        super().__init__()
        rows, columns = matrix.shape
        self.up = nn.Parameter(torch.zeros(rows, rank))
        self.down = nn.Parameter(torch.randn(rank, columns) / columns**0.5)

    def forward(self, matrix: torch.Tensor) -> torch.Tensor:
        return matrix + self.up @ self.down


class ChangedWords(nn.Module):
    """Word embeddings with a low-rank change that is never added up: 30,522 rows a step would cost too much."""

    def __init__(self, words: nn.Embedding, rank: int):
        super().__init__()
        self.weight = words.weight.requires_grad_(False)
        self.change = LowRank(words.weight, rank)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """The vectors of token ids (batch, tokens): (batch, tokens, width)."""
        return (
            nn.functional.embedding(ids, self.weight) + nn.functional.embedding(ids, self.change.up) @ self.change.down
        )

    def score(self, hidden: torch.Tensor) -> torch.Tensor:
        """The product of vectors (places, width) with every word's vector: (places, vocabulary)."""
        linear = nn.functional.linear
        return linear(hidden, self.weight) + linear(linear(hidden, self.change.down), self.change.up)


def trainable(settings: Settings, frequency: torch.Tensor) -> BertForPreTraining:
    """The encoder with fresh heads; its matrices frozen but for low-rank changes; norms, biases and heads free.

    frequency: how often each token stands in the training texts, (vocabulary,). The decoder's bias starts at its
    logarithm, so that the model need not learn first which words are common.
    """
    torch.manual_seed(settings.seed)
    folder = encoder()
    config = BertConfig.from_pretrained(folder, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    config._attn_implementation = "eager"  # on a CPU its backward pass is faster than that of the fused attention
    model = BertForPreTraining.from_pretrained(folder, config=config).train()
    model.cls.predictions.decoder.bias.data = torch.log((frequency + 0.5) / frequency.sum())
    for name, weight in model.bert.named_parameters():
        weight.requires_grad = weight.dim() == 1 or "pooler" in name or "token_type" in name
    for module in model.bert.encoder.modules():
        if isinstance(module, nn.Linear):
            parametrize.register_parametrization(module, "weight", LowRank(module.weight, settings.rank))
    embeddings = model.bert.embeddings
    embeddings.word_embeddings = ChangedWords(embeddings.word_embeddings, settings.embedding_rank)
    return model


def shipped_name(name: str) -> str:
    """The name in the file that ships of a weight of the trained model."""
    for ours, theirs in (("parametrizations.weight.0.", "weight."), ("decoder.bias", "bias"), ("change.", "weight.")):
        name = name.replace(ours, theirs)
    return name


def start_from(model: BertForPreTraining, changes: dict[str, torch.Tensor]) -> None:
    """Give the trained weights of a fresh model the values of a file of changes."""
    for name, weight in model.named_parameters():
        if weight.requires_grad:
            weight.data.copy_(changes[shipped_name(name)])


def changes(model: BertForPreTraining) -> dict[str, torch.Tensor]:
    """What was trained, by name in BertForPreTraining, in float16: the content of the file that ships."""
    found = {}
    for name, weight in model.named_parameters():
        if weight.requires_grad:
            found[shipped_name(name)] = weight.detach().half().contiguous()
    return found


def batch(corpus: Corpus, tokenizer, settings: Settings, step: int) -> Iterator[tuple]:
    """The two parts of a step, stretches and sentence pairs, each as (tensors, labels of words, labels of pairs).

    Labels of words are (rows, tokens), labels of pairs (rows,); IGNORED where there is nothing to predict.
    """
    rng = np.random.default_rng([settings.seed, step])
    pairs = corpus.sentence_pairs(settings.pairs, rng)
    cut = settings.halves if step >= settings.halves_from else 0
    alone = settings.is_alone(step)
    halves = corpus.half_pairs(settings.stretches if alone else cut, settings.length - 1, rng)
    stretches = [(ids,) for ids in corpus.windows(settings.stretches - len(halves), settings.length, rng)]
    for parts in (stretches + halves, pairs):
        arrays = pack(parts, tokenizer)
        seen, words = mask(
            arrays["input_ids"], choosable(arrays, tokenizer), tokenizer, rng, settings.share_masked(step)
        )
        arrays["input_ids"] = arrays["input_ids"] if alone else seen
        follows = [part[2] if len(part) > 1 else IGNORED for part in parts]
        yield to_torch(arrays), torch.from_numpy(words), torch.tensor(follows)


def loss(model: BertForPreTraining, parts) -> tuple[torch.Tensor, torch.Tensor, int]:
    """Cross-entropies of masked words and of next sentences, and the number of tokens read.

    The vocabulary is only scored where a word is masked, about one place in seven.
    """
    hidden, truth, pooled, follows, tokens = [], [], [], [], 0
    for tensors, words, following in parts:
        out = model.bert(**tensors)
        hidden.append(out.last_hidden_state[words != IGNORED])
        truth.append(words[words != IGNORED])
        pooled.append(out.pooler_output[following != IGNORED])
        follows.append(following[following != IGNORED])
        tokens += int(tensors.get("attention_mask", tensors["input_ids"] > 0).sum())
    head = model.cls.predictions
    words = model.bert.embeddings.word_embeddings  # the decoder shares them
    scores = words.score(head.transform(torch.cat(hidden))) + head.decoder.bias
    answers = model.cls.seq_relationship(torch.cat(pooled))
    cross_entropy = nn.functional.cross_entropy
    return cross_entropy(scores.float(), torch.cat(truth)), cross_entropy(answers.float(), torch.cat(follows)), tokens

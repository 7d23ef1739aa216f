"""How well masked words and next sentences are predicted on held-out documents (see train.py)."""

from collections import Counter

import numpy as np
import torch

from tools.heads.text import Corpus

SEED = 2016  # of the masks and pairs that everything is measured on
IGNORED = -100  # the label of a position that is not predicted


def mask(
    ids: np.ndarray, choosable: np.ndarray, tokenizer, rng: np.random.Generator, share: float = 0.15
) -> tuple[np.ndarray, np.ndarray]:
    """BERT's rule: 15% of the tokens are to be predicted; 80% of them become [MASK], 10% another token, 10% stay.

    share: of the tokens to be predicted, where it is not BERT's 15%.
    ids, choosable: (batch, tokens); choosable is False at [CLS], [SEP] and padding. Returns the ids that the model
    sees and the labels, IGNORED where nothing is predicted, both (batch, tokens).
    """
    chosen = choosable & (rng.random(ids.shape) < share)
    fate = rng.random(ids.shape)
    seen = np.where(chosen & (fate < 0.8), tokenizer.mask_token_id, ids)
    seen = np.where(chosen & (fate >= 0.9), rng.integers(0, len(tokenizer), ids.shape), seen)
    return seen, np.where(chosen, ids, IGNORED)


def pack(parts: list[tuple], tokenizer) -> dict[str, np.ndarray]:
    """[CLS] A [SEP] or [CLS] A [SEP] B [SEP] for each tuple of ids, padded to the longest; arrays (batch, tokens)."""
    cls, sep = tokenizer.cls_token_id, tokenizer.sep_token_id
    rows = [[cls, *part[0], sep] for part in parts]
    first = [len(row) for row in rows]
    rows = [row + [*part[1], sep] if len(part) > 1 else row for row, part in zip(rows, parts, strict=True)]
    ids = np.zeros((len(rows), max(map(len, rows))), dtype=np.int64)
    types, real = np.zeros_like(ids), np.zeros_like(ids)
    for place, (row, end) in enumerate(zip(rows, first, strict=True)):
        ids[place, : len(row)] = row
        types[place, end : len(row)] = 1
        real[place, : len(row)] = 1
    return {"input_ids": ids, "token_type_ids": types, "attention_mask": real}


def to_torch(arrays: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
    """The same batch as tensors; without a mask where nothing is padded, which is faster."""
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    if bool(tensors["attention_mask"].all()):
        del tensors["attention_mask"]
    return tensors


def choosable(arrays: dict[str, np.ndarray], tokenizer) -> np.ndarray:
    """Which tokens of a batch are words or punctuation, (batch, tokens)."""
    ids = arrays["input_ids"]
    special = (ids == tokenizer.cls_token_id) | (ids == tokenizer.sep_token_id)
    return (arrays["attention_mask"] == 1) & ~special


@torch.inference_mode()
def masked_words(model, tokenizer, corpus: Corpus, length: int, common: list[int], limit: int | None = None) -> dict:
    """Shares of masked tokens that are the model's first guess (top-1) and among its first five (top-5), by kind.

    model: a BertForPreTraining. length: tokens of a stretch. common: the most frequent training tokens; the baseline
    always guesses these. limit: measure so many stretches, taken evenly, instead of all.
    """
    windows = corpus.all_windows(length)
    if limit:
        windows = windows[:: max(1, len(windows) // limit)]
    rng = np.random.default_rng(SEED)
    counts: dict[str, Counter] = {}
    for start in range(0, len(windows), 32):
        batch = windows[start : start + 32]
        arrays = pack([(ids,) for _, ids in batch], tokenizer)
        arrays["input_ids"], labels = mask(arrays["input_ids"], choosable(arrays, tokenizer), tokenizer, rng)
        rows, _ = places = np.nonzero(labels != IGNORED)
        hidden = model.bert(**to_torch(arrays)).last_hidden_state[places]
        logits = model.cls.predictions(hidden).float()  # (masked tokens, vocabulary)
        truth = torch.from_numpy(labels[places])
        right = (logits.topk(5).indices == truth[:, None]).cumsum(1).numpy()
        loss = torch.nn.functional.cross_entropy(logits, truth, reduction="none").numpy()
        guessed = truth[:, None].numpy() == np.array(common[:5])
        for row, hits, one_loss, base in zip(rows, right, loss, guessed, strict=True):
            for kind in (batch[row][0], "all"):
                counts.setdefault(kind, Counter()).update(
                    {
                        "masked": 1,
                        "top1": int(hits[0]),
                        "top5": int(hits[4]),
                        "loss": float(one_loss),
                        "baseline_top1": int(base[0]),
                        "baseline_top5": int(base.any()),
                    }
                )
    return {kind: _shares(found) for kind, found in sorted(counts.items())}


def _shares(found: Counter) -> dict:
    n = found["masked"]
    return {"masked": n} | {name: round(value / n, 4) for name, value in found.items() if name != "masked"}


@torch.inference_mode()
def next_sentences(model, tokenizer, corpus: Corpus, count: int) -> dict:
    """Accuracy of "does B follow A?" on `count` sentences A of held-out documents, each with a true and a false B.

    "other document": the false B is a random sentence of another document. "same document": of the same one, but not
    the next. Half of the pairs are true, so guessing has accuracy 0.5.
    """
    rng = np.random.default_rng(SEED)
    firsts = rng.choice(corpus.pairs, min(count, len(corpus.pairs)), replace=False)
    same = {int(a): corpus.same_document(a, rng) for a in firsts}
    firsts = [int(a) for a in firsts if same[int(a)] is not None]
    is_next = _is_next(model, tokenizer, corpus, [(a, a + 1) for a in firsts])
    other = _is_next(model, tokenizer, corpus, [(a, corpus.elsewhere(a, rng)) for a in firsts])
    near = _is_next(model, tokenizer, corpus, [(a, same[a]) for a in firsts])
    return {
        "pairs": 2 * len(firsts),
        "other document": round(float((is_next.mean() + 1 - other.mean()) / 2), 4),
        "same document": round(float((is_next.mean() + 1 - near.mean()) / 2), 4),
        "next found": round(float(is_next.mean()), 4),
    }


def _is_next(model, tokenizer, corpus: Corpus, pairs: list[tuple[int, int]]) -> np.ndarray:
    """Whether the model holds B for the sentence after A (its label 0), (pairs,)."""
    order = sorted(range(len(pairs)), key=lambda i: sum(len(corpus.sentences[s]) for s in pairs[i]))
    answer = np.zeros(len(pairs), dtype=bool)
    for start in range(0, len(order), 32):
        chosen = order[start : start + 32]
        arrays = pack([(corpus.sentences[pairs[i][0]], corpus.sentences[pairs[i][1]]) for i in chosen], tokenizer)
        pooled = model.bert(**to_torch(arrays)).pooler_output
        answer[chosen] = model.cls.seq_relationship(pooled).argmax(-1).numpy() == 0
    return answer

"""The few models that no package carries: from the Hub, or else the nearest thing that can be computed."""

from collections.abc import Callable
from functools import cache

import numpy as np

from helpers import models
from helpers.runtime import source_in_force


def pipeline(role: str) -> Callable:
    """A transformers pipeline for a role that needs the Hub, or its nearest alternative; it prints which.

    role: "sentiment", "entities" or "entailment". What comes back is called, and answers, like
    transformers' pipeline for that task. Raises ValueError with the known roles.
    """
    if role not in ROLES:
        raise ValueError(f"There is no role {role!r} that needs the Hub. There are: {', '.join(ROLES)}.")
    task, alternative, description = ROLES[role]
    name = models.repository(role)
    if source_in_force() == "hub":
        import transformers

        print(f"From the Hub: {name}.")
        options = {"aggregation_strategy": "simple"} if role == "entities" else {}  # whole names, not pieces of them
        return transformers.pipeline(task, model=models.checkpoint(role), **options)
    print(f"With the Hub, this cell runs {name}. Here, without it, runs {description}.")
    return alternative


def vader_sentiment(texts: list[str]) -> list[dict]:
    """Positive or negative by VADER (Hutto and Gilbert 2014); the score is the size of its compound value, 0 to 1."""
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    analyzer = SentimentIntensityAnalyzer()
    values = [analyzer.polarity_scores(text)["compound"] for text in texts]
    return [{"label": _sign(value), "score": abs(value)} for value in values]


def _sign(value: float) -> str:
    return "neutral" if abs(value) < 0.05 else "positive" if value > 0 else "negative"


def nearest_label(text: str, candidate_labels: list[str]) -> dict:
    """The labels sorted by how near their names lie to the text in the encoder's space; scores sum to 1."""
    vectors = _sentence_vectors([text, *candidate_labels])
    closeness = vectors[1:] @ vectors[0]
    scores = np.exp(closeness * 10) / np.exp(closeness * 10).sum()  # 10: a sharper softmax, as cosines are small
    order = np.argsort(-scores)
    labels = [candidate_labels[i] for i in order]
    return {"sequence": text, "labels": labels, "scores": [float(scores[i]) for i in order]}


EXAMPLES = {
    "PER": ["Angela Merkel", "Barack Obama", "the senator Maria Lopez", "Mr Smith"],
    "LOC": ["Paris", "Ohio", "the river Thames", "Nigeria"],
    "ORG": ["the United Nations", "Microsoft", "the Senate", "the Labour Party"],
}


def nearest_kind_of_name(text: str) -> list[dict]:
    """Runs of capitalised words, each with the kind of name (person, place, ...) whose examples lie nearest."""
    import re

    names = re.findall(r"[A-Z]\w+(?: [A-Z]\w+)*", text)
    if not names:
        return []
    vectors = _sentence_vectors(names)
    kinds = np.stack([_sentence_vectors(examples).mean(axis=0) for examples in EXAMPLES.values()])
    closeness = vectors @ kinds.T
    best = closeness.argmax(axis=1)
    return [
        {"entity_group": list(EXAMPLES)[kind], "word": name, "score": float(closeness[row, kind])}
        for row, (name, kind) in enumerate(zip(names, best, strict=True))
    ]


def _sentence_vectors(texts: list[str]) -> np.ndarray:
    """One vector of length 1 for each text: the mean of its token vectors. (texts, width)"""
    import torch

    tokenizer, encoder = _encoder(models.checkpoint("encoder"))
    batch = tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
    with torch.no_grad():
        tokens = encoder(**batch).last_hidden_state  # (texts, tokens, width)
    mask = batch["attention_mask"].unsqueeze(-1)
    means = (tokens * mask).sum(dim=1) / mask.sum(dim=1)
    return torch.nn.functional.normalize(means, dim=1).numpy()


@cache
def _encoder(folder: str) -> tuple:
    """The tokenizer and the encoder of a folder; once per process, because loading takes longer than using them."""
    from transformers import AutoModel, AutoTokenizer

    return AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder)


ROLES: dict[str, tuple[str, Callable, str]] = {
    "sentiment": ("text-classification", vader_sentiment, "VADER, a word list with weights"),
    "entities": (
        "token-classification",
        nearest_kind_of_name,
        "a search for capitalised words, each compared with examples of three kinds of name",
    ),
    "entailment": (
        "zero-shot-classification",
        nearest_label,
        "a comparison of the text's vector with the vectors of the labels' names",
    ),
}

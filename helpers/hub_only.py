"""The few models and texts that no package carries: from the Hub, or else the nearest thing that there is."""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple
from urllib.parse import urlsplit

import numpy as np
from datasets import DatasetDict

from helpers import data, models, online_data, sources
from helpers.runtime import source_in_force


def pipeline(role: str) -> Callable:
    """A transformers pipeline for a role that needs the Hub, or its nearest alternative; it prints which.

    role: "sentiment", "entities" or "entailment". What comes back is called, and answers, like
    transformers' pipeline for that task. Raises ValueError with the known roles.
    """
    if role not in ROLES:
        raise ValueError(f"There is no role {role!r} that needs the Hub. There are: {', '.join(ROLES)}.")
    task, alternative, gain, description = ROLES[role]
    name = models.repository(role)
    if source_in_force() == "hub":
        import transformers

        print(f"From the Hub: {name}.")
        options = {"aggregation_strategy": "simple"} if role == "entities" else {}  # whole names, not pieces of them
        return transformers.pipeline(task, model=models.checkpoint(role), **options)
    print(f"With the Hub, this cell runs {name}, {gain}. Here, without it, runs {description}.")
    return alternative


def data_set(name: str) -> DatasetDict:
    """A data set of the Hub, or without it the nearest one of the packages, as `helpers.data.load`; it prints which.

    name: such as "tweet_eval_offensive"; those that come from elsewhere, such as "incivility", are downloaded as they
    are. Raises ValueError with the known names, SourceError as `load` does.
    """
    if name not in online_data.LOADERS:
        raise ValueError(f"There is no data set {name!r} to download. There are: {', '.join(online_data.LOADERS)}.")
    if name not in online_data.NEAREST:
        print(f"From {urlsplit(sources.CATALOGUE['downloads'][name.split('_')[0]]['page']).hostname}: {name}.")
        return data.load(name)
    if source_in_force() == "hub":
        print(f"From the Hub: {name}.")
        return data.load(name)
    nearest, difference = online_data.NEAREST[name]
    print(f"With the Hub, this cell loads {name}. Here, without it, it loads {nearest} ({difference}).")
    return data.load(nearest)


class Foreign(NamedTuple):
    """Texts in another language: what they are, its code, the texts, and the same in English where that is known."""

    what: str
    language: str
    texts: list[str]
    english: list[str] | None = None


def foreign_texts(count: int) -> list[Foreign]:
    """`count` texts each of the kinds that the source can translate into English; it prints which.

    With the Hub: Spanish tweets, and a few sentences each of speeches in the Congreso and the Bundestag. Without it:
    Portuguese sentences of the project, whose English is known. Raises SourceError as `helpers.data.load` does.
    """
    wanted = "Spanish tweets and speeches of the Congreso and the Bundestag"
    if source_in_force() == "hub":
        print(f"From the Hub: models for Spanish and German, for {wanted}.")
        return [
            Foreign("Spanish tweets", "es", data.load("tweet_sentiment_spanish")["validation"]["text"][:count]),
            Foreign("Congreso", "es", _beginnings("congreso_speeches", "es", count)),
            Foreign("Bundestag", "de", _beginnings("bundestag_speeches", "de", count)),
        ]
    print(f"With the Hub, this cell takes {wanted}. Here, without it, it takes Portuguese sentences.")
    pairs = data.table("sentence_pairs").iloc[:count]
    return [Foreign("Portuguese sentences", "pt", pairs["pt"].tolist(), pairs["en"].tolist())]


def _beginnings(name: str, language: str, count: int) -> list[str]:
    """Three sentences of each of some speeches, without the first, which mostly greets the chair."""
    from helpers.sentences import sentences

    speeches = data.load(name)["validation"]["text"][:count]
    return ["".join(sentences(text, language)[1:4] or [text]).strip() for text in speeches]


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


ROLES: dict[str, tuple[str, Callable, str, str]] = {
    "sentiment": (
        "text-classification",
        vader_sentiment,
        "fine-tuned on labelled tweets, so that the words around a word count",
        "VADER, a word list with weights",
    ),
    "entities": (
        "token-classification",
        nearest_kind_of_name,
        "fine-tuned on news texts whose names people marked, so that the sentence decides",
        "a search for capitalised words, each compared with examples of three kinds of name",
    ),
    "entailment": (
        "zero-shot-classification",
        nearest_label,
        "fine-tuned to judge whether one sentence follows from another",
        "a comparison of the text's vector with the vectors of the labels' names",
    ),
}

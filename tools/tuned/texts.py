"""The sentences that the entity tagger learns from and is judged on: news, speeches and debates of the catalogue."""

import re

import pandas as pd

from helpers.data import text_id
from helpers.packages import catalogue
from helpers.settings import DATA
from tools.heads import text

GOLD = DATA / "entity_sentences.jsonl"
SENTENCE_WORDS = (8, 45)
# Two sets of held-out sentences were annotated: a seed, and how many sentences of each kind. The first was looked at
# while the teacher's labels were made consistent; the second was not looked at before everything was trained.
ANNOTATED = {
    "first": (2016, {"news": 60, "Commons": 20, "conventions": 10, "debates": 10}),
    "second": (2017, {"news": 80, "Commons": 8, "conventions": 8, "debates": 4}),
}
# A full stop ends no sentence after a title or an initial.
SENTENCE_END = re.compile(
    r"(?<!\bMr\.)(?<!\bMs\.)(?<!\bDr\.)(?<!\bMrs\.)(?<!\b[A-Z]\.)(?<!\bhon\.)(?<!\b(?:Sen|Rep|Gov)\.)"
    r"(?<=[.!?])\s+(?=[\"'“‘]?[A-Z])"
)


def documents() -> pd.DataFrame:
    """Every document once, as `tools.heads.text.documents` gives them and holds them out."""
    return text.documents(KINDS)


def sentences(frame: pd.DataFrame) -> pd.DataFrame:
    """The sentences of documents that are neither very short nor very long, each once.

    Parameters
    ----------
    frame : DataFrame
        With the columns of `documents`.

    Returns
    -------
    DataFrame
        Columns kind, document (number of the row in `frame`), text, held_out, id (see `helpers.data.text_id`).
    """
    rows = [
        (kind, document, sentence, held_out)
        for document, (kind, words, held_out) in enumerate(frame[["kind", "text", "held_out"]].itertuples(index=False))
        for sentence in SENTENCE_END.split(words)
        if SENTENCE_WORDS[0] <= len(sentence.split()) <= SENTENCE_WORDS[1]
    ]
    found = pd.DataFrame(rows, columns=["kind", "document", "text", "held_out"]).drop_duplicates("text")
    return found.assign(id=found["text"].map(text_id)).reset_index(drop=True)


def sample(frame: pd.DataFrame, part: str) -> pd.DataFrame:
    """The 100 held-out sentences of an annotated set: at most three of a document, a fixed number of each kind.

    Parameters
    ----------
    frame : DataFrame
        From `sentences`.
    part : str
        "first" or "second", which has no sentence of the first.
    """
    seed, counts = ANNOTATED[part]
    if part == "second":
        frame = frame[~frame["id"].isin(sample(frame, "first")["id"])]
    shuffled = frame[frame["held_out"]].sample(frac=1, random_state=seed).groupby("document").head(3)
    rows = [shuffled[shuffled["kind"] == kind].head(count) for kind, count in counts.items()]
    return pd.concat(rows, ignore_index=True)


def gold() -> pd.DataFrame:
    """The annotated sentences.

    Returns
    -------
    DataFrame
        Columns id, part ("first" or "second"), kind, spans (set of first character, end, type).
    """
    frame = pd.read_json(GOLD, lines=True, dtype=False)
    return frame.assign(spans=[{tuple(span) for span in spans} for spans in frame["entities"]])


def _commons() -> pd.DataFrame:
    frame = pd.read_csv(catalogue.files("commons_speeches")[0])
    return frame.loc[~frame["chair"], ["text"]].dropna()


KINDS = {
    "news": text.KINDS["news"],
    "conventions": text.KINDS["speeches"],
    "Commons": _commons,
    "debates": text.KINDS["debates"],
}

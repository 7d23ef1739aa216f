"""The texts that the pretraining heads are trained and measured on (learners need not run it; see train.py).

English prose that the catalogue's wheels carry: news, speeches, debates, books, tales, film plots. Nothing of the data
sets that a notebook tests on, none of the Commons speeches. Whole documents are held out before any training.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from helpers.data.splits import SHARED_RUN_LONG
from helpers.packages import catalogue

HELD_OUT_EVERY = 20  # a document is held out where its hash is divisible by this
PASSAGE_WORDS = 400  # a debate has no end that is a document's: its transcript is cut into passages of this size
SENTENCE_WORDS = (5, 60)  # shorter ones ("Yes, sir.") follow anything; longer ones are mostly lists
# A full stop ends no sentence after a title or an initial.
SENTENCE_END = re.compile(r"(?<!\bMr\.)(?<!\bMs\.)(?<!\bDr\.)(?<!\bMrs\.)(?<!\b[A-Z]\.)(?<=[.!?])\s+(?=[\"'“‘]?[A-Z])")


def normalize(text: str) -> str:
    """Lower-case words without links, @names and punctuation; their hash decides what was held out in training."""
    without = re.sub(r"https?://\S+|@\w+", " ", text.lower())
    return " ".join(re.findall(r"\w+", without)) or text


def documents(kinds: dict[str, Callable[[], pd.DataFrame]] | None = None) -> pd.DataFrame:
    """Every document once, with columns kind (str), text (str) and held_out (bool).

    kinds: the reader of each kind of text; by default those of the pretraining, KINDS.

    A document is held out by the hash of its words, whatever else is read. Documents that share a run of 20 words
    with a held-out one (reprints, quotes) are neither: they are left out.
    """
    readers = (KINDS if kinds is None else kinds).items()
    frame = pd.concat([reader().assign(kind=kind) for kind, reader in readers], ignore_index=True)
    frame["text"] = frame["text"].str.replace(r"\s+", " ", regex=True).str.strip()
    words = frame["text"].map(normalize)
    frame = frame[~words.duplicated() & (words.str.len() > 0)].copy()
    frame["held_out"] = frame["text"].map(is_held_out)
    known = set().union(*(runs(text) for text in frame.loc[frame["held_out"], "text"]))
    reprint = ~frame["held_out"] & frame["text"].map(lambda text: not known.isdisjoint(runs(text)))
    return frame.loc[~reprint, ["kind", "text", "held_out"]].reset_index(drop=True)


def is_held_out(text: str) -> bool:
    """Whether the SHA-256 of the document's words is divisible by HELD_OUT_EVERY."""
    return int(hashlib.sha256(normalize(text).encode()).hexdigest(), 16) % HELD_OUT_EVERY == 0


def runs(text: str, length: int = SHARED_RUN_LONG) -> set[str]:
    """All runs of `length` consecutive words; the whole text where it is shorter."""
    words = normalize(text).split()
    return {" ".join(words[start : start + length]) for start in range(max(1, len(words) - length + 1))}


def sentences(text: str) -> list[str]:
    """The sentences of a text, by full stops before a capital letter."""
    return SENTENCE_END.split(text)


@dataclass
class Corpus:
    """Documents as token ids, without special tokens.

    tokens: all ids, one document after the other. ends: where each document ends in them. kinds: of each document.
    sentences: ids of each sentence. owner: its document. pairs: the numbers of the sentences that the next one in
    `sentences` follows in the text.
    """

    tokens: np.ndarray
    ends: np.ndarray
    kinds: np.ndarray
    sentences: list[list[int]]
    owner: np.ndarray
    pairs: np.ndarray

    @classmethod
    def of(cls, frame: pd.DataFrame, tokenizer) -> "Corpus":
        """Tokenise the documents of a table with text and kind."""
        encode = lambda texts: tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"]  # noqa: E731
        ids = encode(frame["text"].tolist())
        kept = [(d, i, s) for d, text in enumerate(frame["text"]) for i, s in enumerate(sentences(text)) if usable(s)]
        owner = np.array([d for d, _, _ in kept])
        place = np.array([i for _, i, _ in kept])
        follows = (owner[1:] == owner[:-1]) & (place[1:] == place[:-1] + 1)
        return cls(
            tokens=np.concatenate([np.array(one, dtype=np.int64) for one in ids]),
            ends=np.cumsum([len(one) for one in ids]),
            kinds=frame["kind"].to_numpy(),
            sentences=encode([s for _, _, s in kept]),
            owner=owner,
            pairs=np.flatnonzero(follows),
        )

    def windows(self, count: int, length: int, rng: np.random.Generator) -> list[np.ndarray]:
        """`count` random stretches of at most `length` tokens; none crosses the border of a document."""
        starts = rng.integers(0, len(self.tokens), count)
        found = np.searchsorted(self.ends, starts, side="right")
        begins = np.concatenate([[0], self.ends])[found]
        starts = np.maximum(begins, np.minimum(starts, self.ends[found] - length))
        return [self.tokens[s : min(s + length, end)] for s, end in zip(starts, self.ends[found], strict=True)]

    def all_windows(self, length: int) -> list[tuple[str, np.ndarray]]:
        """Every document cut into stretches of `length` tokens (the last one is shorter), each with its kind."""
        begins = np.concatenate([[0], self.ends[:-1]])
        return [
            (kind, self.tokens[start : min(start + length, end)])
            for kind, begin, end in zip(self.kinds, begins, self.ends, strict=True)
            for start in range(begin, end, length)
        ]

    def sentence_pairs(self, count: int, rng: np.random.Generator) -> list[tuple[list[int], list[int], int]]:
        """Sentence pairs with BERT's label: 0 where B follows A in the text, 1 where B is of another document."""
        chosen = rng.choice(self.pairs, count)
        labels = rng.integers(0, 2, count)
        return [
            (self.sentences[a], self.sentences[self.elsewhere(a, rng) if label else a + 1], int(label))
            for a, label in zip(chosen, labels, strict=True)
        ]

    def half_pairs(self, count: int, length: int, rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray, int]]:
        """Stretches cut in two, with the label 0, or with the second half of another stretch and the label 1."""
        whole, others = self.windows(count, length, rng), self.windows(count, length, rng)
        labels = rng.integers(0, 2, count)
        return [
            (ids[: len(ids) // 2], (other if label else ids)[len(other if label else ids) // 2 :], int(label))
            for ids, other, label in zip(whole, others, labels, strict=True)
        ]

    def elsewhere(self, sentence: int, rng: np.random.Generator) -> int:
        """The number of a random sentence of another document."""
        while self.owner[other := rng.integers(len(self.owner))] == self.owner[sentence]:
            pass
        return other

    def same_document(self, sentence: int, rng: np.random.Generator) -> int | None:
        """The number of a random sentence of the same document that is not the next one; None where there is none."""
        others = np.flatnonzero(self.owner == self.owner[sentence])
        others = others[(others != sentence) & (others != sentence + 1)]
        return int(rng.choice(others)) if len(others) else None


def usable(sentence: str) -> bool:
    """Whether a sentence is long enough to have a topic and short enough to be one."""
    return SENTENCE_WORDS[0] <= len(sentence.split()) <= SENTENCE_WORDS[1]


def _news() -> pd.DataFrame:
    return pd.read_csv(catalogue.files("news_articles")[0])[["text"]].dropna()


def _books() -> pd.DataFrame:
    frame = pd.read_csv(catalogue.files("book_excerpts")[0], sep="\t", skiprows=[1, 2])
    return frame.rename(columns={"Text": "text"})[["text"]]


def _tales() -> pd.DataFrame:
    frame = pd.concat(pd.read_csv(path, sep="\t", skiprows=[1, 2]) for path in catalogue.files("tales"))
    return frame.rename(columns={"Content": "text"})[["text"]].dropna()


def _speeches() -> pd.DataFrame:
    paths = catalogue.files("convention_speeches") + catalogue.files("convention_speeches_2016")
    return pd.concat(pd.read_csv(path)[["text"]] for path in paths).dropna()


def _debates() -> pd.DataFrame:
    """Passages of about 400 words: statements that follow each other in one debate."""
    frame = pd.read_csv(catalogue.files("debates")[0])
    words = frame["statement"].str.split().str.len()
    passage = words.groupby(frame["debate"]).cumsum() // PASSAGE_WORDS
    return frame.groupby([frame["debate"], passage])["statement"].agg(" ".join).reset_index(drop=True).to_frame("text")


def _plots() -> pd.DataFrame:
    """Summaries of films; the reviews in the same file are kept for Day 2."""
    frame = pd.read_csv(catalogue.files("rotten_tomatoes")[0])
    return frame.loc[frame["category"] == "plot", ["text"]].dropna()


KINDS = {
    "news": _news,
    "speeches": _speeches,
    "debates": _debates,
    "books": _books,
    "tales": _tales,
    "film plots": _plots,
}

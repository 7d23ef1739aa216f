"""Sentiment by word lists, as scikit-learn classifiers that learn nothing: VADER, the General Inquirer, Lexicoder."""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable
from fnmatch import translate
from functools import cache, lru_cache
from itertools import chain, product
from pathlib import Path
from random import Random
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import regex
from sklearn.base import BaseEstimator, ClassifierMixin
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from helpers.packages import catalogue

CATEGORIES = ("positive", "negative", "neg_positive", "neg_negative")
# Which count a find of a negated pattern adds to ("" is none), by how negations are treated.
NEGATED = {"flip": ("negative", "positive"), "subtract": ("", ""), "ignore": ()}
LETTER = r"[\p{L}\p{M}\p{N}_]"  # of any script: in many, vowels are marks


class _ByScore(ClassifierMixin, BaseEstimator):
    """Labels by the sign of a score, and a rule for the score zero; `score_texts` comes from the subclass."""

    def fit(self, texts: Iterable[str], labels: Iterable[int]):
        """Learns nothing. Raises ValueError where labels are other than 0 (negative) and 1 (positive)."""
        if not np.isin(np.asarray(labels), [0, 1]).all():
            raise ValueError(f"The labels are {np.unique(labels)}; expected 0 (negative) and 1 (positive).")
        self.classes_ = np.array([0, 1])
        return self

    def predict(self, texts: Iterable[str]) -> np.ndarray:
        """1 for each text with a score above zero, 0 below; scores of zero go by `ties`, and their share is printed.

        `ties_` is their number, `ties_share_` their share of the texts.
        """
        texts = as_texts(texts)
        scores = self.score_texts(texts)
        labels = (scores > 0).astype(int)
        tied = np.flatnonzero(scores == 0)
        self.ties_, self.ties_share_ = len(tied), len(tied) / max(1, len(texts))
        if self.ties == "random":
            labels[tied] = [Random(f"{self.seed} {texts[place]}").randrange(2) for place in tied]
        elif self.ties in ("negative", "positive"):
            labels[tied] = int(self.ties == "positive")
        else:
            raise ValueError(f'ties={self.ties!r} is not known. Give "random", "negative" or "positive".')
        if self.ties_:
            share = f"{self.ties_:,} of {len(texts):,} texts ({self.ties_share_:.0%})"
            print(f'{type(self).__name__}: {share} have the score 0 and are labeled by ties="{self.ties}".')
        return labels


class Vader(_ByScore):
    """Classify by the sign of VADER's compound score (Hutto and Gilbert 2014). Taught on Day 2, "Baselines first".

    VADER's authors call -0.05 to 0.05 neutral; here only the sign counts.

    Parameters
    ----------
    ties : str
        What a text with the score 0 gets: "random" (0 or 1, the same for the same text and seed), as in Table 6 of
        Bestvater and Monroe 2023, "negative" or "positive".
    seed : int
        For random ties.
    """

    def __init__(self, ties: str = "random", seed: int = 0):
        self.ties = ties
        self.seed = seed

    def score_texts(self, texts: Iterable[str]) -> np.ndarray:
        """The compound score of each text, -1 to 1, as a vector."""
        analyzer = SentimentIntensityAnalyzer()
        return np.array([analyzer.polarity_scores(text)["compound"] for text in as_texts(texts)], dtype=float)


class Dictionary(_ByScore):
    """Classify by the sign of (positive - negative) / words, counted with lists of patterns.

    A pattern is a word, or several in a row, in any case; * means any characters and ? one: "abandon*", "lack of". An
    emoji or emoticon counts as it is written. At each place of a text the longest pattern counts; one that is in two
    lists counts in both.

    Parameters
    ----------
    positive, negative : sequence of str
        Patterns.
    neg_positive, neg_negative : sequence of str
        Patterns with a negation, such as "not good*", which overrule the shorter ones in them.
    negated : str
        "flip" counts "not good" as negative and "not bad" as positive; "subtract" counts neither; "ignore" leaves the
        negated patterns out.
    ties, seed
        As for `Vader`.
    """

    def __init__(
        self, positive=(), negative=(), neg_positive=(), neg_negative=(), negated="flip", ties="random", seed=0
    ):
        self.positive = positive
        self.negative = negative
        self.neg_positive = neg_positive
        self.neg_negative = neg_negative
        self.negated = negated
        self.ties = ties
        self.seed = seed

    def counts(self, texts: Iterable[str]) -> np.ndarray:
        """For each text a row: positive finds, negative finds, words."""
        if self.negated not in NEGATED:
            raise ValueError(f"negated={self.negated!r} is not known. Give one of: {', '.join(NEGATED)}.")
        adds_to = dict(zip(CATEGORIES, ("positive", "negative", *NEGATED[self.negated]), strict=False))
        find = _finder(tuple((name, tuple(getattr(self, name))) for name in adds_to))
        rows = []
        for categories, words in map(find, as_texts(texts)):
            found = Counter(adds_to[category] for category in categories)
            rows.append((found["positive"], found["negative"], words))
        return np.array(rows, dtype=int).reshape(-1, 3)

    def score_texts(self, texts: Iterable[str]) -> np.ndarray:
        """(positive - negative) / words of each text, as a vector; 0 for a text without words."""
        positive, negative, words = self.counts(texts).T
        return (positive - negative) / np.maximum(words, 1)


def general_inquirer(**settings) -> Dictionary:
    """Load the General Inquirer's Positiv and Negativ words (Stone et al. 1966): 1,637 and 2,005.

    Taught on Day 2, "Baselines first".

    The file lists senses (ABOUT#1, MIND#_10). Counting cannot tell them apart: a word is in a list where any of its
    senses is; 16 are in both. Words are in their basic form: "attack" counts, "attacked" does not.

    Parameters
    ----------
    **settings
        As for `Dictionary`.

    Returns
    -------
    Dictionary
        Ready to predict.

    Raises
    ------
    SourceError
        Where the file cannot be fetched.
    """
    [path] = catalogue.files("general_inquirer")
    frame = pd.read_csv(path, sep="\t", usecols=["Entry", "Positiv", "Negativ"], keep_default_na=False)
    words = frame["Entry"].str.replace(r">?#_?\d+$", "", regex=True).str.lower()
    return Dictionary(*(sorted(set(words[frame[name] != ""])) for name in ("Positiv", "Negativ")), **settings)


def lexicoder(path: str | Path, negated: str = "flip", **settings) -> Dictionary:
    """Load the Lexicoder Sentiment Dictionary LSD2015 (Young and Soroka 2012), which everyone gets from its authors.

    Taught on Day 2, "Baselines first".

    "n't" and "cannot" are read as "not"; the authors' script prepares texts further.

    Parameters
    ----------
    path : str or Path
        The unzipped folder, or LSD2015.lc3 (LSD2015_NEG.lc3 next to it is read too), quanteda's YAML, or Yoshikoder's
        XML (.ykd).
    negated : str
        As for `Dictionary`: quanteda.sentiment flips, quanteda's manual subtracts, Bestvater and Monroe ignored.
    **settings
        As for `Dictionary`.

    Returns
    -------
    Dictionary
        Ready to predict.

    Raises
    ------
    FileNotFoundError
        With where to get it.
    ValueError
        For another format.
    """
    path = Path(path).expanduser()
    path = next(path.rglob("LSD2015.lc3"), path / "LSD2015.lc3") if path.is_dir() else path
    if not path.is_file():
        raise FileNotFoundError(
            f"There is no file {path}. The Lexicoder Sentiment Dictionary may not be passed on, so the workshop has no "
            f"copy. For non-commercial academic use download it from snsoroka.com/data-lexicoder and unzip it."
        )
    found = _categories(path)
    negations = path.with_name(f"{path.stem}_NEG{path.suffix}")
    if negations.is_file():
        found |= {name: patterns for name, patterns in _categories(negations).items() if patterns}
    if negated != "ignore" and not found["neg_positive"]:
        raise FileNotFoundError(f'There is no {negations.name} (negations) next to {path}. Or pass negated="ignore".')
    return Dictionary(*found.values(), negated=negated, **settings)


def _categories(path: Path) -> dict[str, list[str]]:
    """The patterns of each of the four categories in a file. Raises ValueError where it has none of them."""
    text = path.read_text(encoding="utf-8-sig", errors="replace").strip()
    try:
        pairs = _from_xml(text) if text.startswith("<") else _from_lines(text)
    except (SyntaxError, ValueError) as error:  # ElementTree's ParseError is a SyntaxError
        raise ValueError(f"{path} begins like XML but cannot be read: {error}. Download it again.") from error
    found = {name: [pattern for category, pattern in pairs if category.lower() == name] for name in CATEGORIES}
    if not any(found.values()):
        raise ValueError(f"{path} is not a Lexicoder dictionary: it has no +negative or +positive above patterns.")
    return found


def _from_xml(text: str) -> list[tuple[str, str]]:
    """Category and pattern of each <pnode name="..."> within a <cnode name="...">."""
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise ValueError(
            "it declares a document type or entities, which a dictionary does not need and which can do harm"
        )
    nodes = ElementTree.fromstring(text).iter("cnode")
    return [(node.get("name", ""), leaf.get("name", "")) for node in nodes for leaf in node.iter("pnode")]


def _from_lines(text: str) -> list[tuple[str, str]]:
    """Category and pattern of each line: "+negative#AA0000" (a color may follow) opens a category, in YAML "name:"."""
    pairs, category = [], ""
    for line in filter(None, map(str.strip, text.splitlines())):
        if heading := re.fullmatch(r"\+(\w+)(?:#\w+)?|[\"']?(\w+)[\"']?:", line):
            category = heading[1] or heading[2]
        else:
            pairs.append((category, re.sub(r"^-\s+", "", line).strip("\"'")))
    return pairs


@lru_cache(maxsize=8)
def _finder(categories: tuple[tuple[str, tuple[str, ...]], ...]):
    """A function from a text to the categories of its patterns and its words, by look-up: 10,000 are as fast as ten."""
    entries = defaultdict(set)  # ("not", "good*"): {"neg_positive"}
    patterns = [pattern for _, listed in categories for pattern in listed]
    if not all(isinstance(pattern, str) and pattern.strip() for pattern in patterns):
        raise ValueError("A pattern is empty or not a string. Remove it from the list.")
    # Emoticons and emoji are found as they are written; * and ? in them are no wildcards.
    signs = {part for pattern in patterns for part in _folded(pattern).split() if _is_sign(part)}
    token = regex.compile("|".join([_word(LETTER), *map(re.escape, sorted(signs, key=len, reverse=True))]))
    word = regex.compile(_word(rf"(?:{LETTER}|[*?])"))
    for category, listed in categories:
        for pattern in listed:
            parts = [[part] if _is_sign(part) else word.findall(part) for part in _folded(pattern).split()]
            entries[tuple(chain(*parts))].add(category)
    known = {part for parts in entries for part in parts}
    globs = {part: re.compile(translate(part)) for part in known - signs if re.search(r"\*.|\?", part)}
    longest = max([1, *map(len, entries)])

    @cache
    def forms(word: str) -> list[str]:
        """The parts of patterns that a word fits: itself, its beginnings with a star, those with * or ? inside."""
        simple = (word, *(f"{word[:end]}*" for end in range(len(word) + 1)))
        simple = (part for part in simple if part == word or part not in signs)
        return [part for part in simple if part in known] + [part for part, glob in globs.items() if glob.match(word)]

    def find(text: str) -> tuple[list[str], int]:
        found, place, tokens = [], 0, token.findall(_folded(text))
        while place < len(tokens):
            for length in range(min(longest, len(tokens) - place), 0, -1):
                fits = product(*map(forms, tokens[place : place + length]))
                if here := set().union(*(entries.get(parts, ()) for parts in fits)):
                    found += sorted(here)
                    break
            place += length  # 1 where nothing was found
        return found, sum(each not in signs for each in tokens)

    return find


def _folded(text: str) -> str:
    """A text in one spelling: Unicode's NFKC, lower case, one apostrophe; n't and cannot become not."""
    plain = unicodedata.normalize("NFKC", text).lower().replace("’", "'").replace("\ufe0f", "")
    return re.sub(r"n't\b", " not", re.sub(r"\bcannot\b", "can not", plain))


def _word(letter: str) -> str:
    """The pattern of a word. Hyphens and apostrophes stay inside."""
    return rf"{letter}+(?:[-']{letter}+)*"


def _is_sign(part: str) -> bool:
    """Whether it has no letters or digits, as an emoji or an emoticon; stars alone stand for any word."""
    return not regex.search(LETTER, part) and not set(part) <= set("*?")


def as_texts(texts: Iterable[str]) -> list[str]:
    """A list of strings from a list, a Series or a Column.

    Raises TypeError for a DataFrame, for one text, and where a text is missing.
    """
    if isinstance(texts, pd.DataFrame | dict):
        raise TypeError(
            f"Expected a list of strings; got a table. Pass one of its columns: {', '.join(map(str, texts))}."
        )
    wrong = [texts] if isinstance(texts, str) else [text for text in texts if not isinstance(text, str)]
    if wrong:
        raise TypeError(f"Expected a list of strings; got {wrong[0]!r}.")
    return list(texts)

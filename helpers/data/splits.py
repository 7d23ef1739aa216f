"""Copies, near-copies, and the split into train, validation and test."""

import html
import re
import unicodedata
import warnings
from collections import Counter

import numpy as np
import pandas as pd
import regex
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

# Texts that share so many consecutive words (a quote, a retweet, a reprint) stay on one side of a split.
SHARED_RUN, SHARED_RUN_LONG = 8, 20
# These also share formulas and names of offices, so they use the longer run.
LONG_TEXTS = {
    "political_newsgroups", "convention_speeches", "news_articles",
    "commons_speeches", "bundestag_speeches", "congreso_speeches", "tweedekamer_speeches",
}  # fmt: skip
SHARES = {"train": 0.70, "validation": 0.15, "test": 0.15}
TOLERANCE = 0.03  # of a part's share of the rows, and of a class's share in a part
# Scripts without spaces: each character is a token. A word has about two of the first kind, four of the second.
SHORT_WORDS, LONG_WORDS = r"\p{Han}\p{Hiragana}\p{Katakana}ー", r"\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}"
UNSPACED = regex.compile(rf"(?P<short>[{SHORT_WORDS}])|[{LONG_WORDS}]")
HANDLE = regex.compile(r"@[\p{L}\p{M}\p{N}_]+")
TOKEN = regex.compile(
    rf"[{SHORT_WORDS}{LONG_WORDS}]\p{{M}}*|[[\p{{L}}\p{{M}}\p{{N}}]--[{SHORT_WORDS}{LONG_WORDS}]]+", regex.VERSION1
)


def run_of(name: str) -> int:
    """How many consecutive words two texts of a data set must share to stay on one side of a split."""
    return SHARED_RUN_LONG if name in LONG_TEXTS else SHARED_RUN


def plain(texts: pd.Series) -> pd.Series:
    """Texts from the web without links and HTML entities."""
    return texts.map(html.unescape).str.replace(r"https?://\S+", " ", regex=True)


def normalize(text: str) -> str:
    """What makes two texts the same: Unicode's NFKC without case, extra white space and links, and nothing else."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(re.sub(r"https?://\S+", " ", folded).split()) or text


def words(text: str) -> list[str]:
    """A looser key, which only finds near-copies: words of letters, marks and digits, without links and @names.

    In scripts without spaces (Chinese, Japanese, Thai, Lao, Khmer, Burmese, Tibetan) each character is one.
    """
    return TOKEN.findall(HANDLE.sub(" ", normalize(text))) or [normalize(text)]


def length(text: str) -> float:
    """About how many words a text has, in any script."""
    return sum(_sizes(words(text)))


def without_duplicates(frame: pd.DataFrame) -> pd.DataFrame:
    """Keep one row for each text, and none for a text that has more than one label.

    Parameters
    ----------
    frame : pandas.DataFrame
        With the columns text and label.

    Returns
    -------
    pandas.DataFrame
        The rows that are left, numbered from 0. Two texts are the same if `normalize` makes them equal.
    """
    same = frame["text"].map(normalize)
    labels = frame["label"].groupby(same).transform("nunique")
    return frame[(labels == 1) & ~same.duplicated()].reset_index(drop=True)


def same_source(texts: pd.Series, run: int) -> np.ndarray:
    """Group texts that share `run` consecutive words.

    Parameters
    ----------
    texts : pandas.Series
        Of str.
    run : int
        How many words.

    Returns
    -------
    numpy.ndarray
        The number of its group for each text (texts).
    """
    first_with: dict[int, int] = {}
    pairs = []
    for row, text in enumerate(texts):
        for shared in _runs(text, run):
            earlier = first_with.setdefault(hash(shared), row)
            if earlier != row:
                pairs.append((earlier, row))
    links = np.array(pairs, dtype=int).reshape(-1, 2)
    graph = coo_array((np.ones(len(links)), (links[:, 0], links[:, 1])), shape=(len(texts), len(texts)))
    return connected_components(graph, directed=False)[1]


def split(frame: pd.DataFrame, run: int, seed: int) -> dict[str, pd.DataFrame]:
    """Split a table into 70% train, 15% validation and 15% test, stratified by label.

    The parts are balanced by rows and by labels. Where texts that stay together prevent it, a warning names the words
    they share.

    Parameters
    ----------
    frame : pandas.DataFrame
        With the columns text and label.
    run : int
        Texts that share so many consecutive words stay together.
    seed : int
        Of the split.

    Returns
    -------
    dict of str to pandas.DataFrame
        train, validation and test.
    """
    part = _parts(frame["text"], frame["label"], list(SHARES.values()), run, seed)
    return {name: frame[part == number] for number, name in enumerate(SHARES)}


def folds(texts, labels, run: int, k: int = 5, seed: int = 0) -> list[tuple[np.ndarray, np.ndarray]]:
    """Split texts for cross-validation, so that each is held out once, stratified as far as near-copies allow.

    Parameters
    ----------
    texts, labels : sequence
        Of the same length.
    run : int
        Texts that share so many consecutive words are held out together.
    k : int
        How many folds.
    seed : int
        Of the split.

    Returns
    -------
    list of tuple
        k pairs of row numbers: train, held out.

    Raises
    ------
    ValueError
        Where a class has fewer than k texts.
    """
    texts, labels = pd.Series(list(texts)), pd.Series(list(labels))
    counts = labels.value_counts()
    if counts.min() < k:
        raise ValueError(
            f"{k} folds need {k} texts of each class; {counts.idxmin()!r} has {counts.min()}. Use fewer folds."
        )
    fold = _parts(texts, labels, [1 / k] * k, run, seed)
    return [(np.flatnonzero(fold != number), np.flatnonzero(fold == number)) for number in range(k)]


def _sizes(tokens: list[str]) -> list[float]:
    """How much of a word each token is."""
    found = map(UNSPACED.match, tokens)
    return [1.0 if match is None else 0.5 if match["short"] else 0.25 for match in found]


def _runs(text: str, run: int) -> list[tuple[str, ...]]:
    """Every run of so many words in a text; a shorter text is one run."""
    tokens = words(text)
    if not UNSPACED.search(text):
        return [tuple(tokens[start : start + run]) for start in range(max(1, len(tokens) - run + 1))]
    ends = np.cumsum([0.0, *_sizes(tokens)])
    stops = np.searchsorted(ends, ends[:-1] + run)
    return [tuple(tokens[start:stop]) for start, stop in enumerate(stops) if start == 0 or stop < len(ends)]


def _parts(texts: pd.Series, labels: pd.Series, shares: list[float], run: int, seed: int) -> np.ndarray:
    """The number of a part for each row: groups stay whole, the largest are placed first, in the part that lacks most.

    What a part lacks is counted by Sainte-Laguë's method, for each class and for all rows.
    """
    group, (codes, names) = same_source(texts, run), pd.factorize(labels, sort=True)
    counts = np.zeros((group.max() + 1, len(names) + 1))
    np.add.at(counts, (group, codes), 1)
    counts[:, -1] = counts.sum(axis=1)
    wanted = np.outer(shares, counts.sum(axis=0))
    placed, part_of = np.zeros_like(wanted), np.empty(len(counts), dtype=int)
    order = np.random.default_rng(seed).permutation(len(counts))
    for number in order[np.argsort(-counts[order, -1], kind="stable")]:
        filled = (placed + counts[number] / 2) / wanted @ counts[number]
        part_of[number] = filled.argmin()
        placed[part_of[number]] += counts[number]
    _warn_if_unbalanced(texts, placed, shares, group, run)
    return part_of[group]


def _warn_if_unbalanced(texts: pd.Series, placed: np.ndarray, shares: list[float], group: np.ndarray, run: int) -> None:
    """Name the words that hold texts together where a part is too large or too small, or a class in it."""
    rows = placed[:, -1]
    rounding = 1 / np.maximum(rows, 1)
    rows_off = np.abs(rows / rows.sum() - shares) > TOLERANCE + 1 / rows.sum()
    of_class = placed / np.maximum(rows, 1)[:, None]
    class_off = (np.abs(of_class - placed.sum(axis=0) / rows.sum()) > TOLERANCE + rounding[:, None]).any(axis=1)
    largest = group == np.bincount(group).argmax()
    if (rows_off | class_off).any() and largest.sum() > 1:
        runs = Counter(found for text in texts[largest] for found in dict.fromkeys(_runs(text, run)))
        [(shared, _)] = runs.most_common(1)
        sizes = ", ".join(f"{share:.0%}" for share in rows / rows.sum())
        warnings.warn(
            f"The parts have {sizes} of the rows, and their classes may differ in share: {largest.sum():,} of "
            f'{len(texts):,} texts stay in one part, because they share words such as "{" ".join(shared)}". If these '
            "words are no part of what people wrote, remove them from the texts first.",
            stacklevel=4,
        )

"""Duplicates, near-duplicates, and the split into train, validation and test."""

import html
import re

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.model_selection import StratifiedGroupKFold, train_test_split

# Texts that share so many consecutive words (a quote, a retweet, a reprint) stay on one side of a split.
SHARED_RUN, SHARED_RUN_LONG = 8, 20
# These also share formulas and names of offices, so they use the longer run.
LONG_TEXTS = {
    "political_newsgroups", "convention_speeches", "news_articles",
    "commons_speeches", "bundestag_speeches", "congreso_speeches", "tweedekamer_speeches",
}  # fmt: skip


def run_of(name: str) -> int:
    """How many consecutive words two texts of a data set must share to stay on one side of a split."""
    return SHARED_RUN_LONG if name in LONG_TEXTS else SHARED_RUN


def plain(texts: pd.Series) -> pd.Series:
    """Texts from the web without links and HTML entities."""
    return texts.map(html.unescape).str.replace(r"https?://\S+", " ", regex=True)


def normalise(text: str) -> str:
    """A text reduced to what makes two texts the same: lower-case words without links, @names and punctuation."""
    without = re.sub(r"https?://\S+|@\w+", " ", text.lower())
    return " ".join(re.findall(r"\w+", without)) or text


def without_duplicates(frame: pd.DataFrame) -> pd.DataFrame:
    """Keep one row for each text, and none for a text that has more than one label.

    Parameters
    ----------
    frame : pandas.DataFrame
        With the columns text and label.

    Returns
    -------
    pandas.DataFrame
        The rows that are left, numbered from 0. Two texts are the same if `normalise` makes them equal.
    """
    same = frame["text"].map(normalise)
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
        words = normalise(text).split()
        for start in range(max(1, len(words) - run + 1)):
            earlier = first_with.setdefault(hash(tuple(words[start : start + run])), row)
            if earlier != row:
                pairs.append((earlier, row))
    links = np.array(pairs, dtype=int).reshape(-1, 2)
    graph = coo_array((np.ones(len(links)), (links[:, 0], links[:, 1])), shape=(len(texts), len(texts)))
    return connected_components(graph, directed=False)[1]


def split(frame: pd.DataFrame, run: int, seed: int) -> dict[str, pd.DataFrame]:
    """Split a table into 70% train, 15% validation and 15% test, stratified by label.

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
    group = pd.Series(same_source(frame["text"], run), index=frame.index)
    label_of_group = frame["label"].groupby(group).first()
    train, rest = train_test_split(label_of_group, test_size=0.3, stratify=label_of_group, random_state=seed)
    validation, test = train_test_split(rest, test_size=0.5, stratify=rest, random_state=seed)
    parts = {"train": train, "validation": validation, "test": test}
    return {name: frame[group.isin(groups.index)] for name, groups in parts.items()}


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
    texts, labels = pd.Series(list(texts)), np.asarray(list(labels))
    rarest = pd.Series(labels).value_counts()
    if rarest.min() < k:
        raise ValueError(
            f"{k} folds need {k} texts of each class; {rarest.idxmin()!r} has {rarest.min()}. Use fewer folds."
        )
    splitter = StratifiedGroupKFold(n_splits=k, shuffle=True, random_state=seed)
    return list(splitter.split(texts, labels, groups=same_source(texts, run)))

"""Texts as averages of GloVe word vectors, for scikit-learn: trained on the texts themselves, or read from a file."""

import re
import sys
import zipfile
from collections import Counter
from collections.abc import Iterable
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from scipy.sparse import coo_array
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from helpers.baselines.lexicons import as_texts

# Words as Stanford's pretrained vectors have them: "don't" is do and n't, "it's" is it and 's.
WORD = re.compile(r"\w+?(?=n't\b)|n't\b|(?<=\w)'(?:s|re|ve|ll|d|m)\b|\w+")
_READ: dict[tuple, dict[str, np.ndarray | None]] = {}


class GloveAverage(TransformerMixin, BaseEstimator):
    """Represent each text as the average of the GloVe vectors of its words; zeros where no word has a vector.

    Taught on Day 2, "Comparing classifiers".

    Parameters
    ----------
    dimensions : int
        How many numbers a vector has.
    vectors : str or Path, optional
        A text file with a word and its numbers in each line, or Stanford's zip of such files. By default vectors are
        trained on the texts of `fit`, as Pennington, Socher and Manning 2014 do; all other parameters are for that.
    max_words, min_count : int
        The vocabulary is the `max_words` most frequent words of those that occur `min_count` times.
    window : int
        How many words apart two words may be; a pair at distance d counts 1/d.
    x_max, alpha : float
        A pair weighs (count / x_max) ** alpha, at most 1.
    max_iter, learning_rate : int, float
        Steps of AdaGrad, each over all pairs; 100 steps reach the loss of 300 steps at a rate of 0.05.
    seed : int
        For the initial values.

    Attributes
    ----------
    vocabulary_ : dict
        From word to row.
    vectors_ : numpy.ndarray
        (words, dimensions)
    loss_ : list of float
        Before each step; empty for vectors from a file.
    origin : str
        Which vectors these are, for the note under a table.
    """

    def __init__(
        self,
        dimensions: int = 50,
        vectors: str | Path | None = None,
        max_words: int = 2000,
        min_count: int = 5,
        window: int = 10,
        x_max: float = 100,
        alpha: float = 0.75,
        max_iter: int = 100,
        learning_rate: float = 0.2,
        seed: int = 0,
    ):
        self.dimensions = dimensions
        self.vectors = vectors
        self.max_words = max_words
        self.min_count = min_count
        self.window = window
        self.x_max = x_max
        self.alpha = alpha
        self.max_iter = max_iter
        self.learning_rate = learning_rate
        self.seed = seed

    def fit(self, texts: Iterable[str], labels=None):
        """Trains or reads the vectors of the words in these texts; labels play no part.

        Raises ValueError where no word is left for the vocabulary, or the file has none of the words.
        """
        documents = [split(text) for text in as_texts(texts)]
        counts = Counter(word for words in documents for word in words)
        if self.vectors is None:
            words = [word for word, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
                     if count >= self.min_count][: self.max_words]  # fmt: skip
            if not words:
                raise ValueError(
                    f"No word occurs {self.min_count} times in these {len(documents)} texts: lower min_count."
                )
            self.vocabulary_ = {word: row for row, word in enumerate(words)}
            rows = [[self.vocabulary_[word] for word in each if word in self.vocabulary_] for each in documents]
            pairs = cooccurrences(rows, len(words), self.window)
            self.vectors_, self.loss_ = self._train(pairs.astype(np.float32))
            self.origin = f"{self.dimensions} dimensions, {len(words):,} words, trained on {len(documents):,} texts"
        else:
            found = load_vectors(self.vectors, counts, self.dimensions)
            if not found:
                raise ValueError(f"{self.vectors} has none of the {len(counts):,} words of these texts.")
            self.vocabulary_ = {word: row for row, word in enumerate(found)}
            self.vectors_, self.loss_ = np.stack(list(found.values())), []
            self.origin = f"{self.dimensions} dimensions, read from {Path(self.vectors).name}"
        return self

    def transform(self, texts: Iterable[str]) -> np.ndarray:
        """The average vector of each text: (texts, dimensions)."""
        check_is_fitted(self, "vectors_")
        documents = [split(text) for text in as_texts(texts)]
        vectors = {word: self.vectors_[row] for word, row in self.vocabulary_.items()}
        if self.vectors is not None:  # words that fit did not see have vectors too
            vectors = load_vectors(self.vectors, {word for words in documents for word in words}, self.dimensions)
        averages = np.zeros((len(documents), self.dimensions), dtype=np.float32)
        for row, words in enumerate(documents):
            known = [vectors[word] for word in words if word in vectors]
            if known:
                averages[row] = np.mean(known, axis=0)
        return averages

    def _train(self, pairs: np.ndarray) -> tuple[np.ndarray, list[float]]:
        """The vectors (words, dimensions) that mittens finds for counts of pairs (words, words), and its losses."""
        random, size = np.random.default_rng(self.seed), len(pairs)
        shapes = {"W": (size, self.dimensions), "C": (size, self.dimensions), "bw": (size, 1), "bc": (size, 1)}
        start = {name: random.uniform(-1, 1, shape) * (6 / sum(shape)) ** 0.5 for name, shape in shapes.items()}
        # mittens takes no seed, but in its test mode the numbers to start from. It scrambles numpy's own random state.
        model = _numpy_glove()(
            n=self.dimensions, xmax=self.x_max, alpha=self.alpha, max_iter=self.max_iter,
            learning_rate=self.learning_rate, display_progress=0, test_mode=True,
        )  # fmt: skip
        state = np.random.get_state()
        try:
            start = {name: values.astype(pairs.dtype) for name, values in start.items()}
            return model.fit(pairs, fixed_initialization=start), [float(loss) for loss in model.errors]
        finally:
            np.random.set_state(state)


def split(text: str) -> list[str]:
    """The lower-case words of a text, as GloVe's pretrained vectors have them."""
    return WORD.findall(text.lower().replace("’", "'"))


def cooccurrences(documents: list[list[int]], size: int, window: int) -> np.ndarray:
    """Count how often words are near each other within a text; a pair at distance d counts 1/d.

    Parameters
    ----------
    documents : list of list of int
        The words of each text as numbers below `size`. Words outside the vocabulary are taken out before, as GloVe's
        own program does it.
    size : int
        Of the vocabulary.
    window : int
        How many words apart two words may be.

    Returns
    -------
    numpy.ndarray
        Counts (size, size), symmetric.
    """
    words = np.array([word for each in documents for word in each], dtype=int)
    text = np.repeat(np.arange(len(documents)), [len(each) for each in documents])
    counts = np.zeros((size, size))
    for distance in range(1, min(window, len(words) - 1) + 1):
        same = text[:-distance] == text[distance:]
        left, right = words[:-distance][same], words[distance:][same]
        counts += coo_array((np.full(len(left), 1 / distance), (left, right)), shape=(size, size)).toarray()
    return counts + counts.T


def load_vectors(path: str | Path, words: Iterable[str], dimensions: int) -> dict[str, np.ndarray]:
    """Read the vectors of some words from a file of GloVe vectors, line by line; what was read is remembered.

    Parameters
    ----------
    path : str or Path
        A text file (word and numbers, separated by spaces), or a zip with a file named *.50d.txt for 50 dimensions.
    words : iterable of str
        Those to look for.
    dimensions : int
        How many numbers a vector has.

    Returns
    -------
    dict of str to numpy.ndarray
        A vector (dimensions) for each of the words that the file has.

    Raises
    ------
    FileNotFoundError
        Where there is no such file.
    ValueError
        Where it has another number of dimensions, or is damaged.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path} with GloVe vectors. vectors=None trains them on the texts.")
    words = set(words)
    known = _READ.setdefault((path.resolve(), path.stat().st_mtime_ns, dimensions), {})
    wanted = {word.encode(): word for word in words - known.keys()}
    if wanted:
        with _opened(path, dimensions) as lines:
            read = _read(lines, wanted, dimensions, path)
        known.update({word: read.get(word) for word in wanted.values()})
    return {word: known[word] for word in sorted(words) if known[word] is not None}


def _read(lines: Iterable[bytes], wanted: dict[bytes, str], dimensions: int, path: Path) -> dict[str, np.ndarray]:
    found = {}
    for number, line in enumerate(lines, start=1):
        first, _, rest = line.partition(b" ")
        if number > 1 and first not in wanted:
            continue
        values = rest.split()
        if number == 1 and len(values) == 1:  # word2vec's heading: how many words, how many dimensions
            continue
        if number > 1 and len(values) > dimensions:  # a "word" with a space in it
            continue
        try:
            vector = np.array([float(value) for value in values], dtype=np.float32)
        except ValueError as error:
            raise ValueError(f"{path}, line {number}: expected a word and numbers. {error}") from error
        if len(vector) != dimensions:
            raise ValueError(f"{path}, line {number}: {len(vector)} numbers, expected {dimensions}. See dimensions=.")
        if first in wanted:
            found[wanted[first]] = vector
    return found


@contextmanager
def _opened(path: Path, dimensions: int):
    """The lines of a text file, or of the file in a zip that has so many dimensions."""
    if not zipfile.is_zipfile(path):
        with path.open("rb") as lines:
            yield lines
        return
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.endswith(f".{dimensions}d.txt")]
        if not names:
            raise ValueError(
                f"{path} has no file for {dimensions} dimensions. It has: {', '.join(archive.namelist())}."
            )
        with archive.open(names[0]) as lines:
            yield lines


def _numpy_glove():
    """mittens' GloVe in numpy. TensorFlow is hidden meanwhile: mittens would load it and change its settings."""
    before = sys.modules.get("tensorflow")
    sys.modules["tensorflow"] = None
    try:
        from mittens.np_mittens import GloVe
    finally:
        del sys.modules["tensorflow"]
        if before is not None:
            sys.modules["tensorflow"] = before
    return GloVe

"""GloVe averages: what training learns, what is read from a file, and what scikit-learn asks of a transformer."""

import pickle
import sys
import zipfile
from functools import partial

import numpy as np
import pytest
from datasets import Dataset
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from helpers.baselines import glove
from helpers.baselines.glove import GloveAverage, cooccurrences, load_vectors

FRUIT, LAW = ["apple", "pear", "plum", "cherry", "grape"], ["vote", "bill", "senate", "law", "court"]


def corpus(texts: int = 300) -> tuple[list[str], list[int]]:
    """Texts about fruit or about law, their words drawn by chance, with words that stand in both."""
    random = np.random.default_rng(0)
    topics = [text % 2 for text in range(texts)]
    both = ["the", "a", "of", "and", "it"]
    return [" ".join(random.choice([*(LAW if topic else FRUIT), *both], 12)) for topic in topics], topics


@pytest.fixture(scope="module")
def trained():
    texts, _ = corpus()
    return GloveAverage(dimensions=10).fit(texts)


def similarity(model, first: str, second: str) -> float:
    left, right = (model.vectors_[model.vocabulary_[word]] for word in (first, second))
    return left @ right / np.linalg.norm(left) / np.linalg.norm(right)


def test_words_that_stand_together_come_to_lie_together(trained):
    for words in (FRUIT, LAW):
        for word in words:
            others = [other for other in FRUIT + LAW if other != word]
            nearest = sorted(others, key=partial(similarity, trained, word))[-4:]
            assert set(nearest) == set(words) - {word}


def test_the_loss_falls(trained):
    assert len(trained.loss_) == 100
    assert trained.loss_[-1] < 0.2 * trained.loss_[0]
    assert all(later <= earlier for earlier, later in zip(trained.loss_, trained.loss_[1:], strict=False))


def test_the_loss_is_the_weighted_squared_error_of_the_paper():
    """Equation 8 of Pennington and others 2014, written out, at the numbers that training starts from."""
    texts, _ = corpus(20)
    model = GloveAverage(dimensions=4, max_iter=1, min_count=1, x_max=5).fit(texts)
    rows = [np.array([model.vocabulary_[word] for word in text.split()]) for text in texts]
    counts, size = cooccurrences(rows, len(model.vocabulary_), 10), len(model.vocabulary_)
    random = np.random.default_rng(0)
    word, context, word_bias, context_bias = (
        random.uniform(-1, 1, shape) * np.sqrt(6 / sum(shape)) for shape in [(size, 4), (size, 4), (size, 1), (size, 1)]
    )
    loss = 0.0
    for i in range(size):
        for j in range(size):
            if counts[i, j]:
                error = word[i] @ context[j] + word_bias[i, 0] + context_bias[j, 0] - np.log(counts[i, j])
                loss += min(counts[i, j] / 5, 1) ** 0.75 * error**2
    assert model.loss_[0] == pytest.approx(loss / 2, rel=1e-4)  # mittens minimises half of it


def test_cooccurrences_are_those_of_a_naive_double_loop():
    random = np.random.default_rng(0)
    documents = [random.integers(0, 7, length) for length in (0, 1, 5, 30, 2)]
    expected = np.zeros((7, 7))
    for words in documents:
        for here, first in enumerate(words):
            for there, second in enumerate(words):
                if 0 < abs(here - there) <= 4:
                    expected[first, second] += 1 / abs(here - there)
    np.testing.assert_allclose(cooccurrences(documents, 7, 4), expected, rtol=1e-12)


def test_a_text_is_the_average_of_the_vectors_of_its_words(trained):
    vectors = [trained.vectors_[trained.vocabulary_[word]] for word in ("apple", "apple", "vote")]
    features = trained.transform(["Apple, unheard apple; VOTE!", "nothing known here", ""])
    np.testing.assert_allclose(features[0], np.mean(vectors, axis=0), rtol=1e-5)
    assert features.shape == (3, 10) and not features[1:].any()


def test_the_same_seed_gives_the_same_vectors_and_another_seed_others():
    texts, _ = corpus(40)
    first, again, other = (GloveAverage(dimensions=5, max_iter=5, seed=seed).fit(texts).vectors_ for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)


def test_training_leaves_the_random_numbers_of_others_alone():
    texts, _ = corpus(40)
    np.random.seed(3)
    expected = np.random.random(3)
    np.random.seed(3)
    GloveAverage(dimensions=5, max_iter=2).fit(texts)
    np.testing.assert_array_equal(np.random.random(3), expected)


def test_the_vocabulary_is_the_most_frequent_words_that_occur_often_enough():
    texts = ["a a a a b b b c c c d"]
    assert list(GloveAverage(min_count=3, max_iter=1).fit(texts).vocabulary_) == ["a", "b", "c"]
    assert list(GloveAverage(min_count=1, max_words=2, max_iter=1).fit(texts).vocabulary_) == ["a", "b"]
    with pytest.raises(ValueError, match="min_count"):
        GloveAverage(min_count=9).fit(texts)


def test_it_can_be_cloned_saved_and_cross_validated(trained):
    texts, topics = corpus(150)
    pipeline = make_pipeline(GloveAverage(dimensions=5), LogisticRegression())
    assert cross_val_score(pipeline, texts, topics, cv=3).mean() > 0.9
    assert clone(trained).get_params() == trained.get_params() and not hasattr(clone(trained), "vectors_")
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(trained)).transform(texts), trained.transform(texts))


def test_vectors_trained_once_on_other_texts_serve_every_fold(trained):
    """scikit-learn's way to keep a fitted step as it is: no fold trains anew."""
    texts, topics = corpus(60)
    pipeline = make_pipeline(FrozenEstimator(trained), LogisticRegression())
    assert cross_val_score(pipeline, texts, topics, cv=3).mean() > 0.9
    assert pipeline.fit(texts, topics)[0].vectors_ is trained.vectors_


def test_columns_and_lists_give_the_same(trained):
    texts, _ = corpus(10)
    column = Dataset.from_dict({"text": texts})["text"]
    np.testing.assert_array_equal(trained.transform(column), trained.transform(texts))
    with pytest.raises(TypeError, match="list of strings"):
        trained.transform("one text")


def test_where_tensorflow_is_installed_it_is_not_loaded(tmp_path, monkeypatch):
    """A stand-in for it: mittens would take it first, and change settings of the whole process."""
    (tmp_path / "tensorflow.py").write_text("raise RuntimeError('loaded')\n")
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.split(".")[0] == "mittens"]:
        monkeypatch.delitem(sys.modules, name)
    assert GloveAverage(2, min_count=1, max_iter=2).fit(["a b c"]).vectors_.shape == (3, 2)
    assert "tensorflow" not in sys.modules


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "glove.tiny.3d.txt"
    path.write_text("the 1 0 0\n. . . 9 9 9\nvote 0 2 0\nat name@domain.com 9 9 9\nat 0 0 3\ndo 1 1 1\nn't 3 3 3\n")
    return path


def test_vectors_of_a_file_are_averaged_also_for_words_that_fit_did_not_see(file):
    model = GloveAverage(dimensions=3, vectors=file).fit(["The vote"])
    assert model.transform(["the vote", "at", "Don't!", "nothing"]).tolist() == [
        [0.5, 1, 0],
        [0, 0, 3],
        [2, 2, 2],
        [0] * 3,
    ]
    assert "glove.tiny.3d.txt" in model.origin and model.loss_ == []


def test_the_origin_says_what_the_vectors_were_trained_on(trained):
    assert trained.origin == "10 dimensions, 15 words, trained on 300 texts"


def test_a_file_is_read_again_only_for_new_words(file, monkeypatch):
    opened = []
    real = glove._opened
    monkeypatch.setattr(glove, "_opened", lambda *arguments: opened.append(1) or real(*arguments))
    for words in (["the", "absent"], ["the"], ["absent"], ["vote", "the"]):
        load_vectors(file, words, 3)
    assert len(opened) == 2


def test_stanford_s_zip_gives_the_file_with_the_dimensions(file, tmp_path):
    path = tmp_path / "glove.tiny.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(file, file.name)
        archive.writestr("glove.tiny.2d.txt", "vote 7 8\n")
    assert load_vectors(path, ["vote"], 3)["vote"].tolist() == [0, 2, 0]
    assert load_vectors(path, ["vote"], 2)["vote"].tolist() == [7, 8]
    with pytest.raises(ValueError, match="glove.tiny.2d.txt"):
        load_vectors(path, ["vote"], 50)


def test_the_heading_of_a_word2vec_file_is_no_word(tmp_path):
    path = tmp_path / "vectors.txt"
    path.write_text("2 3\nthe 1 0 0\nvote 0 2 0\n")
    assert load_vectors(path, ["vote", "2"], 3).keys() == {"vote"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("the 1 0\nvote 0 2\n", "2 numbers, expected 3"),
        ("the 1 0 0\nvote 0 2", "line 2: 2 numbers"),
        ("the 1 0 0\nvote 0 2 x\n", "line 2: expected a word and numbers"),
        ("PK nothing of the kind\n", "line 1"),
        ("senate 1 0 0\n", "none of the 2 words"),
    ],
    ids=["dimensions", "cut", "letters", "other", "foreign"],
)
def test_a_file_that_does_not_fit_is_refused_with_its_name(tmp_path, content, message):
    path = tmp_path / "vectors.txt"
    path.write_text(content)
    with pytest.raises(ValueError, match=message) as raised:
        GloveAverage(dimensions=3, vectors=path).fit(["the vote"])
    assert "vectors.txt" in str(raised.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere.txt"):
        GloveAverage(vectors=tmp_path / "nowhere.txt").fit(["the vote"])

"""What makes two texts the same, what makes them near-copies, and splits that are balanced by rows and labels."""

import unicodedata
import warnings
from random import Random

import numpy as np
import pandas as pd
import pytest

from helpers.data import load_csv, splits


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("I really think @A is right", "I really think @B is right"),
        ("Great 😀", "Great 😡"),
        ("पिता घर पर", "पीता घर पर"),
        ("Really?", "Really!"),
        ("résumé", "resume"),
        ("C++", "C"),
    ],
)
def test_texts_that_say_something_else_are_not_the_same(one, other):
    assert splits.normalize(one) != splits.normalize(other)
    frame = pd.DataFrame({"text": [one, other], "label": ["a", "b"]})
    assert len(splits.without_duplicates(frame)) == 2


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Vote NOW", "vote  now\n"),
        ("schön", unicodedata.normalize("NFD", "schön")),
        ("Straße", "STRASSE"),
        ("ｆｕｌｌ width", "full width"),
        ("see https://a.org/1", "see https://b.org/2"),
        ("no\u00a0break", "no break"),
    ],
)
def test_unicode_form_case_white_space_and_links_make_no_difference(one, other):
    assert splits.normalize(one) == splits.normalize(other)


def test_words_are_letters_marks_and_digits_of_any_script():
    assert splits.words("Hi @you, it's 2! सरकारी नीति; день https://a.org") == [
        "hi", "it", "s", "2", "सरकारी", "नीति", "день"
    ]  # fmt: skip
    assert splits.words("中文 ABC データ") == ["中", "文", "abc", "デ", "ー", "タ"]
    assert splits.words("😀") == ["😀"] != splits.words("😡")


def test_near_copies_are_grouped_in_scripts_without_spaces():
    shared = "各位选民大家好我们今天要谈谈税收问题"
    texts = pd.Series([f"首先{shared}谢谢", f"{shared}再见", "明天的天气很好", "税收问题很难"])
    groups = splits.same_source(texts, run=8)
    assert groups[0] == groups[1] and len(set(groups)) == 3
    assert splits.length("税收问题") == 2 and splits.length("one two") == 2


def near(parts, total: int) -> bool:
    sizes = np.array([len(part) for part in parts.values()])
    return sizes.sum() == total and np.abs(sizes / total - [0.70, 0.15, 0.15]).max() < 0.01


def test_words_with_vowel_signs_do_not_make_every_text_a_near_copy(tmp_path):
    rng, ends = Random(0), ("ता", "ती", "ते")
    stems = ("सरकारी", "विचार", "परिवार", "निर्णय", "राजनीति")
    words = [a + b + c for a in stems for b in ("की", "का", "में", "से") for c in ends]
    rows = "".join(" ".join(rng.choice(words) for _ in range(12)) + f",{'ab'[i % 2]}\n" for i in range(300))
    (tmp_path / "hi.csv").write_text("text,kind\n" + rows, encoding="utf-8")
    parts = load_csv(tmp_path / "hi.csv", "text", "kind")
    assert [len(part) for part in parts.values()] == [210, 45, 45]


def boilerplate(count: int, with_it) -> pd.DataFrame:
    rng, shared = Random(0), "please read our terms before you answer this question "
    texts = [
        (shared if with_it(i) else "") + " ".join(f"word{rng.randrange(3000)}" for _ in range(9)) for i in range(count)
    ]
    return pd.DataFrame({"text": texts, "label": ["ab"[i % 3 > 0] for i in range(count)]})


@pytest.mark.parametrize("seed", range(6))
def test_a_sentence_in_half_of_the_rows_leaves_the_split_balanced(seed):
    frame = boilerplate(1000, lambda i: i % 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parts = splits.split(frame, 8, seed)
    assert near(parts, 1000)
    shares = [(part["label"] == "a").mean() for part in parts.values()]
    assert max(shares) - min(shares) < 0.02


def test_a_sentence_in_most_rows_is_named_in_a_warning():
    with pytest.warns(
        UserWarning, match='900 of 1,000 texts stay in one part.*"please read our terms before you answer'
    ):
        splits.split(boilerplate(1000, lambda i: i % 10), 8, 0)
    half = boilerplate(1000, lambda i: i % 2)
    with pytest.warns(UserWarning, match="please read our terms"):
        splits.folds(half["text"], half["label"], run=8)


def test_folds_are_balanced_by_rows_and_labels():
    frame = boilerplate(1000, lambda i: i % 7 == 0)
    pairs = splits.folds(frame["text"], frame["label"], run=8, k=5, seed=3)
    held_out = [rows for _, rows in pairs]
    assert sorted(np.concatenate(held_out)) == list(range(1000))
    assert [len(rows) for rows in held_out] == [200] * 5
    shares = [(frame["label"][rows] == "a").mean() for rows in held_out]
    assert max(shares) - min(shares) < 0.02
    groups = splits.same_source(frame["text"], 8)
    assert all(not set(groups[train]) & set(groups[rows]) for train, rows in pairs)


def test_the_seed_changes_the_folds_and_a_rare_class_is_refused():
    frame = boilerplate(200, lambda i: False)
    first, again, other = (splits.folds(frame["text"], frame["label"], 8, seed=seed)[0][1] for seed in (0, 0, 1))
    assert list(first) == list(again) != list(other)
    with pytest.raises(ValueError, match="5 folds need 5 texts of each class; 'c' has 1"):
        splits.folds([*frame["text"], "new"], [*frame["label"], "c"], 8)

"""Scores of translations: those of sacrebleu, for references in the right language only."""

import pytest
import sacrebleu

from helpers.data import sets
from helpers.metrics import translations


@pytest.fixture(scope="module")
def pairs():
    return sets.table("sentence_pairs")


@pytest.mark.parametrize(("given", "wanted"), [("es", "pt"), ("pt", "es"), ("en", "pt"), ("en", "es")])
def test_references_in_another_language_are_refused(pairs, given, wanted):
    with pytest.raises(ValueError, match=f"in '{given}', the translations should be in '{wanted}'"):
        translations.scores(pairs[wanted], pairs[given], wanted)


@pytest.mark.parametrize(
    "category", ["negation", "names", "hashtags", "idioms", "numbers", "plain", "irony", "questions"]
)
@pytest.mark.parametrize("language", ["en", "pt", "es"])
def test_the_references_of_each_category_pass(pairs, category, language):
    translations.check_references(pairs.loc[pairs["category"] == category, language], language)


def test_too_little_text_and_an_unknown_language_pass():
    translations.check_references(["Hello"], "pt")
    translations.check_references(["This is a text of more than a hundred letters, in English. " * 3], "xx")


def test_scores_are_those_of_sacrebleu_with_their_signature(pairs):
    worse = [text.replace("o", "a") for text in pairs["pt"]]
    table = translations.scores(worse, pairs["pt"], "pt", resamples=200)
    references = [pairs["pt"].tolist()]
    assert table.loc["BLEU", "score"] == pytest.approx(sacrebleu.corpus_bleu(worse, references).score)
    assert table.loc["chrF", "score"] == pytest.approx(sacrebleu.corpus_chrf(worse, references).score)
    for _, row in table.iterrows():
        assert row["low"] < row["score"] < row["high"]
        assert f"version:{sacrebleu.__version__}" in row["signature"] and "bs:200" in row["signature"]


def test_scores_by_category_are_those_of_its_texts_alone(pairs):
    worse = [
        text.replace("a", "") if kind == "idioms" else text
        for text, kind in zip(pairs["pt"], pairs["category"], strict=True)
    ]
    table = translations.by_category(worse, pairs["pt"], pairs["category"], "pt")
    assert table.index[-1] == "idioms" and table["texts"].sum() == len(pairs)
    assert table.drop("idioms")["chrF"].min() == pytest.approx(100)
    idioms = [text for text, kind in zip(worse, pairs["category"], strict=True) if kind == "idioms"]
    references = pairs.loc[pairs["category"] == "idioms", "pt"].tolist()
    assert table.loc["idioms", "BLEU"] == pytest.approx(sacrebleu.corpus_bleu(idioms, [references]).score)


def test_the_worst_come_first(pairs):
    texts = pairs["pt"].tolist()
    texts[5], texts[9] = "xyz", texts[9][:20]
    assert translations.worst(texts, pairs["pt"], "pt", count=2) == [5, 9]


@pytest.mark.parametrize(("hypotheses", "references"), [([], []), (["a"], ["a", "b"])])
def test_as_many_references_as_translations_are_needed(hypotheses, references):
    with pytest.raises(ValueError, match="Give as many of both"):
        translations.scores(hypotheses, references, "pt")


def test_each_translation_needs_its_category():
    with pytest.raises(ValueError, match="2 translations have 1 categories"):
        translations.by_category(["a", "b"], ["a", "b"], ["x"], "pt")

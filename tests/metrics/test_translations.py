"""Scores of translations: those of sacrebleu, for references in the right language only."""

import numpy as np
import pytest
import sacrebleu
from sacrebleu.metrics import BLEU, CHRF
from sacrebleu.significance import PairedTest

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


def test_too_little_text_passes_and_a_region_makes_no_difference(pairs):
    translations.check_references(["Hello"], "pt")
    translations.check_references(pairs["pt"], "pt-BR")
    english = ["The government presented a bill on taxes and on public spending for the next year."] * 3
    with pytest.raises(ValueError, match="in 'en', the translations should be in 'pt'"):
        translations.scores(english, english, "pt-BR")


@pytest.mark.parametrize("code", ["xx", "Portuguese", "", None])
def test_a_code_that_is_no_languages_is_refused(code):
    with pytest.raises(ValueError, match="not a known language code"):
        translations.scores(["o gato"], ["o gato"], code)


@pytest.mark.parametrize("code", ["no", "nb"])
def test_norwegian_goes_by_either_code(code):
    text = "Regjeringen la frem et forslag om skatter og om offentlige utgifter for neste år, sa ministeren i går."
    translations.check_references([text] * 2, code)


def test_chinese_is_cut_into_characters_and_thai_too():
    table = translations.scores(["我喜欢吃苹果和香蕉"], ["我喜欢吃苹果和香蕉"], "zh-Hans")
    assert table.loc["BLEU", "score"] == pytest.approx(100) and "tok:zh" in table.loc["BLEU", "signature"]
    table = translations.scores(["ฉันรักคุณมาก"], ["ฉันรักเธอมาก"], "th")
    assert table.loc["BLEU", "score"] > 0 and "tok:char" in table.loc["BLEU", "signature"]


@pytest.mark.parametrize("code", ["ja", "ko"])
def test_without_the_package_that_cuts_a_language_the_answer_says_how_to_get_it(code, monkeypatch):
    def lacking(**options):
        raise RuntimeError("tokenization requires extra dependencies")

    monkeypatch.setattr(translations, "BLEU", lacking)
    with pytest.raises(ValueError, match=rf'%pip install "sacrebleu\[{code}\]"'):
        translations.scores(["a b c d"], ["a b c d"], code)


def test_a_few_short_texts_have_scores_and_one_alone_no_interval():
    given, references = ["Bom dia", "Obrigado", "Fui a casa"], ["Olá", "Agradeço", "Fui a casa"]
    table = translations.scores(given, references, "pt")
    assert table.loc["chrF", "score"] == pytest.approx(sacrebleu.corpus_chrf(given, [references]).score)
    assert 0 <= table.loc["chrF", "low"] < table.loc["chrF", "score"] < table.loc["chrF", "high"] <= 100
    assert translations.scores(given[:1], references[:1], "pt")[["low", "high"]].isna().all(axis=None)


@pytest.mark.parametrize("texts", ["o gato", ["o gato", None], [1.5]])
def test_what_is_no_list_of_texts_is_refused(texts):
    with pytest.raises(ValueError, match="lists of texts"):
        translations.scores(texts, texts, "pt")


def test_scores_are_those_of_sacrebleu_with_their_signature(pairs):
    worse = [text.replace("o", "a") for text in pairs["pt"]]
    table = translations.scores(worse, pairs["pt"], "pt-PT", resamples=200)
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
    row = table.loc["idioms"]
    assert row["BLEU low"] < row["BLEU"] < row["BLEU high"] and row["chrF low"] < row["chrF"] < row["chrF high"]
    assert table.drop("idioms")["chrF"].min() == pytest.approx(100)
    idioms = [text for text, kind in zip(worse, pairs["category"], strict=True) if kind == "idioms"]
    references = pairs.loc[pairs["category"] == "idioms", "pt"].tolist()
    assert table.loc["idioms", "BLEU"] == pytest.approx(sacrebleu.corpus_bleu(idioms, [references]).score)


def test_a_comparison_is_sacrebleus_paired_test(pairs):
    random, references = np.random.default_rng(0), pairs["pt"].tolist()
    first, second = (
        [text.replace("a", "") if random.random() < share else text for text in references] for share in (0.3, 0.5)
    )
    table = translations.compare(first, second, references, "pt", resamples=300)
    metrics = {"BLEU": BLEU(references=[references]), "chrF": CHRF(references=[references])}
    _, theirs = PairedTest([("a", first), ("b", second)], metrics, None, "ar", 300)()
    for name, its_name in {"BLEU": "BLEU", "chrF": "chrF2"}.items():
        one, other = theirs[its_name]
        row = table.loc[name]
        assert (row["first"], row["second"], row["p"]) == (one.score, other.score, other.p_value)
        assert row["difference"] == one.score - other.score


def test_systems_that_are_equally_good_are_seldom_called_different(pairs):
    """Each text is spoiled in one of two translations, by chance. A paired bootstrap calls twice as many different."""
    texts, p_values = pairs["pt"].tolist(), []
    for seed in range(100):
        first_is_worse = np.random.default_rng(seed).random(len(texts)) < 0.5
        spoiled = [text.replace("a", "") for text in texts]
        first = [bad if worse else good for good, bad, worse in zip(texts, spoiled, first_is_worse, strict=True)]
        second = [good if worse else bad for good, bad, worse in zip(texts, spoiled, first_is_worse, strict=True)]
        p_values.append(translations.compare(first, second, texts, "pt", resamples=100).loc["chrF", "p"])
    assert np.mean(np.array(p_values) < 0.05) <= 0.1 and np.median(p_values) > 0.3


def test_equal_translations_do_not_differ_and_few_are_not_compared(pairs):
    worse, references = [text.replace("a", "") for text in pairs["pt"]], pairs["pt"].tolist()
    table = translations.compare(worse, worse, references, "pt", resamples=50)
    assert table["p"].tolist() == [1, 1] and table["difference"].tolist() == [0, 0]
    with pytest.raises(ValueError, match="9 texts are too few"):
        translations.compare(worse[:9], worse[:9], references[:9], "pt")


def test_the_worst_come_first(pairs):
    texts = pairs["pt"].tolist()
    texts[5], texts[9] = "xyz", texts[9][:20]
    assert translations.worst(texts, pairs["pt"], "pt", count=2) == [5, 9]


@pytest.mark.parametrize(("hypotheses", "references"), [([], []), (["a"], ["a", "b"])])
def test_as_many_references_as_translations_are_needed(hypotheses, references):
    with pytest.raises(ValueError, match="Give as many of each"):
        translations.scores(hypotheses, references, "pt")


def test_each_translation_needs_its_category():
    with pytest.raises(ValueError, match="2 translations have 1 categories"):
        translations.by_category(["a", "b"], ["a", "b"], ["x"], "pt")

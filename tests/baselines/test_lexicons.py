"""Sentiment by word lists: scores, ties, patterns, and the dictionaries in their own formats."""

import time
import unicodedata

import numpy as np
import pandas as pd
import pytest
from datasets import Dataset
from sklearn.base import clone
from sklearn.metrics import f1_score
from sklearn.model_selection import cross_val_score
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from helpers.baselines import lexicons
from helpers.baselines.lexicons import Dictionary, Vader, general_inquirer, lexicoder
from helpers.data import sets
from helpers.packages import catalogue

TEXTS = ["I love this great country!", "What a terrible, sad day.", "The vote is on Tuesday.", "Not good at all :("]

# Written for these tests in the format of the real files, which may not be passed on.
LC3 = "+NEGATIVE#AA0000\r\nABANDON*\r\nBAD\r\nA LIE\r\nLACK OF\r\n+POSITIVE#008800\r\nGOOD*\r\nHONEST*\r\nLIKE\r\n"
LC3_NEG = "+NEG_POSITIVE\n NOT GOOD*\n NOT HONEST*\n+NEG_NEGATIVE\n NOT BAD\n"


@pytest.fixture
def lsd(tmp_path):
    """A folder as the authors give it out, with a few made-up patterns."""
    folder = tmp_path / "LSDaug2015"
    folder.mkdir()
    (folder / "LSD2015.lc3").write_text(LC3, encoding="utf-8", newline="")
    (folder / "LSD2015_NEG.lc3").write_text(LC3_NEG, encoding="utf-8")
    return folder


def test_vader_gives_the_scores_of_vader_itself():
    analyzer = SentimentIntensityAnalyzer()
    texts = TEXTS + sets.load("clinton_stance")["test"]["text"][:50]
    assert list(Vader().score_texts(texts)) == [analyzer.polarity_scores(text)["compound"] for text in texts]


def test_vader_labels_by_the_sign_of_its_score():
    assert list(Vader(ties="negative").predict(TEXTS)) == [1, 0, 0, 0]
    assert list(Vader(ties="positive").predict(TEXTS)) == [1, 0, 1, 0]


def test_ties_are_counted_and_their_share_is_shown(capsys):
    classifier = Vader()
    classifier.predict(TEXTS)
    assert (classifier.ties_, classifier.ties_share_) == (1, 0.25)
    assert "1 of 4 texts (25%) have the score 0" in capsys.readouterr().out


def test_a_random_tie_depends_on_the_text_and_the_seed_and_not_on_its_neighbours():
    texts = [f"The vote is on day {day}." for day in range(200)]
    labels = Vader(seed=1).predict(texts)
    assert 70 < labels.sum() < 130
    assert list(Vader(seed=1).predict(texts[::-1])) == list(labels[::-1])
    assert list(Vader(seed=2).predict(texts)) != list(labels)


@pytest.mark.parametrize("classifier", [Vader(), Dictionary(["love"], ["sad"])], ids=["vader", "dictionary"])
@pytest.mark.parametrize("form", [list, pd.Series, np.array, lambda texts: Dataset.from_dict({"text": texts})["text"]])
def test_lists_series_arrays_and_columns_are_taken(classifier, form):
    assert list(classifier.predict(form(TEXTS))[:2]) == [1, 0]
    assert list(classifier.fit(form(TEXTS), form([1, 0, 1, 0])).classes_) == [0, 1]


@pytest.mark.parametrize("wrong", ["one text", [None], ["a text", float("nan")]], ids=["string", "none", "nan"])
def test_what_is_no_list_of_strings_is_refused(wrong):
    for classifier in (Vader(), Dictionary(["good"], ["bad"])):
        with pytest.raises(TypeError, match="list of strings"):
            classifier.predict(wrong)


def test_no_texts_give_no_labels():
    assert Vader().predict([]).shape == Dictionary(["good"], ["bad"]).predict([]).shape == (0,)


def test_other_labels_than_0_and_1_are_refused():
    with pytest.raises(ValueError, match="0 \\(negative\\) and 1"):
        Vader().fit(TEXTS, [1, 2, 1, 2])


def test_an_unknown_rule_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match="random"):
        Vader(ties="drop").predict(TEXTS)
    with pytest.raises(ValueError, match="subtract"):
        Dictionary(["good"], ["bad"], negated="reverse").predict(TEXTS)


def test_cross_validation_takes_them_and_learns_nothing():
    texts, labels = TEXTS * 5, [1, 0, 1, 0] * 5
    for classifier in (Vader(ties="positive"), Dictionary(["love", "vote"], ["sad", "not"], ties="negative")):
        scores = cross_val_score(classifier, texts, labels, cv=5, scoring="f1_macro")
        assert list(scores) == [1.0] * 5
        assert f1_score(labels, clone(classifier).predict(texts)) == 1.0


def test_a_dictionary_counts_what_a_reader_counts():
    dictionary = Dictionary(["good", "love*"], ["bad", "lack of"])
    texts = ["Good, GOOD and lovely!", "A bad lack of love: lack", "goods and badly", ""]
    assert dictionary.counts(texts).tolist() == [[3, 0, 4], [1, 2, 6], [0, 0, 3], [0, 0, 0]]
    assert dictionary.score_texts(texts).tolist() == [3 / 4, -1 / 6, 0, 0]


@pytest.mark.parametrize(
    ("pattern", "fits", "does_not"),
    [
        ("abandon*", ["abandon", "Abandoned", "ABANDONMENT", "abandon-all"], ["aban", "unabandon"]),
        ("wom?n", ["woman", "women"], ["womn", "womaan", "womans"]),
        ("*ness", ["kindness", "ness"], ["kindnesses"]),
        ("self-respect", ["self-respect", "Self-Respect!"], ["self respect", "self"]),
        ("don't care", ["don't care", "Don’t care", "do not care"], ["do care", "don't"]),
        ("lack* of", ["lacks of", "lack of"], ["lack", "of", "lack in of"]),
        ("not *", ["not x"], ["not"]),
        ("c++ (x)", ["c x"], ["cc x"]),
    ],
)
def test_a_pattern_fits_whole_words_in_any_case(pattern, fits, does_not):
    dictionary = Dictionary([pattern], [])
    assert dictionary.counts(fits)[:, 0].tolist() == [1] * len(fits)
    assert dictionary.counts(does_not)[:, 0].tolist() == [0] * len(does_not)


def test_a_word_in_both_lists_counts_for_both_and_a_longer_pattern_overrules():
    assert Dictionary(["fine", "a fine"], ["fine"]).counts(["fine", "a fine"])[:, :2].tolist() == [[1, 1], [1, 0]]
    assert Dictionary(["good", "go*"], ["good"]).counts(["good"])[:, :2].tolist() == [[1, 1]]


def test_emoji_and_emoticons_are_counted_and_are_no_words():
    dictionary = Dictionary([":)", "😀", "so :)", "☀️"], [":*", "-"])
    texts = ["well done :) 😀", "so :)", "☀ fine", ":* kiss", "self-respect - :x"]
    assert dictionary.counts(texts).tolist() == [[2, 0, 2], [1, 0, 1], [1, 0, 1], [0, 1, 1], [0, 1, 2]]


@pytest.mark.parametrize("pattern", ["", " ", None, float("nan")])
def test_an_empty_pattern_is_refused(pattern):
    with pytest.raises(ValueError, match="empty"):
        Dictionary(["good", pattern]).counts(["good"])


def test_words_are_the_same_in_every_unicode_form_and_have_their_vowels():
    assert Dictionary(["schön"]).counts([unicodedata.normalize("NFD", "schön")]).tolist() == [[1, 0, 1]]
    assert Dictionary([unicodedata.normalize("NFD", "schön")]).counts(["schön"]).tolist() == [[1, 0, 1]]
    assert Dictionary(["शांति"]).counts(["शीत", "शांति"]).tolist() == [[0, 0, 1], [1, 0, 1]]


@pytest.mark.parametrize("form", [pd.DataFrame, dict])
def test_a_table_is_refused_with_its_columns(form):
    with pytest.raises(TypeError, match="one of its columns: text"):
        Vader().score_texts(form({"text": ["good", "bad", "fine"]}))


def test_a_series_with_a_missing_text_is_refused():
    with pytest.raises(TypeError, match="list of strings"):
        Vader().predict(pd.Series(["good", np.nan]))


def test_a_thousand_texts_and_three_thousand_patterns_take_less_than_a_second_of_work():
    words = [f"{first}{second}{third}*" for first in "abcdefghij" for second in "abcdefghij" for third in "abcdefghij"]
    words += [f"not {word}" for word in words] + [f"{word}x" for word in words]
    dictionary = Dictionary(words[::2], words[1::2])
    texts = ["she will not abcde the gadfly but jab a big bee for it and not dig a hedge so be it"] * 1000
    start = time.process_time()
    dictionary.predict(texts)
    assert time.process_time() - start < 1


def test_the_general_inquirer_has_the_words_that_its_table_marks():
    """Counted another way: line by line, without pandas."""
    [path] = catalogue.files("general_inquirer")
    heading, *lines = path.read_text(encoding="ascii").splitlines()
    column = {name: heading.split("\t").index(name) for name in ("Positiv", "Negativ")}
    words = {name: set() for name in column}
    for line in lines:
        cells = line.split("\t")
        for name in column:
            if cells[column[name]]:
                words[name].add(cells[0].split("#")[0].rstrip(">").lower())
    dictionary = general_inquirer()
    assert set(dictionary.positive) == words["Positiv"] and set(dictionary.negative) == words["Negativ"]
    assert (len(dictionary.positive), len(dictionary.negative)) == (1637, 2005)
    assert len(words["Positiv"] & words["Negativ"]) == 16
    assert {"good", "like", "kind"} <= words["Positiv"] and {"abandon", "close", "mean"} <= words["Negativ"]


def test_the_general_inquirer_tells_fresh_from_rotten_better_than_chance():
    snippets = sets.load("rotten_tomatoes")["validation"]
    assert f1_score(snippets["label"], general_inquirer().predict(snippets["text"]), average="macro") > 0.55


def test_lexicoder_reads_both_of_its_files(lsd):
    for path in (lsd, lsd / "LSD2015.lc3", str(lsd.parent)):
        dictionary = lexicoder(path)
        assert dictionary.negative == ["ABANDON*", "BAD", "A LIE", "LACK OF"]
        assert dictionary.positive == ["GOOD*", "HONEST*", "LIKE"]
        assert dictionary.neg_positive == ["NOT GOOD*", "NOT HONEST*"] and dictionary.neg_negative == ["NOT BAD"]


@pytest.mark.parametrize(
    ("negated", "expected"),
    [("flip", [[1, 0], [0, 1], [1, 0], [0, 1], [1, 2]]),
     ("subtract", [[1, 0], [0, 0], [0, 0], [0, 0], [1, 1]]),
     ("ignore", [[1, 0], [1, 0], [0, 1], [1, 0], [2, 1]])],
)  # fmt: skip
def test_negations_are_flipped_subtracted_or_ignored(lsd, negated, expected):
    texts = ["Goodness", "not good", "Not bad!", "it isn't honest", "a lie, cannot good, I like it"]
    assert lexicoder(lsd, negated=negated).counts(texts)[:, :2].tolist() == expected


def test_lexicoder_in_xml_and_in_quanteda_s_yaml_is_the_same_dictionary(lsd, tmp_path):
    expected = lexicoder(lsd).get_params()
    nodes, lines = "", []
    for name in lexicons.CATEGORIES:
        leaves = "".join(f'<pnode name="{word}"></pnode>' for word in expected[name])
        nodes += f'<cnode name="{name.upper()}">{leaves}</cnode>'
        lines += [f"{name}:", *(f"  - '{word}'" for word in expected[name])]
    xml, yaml = tmp_path / "LSD.ykd", tmp_path / "LSD.yml"
    xml.write_text(f'<?xml version="1.0" encoding="UTF-8"?>\n<dictionary><cnode name="">{nodes}</cnode></dictionary>')
    yaml.write_text("\n".join(lines))
    assert lexicoder(xml).get_params() == lexicoder(yaml).get_params() == expected


def test_a_missing_lexicoder_says_where_to_get_it(tmp_path):
    for path in (tmp_path, tmp_path / "LSD2015.lc3"):
        with pytest.raises(FileNotFoundError, match="snsoroka.com.*") as raised:
            lexicoder(path)
        assert "may not be passed on" in str(raised.value)


def test_missing_negations_are_named(lsd):
    (lsd / "LSD2015_NEG.lc3").unlink()
    with pytest.raises(FileNotFoundError, match="LSD2015_NEG.lc3"):
        lexicoder(lsd)
    assert lexicoder(lsd, negated="ignore").positive == ["GOOD*", "HONEST*", "LIKE"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("word,score\ngood,1\n", "not a Lexicoder dictionary"),
        ("", "not a Lexicoder dictionary"),
        ('<dictionary><cnode name="POSITIVE"><pnode name="GOOD">', "cannot be read"),
        ('<!DOCTYPE d [<!ENTITY a "aaaa">]><d><cnode name="POSITIVE"><pnode name="&a;"/></cnode></d>', "entities"),
    ],
    ids=["csv", "empty", "damaged", "entities"],
)
def test_a_file_of_another_kind_is_refused_with_its_name(tmp_path, content, message):
    path = tmp_path / "LSD2015.lc3"
    path.write_text(content)
    with pytest.raises(ValueError, match=message) as raised:
        lexicoder(path)
    assert "LSD2015.lc3" in str(raised.value)

"""The stand-ins for models of the Hub: they are called, and answer, like transformers' pipelines."""

import pytest

from helpers import hub_only


def test_each_role_says_what_the_hub_would_run_and_what_runs_here(capsys):
    for role in hub_only.ROLES:
        assert callable(hub_only.pipeline(role))
    said = capsys.readouterr().out.splitlines()
    assert len(said) == len(hub_only.ROLES)
    assert all(line.startswith("With the Hub, this cell runs ") and "Here, without it, runs " in line for line in said)


def test_sentiment_by_words():
    answers = hub_only.pipeline("sentiment")(["I love this.", "This is a disgrace.", "The committee meets."])
    assert [answer["label"] for answer in answers] == ["positive", "negative", "neutral"]
    assert all(0 <= answer["score"] <= 1 for answer in answers)


def test_labels_by_nearness_are_sorted_and_sum_to_one():
    answer = hub_only.pipeline("entailment")("More nurses for our hospitals.", candidate_labels=["defence", "health"])
    assert answer["labels"][0] == "health"
    assert sum(answer["scores"]) == pytest.approx(1)
    assert answer["scores"] == sorted(answer["scores"], reverse=True)


def test_names_by_capitals_and_examples():
    found = hub_only.pipeline("entities")("yesterday Angela Merkel went to Paris.")
    assert [(name["word"], name["entity_group"]) for name in found] == [("Angela Merkel", "PER"), ("Paris", "LOC")]
    assert hub_only.pipeline("entities")("no names here") == []


def test_a_data_set_of_the_hub_has_a_nearest_one_here_and_says_so(capsys):
    parts = hub_only.data_set("tweet_eval_stance_hillary")
    assert parts["train"].features["label"].names == ["Trump campaign", "Clinton campaign"]
    said = "With the Hub, this cell loads tweet_eval_stance_hillary. Here, without it, it loads clinton_stance"
    assert capsys.readouterr().out.startswith(said)
    with pytest.raises(ValueError, match="tweet_eval_offensive"):
        hub_only.data_set("tweet_eval_emoji")


def test_foreign_texts_are_here_portuguese_sentences_whose_english_is_known(capsys):
    [found] = hub_only.foreign_texts(3)
    assert (found.language, len(found.texts), len(found.english)) == ("pt", 3, 3)
    assert found.texts[0].startswith("Apenas seis") and found.english[0].startswith("Only six")
    assert "With the Hub, this cell takes Spanish tweets" in capsys.readouterr().out


def test_an_unknown_role_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match="sentiment"):
        hub_only.pipeline("prophecy")

"""What the text of Day 1 says about its results is what its saved outputs show."""

import ast
import re

from saved_outputs import SavedOutputs

import helpers

DAY = SavedOutputs("day1")
printed, table = DAY.printed, DAY.table


def test_the_six_sentences_were_spoken_in_the_campaigns():
    first = ast.parse(DAY.cells["first-sentiment"].source).body[0]
    sentences = ast.literal_eval(first.value)
    spoken = []
    for name in ("convention_speeches", "debates"):
        for split in helpers.data.load(name).values():
            spoken += split["text"][:]
    assert len(sentences) == 6
    assert [s for s in sentences if not any(s.rstrip(".") in text for text in spoken)] == []


def test_the_best_match_of_the_search_shares_no_word_with_the_query():
    best = printed("first-search").splitlines()[0].partition("  ")[2]
    assert best.startswith("In the state of Indiana")
    assert not set(re.findall(r"\w+", best.lower())) & {"jobs", "workers"}


def test_a_pretrained_model_beats_the_svm_and_the_svm_beats_random_weights():
    accuracy = table("transfer-compare").astype(float)
    pretrained, svm = accuracy.loc["transformer, pretrained"], accuracy.loc["TF-IDF + SVM"]
    assert pretrained["lowest"] > svm["highest"] > accuracy.loc["transformer, random weights", "highest"] + 0.1


def heads_in(cell_id: str):
    """A table with a row for each head; the row with the names of the index is left out."""
    found = table(cell_id)
    return found[found["it to animal"] != ""].drop(columns="").astype(float)


def test_two_heads_link_it_to_the_animal_and_only_the_first_is_looked_at_from_everywhere():
    found = heads_in("looking-search")
    weights = found["it to animal"]
    assert (weights.iloc[:2] > 0.6).all() and (weights.iloc[2:] < 0.3).all()
    everywhere = found["all words to animal"]
    assert everywhere.iloc[0] > 0.4 and everywhere.iloc[1] < 0.2


def test_none_of_the_heads_shown_follows_the_meaning_of_wide():
    found = heads_in("looking-wide")
    assert (found["wide: it to animal"] > found["wide: it to street"]).all()


def test_pronouns_differ_by_profession():
    shares = table("people-pronouns")["share of she"].astype(float)
    assert shares.max() > 2 * shares.min()


def test_embeddings_beat_an_svm_with_twenty_more_labels():
    embeddings, svm = map(float, re.findall(r"\d\.\d\d", printed("classify-compare")))
    assert embeddings > svm + 0.1


def test_a_sentence_on_falling_unemployment_is_called_negative():
    [line] = [line for line in printed("first-sentiment").splitlines() if "unemployment" in line]
    assert line.startswith("NEGATIVE")


def test_padding_to_the_maximum_costs_mostly_by_length():
    by_length, measured = (int(number) for number in re.findall(r"(\d+) times as", printed("price-padding")))
    assert 0.5 * measured < by_length < 1.5 * measured

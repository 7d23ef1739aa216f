"""What the text of Day 3 says about its results is what its saved outputs show."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from saved_outputs import INTERVAL, SavedOutputs, decimals_without_output, numbers

DAY = SavedOutputs("day3")
CELLS, printed, table = DAY.cells, DAY.printed, DAY.table
RESULTS = json.loads((ROOT / "data" / "results" / "day3.json").read_text(encoding="utf-8"))


def test_the_day_begins_with_the_result_of_its_test_section():
    for name, first, last in (("systems", "first-scores", "honest-test"), ("differences", "first-differences", "honest-verdict")):
        first, last = table(first), table(last)
        assert list(first.index) == list(last.index) == list(RESULTS[name])
        columns = [column for column in first if column != "verdict"]
        assert np.allclose(first[columns].astype(float), last[columns].astype(float), atol=0.01)


def test_the_tuned_settings_beat_the_default_and_the_rule_of_thumb_comes_close():
    differences = RESULTS["differences"]
    assert differences["tuned minus default"]["from"] > 0.05
    assert abs(differences["tuned minus rule of thumb"]["macro F1"]) < 0.05


def test_the_models_are_scored_on_the_test_split_in_one_marked_cell_only():
    opens = [name for name, cell in CELLS.items() if re.search(r"\"test\"[,\]]", cell.source)]
    assert opens == ["honest-test"]
    assert "opens-the-test-set" in CELLS["honest-test"].metadata["tags"]


def test_both_ends_of_the_sweep_are_no_better_than_guessing():
    scores = [float(score) for score in re.findall(r"macro F1 (\S+)", printed("tuned-sweep"))]
    assert max(scores[0], scores[-1]) < 0.5 < max(scores) - 0.1


def test_the_search_pruned_some_trials_and_the_best_complete_one_won():
    trials = table("search-trials")
    states = trials["state"].value_counts()
    assert str(states.to_dict()) in printed("search-trials") and states["PRUNED"] >= 1 and states.sum() == 12
    run, planned = numbers(r"(\d+) epochs run of (\d+)", printed("search-trials"))
    assert trials["epochs run"].astype(int).sum() == run < planned
    [best] = numbers(r"best trial of the search: ([\d.]+)", printed("honest-validation"))
    assert trials.loc[trials["state"] == "COMPLETE", "value"].astype(float).max() == pytest.approx(best, abs=0.006)


def test_the_winners_curse_grows_with_the_trials_and_shrinks_with_the_texts():
    found = table("honest-curse-table")
    found["too high by"] = found["too high by"].str.split().str[0].astype(float)
    few, many = (found[found["texts to choose on"] == texts] for texts in ("100 texts", "300 texts"))
    few = few[few["settings"] != "default"]["too high by"]
    assert few.iloc[-1] > few.iloc[0] and few.iloc[-1] > many["too high by"].iloc[-1] > 0


def test_the_best_prompt_promises_more_than_it_keeps():
    text = printed("honest-prompts-draws")
    promised, kept = numbers(r"labeled texts: (\S+)\n.*other texts: (\S+)\n", text)
    [average] = numbers(r"average prompt: ([\d.]+)", text)
    assert average < kept < promised - 0.02


def test_tpe_is_compared_with_the_others_on_the_same_searches():
    text = printed("strategies-intervals")
    means = {name: float(value) for name, value in re.findall(r"^   (\w+) +([\d.]+) \[", text, re.M)}
    for other in ("grid", "random"):
        difference, low, high = numbers(rf"TPE minus {other} +{INTERVAL}", text)
        assert difference == pytest.approx(means["TPE"] - means[other], abs=0.0011)
        assert low <= difference <= high


def test_a_worker_dies_and_its_trial_is_tried_again_by_the_other():
    assert "worker A ended with exit code 1, worker B with 0" in printed("workers-run")
    trials = table("workers-table")
    states = trials["state"].value_counts()
    assert states.to_dict() == {"COMPLETE": 24, "FAIL": 1}
    [failed] = trials.index[trials["state"] == "FAIL"]
    [again] = trials.index[pd.to_numeric(trials["retry of"], errors="coerce") == int(failed)]
    assert trials.loc[[failed, again], "worker"].tolist() == ["A", "B"]
    assert trials.loc[failed, "learning rate"] == trials.loc[again, "learning rate"]


def test_the_head_that_was_trained_to_align_aligns_best():
    scores = table("alignment-heads").astype(float)
    layer, head, share = numbers(r"layer (\d), head (\d), right for (\d+)%", printed("alignment-heads"))
    assert (layer, head) == (1, 0)  # the last of two layers
    assert scores.iloc[1, 0] == scores.max(axis=None) == pytest.approx(share / 100, abs=0.006)


def test_scores_of_translations_carry_their_signature():
    assert printed("judging-scores").count("|version:") == 2


def test_two_correct_references_differ_as_much_as_another_language():
    [references] = numbers(r"chrF2 (\S+)", printed("judging-two-references"))
    [spanish] = numbers(r"chrF2 (\S+)", printed("judging-wrong-language"))
    assert abs(references - spanish) < 10
    assert "The references are in 'es'" in printed("judging-wrong-language")


def test_the_round_trip_costs_little_against_the_cleaned_text():
    accuracy = {name: float(value) for name, value in re.findall(r"^(\D+): accuracy (\S+)", printed("study-shares"), re.M)}
    difference, low, high = numbers(rf"cleaned minus round trip: {INTERVAL}", printed("study-mcnemar"))
    assert difference == pytest.approx(accuracy["cleaned"] - accuracy["round trip"], abs=0.0011)
    lost, gained = numbers(r"cleaned to round trip: (\d+) answers became wrong, (\d+) right", printed("study-mcnemar"))
    flips = [int(count) for count in re.findall(r"(\d+)$", printed("study-flips"), re.M)]
    assert sum(flips) == lost + gained  # two classes: every flip makes an answer wrong or right


# Day 2's score, licenses, 40 of 60 sentences, and the exponentials of log probabilities that are shown.
SAID_WITHOUT_OUTPUT = {"tuned": {"0.96"}, "translate": {"2.0", "4.0"}, "study": {"0.67"}, "beams": {"0.34", "0.08"}}


def test_every_decimal_in_the_text_is_in_an_output_of_its_section():
    assert not decimals_without_output(DAY.path, SAID_WITHOUT_OUTPUT)

"""The sentences that Day 3 prints about its results say what its saved tables say."""

import re

import pandas as pd
import pytest
from saved_outputs import SavedOutputs

DAY = SavedOutputs("day3")
printed, table = DAY.printed, DAY.table


def numbers(pattern: str, cell_id: str) -> tuple[float, ...]:
    return tuple(float(number.rstrip("%")) for number in re.search(pattern, printed(cell_id)).groups())


@pytest.mark.parametrize("other", ["grid", "random"])
def test_what_is_said_of_the_samplers_fits_their_means(other):
    means = {
        name: float(value) for name, value in re.findall(r"^   (\w+) +([\d.]+) \[", printed("samplers-sentence"), re.M)
    }
    difference, low, high = numbers(rf"TPE minus {other}: (\S+) \[(\S+), (\S+)\]", "samplers-sentence")
    assert difference == pytest.approx(means["TPE"] - means[other], abs=0.0011)
    line = next(line for line in printed("samplers-sentence").splitlines() if f"minus {other}" in line)
    assert ("includes zero" in line) == (low <= 0 <= high)


def test_the_search_pruned_some_trials_and_ran_the_others_to_their_end():
    states = table("trainer-trials")["state"].value_counts()
    complete, pruned = numbers(r"(\d+) trials ran to their end, (\d+) were pruned", "trainer-trials")
    assert (states["COMPLETE"], states["PRUNED"]) == (complete, pruned)
    assert pruned >= 1 and complete + pruned >= 8
    run, planned = numbers(r"(\d+) epochs were run of (\d+)", "trainer-trials")
    assert run < planned


def test_the_best_trial_is_the_best_of_the_table():
    trials = table("trainer-trials")
    complete = trials[trials["state"] == "COMPLETE"]["value"].astype(float)
    [best] = numbers(r"validation texts: ([\d.]+) macro F1", "honest-load")
    assert complete.max() == pytest.approx(best, abs=0.0011)


def test_the_winners_curse_grows_with_the_trials():
    found = table("honest-curse-table").astype(float)
    few = found[found["texts it was chosen on"] == 100]["too good by"]
    assert len(few) == 3 and few.iloc[-1] > few.iloc[0]
    assert found["too good by"].iloc[-1] < few.iloc[-1] / 2  # chosen on ten times as many


@pytest.mark.parametrize("other", ["default", "rule of thumb"])
def test_the_differences_on_the_test_split_are_those_of_the_table(other):
    scores = table("honest-test").astype(float)
    by_seed = scores["tuned"] - scores[other]
    said = re.search(rf"tuned minus {other}.*\n.*\n.*\n", printed("honest-difference"))[0]
    difference, low, high = map(float, re.search(r": (\S+) \[(\S+), (\S+)\]", said).groups())
    assert difference == pytest.approx(by_seed.mean(), abs=0.0015)
    assert low <= difference <= high and "verdict: " in said
    lowest, highest = map(float, re.search(r"goes from (\S+) to (\S+)\n", said).groups())
    assert (lowest, highest) == pytest.approx((by_seed.min(), by_seed.max()), abs=0.0015)


def test_two_workers_finish_what_was_asked_and_the_trial_of_the_one_that_was_killed_is_tried_again():
    assert "exit code 0" in printed("workers-kill")
    trials = table("workers-status")
    states = trials["state"].value_counts()
    assert states["COMPLETE"] + states["PRUNED"] == 24
    assert set(states.index) == {"COMPLETE", "PRUNED", "FAIL"} and states["FAIL"] == 1
    [failed] = trials.index[trials["state"] == "FAIL"]
    [again] = trials.index[pd.to_numeric(trials["retry of"], errors="coerce") == int(failed)]
    assert trials.loc[[failed, again], "worker"].tolist() == ["A", "B"]
    assert trials.loc[failed, "learning_rate"] == trials.loc[again, "learning_rate"]


def test_the_best_head_is_the_best_of_the_table():
    scores = table("model-heads").iloc[-2:].astype(float)
    layer, head, share = numbers(r"layer (\d), head (\d) .* right for (\d+%)", "model-heads")
    assert scores.iloc[int(layer), int(head)] == scores.max(axis=None)
    assert share / 100 == pytest.approx(scores.max(axis=None), abs=0.006)


def test_the_highest_and_lowest_category_are_those_of_the_table():
    chrf = table("judging-categories")["chrF"].astype(float)
    said = re.search(r"highest chrF: (\w+); lowest: (\w+)", printed("judging-categories")).groups()
    assert said == (chrf.idxmax(), chrf.idxmin())


def test_scores_of_translations_carry_their_signature():
    assert printed("judging-scores").count("|version:") == 2


def test_flips_are_what_is_missing_to_full_agreement():
    share, texts = numbers(r"same answer for ([\d.]+)% of (\d+) tweets", "study-classify")
    [flips] = numbers(r"(\d+) answers flipped", "study-flips")
    assert flips == pytest.approx((1 - share / 100) * texts, abs=0.2)
    directions = [int(count) for count in re.findall(r"(\d+) from ", printed("study-flips"))]
    assert f"{max(directions)} of {sum(directions)} flips go the same way" in printed("study-directions")
    assert sum(directions) == flips

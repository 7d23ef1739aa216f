"""What the text of Day 2 says about its results is what its saved outputs show."""

import json
import re
from io import StringIO

import nbformat
import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from saved_outputs import INTERVAL, SavedOutputs, decimals_without_output, numbers
from transformers import TrainingArguments

import helpers
from helpers import training
from helpers.runtime import Workshop
from tools.notebooks import glossary

DAY = SavedOutputs("day2")
PATH, CELLS, printed, table = DAY.path, DAY.cells, DAY.printed, DAY.table
RESULTS = json.loads((ROOT / "data" / "results" / "day2.json").read_text(encoding="utf-8"))


def macro_f1(cell_id: str) -> dict[str, float]:
    [found] = pd.read_html(StringIO(DAY.html(cell_id)), index_col=[0, 1])
    return found.loc["F1", "Macro average"].to_dict()


def test_the_day_begins_with_the_result_of_its_test_section():
    first, last = table("result-table").astype(float), table("test-save").astype(float)
    assert list(first.index) == list(last.index) == list(RESULTS["systems"])
    assert np.allclose(first, last, atol=0.01)
    assert first["macro F1"].to_dict() == pytest.approx(macro_f1("test-table"), abs=0.011)


def test_the_results_hold_their_order_and_the_texts_shown_are_wrong_answers_on_test_tweets():
    f1 = {name: scores["macro F1"] for name, scores in RESULTS["systems"].items()}
    assert f1["VADER"] < 0.5 < f1["VADER, reversed for Trump"] < 0.7 < f1["TF-IDF + SVM"]
    assert f1["TF-IDF + SVM"] < f1["Fine-tuned transformer"] < f1["Large language model"]
    ids = {helpers.data.text_id(text) for text in helpers.data.load("campaign_tweets")["test"]["text"]}
    assert set(RESULTS["worst mistakes"]) <= ids and len(table("result-mistakes")) == len(RESULTS["worst mistakes"])


def test_the_systems_are_scored_on_the_test_split_in_one_marked_cell_only():
    opens = [name for name, cell in CELLS.items() if re.search(r"\[\"test\"\]", cell.source)]
    assert opens == ["result-mistakes", "test-open"]  # the first one reads the texts alone
    assert "opens-the-test-set" in CELLS["test-open"].metadata["tags"]


def test_every_score_table_names_its_split():
    for name, cell in CELLS.items():
        if "metrics.report(" in cell.source and "display(" in cell.source:
            assert re.search(r"([Vv]alidation|[Tt]raining|[Tt]est) split", printed(name)), name


def test_stance_is_called_a_proxy_where_it_first_appears():
    text = "\n".join(c.source for c in nbformat.read(PATH, as_version=4).cells if c.cell_type == "markdown")
    text = glossary.LINK.sub(r"\1", text)
    assert 0 < text.index("**proxy**") - text.index("**stance**") < 1200


def test_part_of_what_is_learned_is_in_the_names():
    [whole] = numbers(r"text +macro F1 (\S+)", printed("question-masked"))
    [masked] = numbers(r"without names +macro F1 (\S+)", printed("question-masked"))
    assert 0.85 < masked < whole - 0.02


def test_sentiment_is_not_stance():
    scores = table("sentiment-table")
    stance = scores["F1 on stance"].str.extract(INTERVAL).astype(float)
    built_for_sentiment = [name for name in scores.index if name != "SVM (stance-trained)"]
    assert (stance.loc[built_for_sentiment, 0] < 0.6).all()
    assert stance.loc["SVM (stance-trained)", 0] > 0.9
    assert stance.loc["the coded sentiment itself", 2] < 0.5
    lead, low, _ = numbers(rf"minus Transformer \(sentiment-trained\): {INTERVAL}", printed("sentiment-pairs"))
    assert lead > low > 0
    [vader, *_] = numbers(rf"VADER, reversed for Trump: {INTERVAL}", printed("sentiment-pairs"))
    [coded, *_] = numbers(rf"the coded sentiment, reversed for Trump: {INTERVAL}", printed("sentiment-pairs"))
    assert coded > 0.85 > vader + 0.15


def test_the_bootstrap_written_out_is_close_to_the_helpers_interval():
    by_hand = numbers(r"bootstrap:  \[(\S+), (\S+)\]", printed("evaluation-bootstrap"))
    helper = numbers(r"the helper: \S+ \[(\S+), (\S+)\]", printed("evaluation-bootstrap"))
    assert helper == pytest.approx(by_hand, abs=0.015)


def test_the_large_model_makes_no_mistake_on_validation_and_the_small_one_many():
    assert printed("llm-agreement").count("1.00") >= 2
    [small, *_] = numbers(rf"SmolLM2 on \d+ tweets: macro F1 {INTERVAL}", printed("llm-small-result"))
    [tuned, *_] = numbers(rf"fine-tuned transformer on \d+ tweets: macro F1 {INTERVAL}", printed("llm-encoder"))
    assert small < 0.7 < 0.9 < tuned


def test_predicted_labels_alone_are_narrow_and_differ_from_the_coded_sample():
    [figure] = [o for o in CELLS["finding-figure"].outputs if "image/png" in o.get("data", {})]
    said = figure.metadata["image/png"]["alt"]
    found = {}
    for method in ("predicted labels alone", "corrected", "coded sample alone"):
        pattern = rf"(account x \S+(?:, account x target)?), {method}: (-?\S+) \((-?\S+) to (-?\S+)\)"
        for controls, *values in re.findall(pattern, said):
            found[controls, method] = [float(value.rstrip(").;")) for value in values]
    assert len(found) == 6
    for controls in ("account x month", "account x month, account x target"):
        width = {method: high - low for (name, method), (_, low, high) in found.items() if name == controls}
        assert width["predicted labels alone"] < 0.6 * min(width["corrected"], width["coded sample alone"])
    estimate, low, _ = found["account x month", "coded sample alone"]
    assert low > 0 and found["account x month", "predicted labels alone"][0] < estimate - 0.1
    _, low, high = found["account x month, account x target", "coded sample alone"]
    assert low < 0 < high


def test_tweets_without_a_name_are_another_kind_of_text():
    [named, *_] = numbers(rf"name one candidate: accuracy {INTERVAL}", printed("keep-label-run"))
    [others, *_] = numbers(rf"name no candidate: accuracy {INTERVAL}", printed("keep-label-run"))
    assert others < named


def test_cells_that_train_many_times_use_the_recipe_that_is_spelled_out():
    names = {"workshop": Workshop("cpu", "packages", "small", 0), "TrainingArguments": TrainingArguments}
    for cell in ("setup-training", "trainer-arguments"):
        exec(CELLS[cell].source, names)
    shown, used = names["arguments"].to_dict(), TrainingArguments(seed=0, **names["recipe"]).to_dict()
    assert {name for name in shown if shown[name] != used[name]} <= training.IGNORED


def test_no_answers_come_from_the_trainer_that_would_return_them_in_order_of_length():
    maker, predicted = None, 0
    for name, cell in CELLS.items():
        for line in cell.source.splitlines() if cell.cell_type == "code" else []:
            if found := re.search(r"\btrainer = (\w+)", line):
                maker = found[1]
            if "trainer.predict(" in line:
                assert maker == "fine_tune", name
                predicted += 1
    assert predicted > 5 and "group_by_length" not in CELLS["setup-training"].source + CELLS["setup-fine-tune"].source


# Rules of thumb, facts about data and methods, and numbers that another section of the day shows.
SAID_WITHOUT_OUTPUT = {
    "first": {"0.5"}, "question": {"0.5", "0.36"}, "splits": {"0.1"}, "sentiment": {"0.5", "0.96"},
    "evaluation": {"0.95"}, "llm": {"98.8"}, "rare": {"0.5"}, "several": {"0.5"}, "calibration": {"0.9"},
    "coders": {"0.8", "0.667"}, "head": {"22.7"}, "finding": {"1.6"},
}  # fmt: skip


def test_every_decimal_in_the_text_is_in_an_output_of_its_section():
    assert not decimals_without_output(PATH, SAID_WITHOUT_OUTPUT)

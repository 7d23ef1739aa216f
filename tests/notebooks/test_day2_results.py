"""The sentences that Day 2 prints about its results say what its saved tables say."""

import re

import nbformat
import pandas as pd
import pytest
from saved_outputs import SavedOutputs
from transformers import TrainingArguments

from helpers import training
from helpers.runtime import Workshop
from tools.notebooks import glossary

DAY = SavedOutputs("day2")
PATH, CELLS, printed, table = DAY.path, DAY.cells, DAY.printed, DAY.table


def means(cell_id: str) -> pd.DataFrame:
    """The numbers before the parentheses of a cross-validation table."""
    found = table(cell_id)
    scores = found[[column for column in found if column != "folds"]]
    return scores.map(lambda text: float(text.split(" ")[0]) if text else float("nan"))


def macro_f1(cell_id: str) -> pd.Series:
    found = table(cell_id, header_rows=2).loc["Macro average"]
    return pd.Series({system: float(value) for (measure, system), value in found.items() if measure == "F1"})


def test_the_best_baseline_is_the_best_of_the_table():
    f1 = macro_f1("baselines-report").drop("Majority")
    name, value = re.search(
        r"Best baseline on validation: (.+), macro F1 ([\d.]+)\.", printed("baselines-sentence")
    ).groups()
    assert float(value) == f1.max() == f1[name]


def test_the_losses_from_sentiment_to_stance_are_the_tables_differences():
    found = means("sentiment-table")
    sentiment, stance = (found[next(c for c in found if what in c)] for what in ("on sentiment", "on stance"))
    said = printed("sentiment-sentences")
    falls = re.findall(r"^(.+): from sentiment to stance a fall of (-?[\d.]+) \[", said, flags=re.MULTILINE)
    assert len(falls) == 4
    for name, fall in falls:
        assert sentiment[name] - stance[name] == pytest.approx(float(fall), abs=0.006)
    gains = re.findall(r"^(\w+), scored on stance: .* bring (-?[\d.]+) \[", said, flags=re.M)
    assert [name for name, _ in gains] == ["SVM", "Transformer"]
    [transformer] = (float(gain) for name, gain in gains if name == "Transformer")  # in the same folds as the table
    rise = stance["Transformer (stance-trained)"] - stance["Transformer (sentiment-trained)"]
    assert transformer == pytest.approx(rise, abs=0.006)


def test_systems_trained_on_stance_are_not_scored_on_sentiment():
    found = table("sentiment-table")
    column = next(c for c in found if "on sentiment" in c)
    assert (found.loc[["SVM (stance-trained)", "Transformer (stance-trained)"], column] == "").all()


def test_the_difference_on_the_test_split_is_that_of_the_table():
    f1, text = macro_f1("test-open"), printed("test-intervals")
    difference, low, high = map(float, re.search(r"minus SVM: (\S+) \[(\S+), (\S+)\]", text).groups())
    assert difference == pytest.approx(f1["Tuned transformer"] - f1["TF-IDF + SVM"], abs=0.011)
    assert low <= difference <= high and "McNemar" in text and "verdict: " in text


def test_the_test_split_is_opened_in_one_marked_cell_only():
    opens = [name for name, cell in CELLS.items() if re.search(r"\[\"test\"\]", cell.source)]
    assert opens == ["test-open"]
    assert "opens-the-test-set" in CELLS["test-open"].metadata["tags"]


def test_every_score_table_names_its_split():
    for name, cell in CELLS.items():
        if "metrics.report(" in cell.source and "display(" in cell.source:
            assert re.search(r"([Vv]alidation|[Tt]raining|[Tt]est) split", printed(name)), name


def test_stance_is_called_a_proxy_where_it_first_appears():
    text = "\n".join(c.source for c in nbformat.read(PATH, as_version=4).cells if c.cell_type == "markdown")
    text = glossary.LINK.sub(r"\1", text)
    assert text.index("a proxy for stance") - text.index("**stance**") < 1200


def test_cells_that_train_many_times_use_the_recipe_that_is_spelled_out():
    names = {"workshop": Workshop("cpu", "packages", "small", 0), "TrainingArguments": TrainingArguments}
    for cell in ("setup-training", "trainer-arguments"):
        exec(CELLS[cell].source, names)
    shown, used = names["settings"].to_dict(), names["training_arguments"]().to_dict()
    assert {name for name in shown if shown[name] != used[name]} <= training.IGNORED

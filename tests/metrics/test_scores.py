"""Scores and tables: equal to scikit-learn's and numpy's, in the form of the published ones."""

import numpy as np
import pandas as pd
import pytest
import torch
from datasets import ClassLabel, Dataset, Features
from sklearn.metrics import classification_report, confusion_matrix, f1_score
from transformers import BertConfig, BertForSequenceClassification, EvalPrediction, Trainer, TrainingArguments

from helpers import settings
from helpers.data import sets
from helpers.metrics import scores

NAMES = ["other", "political", "sport"]
PARTS = {"Precision": "precision", "Recall": "recall", "F1": "f1-score"}


def labels_of(counts: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Truth and predictions with this confusion matrix."""
    truth, predicted = np.divmod(np.repeat(np.arange(len(counts) ** 2), np.ravel(counts)), len(counts))
    return truth, predicted


@pytest.fixture
def drawn():
    random = np.random.default_rng(0)
    truth = random.integers(0, 3, 200)
    return truth, {
        name: np.where(random.random(200) < right, truth, 0) for name, right in [("SVM", 0.7), ("BERT", 0.9)]
    }


def test_a_report_equals_scikit_learns_everywhere(drawn):
    truth, predictions = drawn
    table = scores.report(truth, predictions, NAMES)
    rows = {name: name for name in NAMES} | {"Macro average": "macro avg", "Weighted average": "weighted avg"}
    assert list(table.index) == list(rows)
    for system, predicted in predictions.items():
        theirs = classification_report(truth, predicted, target_names=NAMES, output_dict=True, zero_division=0)
        for row, their_row in rows.items():
            assert table.loc[row, ("n", "")] == theirs[their_row]["support"]
            for part, their_part in PARTS.items():
                assert table.loc[row, (part, system)] == theirs[their_row][their_part]
        assert np.isclose(table.loc["Weighted average", ("Recall", system)], theirs["accuracy"])


def test_the_published_table_a1_follows_from_a_confusion_matrix_but_for_its_macro_recall():
    truth, vader = labels_of([[533, 93], [91, 79]])
    _, tuned = labels_of([[595, 31], [49, 121]])
    table = scores.report(truth, {"VADER": vader, "Tuned transformer": tuned}, ["Neutral/Civil", "Uncivil"])
    looks = scores.shown(table)
    published = sets.table("published_results").query("table == 'A1'")
    different = {
        (row.classifier, row.task, row.measure): looks.loc[row.task, (row.measure.capitalize(), row.classifier)]
        for row in published.itertuples()
        if looks.loc[row.task, (row.measure.capitalize(), row.classifier)] != f"{row.value:.2f}"
        or table.loc[row.task, ("n", "")] != row.n
    }
    assert len(published) == 24
    assert different == {("Tuned transformer", "Macro average", "recall"): "0.83"}  # 0.79 in print


def test_the_columns_of_a_report_are_measures_with_systems_side_by_side_and_then_n(drawn):
    table = scores.report(drawn[0], drawn[1], NAMES)
    pairs = [(part, system) for part in PARTS for system in ("SVM", "BERT")]
    assert list(table.columns) == [*pairs, ("n", "")]


def test_a_class_that_the_truth_does_not_have_is_no_part_of_an_average():
    table = scores.report([0, 0, 1, 1], {"A": [0, 1, 1, 1], "B": [0, 2, 1, 1]}, NAMES)
    assert table.loc["Macro average", ("F1", "B")] == (2 / 3 + 1) / 2
    assert np.isnan(table.loc["sport", ("F1", "A")]) and table.loc["sport", ("F1", "B")] == 0
    assert table.loc["Macro average", ("F1", "A")] == f1_score([0, 0, 1, 1], [0, 1, 1, 1], average="macro")
    assert scores.shown(table).loc["sport"].tolist() == ["", "0.00"] * 3 + ["0"]


def test_one_stray_prediction_costs_less_than_ten_errors():
    truth = [0] * 50 + [1] * 50
    stray, wrong = [2, *truth[1:]], [1] * 10 + truth[10:]
    averages = scores.report(truth, {"stray": stray, "wrong": wrong}, NAMES).loc["Macro average", "F1"]
    assert averages["stray"] > 0.98 > 0.91 > averages["wrong"]
    found = {
        name: scores.compute_metrics(EvalPrediction(np.eye(3)[predicted], np.array(truth)))["macro_f1"]
        for name, predicted in {"stray": stray, "wrong": wrong}.items()
    }
    assert found == averages.to_dict()


def test_labels_may_be_numbers_or_names_in_any_kind_of_container():
    numbers = [0, 1, 2, 1]
    names = [NAMES[number] for number in numbers]
    column = Dataset.from_dict({"label": numbers}, features=Features({"label": ClassLabel(names=NAMES)}))["label"]
    for labels in (
        numbers, names, np.array(numbers), np.array(names), tuple(names), pd.Series(numbers, dtype=float),
        pd.Series(names), pd.Series(names, dtype="category"), torch.tensor(numbers), column, np.array(names, object),
    ):  # fmt: skip
        table = scores.report(labels, {"a": numbers, "b": names}, NAMES)
        assert (table.loc["Macro average", "F1"] == 1).all(), type(labels)


@pytest.mark.parametrize(
    ("truth", "predicted", "answer"),
    [
        ([0, 1], [0, 1, 1], "truth 2, BERT 3"),
        ([], [], "one label for each row"),
        ([0, 1], [0, 3], r"BERT holds 3\. The classes are: 0 \(other\), 1 \(political\), 2 \(sport\)"),
        ([0, -1], [0, 1], "truth holds -1"),
        (["other", "Sport"], [0, 1], "truth holds 'Sport'"),
        ([0, None], [0, 1], "truth has rows without a label"),
        (pd.Series([0, np.nan]), [0, 1], "without a label"),
        ([0, "sport"], [0, 1], "class numbers throughout, or class names throughout"),
        ([0, 1], [0.2, 0.8], "BERT holds 0.2"),
        ([0, 1], np.zeros((2, 3)), r"shape \(2, 3\).*argmax"),
        ("sport", [0], "one label for each row"),
    ],
)
def test_labels_that_do_not_fit_are_answered_with_what_to_do(truth, predicted, answer):
    with pytest.raises(ValueError, match=answer):
        scores.report(truth, {"BERT": predicted}, NAMES)


def test_predictions_without_a_systems_name_are_refused():
    with pytest.raises(ValueError, match="map each system"):
        scores.report([0, 1], [0, 1], NAMES)


def test_confusion_has_the_truth_in_rows_and_predictions_in_columns():
    truth, predicted = labels_of([[5, 1, 0], [2, 3, 0], [0, 0, 0]])
    table = scores.confusion(truth, predicted, NAMES)
    assert (table.index.name, table.columns.name) == ("truth", "predicted")
    assert table.loc["political", "other"] == 2 and table.loc["other", "political"] == 1
    assert (table.to_numpy() == confusion_matrix(truth, predicted, labels=range(3))).all()


def test_compute_metrics_equals_scikit_learn_on_the_largest_logit(drawn):
    truth, predicted = drawn[0], drawn[1]["SVM"]
    logits = np.eye(3)[predicted] + np.random.default_rng(1).random((200, 3)) / 2
    found = scores.compute_metrics(EvalPrediction(predictions=(logits, "hidden states"), label_ids=truth))
    theirs = classification_report(truth, predicted, output_dict=True, zero_division=0)
    assert np.isclose(found.pop("accuracy"), theirs["accuracy"])
    for name, score in found.items():
        first, last = name.split("_")
        row, part = ("macro avg", last) if first == "macro" else (last, first)
        assert score == theirs[row]["f1-score" if part == "f1" else part], name
    assert len(found) == 3 + 3 * 3 and all(type(score) is float for score in found.values())


def test_compute_metrics_names_every_class_of_the_model_and_answers_what_does_not_fit():
    def scored(logits, labels):
        return scores.compute_metrics(EvalPrediction(predictions=np.array(logits, float), label_ids=np.array(labels)))

    found = scored([[2, 1, 0], [0, 1, 0]], [0, 1])
    assert found["f1_2"] == 0 and found["macro_f1"] == 1  # nothing is of class 2 and nothing was called so
    with pytest.raises(ValueError, match="num_labels="):
        scored([[1], [2]], [0, 1])
    with pytest.raises(ValueError, match="label_ids holds 2"):
        scored([[1, 0], [0, 1]], [0, 2])
    with pytest.warns(UserWarning, match="Lower the learning rate"):
        scored([[np.nan, np.nan], [0, 1]], [0, 1])


def test_the_trainer_evaluates_with_it_and_nothing_is_left_in_the_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(settings, "CACHE", tmp_path / "cache")
    torch.manual_seed(0)
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    model = BertForSequenceClassification(BertConfig(vocab_size=20, num_labels=3, **sizes))
    rows = Dataset.from_dict(
        {"input_ids": [[2, n % 17 + 3, 3] for n in range(12)], "label": [n % 3 for n in range(12)]}
    )
    trainer = Trainer(
        model,
        TrainingArguments(tmp_path / "run", use_cpu=True, report_to="none", disable_tqdm=True),
        eval_dataset=rows,
        compute_metrics=scores.compute_metrics,
    )
    evaluated, predicted = trainer.evaluate(), trainer.predict(rows).predictions.argmax(axis=1)
    assert evaluated["eval_macro_f1"] == f1_score(rows["label"][:], predicted, average="macro", zero_division=0)
    assert {"eval_accuracy", "eval_f1_0", "eval_recall_2"} <= set(evaluated)
    assert not (tmp_path / "cache").exists()

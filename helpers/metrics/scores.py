"""How good a classifier is: scores for the Trainer, and tables in the form of published ones.

Every score is scikit-learn's. A macro average is the mean over the classes that occur in the truth: a prediction of
another class is an error and no class more. A precision, recall or F1 that would divide by zero counts as 0.
"""

import tempfile
import warnings
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import TYPE_CHECKING

import evaluate
import numpy as np
import pandas as pd
from datasets import Features, Value
from sklearn.metrics import accuracy_score, classification_report, confusion_matrix, precision_recall_fscore_support

if TYPE_CHECKING:  # transformers itself is for after setup()
    from transformers import EvalPrediction

MEASURES = ("precision", "recall", "f1")


def as_labels(labels: Sequence, name: str) -> np.ndarray:
    """Labels from a list, array, Series, tensor or column of a data set, as an array (rows) of int64 or of str.

    `name` is what errors call them. Raises ValueError for no labels, missing ones, numbers mixed with names, and other
    shapes.
    """
    if isinstance(labels, str) or getattr(labels, "ndim", 1) != 1 or not len(labels):
        what = f"shape {tuple(labels.shape)}" if hasattr(labels, "shape") else repr(labels)
        raise ValueError(f"{name} must hold one label for each row; got {what}. From logits: logits.argmax(axis=1).")
    values = labels.tolist() if hasattr(labels, "tolist") else list(labels)
    if any(value is None or value is pd.NA or value != value for value in values):
        raise ValueError(f"{name} has rows without a label. Take these rows out, of truth and predictions alike.")
    if all(isinstance(value, str) for value in values):
        return np.array(values, dtype=str)
    odd = [v for v in values if not (isinstance(v, Real | np.bool) and float(v).is_integer())]
    if odd:
        raise ValueError(f"{name} holds {odd[0]!r}. Expected class numbers throughout, or class names throughout.")
    return np.array(values, dtype="int64")


def codes(labels: Sequence, class_names: Sequence[str], name: str) -> np.ndarray:
    """Labels (class numbers or class names) as class numbers. Raises ValueError for what is none of the classes."""
    values, order = as_labels(labels, name), [str(class_name) for class_name in class_names]
    known = range(len(order)) if values.dtype.kind == "i" else order
    unknown = sorted(set(values.tolist()) - set(known))
    if unknown:
        classes = ", ".join(f"{number} ({class_name})" for number, class_name in enumerate(order))
        raise ValueError(f"{name} holds {unknown[0]!r}. The classes are: {classes}. Correct it or the class names.")
    return values if values.dtype.kind == "i" else np.array([order.index(value) for value in values])


def same_length(**columns: Sequence) -> None:
    """Raise ValueError where the columns are not equally long."""
    if len({len(column) for column in columns.values()}) > 1:
        counts = ", ".join(f"{name} {len(column)}" for name, column in columns.items())
        raise ValueError(f"Different numbers of rows: {counts}. Give the labels of the same rows, in the same order.")


class Classification(evaluate.Metric):
    """Accuracy, and precision, recall and F1 as macro averages and by class, as one metric of `evaluate`.

    `Classification().compute(predictions=..., references=..., classes=2)` takes class numbers. `evaluate.load` would
    fetch a script from the Hub for each of these; a class of our own needs no network.
    """

    def _info(self) -> evaluate.MetricInfo:
        features = Features({"predictions": Value("int64"), "references": Value("int64")})
        inputs = "predictions and references: class numbers; classes: how many there are"
        return evaluate.MetricInfo(self.__doc__, citation="", inputs_description=inputs, features=features)

    def _compute(self, predictions, references, classes: int) -> dict[str, float]:
        of_truth = {"labels": np.unique(references), "average": "macro", "zero_division": 0}
        macro = precision_recall_fscore_support(references, predictions, **of_truth)[:3]
        by_class = precision_recall_fscore_support(references, predictions, labels=range(classes), zero_division=0)[:3]
        scores = {"accuracy": float(accuracy_score(references, predictions))}
        scores |= {f"macro_{measure}": float(value) for measure, value in zip(MEASURES, macro, strict=True)}
        for measure, values in zip(MEASURES, by_class, strict=True):
            scores |= {f"{measure}_{number}": float(value) for number, value in enumerate(values)}
        return scores


def compute_metrics(prediction: "EvalPrediction") -> dict[str, float]:
    """Score a classifier, for `Trainer(compute_metrics=helpers.metrics.compute_metrics)`.

    Taught on Day 2, "Training with Trainer".

    Parameters
    ----------
    prediction : transformers.EvalPrediction
        Its predictions are logits (rows, classes), or a tuple that starts with them; its label_ids are class numbers
        (rows).

    Returns
    -------
    dict of str to float
        accuracy, macro_precision, macro_recall, macro_f1, and precision_0, recall_0, f1_0, precision_1, ... for each
        class.

    Raises
    ------
    ValueError
        For other shapes or labels.

    Warns
    -----
    UserWarning
        Where logits are not numbers.
    """
    logits = prediction.predictions
    logits = np.asarray(logits[0] if isinstance(logits, tuple | list) else logits)
    if logits.ndim != 2 or logits.shape[1] < 2:
        advice = "Load the model with num_labels= the number of classes, 2 or more."
        raise ValueError(f"The logits have shape {logits.shape}; expected (rows, classes). {advice}")
    if np.isnan(logits).any():
        warnings.warn("Some logits are not numbers: training became unstable. Lower the learning rate.", stacklevel=2)
    truth, predicted = codes(prediction.label_ids, range(logits.shape[1]), "label_ids"), logits.argmax(axis=1)
    same_length(label_ids=truth, logits=predicted)
    # evaluate makes folders even where it keeps everything in memory, and a shared cache may be read-only.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        metric = Classification(keep_in_memory=True, cache_dir=folder)
        return metric.compute(predictions=predicted, references=truth, classes=logits.shape[1])


def report(truth: Sequence, predictions: Mapping[str, Sequence], class_names: Sequence[str]) -> pd.DataFrame:
    """Tabulate precision, recall and F1 of every class and system, as in Table A1 (Heseltine and Dorsey 2022).

    Taught on Day 2, "Baselines first".

    Parameters
    ----------
    truth : sequence
        The labels (rows), as class numbers or class names.
    predictions : mapping
        For each system its labels of the same rows, such as {"VADER": [...], "BERT": [...]}.
    class_names : sequence of str
        In the order of the class numbers.

    Returns
    -------
    pandas.DataFrame
        Rows: the classes, "Macro average" and "Weighted average", both over the classes of the truth (the recall of
        the latter is the accuracy). Columns: (measure,
        system), then ("n", ""), the number of rows. Numbers are not rounded: `shown` does that. A class that occurs
        neither in the truth nor in a system's predictions has no number there.

    Raises
    ------
    ValueError
        For labels that are none of the classes, and for unequal lengths.
    """
    if not isinstance(predictions, Mapping) or not predictions:
        raise ValueError('predictions must map each system to its labels, such as {"VADER": [...], "BERT": [...]}.')
    true, scores = codes(truth, class_names, "truth"), {}
    for system, labels in predictions.items():
        predicted = codes(labels, class_names, system)
        same_length(**{"truth": true, str(system): predicted})
        every, of_truth = (
            classification_report(true, predicted, labels=labels, output_dict=True, zero_division=0)
            for labels in (np.union1d(true, predicted), np.unique(true))
        )
        rows = [every.get(str(number), {}) for number in range(len(class_names))]
        scores[system] = pd.DataFrame([*rows, of_truth["macro avg"], of_truth["weighted avg"]])
    headings = {"precision": "Precision", "recall": "Recall", "f1-score": "F1"}
    columns = {(headings[key], system): frame[key] for key in headings for system, frame in scores.items()}
    counts = np.bincount(true, minlength=len(class_names))
    table = pd.DataFrame(columns | {("n", ""): [*counts, len(true), len(true)]})
    return table.set_axis([*class_names, "Macro average", "Weighted average"])


def confusion(truth, predicted, class_names: Sequence[str]) -> pd.DataFrame:
    """Count how many rows of each class a system took for which class. Taught on Day 2, "Evaluation".

    Parameters
    ----------
    truth, predicted : sequence
        Labels of the same rows, as class numbers or class names.
    class_names : sequence of str
        In the order of the class numbers.

    Returns
    -------
    pandas.DataFrame
        Counts (classes, classes): rows are the truth, columns the predictions.

    Raises
    ------
    ValueError
        For labels that are none of the classes, and for unequal lengths.
    """
    truth, predicted = codes(truth, class_names, "truth"), codes(predicted, class_names, "predicted")
    same_length(truth=truth, predicted=predicted)
    counts = confusion_matrix(truth, predicted, labels=range(len(class_names)))
    return pd.DataFrame(counts, pd.Index(class_names, name="truth"), pd.Index(class_names, name="predicted"))


def shown(table: pd.DataFrame, decimals: int = 2) -> pd.DataFrame:
    """Round a table for display: text, with empty cells where there is no number.

    Parameters
    ----------
    table : pandas.DataFrame
        Of any kind.
    decimals : int
        Of numbers that are not whole.

    Returns
    -------
    pandas.DataFrame
        Text.
    """
    return table.map(lambda v: "" if pd.isna(v) else f"{v:.{decimals}f}" if isinstance(v, float) else str(v))

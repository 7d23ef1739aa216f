"""The workshop's data sets and the learner's own file, each as a DatasetDict of train, validation and test."""

from helpers.data import splits
from helpers.data.own import load_csv
from helpers.data.sets import load, table, text_id

__all__ = ["load", "load_csv", "splits", "table", "text_id"]

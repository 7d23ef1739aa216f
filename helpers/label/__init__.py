"""Labeling every row of a file with a fine-tuned classifier: `python -m helpers.label`."""

from helpers.label.command import label_file

__all__ = ["label_file"]

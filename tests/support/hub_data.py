"""Data sets for the stand-in Hub, under their real names: configurations, columns and label names as the real ones."""

import json
from pathlib import Path

from datasets import ClassLabel, Dataset, Features, Value, disable_progress_bars
from hub_marian import texts

SPLITS = {"train": 30, "validation": 12, "test": 12}  # how many of our own sentences stand in for the tweets


def build(folder: Path) -> None:
    """Fill `folder` with one folder for each data set, by its name."""
    disable_progress_bars()
    _build_offensive(folder / "cardiffnlp" / "tweet_eval")
    _build_spanish(folder / "cardiffnlp" / "tweet_sentiment_multilingual")


def _build_offensive(place: Path) -> None:
    """Parquet files, one a split."""
    features = Features({"text": Value("string"), "label": ClassLabel(names=["non-offensive", "offensive"])})
    (place / "offensive").mkdir(parents=True)
    left = texts("en")
    for split, count in SPLITS.items():
        rows, left = left[:count], left[count:]
        columns = {"text": rows, "label": [number % 2 for number in range(len(rows))]}
        Dataset.from_dict(columns, features=features).to_parquet(place / f"offensive/{split}-00000-of-00001.parquet")


def _build_spanish(place: Path) -> None:
    """As the real one on its main branch: JSON lines in folders by language, and a script, which nobody must run."""
    (place / "data" / "spanish").mkdir(parents=True)
    left = texts("es")
    for split, count in SPLITS.items():
        rows, left = left[:count], left[count:]
        lines = [json.dumps({"text": text, "label": str(number % 3)}) for number, text in enumerate(rows)]
        (place / "data" / "spanish" / f"{split}.jsonl").write_text("\n".join([*lines, ""]), encoding="utf-8")
    (place / "tweet_sentiment_multilingual.py").write_text("raise RuntimeError('a script ran')\n", encoding="utf-8")

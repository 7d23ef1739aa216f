"""Data sets for the stand-in Hub, under their real names: configurations, columns and label names as the real ones."""

import json
from pathlib import Path

from datasets import ClassLabel, Dataset, Features, Value, disable_progress_bars
from hub_marian import texts

TWEET_EVAL = {
    "emoji": [*"❤😍😂💕🔥😊😎✨💙😘📷", "🇺🇸", *"☀💜😉💯😁🎄📸😜"],
    "emotion": ["anger", "joy", "optimism", "sadness"],
    "hate": ["non-hate", "hate"],
    "irony": ["non_irony", "irony"],
    "offensive": ["non-offensive", "offensive"],
    "sentiment": ["negative", "neutral", "positive"],
    **{
        f"stance_{target}": ["none", "against", "favor"]
        for target in ("abortion", "atheism", "climate", "feminist", "hillary")
    },
}
SPLITS = {"train": 30, "validation": 12, "test": 12}  # how many of our own sentences stand in for the tweets


def build(folder: Path) -> None:
    """Fill `folder` with one folder for each data set, by its name: Parquet files, and the card that names them."""
    disable_progress_bars()
    place = folder / "cardiffnlp" / "tweet_eval"
    card = ["---", "configs:"]
    for configuration, names in TWEET_EVAL.items():
        (place / configuration).mkdir(parents=True)
        features = Features({"text": Value("string"), "label": ClassLabel(names=names)})
        card += [f"- config_name: {configuration}", "  data_files:"]
        left = texts("en")
        for split, count in SPLITS.items():
            rows, left = left[:count], left[count:]
            labels = [number % len(names) for number in range(len(rows))]
            file = f"{configuration}/{split}-00000-of-00001.parquet"
            Dataset.from_dict({"text": rows, "label": labels}, features=features).to_parquet(place / file)
            card += [f"  - split: {split}", f"    path: {configuration}/{split}-*"]
    (place / "README.md").write_text("\n".join([*card, "---", ""]), encoding="utf-8")
    _build_spanish(folder / "cardiffnlp" / "tweet_sentiment_multilingual")


def _build_spanish(place: Path) -> None:
    """As the real one on its main branch: JSON lines in folders by language, and a script, which nobody must run."""
    (place / "data" / "spanish").mkdir(parents=True)
    left = texts("es")
    for split, count in SPLITS.items():
        rows, left = left[:count], left[count:]
        lines = [json.dumps({"text": text, "label": str(number % 3)}) for number, text in enumerate(rows)]
        (place / "data" / "spanish" / f"{split}.jsonl").write_text("\n".join([*lines, ""]), encoding="utf-8")
    (place / "tweet_sentiment_multilingual.py").write_text("raise RuntimeError('a script ran')\n", encoding="utf-8")

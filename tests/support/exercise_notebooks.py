"""What the exercises need from each day's notebook: its own cells, run by id, and stand-ins for trained models."""

from types import SimpleNamespace

import nbformat
import numpy as np
from conftest import NOTEBOOKS

import helpers

TINY = SimpleNamespace(seed=0, size="tiny", source="packages", pick=lambda tiny, small, full: tiny)


def run_cells(day: str, *ids: str) -> dict:
    """The variables that cells of a day's notebook leave behind."""
    [path] = [path for path in NOTEBOOKS if path.stem.startswith(day)]
    cells = {cell["id"]: cell.source for cell in nbformat.read(path, as_version=4).cells}
    names = {"helpers": helpers, "workshop": TINY}
    for each in ids:
        exec(cells[each], names)
    return names


def day1() -> dict:
    cells = ["setup-imports", "first-sentiment", "tokens-load", "coordinates-plot"]
    cells += ["looking-attentions", "looking-search", "looking-wide", "lm-load", "lm-next", "masked-load"]
    return run_cells("day1", *cells, "classify-data", "classify-embed", "classify-nearest", "classify-compare")


def day2() -> dict:
    """The tweets are the workshop's; what would come from trainings is made up, in the same form."""
    rng = np.random.default_rng(0)
    truth = (rng.random(300) < 0.15).astype(int)
    return {
        "validation": helpers.data.load("campaign_tweets")["validation"].to_pandas(),
        "truth": truth,
        "probability": 1 / (1 + np.exp(-rng.normal(3 * truth - 2, 1))),
        "sentences": ["Hillary has experience.", "Hillary cannot be trusted.", "Hillary speaks on Tuesday!"],
        "classify": classify,
    }


def classify(texts, **_):
    """As Day 2's pipeline answers: surer of texts with an exclamation mark or the word live."""
    texts = [texts] if isinstance(texts, str) else texts
    sure = [0.95 if "live" in text else 0.8 if "!" in text else 0.6 for text in texts]
    return [
        {"label": "Trump campaign", "score": score + len(text) % 2 / 100}
        for score, text in zip(sure, texts, strict=True)
    ]


def day3() -> dict:
    return run_cells("day3", "setup-imports", "translate-six")


VARIABLES = {"day1": day1, "day2": day2, "day3": day3}

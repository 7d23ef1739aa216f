"""How fast helpers.label labels, beside transformers' own pipeline, and how much memory it takes.

.venv/bin/python tests/benchmarks/label_speed.py            texts a second, medians of five rounds (about six minutes)
.venv/bin/python tests/benchmarks/label_speed.py --memory   peak memory at 10,000 and 100,000 rows (about three minutes)

Run nothing else meanwhile. It is no test: what comes out depends on the machine.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import helpers  # noqa: E402

helpers.setup()

import torch  # noqa: E402
from transformers import AutoModelForSequenceClassification, AutoTokenizer, BertConfig, pipeline  # noqa: E402

from helpers.label.classifier import Classifier  # noqa: E402
from helpers.label.command import ROWS_PER_PART  # noqa: E402

TEXTS, ROUNDS = 2000, 5
SHORT, LONG = 10_000, 100_000
# Aims: times as fast as text by text, and as the pipeline with batches of 32.
AIMS = {"helpers.label, float32": (2.2, 1.4), "helpers.label, bfloat16": (6, 4)}


def tweets(count: int) -> list[str]:
    """Tweets of both campaigns, from the beginning again where there are too few."""
    found = [text for part in helpers.data.load("election_tweets").values() for text in part["text"][:]]
    return [found[place % len(found)] for place in range(count)]


def save_classifier(folder: Path, **smaller: int) -> None:
    """A classifier with a fresh head: MiniLM, or with other sizes a random BERT."""
    encoder = "sentence-transformers/all-MiniLM-L6-v2"
    tokenizer = AutoTokenizer.from_pretrained(encoder)
    names = {0: "Trump campaign", 1: "Clinton campaign"}
    if smaller:
        config = BertConfig(vocab_size=len(tokenizer), id2label=names, **smaller)
        model = AutoModelForSequenceClassification.from_config(config)
    else:
        model = AutoModelForSequenceClassification.from_pretrained(encoder, id2label=names)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def speed(folder: Path) -> None:
    """Print texts a second for each way. The ways take turns, so that a slow moment of the machine meets them all."""
    save_classifier(folder)
    texts, device = tweets(TEXTS), "cuda" if torch.cuda.is_available() else "cpu"
    plain = pipeline("text-classification", str(folder), device=device, dtype=torch.float32)

    def label(name: str):
        ours = Classifier(folder, device)
        ours.use_format(name)
        return lambda: [
            ours.probabilities(texts[start : start + ROWS_PER_PART]) for start in range(0, TEXTS, ROWS_PER_PART)
        ]

    ways = {
        "pipeline, text by text, float32": lambda: [plain(text, truncation=True) for text in texts],
        "pipeline, batch_size=32, float32": lambda: plain(texts, batch_size=32, truncation=True),
        "helpers.label, float32": label("float32"),
        "helpers.label, bfloat16": label("bfloat16"),
    }
    rates = {name: [] for name in ways}
    for round_ in range(ROUNDS):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            rates[name].append(TEXTS / (time.perf_counter() - start))
        print(f"round {round_ + 1} of {ROUNDS}", file=sys.stderr)
    print_speed(rates, device)


def print_speed(rates: dict[str, list[float]], device: str) -> None:
    print(f"{TEXTS} tweets, MiniLM, {device}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    print(f"{'':36}{'texts/s':>8}{'range':>14}{'x by text':>11}{'x batch 32':>12}")
    medians = {name: statistics.median(found) for name, found in rates.items()}
    one_by_one, batched = list(medians.values())[:2]
    for name, median in medians.items():
        span = f"{min(rates[name]):.0f}-{max(rates[name]):.0f}"
        aims = "   aims: {} and {}".format(*AIMS[name]) if name in AIMS else ""
        print(f"{name:36}{median:8.0f}{span:>14}{median / one_by_one:11.2f}{median / batched:12.2f}{aims}")


def memory(folder: Path) -> None:
    """Print the peak memory of the whole program at both lengths, in each format, with a tiny random BERT."""
    import pandas as pd

    model = folder / "model"
    save_classifier(model, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64)
    frame = pd.DataFrame({"text": tweets(LONG), "number": range(LONG)})
    print(f"{'':10}{f'{SHORT:,} rows':>16}{f'{LONG:,} rows':>16}{'ratio':>8}   aim: at most 1.10")
    for ending in ("csv", "parquet"):
        peaks = []
        for rows in (SHORT, LONG):
            path = folder / f"{rows}.{ending}"
            part = frame[:rows]
            part.to_csv(path, index=False) if ending == "csv" else part.to_parquet(path)
            peaks.append(peak([sys.executable, "-m", "helpers.label", path, "--model", model, "--text", "text"]))
        print(f"{ending:10}{peaks[0]:13.0f} MB{peaks[1]:13.0f} MB{peaks[1] / peaks[0]:8.3f}")


def peak(command: list) -> float:
    """The most memory that a command held at once, in MB."""
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"failed: {' '.join(map(str, command))}")
    return used.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--memory", action="store_true", help="measure peak memory instead of speed")
    with tempfile.TemporaryDirectory() as name:
        (memory if parser.parse_args().memory else speed)(Path(name))

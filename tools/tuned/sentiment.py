"""Train the film-review classifier in data/: MiniLM with low-rank changes, on Rotten Tomatoes' training part.

python -m tools.tuned.sentiment           train each setting that is not trained yet
python -m tools.tuned.sentiment --ship    then choose on the validation part, measure on the test part, write data/

Takes about 20 minutes on one core.
"""

import argparse
import json
import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from datasets import DatasetDict
from safetensors import safe_open
from safetensors.torch import save_file
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from helpers import data
from helpers.packages import heads
from helpers.settings import OUTPUTS
from tools.heads.model import encoder
from tools.tuned.low_rank import changes, freeze
from tools.tuned.training import Settings, fit

FOLDER = OUTPUTS / "tuned"
FILE, _ = heads.CHECKPOINTS["sentiment"]
TRIED = [Settings(rank=8, rate=1e-3, epochs=4), Settings(rank=8, rate=5e-4, epochs=4, dropout=0.1)]


@torch.inference_mode()
def predict(model, tokenizer, texts: list[str]) -> np.ndarray:
    """The predicted class of each text, (texts,)."""
    order = np.argsort([len(text) for text in texts])
    found = np.zeros(len(texts), dtype=int)
    for start in range(0, len(texts), 64):
        rows = order[start : start + 64]
        inputs = tokenizer([texts[row] for row in rows], padding=True, truncation=True, return_tensors="pt")
        found[rows] = model(**inputs).logits.argmax(-1).numpy()
    return found


def macro_f1(model, tokenizer, part) -> float:
    """Macro F1 of the model on a part of the data set."""
    return float(f1_score(part["label"], predict(model, tokenizer, list(part["text"])), average="macro"))


def svm_macro_f1(parts: DatasetDict) -> float:
    """Macro F1 on the test part of TF-IDF and a linear SVM trained on the same texts."""
    svm = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LinearSVC(C=0.5))
    svm.fit(parts["train"]["text"], parts["train"]["label"])
    return float(f1_score(parts["test"]["label"], svm.predict(parts["test"]["text"]), average="macro"))


def train(chosen: Settings, parts: DatasetDict, tokenizer) -> torch.nn.Module:
    """The trained model. After each epoch, its macro F1 on the validation part is printed."""
    torch.manual_seed(chosen.seed)
    model = AutoModelForSequenceClassification.from_pretrained(
        encoder(),
        num_labels=2,
        hidden_dropout_prob=chosen.dropout,
        attention_probs_dropout_prob=chosen.dropout,
        attn_implementation="eager",  # on a CPU its backward pass is faster than that of the fused attention
    )
    freeze(model, chosen.rank)
    texts, labels = list(parts["train"]["text"]), torch.tensor(parts["train"]["label"])
    lengths = np.array([len(ids) for ids in tokenizer(texts)["input_ids"]])

    def loss_of(rows: np.ndarray) -> torch.Tensor:
        inputs = tokenizer([texts[row] for row in rows], padding=True, return_tensors="pt")
        return model(**inputs, labels=labels[rows]).loss

    def evaluate() -> str:
        return f"macro F1 on the validation part {macro_f1(model, tokenizer, parts['validation']):.4f}"

    fit(model, chosen, lengths, loss_of, evaluate)
    return model


def train_all(parts: DatasetDict, tokenizer) -> list[tuple[float, Settings, Path]]:
    """Macro F1 on the validation part of each setting, the setting, and the file of its changes."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    done = []
    for number, tried in enumerate(TRIED):
        path = FOLDER / f"sentiment-{number}.safetensors"
        if not path.exists():
            print(tried, flush=True)
            model = train(tried, parts, tokenizer)
            score = macro_f1(model, tokenizer, parts["validation"])
            save_file(changes(model), path, metadata={"validation_macro_f1": f"{score:.4f}"})
        with safe_open(path, "pt") as stored:
            done.append((float(stored.metadata()["validation_macro_f1"]), tried, path))
    return done


def ship(done: list[tuple[float, Settings, Path]], parts: DatasetDict, tokenizer) -> None:
    """Write the best setting to data/, with what a learner's copy of it reaches on the test part."""
    _, chosen, path = max(done, key=lambda each: each[0])
    with tempfile.TemporaryDirectory() as folder:
        heads.build(encoder(), Path(folder), path, heads.SENTIMENT)
        model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    card = {
        "settings": asdict(chosen),
        "texts": {name: len(part) for name, part in parts.items()},
        "tried": [{**asdict(tried), "validation_macro_f1": score} for score, tried, _ in done],
        "test_macro_f1": round(macro_f1(model, tokenizer, parts["test"]), 4),
        "test_macro_f1_svm": round(svm_macro_f1(parts), 4),
    }
    shutil.copy(path, FILE)
    FILE.with_suffix(".json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(card, indent=2))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ship", action="store_true", help="open the test part, and write data/")
    arguments = parser.parse_args()
    parts, tokenizer = data.load("rotten_tomatoes"), AutoTokenizer.from_pretrained(encoder())
    done = train_all(parts, tokenizer)
    if arguments.ship:
        ship(done, parts, tokenizer)


if __name__ == "__main__":
    main()

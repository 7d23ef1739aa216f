"""Train the name tagger in data/: MiniLM with low-rank changes, which learns to mark the names that spaCy marks.

python -m tools.tuned.entities sentences    write outputs/tuned/sentences.jsonl; then run teacher.py on it
python -m tools.tuned.entities train        train on the teacher's labels, made consistent (see labels.py)
python -m tools.tuned.entities ship         judge on the annotated sentences, and write data/

Takes about 20 minutes on one core, and four more for the teacher.
"""

import json
import random
import shutil
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors.torch import save_file
from transformers import AutoModelForTokenClassification, AutoTokenizer, pipeline

from helpers.packages import heads
from helpers.settings import OUTPUTS
from tools.heads.eval import IGNORED
from tools.heads.model import encoder
from tools.tuned import labels, texts
from tools.tuned.low_rank import changes, freeze
from tools.tuned.training import Settings, fit

FOLDER = OUTPUTS / "tuned"
SENTENCES, TEACHER, TRAINED = FOLDER / "sentences.jsonl", FOLDER / "teacher.jsonl", FOLDER / "entities.safetensors"
FILE, _ = heads.CHECKPOINTS["entities"]
NEWS, SPEECHES = 38_000, 14_000  # sentences that the teacher labels
EMPTY = 0.35  # share of the sentences without a name that are trained on
CHOSEN = Settings(rank=20, rate=1e-3, epochs=2)
CLASSES = heads.ENTITIES["label2id"]  # O, B-PER, I-PER, ...


def write_sentences() -> None:
    """A random sample of all sentences for the teacher, and all that were annotated."""
    every = texts.sentences(texts.documents())
    order = list(every.index)
    random.Random(0).shuffle(order)
    mixed, is_news = every.loc[order], every.loc[order, "kind"] == "news"
    chosen = [mixed[is_news].head(NEWS), mixed[~is_news].head(SPEECHES), every[every["id"].isin(texts.gold()["id"])]]
    FOLDER.mkdir(parents=True, exist_ok=True)
    pd.concat(chosen).drop_duplicates("id").to_json(SENTENCES, orient="records", lines=True)
    print(f"wrote {SENTENCES}")


def read_labels() -> tuple[pd.DataFrame, pd.DataFrame]:
    """The training sentences and the held-out ones, each with columns text, id and spans (consistent labels)."""
    told = pd.read_json(TEACHER, lines=True, dtype=False).set_index("id")["entities"]
    frame = pd.read_json(SENTENCES, lines=True, dtype=False)
    frame = frame[frame["id"].isin(told.index)].reset_index(drop=True)
    raw = [labels.mapped(text, told[name]) for text, name in zip(frame["text"], frame["id"], strict=True)]
    train = ~frame["held_out"]
    names = labels.Names(frame.loc[train, "text"].tolist(), [raw[row] for row in frame.index[train]])
    frame["raw"] = raw
    frame["spans"] = [names.consistent(text, found) for text, found in zip(frame["text"], raw, strict=True)]
    return frame[train], frame[~train]


def tags(offsets: list[tuple[int, int]], spans: set[labels.Span]) -> list[int]:
    """The class of each token of a sentence; IGNORED for special tokens. offsets: first character and end of each."""
    found = [IGNORED if start == end else 0 for start, end in offsets]
    for first, last, kind in spans:
        inside = [i for i, (start, end) in enumerate(offsets) if start < last and first < end and end > start]
        for place, token in enumerate(inside):
            found[token] = CLASSES[f"{'I' if place else 'B'}-{kind}"]
    return found


def some_empty(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """All sentences with a name, and EMPTY of the others: they teach little and are many."""
    return frame[(frame["spans"].map(len) > 0) | (rng.random(len(frame)) < EMPTY)]


def model_of(chosen: Settings) -> torch.nn.Module:
    """The encoder with a fresh head, ready for training."""
    torch.manual_seed(chosen.seed)
    model = AutoModelForTokenClassification.from_pretrained(
        encoder(),
        num_labels=len(CLASSES),
        id2label={number: name for name, number in CLASSES.items()},
        label2id=CLASSES,
        hidden_dropout_prob=chosen.dropout,
        attention_probs_dropout_prob=chosen.dropout,
        attn_implementation="eager",  # on a CPU its backward pass is faster than that of the fused attention
    )
    freeze(model, chosen.rank)
    return model


def train(chosen: Settings, frame: pd.DataFrame, held_out: pd.DataFrame, tokenizer) -> torch.nn.Module:
    """The trained model. After each epoch, how well it imitates the teacher on held-out sentences is printed."""
    frame = some_empty(frame, np.random.default_rng(chosen.seed))
    print(f"{len(frame)} sentences", flush=True)
    model = model_of(chosen)
    read = tokenizer(frame["text"].tolist(), return_offsets_mapping=True)
    truth = [tags(offsets, spans) for offsets, spans in zip(read["offset_mapping"], frame["spans"], strict=True)]
    lengths = np.array([len(ids) for ids in read["input_ids"]])

    def loss_of(rows: np.ndarray) -> torch.Tensor:
        ids = torch.zeros(len(rows), lengths[rows].max(), dtype=torch.long)  # (sentences, tokens); 0 is padding
        wanted = torch.full_like(ids, IGNORED)
        for place, row in enumerate(rows):
            ids[place, : lengths[row]] = torch.tensor(read["input_ids"][row])
            wanted[place, : lengths[row]] = torch.tensor(truth[row])
        return model(input_ids=ids, attention_mask=(ids > 0).long(), labels=wanted).loss

    def evaluate() -> str:
        some = held_out.head(600)
        found = labels.scores(some["spans"].tolist(), predict(model, tokenizer, some["text"].tolist()))
        return f"held-out F1 against the teacher: { {kind: round(score['f1'], 3) for kind, score in found.items()} }"

    fit(model, chosen, lengths, loss_of, evaluate)
    return model


def predict(model, tokenizer, sentences: list[str], strategy: str = "simple") -> list[set[labels.Span]]:
    """The names in each sentence as the pipeline with this aggregation_strategy gives them."""
    tagger = pipeline("token-classification", model=model, tokenizer=tokenizer, aggregation_strategy=strategy)
    return [
        {(entity["start"], entity["end"], entity["entity_group"]) for entity in found}
        for found in tagger(sentences, batch_size=32)
    ]


def judge(gold: list[set[labels.Span]], predicted: list[set[labels.Span]]) -> dict:
    """Rounded precision, recall and F1 of what a tagger marked."""
    found = labels.scores(gold, predicted)
    return {kind: {name: round(value, 3) for name, value in score.items()} for kind, score in found.items()}


def ship(frame: pd.DataFrame, held_out: pd.DataFrame, gold: pd.DataFrame, tokenizer) -> None:
    """Write the changes to data/, with what a learner's copy of the model finds in the annotated sentences."""
    with tempfile.TemporaryDirectory() as folder:
        heads.build(encoder(), Path(folder), TRAINED, heads.ENTITIES)
        model = AutoModelForTokenClassification.from_pretrained(folder).eval()
    imitation = judge(held_out["spans"].tolist(), predict(model, tokenizer, held_out["text"].tolist()))
    card = {
        "settings": asdict(CHOSEN),
        "sentences": {"labeled": len(frame), "held_out": len(held_out)},
        "imitation_f1": {kind: score["f1"] for kind, score in imitation.items()},
    }
    for part, rows in gold.groupby("part"):
        found = {
            "student": predict(model, tokenizer, rows["text"].tolist()),
            "student, whole words": predict(model, tokenizer, rows["text"].tolist(), "average"),
            "teacher": rows["raw"].tolist(),
            "teacher made consistent": rows["spans_teacher"].tolist(),
        }
        card[f"{part} set"] = {who: judge(rows["spans"].tolist(), spans) for who, spans in found.items()}
    shutil.copy(TRAINED, FILE)
    FILE.with_suffix(".json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(card, indent=2))


def main(step: str) -> None:
    if step == "sentences":
        write_sentences()
        return
    tokenizer = AutoTokenizer.from_pretrained(encoder())
    frame, held_out = read_labels()
    gold = texts.gold().merge(held_out[["id", "text", "raw", "spans"]], on="id", suffixes=("", "_teacher"))
    held_out = held_out[~held_out["id"].isin(gold["id"])]
    if step == "train":
        save_file(changes(train(CHOSEN, frame, held_out, tokenizer)), TRAINED)
    else:
        ship(frame, held_out, gold, tokenizer)


if __name__ == "__main__":
    if sys.argv[1:] not in (["sentences"], ["train"], ["ship"]):
        raise SystemExit(__doc__)
    main(sys.argv[1])

"""How fast and how good Day 2's recipe is, beside two well-known ones: python tests/benchmarks/recipes.py

ours       Day 2: batch 32, learning rate 2e-4, 2 epochs, length groups, bfloat16 where it is fast
course     the Hugging Face course, chapter 3: batch 8, 5e-5, 3 epochs, padded to the longest of the batch, float32
tutorial   the fine-tuning tutorial of the transformers documentation: the same, but every text padded to 512 tokens;
           its time is extrapolated from a few steps, because it takes half an hour

The campaign tweets of Day 2, five seeds, each with another fifth of the training and validation splits held out; the
test split stays closed. WORKSHOP_PRECISION=float32 shows the ratios of a machine without fast bfloat16. About ten
minutes on two cores; run nothing else meanwhile.
"""

import math
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import helpers  # noqa: E402

workshop = helpers.setup(source="packages", size="small")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import torch  # noqa: E402
from accelerate.state import AcceleratorState  # noqa: E402
from datasets import Dataset  # noqa: E402
from sklearn.metrics import f1_score  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402
from transformers import (  # noqa: E402
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    PrinterCallback,
    Trainer,
    TrainingArguments,
)

SEEDS, TUTORIAL_STEPS = 5, 6
CHECKPOINT = "sentence-transformers/all-MiniLM-L6-v2"
TOKENIZER = AutoTokenizer.from_pretrained(CHECKPOINT)
OUTPUTS = str(ROOT / "outputs" / "benchmark")
QUIET = {"save_strategy": "no", "logging_strategy": "no", "disable_tqdm": True}


def ours(seed: int) -> TrainingArguments:
    """The settings of Day 2."""
    settings = {"learning_rate": 2e-4, "per_device_train_batch_size": 32, "num_train_epochs": 2, "seed": seed}
    settings |= {"warmup_steps": 0.1, "weight_decay": 0.01, "train_sampling_strategy": "group_by_length"}
    return TrainingArguments(OUTPUTS, **settings, **workshop.precision, **QUIET)


def course(seed: int, **changes) -> TrainingArguments:
    """The settings of the course and, but for the padding, of the tutorial: mostly TrainingArguments' defaults."""
    settings = {"learning_rate": 5e-5, "per_device_train_batch_size": 8, "num_train_epochs": 3, "seed": seed}
    where = {"use_cpu": True} if workshop.device == "cpu" else {}
    return TrainingArguments(OUTPUTS, **settings, **where, **QUIET | changes)


def trained(rows: Dataset, settings: TrainingArguments, collator, seed: int) -> tuple[Trainer, float]:
    """A finished Trainer and the seconds its training took."""
    AcceleratorState._reset_state(reset_partial_state=True)  # it remembers the number format of the first Trainer
    torch.manual_seed(seed)
    model = AutoModelForSequenceClassification.from_pretrained(CHECKPOINT)
    trainer = Trainer(model, settings, collator, rows, processing_class=TOKENIZER)
    trainer.remove_callback(PrinterCallback)
    start = time.perf_counter()
    trainer.train()
    return trainer, time.perf_counter() - start


def matrix_peak(dtype: torch.dtype, width: int = 1024) -> float:
    """The best of ten products of two (width, width) matrices, in floating-point operations a second."""
    matrix, best = torch.randn(width, width, dtype=dtype, device=workshop.device), float("inf")
    for _ in range(10):
        start = time.perf_counter()
        matrix @ matrix
        if workshop.device == "cuda":
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - start)
    return 2 * width**3 / best


def operations(trainer: Trainer, rows: Dataset) -> float:
    """Floating-point operations of one epoch, forward and backward, counted on every batch that training makes."""
    counter = FlopCounterMode(display=False)
    trainer.train_dataset = rows
    with counter:
        for batch in trainer.get_train_dataloader():
            batch = {name: tensor.to(trainer.model.device) for name, tensor in batch.items()}
            trainer.model(**batch).loss.backward()
    return counter.get_total_flops()


def main() -> None:
    tweets = helpers.data.load("campaign_tweets")
    frame = pd.concat([tweets[part].to_pandas() for part in ("train", "validation")], ignore_index=True)
    rows = Dataset.from_pandas(frame[["text", "label"]], preserve_index=False)
    rows = rows.map(lambda batch: TOKENIZER(batch["text"], truncation=True, max_length=64), batched=True)
    dynamic = DataCollatorWithPadding(TOKENIZER)
    to_512 = DataCollatorWithPadding(TOKENIZER, padding="max_length", max_length=512)
    folds = helpers.data.splits.folds(frame["text"], frame["label"], run=8, k=SEEDS)
    trained(rows.select(range(64)), ours(0), dynamic, 0)  # warms up

    scores, seconds, used = {"ours": [], "course": []}, {"ours": [], "course": []}, []
    for seed, (train, held_out) in enumerate(folds):
        for name, settings in {"ours": ours(seed), "course": course(seed)}.items():
            trainer, took = trained(rows.select(train), settings, dynamic, seed)
            output = trainer.predict(rows.select(held_out))
            predicted = output.predictions.argmax(axis=1)
            scores[name].append(f1_score(output.label_ids, predicted, average="macro"))
            seconds[name].append(took)
            if name == "ours":
                used.append(operations(trainer, rows.select(train)) * settings.num_train_epochs / took)
        print(f"seed {seed}: " + ", ".join(f"{n} {scores[n][-1]:.3f} in {seconds[n][-1]:.1f} s" for n in scores))
    _, few = trained(rows.select(folds[0][0]), course(0, max_steps=TUTORIAL_STEPS), to_512, 0)
    tutorial = few / TUTORIAL_STEPS * 3 * math.ceil(len(folds[0][0]) / 8)

    table = pd.concat([pd.DataFrame({"system": n, "fold": range(SEEDS), "macro F1": scores[n]}) for n in scores])
    difference = helpers.metrics.fold_difference(table, "ours", "course", "macro F1")
    ratios = np.divide(seconds["ours"], seconds["course"])
    short = torch.bfloat16 if "bf16" in workshop.precision else torch.float32
    print(f"\nmacro F1, mean of {SEEDS}: ours {np.mean(scores['ours']):.3f}, course {np.mean(scores['course']):.3f}")
    print(f"ours minus course: {difference:.3f} (95%)")
    print(f"time, ours / course: median {np.median(ratios):.2f}, from {ratios.min():.2f} to {ratios.max():.2f}")
    print(f"time, ours / tutorial (extrapolated, {tutorial:.0f} s): {np.median(seconds['ours']) / tutorial:.3f}")
    peak = matrix_peak(short)
    share = np.median(used) / peak
    print(f"matrix products of our training: {share:.0%} of the peak of {peak / 1e9:.0f} GFLOP/s ({short})")


if __name__ == "__main__":
    main()

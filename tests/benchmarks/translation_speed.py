"""Sentences per second: the model against the engine of the wheel, side by side on one thread.

PYTHONPATH=.:tests/support python tests/benchmarks/translation_speed.py [SENTENCES]

Sentences of tweets and speeches from the test sets, in rounds that take turns. Time is the processor's, so that other
work on the machine disturbs less. The engine translates one by one, which is all it does.
"""

import sys
import time

import engine
import torch
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

from helpers import packages
from helpers.data import sets
from helpers.translation import clean, translate
from helpers.translation.sentences import sentences

ROUNDS = 3


def lines(count: int, tokenizer) -> list[str]:
    """So many sentences, half of tweets and half of speeches, cleaned, so that both get exactly the same."""
    found = []
    for name in ("election_tweets", "commons_speeches"):
        texts = sets.load(name)["test"]["text"]
        each = [sentence.strip() for text in texts for sentence in sentences(clean(text, tokenizer)[0])]
        each = list(dict.fromkeys(sentence for sentence in each if 20 < len(sentence) < 400))
        found += each[: count // 2]
    return found


def main(count: int = 400) -> None:
    torch.set_num_threads(1)
    folder = packages.model("Helsinki-NLP/opus-mt-tc-big-en-pt")
    model, tokenizer = AutoModelForSeq2SeqLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    native, texts = engine.load("en-pt"), lines(count, tokenizer)

    def batches(**options):
        return lambda: [t.text for t in translate(texts, model, tokenizer, max_tokens=500, progress=False, **options)]

    ways = {
        "engine, one by one": lambda: [native.translate(text) for text in texts],
        "model, batches, shortlist": batches(),
        "model, batches, all words": batches(shortlist=False),
        "model, one by one, shortlist": batches(batch_tokens=1),
    }
    seconds, outputs = {name: [] for name in ways}, {}
    for _ in range(ROUNDS):
        for name, run in ways.items():
            start = time.process_time()
            outputs[name] = run()
            seconds[name].append(time.process_time() - start)
    print(f"{len(texts)} sentences, one thread, best of {ROUNDS} rounds")
    reference = min(seconds["engine, one by one"])
    for name, each in seconds.items():
        same = sum(a == b for a, b in zip(outputs[name], outputs["engine, one by one"], strict=True))
        speed = len(texts) / min(each)
        print(f"{name:30}{speed:6.1f} a second, {reference / min(each):.2f} of the engine's speed; {same} alike")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))

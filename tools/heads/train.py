"""Train BERT's two pretraining heads on the encoder of the packages. Learners need not run this: data/ has its result.

    python -m tools.heads.train --steps N               train; after an interruption the same command goes on
    python -m tools.heads.train --steps N --ship        then measure, and write data/pretraining_heads.*
    python -m tools.heads.train --steps N --start FILE  a second round, which goes on from such a file (--ship as above)

Each step reads stretches of documents, whose masked words are to be predicted, and pairs of sentences, where also the
question is whether the second follows the first. What is drawn at a step depends on the seed and the step alone. With
other --steps a started training goes on too: the learning rate reaches zero at the new end.
"""

import argparse
import json
import signal
import tempfile
import time
from collections import Counter
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn.utils import parametrize
from transformers import AutoTokenizer, BertForPreTraining
from transformers.utils import logging

from helpers.packages import heads
from helpers.settings import OUTPUTS, atomic
from tools.heads.eval import masked_words, next_sentences
from tools.heads.model import Settings, batch, changes, encoder, loss, second_round, start_from, trainable
from tools.heads.text import Corpus, documents

FOLDER = OUTPUTS / "heads"
SHOWN = 20  # steps between two lines of progress
STATE_SECONDS, CHECKPOINT_SECONDS = 180, 1200  # between two saved states; between two usable checkpoints
PAUSE_SECONDS = 60  # a step that took longer was paused from outside: it counts as this much
SAMPLE, PAIRS = 160, 1000  # held-out stretches that are measured in passing (and by the test); pairs at the end


def read_texts():
    """The tokenizer, the training corpus, the held-out corpus, and how often each token stands in training."""
    tokenizer, frame = AutoTokenizer.from_pretrained(encoder()), documents()
    training = Corpus.of(frame[~frame["held_out"]], tokenizer)
    held_out = Corpus.of(frame[frame["held_out"]], tokenizer)
    frequency = np.bincount(training.tokens, minlength=len(tokenizer))
    return tokenizer, training, held_out, frequency


def most_common(frequency: np.ndarray) -> list[int]:
    """The ids of the five most frequent tokens, which the baseline guesses."""
    return np.argsort(-frequency, kind="stable")[:5].tolist()


def restored(trained: Path) -> BertForPreTraining:
    """The model that a learner gets from a file of changes."""
    with tempfile.TemporaryDirectory() as folder:
        heads.build(encoder(), Path(folder), trained)
        return BertForPreTraining.from_pretrained(folder).eval()


class Training:
    """A training that can be stopped at any step and goes on from its state file."""

    def __init__(self, settings: Settings, folder: Path, texts, start: Path | None = None):
        self.settings, self.folder = settings, folder
        self.tokenizer, self.corpus, self.held_out, self.frequency = texts
        self.model = trainable(settings, torch.from_numpy(self.frequency).float())
        if settings.start:
            start_from(self.model, load_file(start))
        self.weights = {name: w for name, w in self.model.named_parameters() if w.requires_grad}
        self.optimizer = self.fresh_optimizer()
        self.step, self.tokens, self.seconds, self.losses = 0, 0, 0.0, []
        if (folder / "state.pt").exists():
            self.load()

    def fresh_optimizer(self) -> torch.optim.AdamW:
        return torch.optim.AdamW(self.weights.values(), betas=(0.9, 0.98), weight_decay=0.01)

    def load(self) -> None:
        state = torch.load(self.folder / "state.pt", weights_only=True)
        then = state["settings"]
        if asdict(self.settings) | {"steps": 0} != then | {"steps": 0}:
            raise SystemExit(f"{self.folder} holds a training with other settings: {then}. Remove it or name another.")
        for name, weight in self.weights.items():
            weight.data.copy_(state["weights"][name])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.tokens, self.seconds = state["step"], state["tokens"], state["seconds"]
        print(f"goes on at step {self.step}", flush=True)

    def save(self) -> None:
        state = {"settings": asdict(self.settings), "weights": {k: w.detach() for k, w in self.weights.items()}}
        state |= {name: getattr(self, name) for name in ("step", "tokens", "seconds")}
        state["optimizer"] = self.optimizer.state_dict()
        with atomic(self.folder / "state.pt") as temporary:
            torch.save(state, temporary)

    def run(self) -> None:
        """All steps that are left; state and checkpoints in between. SIGTERM ends it after a step, with the state."""
        stop = []
        signal.signal(signal.SIGTERM, lambda *_: stop.append(True))
        saved = measured = self.seconds
        while self.step < self.settings.steps and not stop:
            started = time.monotonic()
            self.one_step()
            self.seconds += min(time.monotonic() - started, PAUSE_SECONDS)
            if self.step % SHOWN == 0:
                self.show()
            if self.seconds - saved > STATE_SECONDS:
                self.save()
                saved = self.seconds
            if self.seconds - measured > CHECKPOINT_SECONDS:
                self.checkpoint()
                measured = self.seconds
        self.save()
        if not stop:
            self.checkpoint()

    def one_step(self) -> None:
        if (
            self.settings.alone and self.step in self.settings.alone
        ):  # what Adam learned about the other part's gradients misleads here
            self.optimizer = self.fresh_optimizer()
        for group in self.optimizer.param_groups:
            group["lr"] = self.settings.rate(self.step)
        parts = batch(self.corpus, self.tokenizer, self.settings, self.step)
        with parametrize.cached(), torch.autocast("cpu", torch.bfloat16):
            words, following, tokens = loss(self.model, parts)
        weight, pair_weight = self.settings.weights(self.step)
        (weight * words + pair_weight * following).backward()
        nn.utils.clip_grad_norm_(self.weights.values(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.step, self.tokens = self.step + 1, self.tokens + tokens
        self.losses.append((words.item(), following.item()))

    def show(self) -> None:
        words, following = np.mean(self.losses[-SHOWN:], axis=0)
        print(
            f"{time.strftime('%H:%M:%S')}  {self.seconds / 60:5.1f} min  step {self.step}/{self.settings.steps}  "
            f"{self.tokens / 1e6:.2f} M tokens  rate {self.settings.rate(self.step):.1e}  "
            f"loss: words {words:.3f}, next {following:.3f}",
            flush=True,
        )

    def checkpoint(self) -> None:
        """Write the file that would ship, and measure it on a sample of the held-out documents."""
        path = self.folder / heads.HEADS.name
        with atomic(path) as temporary:
            save_file(changes(self.model), temporary)
        model, common = restored(path), most_common(self.frequency)
        found = masked_words(model, self.tokenizer, self.held_out, self.settings.length, common, SAMPLE)["all"]
        following = next_sentences(model, self.tokenizer, self.held_out, 200)
        print(f"held out: top-1 {found['top1']:.3f}, top-5 {found['top5']:.3f}; next {following}", flush=True)


def earlier_round(start: str) -> dict | None:
    """What the card of data/ says of the round that this one started from; None where it started from none."""
    card = json.loads(heads.HEADS.with_suffix(".json").read_text())
    if not start or sha256(heads.HEADS.read_bytes()).hexdigest() != start:
        return None
    kept = {name: card[name] for name in ("settings", "tokens_read", "minutes", "next_sentence")}
    return kept | {"masked_words": card["masked_words"]["all"]}


def ship(training: Training) -> None:
    """Copy the trained changes to data/, measured on all held-out documents, and a JSON file of results."""
    source, target = training.folder / heads.HEADS.name, heads.HEADS
    first_round = earlier_round(training.settings.start)
    with atomic(target) as temporary:
        temporary.write_bytes(source.read_bytes())
    model, common = restored(target), most_common(training.frequency)
    measure = model, training.tokenizer, training.held_out, training.settings.length, common
    kinds = Counter(sorted(training.held_out.kinds))
    card = {
        "settings": asdict(training.settings),
        "tokens_read": training.tokens,
        "minutes": round(training.seconds / 60, 1),
        "training": {"documents": len(training.corpus.kinds), "tokens": len(training.corpus.tokens)},
        "held_out": {"documents": dict(kinds)},
        "most_common": {"ids": common, "tokens": training.tokenizer.convert_ids_to_tokens(common)},
        "masked_words": masked_words(*measure),
        "masked_words_sample": {"stretches": SAMPLE, **masked_words(*measure, SAMPLE)["all"]},
        "next_sentence": next_sentences(model, training.tokenizer, training.held_out, PAIRS),
        "first_round": first_round,
    }
    with atomic(target.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps(card, indent=2) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, required=True, help="planned end; 1,000 steps read 4 million tokens")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="for state and checkpoints")
    parser.add_argument(
        "--start", type=Path, help="go on from this file of changes, with the settings of a second round"
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--ship", action="store_true", help="measure the finished training and write it to data/")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    settings = Settings(arguments.steps)
    if arguments.start:
        settings = second_round(arguments.steps, sha256(arguments.start.read_bytes()).hexdigest())
    training = Training(settings, arguments.folder, read_texts(), arguments.start)
    if not arguments.ship:
        training.run()
    elif training.step < arguments.steps:
        raise SystemExit(f"The training stands at step {training.step} of {arguments.steps}: run it to its end first.")
    else:
        ship(training)


if __name__ == "__main__":
    main()

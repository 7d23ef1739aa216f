"""One training loop for both models: batches of similar length, AdamW, a learning rate that rises and falls."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn


@dataclass(frozen=True)
class Settings:
    """What the result depends on. rank: of the change of each matrix. rate: the highest learning rate."""

    rank: int
    rate: float
    epochs: int
    batch: int = 32
    dropout: float = 0.0
    seed: int = 0


def batches(lengths: np.ndarray, size: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """The numbers of the rows of each batch, in random order; rows of a batch are about equally long."""
    order = np.argsort(lengths + rng.random(len(lengths)) * 4)
    starts = rng.permutation(np.arange(0, len(order), size))
    return (order[start : start + size] for start in starts)


def fit(
    model: nn.Module,
    settings: Settings,
    lengths: np.ndarray,
    loss_of: Callable[[np.ndarray], torch.Tensor],
    evaluate: Callable[[], str],
) -> None:
    """Train the free weights of a model.

    Parameters
    ----------
    model : Module
        With frozen matrices (see `low_rank.freeze`).
    settings : Settings
    lengths : ndarray
        Tokens of each training row.
    loss_of : callable
        Gives the mean loss of the rows with these numbers.
    evaluate : callable
        Called after each epoch; returns a line to print.
    """
    rng = np.random.default_rng(settings.seed)
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=settings.rate, weight_decay=0.01)
    total = settings.epochs * -(-len(lengths) // settings.batch)
    rates = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: float(np.interp(step, [0, 0.06 * total, total], [0.01, 1, 0]))
    )
    step, losses, started = 0, [], time.monotonic()
    for epoch in range(1, settings.epochs + 1):
        model.train()
        for rows in batches(lengths, settings.batch, rng):
            with torch.autocast("cpu", torch.bfloat16):
                loss = loss_of(rows)
                loss.backward()
            nn.utils.clip_grad_norm_(weights, 1.0)
            optimizer.step()
            optimizer.zero_grad()
            rates.step()
            step += 1
            losses.append(loss.item())
            if step % 50 == 0:
                seconds = time.monotonic() - started
                print(f"{seconds:6.0f} s  step {step}/{total}  loss {np.mean(losses[-50:]):.3f}", flush=True)
        model.eval()
        print(f"epoch {epoch}: {evaluate()}", flush=True)

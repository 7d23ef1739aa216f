"""Beam search, step by step, so that one can watch it: what `generate(num_beams=...)` does inside."""

import pandas as pd
import torch


@torch.inference_mode()
def beam_steps(text: str, model, tokenizer, beams: int = 3, longest: int = 60) -> tuple[pd.DataFrame, str]:
    """Search for the most probable translation with a few candidates at a time.

    Each step continues every candidate with every piece of the vocabulary, and keeps the `beams` best. What ends is
    set aside; the search stops when none that still runs can become better than those set aside.

    Returns a table with a row for each step and candidate (columns step, rank, translation, log probability, ended),
    and the best translation: that of generate(num_beams=beams, length_penalty=0, do_sample=False), unless the search
    was stopped after the `longest` steps.
    """
    batch = tokenizer(text, return_tensors="pt").to(model.device)
    encoded = model.get_encoder()(**batch)
    start, end = model.config.decoder_start_token_id, model.generation_config.eos_token_id
    running, ended, rows = [(0.0, [start])], [], []
    for step in range(1, longest + 1):
        scores = _next_scores([ids for _, ids in running], encoded, batch["attention_mask"], model)
        scores += torch.tensor([[score] for score, _ in running], device=scores.device)  # (candidates, pieces)
        # Twice as many as needed: at most half of them can have ended.
        best, places = scores.flatten().topk(2 * beams)
        found = [
            (score, running[place // scores.shape[1]][1] + [place % scores.shape[1]])
            for score, place in zip(best.tolist(), places.tolist(), strict=True)
        ]
        ended += [(score, ids) for score, ids in found[:beams] if ids[-1] == end]
        running = [(score, ids) for score, ids in found if ids[-1] != end][:beams]
        for rank, (score, ids) in enumerate(found[:beams], start=1):
            translation = tokenizer.decode(ids[1:], skip_special_tokens=True)
            rows.append((step, rank, translation, score, ids[-1] == end))
        ended = sorted(ended, reverse=True)[:beams]
        if len(ended) == beams and running[0][0] <= ended[-1][0]:
            break
    best = max(ended or running)[1]
    table = pd.DataFrame(rows, columns=["step", "rank", "translation", "log probability", "ended"])
    return table, tokenizer.decode(best[1:], skip_special_tokens=True)


def _next_scores(candidates: list[list[int]], encoded, mask, model) -> torch.Tensor:
    """The logarithm of the probability of every next piece, (candidates, vocabulary)."""
    count = len(candidates)
    output = model(
        encoder_outputs=(encoded[0].expand(count, -1, -1),),
        attention_mask=mask.expand(count, -1),
        decoder_input_ids=torch.tensor(candidates, device=mask.device),
    )
    scores = output.logits[:, -1].float().log_softmax(dim=-1)
    # Pieces that generate never chooses.
    scores[:, model.generation_config.suppress_tokens or []] = -torch.inf
    scores[:, [bad[0] for bad in model.generation_config.bad_words_ids or [] if len(bad) == 1]] = -torch.inf
    return scores.log_softmax(dim=-1) if model.generation_config.renormalize_logits else scores

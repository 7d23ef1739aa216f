"""Looking inside a translation model: which source token it attends to, and how beam search chooses its words."""

import pandas as pd
import torch


@torch.inference_mode()
def head_scores(texts: list[str], model, tokenizer) -> pd.DataFrame:
    """How often each head of the cross-attention looks at the right token of the source.

    Taught on Day 3, "Cross-attention as alignment".

    Names and numbers are often copied, and for a copied token it is known where it came from. A head is right where
    its largest weight lies on that place while the token is written.

    Parameters
    ----------
    texts : list of str
        In the source language; those with names and numbers count.
    model, tokenizer
        Of AutoModelForSeq2SeqLM, with attn_implementation="eager", and AutoTokenizer.

    Returns
    -------
    DataFrame
        Layers in rows, heads in columns: shares from 0 to 1 of all tokens that the greedy translations copied.

    Raises
    ------
    ValueError
        Where no token is copied, or the model gives no attention weights.
    """
    right, tokens = 0, 0
    for text in texts:
        batch = tokenizer(text, return_tensors="pt").to(model.device)
        ids = model.generate(**batch, num_beams=1, do_sample=False)
        found = copied_tokens(batch["input_ids"][0].tolist(), ids[0, 1:].tolist(), tokenizer)
        if not found:
            continue
        # Row t of the weights belongs to the step that read token t and wrote token t + 1.
        output = model(**batch, decoder_input_ids=ids[:, :-1], output_attentions=True)
        if not output.cross_attentions or output.cross_attentions[0] is None:
            raise ValueError('The model gave no attention weights. Load it with attn_implementation="eager".')
        looked = torch.cat(output.cross_attentions).argmax(dim=-1)  # (layers, heads, target)
        target, source = torch.tensor(found).T
        right = right + (looked[:, :, target] == source.to(looked.device)).sum(dim=-1)
        tokens += len(found)
    if not tokens:
        raise ValueError("No token of these texts was copied. Give texts with names and numbers.")
    return pd.DataFrame((right / tokens).cpu().numpy()).rename_axis(index="layer", columns="head")


def copied_tokens(source: list[int], target: list[int], tokenizer) -> list[tuple[int, int]]:
    """Tokens of the target that were copied from the source: pairs of their places (target, source).

    Only those with a letter or digit that occur once in each: there is only one place they can come from.
    """
    places = []
    for place, token in enumerate(target):
        if token in tokenizer.all_special_ids or source.count(token) != 1 or target.count(token) != 1:
            continue
        if any(character.isalnum() for character in tokenizer.decode([token])):
            places.append((place, source.index(token)))
    return places


@torch.inference_mode()
def beam_steps(text: str, model, tokenizer, beams: int = 3, longest: int = 60) -> tuple[pd.DataFrame, str]:
    """Search for the most probable translation with a few candidates at a time, and show every step.

    Taught on Day 3, "Beam search, step by step".

    Each step continues every candidate with every token of the vocabulary and keeps the `beams` best. A candidate
    that ends is set aside; the search stops when no other can become better than those set aside.

    Parameters
    ----------
    text : str
        One sentence.
    model, tokenizer
        Of AutoModelForSeq2SeqLM and AutoTokenizer.
    beams : int
        How many candidates are kept.
    longest : int
        After so many tokens the search stops in any case.

    Returns
    -------
    DataFrame, str
        A row for each step and candidate (columns step, rank, translation, log probability, ended), and the best
        translation. Unless the search was stopped, it is that of
        `generate(num_beams=beams, length_penalty=0, do_sample=False)`.
    """
    batch = tokenizer(text, return_tensors="pt").to(model.device)
    encoded = model.get_encoder()(**batch)
    start, end = model.config.decoder_start_token_id, model.generation_config.eos_token_id
    running, ended, rows = [(0.0, [start])], [], []
    for step in range(1, longest + 1):
        scores = _next_scores([ids for _, ids in running], encoded, batch["attention_mask"], model)
        scores += torch.tensor([[score] for score, _ in running], device=scores.device)  # (candidates, vocabulary)
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
    """The logarithm of the probability of every next token, (candidates, vocabulary)."""
    count = len(candidates)
    output = model(
        encoder_outputs=(encoded[0].expand(count, -1, -1),),
        attention_mask=mask.expand(count, -1),
        decoder_input_ids=torch.tensor(candidates, device=mask.device),
    )
    scores = output.logits[:, -1].float().log_softmax(dim=-1)
    # Tokens that generate never chooses.
    scores[:, model.generation_config.suppress_tokens or []] = -torch.inf
    scores[:, [bad[0] for bad in model.generation_config.bad_words_ids or [] if len(bad) == 1]] = -torch.inf
    return scores.log_softmax(dim=-1) if model.generation_config.renormalize_logits else scores

"""How a student chooses its words: from the lexical shortlist of each sentence, and greedily.

A student was made to be fast, and most of its work would be to score all 32,000 tokens at each step. A table from word
alignments (which tokens translate which) leaves some hundreds. That also restricts it: without the table a translation
may use any word, and one in ten sentences comes out a little different.
"""

import torch
from torch import nn
from torch.nn import functional as F
from transformers import LogitsProcessor

GRANULARITY = 8  # Marian fills a shortlist up to a multiple of this with the next frequent tokens
SHRINK_AT = 0.8  # the batch is made smaller when no more than this part of it still goes on


class Shortlist(nn.Module):
    """The table, as part of a model, so that it is saved, loaded and moved with it.

    always: how many of the most frequent tokens every sentence may use; offsets: (source tokens + 1,) and
    targets: (entries,), so that source token i allows targets[offsets[i] : offsets[i + 1]].
    """

    def __init__(self, always: int, source_tokens: int, entries: int):
        super().__init__()
        self.always = always
        self.offsets = nn.Buffer(torch.zeros(source_tokens + 1, dtype=torch.int32))
        self.targets = nn.Buffer(torch.zeros(entries, dtype=torch.int32))

    def allowed(self, input_ids: torch.Tensor) -> torch.Tensor:
        """Which tokens the translation of each sentence may use.

        input_ids: (sentences, tokens), padded or not. Returns bools: (sentences, vocabulary without padding). Allowed
        are the frequent tokens and those that the table gives for a token of the sentence.
        """
        size = len(self.offsets) - 1
        allowed = torch.zeros(len(input_ids), size, dtype=torch.bool, device=input_ids.device)
        allowed[:, : self.always] = True
        offsets = self.offsets.tolist()
        for row, ids in zip(allowed, input_ids.tolist(), strict=True):
            found = [self.targets[offsets[token] : offsets[token + 1]] for token in set(ids) if token < size]
            row[torch.cat(found).long()] = True
            missing = -int(row.sum()) % GRANULARITY
            row[(~row).nonzero()[:missing, 0]] = True
        return allowed

    def processor(self, input_ids: torch.Tensor) -> "ShortlistProcessor":
        """For `generate(..., logits_processor=[...])` with the same input_ids."""
        return ShortlistProcessor(self.allowed(input_ids))


class ShortlistProcessor(LogitsProcessor):
    """Sets the score of every token that a sentence may not use to minus infinity.

    allowed: (sentences, tokens) bools; tokens of the vocabulary beyond these (padding) are left as they are.
    """

    def __init__(self, allowed: torch.Tensor):
        self.forbidden = ~allowed

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """scores: (sentences * beams, vocabulary); returns the same shape."""
        forbidden = self.forbidden.repeat_interleave(len(scores) // len(self.forbidden), dim=0)
        beyond = scores.shape[1] - forbidden.shape[1]
        return scores.masked_fill(nn.functional.pad(forbidden, (0, beyond)), -torch.inf)


class Batch:
    """The sentences that still go on, with all that their next step needs. Each tensor has a row for each sentence."""

    def __init__(self, model, input_ids: torch.Tensor, attention_mask: torch.Tensor, allowed: torch.Tensor):
        self.model, self.layers = model, model.model.decoder.layers
        encoded = model.model.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        self.rows = torch.arange(len(input_ids), device=input_ids.device)
        self.attend = attention_mask.bool()[:, None, None]  # (sentences, 1 head, 1 step, source tokens)
        # The source never changes, so its keys and values are computed once for each layer.
        self.keys = [self._heads(layer, layer.encoder_attn.k_proj(encoded)) for layer in self.layers]
        self.values = [self._heads(layer, layer.encoder_attn.v_proj(encoded)) for layer in self.layers]
        self.states = [torch.zeros_like(encoded[:, 0]) for _ in self.layers]
        self.allowed = allowed
        self._pick_tokens()

    @staticmethod
    def _heads(layer, tensor: torch.Tensor) -> torch.Tensor:
        """(sentences, tokens, width) as (sentences, heads, tokens, width of a head)."""
        return tensor.unflatten(-1, (layer.encoder_attn.num_heads, -1)).transpose(1, 2)

    def _pick_tokens(self) -> None:
        """The rows of the output for the tokens that any of the sentences may use."""
        self.tokens = self.allowed.any(dim=0).nonzero()[:, 0]
        self.weight = self.model.lm_head.weight[self.tokens]
        bias = self.model.final_logits_bias[:, self.tokens]
        self.bias = bias.masked_fill(~self.allowed[:, self.tokens], -torch.inf)  # (sentences, tokens)

    def keep(self, going: torch.Tensor) -> None:
        """Go on with these rows only."""
        self.rows, self.attend, self.allowed = self.rows[going], self.attend[going], self.allowed[going]
        self.keys, self.values, self.states = (
            [tensor[going] for tensor in each] for each in (self.keys, self.values, self.states)
        )
        self._pick_tokens()

    def step(self, embedded: torch.Tensor) -> torch.Tensor:
        """embedded: (sentences, width), the last token of each. Returns the next tokens: (sentences,)."""
        hidden = embedded
        for index, layer in enumerate(self.layers):
            unit, attention = layer.self_attn, layer.encoder_attn
            forget = torch.sigmoid(unit.forget_gate(hidden))
            self.states[index] = torch.lerp(unit.input_proj(hidden), self.states[index], forget)
            hidden = layer.self_attn_layer_norm(hidden + torch.relu(self.states[index]))
            query = self._heads(layer, attention.q_proj(hidden)[:, None])
            found = F.scaled_dot_product_attention(query, self.keys[index], self.values[index], self.attend)
            hidden = layer.encoder_attn_layer_norm(hidden + attention.out_proj(found.flatten(1)))
            hidden = layer.final_layer_norm(hidden + layer.fc2(torch.relu(layer.fc1(hidden))))
        return self.tokens[(F.linear(hidden, self.weight) + self.bias).argmax(dim=1)]


@torch.inference_mode()
def greedy(model, input_ids: torch.Tensor, attention_mask: torch.Tensor, max_length: int, suppressed: list[int]):
    """What generate with the shortlist as a logits processor gives, in less than half of the time.

    It leaves out what generate does for other models and other kinds of decoding, scores the tokens of the shortlists
    only, and takes a sentence out of the batch when it has ended.

    Parameters
    ----------
    model : BergamotMTModel
    input_ids, attention_mask : Tensor
        (sentences, source tokens).
    max_length : int
        Of a translation in tokens, with its start token.
    suppressed : list of int
        Tokens that must not be chosen.

    Returns
    -------
    Tensor
        Token ids, (sentences, up to max_length).
    """
    config, decoder = model.config, model.model.decoder
    allowed = model.shortlist.allowed(input_ids)
    allowed[:, suppressed] = False
    batch = Batch(model, input_ids, attention_mask, allowed)
    found = input_ids.new_full((len(input_ids), max_length), config.pad_token_id)
    last = found[:, 0]
    ended = torch.zeros_like(last, dtype=torch.bool)
    for step in range(max_length - 1):
        embedded = decoder.embed_tokens(last) * decoder.embed_scale + decoder.embed_positions.weight[step]
        last = batch.step(embedded)
        going = ~ended
        found[batch.rows[going], step + 1] = last[going]
        ended |= last == config.eos_token_id
        if ended.all():
            return found[:, : step + 2]
        if ended.any() and (~ended).float().mean() <= SHRINK_AT:
            batch.keep(~ended)
            last, ended = last[~ended], ended[~ended]
    return found

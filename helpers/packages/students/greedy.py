"""Greedy translation by a student, tuned for a processor: the same words as generate's, in a fraction of the time.

What it leaves out is what generate does for every model and every kind of decoding. What it does better: it scores the
pieces of the shortlists only, and takes a sentence out of the batch when it has ended.
"""

import torch
from torch.nn import functional as F

SHRINK_AT = 0.8  # the batch is made smaller when no more than this part of it still goes on


class Batch:
    """The sentences that still go on, with all that their next step needs. Each tensor has a row for each sentence."""

    def __init__(self, model, input_ids: torch.Tensor, attention_mask: torch.Tensor, allowed: torch.Tensor):
        self.model, self.layers = model, model.model.decoder.layers
        encoded = model.model.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        self.rows = torch.arange(len(input_ids), device=input_ids.device)
        self.attend = attention_mask.bool()[:, None, None]  # (sentences, 1 head, 1 step, source pieces)
        # The source never changes, so its keys and values are computed once for each layer.
        self.keys = [self._heads(layer, layer.encoder_attn.k_proj(encoded)) for layer in self.layers]
        self.values = [self._heads(layer, layer.encoder_attn.v_proj(encoded)) for layer in self.layers]
        self.states = [torch.zeros_like(encoded[:, 0]) for _ in self.layers]
        self.allowed = allowed
        self._pick_pieces()

    @staticmethod
    def _heads(layer, tensor: torch.Tensor) -> torch.Tensor:
        """(sentences, pieces, width) as (sentences, heads, pieces, width of a head)."""
        return tensor.unflatten(-1, (layer.encoder_attn.num_heads, -1)).transpose(1, 2)

    def _pick_pieces(self) -> None:
        """The rows of the output for the pieces that any of the sentences may use."""
        self.pieces = self.allowed.any(dim=0).nonzero()[:, 0]
        self.weight = self.model.lm_head.weight[self.pieces]
        bias = self.model.final_logits_bias[:, self.pieces]
        self.bias = bias.masked_fill(~self.allowed[:, self.pieces], -torch.inf)  # (sentences, pieces)

    def keep(self, going: torch.Tensor) -> None:
        """Go on with these rows only."""
        self.rows, self.attend, self.allowed = self.rows[going], self.attend[going], self.allowed[going]
        self.keys, self.values, self.states = (
            [tensor[going] for tensor in each] for each in (self.keys, self.values, self.states)
        )
        self._pick_pieces()

    def step(self, embedded: torch.Tensor) -> torch.Tensor:
        """embedded: (sentences, width), the last piece of each. Returns the next pieces: (sentences,)."""
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
        return self.pieces[(F.linear(hidden, self.weight) + self.bias).argmax(dim=1)]


@torch.inference_mode()
def greedy(model, input_ids: torch.Tensor, attention_mask: torch.Tensor, max_length: int, suppressed: list[int]):
    """The token ids that generate with the shortlist as a logits processor gives: (sentences, up to max_length).

    input_ids, attention_mask: (sentences, source pieces). suppressed: pieces that must not be chosen.
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

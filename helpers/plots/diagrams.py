"""The diagrams of Day 1, drawn by code: of models (`architectures`) and of one sentence (`sentences`)."""

from helpers.plots.architectures import day_map, families, layer, one_encoder_many_heads, transfer_learning
from helpers.plots.sentences import causal_mask, many_heads, masked_words, query_key_value, tokens_to_vectors

__all__ = [
    "causal_mask", "day_map", "families", "layer", "many_heads", "masked_words", "one_encoder_many_heads",
    "query_key_value", "tokens_to_vectors", "transfer_learning",
]  # fmt: skip

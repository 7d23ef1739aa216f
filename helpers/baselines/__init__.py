"""What a language model is compared with: word lists, and averages of GloVe vectors."""

from helpers.baselines import glove, lexicons

__all__ = ["glove", "lexicons"]

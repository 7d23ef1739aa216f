"""Translating many texts with a pretrained model, and looking inside it."""

from helpers.translation.corpus import Translation, translate, translate_corpus
from helpers.translation.inside import beam_steps, head_scores
from helpers.translation.sentences import clean

__all__ = ["Translation", "beam_steps", "clean", "head_scores", "translate", "translate_corpus"]

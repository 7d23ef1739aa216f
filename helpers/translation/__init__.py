"""Translating many texts with a pretrained model, and looking inside it."""

from helpers.translation import alignment, beams
from helpers.translation.corpus import round_trip, translate, translate_corpus
from helpers.translation.sentences import clean

__all__ = ["alignment", "beams", "clean", "round_trip", "translate", "translate_corpus"]

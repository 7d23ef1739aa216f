"""Figures with alternative text: attention, results, searches, diagrams."""

from helpers.plots import diagrams, results, searches
from helpers.plots.attention import head_view, heads, heatmap, model_view
from helpers.plots.diagrams import COLORS, causal_mask, show

__all__ = [
    "COLORS", "causal_mask", "diagrams", "head_view", "heads", "heatmap", "model_view", "results", "searches", "show",
]  # fmt: skip

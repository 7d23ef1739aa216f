"""Figures with alternative text: attention, results, searches, diagrams."""

from helpers.plots import diagrams, results, searches
from helpers.plots.attention import causal_mask, head_view, heads, heatmap, model_view
from helpers.plots.figures import COLOURS, show, use_style

__all__ = [
    "COLOURS", "causal_mask", "diagrams", "head_view", "heads", "heatmap", "model_view", "results", "searches", "show",
    "use_style",
]  # fmt: skip

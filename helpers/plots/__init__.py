"""Figures with alternative text: attention, results, searches, diagrams."""

from helpers.plots import diagrams, results, searches
from helpers.plots.attention import head_view, heads, heatmap, model_view
from helpers.plots.figures import COLORS, show

__all__ = [
    "COLORS", "diagrams", "head_view", "heads", "heatmap", "model_view", "results", "searches", "show",
]  # fmt: skip

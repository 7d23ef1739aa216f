"""The thin package that the notebooks import: data loading, metrics, attention plots and the set-up."""

from importlib import import_module

from helpers.runtime import setup

__all__ = [
    "alignment", "attention", "beams", "charts", "data", "diagrams", "drive", "embedding_head", "exercises", "figures",
    "glove", "hub_only", "label", "lexicons", "memory", "metrics", "models", "search", "search_charts", "setup",
    "sources", "splits", "training", "translate", "translation_scores", "tuning", "uncertainty",
]  # fmt: skip


def __getattr__(name: str):
    # Submodules are imported on first use: setup() must come before transformers is imported.
    if name in __all__:
        return import_module(f"helpers.{name}")
    raise AttributeError(f"module 'helpers' has no attribute {name!r}")

"""The thin package that the notebooks import: models and data, metrics, plots, exercises, and the set-up.

Everything is imported at its first use, because `helpers.setup()` must come before transformers is imported.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036  (what comes below would fail with a riddle)
    raise ImportError("The workshop needs Python 3.11 or newer. Install one from python.org and start Jupyter with it.")

from importlib import import_module

_PLACES = {"setup": "runtime", "model": "packages", "download": "packages"}
_PACKAGES = (
    "baselines", "data", "drive", "exercises", "label", "metrics", "packages", "plots", "training", "translation",
)  # fmt: skip
__all__ = sorted([*_PLACES, *_PACKAGES])


def __getattr__(name: str):
    if name in _PLACES:
        return getattr(import_module(f"helpers.{_PLACES[name]}"), name)
    if name in _PACKAGES:
        return import_module(f"helpers.{name}")
    raise AttributeError(f"module 'helpers' has no attribute {name!r}. It has: {', '.join(__all__)}.")


def __dir__() -> list[str]:
    return __all__

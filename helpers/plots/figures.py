"""Showing a figure: with alternative text for those who do not see it, and colours that the colour-blind tell apart."""

import io

import matplotlib.pyplot as plt
from IPython.display import display

# Okabe and Ito (2008), "Color Universal Design": eight colours told apart with every kind of colour vision.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000")
MAP = "viridis"  # even steps in lightness: readable in grey too


def use_style() -> None:
    """Set the colours and sizes of every figure drawn after it."""
    plt.rcParams["axes.prop_cycle"] = plt.cycler(color=COLOURS)
    plt.rcParams.update({"image.cmap": MAP, "axes.spines.top": False, "axes.spines.right": False, "font.size": 10})


def show(figure: plt.Figure, alt: str) -> None:
    """Display a figure with its alternative text, and close it.

    alt: one or two sentences that say what there is to see; it stands in the output for screen readers, and in
    place of the picture where none can be shown. Raises ValueError where it is missing.
    """
    if not alt.strip():
        raise ValueError('A figure needs its alternative text: show(figure, alt="what there is to see").')
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=100, bbox_inches="tight")
    plt.close(figure)
    content = {"image/png": picture.getvalue(), "text/plain": alt}
    display(content, raw=True, metadata={"image/png": {"alt": alt}})

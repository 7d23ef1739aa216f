"""How a figure is shown with its alternative text, and the diagrams of Day 1."""

import io
import warnings

import matplotlib.pyplot as plt
from IPython.display import display
from matplotlib.text import Text
from matplotlib.ticker import LogFormatter

from helpers.plots.architectures import day_map, families, layer, one_encoder_many_heads, transfer_learning
from helpers.plots.figures import COLORS
from helpers.plots.sentences import causal_mask, many_heads, masked_words, query_key_value, tokens_to_vectors

__all__ = [
    "COLORS", "causal_mask", "day_map", "families", "layer", "many_heads", "masked_words", "one_encoder_many_heads",
    "query_key_value", "show", "tokens_to_vectors", "transfer_learning",
]  # fmt: skip


def show(figure: plt.Figure, alt: str) -> None:
    """Display a figure with its alternative text, and close it. Taught on Day 1, "A map: the library and its words".

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        What to show, as a PNG picture.
    alt : str
        One or two sentences that say what there is to see. Screen readers read them, and they appear in place of the
        picture where none can be shown.

    Raises
    ------
    ValueError
        Where the alternative text is missing.

    Warns
    -----
    UserWarning
        Where no installed font has some of the characters.
    """
    if not alt.strip():
        raise ValueError('A figure needs its alternative text: show(figure, alt="what there is to see").')
    _read_no_formulas(figure)
    picture = io.BytesIO()
    with warnings.catch_warnings(record=True) as caught:  # matplotlib warns of every character, again and again
        warnings.simplefilter("always")
        figure.savefig(picture, format="png", dpi=100, bbox_inches="tight")
    plt.close(figure)
    missing = [warning for warning in caught if "missing from font" in str(warning.message)]
    for warning in caught:
        if warning not in missing:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    if missing:
        advice = "They are drawn as boxes. Install a font of that script, such as Noto Sans, and restart the kernel."
        warnings.warn(f"No installed font has some characters of this figure. {advice}", stacklevel=2)
    content = {"image/png": picture.getvalue(), "text/plain": alt}
    display(content, raw=True, metadata={"image/png": {"alt": alt}})


def _read_no_formulas(figure: plt.Figure) -> None:
    """Draw dollar signs as they are: two of them in a text would begin and end a formula of matplotlib's.

    The numbers along a logarithmic axis are formulas indeed, and stay so.
    """
    numbers = set()
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            if isinstance(axis.get_major_formatter(), LogFormatter):
                numbers |= set(axis.get_ticklabels(which="both"))
    for text in figure.findobj(Text):
        text.set_parse_math(text in numbers)


BLUE, LIGHT = COLORS[0], "#E8F1FA"


def architecture() -> plt.Figure:
    """Draw the way of a text through a transformer: tokenize, embed, attend, feed forward.

    Returns
    -------
    matplotlib.figure.Figure
        Day 1 shows it as the plan of the day.
    """
    figure, ax = _canvas((9, 2.2), (-1, 10.6), (-1.1, 1.3))
    boxes = {
        '"We the\npeople"': (0, 0),
        "tokenize": (2, 0),
        "embed": (3.8, 0),
        "attend": (5.8, 0),
        "feed forward": (7.7, 0),
        "one vector\nfor each token": (9.8, 0),
    }
    _draw(ax, boxes, [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)])
    ax.add_patch(plt.Rectangle((5.0, -0.6), 3.65, 1.2, fill=False, linestyle="--", edgecolor=BLUE))
    ax.text(6.8, -0.9, "a layer, repeated", ha="center", color=BLUE)
    return figure


def _canvas(size: tuple[float, float], x: tuple[float, float], y: tuple[float, float]):
    figure, ax = plt.subplots(figsize=size)
    ax.set(xlim=x, ylim=y)
    ax.axis("off")
    return figure, ax


def _draw(ax: plt.Axes, boxes: dict[str, tuple[float, float]], arrows: list[tuple[int, int]]) -> None:
    """Boxes by text and place; arrows between boxes by number, drawn from edge to edge."""
    drawn = [
        ax.text(x, y, text, ha="center", va="center", fontsize=9, bbox={"boxstyle": "round", "fc": LIGHT, "ec": BLUE})
        for text, (x, y) in boxes.items()
    ]
    places = list(boxes.values())
    for start, end in arrows:
        style = {"arrowstyle": "->", "patchA": drawn[start].get_bbox_patch(), "patchB": drawn[end].get_bbox_patch()}
        ax.annotate("", xy=places[end], xytext=places[start], arrowprops=style)

"""The boxes and arrows of the diagrams, measured in inches."""

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import matplotlib.pyplot as plt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle
from matplotlib.path import Path
from matplotlib.text import Text

EDGE, GRAY = "#1F2D3A", "#999999"
# Each kind of box has a shape or a line of its own, so that the diagrams can be read in gray.
KINDS = {
    "data": {"facecolor": "white", "linewidth": 1.1},
    "step": {"facecolor": "#CFE5F5", "linewidth": 1.1},
    "result": {"facecolor": "#FCE8C3", "linewidth": 2},
}
ROUNDED = 0.08  # inches


class Box(NamedTuple):
    """A box that was drawn: its center and size, in inches."""

    x: float
    y: float
    width: float
    height: float

    @property
    def left(self) -> tuple[float, float]:
        return self.x - self.width / 2, self.y

    @property
    def right(self) -> tuple[float, float]:
        return self.x + self.width / 2, self.y

    @property
    def top(self) -> tuple[float, float]:
        return self.x, self.y + self.height / 2

    @property
    def bottom(self) -> tuple[float, float]:
        return self.x, self.y - self.height / 2


def canvas(width: float, height: float) -> tuple[Figure, plt.Axes]:
    """Make an empty figure whose coordinates are inches, from the lower left corner."""
    figure = plt.figure(figsize=(width, height))
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, width), ylim=(0, height))
    ax.axis("off")
    return figure, ax


def label(ax: plt.Axes | Figure, x: float, y: float, text: str, size: float = 9.5, **style) -> Text:
    """Write a text, centered by default, with dollar signs as they are."""
    middle = "center" if "\n" in text else "center_baseline"  # words in a row have one baseline
    style = {"ha": "center", "va": middle, "color": EDGE, "linespacing": 1.25} | style
    return ax.text(x, y, text, fontsize=size, parse_math=False, **style)


def box(ax: plt.Axes, x: float, y: float, text: str, width: float, height: float, kind: str = "data", **style) -> Box:
    """Draw a box around a text: "data" has round corners, a "step" square ones, a "result" a thick edge."""
    shape = "square,pad=0" if kind == "step" else f"round,pad=0,rounding_size={ROUNDED}"
    corner = (x - width / 2, y - height / 2)
    ax.add_patch(FancyBboxPatch(corner, width, height, boxstyle=shape, edgecolor=EDGE, **(KINDS[kind] | style)))
    if text:
        label(ax, x, y, text)
    return Box(x, y, width, height)


def arrow(ax: plt.Axes, *points: tuple[float, float], head: str = "-|>", **style) -> None:
    """Draw an arrow, straight from point to point; with `head="-"` a line."""
    style = {"color": EDGE, "linewidth": 1.2, "joinstyle": "miter", "capstyle": "butt"} | style
    ax.add_patch(FancyArrowPatch(path=Path(points), arrowstyle=head, mutation_scale=11, **style))


def chain(ax: plt.Axes, boxes: Sequence[Box]) -> None:
    """Draw an arrow from each box to the next on its right."""
    for start, end in zip(boxes, boxes[1:], strict=False):
        arrow(ax, start.right, end.left)


def frame(ax: plt.Axes, left: float, bottom: float, width: float, height: float) -> None:
    """Draw a dashed frame around what belongs together."""
    ax.add_patch(Rectangle((left, bottom), width, height, fill=False, linestyle=(0, (5, 3)), edgecolor=EDGE))


def widths(words: Sequence[str]) -> list[float]:
    """Measure how wide words will be, in inches."""
    renderer = FigureCanvasAgg(figure := Figure(dpi=72)).get_renderer()
    with warnings.catch_warnings():  # `show` says once what no font has
        warnings.simplefilter("ignore")
        texts = [label(figure, 0, 0, word) for word in words]
        return [text.get_window_extent(renderer).width / 72 for text in texts]


def columns(words: Sequence[str], left: float, least: float = 0.62, gap: float = 0.2) -> tuple[list[Box], float]:
    """Plan a row of boxes as wide as their words, and give the figure's width: 9 inches, or more for a long row."""
    sizes = [max(least, width + 0.2) for width in widths(words)]
    needed = left + sum(sizes) + gap * len(sizes)
    gap += max(0, 9 - needed) / len(sizes)
    boxes, start = [], left
    for size in sizes:
        boxes.append(Box(start + (gap + size) / 2, 0, size, 0))
        start += gap + size
    return boxes, max(9, needed)

"""Drawings of boxes and arrows: how the parts of a model, or the steps of learning, follow each other."""

import matplotlib.pyplot as plt

BLUE, LIGHT = "#0072B2", "#E8F1FA"


def transfer_learning() -> plt.Figure:
    """Two routes to a classifier: pretraining and fine-tuning above, training from nothing below."""
    figure, ax = _canvas((9, 3), (-1.2, 11.4), (-1.5, 1.6))
    boxes = {
        "unlabelled text\n(books, Wikipedia, web)": (0, 1),
        "pretraining\n(guess hidden words)": (3, 1),
        "pretrained\nmodel": (5.6, 1),
        "fine-tuning": (8, 1),
        "your classifier": (10.4, 1),
        "a few hundred\nlabelled texts": (8, -0.2),
        "random numbers": (0, -1.1),
        "training on many labelled texts": (5, -1.1),
        "a classifier": (10.4, -1.1),
    }
    _draw(ax, boxes, [(0, 1), (1, 2), (2, 3), (3, 4), (5, 3), (6, 7), (7, 8)])
    return figure


def architecture() -> plt.Figure:
    """The way of a text through a transformer: tokenize, embed, then layers of attention and feed-forward networks."""
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

"""Diagrams of what happens to one sentence: vectors, query-key-value, heads, the causal mask, masked words."""

import math
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.patches import FancyArrowPatch, Rectangle
from matplotlib.path import Path

from helpers.plots.boxes import EDGE, GRAY, KINDS, Box, arrow, box, canvas, chain, columns, label, widths
from helpers.plots.figures import COLORS

FILL = KINDS["step"]["facecolor"]
LINE = 12  # points: the line of a weight of 1
BAR = 2.2  # inches: the bar of a probability of 1


def tokens_to_vectors(tokens: Sequence[str], ids: Sequence[int], vectors) -> plt.Figure:
    """Draw each token of a sentence, its id, and the first three numbers of its vector.

    Parameters
    ----------
    tokens : sequence of str
        A short sentence's.
    ids : sequence of int
        One for each token.
    vectors : tensor or array of shape (tokens, at least 3)
        One row for each token.

    Returns
    -------
    matplotlib.figure.Figure
        9 x 3.4 inches, wider for a long sentence. Day 1 fills it with real numbers.

    Raises
    ------
    ValueError
        Where the three do not have the same length, or a vector has fewer than three numbers.
    """
    numbers = _array(vectors)
    if numbers.ndim != 2 or numbers.shape[1] < 3 or not len(tokens) == len(ids) == len(numbers) > 0:
        raise ValueError(
            f"{len(tokens)} tokens, {len(ids)} ids and vectors of shape {numbers.shape}. "
            f"Pass one id and one vector of at least 3 numbers for each token."
        )
    places, width = columns(tokens, left=1.75, least=0.72)
    figure, ax = canvas(width, 3.4)
    for y, name in [(3.05, "tokens"), (2.15, "ids"), (0.85, "vectors")]:
        label(ax, 0.1, y, name, weight="bold", ha="left")
    for y, name in [(2.6, "vocabulary"), (1.65, "embedding table"), (0.6, "first numbers only")]:
        label(ax, 0.1, y, name, ha="left")
    for place, token, index, row in zip(places, tokens, ids, numbers, strict=True):
        word = box(ax, place.x, 3.05, token, place.width, 0.36)
        entry = box(ax, place.x, 2.15, str(int(index)), 0.72, 0.36)
        text = "\n".join([f"{value:.2f}".replace("-", "−") for value in row[:3]] + ["⋮"])
        vector = box(ax, place.x, 0.85, text, 0.72, 1.05, "result")
        arrow(ax, word.bottom, entry.top)
        arrow(ax, entry.bottom, vector.top)
    return figure


def _array(numbers) -> np.ndarray:
    return torch.as_tensor(numbers).detach().cpu().float().numpy()


def query_key_value(words: Sequence[str], weights: Sequence[float], query: str | int = -1) -> plt.Figure:
    """Draw attention for one token: its query meets every key, and the weights mix the values.

    Parameters
    ----------
    words : sequence of str
        The sentence.
    weights : sequence of float
        One for each word, the softmax of the scores: from 0 to 1, with the sum 1.
    query : str or int
        The word whose query it is, or its position, for a word that appears twice; by default the last.

    Returns
    -------
    matplotlib.figure.Figure
        9 x 4.4 inches, wider for a long sentence. Day 1 shows it before the matrices.

    Raises
    ------
    ValueError
        Where the weights are not one for each word or do not sum to 1, or the query is not one of the words.
    """
    words, weights = list(words), _array(weights).tolist()
    if len(words) != len(weights) or min(weights, default=-1) < 0 or not math.isclose(sum(weights), 1, abs_tol=0.01):
        raise ValueError(
            f"{len(weights)} weights with the sum {sum(weights):.3f} for {len(words)} words. "
            f"Pass one softmax weight for each word: none below 0, together 1."
        )
    if query not in [*words, *range(-len(words), len(words))]:
        raise ValueError(f"The query {query!r} is not one of the words, or a position among them: {', '.join(words)}.")
    word = query if isinstance(query, str) else words[query]
    places, width = columns(words, left=1.4)
    figure, ax = canvas(width, 4.4)
    for y, name in [(4.1, "query"), (2.95, "keys"), (2.3, "weights"), (1.65, "values"), (0.4, "new vector")]:
        label(ax, 0.1, y, name, weight="bold", ha="left")
    label(ax, 0.1, 3.5, "query · key\n= score", ha="left")
    label(ax, 0.1, 2.08, "softmax(scores)", ha="left")
    middle = (places[0].x + places[-1].x) / 2
    asking = box(ax, middle, 4.1, f"query of “{word}”", 2.2, 0.4, "step")
    mixed = box(ax, middle, 0.4, f"“{word}” in context: the weighted sum of the values", 4.4, 0.4, "result")
    for place, text, weight in zip(places, words, weights, strict=True):
        key = box(ax, place.x, 2.95, text, place.width, 0.36)
        value = box(ax, place.x, 1.65, text, place.width, 0.36)
        style = {"linewidth": max(0.4, LINE * weight), "color": COLORS[0], "zorder": 0.5}
        arrow(ax, _inside(asking.bottom, 0.05), _inside(key.top, -0.05), head="-", **style)
        arrow(ax, _inside(value.bottom, 0.05), _inside(mixed.top, -0.05), head="-", **style)
        label(ax, place.x, 2.3, f"{weight:.2f}", size=10, weight="bold" if weight == max(weights) else "normal")
    return figure


def _inside(point: tuple[float, float], step: float) -> tuple[float, float]:
    """Move a line's end under its box, so that a thick line has no corner outside."""
    return point[0], point[1] + step


def many_heads(width: int, heads: int) -> plt.Figure:
    """Draw how attention splits a vector into heads, each with its own attention table, and joins them again.

    Parameters
    ----------
    width : int
        Numbers in a vector, such as 384.
    heads : int
        Heads in a layer, such as 12; at most four are drawn.

    Returns
    -------
    matplotlib.figure.Figure
        9 inches wide. The tables are made-up examples. Taught on Day 1.

    Raises
    ------
    ValueError
        Where the width is not a multiple of the heads.
    """
    if heads < 1 or width < 1 or width % heads:
        raise ValueError(
            f"A vector of {width} numbers cannot be split into {heads} equal heads. "
            f"Pass a number of heads that divides {width}."
        )
    drawn = [1, 2, 3, None, heads] if heads > 4 else range(1, heads + 1)  # None: those that are left out
    height = 0.75 * max(len(drawn), 2) + 0.4
    figure, ax = canvas(9, height)
    middle = (height - 0.4) / 2
    start = box(ax, 0.75, middle, f"query,\nkey, value:\n{width} numbers\neach", 1.25, 0.95)
    joined = box(ax, 5.75, middle, f"{width} numbers", 1.15, 0.6)
    mixed = box(ax, 7.15, middle, f"matrix\n{width} × {width}", 1.1, 0.6, "step")
    end = box(ax, 8.4, middle, f"{width}\nnumbers", 0.9, 0.6, "result")
    for row, number in enumerate(drawn):
        y = middle + 0.75 * ((len(drawn) - 1) / 2 - row)
        if number is None:
            label(ax, 3.55, y, "…")
            continue
        piece = box(ax, 2.4, y, f"head {number - 1}:\n{width // heads} numbers", 1.15, 0.5)
        table = _table(ax, 3.55, y, (number - 1) % 4 if number < heads else 3)
        result = box(ax, 4.5, y, f"{width // heads}", 0.55, 0.36)
        chain(ax, [start, piece, table, result, joined])
    chain(ax, [joined, mixed, end])
    for x, name in [(2.4, "split"), (3.55, "attention"), (5.75, "join"), (7.15, "mix")]:
        label(ax, x, height - 0.2, name, weight="bold")
    return figure


def _table(ax: plt.Axes, x: float, y: float, head: int) -> Box:
    """Draw a small table of weights, another pattern for each head: to itself, to the left, to the first, to all."""
    ones = np.eye(4)
    pattern = [ones, np.vstack([ones[0], ones[:3]]), ones[[0, 0, 0, 0]], np.full((4, 4), 0.5)][head]
    side = 0.14
    for row, column in np.ndindex(4, 4):
        shade = str(1 - 0.75 * pattern[row, column])
        corner = (x + (column - 2) * side, y + (1 - row) * side)
        ax.add_patch(Rectangle(corner, side, side, facecolor=shade, edgecolor=EDGE, linewidth=0.6))
    return Box(x, y, 4 * side, 4 * side)


def causal_mask(words: Sequence[str]) -> plt.Figure:
    """Draw which keys each query may see in a causal model: itself and all to its left.

    Parameters
    ----------
    words : sequence of str
        Names of the rows and columns.

    Returns
    -------
    matplotlib.figure.Figure
        A plain cell says yes, a hatched one no. Taught on Day 1.
    """
    size = len(words)
    figure, ax = plt.subplots(figsize=(2 + 0.6 * size, 1.6 + 0.45 * size))
    ax.set(xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5), xlabel="key", ylabel="query")
    ax.set_title("May the query see the key?", fontsize=10)
    ax.set_xticks(range(size), words, rotation=60, ha="right", rotation_mode="anchor", parse_math=False)
    ax.set_yticks(range(size), words, parse_math=False)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    for row, column in np.ndindex(size, size):
        seen = column <= row
        style = {"facecolor": FILL, "edgecolor": "white"} if seen else {"facecolor": "white", "edgecolor": GRAY}
        ax.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, hatch="" if seen else "////", **style))
        text = label(ax, column, row, "yes" if seen else "no", weight="bold" if seen else "normal")
        if not seen:
            text.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 2})  # the hatch ends before the word
    return figure


def masked_words(tokens: Sequence[str], hidden: int, guesses: Mapping[str, float]) -> plt.Figure:
    """Draw a sentence with one token hidden, which all others help to guess, and the guesses.

    Parameters
    ----------
    tokens : sequence of str
        The sentence, with the hidden token or [MASK] in its place.
    hidden : int
        The position of the hidden token, counted from 0.
    guesses : mapping of str to float
        The model's words and their probabilities, from 0 to 1.

    Returns
    -------
    matplotlib.figure.Figure
        9 inches wide, wider for a long sentence. The bar of the hidden token is hatched. Taught on Day 1.

    Raises
    ------
    ValueError
        Where there is no such position, there are no guesses, or a guess is not a probability.
    """
    if not 0 <= hidden < len(tokens):
        raise ValueError(f"No token {hidden}: the sentence has {len(tokens)}, counted from 0.")
    if not guesses or not all(0 <= chance <= 1 for chance in guesses.values()):
        raise ValueError(f"The guesses must be words with probabilities from 0 to 1, not {dict(guesses)}.")
    shown = [*tokens[:hidden], "[MASK]", *tokens[hidden + 1 :]]
    places, width = columns(shown, left=0.1)
    bars = 0.3 * len(guesses)
    height = bars + 2.15
    figure, ax = canvas(width, height)
    level, middle = bars + 1.05, places[hidden].x
    for index, (place, token) in enumerate(zip(places, shown, strict=True)):
        box(ax, place.x, level, token, place.width, 0.36, "result" if index == hidden else "data")
        if index != hidden:
            side = 0.12 if place.x > middle else -0.12  # those from the left arrive on the left
            _arc(ax, place.x, middle + side, level + 0.18)
    label(ax, min(max(middle, 1.3), width - 1.3), bars + 0.28, "guesses and their probabilities", weight="bold")
    arrow(ax, (middle, level - 0.18), (middle, bars + 0.42))
    left = min(max(middle - 0.4, 0.3 + max(widths(list(guesses)))), width - 4)
    for row, (word, chance) in enumerate(guesses.items()):
        y, right = bars - 0.1 - 0.3 * row, left + BAR * chance
        right_guess = word == tokens[hidden]
        style = {"facecolor": "white", "hatch": "////"} if right_guess else {"facecolor": FILL}
        ax.add_patch(Rectangle((left, y - 0.09), BAR * chance, 0.18, edgecolor=EDGE, **style))
        label(ax, left - 0.1, y, word, ha="right")
        label(ax, right + 0.1, y, f"{chance:.2f}" + "  the hidden word" * right_guess, ha="left")
    return figure


def _arc(ax: plt.Axes, start: float, end: float, y: float) -> None:
    """Draw a round arrow above a row of boxes, the higher the farther it goes."""
    height = y + 0.25 + 0.9 * abs(start - end) / ax.get_xlim()[1]
    path = Path([(start, y), (start, height), (end, height), (end, y)], [Path.MOVETO] + [Path.CURVE4] * 3)
    ax.add_patch(FancyArrowPatch(path=path, arrowstyle="-|>", mutation_scale=9, color=EDGE, linewidth=1))

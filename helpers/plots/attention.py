"""Plots of attention: heat maps, a grid of all heads, and bertviz's views without a network."""

import html
import re
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
from IPython.display import display

from helpers.packages import catalogue

MAX_TOKENS = 100  # of an interactive view: its page grows with the square (512 tokens of BERT base: 285 MB)


def heatmap(
    weights,
    tokens: Sequence[str],
    columns: Sequence[str] | None = None,
    title: str = "",
    numbers: bool | None = None,
    ax: plt.Axes | None = None,
) -> plt.Figure:
    """Draw a matrix of attention weights or scores: a row for each query, a column for each key.

    Taught on Day 1, "Self-attention".

    Parameters
    ----------
    weights : tensor or array of shape (queries, keys)
        What to draw; -inf appears as an empty cell with its sign.
    tokens : sequence of str
        Names of the rows, and of the columns where `columns` is not given.
    columns : sequence of str, optional
        Names of the columns.
    title : str
        Above the figure.
    numbers : bool, optional
        Whether to write the values; by default up to 12 rows.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default in a new figure.

    Returns
    -------
    matplotlib.figure.Figure
        For `helpers.plots.show`. Day 1 draws its attention with it.

    Raises
    ------
    ValueError
        Where names and matrix do not fit.
    """
    matrix = torch.as_tensor(weights).detach().cpu().float().numpy()
    columns = list(tokens if columns is None else columns)
    if matrix.shape != (len(tokens), len(columns)):
        raise ValueError(
            f"The matrix is {matrix.shape}, the names are {len(tokens)} rows and {len(columns)} columns. "
            f"Pass one head's matrix (queries, keys) and the tokens of the same sentence."
        )
    if ax is None:
        side = 1.6 + 0.5 * max(matrix.shape)
        _, ax = plt.subplots(figsize=(side, side * 0.85))
    finite = np.where(np.isfinite(matrix), matrix, np.nan)
    image = ax.imshow(finite, aspect="auto")
    # Tokens are text: two dollar signs do not make a formula.
    ax.set_xticks(range(len(columns)), columns, rotation=60, ha="right", parse_math=False)
    ax.set_yticks(range(len(tokens)), tokens, parse_math=False)
    ax.set(xlabel="key", ylabel="query")
    ax.set_title(title, parse_math=False)
    ax.spines[:].set_visible(False)
    if numbers if numbers is not None else len(tokens) <= 12:
        _write_numbers(ax, matrix, image)
    return ax.figure


def _write_numbers(ax: plt.Axes, matrix: np.ndarray, image) -> None:
    for row, column in np.ndindex(matrix.shape):
        value = matrix[row, column]
        text = f"{value:.2f}" if np.isfinite(value) else "−∞"
        dark = np.isfinite(value) and image.norm(value) < 0.6
        ax.text(column, row, text, ha="center", va="center", fontsize=8, color="white" if dark else "black")


def heads(attentions: Sequence[torch.Tensor], tokens: Sequence[str]) -> plt.Figure:
    """Draw every head of every layer as a small heat map: layers from top to bottom, heads from left to right.

    Parameters
    ----------
    attentions : sequence of tensors of shape (1, heads, tokens, tokens)
        What a model gives as `.attentions` for one sentence, a tensor for each layer.
    tokens : sequence of str
        Of that sentence.

    Returns
    -------
    matplotlib.figure.Figure
        For `helpers.plots.show`. Day 1, "Looking at attention".

    Raises
    ------
    ValueError
        Where there are no weights, or they are not those of these tokens.
    """
    _check(attentions, tokens)
    rows, columns = len(attentions), attentions[0].shape[1]
    figure, axes = plt.subplots(rows, columns, figsize=(columns * 0.9, rows * 0.95), squeeze=False)
    for layer, head in np.ndindex(rows, columns):
        ax = axes[layer, head]
        ax.imshow(attentions[layer][0, head].detach().cpu().float().numpy(), vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[])
        if layer == 0:
            ax.set_title(f"head {head}", fontsize=8)
        if head == 0:
            ax.set_ylabel(f"layer {layer}", fontsize=8)
    figure.subplots_adjust(wspace=0.08, hspace=0.08)
    return figure


def head_view(
    attentions: Sequence[torch.Tensor], tokens: Sequence[str], layer: int = 0, heads: Sequence[int] | None = None
) -> None:
    """Show bertviz's head view of one sentence: hover over a word to see where each head looks. Needs no network.

    Taught on Day 1, "Looking at attention".

    Parameters
    ----------
    attentions : sequence of tensors of shape (1, heads, tokens, tokens)
        What a model gives as `.attentions` for one sentence, a tensor for each layer.
    tokens : sequence of str
        Of that sentence, at most 100.
    layer : int
        The layer that is shown first, counted from 0.
    heads : sequence of int, optional
        The heads that are switched on at first; by default all.

    Raises
    ------
    ValueError
        Where there are no weights, they are not those of these tokens, or the tokens are too many.
    """
    from bertviz import head_view as draw  # takes a second, and few figures need it

    tokens, attentions = _for_bertviz(attentions, tokens)
    heads = heads if heads is None else [int(head) for head in heads]  # JSON does not know numpy's numbers
    page = draw(attentions, tokens, layer=int(layer), heads=heads, html_action="return").data
    _show_offline(page, height=60 + 23 * len(tokens), title="Head view: interactive lines from each word to others")


def model_view(attentions: Sequence[torch.Tensor], tokens: Sequence[str]) -> None:
    """Show bertviz's model view of one sentence: every layer and head; click one to enlarge it. Needs no network.

    Taught on Day 1, "Looking at attention".

    Parameters
    ----------
    attentions : sequence of tensors of shape (1, heads, tokens, tokens)
        What a model gives as `.attentions` for one sentence, a tensor for each layer.
    tokens : sequence of str
        Of that sentence, at most 100.

    Raises
    ------
    ValueError
        Where there are no weights, they are not those of these tokens, or the tokens are too many.
    """
    from bertviz import model_view as draw

    tokens, attentions = _for_bertviz(attentions, tokens)
    page = draw(attentions, tokens, display_mode="light", html_action="return").data
    # The sizes are those of bertviz's model_view.js: a thumbnail for each layer, or one head enlarged.
    thumbnail = 10 + 84 * len(tokens) / attentions[0].shape[1]
    height = 40 + round(max(38 + thumbnail * len(attentions), 55 + 18 * len(tokens)))
    _show_offline(page, height=height, title="Model view: interactive thumbnails of every layer and head")


def _check(attentions: Sequence[torch.Tensor], tokens: Sequence[str]) -> None:
    if not attentions:
        raise ValueError(
            "The model gave no attention weights. Load it with "
            'from_pretrained(..., attn_implementation="eager") and call it with output_attentions=True.'
        )
    length = attentions[0].shape[-1]
    if attentions[0].shape[0] != 1 or length != len(tokens):
        raise ValueError(
            f"Attention of {attentions[0].shape[0]} sentence(s) with {length} positions, but {len(tokens)} tokens. "
            f"Pass the attention of one sentence, and tokenizer.convert_ids_to_tokens of its input ids."
        )


LESS_THAN = "\ue000"  # for private use, so in no text; JSON writes it as \ue000


def _for_bertviz(attentions: Sequence[torch.Tensor], tokens: Sequence[str]) -> tuple[list[str], list[torch.Tensor]]:
    """Tokens and weights as they go into a view's page: without `<`, and rounded, which makes the page a third."""
    _check(attentions, tokens)
    if len(tokens) > MAX_TOKENS:
        raise ValueError(
            f"An interactive view of {len(tokens)} tokens is too large; it shows at most {MAX_TOKENS}. Pass one "
            f"sentence, or cut the text: tokenizer(text, truncation=True, max_length={MAX_TOKENS})."
        )
    rounded = [layer.detach().cpu().double().round(decimals=3) for layer in attentions]
    return [token.replace("<", LESS_THAN) for token in tokens], rounded


def _show_offline(page: str, height: int, title: str) -> None:
    """Display a bertviz page in a frame of its own, with the libraries it would load from a server put in line."""
    scripts = [catalogue.files(name)[0].read_text(encoding="utf-8") for name in ("d3", "jquery")]
    # bertviz asks require.js for its two libraries; in the frame these two functions take its place.
    scripts.append("var require = {config() {}}; function requirejs(names, draw) { draw(jQuery, d3); }")
    inline = "".join(f"<script>{script}</script>" for script in scripts)
    body = page[page.index("</script>") + len("</script>") :]  # without the tag that loads require.js
    # bertviz's own comment repeats all numbers: without it the page has half the size.
    body = re.sub(r"; // HACK: .*", ";", body)
    # A token such as </script> must not end the script it is in: JavaScript reads \u003c as <, HTML does not.
    body = body.replace("\\ue000", "\\u003c")
    document = f"<!DOCTYPE html><html lang='en'><title>{title}</title>"
    document += f"<body style='margin:0'>{inline}{body}</body></html>"
    frame = (
        f'<iframe title="{title}" sandbox="allow-scripts" '
        f'style="width:100%; height:{height}px; border:0; background:white" '
        f'srcdoc="{html.escape(document, quote=True)}"></iframe>'
    )
    display({"text/html": frame, "text/plain": f"{title} (run the cell to use it)"}, raw=True)

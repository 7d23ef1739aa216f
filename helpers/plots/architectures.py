"""Diagrams of models and of how they are trained: the map of the day, families, transfer learning, heads, a layer."""

import matplotlib.pyplot as plt
from matplotlib.patches import Circle

from helpers.plots.boxes import EDGE, GRAY, KINDS, Box, arrow, box, canvas, chain, frame, label


def day_map() -> plt.Figure:
    """Draw the way of a text through a transformer: tokens, ids, vectors, layers, contextual vectors, head, answer.

    Returns
    -------
    matplotlib.figure.Figure
        9 x 3.7 inches. Day 1 opens the box with it.
    """
    figure, ax = canvas(9, 3.7)
    upper = [
        ("text", "We the people", 1.25, 0.95),
        ("tokens", "[CLS]  we\nthe  people\n[SEP]", 1.25, 3.15),
        ("ids", "101  2057\n1996  2111\n102", 1.25, 5.35),
        ("vectors", "[CLS]:  0.1  −0.3  …\nwe:  −0.2  0.4  …\n…", 1.8, 7.85),
    ]
    boxes = [box(ax, x, 2.75, text, width, 0.75) for _, text, width, x in upper]
    for name, _, _, x in upper:
        label(ax, x, 3.32, name, weight="bold")
    chain(ax, boxes)
    for x, text in [(2.05, "tokenizer"), (4.25, "vocabulary"), (6.42, "embedding\n+ position")]:
        label(ax, x, 2.85, text, size=9, va="bottom")

    attention = box(ax, 0.95, 0.95, "attention", 1.1, 0.55, "step")
    forward = box(ax, 2.55, 0.95, "feed-\nforward", 1.1, 0.55, "step")
    contextual = box(ax, 4.75, 0.95, "one vector for each\ntoken in its context", 1.7, 0.75)
    head = box(ax, 6.35, 0.95, "head", 0.8, 0.55, "step")
    answer = box(ax, 7.95, 0.95, "a label,\nthe next word,\nor a hidden word", 1.5, 0.75, "result")
    chain(ax, [attention, forward, contextual, head, answer])
    label(ax, 4.75, 1.52, "contextual vectors", weight="bold")
    label(ax, 7.95, 1.52, "answer", weight="bold")
    frame(ax, 0.2, 0.5, 3.1, 0.95)
    label(ax, 1.75, 0.28, "one layer, repeated: 6 in MiniLM, 12 in BERT")
    arrow(ax, boxes[-1].bottom, (7.85, 1.95), (0.95, 1.95), attention.top)
    return figure


def families() -> plt.Figure:
    """Draw which token sees which in the three families: encoder only, decoder only, encoder-decoder.

    Returns
    -------
    matplotlib.figure.Figure
        9 x 4.2 inches. Day 1 compares them.
    """
    figure, ax = canvas(9, 4.2)
    english, portuguese = ("the", "law", "passed"), ("a", "lei", "passou")
    panels = [
        (1.25, "encoder only", "each token sees\nall tokens", "BERT, MiniLM", "label and compare texts"),
        (3.75, "decoder only", "each token sees itself\nand all to its left", "GPT, Llama, SmolLM2", "continue a text"),
        (7, "encoder-decoder", "the decoder also sees\nthe whole source text", "Marian, T5", "translate, summarize"),
    ]
    for x, name, rule, examples, purpose in panels:
        label(ax, x, 4, name, size=11, weight="bold")
        label(ax, x, 3.62, rule)
        label(ax, x, 0.75, examples, weight="bold")
        label(ax, x, 0.5, purpose)
    for x in (2.5, 5):
        arrow(ax, (x, 0.4), (x, 4.1), head="-", color=GRAY, linewidth=0.8)
    _sight(ax, 1.25, english)
    _sight(ax, 3.75, english, causal=True)
    encoder = _sight(ax, 5.95, english)
    decoder = _sight(ax, 8.05, portuguese, causal=True)
    arrow(ax, encoder.right, decoder.left, linewidth=3)
    label(ax, 7, 3.15, "cross-attention")
    label(ax, 5.95, 1.3, "encoder: English")
    label(ax, 8.05, 1.3, "decoder: Portuguese")
    label(ax, 4.5, 0.15, "Boxes: tokens. Circles: their contextual vectors. Lines: what each vector is made from.")
    return figure


def _sight(ax: plt.Axes, center: float, words: tuple[str, str, str], causal: bool = False) -> Box:
    """Draw tokens below, their vectors above, and a line from each token to the vectors that see it."""
    places = [center - 0.55, center, center + 0.58]
    for place, word in zip(places, words, strict=True):
        box(ax, place, 1.65, word, 0.6 if len(word) > 4 else 0.46, 0.3)
    for row, place in enumerate(places):
        for other in places[: row + 1] if causal else places:
            arrow(ax, (other, 1.8), (place, 2.8), head="-", linewidth=1)
        ax.add_patch(Circle((place, 2.9), 0.12, facecolor=KINDS["step"]["facecolor"], edgecolor=EDGE, zorder=3))
    return Box(center, 2.9, 1.42, 0.24)


def transfer_learning() -> plt.Figure:
    """Draw two routes to a classifier: pretraining and fine-tuning above, training from scratch below.

    Returns
    -------
    matplotlib.figure.Figure
        9 x 3.9 inches. Day 1 shows it before it compares the two.
    """
    figure, ax = canvas(9, 3.9)
    label(ax, 0.1, 3.65, "transfer learning", size=11, weight="bold", ha="left")
    books = box(ax, 1, 3.1, "unlabeled text:\nbooks, Wikipedia, web", 1.8, 0.55)
    pretraining = box(ax, 3, 3.1, "pretraining:\nguess hidden words", 1.6, 0.55, "step")
    label(ax, 0.1, 1.65, "from scratch", size=11, weight="bold", ha="left")
    label(ax, 2, 1.1, "no pretraining")
    routes = [
        (3.1, "pretrained\nmodel", "fine-tuning", "your classifier", "a few hundred\nlabeled texts"),
        (1.1, "random\nweights", "training", "a classifier", "many labeled\ntexts"),
    ]
    for y, start, step, classifier, texts in routes:
        model = box(ax, 4.8, y, start, 1.1, 0.55)
        training = box(ax, 6.4, y, step, 1.1, 0.55, "step")
        labeled = box(ax, 6.4, y - 0.8, texts, 1.4, 0.5)
        chain(ax, [model, training, box(ax, 8.2, y, classifier, 1.4, 0.55, "result")])
        arrow(ax, labeled.top, training.bottom)
        if y > 2:
            chain(ax, [books, pretraining, model])
    arrow(ax, (0.1, 1.9), (8.9, 1.9), head="-", color=GRAY, linewidth=0.8)
    return figure


def one_encoder_many_heads() -> plt.Figure:
    """Draw one pretrained encoder with four heads, each with an input and an answer.

    Returns
    -------
    matplotlib.figure.Figure
        9 x 3.9 inches, after Figure 1 of Devlin et al. (2019). Day 1 shows it after pretraining.
    """
    figure, ax = canvas(9, 3.9)
    body = box(ax, 4.9, 1.45, "", 7.8, 0.6, "step")
    label(ax, 4.9, 1.45, "one pretrained encoder, such as BERT", size=11, weight="bold")
    tasks = [
        ("a label for the text,\nfrom [CLS]", "positive", "[CLS] a great\nspeech [SEP]"),
        ("a label for\neach token", "Merkel: person\nParis: place", "[CLS] Merkel\nvisited Paris [SEP]"),
        ("start and end\nof an answer", "“May 3”\nstart: May   end: 3", "[CLS] When? [SEP]\nIt was May 3. [SEP]"),
        ("a hidden word", "senate, house,\nparliament", "[CLS] The [MASK]\nvoted no. [SEP]"),
    ]
    for x, (task, answer, text) in zip((1.9, 3.9, 5.9, 7.9), tasks, strict=True):
        head = box(ax, x, 2.45, task, 1.8, 0.55, "step", facecolor="white")
        output = box(ax, x, 3.45, answer, 1.8, 0.55, "result")
        words = box(ax, x, 0.45, text, 1.8, 0.55)
        arrow(ax, words.top, (x, body.bottom[1]))
        arrow(ax, (x, body.top[1]), head.bottom)
        arrow(ax, head.top, output.bottom)
    for y, name in [(3.45, "answers"), (2.45, "heads"), (1.45, "body"), (0.45, "inputs")]:
        label(ax, 0.12, y, name, weight="bold", ha="left")
    return figure


def layer() -> plt.Figure:
    """Draw one layer: attention and feed-forward, each followed by add and norm, with the residual connections.

    Returns
    -------
    matplotlib.figure.Figure
        9 x 2.5 inches, the order of the original transformer and BERT. Day 1 builds it.
    """
    figure, ax = canvas(9, 2.5)
    boxes = [
        box(ax, 0.72, 1.05, "one vector\nfor each token", 1.2, 0.6),
        box(ax, 2.45, 1.05, "attention", 1.05, 0.6, "step"),
        box(ax, 3.9, 1.05, "add &\nnorm", 0.95, 0.6, "step", facecolor="white"),
        box(ax, 5.4, 1.05, "feed-\nforward", 1.05, 0.6, "step"),
        box(ax, 6.85, 1.05, "add &\nnorm", 0.95, 0.6, "step", facecolor="white"),
        box(ax, 8.28, 1.05, "one new vector\nfor each token", 1.25, 0.6, "result"),
    ]
    chain(ax, boxes)
    frame(ax, 1.45, 0.4, 6.05, 1.9)
    for start, end in [(1.65, 3.9), (4.55, 6.85)]:
        arrow(ax, (start, 1.05), (start, 1.8), (end, 1.8), (end, boxes[0].top[1]))
        label(ax, (start + end) / 2, 1.97, "residual connection")
    label(
        ax,
        4.5,
        0.18,
        "one layer: attention mixes the vectors of different tokens, feed-forward works on each vector alone",
    )
    return figure

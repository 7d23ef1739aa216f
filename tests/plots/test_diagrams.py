"""Diagrams: nothing overlaps, nothing is cut off, what is given is drawn, and what is wrong is refused."""

import itertools

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path
from matplotlib.text import Text

from helpers.plots import diagrams

SENTENCE = ["[CLS]", "the", "senate", "approved", "the", "budget", ".", "[SEP]"]
LONG = [f"{'w' * (3 + i % 9)}{i}" for i in range(25)]
DIAGRAMS = {
    "day_map": diagrams.day_map,
    "families": diagrams.families,
    "transfer_learning": diagrams.transfer_learning,
    "one_encoder_many_heads": diagrams.one_encoder_many_heads,
    "layer": diagrams.layer,
    "tokens_to_vectors": lambda: diagrams.tokens_to_vectors(SENTENCE, range(8), -np.ones((8, 4))),
    "tokens_to_vectors, long": lambda: diagrams.tokens_to_vectors(LONG, range(30000, 30025), np.ones((25, 3))),
    "query_key_value": lambda: diagrams.query_key_value(SENTENCE, [0.3, 0.7, *[0] * 6], query="budget"),
    "query_key_value, long": lambda: diagrams.query_key_value(LONG, [0.04] * 25),
    "many_heads, 1": lambda: diagrams.many_heads(8, 1),
    "many_heads, 4": lambda: diagrams.many_heads(8, 4),
    "many_heads, 12": lambda: diagrams.many_heads(384, 12),
    "many_heads, 128": lambda: diagrams.many_heads(16384, 128),
    "causal_mask": lambda: diagrams.causal_mask(SENTENCE),
    "masked_words, first": lambda: diagrams.masked_words(SENTENCE, 0, {"[CLS]": 1.0, "w" * 14: 0.0}),
    "masked_words, middle": lambda: diagrams.masked_words(SENTENCE, 5, {"budget": 0.5, "bill": 0.3}),
    "masked_words, last": lambda: diagrams.masked_words(SENTENCE, 7, {"[SEP]": 1.0, "w" * 14: 0.0}),
    "masked_words, long": lambda: diagrams.masked_words(LONG, 12, {"a": 0.5, LONG[12]: 0.2, "c": 0.1, "d": 0.1}),
}


@pytest.fixture(scope="module", params=DIAGRAMS.values(), ids=DIAGRAMS)
def figure(request):
    """Each of the diagrams, drawn once."""
    drawn = request.param()
    drawn.canvas.draw()
    yield drawn
    plt.close("all")


def texts_of(figure: plt.Figure) -> list[Text]:
    ticks = {
        label for ax in figure.axes if not ax.axison for axis in (ax.xaxis, ax.yaxis) for label in axis.findobj(Text)
    }
    return [text for text in figure.findobj(Text) if text.get_text() and text.get_visible() and text not in ticks]


def words_in(figure: plt.Figure) -> list[str]:
    return [text.get_text() for text in texts_of(figure)]


def test_no_two_texts_overlap(figure):
    # Of two slanted names the upright frames meet, the words do not.
    texts = [text for text in texts_of(figure) if text.get_rotation() % 90 == 0]
    assert len(texts) > 3
    for first, second in itertools.combinations(texts, 2):
        assert not first.get_window_extent().overlaps(second.get_window_extent()), (first, second)


def test_no_text_is_cut_off(figure):
    shown = figure.get_tightbbox() if figure.axes[0].axison else figure.bbox_inches  # as `show` cuts it
    for text in texts_of(figure):
        place = text.get_window_extent().transformed(figure.dpi_scale_trans.inverted())
        assert shown.x0 <= place.x0 and place.x1 <= shown.x1, text
        assert shown.y0 <= place.y0 and place.y1 <= shown.y1, text


def test_the_words_of_a_box_fit_into_it_and_the_box_into_the_figure(figure):
    texts = [text.get_window_extent() for text in texts_of(figure)]
    for patch in figure.findobj(FancyBboxPatch):
        place = patch.get_window_extent()
        assert figure.bbox.x0 <= place.x0 and place.x1 <= figure.bbox.x1
        assert figure.bbox.y0 <= place.y0 and place.y1 <= figure.bbox.y1
        for text in texts:
            if place.overlaps(text):
                assert place.x0 < text.x0 and text.x1 < place.x1
                assert place.y0 < text.y0 and text.y1 < place.y1


def test_no_letter_is_smaller_than_nine_points(figure):
    assert min(text.get_fontsize() for text in texts_of(figure)) >= 9


def test_no_arrow_runs_through_a_text(figure):
    texts = texts_of(figure)
    for arrow in figure.findobj(FancyArrowPatch):
        path = arrow.get_path()
        head = np.flatnonzero(path.codes == Path.MOVETO)[1:2]  # the line comes first
        line = Path(*(part[: head[0] if head.size else None] for part in (path.vertices, path.codes)))
        line = line.transformed(arrow.get_transform())
        assert not [text for text in texts if line.intersects_bbox(text.get_window_extent(), filled=False)]


def test_tokens_ids_and_rounded_numbers_appear():
    words = words_in(
        diagrams.tokens_to_vectors(["we", "vote"], [7, 9], torch.tensor([[0.126, -2, 0, 5], [1, 2, 3, 5]]))
    )
    assert {"we", "vote", "7", "9", "0.13\n−2.00\n0.00\n⋮", "1.00\n2.00\n3.00\n⋮"} <= set(words)


@pytest.mark.parametrize(
    "ids, vectors", [([1], np.ones((2, 3))), ([1, 2], np.ones((3, 3))), ([1, 2], np.ones((2, 2))), ([1, 2], np.ones(2))]
)
def test_tokens_ids_and_vectors_of_different_lengths_are_refused(ids, vectors):
    with pytest.raises(ValueError, match="2 tokens.*one id and one vector"):
        diagrams.tokens_to_vectors(["a", "b"], ids, vectors)


def test_a_heavier_weight_is_a_thicker_line_and_a_printed_number():
    figure = diagrams.query_key_value(["a", "b"], torch.tensor([0.2, 0.8]), query="a")
    widths = [line.get_linewidth() for line in figure.findobj(FancyArrowPatch)]
    assert widths == pytest.approx([2.4, 2.4, 9.6, 9.6])  # to the key and from the value of each word
    assert {"0.20", "0.80", "query of “a”"} <= set(words_in(figure))


def test_the_query_is_a_word_or_its_position():
    assert "query of “b”" in words_in(diagrams.query_key_value(["a", "b"], [0.5, 0.5]))
    assert "query of “a”" in words_in(diagrams.query_key_value(["a", "b"], [0.5, 0.5], query=0))
    for missing in ("c", 2):
        with pytest.raises(ValueError, match="not one of the words.*a, b"):
            diagrams.query_key_value(["a", "b"], [0.5, 0.5], query=missing)


@pytest.mark.parametrize("weights", [[0.5, 0.6], [1.5, -0.5], [1.0], [np.nan, 1]])
def test_weights_that_are_no_softmax_are_refused(weights):
    with pytest.raises(ValueError, match="together 1"):
        diagrams.query_key_value(["a", "b"], weights, query="a")


def test_at_most_four_heads_are_drawn():
    words = words_in(diagrams.many_heads(384, 12))
    assert [word for word in words if word.startswith("head ")] == [f"head {i}:\n32 numbers" for i in (0, 1, 2, 11)]
    assert "…" in words
    assert "…" not in words_in(diagrams.many_heads(8, 4))


@pytest.mark.parametrize("heads", [5, 0, -1])
def test_a_width_that_the_heads_do_not_divide_is_refused(heads):
    with pytest.raises(ValueError, match=f"12 numbers cannot be split into {heads}"):
        diagrams.many_heads(12, heads)


def test_allowed_and_forbidden_cells_differ_in_more_than_color():
    cells = diagrams.causal_mask(["a", "b"]).axes[0].patches
    assert [bool(cell.get_hatch()) for cell in cells] == [False, True, False, False]


def test_every_other_token_has_an_arrow_into_the_hidden_one():
    figure = diagrams.masked_words(["a", "b", "c", "d"], 2, {"c": 0.6, "x": 0.1})
    assert len(figure.findobj(FancyArrowPatch)) == 3 + 1  # and one to the guesses
    words = words_in(figure)
    assert {"a", "b", "[MASK]", "d", "c", "x", "0.60  the hidden word", "0.10"} <= set(words)


@pytest.mark.parametrize(
    "hidden, guesses, message", [(2, {"a": 1}, "No token 2"), (0, {}, "guesses"), (0, {"a": 2}, "guesses")]
)
def test_a_missing_position_and_wrong_guesses_are_refused(hidden, guesses, message):
    with pytest.raises(ValueError, match=message):
        diagrams.masked_words(["a", "b"], hidden, guesses)


def test_dollar_signs_in_a_sentence_are_drawn_as_they_are():
    diagrams.masked_words(["$x$", r"$\z$"], 0, {"$": 0.5}).canvas.draw()
    diagrams.causal_mask([r"$\z$"]).canvas.draw()

"""Plots of attention: what is drawn, and what is refused."""

import matplotlib

matplotlib.use("Agg")

import numpy as np
import pytest
import torch

from helpers.plots import attention, figures


def sentence_of(layers=2, heads=3, tokens=4):
    scores = torch.randn(layers, 1, heads, tokens, tokens, generator=torch.Generator().manual_seed(0))
    return tuple(scores.softmax(dim=-1)), [f"t{i}" for i in range(tokens)]


def test_a_heat_map_writes_the_numbers_and_the_names():
    figure = attention.heatmap(torch.tensor([[0.25, 0.75], [1.0, -torch.inf]]), ["a", "b"], columns=["c", "d"])
    ax = figure.axes[0]
    assert [text.get_text() for text in ax.texts] == ["0.25", "0.75", "1.00", "−∞"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["c", "d"]


def test_a_heat_map_of_other_names_is_refused_with_both_sizes():
    with pytest.raises(ValueError, match=r"\(2, 3\).*2 rows and 2 columns"):
        attention.heatmap(torch.zeros(2, 3), ["a", "b"])


def test_the_causal_mask_allows_what_stands_left():
    words = [text.get_text() for text in attention.causal_mask(["a", "b", "c"]).axes[0].texts]
    assert words == ["yes", "no", "no", "yes", "yes", "no", "yes", "yes", "yes"]


def test_the_grid_has_a_small_map_for_each_head_of_each_layer():
    weights, tokens = sentence_of(layers=2, heads=3)
    assert len(attention.heads(weights, tokens).axes) == 6


@pytest.mark.parametrize("view", [attention.head_view, attention.model_view])
def test_a_view_carries_its_libraries_and_asks_no_other_site(view, monkeypatch):
    import IPython.display

    shown = []
    monkeypatch.setattr(IPython.display, "display", lambda content, **options: shown.append(content))
    view(*sentence_of())
    page = shown[0]["text/html"]
    assert "requirejs(names, draw)" in page and "jQuery v3" in page and "d3js.org v5" in page
    assert "require.min.js" not in page
    assert 'title="' in page


def test_a_head_found_by_a_search_can_be_viewed(monkeypatch):
    import IPython.display

    shown = []
    monkeypatch.setattr(IPython.display, "display", lambda content, **options: shown.append(content))
    layer, head = np.argwhere(np.ones((2, 3)))[-1]  # numpy's numbers, which JSON does not know
    attention.head_view(*sentence_of(), layer=layer, heads=[head])
    assert shown


def test_without_weights_the_message_says_how_to_get_them():
    with pytest.raises(ValueError, match='attn_implementation="eager"'):
        attention.head_view((), ["a"])


def test_attention_of_another_sentence_is_refused():
    weights, tokens = sentence_of()
    with pytest.raises(ValueError, match="4 positions, but 3 tokens"):
        attention.model_view(weights, tokens[:3])


def test_a_figure_without_an_alternative_text_is_refused():
    figure = attention.causal_mask(["a"])
    with pytest.raises(ValueError, match="alternative text"):
        figures.show(figure, " ")


def test_a_figure_carries_its_alternative_text(monkeypatch):
    shown = {}
    monkeypatch.setattr(figures, "display", lambda content, **options: shown.update(content=content, **options))
    figures.show(attention.causal_mask(["a"]), "One cell.")
    assert shown["metadata"]["image/png"]["alt"] == shown["content"]["text/plain"] == "One cell."
    assert shown["content"]["image/png"].startswith(b"\x89PNG")

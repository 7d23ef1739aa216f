"""Plots of attention: what is drawn, and what is refused."""

import html
import json
import re

import matplotlib

matplotlib.use("Agg")

import numpy as np
import pytest
import torch

from helpers.plots import attention, diagrams, figures


def sentence_of(layers=2, heads=3, tokens=4):
    scores = torch.randn(layers, 1, heads, tokens, tokens, generator=torch.Generator().manual_seed(0))
    return tuple(scores.softmax(dim=-1)), [f"t{i}" for i in range(tokens)]


@pytest.fixture
def shown(monkeypatch):
    """The HTML of what a view displays."""
    pages = []
    monkeypatch.setattr(attention, "display", lambda content, **options: pages.append(content["text/html"]))
    return pages


def document_in(frame: str) -> str:
    return html.unescape(re.search(r'srcdoc="([^"]*)"', frame).group(1))


def test_a_heat_map_writes_the_numbers_and_the_names():
    figure = attention.heatmap(torch.tensor([[0.25, 0.75], [1.0, -torch.inf]]), ["a", "b"], columns=["c", "d"])
    ax = figure.axes[0]
    assert [text.get_text() for text in ax.texts] == ["0.25", "0.75", "1.00", "−∞"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["c", "d"]


def test_a_heat_map_draws_dollar_signs_as_they_are():
    figure = attention.heatmap(torch.eye(2), ["$$", r"$\x$"], title=r"$$ and $\x$")
    figure.canvas.draw()  # as formulas, the first would be empty and the second an error


def test_a_heat_map_of_other_names_is_refused_with_both_sizes():
    with pytest.raises(ValueError, match=r"\(2, 3\).*2 rows and 2 columns"):
        attention.heatmap(torch.zeros(2, 3), ["a", "b"])


def test_the_causal_mask_allows_what_is_to_the_left():
    words = [text.get_text() for text in diagrams.causal_mask(["a", "b", "c"]).axes[0].texts]
    assert words == ["yes", "no", "no", "yes", "yes", "no", "yes", "yes", "yes"]


def test_the_grid_has_a_small_map_for_each_head_of_each_layer():
    weights, tokens = sentence_of(layers=2, heads=3)
    assert len(attention.heads(weights, tokens).axes) == 6


VIEWS = pytest.mark.parametrize("view", [attention.head_view, attention.model_view])


@VIEWS
def test_a_view_carries_its_libraries_and_asks_no_other_site(view, shown):
    view(*sentence_of())
    page = document_in(shown[0])
    assert "requirejs(names, draw)" in page and "jQuery v3" in page and "d3js.org v5" in page
    assert "require.min.js" not in page


@VIEWS
def test_a_view_has_a_title_and_may_run_scripts_and_nothing_else(view, shown):
    view(*sentence_of())
    frame = shown[0].partition("srcdoc=")[0]
    assert re.search(r'title="[^"]+"', frame)
    assert re.search(r'sandbox="([^"]*)"', frame).group(1) == "allow-scripts"


@VIEWS
def test_no_token_can_end_the_script_it_is_in(view, shown):
    tokens = ["</script>", "<script>alert(1)</script>", "<!--", "a < b & c"]
    weights, plain = sentence_of()
    view(weights, plain)
    view(weights, tokens)
    harmless, page = map(document_in, shown)
    for tag in ("<script", "</script", "<!--"):
        assert page.count(tag) == harmless.count(tag)
    words = re.search(r'"left_text": (\[.*?\])', page.rpartition("<script")[2]).group(1)
    assert json.loads(words) == tokens  # what JavaScript reads


@VIEWS
def test_too_many_tokens_are_refused_with_what_to_do(view, shown):
    view(*sentence_of(layers=1, heads=1, tokens=100))
    with pytest.raises(ValueError, match=r"101 tokens.*at most 100.*max_length=100"):
        view(*sentence_of(layers=1, heads=1, tokens=101))
    assert len(shown) == 1


def test_the_largest_view_of_a_base_model_is_a_page_that_browsers_open(shown):
    attention.model_view(*sentence_of(layers=12, heads=12, tokens=100))
    assert len(shown[0]) < 12_000_000


def test_a_head_found_by_a_search_can_be_viewed(shown):
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
    figure = diagrams.causal_mask(["a"])
    with pytest.raises(ValueError, match="alternative text"):
        figures.show(figure, " ")


def test_a_figure_carries_its_alternative_text(monkeypatch):
    shown = {}
    monkeypatch.setattr(figures, "display", lambda content, **options: shown.update(content=content, **options))
    figures.show(diagrams.causal_mask(["a"]), "One cell.")
    assert shown["metadata"]["image/png"]["alt"] == shown["content"]["text/plain"] == "One cell."
    assert shown["content"]["image/png"].startswith(b"\x89PNG")

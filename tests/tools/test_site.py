"""Slides and site: the rules that mark slides, and both seen in headless Chromium."""

import html
import re
import subprocess

import nbformat
import pytest
from conftest import NOTEBOOKS, ROOT

from tools.notebooks import run
from tools.site import build_site, mark_slides


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_section_of_the_core_is_a_slide_and_every_figure_and_key_points_are_sub_slides(path):
    cells = mark_slides.mark(nbformat.read(path, as_version=4)).cells
    ids = [cell.id for cell in cells]
    deeper, closing = ids.index("deeper"), ids.index("closing")
    assert {cell.metadata["slideshow"]["slide_type"] for cell in cells[deeper:closing]} == {"skip"}
    for cell in cells[:deeper] + cells[closing:]:
        kind = cell.metadata["slideshow"]["slide_type"]
        if cell.cell_type == "markdown" and cell.source.startswith("## "):
            assert kind == "slide", cell["id"]
        elif "**Key points**" in cell.source:
            assert kind == "subslide", cell["id"]
        for output in cell.get("outputs", []):
            assert "image/png" not in output.get("data", {}) or kind == "subslide", cell["id"]


def test_on_the_site_the_second_half_stands_under_going_deeper():
    texts = [
        "# Day",
        "## Core",
        "### Part",
        "## Going deeper",
        "words",
        "## More\n\n### Part",
        "## What you take from Day 1",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(text) for text in texts])
    build_site.under_going_deeper(notebook)
    below = "### More\n\n#### Part"
    assert [cell.source for cell in notebook.cells] == [*texts[:5], below, texts[6]]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_marking_twice_is_marking_once_and_leaves_other_tags(path):
    before = nbformat.read(path, as_version=4)
    once = nbformat.writes(mark_slides.mark(nbformat.read(path, as_version=4)))
    assert nbformat.writes(mark_slides.mark(nbformat.reads(once, as_version=4))) == once
    for cell, marked in zip(before.cells, nbformat.reads(once, as_version=4).cells, strict=True):
        assert set(cell.metadata.get("tags", [])) == set(marked.metadata.get("tags", [])) - {mark_slides.HIDDEN}


def test_a_cell_that_its_author_marked_is_left_alone():
    cell = nbformat.v4.new_markdown_cell("words", metadata={"tags": ["slide-as-is"], "slideshow": {"slide_type": "-"}})
    notebook = mark_slides.mark(nbformat.v4.new_notebook(cells=[cell]))
    assert notebook.cells[0].metadata["slideshow"]["slide_type"] == "-"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_figure_of_a_page_has_its_own_alternative_text(path):
    notebook = nbformat.read(path, as_version=4)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    wanted = [o.metadata["image/png"]["alt"] for o in outputs if "image/png" in o.get("data", {})]
    found = re.findall(r'<img alt="([^"]*)"', run.page(notebook))
    assert len(wanted) >= 4 and [html.unescape(text) for text in found] == wanted


def test_on_the_site_a_cell_with_two_figures_has_both_texts():
    figures = [
        nbformat.v4.new_output("display_data", {"image/png": ""}, metadata={"image/png": {"alt": text}})
        for text in ("First.", "Second.")
    ]
    cells = [nbformat.v4.new_code_cell("draw()", outputs=figures)]
    notebook = build_site.prepared(nbformat.v4.new_notebook(cells=cells))
    assert notebook.cells[0].metadata["mystnb"]["image"]["alt"] == "First. Second."


@pytest.mark.long
@pytest.mark.installs
def test_site_and_slides_are_fine_in_a_browser_without_a_network():
    """No console error, no other host, nothing that scrolls sideways, nothing serious by axe-core."""
    done = subprocess.run(["make", "check-site"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr

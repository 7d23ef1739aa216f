"""Slides and site: the rules that mark slides, and both seen in headless Chromium."""

import subprocess

import nbformat
import pytest
from conftest import NOTEBOOKS, ROOT

from tools.site import mark_slides


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_section_is_a_slide_and_every_figure_and_key_points_are_sub_slides(path):
    notebook = mark_slides.mark(nbformat.read(path, as_version=4))
    for cell in notebook.cells:
        kind = cell.metadata["slideshow"]["slide_type"]
        if cell.cell_type == "markdown" and cell.source.startswith("## "):
            assert kind == "slide", cell["id"]
        elif "**Key points**" in cell.source:
            assert kind == "subslide", cell["id"]
        for output in cell.get("outputs", []):
            assert "image/png" not in output.get("data", {}) or kind == "subslide", cell["id"]


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


@pytest.mark.long
@pytest.mark.installs
def test_site_and_slides_are_fine_in_a_browser_without_a_network():
    """No console error, no other host, nothing that scrolls sideways, nothing serious by axe-core."""
    done = subprocess.run(["make", "check-site"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr

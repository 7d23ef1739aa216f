"""What a notebook must be, without running it: its form, its links, its figures, its saved outputs."""

import json
import re

import nbformat
import pytest
from conftest import NOTEBOOKS, ROOT

from tools.notebooks import glossary

pytestmark = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def cells_of(path, kind):
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == kind]


def outputs_of(path):
    return [(cell["id"], output) for cell in cells_of(path, "code") for output in cell.outputs]


def headings(path):
    """(level, title) of every Markdown heading."""
    found = []
    for cell in cells_of(path, "markdown"):
        text = re.sub(r"```.*?```", "", cell.source, flags=re.DOTALL)
        found += [(len(marks), title) for marks, title in re.findall(r"^(#+) (.+)$", text, flags=re.MULTILINE)]
    return found


def test_it_is_a_valid_notebook_for_the_kernel_python3(path):
    notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert notebook.metadata.kernelspec.name == "python3"
    assert "widgets" not in notebook.metadata


def test_its_outputs_show_in_viewers_that_run_nothing(path):
    """Code hosts draw neither scripts nor views of widgets, and refuse a notebook with views whose state is missing."""
    kinds = {kind for _, output in outputs_of(path) for kind in output.get("data", {})}
    assert kinds <= {"text/plain", "text/html", "image/png"}


def test_the_first_code_cell_is_the_set_up(path):
    first = cells_of(path, "code")[0]
    assert first["id"] == "setup" and "helpers.setup()" in first.source
    assert "import transformers" not in first.source


def test_every_cell_was_run_in_order_without_an_error(path):
    code = cells_of(path, "code")
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert not [cell_id for cell_id, output in outputs_of(path) if output.output_type == "error"]


def test_every_cell_that_prints_has_its_output(path):
    """A tool that writes a cell anew takes its output away: it has to be run again."""
    silent = [cell for cell in cells_of(path, "code") if not cell.outputs]
    prints = re.compile(r"^(print|display|exercise\.check|helpers\.plots\.(?!use_style)[\w.]+)\(", re.MULTILINE)
    assert not [cell["id"] for cell in silent if prints.search(cell.source)]


def test_exercises_are_saved_unanswered(path):
    for cell in cells_of(path, "code"):
        if cell["id"].endswith("-exercise-answer"):
            assert "".join(output.get("text", "") for output in cell.outputs).endswith("not answered yet\n"), cell["id"]


def test_no_output_goes_to_stderr(path):
    assert not [cell_id for cell_id, output in outputs_of(path) if output.get("name") == "stderr"]


def test_no_output_holds_a_path_of_a_machine(path):
    for cell_id, output in outputs_of(path):
        text = json.dumps({key: value for key, value in output.items() if key != "metadata"})
        assert not re.search(r"(?<![\w.:/<])/(root|home|tmp|work|Users|content)/", text), cell_id


def test_every_figure_has_an_alternative_text(path):
    figures = [(cell_id, o) for cell_id, o in outputs_of(path) if "image/png" in o.get("data", {})]
    assert figures
    for cell_id, output in figures:
        assert len(output.metadata.get("image/png", {}).get("alt", "")) > 30, cell_id


def test_every_interactive_view_has_a_title_and_stands_beside_a_figure(path):
    outputs = outputs_of(path)
    frames = [(cell_id, o) for cell_id, o in outputs if "<iframe" in str(o.get("data", {}).get("text/html", ""))]
    for cell_id, output in frames:
        assert 'title="' in output.data["text/html"], cell_id
        assert not re.search(r"src=(\"|&quot;)https?:", output.data["text/html"]), cell_id
    figures = [o for _, o in outputs if "image/png" in o.get("data", {})]
    assert len(figures) >= len(frames)


def test_headings_are_in_order(path):
    levels = [level for level, _ in headings(path)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(later <= earlier + 1 for earlier, later in zip(levels, levels[1:], strict=False))


def test_every_section_opens_with_its_question_and_closes_with_key_points(path):
    text = "\n".join(cell.source for cell in cells_of(path, "markdown"))
    sections = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    for section in sections:
        title = section.splitlines()[0]
        if title in ("Set-up", "Going deeper") or title.startswith("What you take from Day"):
            continue
        assert re.search(r"\*In this section:\* .+\(\d+ minutes\)", section), title
        assert "**Key points**" in section, title


def test_links_inside_lead_to_sections_and_files_that_exist(path):
    anchors = {glossary.section_anchor(title.strip()) for _, title in headings(path)}
    for cell in cells_of(path, "markdown"):
        for target in re.findall(r"\]\(([^)]+)\)", cell.source):
            if target.startswith("#"):
                assert target[1:] in anchors, target
            elif not target.startswith("https://"):
                assert (path.parent / target.split("#")[0]).exists(), target


def words_of(cell) -> int:
    text = re.sub(r"\$\$.*?\$\$|\]\([^)]*\)", "", cell.source, flags=re.DOTALL)  # without formulas and addresses
    return sum(bool(re.search(r"\w", word)) for word in text.split())


def test_core_and_second_half_are_as_short_as_a_class_needs(path):
    """Code cells and words; set-up, exercises and diagrams do not count."""
    core = {"day1": (60, 4500), "day2": (75, 5500), "day3": (55, 4000)}[path.stem.split("_")[0]]
    cells = nbformat.read(path, as_version=4).cells
    ids = [cell["id"] for cell in cells]
    begin, deeper, end = (ids.index(each) for each in ("first", "deeper", "closing"))
    for half, (most_cells, most_words) in ((cells[begin:deeper], core), (cells[deeper:end], (45, 2500))):
        half = [cell for cell in half if "-exercise" not in cell["id"] and "plots.diagrams" not in cell.source]
        assert sum(cell.cell_type == "code" for cell in half) <= most_cells
        assert sum(words_of(cell) for cell in half if cell.cell_type == "markdown") <= most_words


def test_cells_are_short(path):
    """The first cell, which also serves Colab, has a test of its own in tests/tools/test_colab.py."""
    _, *others = cells_of(path, "code")
    long = {cell["id"]: n for cell in others if (n := len(cell.source.splitlines())) > 15}
    assert not long, long


def test_it_is_small_enough_to_be_shown(path):
    assert path.stat().st_size < 5_000_000


def test_ids_are_words(path):
    for cell in cells_of(path, "code"):
        assert re.fullmatch(r"[a-z0-9-]+", cell["id"])


def test_files_named_in_the_text_exist(path):
    for cell in cells_of(path, "markdown"):
        for name in re.findall(r"`(data/[\w.]+)`", cell.source):
            assert (ROOT / name).exists(), name

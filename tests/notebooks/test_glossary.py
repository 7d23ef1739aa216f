"""The glossary has every term that the notebooks explain, and the notebooks lead to it."""

import re

import nbformat
import pytest
from conftest import NOTEBOOKS, ROOT

from tools.notebooks import glossary

TERMS = glossary.terms()
# What is bold for another reason than that a term is explained.
EMPHASIS = {
    "Set-up", "General Inquirer", "A translation", "Tomorrow", "A checklist for the methods section", "families",
    "last", "default", "rule of thumb", "tuned", "and", "Translate the texts", "Large model on the original",
    "each original language", "In your methods section", "cleaned", "trained to align words",
}  # fmt: skip


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def linked(request):
    notebook = nbformat.read(request.param, as_version=4)
    day = request.param.stem.split("_")[0]
    return day, notebook, glossary.link(notebook, day)


def lesson(notebook, section=None) -> str:
    cells = [cell.source for title, cell in glossary.sections_of(notebook) if section in (None, title)]
    return glossary.LINK.sub(r"\1", "\n".join(cells))


def test_every_entry_can_be_read():
    text = glossary.GLOSSARY.read_text(encoding="utf-8")
    assert len(TERMS) == len(re.findall(r"^### ", text, flags=re.MULTILINE)) > 100
    headings = [term.heading for term in TERMS]
    assert headings == sorted(headings, key=str.casefold)
    assert len({term.anchor for term in TERMS}) == len(TERMS)
    for term in TERMS:
        assert re.fullmatch(r"[A-Z0-9][^\n]*\.", term.definition), term.heading


@pytest.mark.parametrize("term", TERMS, ids=lambda term: term.anchor)
def test_each_definition_is_short_sentences_of_which_the_first_has_the_term(term):
    sentences = re.split(r"(?<=[.!?]) (?=[A-Z])", term.definition)
    assert re.search(rf"\b{term.pattern(list(term.names))}\b", sentences[0], flags=re.IGNORECASE)
    assert max(len(sentence.split()) for sentence in sentences) <= 32


def test_each_entry_links_back_to_its_section():
    text = glossary.GLOSSARY.read_text(encoding="utf-8")
    assert text.count("](notebooks/day") == len(TERMS)  # test_repository.py follows these links
    assert glossary.link_back(text) == text, "run `python -m tools.notebooks.glossary`"


@pytest.mark.parametrize("term", TERMS, ids=lambda term: term.anchor)
def test_each_term_stands_in_the_section_named(term):
    [path] = [path for path in NOTEBOOKS if path.stem.startswith(term.day)]
    text = lesson(nbformat.read(path, as_version=4), term.section)
    assert text, f"no section {term.section!r} in {path.name}"
    assert re.search(term.pattern(list(term.names)), text, flags=re.IGNORECASE)


def test_every_bold_term_is_in_the_glossary(linked):
    _, notebook, _ = linked
    names = "|".join(term.pattern(list(term.names)) for term in TERMS)
    missing = []
    for phrase in re.findall(r"\*\*([^*\n]+)\*\*", lesson(notebook)):
        is_sentence = phrase[-1] in ".:?" or len(phrase.split()) > 7 or phrase.startswith(("Key points", "Exercise"))
        if not is_sentence and phrase not in EMPHASIS and not re.search(rf"\b(?:{names})\b", phrase, re.IGNORECASE):
            missing.append(phrase)
    assert not missing, "explain these in GLOSSARY.md, or name them in EMPHASIS"


def test_every_term_of_the_day_is_linked_once(linked):
    day, notebook, headings = linked
    assert len(headings) == len(set(headings))
    assert {term.heading for term in TERMS if term.day == day} <= set(headings)
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    anchors = re.findall(r"\]\(\.\./GLOSSARY\.md#([^)]+)\)", text)  # relative: link() got no other place
    assert len(anchors) == len(headings)
    assert set(anchors) <= {term.anchor for term in TERMS}


def test_linking_again_changes_nothing_and_touches_words_only(linked):
    day, notebook, headings = linked
    once = nbformat.writes(notebook)
    assert glossary.link(notebook, day) == headings
    assert nbformat.writes(notebook) == once
    [path] = [path for path in NOTEBOOKS if path.stem.startswith(day)]
    before = nbformat.read(path, as_version=4).cells
    bare = [[glossary.LINK.sub(r"\1", cell.source) for cell in cells] for cells in (before, notebook.cells)]
    assert bare[0] == bare[1]


def test_once_published_the_links_are_absolute_and_linking_keeps_them_so(linked):
    day, notebook, headings = linked
    relative, place = nbformat.writes(notebook), glossary.place("a-group/its-name", "spring/2027")
    assert place == "https://github.com/a-group/its-name/blob/spring/2027/GLOSSARY.md"
    for cell in notebook.cells:
        cell.source = glossary.moved(cell.source, place)
    published = nbformat.writes(notebook)
    assert published.count(f"]({place}#") == len(headings) and "](../GLOSSARY.md" not in published
    assert glossary.link(notebook, day, place) == headings
    assert nbformat.writes(notebook) == published
    for cell in notebook.cells:
        cell.source = glossary.moved(cell.source, glossary.BESIDE)
    assert nbformat.writes(notebook).count("](../GLOSSARY.md#") == relative.count("](../GLOSSARY.md#")


def test_no_link_stands_in_code_a_formula_a_heading_or_a_table(linked):
    _, notebook, _ = linked
    for cell in notebook.cells:
        for place in re.finditer(r"GLOSSARY\.md", cell.source):
            line = cell.source[: place.start()].splitlines()[-1]
            assert cell.cell_type == "markdown" and not line.startswith(("#", "|"))
            assert line.count("`") % 2 == line.count("$") % 2 == 0, line
            assert "[" not in line.rpartition("[")[0].rpartition("]")[2], line


def test_further_reading_has_addresses_that_can_be_followed():
    text = glossary.GLOSSARY.read_text(encoding="utf-8").split("## Further reading")[1]
    for entry in re.findall(r"^- (.+)$", text, flags=re.MULTILINE):
        shown, address = re.search(r"\[([^\]]+)\]\((https://[^)]+)\)$", entry).groups()
        assert shown.replace("arXiv:", "").replace("doi:", "") in address, entry
    assert (ROOT / "GLOSSARY.md").exists()

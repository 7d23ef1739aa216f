"""Build a deck of each day's core from the saved notebooks: `make slides`, into slides/. The decks open from disk.

The notebooks are marked in memory (mark_slides.py); reveal.js comes from the package sphinx-revealjs and is
put beside the decks, so that nothing is asked from elsewhere.
"""

import re
import shutil
from pathlib import Path

import nbformat
import sphinx_revealjs
from nbconvert import SlidesExporter
from traitlets.config import Config

from helpers.settings import ROOT, atomic
from tools.notebooks.run import described, mathml
from tools.site.mark_slides import HIDDEN, is_view, mark

SLIDES = ROOT / "slides"
REVEAL = Path(sphinx_revealjs.__file__).parent / "_static" / "revealjs"
SIZE = (1280, 720)  # a projector's, so that text is as large as it can be
STYLE = """<style>.reveal { font-size: 1.6em; --r-heading-text-transform: none; }
.reveal .jp-RenderedMarkdown { font-size: 1.25em; } .reveal .controls { font-size: 6px; }
.reveal section img { max-height: 600px; max-width: 100%; object-fit: contain; }
.reveal .jp-InputArea-editor .highlight pre, .reveal .jp-RenderedText pre { white-space: pre-wrap; }
.reveal .jp-InputArea-editor .highlight pre { width: auto; }
.reveal .slides > section, .reveal .slides > section > section { max-height: 100%; overflow-y: auto; }</style>"""

# nbconvert's page asks require.js for reveal.js, and MathJax after each slide: the first is put in place of the loader.
# A slide that is too high for the screen, or has a table that is too wide, is drawn smaller, down to six tenths. One
# with nothing but a figure is drawn as large as fits, up to sixteen tenths.
STAND_INS = """<script src="reveal/dist/reveal.js"></script><script src="reveal/plugin/notes/notes.js"></script>
<script>const MathJax = {Hub: {getAllJax: () => false}};
const fits = slide => slide.scrollHeight <= slide.clientHeight + 1 &&
  [...slide.querySelectorAll(".jp-OutputArea-output")].every(output => output.scrollWidth <= output.clientWidth + 1);
const beside = slide => [...slide.querySelectorAll(".jp-RenderedMarkdown, .jp-InputArea-editor, table, iframe")]
  .some(part => !part.closest("aside"));
const fit = ({currentSlide}) => {
  for (let tenths = beside(currentSlide) ? 10 : 16; tenths >= 6; tenths--) {
    for (const cell of currentSlide.children) cell.style.zoom = tenths / 10;
    if (fits(currentSlide)) break;
  }
  Reveal.layout();
};
const require = (settings, names, ready) => {
  Reveal.on("ready", fit);
  Reveal.on("slidechanged", fit);
  ready(Reveal, RevealNotes);
};</script>
"""


def deck(notebook: nbformat.NotebookNode) -> str:
    """One HTML page with the marked cells; it looks for reveal.js in the folder reveal/ beside it."""
    shown = [cell for cell in mark(notebook).cells if cell.metadata["slideshow"]["slide_type"] != "skip"]
    notebook.cells = [part for cell in shown for part in divided(cell)]
    settings = Config({"TagRemovePreprocessor": {"enabled": True, "remove_input_tags": {HIDDEN}}})
    exporter = SlidesExporter(
        config=settings,
        reveal_url_prefix="reveal",
        reveal_theme="white",
        reveal_width=str(SIZE[0]),
        reveal_height=str(SIZE[1]),
        exclude_input_prompt=True,
        exclude_output_prompt=True,
    )
    exporter.require_js_url = exporter.jquery_url = exporter.mathjax_url = exporter.mermaid_js_url = ""
    exporter.font_awesome_url = ""
    body, _ = exporter.from_notebook_node(notebook)
    page = without_elsewhere(described(body, notebook)).replace("</head>", STYLE + "</head>", 1)
    before, loader, after = page.rpartition("<script>\nrequire(")
    return before + STAND_INS + loader + after


def divided(cell: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """A cell as the deck has it: an opening gives its question and the rest as notes, a close only its key points.

    What follows under another heading is a slide of its own, or notes where the heading is a third-level one.
    A cell of code that shows several figures or tables is a sub-slide for each.
    """
    if cell.cell_type != "markdown":
        return one_view_each(cell)
    cell.source = mathml(cell.source)
    kind = cell.metadata["slideshow"]["slide_type"]
    if kind == "subslide":
        cell.source = "**Key points**" + cell.source.split("**Key points**", 1)[1]
    cell.source, *others = re.split(r"\n(?=#{2,3} )", cell.source)
    parts = [cell] + [markdown(other, "slide" if other.startswith("## ") else "notes") for other in others]
    question = re.match(r"(#+ .+\n+\*In this section:\*.+)\n", cell.source)
    if kind == "slide" and question:
        parts.insert(1, markdown(cell.source[question.end() :], "notes"))
        cell.source = question[1]
    return parts


def one_view_each(cell: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """A cell of code once for each figure or table that it shows, with the code on the first only."""
    parts, seen = [[]], False
    for output in cell.outputs:
        if seen and is_view(output):
            parts.append([])
        parts[-1].append(output)
        seen = seen or is_view(output)
    cell.outputs, *others = parts
    metadata = {"slideshow": {"slide_type": "subslide"}, "tags": [HIDDEN]}
    return [cell] + [nbformat.v4.new_code_cell(outputs=outputs, metadata=metadata) for outputs in others]


def markdown(source: str, slide_type: str) -> nbformat.NotebookNode:
    """A cell of text that stands in the deck as said."""
    return nbformat.v4.new_markdown_cell(source, metadata={"slideshow": {"slide_type": slide_type}})


def without_elsewhere(page: str) -> str:
    """The page without scripts and styles of other sites (MathJax, fonts, require.js): nothing on it needs them."""
    page = re.sub(r"<script[^>]*src=\"(https?:[^\"]*)?\"[^>]*>\s*</script>", "", page)
    page = re.sub(r"<link[^>]*href=\"(https?:[^\"]*)?\"[^>]*>", "", page)
    return re.sub(r"<script type=\"(module|text/x-mathjax-config)\">.*?</script>", "", page, flags=re.DOTALL)


def main() -> None:
    shutil.copytree(REVEAL, SLIDES / "reveal", dirs_exist_ok=True)
    for path in sorted((ROOT / "notebooks").glob("day*.ipynb")):
        target = SLIDES / f"{path.stem}.html"
        with atomic(target) as temporary:
            temporary.write_text(deck(nbformat.read(path, as_version=4)), encoding="utf-8")


if __name__ == "__main__":
    main()

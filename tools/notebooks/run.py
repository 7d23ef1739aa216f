"""Run every notebook in day order and write readable HTML of each to html/: `make run`.

The notebooks themselves stay as they are. The pages need no network: formulas become MathML, and no script of
another site is asked for.
"""

import html
import re
import sys
import time
from pathlib import Path

import nbformat
from latex2mathml.converter import convert
from nbconvert import HTMLExporter

from helpers.settings import ROOT, atomic
from tools.notebooks.outputs import execute

PAGES = ROOT / "html"
UNDESCRIBED = '<img alt="No description has been provided for this image"'
# Long lines of code and text are broken rather than cut off at the edge of the page.
WRAP = "<style>.jp-InputArea-editor .highlight pre, .jp-RenderedText pre { white-space: pre-wrap; }</style></head>"


def mathml(markdown: str) -> str:
    """Markdown with its $formulas$ as MathML, which browsers draw without a script; code is left alone."""
    pieces = re.split(r"(`[^`]*`)", markdown)
    for index in range(0, len(pieces), 2):
        pieces[index] = re.sub(
            r"\$\$(.+?)\$\$", lambda m: convert(m[1], display="block"), pieces[index], flags=re.DOTALL
        )
        pieces[index] = re.sub(r"\$([^$\n]+?)\$", lambda m: convert(m[1]), pieces[index])
    return "".join(pieces)


def alternatives(cell: nbformat.NotebookNode) -> list[str]:
    """The alternative texts of the figures that a cell shows, in their order."""
    outputs = cell.get("outputs", [])
    return [output.metadata["image/png"]["alt"] for output in outputs if "image/png" in output.get("data", {})]


def described(page: str, notebook: nbformat.NotebookNode) -> str:
    """A page that nbconvert made of the notebook, in which every figure has its alternative text.

    nbconvert leaves out what Jupyter keeps as a figure's `alt`, and says that no description has been provided.
    """
    texts = iter([text for cell in notebook.cells for text in alternatives(cell)])
    return re.sub(re.escape(UNDESCRIBED), lambda _: f'<img alt="{html.escape(next(texts))}"', page)


def page(notebook: nbformat.NotebookNode) -> str:
    """The notebook as one HTML page that opens from disk without a network."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = mathml(cell.source)
    exporter = HTMLExporter(template_name="lab")
    exporter.require_js_url = exporter.jquery_url = ""
    body, _ = exporter.from_notebook_node(notebook)
    body = described(body, notebook)
    # What is left asks other sites for MathJax, Mermaid and empty addresses: nothing here needs them.
    body = re.sub(r"<script[^>]*src=\"(https?:[^\"]*)?\"[^>]*>\s*</script>", "", body)
    body = body.replace("</head>", WRAP, 1)
    return re.sub(r"<script type=\"(module|text/x-mathjax-config)\">.*?</script>", "", body, flags=re.DOTALL)


def main(names: list[str]) -> int:
    paths = [Path(name).resolve() for name in names] or sorted((ROOT / "notebooks").glob("day*.ipynb"))
    for path in paths:
        start = time.perf_counter()
        notebook = execute(path, {})
        seconds = time.perf_counter() - start
        target = PAGES / f"{path.stem}.html"
        with atomic(target) as temporary:
            temporary.write_text(page(notebook), encoding="utf-8")
        print(f"{path.stem}: {seconds / 60:.1f} minutes, written to {target.relative_to(ROOT)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

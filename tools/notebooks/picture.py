"""Write the README's picture as a notebook has saved it: python -m tools.notebooks.picture

docs/picture.png and its alternative text in README.md are those of one cell. `make outputs` calls this at its end.
"""

import base64
import re

import nbformat

from helpers.settings import ROOT, atomic

NOTEBOOK, CELL = ROOT / "notebooks" / "day2_fine_tuning.ipynb", "sentiment-months"
PICTURE, README = ROOT / "docs" / "picture.png", ROOT / "README.md"


def saved() -> tuple[bytes, str]:
    """The cell's PNG and its alternative text."""
    cell = next(cell for cell in nbformat.read(NOTEBOOK, as_version=4).cells if cell["id"] == CELL)
    output = next(output for output in cell.outputs if "image/png" in output.get("data", {}))
    return base64.b64decode(output.data["image/png"]), output.metadata["image/png"]["alt"]


def markdown(alternative: str) -> str:
    """The README's line with the picture."""
    return f"![{alternative}](docs/picture.png)"


def main() -> None:
    picture, alternative = saved()
    text = README.read_text(encoding="utf-8")
    text = re.sub(r"!\[[^\]]*\]\(docs/picture\.png\)", lambda _: markdown(alternative), text)
    with atomic(PICTURE) as temporary:
        temporary.write_bytes(picture)
    with atomic(README) as temporary:
        temporary.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

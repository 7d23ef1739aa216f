"""What a notebook's saved outputs say: printed text and tables by cell id."""

import re
from pathlib import Path

import nbformat
import pandas as pd
from bs4 import BeautifulSoup
from conftest import NOTEBOOKS

INTERVAL = r"(-?\d\.\d+) \[(-?\d\.\d+), (-?\d\.\d+)\]"


class SavedOutputs:
    """The code cells of one day's notebook with their outputs. day: such as "day2"."""

    def __init__(self, day: str):
        [self.path] = [path for path in NOTEBOOKS if path.stem.startswith(day)]
        notebook = nbformat.read(self.path, as_version=4)
        self.cells = {cell["id"]: cell for cell in notebook.cells if cell.cell_type == "code"}

    def printed(self, cell_id: str) -> str:
        return "".join(output.text for output in self.cells[cell_id].outputs if output.output_type == "stream")

    def html(self, cell_id: str) -> str:
        """The (last) output of a cell in HTML."""
        [*_, page] = [o.data["text/html"] for o in self.cells[cell_id].outputs if "text/html" in o.get("data", {})]
        return page

    def table(self, cell_id: str) -> pd.DataFrame:
        """The (last) table among a cell's outputs, as text."""
        lines = BeautifulSoup(self.html(cell_id), "html.parser").find_all("tr")
        rows = [[cell.get_text() for cell in line.find_all(["th", "td"])] for line in lines]
        columns = rows[0][1:]
        body = [row for row in rows[1:] if len(row) == len(columns) + 1 and any(row[1:])]
        return pd.DataFrame([row[1:] for row in body], [row[0] for row in body], columns)


def numbers(pattern: str, text: str) -> list[float]:
    """The numbers that the groups of a pattern find in a text; the pattern must fit."""
    found = re.search(pattern, text)
    assert found, (pattern, text)
    return [float(group) for group in found.groups()]


def decimals_without_output(path: Path, known: dict[str, set[str]]) -> dict[str, list[str]]:
    """The numbers with a decimal point in a section's text that none of its outputs shows, rounded as in the text.

    known: by the id of a section's first cell, numbers that come from elsewhere. A summary, the names of settings and
    the table of models are left out.
    """
    sections, title = {}, None
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown" and cell.source.startswith("## "):
            title = cell["id"]
            sections[title] = ["", ""]
        if title and "-exercise" not in cell["id"]:
            is_code = cell.cell_type == "code"
            sections[title][is_code] += str(cell.outputs) if is_code else cell.source
    missing = {}
    for title, (text, shown) in sections.items():
        if title in ("closing", "setup-text", "which"):
            continue
        text = re.sub(r"\]\([^)]*\)|`[^`]*`", "", text).replace("\N{MINUS SIGN}", "-")
        said = set(re.findall(r"(?<![\w.])\d+\.\d+(?![\w.]*\d)", text)) - known.get(title, set())
        exact = [float(number) for number in re.findall(r"\d+\.\d+", shown)]
        for number in said:
            decimals = len(number.partition(".")[2])
            if float(number) not in [round(each, decimals) for each in exact]:
                missing.setdefault(title, []).append(number)
    return missing

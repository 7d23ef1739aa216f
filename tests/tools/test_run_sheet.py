"""The run sheet agrees with the notebooks, and its script says where it does not."""

import json
import re

import nbformat
import pytest
from conftest import NOTEBOOKS, ROOT

from tools.notebooks import run_sheet
from tools.notebooks.outputs import run

SHEET = (ROOT / "INSTRUCTORS.md").read_text(encoding="utf-8")
PLANS = {run_sheet.day(path): run_sheet.minutes(nbformat.read(path, as_version=4)) for path in NOTEBOOKS}


def measured() -> dict:
    return json.loads(run_sheet.SECONDS.read_text(encoding="utf-8"))["seconds"] if run_sheet.SECONDS.exists() else {}


def small(title: str = "Tokens", minutes: int = 10) -> nbformat.NotebookNode:
    notebook = nbformat.v4.new_notebook()
    text = f"## {title}\n\n*In this section:* what does a model see? ({minutes} minutes)"
    notebook.cells = [nbformat.v4.new_markdown_cell(text), nbformat.v4.new_code_cell("sum(range(20_000_000))")]
    return notebook


def test_clock_and_minutes_are_those_of_the_notebooks():
    assert run_sheet.updated(SHEET, PLANS, measured()) == SHEET, "run `make runsheet`"
    assert len(PLANS) == 3 and all(len(plan) > 5 for plan in PLANS.values())


def test_every_section_says_what_to_say_what_goes_wrong_and_what_to_skip():
    for day in re.split(r"^## ", SHEET, flags=re.MULTILINE)[1:]:
        for section in re.split(r"^### ", day, flags=re.MULTILINE)[1:]:
            for line in ("Say", "Trouble", "Late"):
                assert f"- **{line}:** " in section, f"{line}: {section.splitlines()[0]}"


def test_what_must_be_seen_when_late_are_sections_of_that_day():
    late = re.search(r"^## When late$(.+?)^## ", SHEET, flags=re.MULTILINE | re.DOTALL)[1]
    for day, plan in PLANS.items():
        line = re.search(rf"^- {day}: (.+)$", late, flags=re.MULTILINE)[1]
        for name in re.findall(r"\*([^*]+)\*", line):
            assert any(title.startswith(name) for title in plan), name


def test_another_number_of_minutes_in_a_notebook_moves_the_clock_of_what_follows():
    sheet = "## Day 1\n\n### Tokens\n\nwords\n\n### Ids (3 minutes)\n"
    first = run_sheet.updated(sheet, {"Day 1": {"Tokens": 70, "Ids": 5}}, {})
    assert "## Day 1 (75 minutes without breaks)" in first
    assert "### 0:00 Tokens (70 minutes)\n\nwords" in first and "### 1:10 Ids (5 minutes)" in first
    second = run_sheet.updated(first, {"Day 1": {"Tokens": 7, "Ids": 5}}, {"Day 1": {"Ids": 90.0}})
    assert "### 0:07 Ids (5 minutes, of which computing 1.5)" in second
    assert run_sheet.updated(second, {"Day 1": {"Tokens": 7, "Ids": 5}}, {"Day 1": {"Ids": 90.0}}) == second


@pytest.mark.parametrize(
    ("plan", "named"),
    [({"Tokens": 7, "Ids": 5}, "(not in the sheet) Ids"), ({}, "(only in the sheet) Tokens")],
    ids=["new", "gone"],
)
def test_a_section_that_only_one_of_them_has_is_named(plan, named):
    with pytest.raises(run_sheet.SheetError, match=re.escape(named)):
        run_sheet.updated("## Day 1\n\n### Tokens\n", {"Day 1": plan}, {})


def test_seconds_of_computing_are_measured_for_each_section(tmp_path):
    path = tmp_path / "day1_small.ipynb"
    nbformat.write(small(), path)
    seconds = run_sheet.computing(run(path, {}))
    assert 0.05 < seconds["Tokens"] < 30


def test_the_program_says_how_it_is_used(capsys):
    assert run_sheet.main(["--help"]) == 2
    assert "--measure" in capsys.readouterr().err

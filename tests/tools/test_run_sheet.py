"""The run sheet and the page of answers agree with notebooks and exercises, and the script says where not."""

import re

import nbformat
import pytest
from conftest import NOTEBOOKS, ROOT

from helpers.exercises import check
from tools.notebooks import answers, run_sheet

SHEET = (ROOT / "INSTRUCTORS.md").read_text(encoding="utf-8")
PLANS = {run_sheet.day(path): run_sheet.minutes(nbformat.read(path, as_version=4)) for path in NOTEBOOKS}


def sections(day: str) -> dict[str, str]:
    """Title and text of each section of a day of the sheet."""
    part = re.search(rf"^## {day}$.*?(?=^## )", SHEET, flags=re.MULTILINE | re.DOTALL)[0]
    texts = run_sheet.SECTION.split(part)
    return dict(zip(texts[1::2], texts[2::2], strict=True))


def test_schedules_clock_and_minutes_are_those_of_the_notebooks():
    assert run_sheet.updated(SHEET, PLANS) == SHEET, "run `make runsheet`"
    assert len(PLANS) == 3 and all(len(core) > 5 and len(deeper) > 3 for core, deeper in PLANS.values())


def test_the_page_of_answers_is_what_the_command_writes():
    assert answers.PAGE.read_text(encoding="utf-8") == answers.page(), "run `make runsheet`"
    assert all(check.get(name).question.strip() in answers.page() for name in check.names())


@pytest.mark.parametrize("day", PLANS)
def test_every_section_says_what_to_say_what_goes_wrong_and_what_to_skip(day):
    for title, text in sections(day).items():
        for line in ("Say", "Trouble", "Late"):
            assert f"- **{line}:** " in text, f"{line}: {title}"


@pytest.mark.parametrize("day", PLANS)
def test_the_exercises_of_each_section_are_those_of_the_files(day):
    named = [title for title, text in sections(day).items() for _ in run_sheet.EXERCISE.findall(text)]
    assert named == [check.get(name).section for name in check.names(day.replace("Day ", "day"))]


@pytest.mark.parametrize("day", PLANS)
def test_a_day_begins_at_nine_and_breaks_come_about_every_hour(day):
    rows = run_sheet.schedule(day, PLANS[day][0])
    assert rows[0][:2] == (9 * 60, "Set-up") and [title for _, title, _ in rows].count("*Lunch*") == 1
    since = 0
    for (start, title, length), (following, *_) in zip(rows, rows[1:], strict=False):
        since = 0 if title in ("*Break*", "*Lunch*") else since + length
        assert start + length == following and since <= 65
        assert title != "*Lunch*" or 11 * 60 + 45 <= start <= 13 * 60


def test_what_must_be_seen_when_late_are_sections_of_that_day():
    late = re.search(r"^## When late$(.+?)^## ", SHEET, flags=re.MULTILINE | re.DOTALL)[1]
    for day, (core, deeper) in PLANS.items():
        line = re.search(rf"^- {day}: (.+)$", late, flags=re.MULTILINE)[1]
        for name in re.findall(r"\*([^*]+)\*", line):
            assert any(title.startswith(name) for title in core | deeper), name


def test_another_number_of_minutes_in_a_notebook_moves_the_clock_of_what_follows():
    sheet = (
        "## Day 2\n\n| clock | old |\n| 9:00 | gone |\n\n### Tokens\n\n- **Exercise:** count (5 minutes). Which?\n\n"
        "### 7:00 Ids (3 minutes)\n\n### Heads\n\n## When late\n"
    )
    first = run_sheet.updated(sheet, {"Day 2": ({"Tokens": 30, "Ids": 40}, {"Heads": 6})})
    assert "| 9:05 | Tokens | 30 | count (5) |\n| 9:35 | *Break* | 10 | |\n| 9:45 | Ids | 40 | |\n" in first
    assert "gone" not in first and "| 10:25 | *End* | | |\n\n### 9:05 Tokens (30 minutes)\n\n- **Exercise" in first
    assert "### 9:45 Ids (40 minutes)\n\n### Heads (6 minutes)\n\n## When late\n" in first
    second = run_sheet.updated(first, {"Day 2": ({"Tokens": 7, "Ids": 5}, {"Heads": 6})})
    assert "### 9:12 Ids (5 minutes)" in second and "Break" not in second
    assert run_sheet.updated(second, {"Day 2": ({"Tokens": 7, "Ids": 5}, {"Heads": 6})}) == second


@pytest.mark.parametrize(
    ("plan", "named"),
    [({"Tokens": 7, "Ids": 5}, "(not in the sheet) Ids"), ({}, "(only in the sheet) Tokens")],
    ids=["new", "gone"],
)
def test_a_section_that_only_one_of_them_has_is_named(plan, named):
    with pytest.raises(run_sheet.SheetError, match=re.escape(named)):
        run_sheet.updated("## Day 1\n\n### Tokens\n", {"Day 1": (plan, {})})

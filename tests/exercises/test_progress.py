"""The progress of a learner: counted by day, kept over restarts, and merged where two runtimes have some of it."""

import json

import pytest

from helpers import settings
from helpers.exercises import check, progress


@pytest.fixture(autouse=True)
def outputs(tmp_path, monkeypatch):
    monkeypatch.setattr(settings, "OUTPUTS", tmp_path / "outputs")
    return tmp_path / "outputs"


@pytest.fixture
def reply(capsys):
    """What check() prints for an answer to "day1-uses", which needs nothing from the notebook."""

    def asked(answer=(0.6, 0.3)):
        capsys.readouterr()
        check.get("day1-uses").check(answer)
        return capsys.readouterr().out

    return asked


def test_progress_is_counted_by_day_and_survives(reply, outputs):
    total = len(check.names("day1"))
    assert f"\nDay 1: 1 of {total} done" in reply()
    assert f"\nDay 1: 1 of {total} done" in reply()  # once is enough
    progress.add(["day1-tokens", "day3-flips"])
    reply((0.3, 0.6))  # a wrong answer later takes nothing away
    assert json.loads((outputs / "exercises.json").read_text()) == {
        "solved": ["day1-tokens", "day1-uses", "day3-flips"]
    }
    assert check.progress("day1") == f"Day 1: 2 of {total} done"
    assert check.progress("day3") == f"Day 3: 1 of {len(check.names('day3'))} done"


@pytest.mark.parametrize("content", ["", "{", "[]", '{"solved": 3}', '{"solved": [1, "day9-x"]}', "\x00"])
def test_a_damaged_progress_file_is_begun_anew(content, reply, outputs):
    outputs.mkdir()
    (outputs / "exercises.json").write_text(content)
    assert "Day 1: 1 of " in reply()


def test_progress_that_cannot_be_kept_is_said_and_the_answer_is_still_right(reply, outputs):
    outputs.write_text("a file where a folder should be")
    said = reply()
    assert "Right. " in said and "could not be kept" in said


def test_two_kernels_that_take_turns_lose_nothing(tmp_path):
    """What a kernel notes goes next to what another has noted meanwhile."""
    for names in (["day1-lm"], ["day2-x"], ["day1-lm", "day3-flips"]):
        progress.add(names, tmp_path)
    assert progress.solved(tmp_path) == {"day1-lm", "day2-x", "day3-flips"}

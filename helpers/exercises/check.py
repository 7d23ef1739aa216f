"""Exercises of the notebooks: checking an answer with a question that leads on, hints, solutions, progress.

    answer = ...
    exercise = helpers.exercises.get("day1-tokens")
    exercise.check(answer, tokenizers=tokenizers)

Questions, hints and solutions are in data/exercises/, one file a day. The right answer is what the solution computes
from the notebook's own variables, so it fits every source and size. What an exercise consists of: CONTRIBUTING.md.
"""

import io
import tomllib
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache

from helpers.exercises import answers
from helpers.exercises import progress as notes
from helpers.settings import DATA

QUESTIONS = DATA / "exercises"
NOT_YET = "not answered yet"
KINDS = {"predict": "predict, then compute", "change": "change the code", "transfer": "your own text"}


@dataclass
class Exercise:
    """One exercise as its file has it; `get` gives it."""

    name: str
    section: str
    kind: str
    question: str
    hints: list[str]
    solution_code: str
    why: str
    cell: str = "answer = ..."
    prepare: str = ""
    given: list[str] = field(default_factory=list)
    accept: list[str] = field(default_factory=list)
    wrong: list[dict] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    right_when: str = ""
    shown: str = ""
    tolerance: float = 1e-6
    share: bool = False
    hints_given: int = 0

    def check(self, answer=..., **notebook) -> None:
        """Print whether an answer is right, or a question that leads on. Nothing is raised, whatever the answer.

        Parameters
        ----------
        answer
            The learner's; `...` as long as there is none.
        **notebook
            The variables of the section that the right answer is computed from.
        """
        try:
            message = self._verdict(answer, notebook)
        except Exception as error:  # an answer that cannot even be looked at
            message = f"This answer could not be read ({type(error).__name__}). What kind of thing was asked for?"
        print(message.encode("utf-8", "replace").decode("utf-8"))

    def hint(self) -> None:
        """Print one more hint each time."""
        if self.hints_given == len(self.hints):
            print("That was the last hint. exercise.solution() shows one way to do it.")
            return
        self.hints_given += 1
        print(f"Hint {self.hints_given} of {len(self.hints)}: {self.hints[self.hints_given - 1]}")

    def solution(self) -> None:
        """Print one way to do it, and why."""
        print(f"{self.solution_code.strip()}\n\n{self.why}")

    def _verdict(self, answer, notebook: dict) -> str:
        if _blank(answer):
            return NOT_YET
        if answers.is_too_long(answer):
            return f"That is a text of more than {answers.LONGEST:,} characters. A sentence or two will do."
        try:
            names = self.variables(notebook)
        except Exception as error:
            reason = f"{type(error).__name__}: {str(error)[:200]}"
            return f"The check could not use what the cells above computed ({reason}). Run this section from its top."
        solved = names["solved"]
        answer = answers.single(answer) if isinstance(solved, str) else answer
        if not any(answers.is_of_kind(answer, form) for form in self._right_forms(names)):
            return f"The answer should be {answers.kind(solved)}; yours is {answers.kind(answer)}."
        try:
            found = answers.results(answer, self._arguments()) if callable(solved) else answer
        except answers.Stopped as stopped:
            return str(stopped)
        if callable(solved) and all(each is ... for each in found):
            return NOT_YET
        names |= {"answer": answers.items(answer) if isinstance(solved, list | tuple) else answer}
        names |= {"number": answers.number(answer)}
        shown = self._shown(names)
        if self._is_right(found, names):
            return f"{shown}Right. {self.why}\n{_done(self.name)}"
        for wrong in self.wrong:
            if self._is_wrong_as(found, wrong, names):
                return shown + wrong["asks"]
        return f"{shown}Not yet. exercise.hint() gives a hint."

    def variables(self, notebook: dict) -> dict:
        """What conditions may use: the given variables, what `prepare` defines, and `solved`, the right answer.

        Raises KeyError where the notebook's variables lack a given one, and whatever the solution raises.
        """
        import numpy as np
        import torch

        import helpers

        names = {"np": np, "torch": torch, "helpers": helpers} | {name: notebook[name] for name in self.given}
        with redirect_stdout(io.StringIO()):
            exec(self.prepare, names)
        return names | {"solved": _run(self.solution_code, names)}

    def _is_right(self, found, names: dict) -> bool:
        if self.right_when:
            return bool(_value(self.right_when, names))
        if callable(names["solved"]):
            return self._same(found, answers.results(names["solved"], self._arguments()))
        return any(self._same(found, form) for form in self._right_forms(names))

    def _right_forms(self, names: dict) -> list:
        return [names["solved"], *(_value(form, names) for form in self.accept)]

    def _is_wrong_as(self, found, wrong: dict, names: dict) -> bool:
        try:
            if "when" in wrong:
                return bool(_value(wrong["when"], names))
            if "code" in wrong:
                return self._same(found, answers.results(_run(wrong["code"], names), self._arguments()))
            return self._same(found, _value(wrong["answer"], names))
        except Exception:  # a question about another kind of answer
            return False

    def _same(self, found, truth) -> bool:
        return answers.same(found, truth, self.tolerance, self.share)

    def _arguments(self) -> list[tuple]:
        return [_value(expression, {}) for expression in self.inputs]

    def _shown(self, names: dict) -> str:
        """What the answer does, printed before the verdict."""
        try:
            return f"{_value(self.shown, names)}\n" if self.shown else ""
        except Exception:
            return ""


@cache
def get(name: str) -> Exercise:
    """Find an exercise by name. Taught on Day 1, "Three uses in political science".

    Parameters
    ----------
    name : str
        Such as "day1-tokens".

    Returns
    -------
    Exercise
        With check(), hint() and solution(); the same object each time, so that hints go on.

    Raises
    ------
    ValueError
        For an unknown name, with the nearest one.
    """
    day, _, short = name.partition("-")
    known = _of_day(day) if (QUESTIONS / f"{day}.toml").exists() else {}
    if short not in known:
        near = get_close_matches(name, names(), n=1)
        raise ValueError(f"There is no exercise {name!r}." + (f" Did you mean {near[0]!r}?" if near else ""))
    content = dict(known[short])
    content["solution_code"] = content.pop("solution")
    return Exercise(name=name, **content)


def names(day: str = "day*") -> list[str]:
    """The names of all exercises, or of those of one day such as "day1", in the order of the file."""
    files = sorted(QUESTIONS.glob(f"{day}.toml"))
    return [f"{path.stem}-{short}" for path in files for short in _of_day(path.stem)]


def progress(day: str) -> str:
    """A line on one day ("day1"), such as "Day 1: 4 of 8 done"."""
    of_day = names(day)
    return f"Day {day.removeprefix('day')}: {len(notes.solved().intersection(of_day))} of {len(of_day)} done"


def _of_day(day: str) -> dict:
    return tomllib.loads((QUESTIONS / f"{day}.toml").read_text(encoding="utf-8"))


def _done(name: str) -> str:
    """Note that an exercise is solved; the line on the day's progress."""
    try:
        notes.add([name])
    except OSError as error:
        return f"(Your progress could not be kept: {error.strerror}.)"
    return progress(name.partition("-")[0])


def _blank(answer) -> bool:
    if isinstance(answer, list | tuple):
        return any(_blank(each) for each in answer)
    return answer is ... or (isinstance(answer, str) and answer.strip(" .…") == "")


def _run(code: str, names: dict):
    """`answer` after running code of an exercise's file on a copy of the names; what it prints is dropped."""
    inside = dict(names)
    with redirect_stdout(io.StringIO()):
        exec(code, inside)
    return inside["answer"]


def _value(expression: str, names: dict):
    with redirect_stdout(io.StringIO()):
        return eval(expression, {**names})

"""Write the answers to all exercises of data/exercises/ on one page, docs/answers.md: part of `make runsheet`."""

import numpy as np

from helpers.exercises import check
from helpers.settings import ROOT, atomic

PAGE = ROOT / "docs" / "answers.md"
TOP = """# Answers to all exercises

**This page spoils the exercises.** It is for instructors. `make runsheet` writes it from `data/exercises/`, so make changes there.

Each exercise has its question, one solution, and what it teaches. Where learners write their own text or code, other answers are right too.
"""


def page() -> str:
    """The page as Markdown: question, one solution, and why, of every exercise in the order of the files."""
    parts = [TOP]
    for path in sorted(check.QUESTIONS.glob("day*.toml")):
        parts.append(f"## Day {path.stem.removeprefix('day')}\n")
        for number, name in enumerate(check.names(path.stem), start=1):
            exercise = check.get(name)
            code = f"```python\n{exercise.solution_code.strip()}\n```\n"
            parts += [f"### {number}. {exercise.section}\n", f"{exercise.question.strip()}\n", code]
            if exercise.kind == "predict" and not exercise.given:  # else it depends on the notebook, or on the learner
                inside = {"np": np}
                exec(exercise.solution_code, inside)
                parts.append(f"The answer: {_shown(inside['answer'])}.\n")
            parts.append(f"**Why.** {exercise.why.strip()}\n")
    return "\n".join(parts)


def _shown(answer) -> str:
    if isinstance(answer, list):
        return ", ".join(_shown(each) for each in answer)
    return answer if isinstance(answer, str) else f"{answer:.3g}"


if __name__ == "__main__":
    with atomic(PAGE) as temporary:
        temporary.write_text(page(), encoding="utf-8")

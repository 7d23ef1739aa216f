"""The exercises: every right answer is accepted, every likely wrong one gets a question, and nothing ever raises."""

import math
import re
from fractions import Fraction
from functools import cache

import exercise_notebooks
import nbformat
import numpy as np
import pandas as pd
import pytest
import torch
from conftest import NOTEBOOKS

from helpers import settings
from helpers.exercises import answers, check, progress
from tools.notebooks import exercises

ALL = check.names()
WRONG = [(name, place) for name in ALL for place in range(len(check.get(name).wrong))]


@cache
def variables(day: str) -> dict:
    return exercise_notebooks.VARIABLES[day]()


def given(name: str) -> dict:
    """What the notebook hands to the check of an exercise."""
    wanted = check.get(name).given
    return {each: variables(name.split("-")[0])[each] for each in wanted} if wanted else {}


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    monkeypatch.setattr(settings, "OUTPUTS", tmp_path / "outputs")


@pytest.fixture
def reply(capsys):
    """What check() prints for an answer."""

    def asked(name, answer):
        capsys.readouterr()
        check.get(name).check(answer, **given(name))
        return capsys.readouterr().out

    return asked


@pytest.mark.parametrize("name", ALL)
def test_the_solution_is_right_and_counts(name, reply):
    exercise = check.get(name)
    said = reply(name, exercise.variables(given(name))["solved"])
    assert "Right. " in said and said.rstrip().endswith("done"), said
    assert progress.solved() == {name}


@pytest.mark.parametrize("name", ALL)
def test_other_right_forms_are_right(name, reply):
    exercise = check.get(name)
    for form in exercise.accept:
        assert "Right. " in reply(name, eval(form)), form


@pytest.mark.parametrize(("name", "place"), WRONG)
def test_every_listed_wrong_answer_gets_its_question(name, place, reply):
    exercise = check.get(name)
    wrong = exercise.wrong[place]
    names = exercise.variables(given(name))
    if "code" in wrong:
        exec(wrong["code"], names)
        answer = names["answer"]
    else:
        answer = eval(wrong.get("answer", wrong.get("example")), names)
    said = reply(name, answer)
    assert said.rstrip().endswith(wrong["asks"]), said
    assert "?" in wrong["asks"]
    assert not progress.solved()


@pytest.mark.parametrize("name", ALL)
def test_the_cell_runs_as_it_stands_and_says_not_answered_yet(name, capsys):
    _, cell = exercises.cells_of(name)
    names = {"helpers": __import__("helpers"), "np": np, **given(name)}
    exec(cell.source, names)
    assert capsys.readouterr().out.splitlines()[-1] == "not answered yet"


class Evil:
    """Whatever one does with it, it raises."""

    def _raise(self, *args, **kwargs):
        raise RuntimeError("no")

    __eq__ = __len__ = __iter__ = __bool__ = __float__ = __str__ = __repr__ = __hash__ = __getitem__ = _raise

    def __getattr__(self, name):
        raise AttributeError(name)


def stops(*arguments):
    raise ValueError("on purpose")


def leaves(*arguments):
    raise SystemExit


recursive = []
recursive.append(recursive)
GARBAGE = [
    None, "", "?", math.nan, math.inf, -1, 10**400, 1e308, 1j, True, b"bytes", "x" * 3_000_000, "[MASK]" * 5000,
    "\ud800", "\x00", [], [None, None], [[]], recursive, {}, {"a": 1}, {1, 2}, object(), int, print, Evil(),
    [Evil()] * 3, stops, leaves, lambda: 1,
    lambda *a: None, lambda *a: Evil(), lambda *a: [...], np.array([]), np.zeros((3, 3)),
    np.float32("nan"), torch.tensor([]), torch.zeros(2, requires_grad=True), pd.Series(["a"]), pd.DataFrame(),
    range(10**9), ("", None), ["a", 1, None], NotImplemented, Exception("e"), iter([1]), (each for each in "ab"),
]  # fmt: skip


@pytest.mark.parametrize("name", ALL)
def test_no_answer_raises_and_no_garbage_is_right(name, reply):
    for place, answer in enumerate(GARBAGE):
        said = reply(name, answer)
        assert said.strip() and "Traceback" not in said and "Right. " not in said, (place, said[:500])
        assert len(said) < 3000, place
    assert not progress.solved()


FORMS = {
    "day1-uses": [(0.6, 0.3), np.array([0.6, 0.3]), ["60%", "30 %"], [60, 30], "0.6, 0.3", torch.tensor([0.6, 0.3]), 
                  {"precision": 0.6, "recall": 0.3}, ["0,6", "0,3"], [Fraction(3, 5), "3/10"], "60% and 30%"],
    "day1-first": [
        ["The cruel war is finally over.", "positive"], ("What an excellent way to ruin the schools.", " Negative. "),
    ],
    "day1-tokens": [
        ["WE WILL MAKE AMERICA GREAT AGAIN", "wordpiece", " SentencePiece "],
        ("Os deputados votaram contra a reforma da previdência social.", "SentencePiece", "byte-level BPE"),
        ["Министр подал в отставку после выборов", "SentencePiece", "WordPiece"],
    ],
    "day1-coordinates": [
        (5, 5), "5, 5", np.array([5.5, 4.5]), torch.tensor([6, 5]), {"x": 5, "y": 5}, ["5", "4.5"], (4.5, 3.5),
    ],
    "day1-looking": [[4, 0], "4, 0", np.array([4.0, 0.0]), torch.tensor([4, 0]), ["4", "0"]],
    "day1-lm": [
        "Beijing is the capital city of", ["We went to Beijing, the capital of"], "The Communist Party of",
    ],
    "day1-masked": [
        ["The supreme [MASK] met this week.", "The city [MASK] met this week."],
        ("He lives in Paris, the capital of [MASK].", "He lives in Rome, the capital of [MASK]."),
    ],
    "day1-labels": [30, 30.0, "30", "30 labels", np.int64(30), torch.tensor(30), [30]],
    "day2-coding": [
        ["C T " * 10, []], "C, T, " * 10, ["ct" * 10, "TC" * 10], ["Clinton"] * 20,
        [["clinton", "TRUMP"] * 10, ("T",) * 20], [np.array(["Trump", "Clinton"] * 10), pd.Series(["c", "t"] * 10)],
    ],
    "day2-dictionary": [
        ["president our americans famil* women children plan believe rights he",
         "Crooked, great, thank, media, poll, rigged, failed, bad, sad, win"],
        {"Clinton": ["he", "our", "families", "president"], "Trump": ("Crooked", "great", "thank", "poll*", "i")},
    ],
    "day2-lead": ["c", "C", " c. ", "(c)", ["c"], "c)"],
    "day2-prompt": [
        ("Answer only with **civil**: it respects the other side, or **uncivil**: it insults somebody.",
         "civil, uncivil"),
        ["Choose exactly one.\nleft-wing = asks for more public spending\nright-wing means it asks for lower taxes\n",
         ["Left-wing", "Right-wing"]],
    ],
    "day3-factors": [
        ["1e-5", "1e-4", "1e-3", "1e-2"], (0.00001, 0.0001, 0.001, 0.01), np.logspace(-5, -2, 4),
        [1e-2, 1e-3, 1e-4, 1e-5],
    ],
    "day3-luck": [0.83, 0.8275, "83 %", torch.tensor(0.829)],
    "day3-need": [
        "CADB", "C A D B", "c, a, d, b", "C, A, D and B", "1: C, 2: A, 3: D, 4: B", ("c", "(a)", "D.", " b "),
        {1: "C", 2: "A", 3: "D", 4: "B"}, np.array(["C", "A", "D", "B"]), ["CA", "DB"],
    ],
    "day3-signs": ["Quoted by @minister: 5 € more 🗳️", ["The council 💙 «meets» 🗳️ on Tuesday"]],
    "day3-flips": ["47 of 100", 0.47, "47%", 47, "47 %", "0.47", 47 / 100],
    "day3-grid": [(3, 27), "3, 27", ["3", "27"]],
    "day3-beams": [("Hardly anyone", "Almost  nobody."), "hardly anyone, almost nobody"],
}  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
def test_the_forms_that_people_type_are_accepted(name, reply):
    for form in FORMS[name]:
        assert "Right. " in reply(name, form), form


def test_a_function_may_answer_in_other_words(reply):
    assert "Right. " in reply("day1-causal", lambda query, key: int(key in (query, query - 1, query - 2)))
    assert "Right. " in reply("day1-causal", lambda q, k: np.bool(0 <= q - k < 3))
    assert "Right. " in reply("day3-objective", lambda scores: np.min([scores["eval_f1_0"], scores["eval_f1_1"]]))


def test_a_sample_may_be_answered_with_pandas(reply):
    def with_pandas(strata, per_stratum):
        strata = pd.Series(strata)
        return (per_stratum / strata.map(strata.value_counts())).clip(upper=1)

    assert "Right. " in reply("day2-sample", with_pandas)


def test_a_coder_sees_agreement_and_the_numbers_of_the_tweets(reply):
    by_campaign = check.get("day2-coding").variables(given("day2-coding"))["truth"]
    mine = list(by_campaign)
    mine[2] = "Trump" if by_campaign[2] == "Clinton" else "Clinton"
    lines = reply("day2-coding", [mine, by_campaign]).splitlines()
    assert lines[0].startswith("the campaign: kappa 0.90 [") and lines[0].endswith("you differ on 3")
    assert lines[1].startswith("the large language model: kappa ")
    assert lines[-3].startswith("your neighbor: kappa 0.90 [")
    assert "you never differ" in reply("day2-coding", [by_campaign, []]).splitlines()[0]
    assert "your neighbor: no kappa" in reply("day2-coding", [["C"] * 20, ["C"] * 20])


def test_the_tweets_to_code_are_balanced_over_account_and_target(capsys):
    names = {"validation": given("day2-coding")["validation"]}
    exec(check.get("day2-coding").cell, names)
    assert set(names["coding"].groupby(["label", "target"]).size()) == {5}
    printed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in printed] == [str(number) for number in range(1, 21)]
    solved = check.get("day2-coding").variables(names)["drawn"]
    assert solved["text"].tolist() == names["coding"]["text"].tolist()


def test_a_function_that_stops_or_forgets_return_is_told_so(reply):
    assert "stopped with ValueError: on purpose" in reply("day1-causal", stops)
    assert "Does it end with return?" in reply("day1-causal", lambda query, key: None)
    assert "stopped with TypeError" in reply("day1-causal", lambda query: True)


def test_the_wrong_kind_of_answer_gets_a_clear_sentence(reply):
    assert reply("day1-labels", "many").strip() == "The answer should be a number; yours is a text in quotes."
    assert reply("day1-uses", 0.6).strip() == "The answer should be a list of 2 numbers; yours is a number."
    assert "should be a function; yours is True or False" in reply("day1-causal", True)


def test_an_unlisted_wrong_answer_is_sent_to_the_hints(reply):
    assert reply("day2-links", lambda text: "a link").strip() == "Not yet. exercise.hint() gives a hint."


def test_variables_that_do_not_fit_lead_back_to_the_top_of_the_section(capsys):
    check.get("day1-labels").check(30)
    check.get("day1-labels").check(30, compare=None)
    assert capsys.readouterr().out.count("Run this section from its top.") == 2


@pytest.mark.parametrize("name", ALL)
def test_hints_come_one_by_one_and_run_out_gracefully(name, capsys):
    exercise = check.get(name)
    exercise.hints_given = 0
    for _ in range(len(exercise.hints) + 2):
        exercise.hint()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"Hint 1 of {len(exercise.hints)}: ")
    assert lines[-1] == lines[-2] == "That was the last hint. exercise.solution() shows one way to do it."
    exercise.hints_given = 0


def test_a_cell_that_is_run_again_goes_on_with_the_hints():
    assert check.get("day1-tokens") is check.get("day1-tokens")


@pytest.mark.parametrize("name", ALL)
def test_the_printed_solution_runs_with_the_variables_of_the_section(name, capsys, reply):
    check.get(name).solution()
    printed = capsys.readouterr().out.partition("\n\n" + check.get(name).why)[0]
    names = {"helpers": __import__("helpers"), "np": np, "torch": torch, **given(name)}
    exec(printed, names)
    assert "Right. " in reply(name, names["answer"])


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(ValueError, match="Did you mean 'day1-tokens'"):
        check.get("day1-tokns")
    with pytest.raises(ValueError, match="There is no exercise"):
        check.get("../day1")


@pytest.mark.parametrize("day", ["day1", "day2", "day3"])
def test_every_day_has_at_least_six_exercises_of_three_kinds(day):
    found = [check.get(name) for name in check.names(day)]
    assert len(found) >= 6
    assert {exercise.kind for exercise in found} == set(check.KINDS)
    for exercise in found:
        assert exercise.hints and exercise.why and len(exercise.wrong) >= 2, exercise.name


def test_numbers_are_read_as_people_write_them():
    said = {"0,125": 0.125, "-0,125": -0.125, "1,202,303.5": 1202303.5, "0,1250": 0.125}
    said |= {"63": 63, "1,202": 1202, "0,5": 0.5, "57 %": 0.57, "1/3": 1 / 3, "-8.4": -8.4, "1e-5": 1e-5, ".5": 0.5}
    for text, value in said.items():
        assert answers.number(text) == pytest.approx(value), text
    assert answers.number("between 3 and 4") is answers.number("none") is answers.number("1/0") is None


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16, torch.float32, torch.float64, torch.int64])
def test_a_tensor_is_read_in_every_number_format(kind):
    tensor = torch.tensor([[0, 1]], dtype=kind)
    assert answers.same(tensor[0], [0, 1]) and not answers.same(tensor[0], [1, 1])
    assert answers.is_of_kind(tensor[0, 1], True) and answers.same(tensor[0, 1], True)
    if kind.is_floating_point:
        assert answers.number(torch.tensor([0.25], dtype=kind, requires_grad=True)) == 0.25


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def with_exercises(request):
    notebook = nbformat.read(request.param, as_version=4)
    day = request.param.stem.split("_")[0]
    exercises.insert(notebook, day)
    return day, notebook


def test_each_exercise_stands_once_before_the_key_points_of_its_section(with_exercises):
    day, notebook = with_exercises
    ids = [cell["id"] for cell in notebook.cells]
    assert len(ids) == len(set(ids))
    nbformat.validate(notebook)
    for name in check.names(day):
        place = ids.index(f"{name}-exercise")
        assert ids[place + 1] == f"{name}-exercise-answer"
        later = [cell for cell in notebook.cells[place + 2 :] if "-exercise" not in cell["id"]]
        assert later[0].source.startswith("**Key points**")
        before = "\n".join(cell.source for cell in notebook.cells[:place] if cell.cell_type == "markdown")
        assert [line for line in before.splitlines() if line.startswith("## ")][-1] == f"## {check.get(name).section}"


def test_inserting_again_changes_nothing_and_loses_no_text(with_exercises):
    day, notebook = with_exercises
    once = nbformat.writes(notebook)
    exercises.insert(notebook, day)
    assert nbformat.writes(notebook) == once
    [path] = [path for path in NOTEBOOKS if path.stem.startswith(day)]
    original = nbformat.read(path, as_version=4)
    for cells in (original.cells, notebook.cells):
        cells[:] = [cell for cell in cells if "-exercise" not in cell["id"]]
    texts = [" ".join(" ".join(cell.source for cell in each.cells).split()) for each in (original, notebook)]
    assert texts[0] == texts[1]


def test_an_unchanged_exercise_keeps_its_output(with_exercises):
    day, notebook = with_exercises
    cell = next(cell for cell in notebook.cells if cell["id"].endswith("-exercise-answer"))
    cell.outputs = [nbformat.v4.new_output("stream", text="not answered yet\n")]
    exercises.insert(notebook, day)
    [same] = [each for each in notebook.cells if each["id"] == cell["id"]]
    assert same.outputs


def test_no_solution_can_be_seen_by_scrolling(with_exercises):
    day, notebook = with_exercises
    text = "\n".join(cell.source for cell in notebook.cells if "-exercise" in cell["id"])
    for name in check.names(day):
        exercise = check.get(name)
        own = [line for line in exercise.solution_code.strip().splitlines() if line not in exercise.cell]
        assert own and not [line for line in own if len(line) > 12 and line in text], name


def test_the_cells_need_what_the_sections_of_their_notebook_define(with_exercises):
    day, notebook = with_exercises
    code = ""
    for cell in notebook.cells:
        if cell["id"].endswith("-exercise-answer"):
            name = cell["id"].removesuffix("-exercise-answer")
            for variable in check.get(name).given:
                assert variable in code, (name, variable)
        elif cell.cell_type == "code":
            code += cell.source + "\n"
        elif cell.source.startswith("## ") and day != "day1":
            code = ""  # from Day 2 on a section has only the set-up and its own cells


def numbers_of(value) -> set[float]:
    """The numbers in a right answer that a learner would have to find out; small whole ones stand everywhere."""
    if isinstance(value, list | tuple):
        return {number for each in value for number in numbers_of(each)}
    is_number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    return {float(value)} if is_number and (value >= 10 or value != int(value)) else set()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_answer_stands_in_the_text_before_the_first_section(path):
    day = path.stem.split("_")[0]
    cells = [cell for cell in nbformat.read(path, 4).cells if cell.id == "title" or cell.id.startswith("setup")]
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    # 1,536 is one number, and "0.47", "47 %" and "47" say the same.
    said = {float(number.replace(",", "")) for number in re.findall(r"\d+(?:,\d{3})+|\d+(?:\.\d+)?", text)}
    answers_of_day = [name for name in ALL if name.startswith(f"{day}-")]
    assert said and answers_of_day
    for name in answers_of_day:
        for number in numbers_of(check.get(name).variables(given(name))["solved"]):
            forms = {number, round(number), round(number, 2), round(100 * number)} - {0, 1}
            assert not forms & said, name

"""The translation engine of the wheel that the students come from, as the reference of the tests.

Its extension module is taken out of the fetched wheel and loaded from the cache; nothing is installed. It runs on the
systems the wheel is built for (Linux, x86-64). What it says about the sentences below is kept in engine_outputs.json,
for every other system; `python tests/support/engine.py` writes that file.
"""

import importlib.util
import json
import platform
import sys
from functools import cache
from pathlib import Path

from helpers.packages import catalogue

OUTPUTS = Path(__file__).with_name("engine_outputs.json")
AVAILABLE = sys.platform == "linux" and platform.machine() == "x86_64"
STUDENTS = {"en-pt": "student_enpt", "pt-en": "student_pten"}

# Written for these tests.
SENTENCES = [
    "The senate voted for the new law.",
    "Nobody in this room believes that taxes will fall next year.",
    "Did the minister answer the question about the hospitals?",
    "We counted 1,204 votes in the first district and 987 in the second.",
    "She has not said whether she will run again.",
    "The prime minister flew to Lisbon on Monday and came back on Wednesday.",
    "Vote early, bring a friend, and do not forget your card.",
    "The opposition calls the budget a gift to the rich.",
    "After the debate, three members of the committee changed their minds.",
    "Teachers, nurses and drivers are on strike for better pay.",
    "If the bill passes, small shops will pay less and large ones more.",
    "He was born in Brazil, grew up in Canada and now lives in France.",
    "The court ruled that the district had been drawn unfairly.",
    "It is not that we oppose the plan; we doubt that it can be paid for.",
    "What would you do with 50 million euros?",
    "Our grandmothers marched so that we could vote.",
    "The report, which nobody has read, is 800 pages long.",
    "Turnout fell from 71% to 64% within four years.",
    "They promised jobs. They promised schools. They built a wall.",
    "In the end the coalition broke over the price of bread.",
    "The mayor thanked the volunteers who had cleaned the river.",
    "Is it true that the ambassador left before the vote?",
    "Only two of the nine judges wrote a dissent.",
    "Freedom of the press is the first thing that they will take away.",
]  # fmt: skip


def load(pair: str):
    """The engine for "en-pt" or "pt-en": an object whose translate(line) gives a line."""
    return _native().NativeDirection(str(catalogue.files(STUDENTS[pair])[0].parent))


@cache  # it may be loaded only once in a process
def _native():
    [extension] = catalogue.files("translation_engine")
    found = importlib.util.spec_from_file_location("_native", extension)
    native = importlib.util.module_from_spec(found)
    found.loader.exec_module(native)
    return native


def main() -> None:
    there, back = load("en-pt"), load("pt-en")
    portuguese = [there.translate(sentence) for sentence in SENTENCES]
    english = [back.translate(sentence) for sentence in portuguese]
    outputs = {"en-pt": [SENTENCES, portuguese], "pt-en": [portuguese, english]}
    OUTPUTS.write_text(json.dumps(outputs, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

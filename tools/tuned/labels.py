"""The teacher's labels, made consistent: the type that it gives a name most often counts in every sentence."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable

Span = tuple[int, int, str]  # first character, end, type

TYPES = {"PERSON": "PER", "ORG": "ORG", "GPE": "LOC", "LOC": "LOC"}  # spaCy's; the others are not marked
TITLE = r"(?:the|a|an|mr|mrs|ms|dr|sir|sen|rep|gov|president|senator|governor|secretary|minister|chancellor|judge)\.?"
BEFORE = re.compile(rf"(?:{TITLE}\s+|[^\w]+)+", re.IGNORECASE)
AFTER = re.compile(r"(?:['’]s?|[^\w.)]|(?<![A-Z])\.|--.*)+$")
WORD = re.compile(r"[A-Za-z]\.(?:[A-Za-z]\.)+|\w+(?:[-'’]\w+)*?(?=['’]s?\b|\W|$)|\w+")
# Frequent names that the teacher, trained on texts until 2012, labels inconsistently; corrected by hand.
CORRECTED = {
    "PER": (
        "Trump|Melania Trump|Ivanka Trump|Tillerson|Spicer|Pence|Nicola Sturgeon|Sturgeon|Sessions|"
        "Fillon|Assad|Bannon|Gorsuch|Comey|Barack|Marine Le Pen|Le Pen|Haftar|Kathrada|Obama|"
        "Merkel|Erdogan|Putin|Clinton"
    ),
    "ORG": ("Al Jazeera|ISIL|ISIS|Islamic State|Labour|China Daily|Google|Twitter|Facebook|FIFA|FSB|Tesco|Xinhua|TASS"),
    "LOC": ("Crimea|Munich|Benghazi|Raqqa|Donbass|Vilnius|Cork|Leicester|Kent"),
    "": (
        "And|Friend|German|God|General|People|We're|World|Scottish|South|North|State|MPs|Act|"
        "Taoiseach|Committee|Opposition|Olympic|Islam|Defense|Justice|Home|Medicare|Medicaid|"
        "Social Security|VX|GMT|LGBT|GP|FDI|Department|Commission|Budget|Cabinet|Champions League|"
        "Airport|Park|Belt|Belt and|Oval Office|Sen|D|Afghan|Pakistani|Games|NAFTA|"
        "Newsvine Permalink|Jazeera|Jazeera News|Chamber|Bundesliga|Government|Minister|"
        "Road Initiative|Authorities|Friends|TD"
    ),
}
CORRECTION = {name: kind for kind, names in CORRECTED.items() for name in names.split("|")}
LAW = re.compile(r"\b(Act|Bill|Agreement|Treaty|Amendment|Paper|Initiative)$")
LONGEST = 6  # words of a name that is looked for where the teacher missed it


def trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """The borders of a name without articles, titles, possessive endings and punctuation at its edges."""
    if found := BEFORE.match(text, start, end):
        start = found.end()
    if found := AFTER.search(text[start:end]):
        end = start + found.start()
    return start, end


def mapped(text: str, entities: Iterable) -> set[Span]:
    """The entities of one sentence with our types and borders. entities: (first character, end, spaCy's type)."""
    spans = {(*trimmed(text, start, end), TYPES[kind]) for start, end, kind in entities if kind in TYPES}
    return {span for span in spans if span[0] < span[1]}


class Names:
    """What the teacher says of each name over all training sentences.

    Parameters
    ----------
    texts : list of str
    spans : list of set of (int, int, str)
        The entities of each text, from `mapped`.
    """

    def __init__(self, texts: list[str], spans: list[set[Span]]):
        self.types, self.families = defaultdict(Counter), Counter()
        occurrences, lower, upper = Counter(), Counter(), Counter()
        for text, found in zip(texts, spans, strict=True):
            for start, end, kind in found:
                self.types[text[start:end]][kind] += 1
                if kind == "PER" and " " in text[start:end]:
                    self.families[text[start:end].split()[-1]] += 1
        for text, found in zip(texts, spans, strict=True):
            for start, end in candidates(text):
                name = text[start:end]
                if name in self.types and not any(
                    a <= start and end <= b and (a, b) != (start, end) for a, b, _ in found
                ):
                    occurrences[name] += 1  # not within a longer name
            for word in re.findall(r"\w+", text):
                (lower if word.islower() else upper)[word.lower()] += 1
        self.tagged = {name: sum(kinds.values()) / max(1, occurrences[name]) for name, kinds in self.types.items()}
        self.share_lower = {word: lower[word] / (lower[word] + upper[word]) for word in upper}

    def is_common(self, name: str) -> bool:
        """Whether a name is an ordinary word with a capital letter: House, Department, Government."""
        words = name.split()
        return not name.isupper() and all(self.share_lower.get(word.lower(), 0) > 0.2 for word in words)

    def is_name(self, name: str, kind: str) -> bool:
        """Whether what the teacher marked counts as the name of a person, an organization or a place."""
        if name in CORRECTION:
            return bool(CORRECTION[name])
        rare = self.tagged.get(name, 1) < 0.3 and len(name.split()) < 3 and not self.families[name]
        return not rare and not (kind == "ORG" and (self.is_common(name) or LAW.search(name)))

    def type_of(self, name: str) -> str | None:
        """The type that most of a name's labels have; None where they disagree too much or are too few."""
        if name in CORRECTION:
            return CORRECTION[name] or None
        kinds = self.types.get(name, Counter()) + Counter({"PER": 3 * self.families[name]})
        [(kind, count)] = kinds.most_common(1) or [("", 0)]
        return kind if count >= 2 and count >= 0.6 * sum(kinds.values()) else None

    def consistent(self, text: str, spans: set[Span]) -> set[Span]:
        """The entities of one sentence: types by majority, ordinary words removed, names added that were missed."""
        kept = set()
        for start, end, kind in spans:
            name = text[start:end]
            if self.is_name(name, kind):
                kept.add((start, end, self.type_of(name) or kind))
        for start, end in sorted(candidates(text), key=lambda place: place[0] - place[1]):
            name = text[start:end]
            if any(start < other_end and other < end for other, other_end, _ in kept):
                continue
            kind = self.type_of(name)
            often = self.tagged.get(name, 0) >= 0.6 and sum(self.types[name].values()) >= 4
            family = kind == "PER" and self.families[name] >= 4 and not self.is_common(name)
            if kind and self.is_name(name, kind) and (often or family or name in CORRECTION):
                kept.add((start, end, kind))
        return kept


def candidates(text: str) -> list[tuple[int, int]]:
    """Every run of up to LONGEST words that starts with a capital letter, as (first character, end)."""
    words = [found.span() for found in WORD.finditer(text)]
    return [
        (start, words[last][1])
        for first, (start, _) in enumerate(words)
        if text[start].isupper()
        for last in range(first, min(first + LONGEST, len(words)))
    ]


def scores(gold: list[set[Span]], found: list[set[Span]]) -> dict[str, dict[str, float]]:
    """Precision, recall and F1 of exact spans with their type: for each type and for all.

    gold, found: one set a sentence.
    """
    table = {}
    for kind in ("PER", "ORG", "LOC", "all"):
        chosen = [{s for s in one if kind in ("all", s[2])} for one in gold]
        guessed = [{s for s in one if kind in ("all", s[2])} for one in found]
        right = sum(len(a & b) for a, b in zip(chosen, guessed, strict=True))
        n_gold, n_found = sum(map(len, chosen)), sum(map(len, guessed))
        precision, recall = right / max(1, n_found), right / max(1, n_gold)
        f1 = 2 * precision * recall / max(1e-9, precision + recall)
        table[kind] = {"precision": precision, "recall": recall, "f1": f1, "marked": n_gold, "found": n_found}
    return table

"""Whether an answer means the same as the right one, in whatever form it was typed.

A number may come as 63, 63.0, "63", "1/3", "57%" or a tensor, a text in any case and spacing, a collection as list,
tuple, array, Series or "a, b, c". What cannot be read as the kind that is asked for is simply not the same.
"""

import copy
import math
import re
import reprlib
import unicodedata
from itertools import islice
from numbers import Real

import numpy as np

THOUSANDS = r"[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?"  # not after a leading zero: 0,125 is 0.125
NUMBER = re.compile(rf"[-+]?(?:{THOUSANDS}|\d+[.,]?\d*|\.\d+)(?:[eE][-+]?\d+)?")
LONGEST = 5_000  # nobody types an answer of more parts or characters
FRACTIONS = {"half": 1 / 2, "one half": 1 / 2, "a third": 1 / 3, "one third": 1 / 3, "a quarter": 1 / 4}
NAMES = {"yes": True, "true": True, "no": False, "false": False}


def number(answer) -> float | None:
    """An answer as a float, or None where it is no number. A text counts if it holds exactly one ("63 tokens")."""
    if isinstance(answer, str):
        return _number_in(answer[:200])
    if isinstance(answer, bool | np.bool) or answer is None:
        return None
    if hasattr(answer, "item"):  # numpy, pandas, torch
        return number(answer.item()) if np.asarray(_plain(answer)).size == 1 else None
    if isinstance(answer, list | tuple) and len(answer) == 1:
        return number(answer[0])
    return float(answer) if isinstance(answer, Real) or type(answer).__name__ == "Decimal" else None


def _number_in(text: str) -> float | None:
    if whole := re.fullmatch(r"\s*(\d+)\s*/\s*(\d+)\s*", text):
        return int(whole[1]) / int(whole[2]) if int(whole[2]) else None
    if (words := text.strip().casefold()) in FRACTIONS:
        return FRACTIONS[words]
    found = NUMBER.findall(text)
    if len(found) != 1:
        return None
    digits = found[0]
    thousands = re.fullmatch(f"[-+]?{THOUSANDS}", digits)
    value = float(digits.replace(",", "" if thousands else "."))
    return value / 100 if "%" in text else value


def text(answer) -> str:
    """A text without case, outer quotes, brackets and full stops, and with single spaces; accents stay."""
    plain = unicodedata.normalize("NFKC", str(answer)[:LONGEST]).replace("’", "'")
    return " ".join(plain.split()).strip(" .!()*\"'“”‘`").casefold()


def single(answer):
    """The text in a list, tuple or array of one text; anything else as it is."""
    inside = items(answer) if not isinstance(answer, str) else None
    return inside[0] if inside and len(inside) == 1 and isinstance(inside[0], str) else answer


def truth_value(answer) -> bool | None:
    """True or False, also from 1 and 0, "yes" and "no"; None where it is neither."""
    if isinstance(answer, str):
        return NAMES.get(text(answer))
    if isinstance(answer, bool | np.bool):
        return bool(answer)
    if hasattr(answer, "item") and np.asarray(_plain(answer)).size == 1:
        answer = answer.item()
    return bool(answer) if isinstance(answer, Real) and answer in (0, 1) else None


def _plain(answer):
    """A tensor without its gradient and in a format that NumPy knows; anything else as it is."""
    if not hasattr(answer, "detach"):
        return answer
    answer = answer.detach().cpu()
    return answer.double() if answer.is_floating_point() else answer  # NumPy has no bfloat16


def _length(answer) -> int:
    try:
        return max(len(answer), getattr(answer, "nbytes", 0) // 8)
    except TypeError:  # a single number, or a tensor without dimensions
        return 1


def items(answer) -> list | None:
    """The members of a collection, or of a text with commas; None where it is neither, or endless."""
    if isinstance(answer, str):
        return [part for part in re.split(r"\s*[,;]\s*|\s+and\s+", answer[:LONGEST].strip(" ()[]{}")) if part]
    if _length(answer) > LONGEST:
        return None
    if isinstance(answer, dict):
        return list(answer.values())
    if hasattr(answer, "tolist"):
        answer = _plain(answer).tolist()
    elif hasattr(answer, "__getitem__") and hasattr(answer, "__len__") and not isinstance(answer, list | tuple):
        answer = list(answer[:])
    return list(answer) if isinstance(answer, list | tuple | set | frozenset | range) else None


def same(answer, truth, tolerance: float = 1e-6, share: bool = False) -> bool:
    """Whether an answer means the same as `truth`, whose type says which kind is asked for.

    truth: a bool, a number, a text, a set (order plays no part), a list or tuple, an array or a tensor.
    tolerance: relative, for numbers. share: 57 may stand for 0.57. Raises nothing for ordinary Python objects.
    """
    if isinstance(truth, bool | np.bool):
        return truth_value(answer) is bool(truth)
    if isinstance(truth, Real):
        value = number(answer)
        if value is None or math.isnan(value):
            return False
        candidates = [value, value / 100] if share and value > 1 else [value]
        return any(math.isclose(each, truth, rel_tol=tolerance, abs_tol=1e-9) for each in candidates)
    if isinstance(truth, str):
        return isinstance(answer, str) and text(answer) == text(truth)
    found = items(answer)
    if found is None:
        return False
    wanted = list(truth) if isinstance(truth, set | frozenset) else items(truth)
    if len(found) != len(wanted):
        return False
    if isinstance(truth, set | frozenset):
        return all(any(same(each, one, tolerance, share) for each in found) for one in wanted)
    return all(same(each, one, tolerance, share) for each, one in zip(found, wanted, strict=True))


def is_of_kind(answer, truth) -> bool:
    """Whether an answer can be read as the kind of thing that `truth` is."""
    if callable(truth):
        return callable(answer)
    if isinstance(truth, bool | np.bool):
        return truth_value(answer) is not None
    if isinstance(truth, Real):
        value = number(answer)
        return value is not None and not math.isnan(value)
    if isinstance(truth, str):
        return isinstance(answer, str)
    return items(answer) is not None


def is_too_long(answer) -> bool:
    """Whether an answer is a text, or has a text, that is too long to be one somebody typed."""
    parts = [answer] if isinstance(answer, str) else items(answer) or []
    return any(isinstance(part, str) and len(part) > LONGEST for part in parts)


def kind(thing) -> str:
    """What a thing is, in words for someone who knows little Python."""
    if callable(thing):
        return "a function"
    if isinstance(thing, bool | np.bool):
        return "True or False"
    if isinstance(thing, Real):
        return "a number"
    if isinstance(thing, str):
        return "a text in quotes"
    if thing is None:
        return "None, that is, nothing"
    if isinstance(thing, list | tuple | set | frozenset):
        inside = sorted({kind(each) for each in islice(thing, 20)})
        plural = {"a number": "numbers", "a text in quotes": "texts"}.get(inside[0]) if len(inside) == 1 else None
        return f"a list of {len(thing)} {plural or 'things'}"
    return f"something of the type {type(thing).__name__}"


class Stopped(Exception):
    """A learner's function could not be used; the message says why."""


def results(function, inputs: list[tuple]) -> list:
    """What a function returns for each tuple of arguments. Raises Stopped where it raises or returns nothing."""
    found = []
    for arguments in inputs:
        told = f"Called with {', '.join(reprlib.repr(each) for each in arguments)}, your function"
        try:
            result = function(*copy.deepcopy(arguments))
        except (Exception, SystemExit) as error:
            raise Stopped(f"{told} stopped with {type(error).__name__}: {str(error)[:200]}.") from None
        if result is None:
            raise Stopped(f"{told} returned nothing. Does it end with return?")
        found.append(result)
    return found

"""Getting a text ready for a translation model: characters it knows, one sentence at a time, none too long."""

import re
import unicodedata
from collections import Counter
from functools import lru_cache

# For characters that a vocabulary does not know; everything else it does not know is left out.
REPLACED = str.maketrans(
    {"“": '"', "”": '"', "„": '"', "‟": '"', "«": '"', "»": '"', "‘": "'", "’": "'", "‚": "'", "‛": "'", "`": "'"}
    | {"´": "'", "–": "-", "—": " - ", "―": " - ", "−": "-", "‐": "-", "‑": "-", "…": "...", "•": "-"}
)
CLAUSE, WORD, ANYWHERE = r"(?<=[,;:])\s+|\s+(?=[-–—(])", r"\s+", r"(?<=\S)(?=\S)"


def clean(text: str, tokenizer) -> tuple[str, list[str]]:
    """The text in characters that the tokenizer's vocabulary knows, and what was changed, such as "“ -> \\" (2)".

    Typographic quotes, dashes and dots become plain ones, letters with unknown accents lose them, and what is left
    (for the students of the packages: @, #, emoji) is left out. Characters the vocabulary knows stay as they are.
    """
    known, changed = _known(tokenizer), Counter()
    cleaned = []
    for character in text:
        if not known[character]:
            plain = character.translate(REPLACED)
            if plain == character:
                plain = "".join(c for c in unicodedata.normalize("NFKD", character) if not unicodedata.combining(c))
            changed[character, plain if all(known[c] for c in plain) else ""] += 1
            character = plain if all(known[c] for c in plain) else ""
        cleaned.append(character)
    changes = [
        f"{before} {'-> ' + after if after else 'left out'}" + (f" ({count} times)" if count > 1 else "")
        for (before, after), count in changed.items()
    ]
    return "".join(cleaned), changes


class _Known(dict):
    """Whether a tokenizer knows a character, found out once for each."""

    def __init__(self, tokenizer):
        self.tokenizer = tokenizer

    def __missing__(self, character: str) -> bool:
        pieces = [piece for piece in self.tokenizer.tokenize(character) if piece != "▁"]
        ids = self.tokenizer.convert_tokens_to_ids(pieces)
        self[character] = character.isspace() or bool(ids) and self.tokenizer.unk_token_id not in ids
        return self[character]


_known = lru_cache(maxsize=4)(_Known)


def sentences(text: str, language: str = "en") -> list[str]:
    """The text in sentences, each with the white space after it: joined they give the text back.

    language: a code such as "en" or "pt", for its abbreviations. By Wikimedia's library sentencex.
    """
    import sentencex

    return sentencex.segment(language, text)


def fit(sentence: str, tokenizer, limit: int) -> list[str]:
    """The sentence in parts of at most `limit` tokens, cut near the middle: at a clause, else between words.

    Joined the parts give the sentence back.
    """
    if len(sentence) < 2 or len(tokenizer(sentence)["input_ids"]) <= limit:
        return [sentence]
    for boundary in (CLAUSE, WORD, ANYWHERE):
        places = [found.end() for found in re.finditer(boundary, sentence) if 0 < found.end() < len(sentence)]
        near = [place for place in places if 0.2 < place / len(sentence) < 0.8]
        if near:
            middle = min(near, key=lambda place: abs(place - len(sentence) / 2))
            return fit(sentence[:middle], tokenizer, limit) + fit(sentence[middle:], tokenizer, limit)
    return [sentence]

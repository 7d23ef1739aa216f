"""Translating many texts with a model of transformers: in sentences, in batches by length, and resumable.

Translation models read one sentence at a time, know a limited set of characters, and stop at a number of positions. So
a text is cleaned, cut into sentences, and put together again. Nothing is dropped silently: each text comes back in
its place, with a list of what was changed.
"""

import hashlib
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from helpers import settings
from helpers.translation.sentences import clean, fit, sentences

# Longer sentences lose words: there and back, speeches' sentences of 110 tokens or more come to chrF 58 whole and to 76
# in parts of at most 96; with 80 to 110 tokens it makes no difference.
LONGEST = 96
LONGER = 2.5  # a translation has at most so many times the source's tokens, and SPARE more (as in Marian's settings)
SPARE = 10


@dataclass(frozen=True)
class Translation:
    """The translation of one text.

    Attributes
    ----------
    text : str
    changes : tuple of str
        What was changed, cut or left out on the way; empty where nothing was.
    """

    text: str
    changes: tuple[str, ...] = ()


def translate(
    texts: list[str], model, tokenizer, *, language: str = "en", prefix: str = "", batch_tokens: int = 4096,
    num_beams: int = 1, max_tokens: int = LONGEST, shortlist: bool = True, progress: bool = True,
) -> list[Translation]:  # fmt: skip
    """Translate texts of any length: as many come back, in the same order. Taught on Day 3, "Translation in a study".

    Parameters
    ----------
    texts : list of str
    model, tokenizer
        Of AutoModelForSeq2SeqLM and AutoTokenizer.
    language : str
        The texts' own, such as "en", for cutting them into sentences.
    prefix : str
        What goes in front of each sentence: a model with several target languages wants to be told which, as in
        ">>por<< ".
    batch_tokens : int
        How many tokens a batch has at most, with padding.
    num_beams : int
        1 is greedy.
    max_tokens : int
        Longer sentences are cut into parts, at a clause where there is one.
    shortlist : bool
        Whether to use the model's lexical shortlist where it has one.
    progress : bool
        Whether to show a bar.

    Returns
    -------
    list of Translation

    Raises
    ------
    ValueError
        Where a text is not a string.
    """
    wrong = next((i for i, text in enumerate(texts) if not isinstance(text, str)), None)
    if wrong is not None:
        raise ValueError(
            f"Text {wrong} is not a string but {texts[wrong]!r}. Replace missing texts by an empty string."
        )
    limit = min(max_tokens, model.config.max_position_embeddings // 2)  # a translation may be longer than its source
    prepared = [_prepare(text, tokenizer, language, limit) for text in texts]
    distinct = list(dict.fromkeys(part.strip() for parts, _ in prepared for part in parts if part.strip()))
    options = {"num_beams": num_beams}
    if shortlist and getattr(model.config, "shortlist_entries", 0):
        options["shortlist"] = True
    found = _translate_sentences(distinct, prefix, model, tokenizer, batch_tokens, options, progress)
    return [_joined(parts, changes, found) for parts, changes in prepared]


def _prepare(text: str, tokenizer, language: str, limit: int) -> tuple[list[str], list[str]]:
    """The parts of a text that are translated one by one, and what was changed in it."""
    cleaned, changes = clean(text, tokenizer)
    parts = []
    for sentence in sentences(cleaned, language):
        fitting = fit(sentence, tokenizer, limit)
        if len(fitting) > 1:
            changes.append(f"a sentence of more than {limit} tokens cut into {len(fitting)} parts")
        parts += fitting
    if broken := sum(part.strip().count("\n") for part in parts):
        changes.append(f"{broken} line breaks inside a sentence, which the model does not keep")
    return parts, changes


def _joined(parts: list[str], changes: list[str], found: dict[str, tuple[str, bool]]) -> Translation:
    """A text's translation from those of its parts, with the white space that stood between them."""
    text, changes = "", list(changes)
    for part in parts:
        bare = part.strip()
        translation, complete = found.get(bare, ("", True))
        if not complete:
            changes.append(f"the translation of a part was cut off: {bare[:60]!r}")
        text += translation + part[len(part.rstrip()) :]
    return Translation(text.strip(), tuple(changes))


def _translate_sentences(
    parts, prefix, model, tokenizer, batch_tokens, options, progress
) -> dict[str, tuple[str, bool]]:
    """For each part its translation and whether it is complete; in batches of similar length, the longest first."""
    from tqdm import tqdm

    ids = tokenizer([prefix + part for part in parts])["input_ids"] if parts else []
    lengths = {part: len(each) for part, each in zip(parts, ids, strict=True)}
    order = sorted(parts, key=lengths.get, reverse=True)
    found = {}
    with tqdm(total=len(order), desc="sentences", disable=not progress, file=sys.stdout) as bar:
        while len(found) < len(order):
            longest = lengths[order[len(found)]]
            batch = order[len(found) : len(found) + max(1, batch_tokens // longest)]
            found |= _translate_batch(batch, prefix, lengths, model, tokenizer, options)
            bar.update(len(batch))
    return found


def _translate_batch(batch, prefix, lengths, model, tokenizer, options) -> dict[str, tuple[str, bool]]:
    longest = min(int(LONGER * lengths[batch[0]]) + SPARE, model.config.max_position_embeddings - 1)
    inputs = tokenizer([prefix + part for part in batch], return_tensors="pt", padding=True).to(model.device)
    with torch.inference_mode():
        # The start token, the translation, and one place more: on the last one Marian's models write an end mark in
        # any case, and a translation that was cut off would look complete.
        generated = model.generate(**inputs, max_length=longest + 2, **options)[:, 1:].tolist()
    found = {}
    for part, ids in zip(batch, generated, strict=True):
        # The allowance of the sentence itself, so that its neighbors in the batch make no difference.
        ids = ids[: int(LONGER * lengths[part]) + SPARE]
        found[part] = tokenizer.decode(ids, skip_special_tokens=True), tokenizer.eos_token_id in ids
    return found


def translate_corpus(
    texts: list[str], model, tokenizer, folder: str | Path, *, part_size: int = 200, progress: bool = True, **options
) -> list[Translation]:
    """As translate(), for a corpus that takes a while: a second call goes on where the first one stopped.

    Taught on Day 3, "Translation in a study".

    Parameters
    ----------
    texts, model, tokenizer
        As for `translate`.
    folder : str or Path
        Every `part_size` texts become a file part-00000.json and so on in it. A run that is killed loses one part.
    part_size : int
    progress : bool
        Whether to show a bar of the parts.
    **options
        Those of `translate`.

    Returns
    -------
    list of Translation

    Raises
    ------
    ValueError
        Where a part in the folder is of other texts or settings.
    """
    from tqdm import tqdm

    folder, found = Path(folder), []
    for start in tqdm(range(0, len(texts), part_size), desc="parts", disable=not progress, file=sys.stdout):
        part, place = texts[start : start + part_size], folder / f"part-{start // part_size:05}.json"
        key = _fingerprint(part, model, options)
        if place.exists():
            saved = json.loads(place.read_text(encoding="utf-8"))
            if saved["key"] != key:
                raise ValueError(
                    f"{place} holds translations of other texts or with other settings. Give another folder, or "
                    "delete this one to start over."
                )
        else:
            done = translate(part, model, tokenizer, progress=False, **options)
            saved = {"key": key, "translations": [asdict(translation) for translation in done]}
            with settings.atomic(place) as temporary:
                temporary.write_text(json.dumps(saved, ensure_ascii=False, indent=1), encoding="utf-8")
        found += [Translation(each["text"], tuple(each["changes"])) for each in saved["translations"]]
    return found


def _fingerprint(texts: list[str], model, options: dict) -> str:
    """What a part was made from: its texts, the model's checkpoint, the settings."""
    made_from = [texts, Path(model.config.name_or_path).name, sorted(options.items())]
    return hashlib.sha256(json.dumps(made_from).encode()).hexdigest()[:16]

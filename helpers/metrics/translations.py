"""How good translations are, by sacrebleu: BLEU and chrF with intervals and signatures, and by kind of sentence.

BLEU (Papineni and others 2002) counts runs of one to four words that stand in the reference too; chrF (Popović 2015)
runs of one to six characters. Both go from 0 to 100. References in another language than the translations' would
still give a number, so they are refused.
"""

from collections.abc import Sequence
from functools import cache

import pandas as pd
from sacrebleu.metrics import BLEU, CHRF

SURE = 0.95  # probability of a language, from which references count as being in it
ENOUGH = 100  # characters: what is shorter says too little about its language


def check_references(references: Sequence[str], language: str) -> None:
    """Raise ValueError where the references are in another language than `language`, such as "pt".

    The language is told by py3langid from all references together, and believed where it is sure. Text of a language
    that it does not know, or too little text, passes.
    """
    text = " ".join(references)
    identifier = _identifier()
    if language not in identifier.nb_classes or len(text) < ENOUGH:
        return
    found, probability = identifier.classify(text)
    if found != language and probability > SURE:
        raise ValueError(
            f"The references are in {found!r}, the translations should be in {language!r}. Scores against another "
            f"language mean nothing: give the references in {language!r}."
        )


@cache
def _identifier():
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def scores(translations: Sequence[str], references: Sequence[str], language: str, resamples: int = 1000):
    """BLEU and chrF of a corpus: a row for each, with score, the ends of its 95 % interval, and sacrebleu's signature.

    translations, references: as many texts, one reference each. language: of both, such as "pt". resamples: of
    sacrebleu's bootstrap over texts (Koehn 2004); its seed is fixed.

    Raises ValueError for references in another language, or of another number.
    """
    translations, references = _checked(translations, references, language)
    rows = {}
    for name, metric in {"BLEU": BLEU(), "chrF": CHRF()}.items():
        found = metric.corpus_score(translations, [references], n_bootstrap=resamples)
        low, high = found._mean - found._ci, found._mean + found._ci
        rows[name] = {"score": found.score, "low": low, "high": high, "signature": str(metric.get_signature())}
    return pd.DataFrame(rows).T


def by_category(
    translations: Sequence[str], references: Sequence[str], categories: Sequence[str], language: str
) -> pd.DataFrame:
    """Number of texts, BLEU and chrF of each category, best chrF first. Raises ValueError as `scores`."""
    translations, references = _checked(translations, references, language)
    if len(categories) != len(translations):
        raise ValueError(f"{len(translations)} translations have {len(categories)} categories. Give one for each.")
    table = pd.DataFrame({"translation": translations, "reference": references, "category": list(categories)})
    rows = {
        category: {
            "texts": len(part),
            "BLEU": BLEU().corpus_score(part["translation"].tolist(), [part["reference"].tolist()]).score,
            "chrF": CHRF().corpus_score(part["translation"].tolist(), [part["reference"].tolist()]).score,
        }
        for category, part in table.groupby("category")
    }
    return pd.DataFrame(rows).T.astype({"texts": int}).sort_values("chrF", ascending=False)


def worst(translations: Sequence[str], references: Sequence[str], language: str, count: int = 5) -> list[int]:
    """The places of the texts with the lowest chrF, the worst first. Raises ValueError as `scores`."""
    translations, references = _checked(translations, references, language)
    pairs = zip(translations, references, strict=True)
    found = [CHRF().sentence_score(translation, [reference]).score for translation, reference in pairs]
    return sorted(range(len(found)), key=found.__getitem__)[:count]


def _checked(translations, references, language) -> tuple[list[str], list[str]]:
    if not len(translations) or len(translations) != len(references):
        raise ValueError(
            f"There are {len(translations)} translations and {len(references)} references. Give as many of both, and "
            "at least one."
        )
    check_references(references, language)
    return list(translations), list(references)

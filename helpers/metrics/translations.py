"""How good translations are, by sacrebleu: BLEU and chrF with intervals and signatures, and by kind of sentence.

BLEU (Papineni et al. 2002) counts n-grams of one to four words that the reference has too; chrF (Popović 2015) n-grams
of one to six characters. Both go from 0 to 100. References in another language than the translations would still give
a number, so they are refused.
"""

from collections.abc import Sequence
from functools import cache

import pandas as pd
from sacrebleu.metrics import BLEU, CHRF

LANGUAGE_PROBABILITY = 0.95  # above which the identified language is believed
MIN_CHARACTERS = 100  # a shorter text says too little about its language


def check_references(references: Sequence[str], language: str) -> None:
    """Refuse references that are in another language than the translations.

    py3langid identifies the language of all references together. A language that it does not know, too little text,
    and a low probability pass.

    Parameters
    ----------
    references : sequence of str
        The reference translations.
    language : str
        Their language, such as "pt".

    Raises
    ------
    ValueError
        Where they are in another language.
    """
    text = " ".join(references)
    identifier = _identifier()
    if language not in identifier.nb_classes or len(text) < MIN_CHARACTERS:
        return
    found, probability = identifier.classify(text)
    if found != language and probability > LANGUAGE_PROBABILITY:
        raise ValueError(
            f"The references are in {found!r}, the translations should be in {language!r}. Scores against another "
            f"language mean nothing: give the references in {language!r}."
        )


@cache
def _identifier():
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def scores(translations: Sequence[str], references: Sequence[str], language: str, resamples: int = 1000):
    """Score the translations of a corpus by BLEU and chrF.

    Parameters
    ----------
    translations, references : sequence of str
        As many texts, one reference each.
    language : str
        Of both, such as "pt".
    resamples : int
        Of sacrebleu's bootstrap over texts (Koehn 2004); its seed is fixed.

    Returns
    -------
    pandas.DataFrame
        A row for each measure. Columns: score, low and high (its 95% interval), and sacrebleu's signature.

    Raises
    ------
    ValueError
        For references in another language, and for another number of them.
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
    """Score the translations of each category by BLEU and chrF.

    Parameters
    ----------
    translations, references, language
        As for `scores`.
    categories : sequence of str
        One for each translation.

    Returns
    -------
    pandas.DataFrame
        A row for each category, best chrF first. Columns: texts (how many), BLEU, chrF.

    Raises
    ------
    ValueError
        As `scores` does.
    """
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
    """Find the translations with the lowest chrF.

    Parameters
    ----------
    translations, references, language
        As for `scores`.
    count : int
        How many.

    Returns
    -------
    list of int
        Their places, the worst first.

    Raises
    ------
    ValueError
        As `scores` does.
    """
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

"""How good translations are, by sacrebleu: BLEU and chrF with intervals and signatures, and by kind of sentence.

BLEU (Papineni et al. 2002) counts n-grams of one to four words that the reference has too; chrF (Popović 2015) n-grams
of one to six characters. Both go from 0 to 100. References in another language than the translations would still give
a number, so they are refused.
"""

from collections.abc import Sequence
from functools import cache

import pandas as pd
from sacrebleu.metrics import BLEU, CHRF
from sacrebleu.significance import PairedTest

LANGUAGE_PROBABILITY = 0.95  # above which the identified language is believed
MIN_CHARACTERS = 100  # a shorter text says too little about its language
MIN_COMPARED = 10  # texts: with fewer, a bootstrap calls chance a difference
RELATIVES = [{"no", "nb", "nn"}, {"zh", "yue", "wuu"}, {"hr", "bs", "sr"}, {"id", "ms"}, {"ar", "arz"}]  # told as one
TOKENIZERS = {"yue": "zh", "wuu": "zh"} | dict.fromkeys(("th", "lo", "km", "my", "dz"), "char")  # beyond sacrebleu's


def check_references(references: Sequence[str], language: str) -> None:
    """Refuse references that are in another language than the translations.

    py3langid identifies the language of all references together. Too little text and a low probability pass.

    Parameters
    ----------
    references : sequence of str
        The reference translations.
    language : str
        Their language, such as "pt" or "pt-BR" (the region makes no difference).

    Raises
    ------
    ValueError
        Where they are in another language, and for a code that is unknown.
    """
    language, text = _known(language), " ".join(references)
    if len(text) < MIN_CHARACTERS:
        return
    found, probability = _identifier().classify(text)
    same = found == language or any({found, language} <= relatives for relatives in RELATIVES)
    if not same and probability > LANGUAGE_PROBABILITY:
        raise ValueError(
            f"The references are in {found!r}, the translations should be in {language!r}. Scores against another "
            f"language mean nothing: give the references in {language!r}."
        )


@cache
def _identifier():
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def _known(language: str) -> str:
    """The code of a language without its region. Raises ValueError for an unknown one."""
    code = str(language).replace("_", "-").partition("-")[0].lower()
    if code not in set(_identifier().nb_classes).union(*RELATIVES):
        raise ValueError(f"{language!r} is not a known language code. Give an ISO 639 code, such as 'pt' or 'zh'.")
    return code


def _metrics(language: str) -> dict:
    """BLEU, which cuts words as the language needs it, and chrF, under the names that sacrebleu gives them."""
    code = _known(language)
    try:
        return {"BLEU": BLEU(tokenize=TOKENIZERS.get(code), trg_lang=code), "chrF2": CHRF()}
    except RuntimeError:
        advice = f'Run this, restart the kernel, and try again: %pip install "sacrebleu[{code}]"'
        raise ValueError(f"BLEU cannot cut {language!r} into words without another package. {advice}") from None


def scores(translations: Sequence[str], references: Sequence[str], language: str, resamples: int = 1000):
    """Score the translations of a corpus by BLEU and chrF. Taught on Day 3, "Judging translations".

    Parameters
    ----------
    translations, references : sequence of str
        As many texts, one reference each.
    language : str
        Of both, such as "pt". BLEU cuts words by it.
    resamples : int
        Of sacrebleu's bootstrap over texts (Koehn 2004); its seed is fixed.

    Returns
    -------
    pandas.DataFrame
        A row for each measure. Columns: score, low and high (its 95% interval, missing for one text alone), and
        sacrebleu's signature.

    Raises
    ------
    ValueError
        For references in another language or another number of them, for a single text instead of a list, and for a
        language that is unknown or needs a package that is not installed.
    """
    translations, references = _checked(translations, references, language)
    return _scores(translations, references, language, resamples)


def _scores(translations: list[str], references: list[str], language: str, resamples: int) -> pd.DataFrame:
    # Its `corpus_score` stops with a TypeError where BLEU is 0 in some resamples; its test does the same bootstrap.
    systems = [("translations", translations)]
    signatures, found = PairedTest(systems, _metrics(language), [references], "bs", resamples)()
    rows = {}
    for name, its_name in {"BLEU": "BLEU", "chrF": "chrF2"}.items():
        (result,), signature = found[its_name], str(signatures[its_name])
        low, high = min(result.mean - result.ci, result.score), max(result.mean + result.ci, result.score)
        ends = (max(low, 0.0), min(high, 100.0)) if len(translations) > 1 else (None, None)
        rows[name] = {"score": result.score, "low": ends[0], "high": ends[1], "signature": signature}
    return pd.DataFrame.from_dict(rows, orient="index").astype({"low": float, "high": float})


def by_category(
    translations: Sequence[str],
    references: Sequence[str],
    categories: Sequence[str],
    language: str,
    resamples: int = 1000,
) -> pd.DataFrame:
    """Score the translations of each category by BLEU and chrF. Taught on Day 3, "Judging translations".

    Parameters
    ----------
    translations, references, language, resamples
        As for `scores`.
    categories : sequence of str
        One for each translation.

    Returns
    -------
    pandas.DataFrame
        A row for each category, best chrF first. Columns: texts (how many), BLEU, BLEU low, BLEU high, chrF, chrF low,
        chrF high (95% intervals, as for `scores`).

    Raises
    ------
    ValueError
        As `scores` does.
    """
    translations, references = _checked(translations, references, language)
    if len(categories) != len(translations):
        raise ValueError(f"{len(translations)} translations have {len(categories)} categories. Give one for each.")
    table = pd.DataFrame({"translation": translations, "reference": references, "category": list(categories)})
    rows = {}
    for category, part in table.groupby("category"):
        found = _scores(part["translation"].tolist(), part["reference"].tolist(), language, resamples)
        rows[category] = {"texts": len(part)}
        for name, row in found.iterrows():
            rows[category] |= {name: row["score"], f"{name} low": row["low"], f"{name} high": row["high"]}
    return pd.DataFrame.from_dict(rows, orient="index").sort_values("chrF", ascending=False)


def compare(
    first: Sequence[str], second: Sequence[str], references: Sequence[str], language: str, resamples: int = 10_000
) -> pd.DataFrame:
    """Compare two translations of the same texts by sacrebleu's paired randomization test (Riezler and Maxwell 2005).

    Taught on Day 3, "Judging translations".

    Parameters
    ----------
    first, second : sequence of str
        The translations of two systems.
    references, language
        As for `scores`.
    resamples : int
        How often the translations of random texts are swapped.

    Returns
    -------
    pandas.DataFrame
        A row for each measure. Columns: first, second (their scores), difference (first minus second), p (two-sided:
        how often swapping the systems brings a larger difference), and sacrebleu's signature.

    Raises
    ------
    ValueError
        As `scores` does, and for fewer than ten texts.
    """
    first, references = _checked(first, references, language)
    second, _ = _checked(second, references, language)
    if len(references) < MIN_COMPARED:
        raise ValueError(f"{len(references)} texts are too few for a test. Compare at least {MIN_COMPARED}.")
    systems = [("first", first), ("second", second)]
    signatures, found = PairedTest(systems, _metrics(language), [references], "ar", resamples)()
    rows = {}
    for name, its_name in {"BLEU": "BLEU", "chrF": "chrF2"}.items():
        one, other = found[its_name]
        # It counts only larger differences: of two equal systems it would say that they differ.
        p = 1.0 if one.score == other.score else other.p_value
        scores = {"first": one.score, "second": other.score, "difference": one.score - other.score}
        rows[name] = {**scores, "p": p, "signature": str(signatures[its_name])}
    return pd.DataFrame.from_dict(rows, orient="index")


def worst(translations: Sequence[str], references: Sequence[str], language: str, count: int = 5) -> list[int]:
    """Find the translations with the lowest chrF. Taught on Day 3, "Judging translations".

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
    for texts in (translations, references):
        if isinstance(texts, str) or not all(isinstance(text, str) for text in texts):
            raise ValueError(f"Translations and references are lists of texts; got {texts!r:.60}. Put one into a list.")
    if not len(translations) or len(translations) != len(references):
        raise ValueError(
            f"There are {len(translations)} translations and {len(references)} references. Give as many of each, "
            "and at least one."
        )
    check_references(references, language)
    return list(translations), list(references)

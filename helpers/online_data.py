"""Loaders of the data sets that need the network: of the Hugging Face Hub, of a code host, of an archive."""

from collections.abc import Callable
from functools import partial

import pandas as pd

from helpers import downloads, hub, sources, splits
from helpers.hub_errors import TELL_US, hub_error
from helpers.runtime import source_in_force
from helpers.wheels import SourceError

PARTS = ("train", "validation", "test")
STANCE = ["none", "against", "favor"]
TARGETS = ("abortion", "atheism", "climate", "feminist", "hillary")
NEAREST = {  # what the packages have instead of a data set of the Hub
    "tweet_eval_offensive": ("political_newsgroups", "it asks for a topic: none of the packages asks for offence"),
    "tweet_sentiment_spanish": ("congreso_speeches", "Spanish too, but speeches, and without sentiment"),
    **{f"tweet_eval_stance_{target}": ("clinton_stance", "its label stands in for stance") for target in TARGETS},
}


def _of_the_hub(name: str, catalogue_name: str, patterns: tuple[str, ...], class_names: list[str]):
    """All rows with their official split. Raises SourceError without the Hub, or where the files are not as known."""
    if source_in_force() != "hub":
        nearest, difference = NEAREST[name]
        raise SourceError(
            f"{name} comes from the Hugging Face Hub, and the source in force is packages.\n"
            f'  What to do: restart the kernel and begin with helpers.setup(source="hub"), or take the nearest that '
            f'the packages have: helpers.data.load("{nearest}") ({difference}).'
        )
    repository = sources.CATALOGUE["hub_data"][catalogue_name]["repository"]
    found = hub.data_files(repository, {part: tuple(each.format(part) for each in patterns) for part in PARTS})
    frame = pd.concat([_table(path).assign(split=part) for part, paths in found.items() for path in paths])
    if not {"text", "label"} <= set(frame.columns):
        columns = ", ".join(frame.columns.drop("split"))
        raise hub_error(repository, f"{name} has other columns than text and label: {columns}", TELL_US)
    label = pd.to_numeric(frame["label"].replace({each: n for n, each in enumerate(class_names)}), errors="coerce")
    if not label.isin(range(len(class_names))).all():
        raise hub_error(repository, f"{name} has labels that are none of {', '.join(class_names)}", TELL_US)
    return frame.assign(label=label.astype(int))[["text", "label", "split"]], class_names


def _table(path) -> pd.DataFrame:
    return pd.read_json(path, lines=True, dtype=False) if path.suffix == ".jsonl" else pd.read_parquet(path)


def _incivility():
    """Tweets to members of Congress, labelled by crowd workers as uncivil or not."""
    frame = downloads.table("incivility")
    date = pd.to_datetime(frame["created_at"], format="%a %b %d %H:%M:%S %z %Y", errors="coerce", utc=True)
    label = _named("incivility", frame["uncivil"], {"no": "civil", "yes": "uncivil"})
    columns = {"text": splits.plain(frame["text"]), "label": label, "date": date.dt.strftime("%Y-%m-%d").fillna("")}
    return pd.DataFrame(columns), ["civil", "uncivil"]


def _kavanaugh(column: str, names: list[str]):
    """Tweets on the confirmation of Brett Kavanaugh with one of their two labels; rows without it are left out."""
    frame = downloads.table("kavanaugh")
    frame = frame[~frame[column].isin(["", "NA"])]
    label = _named("kavanaugh", frame[column].str.removesuffix(".0"), dict(zip("01", names, strict=True)))
    return pd.DataFrame({"text": splits.plain(frame["text"]), "label": label}), names


def _named(name: str, labels: pd.Series, names: dict[str, str]) -> pd.Series:
    """Labels as names of classes. Raises SourceError where the file has another one."""
    unknown = sorted(set(labels) - set(names))
    if unknown:
        cause = f"its labels {', '.join(map(repr, unknown[:3]))} are none of {', '.join(names)}"
        raise downloads.download_error(name, cause, "please open an issue that names the data set")
    return labels.map(names)


LOADERS: dict[str, Callable] = {
    "tweet_eval_offensive": partial(
        _of_the_hub, "tweet_eval_offensive", "tweet_eval", ("offensive/{}-*.parquet",), ["non-offensive", "offensive"]
    ),
    **{
        f"tweet_eval_stance_{target}": partial(
            _of_the_hub, f"tweet_eval_stance_{target}", "tweet_eval", (f"stance_{target}/{{}}-*.parquet",), STANCE
        )
        for target in TARGETS
    },
    "tweet_sentiment_spanish": partial(
        _of_the_hub, "tweet_sentiment_spanish", "tweet_sentiment_spanish",
        # The second: where a repository of JSON lines is converted to Parquet, as tweet_eval was.
        ("data/spanish/{}.jsonl", "spanish/{}-*.parquet"), ["negative", "neutral", "positive"],
    ),
    "incivility": _incivility,
    "kavanaugh_sentiment": partial(_kavanaugh, "sentiment", ["negative", "positive"]),
    "kavanaugh_stance": partial(_kavanaugh, "stance", ["opposing", "approving"]),
}  # fmt: skip

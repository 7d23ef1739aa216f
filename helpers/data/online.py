"""Loaders of data sets that a code host or an archive keeps, which need the network when they are first used."""

from collections.abc import Callable
from functools import partial

import pandas as pd

from helpers.data import downloads, splits


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
    "incivility": _incivility,
    "kavanaugh_sentiment": partial(_kavanaugh, "sentiment", ["negative", "positive"]),
    "kavanaugh_stance": partial(_kavanaugh, "stance", ["opposing", "approving"]),
}

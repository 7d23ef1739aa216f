"""One loader per data set, each giving a `datasets.DatasetDict` with train, validation and test.

Where the texts come from, who wrote them and what they may be used for: data/README.md.
"""

import html
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value
from sklearn.model_selection import train_test_split

from helpers import sources

PROJECT_DATA = Path(__file__).resolve().parent.parent / "data"
# Texts that share a run of so many words (a quote, a retweet, a reprint) stay on one side of a split. Speeches and
# articles share formulas and names of offices too, so that their run is longer.
SHARED_RUN_SHORT, SHARED_RUN_LONG = 8, 20


def load(name: str, seed: int = 0) -> DatasetDict:
    """A data set by name, cleaned, without duplicates, split 70/15/15 and stratified by label.

    Columns: text (str), label (ClassLabel), and date (str, year-month-day) where it is known. No text, and no two
    texts that share a run of 8 words (tweets, snippets) or 20 words (speeches, articles), stand in two splits.
    The seed changes the split, never the texts.

    Raises ValueError with the known names, SourceError where the data cannot be fetched.
    """
    if name not in LOADERS:
        raise ValueError(f"There is no data set {name!r}. There are: {', '.join(LOADERS)}.")
    frame, class_names = LOADERS[name]()
    frame = frame[frame["text"].str.strip() != ""]
    frame = frame[~frame["text"].map(normalise).duplicated()].reset_index(drop=True)
    features = Features(
        {
            column: ClassLabel(names=class_names) if column == "label" else Value("string")
            for column in ("text", "label", "date")
            if column in frame
        }
    )
    parts = split(frame, seed)
    return DatasetDict(
        {
            part: Dataset.from_pandas(rows[list(features)], features=features, preserve_index=False)
            for part, rows in parts.items()
        }
    )


def table(name: str) -> pd.DataFrame:
    """A small table that the project wrote itself, such as "fruit" or "model_sizes" (see data/README.md).

    Raises ValueError with the known names.
    """
    path = PROJECT_DATA / f"{name}.csv"
    if not path.exists():
        known = ", ".join(sorted(found.stem for found in PROJECT_DATA.glob("*.csv")))
        raise ValueError(f"There is no table {name!r} in data/. There are: {known}.")
    return pd.read_csv(path)


def normalise(text: str) -> str:
    """A text reduced to what makes two texts the same: lower-case words, without links, names and punctuation."""
    without = re.sub(r"https?://\S+|@\w+", " ", text.lower())
    return " ".join(re.findall(r"\w+", without)) or text


def same_source(texts: pd.Series, run: int) -> np.ndarray:
    """A group number for each text; texts that share `run` consecutive words are in one group."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    first_with: dict[int, int] = {}
    pairs = []
    for row, text in enumerate(texts):
        words = normalise(text).split()
        for start in range(max(1, len(words) - run + 1)):
            earlier = first_with.setdefault(hash(tuple(words[start : start + run])), row)
            if earlier != row:
                pairs.append((earlier, row))
    links = np.array(pairs, dtype=int).reshape(-1, 2)
    graph = coo_array((np.ones(len(links)), (links[:, 0], links[:, 1])), shape=(len(texts), len(texts)))
    return connected_components(graph, directed=False)[1]


def split(frame: pd.DataFrame, seed: int) -> dict[str, pd.DataFrame]:
    """Cut a table with text and label into 70 % train, 15 % validation, 15 % test, stratified, groups kept together."""
    short = frame["text"].str.split().str.len().mean() < 50
    run = SHARED_RUN_SHORT if short else SHARED_RUN_LONG
    group = pd.Series(same_source(frame["text"], run), index=frame.index)
    label_of_group = frame["label"].groupby(group).first()
    train, rest = train_test_split(label_of_group, test_size=0.3, stratify=label_of_group, random_state=seed)
    validation, test = train_test_split(rest, test_size=0.5, stratify=rest, random_state=seed)
    parts = {"train": train, "validation": validation, "test": test}
    return {name: frame[group.isin(groups.index)] for name, groups in parts.items()}


def _tweets() -> pd.DataFrame:
    """The tweets of both campaigns that they wrote themselves, in English, links and signatures taken out."""
    [path] = sources.files("election_tweets")
    frame = pd.read_csv(path, sep="\t", skiprows=[1, 2])
    frame = frame[(frame["Is retweet"].astype(str) == "False") & (frame["Language"] == "en")]
    text = frame["Content"].map(html.unescape).str.replace(r"https?://\S+", " ", regex=True)
    text = text.str.replace(r"\s*[-–—]\s*(H|Hillary)\W*$", "", regex=True)  # the candidate's own signature
    return pd.DataFrame(
        {
            "text": text.str.replace(r"\s+", " ", regex=True).str.strip(),
            "label": (frame["Author"] == "HillaryClinton").map({False: "Trump campaign", True: "Clinton campaign"}),
            "date": frame["Time"].str[:10],
        }
    )


CAMPAIGNS = ["Trump campaign", "Clinton campaign"]


def _election_tweets():
    return _tweets(), CAMPAIGNS


def _clinton_stance():
    """The tweets that name Clinton. The label is the campaign that wrote it: a proxy for stance towards her."""
    frame = _tweets()
    return frame[frame["text"].str.contains(r"clinton|hillary", case=False)], CAMPAIGNS


def _newsgroups() -> pd.DataFrame:
    frames = [pd.read_csv(path, sep="\t", skiprows=[1, 2]) for path in sources.files("newsgroups")]
    frame = pd.concat(frames, ignore_index=True).dropna(subset="Text")
    return pd.DataFrame({"text": frame["Text"].str.split().str[:80].str.join(" "), "label": frame["Category"]})


def _political_newsgroups():
    """The first 80 words of each post; the label says whether it stood in one of the three talk.politics groups."""
    frame = _newsgroups()
    political = frame["label"].str.startswith("talk.politics")
    return frame.assign(label=political.map({False: "other", True: "political"})), ["other", "political"]


def _rotten_tomatoes():
    """Snippets of film reviews; the label is the critic's verdict as the site gives it."""
    [path] = sources.files("rotten_tomatoes")
    frame = pd.read_csv(path)
    frame = frame[frame["category"].isin(["rotten", "fresh"])]
    return frame.rename(columns={"category": "label"})[["text", "label"]], ["rotten", "fresh"]


def _convention_speeches():
    [path] = sources.files("convention_speeches")
    frame = pd.read_csv(path)
    return frame.rename(columns={"party": "label"})[["text", "label"]], ["republican", "democrat"]


def _debates():
    [path] = sources.files("debates")
    frame = pd.read_csv(path)
    frame = frame.rename(columns={"statement": "text", "party": "label"})
    return frame[["text", "label"]], ["Republican", "Democratic", "Moderator"]


def _parliament(name: str) -> Callable:
    """Speeches with the speaker's party; parties with fewer than 50 speeches, and no party, are "other"."""

    def loader():
        [path] = sources.files(name)
        frame = pd.read_csv(path)
        party = frame["party"].fillna("other")
        party = party.where(party.map(party.value_counts()) >= 50, "other")
        return pd.DataFrame({"text": frame["text"], "label": party, "date": frame["date"]}), sorted(set(party))

    return loader


def _news_articles():
    """News articles with their outlet."""
    [path] = sources.files("news_articles")
    frame = pd.read_csv(path).dropna(subset="text")
    outlet = frame["article_source_link"].str.extract(r"//(?:www\.|edition\.)?([^/]+)/")[0].fillna("other")
    outlet = outlet.where(outlet.map(outlet.value_counts()) >= 50, "other")
    return pd.DataFrame({"text": frame["text"], "label": outlet}), sorted(set(outlet))


def _health_tweets():
    """Health news tweets with the account of the outlet that sent them."""
    [path] = sources.files("health_tweets")
    frame = pd.read_csv(path).dropna(subset="text")
    account = frame["source_id"].str.rsplit("-", n=1).str[0]
    return pd.DataFrame({"text": frame["text"], "label": account}), sorted(set(account))


def _support_tickets():
    """Tickets to a support desk, written for this workshop."""
    return table("support_tickets"), ["Hardware", "Software", "Billing"]


LOADERS: dict[str, Callable] = {
    "clinton_stance": _clinton_stance,
    "election_tweets": _election_tweets,
    "political_newsgroups": _political_newsgroups,
    "rotten_tomatoes": _rotten_tomatoes,
    "convention_speeches": _convention_speeches,
    "debates": _debates,
    "commons_speeches": _parliament("commons_speeches"),
    "bundestag_speeches": _parliament("bundestag_speeches"),
    "congreso_speeches": _parliament("congreso_speeches"),
    "tweedekamer_speeches": _parliament("tweedekamer_speeches"),
    "news_articles": _news_articles,
    "health_tweets": _health_tweets,
    "support_tickets": _support_tickets,
}

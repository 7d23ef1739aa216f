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
# Texts that share a run of so many words (a quote, a retweet, a reprint) stay on one side of a split.
SHARED_RUN, SHARED_RUN_LONG = 8, 20
# These share formulas and names of offices too, so that their run is the longer one.
LONG_TEXTS = {
    "political_newsgroups", "convention_speeches", "news_articles",
    "commons_speeches", "bundestag_speeches", "congreso_speeches", "tweedekamer_speeches",
}  # fmt: skip


def load(name: str, seed: int = 0) -> DatasetDict:
    """A data set by name, cleaned, without duplicates, split 70/15/15 and stratified by label.

    Columns: text (str), label (ClassLabel), and date (str, year-month-day) where it is known. No text, and no two
    texts that share a run of 8 words (tweets, snippets) or 20 words (speeches, articles), stand in two splits; a
    text that came with two labels is left out. The seed changes the split, never the texts.

    Raises ValueError with the known names, SourceError where the data cannot be fetched.
    """
    if name not in LOADERS:
        raise ValueError(f"There is no data set {name!r}. There are: {', '.join(LOADERS)}.")
    frame, class_names = LOADERS[name]()
    frame = without_duplicates(frame[frame["text"].str.contains(r"[^\W\d_]", na=False)])
    features = Features(
        {
            column: ClassLabel(names=class_names) if column == "label" else Value("string")
            for column in ("text", "label", "date")
            if column in frame
        }
    )
    parts = split(frame, SHARED_RUN_LONG if name in LONG_TEXTS else SHARED_RUN, seed)
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


def without_duplicates(frame: pd.DataFrame) -> pd.DataFrame:
    """One row for each normalised text; none for a text that stands there with more than one label."""
    same = frame["text"].map(normalise)
    labels = frame["label"].groupby(same).transform("nunique")
    return frame[(labels == 1) & ~same.duplicated()].reset_index(drop=True)


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


def split(frame: pd.DataFrame, run: int, seed: int) -> dict[str, pd.DataFrame]:
    """Cut a table with text and label into 70 % train, 15 % validation, 15 % test, stratified.

    Texts that share `run` consecutive words stay together.
    """
    group = pd.Series(same_source(frame["text"], run), index=frame.index)
    label_of_group = frame["label"].groupby(group).first()
    train, rest = train_test_split(label_of_group, test_size=0.3, stratify=label_of_group, random_state=seed)
    validation, test = train_test_split(rest, test_size=0.5, stratify=rest, random_state=seed)
    parts = {"train": train, "validation": validation, "test": test}
    return {name: frame[group.isin(groups.index)] for name, groups in parts.items()}


def _plain(texts: pd.Series) -> pd.Series:
    """Texts of the web without links and HTML's spelling of characters."""
    return texts.map(html.unescape).str.replace(r"https?://\S+", " ", regex=True)


def _mended(text: str) -> str:
    """A text whose UTF-8 was once read as Windows-1252 ("â€™" for an apostrophe), read rightly; others unchanged."""
    try:
        return text.encode("cp1252").decode("utf-8")
    except UnicodeError:
        return text


def _tweets() -> pd.DataFrame:
    """The tweets of both campaigns in their own words, in English, links and signatures taken out.

    Retweets are left out, and so are tweets that open with a quoted @name: somebody else wrote those words.
    """
    [path] = sources.files("election_tweets")
    frame = pd.read_csv(path, sep="\t", skiprows=[1, 2])
    frame = frame[(frame["Is retweet"].astype(str) == "False") & (frame["Language"] == "en")]
    frame = frame[~frame["Content"].str.contains(r'^\W*["“]@')]
    text = _plain(frame["Content"])
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
    return pd.DataFrame({"text": _plain(frame["text"]), "label": frame["category"]}), ["rotten", "fresh"]


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
    """Speeches with the speaker's party, without what the chair says to run the sitting.

    Parties with fewer than 50 speeches, and no party, are "other".
    """

    def loader():
        [path] = sources.files(name)
        frame = pd.read_csv(path)
        frame = frame[~frame["chair"]].dropna(subset="text")
        party = frame["party"].fillna("other")
        party = party.where(party.map(party.value_counts()) >= 50, "other")
        text = frame["text"].map(_mended)
        return pd.DataFrame({"text": text, "label": party, "date": frame["date"]}), sorted(set(party))

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
    return pd.DataFrame({"text": _plain(frame["text"]), "label": account}), sorted(set(account))


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

"""The workshop's data sets, one loader each.

Where the texts come from, who wrote them and what they may be used for: data/README.md.
"""

import hashlib
import re
from collections.abc import Callable

import pandas as pd
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value

from helpers.data import downloads, splits
from helpers.packages import catalogue
from helpers.settings import DATA


def load(name: str, seed: int = 0) -> DatasetDict:
    """Load a data set by name, cleaned, without duplicates, split 70/15/15 and stratified by label.

    Taught on Day 2, "From a question to labels".

    Parameters
    ----------
    name : str
        From Python packages: campaign_tweets, clinton_stance, election_tweets, political_newsgroups, rotten_tomatoes,
        convention_speeches, debates, commons_speeches, bundestag_speeches, congreso_speeches, tweedekamer_speeches,
        news_articles, health_tweets. Written for the workshop: support_tickets. Downloaded at first use: incivility,
        kavanaugh_sentiment, kavanaugh_stance. data/README.md describes them.
    seed : int
        Changes the split, never the texts.

    Returns
    -------
    datasets.DatasetDict
        train, validation and test, with the columns text (str), label (ClassLabel), and, where they are known, date
        (str, year-month-day), target (str, who is named) and retweets (int). No text is in two splits, and texts that
        share 8 consecutive words (tweets, snippets) or 20 (speeches, articles) are in the same one. A text that has
        two labels is left out.

    Raises
    ------
    ValueError
        For an unknown name, with the known ones.
    SourceError
        Where the data cannot be fetched.
    """
    if name not in LOADERS:
        raise ValueError(f"There is no data set {name!r}. There are: {', '.join(LOADERS)}.")
    frame, class_names = LOADERS[name]()
    frame = splits.without_duplicates(frame[frame["text"].str.contains(r"[^\W\d_]", na=False)])
    parts = splits.split(frame, splits.run_of(name), seed)
    kinds = {"text": Value("string"), "label": ClassLabel(names=class_names), "date": Value("string")}
    kinds |= {"target": Value("string"), "retweets": Value("int64")}
    features = Features({column: kind for column, kind in kinds.items() if column in frame})
    return DatasetDict(
        {
            part: Dataset.from_pandas(rows[list(features)], features=features, preserve_index=False)
            for part, rows in parts.items()
        }
    )


def table(name: str) -> pd.DataFrame:
    """Read a small table that was written for the workshop. Taught on Day 1, "Three uses in political science".

    Parameters
    ----------
    name : str
        Of a CSV file in data/, such as "fruit" or "model_sizes"; data/README.md describes them.

    Returns
    -------
    pandas.DataFrame
        The table.

    Raises
    ------
    ValueError
        For an unknown name, with the known ones.
    """
    path = DATA / f"{name}.csv"
    if not path.exists():
        known = ", ".join(sorted(found.stem for found in DATA.glob("*.csv")))
        raise ValueError(f"There is no table {name!r} in data/. There are: {known}.")
    return pd.read_csv(path)


def text_id(text: str) -> str:
    """The first 12 hexadecimal digits of a text's SHA-256, by which files in data/ name texts of others."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _repaired(text: str) -> str:
    """Undo that UTF-8 was once read as Windows-1252 ("â€™" for an apostrophe)."""

    def reread(found: re.Match) -> str:
        try:
            # Windows-1252 leaves five bytes undefined; they were read as the characters of the same number.
            return b"".join(bytes([ord(c)]) if ord(c) < 256 else c.encode("cp1252") for c in found[0]).decode()
        except UnicodeError:
            return found[0]

    return re.sub(r"[ÂÃâ][^\x00-\x7f]{1,2}", reread, text)


def _tweets() -> pd.DataFrame:
    """The English tweets that both campaigns wrote, without links and signatures.

    Retweets are left out, and so are tweets that open with a quoted @name: somebody else wrote those words.
    """
    [path] = catalogue.files("election_tweets")
    frame = pd.read_csv(path, sep="\t", skiprows=[1, 2])
    frame = frame[(frame["Is retweet"].astype(str) == "False") & (frame["Language"] == "en")]
    frame = frame[~frame["Content"].str.contains(r'^\W*["“]@')]
    text = splits.plain(frame["Content"])
    text = text.str.replace(r"\s*[-–—]\s*(H|Hillary)\W*$", "", regex=True)  # the candidate's own signature
    return pd.DataFrame(
        {
            "text": text.str.replace(r"\s+", " ", regex=True).str.strip(),
            "label": (frame["Author"] == "HillaryClinton").map({False: "Trump campaign", True: "Clinton campaign"}),
            "date": frame["Time"].str[:10],
            "retweets": frame["Retweet count"].astype(int),
        }
    )


CAMPAIGNS = ["Trump campaign", "Clinton campaign"]
NAMES = {"Clinton": r"clinton|hillary", "Trump": r"trump|donald"}


def _election_tweets():
    return _tweets(), CAMPAIGNS


def _clinton_stance():
    """The tweets that name Clinton. The label is the campaign that wrote them: a proxy for stance towards her."""
    frame = _tweets()
    return frame[frame["text"].str.contains(NAMES["Clinton"], case=False)], CAMPAIGNS


def _campaign_tweets():
    """The tweets that name exactly one of the two candidates, who is the target.

    The label is the campaign that wrote a tweet: a proxy for the candidate whom it supports.
    """
    frame = _tweets()
    clinton = frame["text"].str.contains(NAMES["Clinton"], case=False)
    trump = frame["text"].str.contains(NAMES["Trump"], case=False)
    frame = frame.assign(target=clinton.map({True: "Clinton", False: "Trump"}))
    return frame[clinton != trump], CAMPAIGNS


def _newsgroups() -> pd.DataFrame:
    frames = [pd.read_csv(path, sep="\t", skiprows=[1, 2]) for path in catalogue.files("newsgroups")]
    frame = pd.concat(frames, ignore_index=True).dropna(subset="Text")
    return pd.DataFrame({"text": frame["Text"].str.split().str[:80].str.join(" "), "label": frame["Category"]})


def _political_newsgroups():
    """The first 80 words of each post; the label says whether it is from one of the three talk.politics groups."""
    frame = _newsgroups()
    political = frame["label"].str.startswith("talk.politics")
    return frame.assign(label=political.map({False: "other", True: "political"})), ["other", "political"]


def _rotten_tomatoes():
    """Snippets of film reviews; the label is the critic's verdict as the site gives it."""
    [path] = catalogue.files("rotten_tomatoes")
    frame = pd.read_csv(path)
    frame = frame[frame["category"].isin(["rotten", "fresh"])]
    return pd.DataFrame({"text": splits.plain(frame["text"]), "label": frame["category"]}), ["rotten", "fresh"]


def _convention_speeches():
    [path] = catalogue.files("convention_speeches")
    frame = pd.read_csv(path)
    return frame.rename(columns={"party": "label"})[["text", "label"]], ["republican", "democrat"]


def _debates():
    [path] = catalogue.files("debates")
    frame = pd.read_csv(path)
    frame = frame.rename(columns={"statement": "text", "party": "label"})
    return frame[["text", "label"]], ["Republican", "Democratic", "Moderator"]


def _parliament(name: str) -> Callable:
    """A loader of speeches with the speaker's party, without those of the chair.

    Parties with fewer than 50 speeches, and no party, are "other".
    """

    def loader():
        [path] = catalogue.files(name)
        frame = pd.read_csv(path)
        frame = frame[~frame["chair"]].dropna(subset="text")
        party = frame["party"].fillna("other")
        party = party.where(party.map(party.value_counts()) >= 50, "other")
        text = frame["text"].map(_repaired)
        return pd.DataFrame({"text": text, "label": party, "date": frame["date"]}), sorted(set(party))

    return loader


def _news_articles():
    """News articles with their outlet."""
    [path] = catalogue.files("news_articles")
    frame = pd.read_csv(path).dropna(subset="text")
    outlet = frame["article_source_link"].str.extract(r"//(?:www\.|edition\.)?([^/]+)/")[0].fillna("other")
    outlet = outlet.where(outlet.map(outlet.value_counts()) >= 50, "other")
    return pd.DataFrame({"text": frame["text"], "label": outlet}), sorted(set(outlet))


def _health_tweets():
    """Health news tweets with the account of the outlet that sent them."""
    [path] = catalogue.files("health_tweets")
    frame = pd.read_csv(path).dropna(subset="text")
    account = frame["source_id"].str.rsplit("-", n=1).str[0]
    return pd.DataFrame({"text": splits.plain(frame["text"]), "label": account}), sorted(set(account))


def _support_tickets():
    """Tickets to a support desk, written for this workshop."""
    return table("support_tickets"), ["Hardware", "Software", "Billing"]


LOADERS: dict[str, Callable] = {
    "campaign_tweets": _campaign_tweets,
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
    **downloads.LOADERS,
}

"""The loaders: what every data set promises."""

import csv

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from datasets import ClassLabel
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from helpers.data import downloads, sets, splits

NAMES = [name for name in sets.LOADERS if name not in downloads.LOADERS]  # those: test_downloads.py
LARGE = {"health_tweets", "political_newsgroups"}


@pytest.fixture(scope="module", params=NAMES)
def loaded(request):
    return request.param, sets.load(request.param)


def test_each_has_three_parts_with_text_and_named_labels(loaded):
    name, parts = loaded
    assert list(parts) == ["train", "validation", "test"]
    for part in parts.values():
        assert {"text", "label"} <= set(part.column_names) <= {"text", "label", "date", "target", "retweets"}
        assert isinstance(part.features["label"], ClassLabel)
        assert len(part) > 10


def test_no_text_stands_in_two_splits(loaded):
    name, parts = loaded
    texts = [{splits.normalize(text) for text in part["text"]} for part in parts.values()]
    assert not (texts[0] & texts[1] or texts[0] & texts[2] or texts[1] & texts[2])
    assert sum(len(each) for each in texts) == sum(len(part) for part in parts.values())  # nor twice in one


def test_no_two_near_duplicates_stand_in_two_splits(loaded):
    """Checked by another way than the loader's: every run of words as a set of strings."""
    name, parts = loaded
    if name in LARGE:
        parts = {part: rows.select(range(min(1500, len(rows)))) for part, rows in parts.items()}
    run = splits.run_of(name)

    def runs(part):
        found = set()
        for text in part["text"]:
            tokens = splits.words(text)
            found |= {" ".join(tokens[i : i + run]) for i in range(len(tokens) - run + 1)}
        return found

    train, validation, test = (runs(part) for part in parts.values())
    assert not (train & validation or train & test or validation & test)


def test_every_class_stands_in_every_split_in_like_shares(loaded):
    name, parts = loaded
    shares = [
        np.bincount(part["label"], minlength=part.features["label"].num_classes) / len(part) for part in parts.values()
    ]
    assert all((share > 0).all() for share in shares)
    assert all(np.abs(share - shares[0]).max() < 0.03 + 1 / len(parts["test"]) for share in shares), name


def test_every_split_has_its_share_of_the_rows(loaded):
    name, parts = loaded
    sizes = np.array([len(part) for part in parts.values()])
    assert np.abs(sizes - np.array([0.70, 0.15, 0.15]) * sizes.sum()).max() < 3, name


def test_the_card_gives_the_sizes_that_the_loader_gives(loaded):
    name, parts = loaded
    cards = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    sizes = [f"{len(part):,}" for part in parts.values()]
    written = " / ".join(sizes), "train {}, validation {}, test {}".format(*sizes)
    assert any(form in cards for form in written), (name, sizes)


def test_the_same_seed_gives_the_same_split_and_another_seed_another():
    first, again, other = (sets.load("clinton_stance", seed=seed)["test"]["text"][:] for seed in (0, 0, 1))
    assert first == again
    assert set(first) != set(other)


def test_clinton_stance_names_her_and_holds_no_links_and_no_signatures():
    for part in sets.load("clinton_stance").values():
        for text in part["text"]:
            assert "http" not in text
            assert "clinton" in text.lower() or "hillary" in text.lower()
            assert not text.rstrip().endswith(("-H", "—Hillary", "- H", "&amp;"))


def test_newsgroups_have_the_share_of_political_posts_that_the_corpus_has():
    labels = np.concatenate([part["label"] for part in sets.load("political_newsgroups").values()])
    assert 0.12 < labels.mean() < 0.16


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match="clinton_stance"):
        sets.load("brexit")
    with pytest.raises(ValueError, match="fruit"):
        sets.table("vegetables")


def test_texts_that_share_a_quote_are_one_group():
    quote = "we will never ever give up on the people of this great state"
    texts = pd.Series([f"He said: {quote}!", "Something else entirely, about the weather.", f"{quote.upper()} (again)"])
    groups = splits.same_source(texts, run=8)
    assert groups[0] == groups[2] != groups[1]


def test_a_text_with_two_labels_is_left_out():
    frame = pd.DataFrame(
        {"text": ["Vote!", "vote!", "Stay home.", "stay  home.", "Sleep", "sleep!"], "label": list("aabcab")}
    )
    assert list(splits.without_duplicates(frame)["text"]) == ["Vote!", "Sleep", "sleep!"]


def test_speeches_read_as_they_were_written():
    for part in sets.load("commons_speeches").values():
        assert not [text for text in part["text"] if "â€" in text]


def test_tickets_are_balanced_and_distinct():
    tickets = sets.table("support_tickets")
    assert len(tickets) >= 120
    assert set(tickets["label"].value_counts()) == {len(tickets) // 3}
    assert not tickets["text"].map(splits.normalize).duplicated().any()


def test_the_best_rule_of_one_word_is_right_for_at_most_60_percent_of_the_tickets():
    tickets = sets.table("support_tickets")
    codes, names = pd.factorize(tickets["label"])
    present = CountVectorizer(binary=True).fit_transform(tickets["text"]).toarray().astype(bool)
    right = []
    for word in present.T:
        with_word = np.bincount(codes[word], minlength=len(names))
        without = np.bincount(codes[~word], minlength=len(names))
        right.append((with_word.max() + without.max()) / len(codes))
    assert max(right) <= 0.60


@pytest.mark.parametrize(
    "model",
    [
        make_pipeline(CountVectorizer(), LogisticRegression(max_iter=1000)),
        make_pipeline(TfidfVectorizer(), LinearSVC()),
    ],
    ids=["counts", "tfidf"],
)
def test_a_bag_of_words_is_right_for_60_to_85_percent_of_the_tickets(model):
    tickets = sets.table("support_tickets")
    folds = [StratifiedKFold(5, shuffle=True, random_state=seed) for seed in range(3)]
    scores = [cross_val_score(model, tickets["text"], tickets["label"], cv=fold).mean() for fold in folds]
    assert min(scores) > 0.60 and max(scores) < 0.85


def test_published_results_are_consistent_where_rows_allow_a_check():
    """Macro averages of Table A1 follow from its rows, but for the slip that Day 1 shows."""
    table = sets.table("published_results").query("table == 'A1'")
    for (classifier, measure), rows in table.groupby(["classifier", "measure"]):
        value = rows.set_index("task")["value"]
        agrees = abs(value[["Neutral/Civil", "Uncivil"]].mean() - value["Macro average"]) < 0.0051
        assert agrees == ((classifier, measure) != ("Tuned transformer", "recall")), (classifier, measure)


def test_every_model_size_has_a_source():
    sizes = sets.table("model_sizes")
    assert sizes["source"].fillna("").str.strip().ne("").all()
    assert sizes["model"].is_unique
    assert sizes.set_index("model").loc["GPT-3", "parameters_millions"] == 175_000


def test_model_sizes_are_positive_and_only_sparse_models_have_active_parameters():
    sizes = sets.table("model_sizes")
    assert (sizes["parameters_millions"] > 0).all()
    assert set(sizes["kind"]) == {"dense", "sparse"}
    active = sizes.dropna(subset=["active_millions"])
    assert len(active) >= 5 and (active["kind"] == "sparse").all()
    assert active["active_millions"].gt(0).all() and (active["active_millions"] < active["parameters_millions"]).all()


def test_model_sizes_are_in_order_of_date_and_recent():
    sizes = sets.table("model_sizes")
    dates = pd.to_datetime(sizes["date"], format="%Y-%m")
    assert dates.is_monotonic_increasing
    assert dates.iloc[-1].year >= 2025
    card = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    assert f"{len(sizes)} language models, {dates.iloc[0]:%B %Y} to {dates.iloc[-1]:%B %Y}" in card


def test_project_tables_are_plain_csv_in_utf_8():
    for path in (ROOT / "data").glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as stream:
            widths = {len(row) for row in csv.reader(stream)}
        assert len(widths) == 1, path.name


def test_what_the_card_says_of_other_clintons():
    texts = pd.concat([part.to_pandas()["text"] for part in sets.load("clinton_stance").values()])
    others = texts.str.replace(r"@?\s*Bill\s*Clinton|President Clinton|@?Chelsea\s*Clinton", "", case=False, regex=True)
    only = ~others.str.contains("clinton|hillary", case=False)
    card = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    assert f"{only.sum()} of the {len(texts)} in `clinton_stance` name only somebody else" in card
    assert 0.02 < only.mean() < 0.04  # "about three of a hundred", Day 1

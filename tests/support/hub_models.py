"""Tiny random models of the real architectures, under the names that the notebooks and tests use of the Hub.

Files are those that the real repositories have, as far as the workshop reads them: which have tokenizer.json, which
only vocab.json and merges.txt, which have their weights only as pytorch_model.bin.
"""

import json
import shutil
from pathlib import Path

import torch
import transformers as hf
from hub_marian import learn_pieces, marian, texts
from tokenizers import ByteLevelBPETokenizer, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

from helpers.packages import catalogue

SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
DISTILBERT = {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 64}
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def build(folder: Path) -> None:
    """Fill `folder` with one folder for each repository, by its name."""
    hf.logging.disable_progress_bar()
    torch.manual_seed(0)
    for name, make in REPOSITORIES.items():
        (folder / name).mkdir(parents=True)
        make(folder / name)


def _save(model, folder: Path, only_bin: bool = False) -> None:
    model.save_pretrained(folder)
    if only_bin:
        torch.save(model.state_dict(), folder / "pytorch_model.bin")
        (folder / "model.safetensors").unlink()


def _uncased_words(folder: Path) -> dict:
    """BERT's own uncased vocabulary, which the packages' encoder has too."""
    for blob, file in zip(catalogue.files("minilm"), catalogue.entry("minilm")["files"], strict=True):
        name = Path(file["member"]).name
        if name in ("vocab.txt", "tokenizer.json", "tokenizer_config.json"):
            shutil.copy(blob, folder / name)
    return {"vocab_size": 30522, "max_position_embeddings": 512}


def bert(folder: Path) -> None:
    _save(hf.BertForPreTraining(hf.BertConfig(**SMALL, **_uncased_words(folder))), folder)


def minilm(folder: Path) -> None:
    _save(hf.BertModel(hf.BertConfig(**SMALL, **_uncased_words(folder))), folder)
    (folder / "onnx").mkdir()
    (folder / "onnx" / "config.json").write_text("{}")  # the real one has copies for other programs in folders


def _distilbert(folder: Path, labels: list[str]) -> None:
    wide = {"initializer_range": 0.5}  # with narrow weights, every text would get the same label
    config = hf.DistilBertConfig(**DISTILBERT, **_uncased_words(folder), **_labels(labels), **wide)
    _save(hf.DistilBertForSequenceClassification(config), folder)


def distilbert_answers(folder: Path) -> None:
    config = hf.DistilBertConfig(**DISTILBERT, **_uncased_words(folder))
    _save(hf.DistilBertForQuestionAnswering(config), folder)


def distilbert_sentiment(folder: Path) -> None:
    _distilbert(folder, ["NEGATIVE", "POSITIVE"])


def distilbert_entailment(folder: Path) -> None:
    _distilbert(folder, ["ENTAILMENT", "NEUTRAL", "CONTRADICTION"])
    (folder / "tokenizer.json").unlink()


def entities(folder: Path) -> None:
    words = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    words.normalizer = normalizers.BertNormalizer(lowercase=False)
    words.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words.train_from_iterator(texts("en"), trainers.WordPieceTrainer(vocab_size=800, special_tokens=special))
    words.model.save(str(folder))
    _write(folder / "tokenizer_config.json", {"do_lower_case": False, "model_max_length": 512})
    names = ["O", "B-MISC", "I-MISC", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC"]
    config = hf.BertConfig(**SMALL, vocab_size=words.get_vocab_size(), **_labels(names))
    _save(hf.BertForTokenClassification(config), folder)


def _byte_pieces(folder: Path, special: list[str]) -> int:
    """Byte-level BPE as vocab.json, merges.txt and tokenizer.json; how many pieces there are."""
    pieces = ByteLevelBPETokenizer()
    pieces.train_from_iterator(texts("en"), vocab_size=900, special_tokens=special, show_progress=False)
    pieces.save_model(str(folder))
    pieces.save(str(folder / "tokenizer.json"))
    return pieces.get_vocab_size()


def smollm2(folder: Path) -> None:
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    size = _byte_pieces(folder, special)
    settings = {"tokenizer_class": "GPT2Tokenizer", "bos_token": special[1], "eos_token": special[2]}
    settings |= {"pad_token": special[2], "unk_token": special[0], "model_max_length": 8192, "chat_template": CHATML}
    settings["additional_special_tokens"] = special[1:]
    _write(folder / "tokenizer_config.json", settings)
    ends = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2, "tie_word_embeddings": True}
    config = hf.LlamaConfig(**SMALL, num_key_value_heads=2, vocab_size=size, max_position_embeddings=8192, **ends)
    _save(hf.LlamaForCausalLM(config).to(torch.bfloat16), folder)  # as the real one's weights are kept


def roberta(folder: Path) -> None:
    size = _byte_pieces(folder, SPECIAL)
    _write(folder / "tokenizer_config.json", {"tokenizer_class": "RobertaTokenizer", "model_max_length": 512})
    config = hf.RobertaConfig(**SMALL, vocab_size=size, max_position_embeddings=514, type_vocab_size=1)
    _save(hf.RobertaForMaskedLM(config), folder)


def bertweet(folder: Path) -> None:
    """fairseq's vocabulary (a piece and its count a line), and fastBPE's merges."""
    pieces = Tokenizer(models.BPE(unk_token="<unk>", continuing_subword_prefix="", end_of_word_suffix="</w>"))
    pieces.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.BpeTrainer(vocab_size=900, end_of_word_suffix="</w>", show_progress=False)
    pieces.train_from_iterator(texts("en"), trainer)
    learned = json.loads(pieces.to_str())["model"]
    merges = [merge if isinstance(merge, list) else merge.split() for merge in learned["merges"]]
    (folder / "bpe.codes").write_text("".join(f"{left} {right} 1\n" for left, right in merges), encoding="utf-8")
    # In fairseq's files it is the unfinished piece that is marked: "vot@@ ing" for "vot", "ing</w>".
    shown = [piece.removesuffix("</w>") if piece.endswith("</w>") else f"{piece}@@" for piece in learned["vocab"]]
    (folder / "vocab.txt").write_text("".join(f"{piece} 1\n" for piece in shown), encoding="utf-8")
    numbers = {piece: number for number, piece in enumerate([*SPECIAL[:4], *shown, SPECIAL[4]])}
    # The real one has this file too; read with it alone, names and links would not become @USER and HTTPURL.
    Tokenizer(models.WordLevel(numbers, unk_token="<unk>")).save(str(folder / "tokenizer.json"))
    config = hf.RobertaConfig(
        **SMALL, vocab_size=len(shown) + 5, max_position_embeddings=130, type_vocab_size=1,
        tokenizer_class="BertweetTokenizer",
    )  # fmt: skip
    _save(hf.RobertaForMaskedLM(config), folder, only_bin=True)


def rater(folder: Path) -> None:
    """XLM-R with one output, and its tokenizer as sentencepiece's model alone."""
    pieces = learn_pieces(folder / "sentencepiece.bpe.model", texts("en") + texts("pt"), 900).GetPieceSize()
    _write(folder / "tokenizer_config.json", {"do_lower_case": False, "model_max_length": 512})
    positions = {"max_position_embeddings": 514, "type_vocab_size": 1}
    config = hf.XLMRobertaConfig(**SMALL, **positions, vocab_size=pieces + 2, num_labels=1)  # <pad> and <mask>
    _save(hf.XLMRobertaForSequenceClassification(config), folder, only_bin=True)


def multilingual(folder: Path) -> None:
    """BERT with XLM-R's kind of tokens, as tokenizer.json."""
    pieces = Tokenizer(models.Unigram())
    pieces.pre_tokenizer = pre_tokenizers.Metaspace()
    options = {"special_tokens": SPECIAL, "unk_token": "<unk>", "show_progress": False}
    pieces.train_from_iterator(texts("en") + texts("pt"), trainers.UnigramTrainer(vocab_size=900, **options))
    ends = [("<s>", 0), ("</s>", 2)]
    pieces.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=ends)
    pieces.save(str(folder / "tokenizer.json"))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 512, "pad_token": "<pad>"}
    _write(folder / "tokenizer_config.json", settings)
    sizes = {"vocab_size": pieces.get_vocab_size(), "max_position_embeddings": 512, "pad_token_id": 1}
    _save(hf.BertModel(hf.BertConfig(**SMALL, **sizes)), folder)


def _labels(names: list[str]) -> dict:
    return {"id2label": dict(enumerate(names)), "label2id": {name: number for number, name in enumerate(names)}}


def _write(path: Path, content: dict) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


REPOSITORIES = {
    "google-bert/bert-base-uncased": bert,
    "sentence-transformers/all-MiniLM-L6-v2": minilm,
    "HuggingFaceTB/SmolLM2-135M-Instruct": smollm2,
    "FacebookAI/roberta-base": roberta,
    "Helsinki-NLP/opus-mt-tc-big-en-pt": lambda folder: _save(marian(folder, "en", "pt", ">>por<<"), folder),
    "Helsinki-NLP/opus-mt-ROMANCE-en": lambda folder: _save(marian(folder, "pt", "en"), folder, only_bin=True),
    # Our sentences have no German or Dutch; Portuguese takes their place.
    "Helsinki-NLP/opus-mt-de-en": lambda folder: _save(marian(folder, "pt", "en"), folder, only_bin=True),
    "Helsinki-NLP/opus-mt-nl-en": lambda folder: _save(marian(folder, "pt", "en"), folder, only_bin=True),
    "TransQuest/monotransquest-da-multilingual": rater,
    "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2": multilingual,
    "distilbert/distilbert-base-uncased-finetuned-sst-2-english": distilbert_sentiment,
    "typeform/distilbert-base-uncased-mnli": distilbert_entailment,
    "distilbert/distilbert-base-cased-distilled-squad": distilbert_answers,
    "dslim/bert-base-NER": entities,
    "vinai/bertweet-base": bertweet,
}

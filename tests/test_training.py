"""Trainings continue after an interruption, and saved models are complete and say what they began from."""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from conftest import ROOT
from datasets import Dataset
from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

from helpers import packages, training
from helpers.label.classifier import Classifier
from helpers.label.files import LabelError


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
    assert str(tmp_path) in line and "(different: the model, learning_rate, seed)" in line and "output_dir" in line
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


def test_a_training_that_began_from_another_model_starts_anew(tmp_path):
    first = tiny_trainer(tmp_path)
    first.model.config.name_or_path = "vinai/bertweet-base"
    training.last_checkpoint(first)
    first.train()
    for name in ("vinai/bertweet-base", "FacebookAI/roberta-base"):
        trainer = tiny_trainer(tmp_path)
        trainer.model.config.name_or_path = name
        assert bool(training.last_checkpoint(trainer)) == (name == "vinai/bertweet-base")


def test_a_checkpoint_whose_saving_was_cut_short_is_not_used(tmp_path):
    first = tiny_trainer(tmp_path)
    training.last_checkpoint(first)
    first.train()
    (tmp_path / "checkpoint-6" / "trainer_state.json").write_text('{"global_')
    assert training.last_checkpoint(tiny_trainer(tmp_path)).endswith("checkpoint-4")
    assert not (tmp_path / "checkpoint-6").exists()


KILLED = """
import sys; sys.path[:0] = [{tests!r}, {tests!r} + "/support", {root!r}]
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
    deadline = time.monotonic() + 300
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


def test_a_model_that_is_in_use_stays_as_it_was_and_the_message_says_what_to_do(tmp_path, monkeypatch):
    folder = tmp_path / "model"
    training.save(tiny_trainer(tmp_path / "run"), folder)
    before = contents(folder)
    in_use(monkeypatch, folder)
    with pytest.raises(OSError, match="in use and cannot be replaced .*Access(.|\n)*save again"):
        training.save(tiny_trainer(tmp_path / "run", width=32), folder)
    assert contents(folder) == before
    monkeypatch.undo()
    training.save(tiny_trainer(tmp_path / "run", width=32), folder)
    assert contents(folder) != before and {path.name for path in tmp_path.iterdir()} == {"model", "run"}


def saved(tmp_path, name: str) -> Path:
    """A classifier with the encoder's tokenizer, saved as one that began from the model of that name."""
    trainer = tiny_trainer(tmp_path / "run")
    trainer.processing_class = AutoTokenizer.from_pretrained(packages.published("minilm"))
    trainer.model.config.name_or_path = name
    trainer.model.config.id2label = {0: "no", 1: "yes"}
    training.save(trainer, tmp_path / "model")
    return tmp_path / "model"


def test_a_saved_model_says_which_published_model_or_stand_in_it_began_from(tmp_path, capsys):
    def began(name: str) -> str:
        text = (saved(tmp_path, name) / "origin.json").read_text(encoding="utf-8")
        assert str(training.CACHE) not in text and str(tmp_path) not in text
        return json.loads(text)["model"]

    assert began("vinai/bertweet-base") == "vinai/bertweet-base"
    assert began(packages.model("google-bert/bert-base-uncased")).startswith("the stand-in minilm-pretraining-")
    (tmp_path / "model").rename(tmp_path / "first")
    assert began(str(tmp_path / "first")).startswith("first, trained from the stand-in minilm-pretraining-")


def test_a_model_is_not_used_with_another_tokenizer_than_its_own(tmp_path):
    folder = saved(tmp_path, "sentence-transformers/all-MiniLM-L6-v2")
    Classifier(folder)
    AutoTokenizer.from_pretrained(folder, do_lower_case=False).save_pretrained(folder)  # the same words, capitals kept
    with pytest.raises(LabelError, match="trained from sentence-transformers/all-MiniLM-L6-v2. Save both again"):
        Classifier(folder)
    (folder / "origin.json").write_text('{"model": "sent')
    with pytest.raises(LabelError, match="origin.json is damaged. Save the model again"):
        Classifier(folder)


def test_a_model_of_the_first_edition_still_labels_and_is_kept_when_another_is_saved(tmp_path, capsys):
    folder = saved(tmp_path, "sentence-transformers/all-MiniLM-L6-v2")
    noted = json.loads((folder / "origin.json").read_text())
    old = {"source": "packages", "checkpoint": "packages/minilm-1.0", "tokenizer": noted["tokenizer"]}
    (folder / "origin.json").write_text(json.dumps(old))
    Classifier(folder)
    before = contents(folder)
    saved(tmp_path, "sentence-transformers/all-MiniLM-L6-v2")
    assert contents(tmp_path / "model-first-edition") == before
    assert "first edition saved" in capsys.readouterr().out
    assert json.loads((folder / "origin.json").read_text()) == noted


def test_a_saved_bertweet_reads_as_it_did_in_training(tmp_path):
    """transformers saves its merges such that every word falls into letters when they are read again."""
    import hub_models  # not above: the trainings in processes of their own import this file

    (tmp_path / "bertweet").mkdir()
    hub_models.bertweet(tmp_path / "bertweet")
    (tmp_path / "bertweet" / "tokenizer.json").unlink(missing_ok=True)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "bertweet", normalization=True)
    trainer = tiny_trainer(tmp_path / "run")
    trainer.processing_class = tokenizer
    training.save(trainer, tmp_path / "model")
    again, text = AutoTokenizer.from_pretrained(tmp_path / "model"), "@someone the council voted https://t.co/x"
    assert again.tokenize(text) == tokenizer.tokenize(text) and "council" in again.tokenize(text)
    assert again.model_max_length == 512  # as many as the model takes, which BERTweet's tokenizer does not know

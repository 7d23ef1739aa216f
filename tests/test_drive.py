"""Outputs on Google Drive: a lost runtime loses nothing, and two runtimes are never mixed."""

import shutil
import sys
import types
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from helpers import drive, settings
from helpers.exercises import progress


@pytest.fixture
def outputs(monkeypatch, tmp_path):
    """The outputs of a fresh clone."""
    monkeypatch.setattr(settings, "OUTPUTS", tmp_path / "outputs")
    return tmp_path / "outputs"


@pytest.fixture
def colab_drive(monkeypatch, tmp_path, outputs):
    """A stub of google.colab whose Drive is a folder."""
    module = types.ModuleType("google.colab")
    module.__spec__ = ModuleSpec("google.colab", None)  # accelerate looks for it
    module.drive = types.SimpleNamespace(
        mount=lambda place: (Path(place) / "MyDrive").mkdir(parents=True, exist_ok=True)
    )
    monkeypatch.setitem(sys.modules, "google.colab", module)
    return tmp_path / "drive"


def test_a_lost_runtime_finds_its_outputs_on_drive(colab_drive, outputs):
    drive.keep_outputs(mount=colab_drive)
    (outputs / "day2" / "stance").mkdir(parents=True)
    (outputs / "day2" / "stance" / "config.json").write_text("first runtime")
    outputs.unlink()  # the runtime's disk is gone, Drive is not
    (outputs / "day1").mkdir(parents=True)
    (outputs / "day1" / "new.txt").write_text("second runtime")
    drive.keep_outputs(mount=colab_drive)
    assert (outputs / "day2" / "stance" / "config.json").read_text() == "first runtime"
    assert (outputs / "day1" / "new.txt").read_text() == "second runtime"
    drive.keep_outputs(mount=colab_drive)  # the cell run again
    assert (colab_drive / "MyDrive" / "llm-workshop" / "outputs" / "day1" / "new.txt").exists()


def test_a_training_goes_on_in_the_next_runtime(colab_drive, outputs):
    from test_training import tiny_trainer

    from helpers import training

    def runtime():
        """What the cells of a new runtime do, up to the checkpoint that they go on from."""
        drive.keep_outputs(mount=colab_drive)
        trainer = tiny_trainer(outputs / "day2" / "stance", num_train_epochs=2, save_total_limit=1)
        return trainer, training.last_checkpoint(trainer)

    trainer, last = runtime()
    assert last is None
    trainer.train()
    outputs.unlink()  # the runtime is lost
    trainer, last = runtime()
    assert Path(last).name == "checkpoint-12"
    trainer.train(resume_from_checkpoint=last)
    assert trainer.state.global_step == trainer.state.max_steps == 12


def test_exercises_solved_in_two_runtimes_are_merged(colab_drive, outputs, capsys):
    progress.add(["day1-lm", "day1-padding"])
    drive.keep_outputs(mount=colab_drive)
    outputs.unlink()  # the runtime is lost, and the next one is connected to Drive only later
    progress.add(["day1-padding", "day3-flips"])
    capsys.readouterr()
    drive.keep_outputs(mount=colab_drive)
    assert progress.solved() == {"day1-lm", "day1-padding", "day3-flips"}
    assert [path.name for path in outputs.iterdir()] == ["exercises.json"]
    assert "earlier runtime" not in capsys.readouterr().out


def test_what_drive_has_stays_as_it_is(colab_drive, outputs):
    kept = colab_drive / "MyDrive" / "llm-workshop" / "outputs"
    kept.mkdir(parents=True)
    (kept / "study.log").write_text("sixty trials")
    outputs.mkdir()
    (outputs / "study.log").write_text("one trial")
    drive.keep_outputs(mount=colab_drive)
    assert (outputs / "study.log").read_text() == "sixty trials"


def write(folder: Path, **files: str) -> None:
    """Files by name, with an underline for each step into a folder: day2_stance_config."""
    for name, content in files.items():
        place = folder / name.replace("_", "/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content)


def files_of(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_trainings_of_two_runtimes_are_never_mixed_and_nothing_is_lost(colab_drive, outputs, capsys):
    kept = colab_drive / "MyDrive" / "llm-workshop" / "outputs"
    write(kept, day2_stance_settings="A", day2_stance_checkpoint="A", day2_same="x", exercises="many solved")
    write(kept, tables_one="1")
    runtime = {"day2_stance_settings": "B", "day2_stance_newer": "B", "day2_same": "x", "day2_only_here": "B"}
    write(outputs, **runtime, exercises="one solved", tables_two="2")
    drive.keep_outputs(mount=colab_drive)
    assert files_of(outputs) == {
        "day2/stance/settings": "A", "day2/stance/checkpoint": "A", "day2/same": "x", "day2/only/here": "B",
        "exercises": "many solved", "tables/one": "1", "tables/two": "2",
        "from-another-runtime-1/day2/stance/settings": "B", "from-another-runtime-1/day2/stance/newer": "B",
        "from-another-runtime-1/exercises": "one solved",
    }  # fmt: skip
    first, second = capsys.readouterr().out.splitlines()
    assert "day2/stance, exercises from an earlier runtime" in first and "outputs/from-another-runtime-1" in first
    outputs.unlink()
    write(outputs, day2_stance_settings="C")
    drive.keep_outputs(mount=colab_drive)  # a third runtime
    assert files_of(outputs / "from-another-runtime-2") == {"day2/stance/settings": "C"}
    assert "from-another-runtime-1/exercises" in files_of(outputs)


def test_a_full_drive_leaves_outputs_as_it_was_and_the_next_call_copies_all(colab_drive, outputs, monkeypatch):
    write(outputs, day2_stance_a="1", day2_stance_b="2")
    real, copied = shutil.copyfile, []

    def full(source, target):
        copied.append(source)
        if len(copied) == 2:
            raise OSError("no room")
        return real(source, target)

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(OSError, match="no room"):
        drive.keep_outputs(mount=colab_drive)
    whole = {"day2/stance/a": "1", "day2/stance/b": "2"}
    assert files_of(outputs) == whole and not outputs.is_symlink()
    drive.keep_outputs(mount=colab_drive)
    assert files_of(outputs) == whole and outputs.is_symlink()


def test_outside_of_colab_the_line_for_drive_changes_nothing(outputs, capsys):
    drive.keep_outputs()
    assert "Not in Colab" in capsys.readouterr().out
    assert not outputs.exists()

"""Preflight: a room that is ready gets OK, and every simulated fault gets a line with what to do."""

import ast
import re
import shutil
from importlib import metadata
from types import SimpleNamespace

import psutil
import pytest
from conftest import ROOT

from helpers import settings
from helpers.packages import catalogue
from tools import preflight


@pytest.fixture(autouse=True)
def a_ready_room(monkeypatch):
    """Plenty of memory and disk, and a training that learns at the README's speed."""
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=16e9))
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=50e9))
    trained(monkeypatch, [0.7 - 0.01 * step for step in range(30)], preflight.README_STEP)


def trained(monkeypatch, losses: list[float], seconds: float) -> None:
    monkeypatch.setattr(preflight, "_mini_training", lambda steps: (losses, [seconds] * (steps - 1)))


def faults() -> dict[str, preflight.Line]:
    return {line.name: line for line in preflight.check_room() if line.advice}


def installed(monkeypatch, name: str, version: str | None) -> None:
    """As if a package were installed in that version, or not at all."""
    real = metadata.version

    def simulated(asked):
        if asked != name:
            return real(asked)
        if version is None:
            raise metadata.PackageNotFoundError(asked)
        return version

    monkeypatch.setattr(metadata, "version", simulated)


@pytest.fixture
def other_cache(tmp_path, monkeypatch):
    """A cache with links to everything that is cached, for tests that take something away."""
    for name in catalogue.learners():
        for file in catalogue.entry(name)["files"]:
            real = catalogue.place(name, file)
            link = tmp_path / real.relative_to(settings.CACHE)
            link.parent.mkdir(parents=True, exist_ok=True)
            if not link.exists():
                link.symlink_to(real)
    monkeypatch.setattr(settings, "CACHE", tmp_path)
    monkeypatch.setattr(settings, "HUB_CACHE", tmp_path / "huggingface")
    return lambda name: catalogue.place(name, catalogue.entry(name)["files"][0])


def test_a_ready_machine_gets_ok_on_every_line_and_exit_code_0(capsys):
    assert preflight.main() == 0
    said = capsys.readouterr().out
    for name in ("Python", "packages", "memory", "disk", "models", "training"):
        assert re.search(rf"^{name} .* ok$", said, flags=re.MULTILINE), said
    assert "this machine is ready" in said and "->" not in said


def test_a_fault_gives_exit_code_1_and_its_arrow(monkeypatch, capsys):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=1e9))
    assert preflight.main() == 1
    said = capsys.readouterr().out
    assert "1.0 GB free" in said and "-> close other programs: 5 GB are needed" in said and "1 to mend" in said


def test_the_page_is_one_page_even_where_nothing_is_installed(monkeypatch, capsys):
    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    preflight.main()
    assert len(capsys.readouterr().out.splitlines()) < 45


def test_an_old_python_is_told_so_and_nothing_else_is_tried(monkeypatch):
    monkeypatch.setattr(preflight.sys, "version_info", (3, 9, 2))
    [line] = preflight.check_room()
    assert "3.11" in line.advice


@pytest.mark.parametrize("name", ["helpers/__init__.py", "tools/__init__.py", "tools/preflight.py"])
def test_an_old_python_can_read_what_tells_it_that_it_is_too_old(name):
    ast.parse((ROOT / name).read_text(encoding="utf-8"), feature_version=(3, 8))


def test_a_program_in_a_folder_with_a_space_is_named_as_it_can_be_typed():
    assert preflight._typed("/opt/python3", windows=False) == "/opt/python3"
    assert preflight._typed("/Users/A B/python3", windows=False) == "'/Users/A B/python3'"
    assert preflight._typed("C:\\A B\\python.exe", windows=True) == '& "C:\\A B\\python.exe"'


@pytest.mark.parametrize("version", ["4.57.0", "6.0.0", None], ids=["old", "too new", "missing"])
def test_a_package_outside_its_range_is_named_with_the_command_that_mends_it(monkeypatch, version):
    installed(monkeypatch, "transformers", version)
    line = faults()["package"]
    assert "transformers" in line.found and (version or "is missing") in line.found
    assert re.search(r'pip install "transformers[<>=,.\d]+"$', line.advice)


def test_requirements_of_another_system_are_not_asked_for(monkeypatch):
    installed(monkeypatch, "xgboost", None)  # for macOS only
    assert "package" not in faults()


def test_no_disk_is_named_with_its_place_and_what_is_needed(monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=0.2e9 if place == ROOT else 50e9))
    line = faults()["disk"]
    assert "0.2 GB" in line.found and str(ROOT) in line.advice and "3 GB" in line.advice


def test_a_missing_text_is_named_with_the_command_that_brings_it(other_cache):
    other_cache("debates").unlink()
    line = faults()["models"]
    assert "helpers.packages fetch" in line.advice and "debates" in line.advice and "minilm" not in line.advice


def test_a_file_that_is_damaged_but_has_its_size_is_found(other_cache):
    place = other_cache("debates")
    content = bytearray(place.read_bytes())
    content[100] ^= 1
    place.unlink()
    place.write_bytes(content)
    assert catalogue.is_cached("debates") and "debates" in faults()["models"].advice


def test_the_training_is_not_tried_where_it_cannot_work(other_cache, monkeypatch):
    monkeypatch.setattr(preflight, "_mini_training", lambda steps: pytest.fail("it was tried"))
    other_cache("minilm").unlink()
    assert "problems above" in faults()["training"].advice


def test_a_slow_machine_is_told_by_how_much_and_what_to_do(monkeypatch):
    trained(monkeypatch, [0.7 - 0.01 * step for step in range(30)], 4 * preflight.README_STEP)
    line = faults()["training"]
    assert "4.0 x" in line.found and "INSTRUCTORS.md" in line.advice


@pytest.mark.parametrize("losses", [[0.7] * 30, [float("nan")] * 30], ids=["flat", "not a number"])
def test_a_training_that_does_not_learn_is_a_fault(monkeypatch, losses):
    trained(monkeypatch, losses, preflight.README_STEP)
    assert "should fall" in faults()["training"].advice


def test_a_check_that_breaks_gives_a_line_and_no_traceback(monkeypatch):
    def broken(steps):
        raise MemoryError("out of memory")

    monkeypatch.setattr(preflight, "_mini_training", broken)
    line = faults()["training"]
    assert "MemoryError" in line.found and "out of memory" in line.advice


def test_the_memory_asked_for_covers_the_largest_peak_in_the_readme():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    peaks = [float(peak) for peak in re.findall(r"\| ([\d.]+) GB \|$", readme, flags=re.MULTILINE)]
    assert peaks and max(peaks) <= preflight.MEMORY_GB
    assert f"{preflight.MEMORY_GB} GB of free memory" in readme


def test_the_mini_training_trains_the_encoder(monkeypatch):
    monkeypatch.undo()
    losses, seconds = preflight._mini_training(6)
    assert len(losses) == 6 and len(seconds) == 5
    assert all(0.3 < loss < 1.5 for loss in losses) and min(seconds) > 0

"""The offline kit: what goes in, what the installer refuses, and an installation in a namespace without a network."""

import io
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile

import pytest
from conftest import ROOT

from helpers import settings
from helpers.packages import catalogue
from tools.kit import install, make


@pytest.fixture
def kit(tmp_path):
    """An archive with a repository of one notebook and the catalogue, for this machine."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as repository:
        for name in ("helpers/packages/catalogue.toml", "notebooks/day1_transformers_and_tokenizers.ipynb"):
            repository.write(ROOT / name, name)
    path = tmp_path / "kit.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("kit.json", json.dumps(install.this_machine()))
        archive.writestr("workshop.zip", packed.getvalue())
        archive.write(install.__file__, "__main__.py")
    with zipfile.ZipFile(path) as archive:
        yield archive


def test_the_kit_brings_what_the_makefile_installs():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    recipe = re.search(r"\$\(PIP\) --requirement requirements.txt (.+)", makefile)[1]
    assert recipe.split() == make.BESIDE


def test_every_file_that_learners_need_goes_into_the_kit():
    packed = make.source_files()
    wanted = {
        f"sources/{catalogue.entry(name)['wheel']}/{file['member']}"
        for name in catalogue.learners()
        for file in catalogue.entry(name)["files"]
    }
    assert set(packed) == wanted and all(place.is_file() for place in packed.values())


def test_the_name_says_what_the_kit_fits():
    here = install.this_machine()
    assert all(part.lower() in make.kit_name() for part in here.values())


def test_a_kit_for_another_python_is_refused_with_both_versions(kit, tmp_path, monkeypatch):
    other = {**install.this_machine(), "python": "3.99"}
    monkeypatch.setattr(install, "this_machine", lambda: other)
    with pytest.raises(install.InstallError, match=r"this is .* 3\.99"):
        install.install(kit, tmp_path / "workshop")
    assert not (tmp_path / "workshop").exists()


def test_too_little_disk_is_said_before_anything_is_written(kit, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda place: type("Usage", (), {"free": 1e9}))
    with pytest.raises(install.InstallError, match="1.0 GB are free"):
        install.install(kit, tmp_path / "workshop")
    assert not (tmp_path / "workshop").exists()


def test_a_folder_that_is_something_else_is_left_alone(kit, tmp_path):
    (tmp_path / "holiday").mkdir()
    (tmp_path / "holiday" / "photo.txt").write_text("sea")
    with pytest.raises(install.InstallError, match="another folder"):
        install.unpack_repository(kit, tmp_path / "holiday")
    assert [path.name for path in (tmp_path / "holiday").iterdir()] == ["photo.txt"]


def test_a_second_installation_keeps_what_a_learner_changed(kit, tmp_path):
    folder = tmp_path / "workshop"
    install.unpack_repository(kit, folder)
    notebook = folder / "notebooks" / "day1_transformers_and_tokenizers.ipynb"
    notebook.write_text("my own")
    install.unpack_repository(kit, folder)
    assert notebook.read_text() == "my own"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kit.zip", "workshop"]


def test_a_damaged_kit_is_told_to_be_copied_again(kit, tmp_path, monkeypatch):
    monkeypatch.setattr(settings, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(settings, "HUB_CACHE", tmp_path / "cache" / "huggingface")
    with pytest.raises(install.InstallError, match="copy it again"):
        install.unpack_sources(kit, ROOT)


def test_the_installer_needs_nothing_but_python(kit):
    program = "import sys, runpy; runpy.run_path(sys.argv[1]); print({name.split('.')[0] for name in sys.modules})"
    command = [sys.executable, "-I", "-S", "-c", program, install.__file__]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "zipfile" in said and "helpers" not in said and "torch" not in said
    assert "tarfile" not in said  # which takes no filter in the Python 3.11.2 of Debian 12


def test_where_python_cannot_make_an_environment_the_package_of_debian_is_named(kit, tmp_path, monkeypatch):
    python = tmp_path / "python3"
    python.write_text(
        "#!/bin/sh\necho 'The virtual environment was not created: ensurepip is not available.'\nexit 1\n"
    )
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(install.InstallError, match=r"(?s)ensurepip is not available.*apt install python3-venv"):
        install.install_packages(kit, tmp_path)


def test_the_archive_itself_is_the_program(kit):
    said = subprocess.run([sys.executable, kit.filename, "--help"], capture_output=True, text=True)
    assert said.returncode == 2 and "without a network" in said.stdout


@pytest.mark.long
@pytest.mark.installs
@pytest.mark.skipif(shutil.which("unshare") is None or os.geteuid() != 0, reason="a network namespace needs root")
def test_it_installs_and_loads_a_model_in_a_namespace_without_a_network(tmp_path):
    made = make.build(tmp_path)
    folder = tmp_path / "workshop"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "HF_", "VIRTUAL"))}
    environment |= {"HOME": str(tmp_path), "WORKSHOP_CACHE": str(tmp_path / "cache")}
    alone = ["unshare", "--net"]
    subprocess.run([*alone, sys.executable, "-I", "-S", made, folder], check=True, env=environment, cwd=tmp_path)
    program = (
        "import helpers; helpers.setup(); from transformers import AutoModel, AutoTokenizer\n"
        "place = 'sentence-transformers/all-MiniLM-L6-v2'\n"
        "batch = AutoTokenizer.from_pretrained(place)('We the people', return_tensors='pt')\n"
        "print('shape', tuple(AutoModel.from_pretrained(place)(**batch).last_hidden_state.shape), helpers.__file__)\n"
    )
    command = [*alone, folder / ".venv" / "bin" / "python", "-c", program]
    said = subprocess.run(command, check=True, env=environment, cwd=folder, capture_output=True, text=True).stdout
    assert "shape (1, 5, 384)" in said and str(folder) in said
    assert (folder / ".venv" / "bin" / "jupyter-lab").exists()

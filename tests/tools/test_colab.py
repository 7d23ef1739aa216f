"""In Colab the first cell fetches the workshop and installs what is missing; anywhere else it does neither."""

import json
import os
import subprocess
import sys
import types
import zipfile
from contextlib import nullcontext
from pathlib import Path

import nbformat
import pytest
from conftest import NOTEBOOKS, ROOT, failures
from nbclient import NotebookClient
from packaging.requirements import Requirement

from helpers import settings
from tools import colab_install
from tools.notebooks import first_cell

TOO_OLD = {"peft"}  # in Colab; Colab itself does not load it
PUBLISHED = ("a-group/workshop", "trunk")
UNPUBLISHED = (first_cell.NOBODY + "workshop", "main")


def before_the_set_up(repository: str, branch: str) -> str:
    """The part of the first cell that comes before anything of the repository is there."""
    return first_cell.source(repository, branch).split("import helpers")[0]


@pytest.mark.parametrize("variables", [{}, {"VSCODE_PID": "1", "VSCODE_CWD": "."}], ids=["jupyterlab", "vscode"])
def test_outside_of_colab_the_first_cell_runs_no_command(variables, monkeypatch):
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    shell = InteractiveShell(config=Config(HistoryManager={"enabled": False}))
    ran = []
    monkeypatch.setattr(shell, "system", ran.append)
    monkeypatch.setattr(os, "system", ran.append)
    monkeypatch.setattr(shell, "run_line_magic", lambda *given, **_: ran.append(given))
    monkeypatch.chdir(ROOT / "notebooks")
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    shell.run_cell(before_the_set_up(*PUBLISHED)).raise_error()
    assert ran == []
    assert sys.path[0] == str(ROOT)


def test_all_notebooks_have_the_first_cell_with_the_address_of_the_project():
    """Where not: python -m tools.notebooks.first_cell"""
    found = first_cell.project()
    wanted = first_cell.source(found["repository"].removeprefix(first_cell.SERVER), found["branch"])
    for path in NOTEBOOKS:
        notebook = nbformat.read(path, as_version=4)
        assert first_cell.of(notebook).source == wanted, path.name
        assert next(cell for cell in notebook.cells if cell.cell_type == "code").id == first_cell.ID


def test_the_first_cell_is_short_and_shows_its_settings():
    colab, rest = first_cell.source(*PUBLISHED).split("sys.path.insert")
    assert len(colab.partition("\nif ")[2].splitlines()) <= 15
    assert "\nkeep_on_drive = False" in rest and rest.endswith("\nworkshop = helpers.setup()")


def make_repository(folder: Path, branch: str) -> None:
    """Commit what lies in a folder, as a repository of its own."""
    author = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
    for command in (["init", "-q", "-b", branch], ["add", "."], [*author, "commit", "-q", "-m", "as it stands"]):
        subprocess.run(["git", *command], cwd=folder, check=True)


def taken_for_the_address(folder: Path) -> dict[str, str]:
    """Variables with which git fetches a folder where the first cell names the repository's address."""
    redirect = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": f"url.{folder.as_uri()}.insteadOf"}
    return redirect | {"GIT_CONFIG_VALUE_0": first_cell.SERVER + PUBLISHED[0]}


WORKSHOP = ("helpers/a", "notebooks/a", "tools/colab_install.py")


def make_workshop(folder: Path, installer: str = "print('installing')") -> None:
    """The least that the first cell looks for, in a folder."""
    for name in WORKSHOP:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(installer)


def make_zip(path: Path, inside: str = "") -> None:
    """workshop.zip with the same, as `make zip` packs it; inside: a folder that holds everything."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name in WORKSHOP:
            archive.writestr(inside + name, "print('installing from the archive')")


@pytest.fixture
def in_colab(monkeypatch, tmp_path, capfd):
    """A function that runs the first cell, up to the set-up, in an empty folder: its result, and what it said."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "content").mkdir()
    monkeypatch.chdir(tmp_path / "content")
    shell = InteractiveShell(config=Config(HistoryManager={"enabled": False}))

    def run(repository: str, branch: str):
        result = shell.run_cell(before_the_set_up(repository, branch))
        return result, "".join(capfd.readouterr())

    return run


def test_a_published_notebook_fetches_the_repository_once_it_can_be_reached(in_colab, monkeypatch, tmp_path):
    repository = tmp_path / "served"
    for name, value in taken_for_the_address(repository).items():
        monkeypatch.setenv(name, value)
    result, said = in_colab(*PUBLISHED)
    assert "not fetched" in str(result.error_in_exec) and "does not appear to be a git repository" in said
    assert Path.cwd().name == "content" and not list(Path.cwd().iterdir())
    (Path.cwd() / "part").mkdir()  # as a clone that was cut off leaves it
    make_workshop(repository)
    make_repository(repository, PUBLISHED[1])
    result, said = in_colab(*PUBLISHED)
    assert result.success and said.strip() == "installing", said
    assert Path.cwd() == tmp_path / "content" / "workshop" / "notebooks"
    result, said = in_colab(*PUBLISHED)  # the cell run again
    assert result.success and said.strip() == "installing" and Path.cwd().parent.name == "workshop"
    monkeypatch.chdir(tmp_path / "content")  # the session restarted
    result, said = in_colab(*PUBLISHED)
    assert result.success and said.strip() == "installing" and Path.cwd().parent.name == "workshop"


def test_a_tag_can_be_fetched_in_place_of_a_branch_and_git_says_nothing(in_colab, monkeypatch, tmp_path):
    repository = tmp_path / "served"
    make_workshop(repository)
    make_repository(repository, "main")
    subprocess.run(["git", "tag", PUBLISHED[1]], cwd=repository, check=True)
    for name, value in taken_for_the_address(repository).items():
        monkeypatch.setenv(name, value)
    result, said = in_colab(*PUBLISHED)
    assert result.success and said.strip() == "installing", said


def test_before_it_is_published_a_notebook_says_so_and_what_to_upload(in_colab):
    result, said = in_colab(*UNPUBLISHED)
    message = str(result.error_in_exec)
    assert "no address yet" in message and "workshop.zip" in message and "network" not in message
    assert "git" not in said and not list(Path.cwd().iterdir())


@pytest.mark.parametrize("place", ["workshop.zip", "drive/MyDrive/workshop.zip"])
@pytest.mark.parametrize("address", [PUBLISHED, UNPUBLISHED], ids=["published", "unpublished"])
def test_workshop_zip_beside_the_notebook_or_on_drive_is_unpacked(in_colab, place, address, tmp_path):
    make_zip(Path(place))
    result, said = in_colab(*address)
    assert result.success and said.strip() == "installing from the archive", said
    assert Path.cwd() == tmp_path / "content" / "workshop" / "notebooks"


@pytest.mark.parametrize("damage", ["cut off", "another folder"])
def test_an_archive_that_is_not_the_workshop_stops_the_first_cell(in_colab, damage):
    make_zip(Path("workshop.zip"), "workshop-main/" if damage == "another folder" else "")
    if damage == "cut off":
        Path("workshop.zip").write_bytes(Path("workshop.zip").read_bytes()[:100])
    result, _ = in_colab(*UNPUBLISHED)
    assert "check workshop.zip" in str(result.error_in_exec)
    assert Path.cwd().name == "content" and not Path("workshop").exists()
    make_zip(Path("workshop.zip"))  # the right one, uploaded in its place
    result, said = in_colab(*UNPUBLISHED)
    assert result.success, said


def test_the_first_cell_stops_where_pip_fails(in_colab):
    make_workshop(Path("workshop"), "raise SystemExit('pip could not install')")
    result, said = in_colab(*UNPUBLISHED)
    assert "not everything is installed" in str(result.error_in_exec) and "pip could not install" in said


def test_make_zip_packs_what_the_first_cell_looks_for(tmp_path):
    recipe = subprocess.run(
        ["make", "--no-print-directory", "--dry-run", "zip"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    command = recipe.strip().replace("workshop.zip", str(tmp_path / "workshop.zip"))
    subprocess.run(command, shell=True, cwd=ROOT, check=True)
    with zipfile.ZipFile(tmp_path / "workshop.zip") as archive:
        assert {"helpers/__init__.py", "tools/colab_install.py", NOTEBOOKS[0].relative_to(ROOT).as_posix()} <= set(
            archive.namelist()
        )


@pytest.mark.parametrize("version", ["4.57.0", None], ids=["old", "missing"])
def test_a_transformers_that_does_not_fit_stops_with_what_to_install_before_a_restart(version, monkeypatch, capsys):
    real = colab_install.version_of
    monkeypatch.setattr(colab_install, "version_of", lambda name: version if name == "transformers" else real(name))
    monkeypatch.setattr(colab_install, "install", lambda wanted: pytest.fail("something was installed"))
    with pytest.raises(SystemExit) as stopped:
        colab_install.main()
    assert "install it and restart" in stopped.value.code and "Restart session" in stopped.value.code
    assert f"transformers is {version or 'missing'}" in stopped.value.code
    wanted = stopped.value.code.splitlines()[-1].split('"')[1]
    assert Requirement(wanted).specifier.contains("5.15.0")
    assert "Everything is installed" not in capsys.readouterr().out


def test_an_old_torchao_is_removed_because_peft_fails_beside_it(monkeypatch, capsys):
    ran = []
    done = types.SimpleNamespace(returncode=0)
    monkeypatch.setattr(subprocess, "run", lambda command, **_: ran.append(command[2:]) or done)
    monkeypatch.setattr(colab_install, "version_of", {"torchao": "0.16.0"}.get)
    colab_install.remove_what_is_in_the_way()
    monkeypatch.setattr(colab_install, "version_of", {}.get)
    colab_install.remove_what_is_in_the_way()
    assert not ran
    monkeypatch.setattr(colab_install, "version_of", {"torchao": "0.10.0"}.get)
    colab_install.remove_what_is_in_the_way()
    assert [(command[:2], command[-1]) for command in ran] == [(["pip", "uninstall"], "torchao")]
    assert "Removed torchao 0.10.0" in capsys.readouterr().out


def test_peft_works_beside_no_older_torchao_than_the_one_that_stays(monkeypatch):
    from peft import import_utils

    looks = getattr(import_utils.is_torchao_available, "__wrapped__", import_utils.is_torchao_available)
    monkeypatch.setattr(import_utils.importlib.util, "find_spec", lambda name: name)
    for version, works in ((colab_install.IN_THE_WAY["torchao"], True), ("0.15.9", False)):
        monkeypatch.setattr(import_utils.importlib_metadata, "version", lambda name, version=version: version)
        with nullcontext() if works else pytest.raises(ImportError, match="torchao"):
            assert looks()


def test_only_what_is_missing_or_out_of_range_is_installed(monkeypatch):
    has = {line.split("==")[0]: line.split("==")[1] for line in _lines("colab.txt") if "==" in line}
    monkeypatch.setattr(
        colab_install, "version_of", lambda name: has.get(name) or has.get(colab_install.SAME.get(name))
    )
    names = {requirement.name for requirement in colab_install.missing()}
    assert {"evaluate", "optuna", "bertviz", "gguf", "sacrebleu"} <= names
    assert names & {*has, "xgboost-cpu"} == TOO_OLD


def test_what_is_there_is_held_at_its_version():
    lines = colab_install.held([Requirement("optuna>=5")])
    assert any(line.startswith("numpy==") for line in lines)
    assert any(line.startswith("torch==") for line in lines)
    assert not any(line.startswith("optuna==") for line in lines)


def _lines(name: str) -> list[str]:
    text = (ROOT / "tests" / name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def _versions(python: Path) -> dict[str, str]:
    listed = subprocess.run([python, "-m", "pip", "list", "--format=json"], capture_output=True, text=True, check=True)
    return {package["name"]: package["version"] for package in json.loads(listed.stdout)}


@pytest.fixture(scope="module")
def colab_python(tmp_path_factory) -> Path:
    """A Python with what Colab has, in an environment of its own (of the program COLAB_PYTHON, if that is set)."""
    folder = tmp_path_factory.mktemp("colab") / "venv"
    subprocess.run([os.environ.get("COLAB_PYTHON", sys.executable), "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    pip = [python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    subprocess.run([*pip, "--requirement", ROOT / "tests" / "colab.txt"], check=True)
    return python


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> dict[str, str]:
    """The working tree as a repository, which git takes for the address in the first cell: variables for it."""
    folder = tmp_path_factory.mktemp("served")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((ROOT / name).read_bytes())
    make_repository(folder, PUBLISHED[1])
    return taken_for_the_address(folder)


@pytest.fixture
def colab(colab_python, served, tmp_path) -> dict[str, str]:
    """The environment of a kernel in Colab: an empty folder, its Python, its module google.colab."""
    (tmp_path / "stub" / "google" / "colab").mkdir(parents=True)
    (tmp_path / "stub" / "google" / "colab" / "__init__.py").touch()
    (tmp_path / "stub" / "sitecustomize.py").write_text("import google.colab")  # there when the first cell looks
    (tmp_path / "content").mkdir()
    kernel = tmp_path / "kernels" / "colab"
    kernel.mkdir(parents=True)
    command = [str(colab_python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (kernel / "kernel.json").write_text(json.dumps({"argv": command, "display_name": "Colab", "language": "python"}))
    free = {name: value for name, value in os.environ.items() if not name.startswith(("WORKSHOP_", "HF_"))}
    return free | served | {
        "PYTHONPATH": str(tmp_path / "stub"), "WORKSHOP_CACHE": str(settings.CACHE), "WORKSHOP_SIZE": "tiny",
    }  # fmt: skip


@pytest.mark.long
@pytest.mark.installs
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_notebook_runs_in_colab_from_an_empty_folder(path, colab, colab_python, tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    before = _versions(colab_python)
    notebook = nbformat.read(path, as_version=4)
    first_cell.of(notebook).source = first_cell.source(*PUBLISHED)
    client = NotebookClient(notebook, kernel_name="colab", timeout=1800, allow_errors=True)
    client.resources = {"metadata": {"path": str(tmp_path / "content")}}
    client.execute(env=colab)
    assert not failures(notebook), "\n".join(failures(notebook))
    said = "".join(o.get("text", "") for c in notebook.cells if c["id"] == "setup" for o in c.outputs)
    assert "Workshop at commit" in said and "Everything is installed." in said, said
    after, gone = _versions(colab_python), colab_install.IN_THE_WAY.keys()
    kept = {name: version for name, version in before.items() if name not in gone | TOO_OLD}
    assert {name: after[name] for name in kept} == kept, "a version that Colab has was changed"
    assert not gone & after.keys()

"""In Colab the first cell fetches the workshop and installs what is missing; anywhere else it does neither."""

import json
import os
import subprocess
import sys
import types
from contextlib import nullcontext
from pathlib import Path

import colab_install
import nbformat
import publish
import pytest
from conftest import NOTEBOOKS, ROOT, failures
from nbclient import NotebookClient

from helpers.packages import catalogue

TOO_OLD = {"peft"}  # in Colab; Colab itself does not load it


def first_cell(path: Path) -> str:
    return publish.first_cell(nbformat.read(path, as_version=4)).source


def code_before_the_set_up(path: Path) -> str:
    return first_cell(path).split("import helpers")[0]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
@pytest.mark.parametrize("variables", [{}, {"VSCODE_PID": "1", "VSCODE_CWD": "."}], ids=["jupyterlab", "vscode"])
def test_outside_of_colab_the_first_cell_runs_no_command(path, variables, monkeypatch):
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    shell = InteractiveShell(config=Config(HistoryManager={"enabled": False}))
    ran = []
    monkeypatch.setattr(shell, "system", ran.append)
    monkeypatch.setattr(os, "system", ran.append)
    monkeypatch.setattr(shell, "run_line_magic", lambda *given, **_: ran.append(given))
    monkeypatch.chdir(path.parent)
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    shell.run_cell(code_before_the_set_up(path)).raise_error()
    assert ran == []
    assert sys.path[0] == str(ROOT)


def test_the_three_first_cells_are_the_same():
    assert len({first_cell(path) for path in NOTEBOOKS}) == 1


def make_repository(folder: Path, branch: str) -> None:
    """Commit what lies in a folder, as a repository of its own."""
    author = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
    for command in (["init", "-q", "-b", branch], ["add", "."], [*author, "commit", "-q", "-m", "as it stands"]):
        subprocess.run(["git", *command], cwd=folder, check=True)


def taken_for_the_address(folder: Path) -> dict[str, str]:
    """Variables with which git fetches a folder where the first cell names the repository's address."""
    redirect = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": f"url.{folder.as_uri()}.insteadOf"}
    return redirect | {"GIT_CONFIG_VALUE_0": publish.SERVER + publish.address()}


@pytest.fixture
def first_cell_in_colab(monkeypatch, tmp_path, capfd):
    """A function that runs the first cell, up to the set-up, in an empty folder: its result, and what it said."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "content").mkdir()
    monkeypatch.chdir(tmp_path / "content")
    shell = InteractiveShell(config=Config(HistoryManager={"enabled": False}))

    def run():
        result = shell.run_cell(code_before_the_set_up(NOTEBOOKS[0]))
        return result, "".join(capfd.readouterr())

    return run


def test_without_the_repository_the_first_cell_stops_and_says_so_and_works_later(
    first_cell_in_colab, monkeypatch, tmp_path
):
    repository = tmp_path / "served"
    for name, value in taken_for_the_address(repository).items():
        monkeypatch.setenv(name, value)
    result, said = first_cell_in_colab()
    assert "not fetched" in str(result.error_in_exec) and "does not appear to be a git repository" in said
    assert Path.cwd().name == "content" and not list(Path.cwd().iterdir())
    (Path.cwd() / "part").mkdir()  # as a clone that was cut off leaves it
    for name in ("helpers/a", "notebooks/a", "tools/colab_install.py"):
        (repository / name).parent.mkdir(parents=True, exist_ok=True)
        (repository / name).write_text("print('installing')")
    make_repository(repository, "trunk")
    subprocess.run(["git", "tag", publish.branch()], cwd=repository, check=True)  # a tag serves as well as a branch
    result, said = first_cell_in_colab()
    assert result.success and said.strip() == "installing", said
    assert Path.cwd() == tmp_path / "content" / "workshop" / "notebooks"
    result, said = first_cell_in_colab()  # the cell run again
    assert result.success and said.strip() == "installing" and Path.cwd().parent.name == "workshop"


def test_the_first_cell_stops_where_pip_fails(first_cell_in_colab):
    for folder in ("helpers", "notebooks", "tools"):
        (Path("workshop") / folder).mkdir(parents=True)
    Path("workshop/tools/colab_install.py").write_text("raise SystemExit('pip could not install')")
    result, said = first_cell_in_colab()
    assert "not everything is installed" in str(result.error_in_exec) and "pip could not install" in said


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
    from packaging.requirements import Requirement

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
    make_repository(folder, publish.branch())
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
    cache = str(catalogue.cache_folder())
    return free | served | {
        "PYTHONPATH": str(tmp_path / "stub"), "WORKSHOP_CACHE": cache, "WORKSHOP_SOURCE": "packages",
        "WORKSHOP_SIZE": "tiny",
    }  # fmt: skip


@pytest.mark.long
@pytest.mark.installs
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_notebook_runs_in_colab_from_an_empty_folder(path, colab, colab_python, tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    before = _versions(colab_python)
    notebook = nbformat.read(path, as_version=4)
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

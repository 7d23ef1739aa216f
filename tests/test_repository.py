"""The repository holds together: requirements, environment, address, style of what is written by hand."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from conftest import NOTEBOOKS, ROOT
from packaging.utils import canonicalize_name

from tools import try_newest
from tools.notebooks import first_cell, publish


def lines(name: str) -> list[str]:
    text = (ROOT / name).read_text(encoding="utf-8")
    return [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]


def versions(name: str) -> dict[str, str]:
    return try_newest.pins((ROOT / name).read_text(encoding="utf-8"))


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).exists()]


def test_requirements_and_environment_agree():
    environment = (ROOT / "environment.yml").read_text(encoding="utf-8")
    by_pip = re.findall(r"^      - (.+)$", environment, flags=re.MULTILINE)
    assert sorted(by_pip) == sorted(lines("requirements.txt"))
    assert f"python{first_cell.project()['python']}" in environment


def test_every_requirement_has_an_exact_tested_version_within_its_range():
    from packaging.requirements import Requirement

    exact = versions("tests/constraints.txt")
    for line in lines("requirements.txt") + lines("tests/requirements.txt"):
        wanted = Requirement(line)
        assert exact[canonicalize_name(wanted.name)] in wanted.specifier, line


def test_what_colab_has_satisfies_the_requirements():
    """But for peft nothing of these may be installed anew; torch there is older than the one of the tests."""
    from packaging.requirements import Requirement

    wanted = {canonicalize_name(r.name): r.specifier for r in map(Requirement, lines("requirements.txt"))}
    has = versions("tests/colab.txt") | {"torch": "2.11.0"}
    assert len(wanted.keys() & has.keys()) >= 9
    assert [name for name in wanted.keys() & has.keys() if has[name] not in wanted[name]] == ["peft"]


def test_the_oldest_versions_are_the_lower_ends_of_the_ranges():
    from packaging.requirements import Requirement
    from packaging.version import Version

    oldest, colab = versions("tests/oldest.txt"), versions("tests/colab.txt")
    for wanted in map(Requirement, lines("requirements.txt")):
        if wanted.name in ("torch", "xgboost"):  # no build of the oldest one for the CPU; macOS only
            continue
        [lower] = [bound.version for bound in wanted.specifier if bound.operator == ">="]
        found = Version(oldest[canonicalize_name(wanted.name)])
        assert found in wanted.specifier, wanted
        # The very lowest repair of it may not be to be had for Python 3.11, or something else may need a newer one.
        assert found.release[:2] == Version(lower).release[:2], wanted
    both = colab.keys() & oldest.keys() - {"peft"}  # which the first cell replaces there
    both -= {"jupyter-client", "tornado", "traitlets"}  # the test tools need newer ones
    assert not [name for name in both if Version(oldest[name]) > Version(colab[name])]


def test_the_readme_says_which_versions_were_tested():
    oldest, newest = versions("tests/oldest.txt"), versions("tests/constraints.txt")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in ("transformers", "datasets", "pandas"):
        low, high = (".".join(found[name].split(".")[:2]) for found in (oldest, newest))
        assert re.search(rf"{name} (tested with )?{re.escape(low)} to {re.escape(high)}\b", readme), name


def test_an_update_names_every_version_that_is_not_the_tested_one():
    from importlib import metadata

    numpy = metadata.version("numpy")
    report = try_newest.differences(f"# pins\nnumpy=={numpy}\ntorch==1.0\nleft-pad==3.0\n")
    assert "left-pad: no longer there, tested 3.0" in report
    assert not any(line.startswith("numpy:") for line in report)
    assert any(line.startswith("torch: tested 1.0, now 2.") for line in report)
    assert any(line.startswith("pandas: new") for line in report)


def test_test_tools_are_not_asked_of_learners():
    assert not {line.split(">")[0] for line in lines("requirements.txt")} & {"pytest", "nbval", "ruff", "nbclient"}


def test_one_place_holds_the_address():
    repository, branch = publish.address(), publish.branch()
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for path in NOTEBOOKS:
        assert publish.badge(repository, branch, path.name) in readme
        assert f"({first_cell.SERVER}{repository}/blob/{branch}/GLOSSARY.md)" in path.read_text(encoding="utf-8")


@pytest.fixture
def copy_to_publish(tmp_path, monkeypatch) -> Path:
    """A copy of everything that publishing writes, with the first cells as they shall be."""
    (tmp_path / "notebooks").mkdir()
    for path in (ROOT / "pyproject.toml", ROOT / "README.md", *NOTEBOOKS):
        (tmp_path / path.relative_to(ROOT)).write_bytes(path.read_bytes())
    for module in (publish, first_cell):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    first_cell.main()
    return tmp_path


@pytest.mark.parametrize("branch", ["v1", "main", "spring/2027"])
def test_publish_writes_the_address_everywhere(copy_to_publish, branch):
    old = publish.address()
    publish.write("a-group-of-ours/its-name", branch)
    assert (publish.address(), publish.branch()) == ("a-group-of-ours/its-name", branch)
    readme = (copy_to_publish / "README.md").read_text(encoding="utf-8")
    for copy in (copy_to_publish / "notebooks").iterdir():
        assert publish.badge("a-group-of-ours/its-name", branch, copy.name) in readme
        content = copy.read_text(encoding="utf-8").replace('\\"', '"')
        assert f'address = "--branch {branch} https://github.com/a-group-of-ours/its-name"' in content
        assert f"(https://github.com/a-group-of-ours/its-name/blob/{branch}/GLOSSARY.md)" in content
    for path in copy_to_publish.rglob("*.*"):
        assert old not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("repository", "branch"),
    [
        ("workshop", "main"), ("../x", "main"), ("me/..", "main"), ("me/ws.git", "main"), ("a b/c", "main"),
        ("me/ws", ""), ("me/ws", "my branch"), ("me/ws", "a;touch x"), ("me/ws", "v\\1"), ("me/ws", "--upload-pack"),
        ("me/ws", "fd4ba72" + 33 * "0"),
    ],
)  # fmt: skip
def test_publish_refuses_what_can_be_no_name_and_writes_nothing(copy_to_publish, repository, branch):
    before = {path: path.read_bytes() for path in copy_to_publish.rglob("*.*")}
    with pytest.raises(SystemExit, match="is not OWNER/NAME|is no name of a branch or tag"):
        publish.write(repository, branch)
    assert {path: path.read_bytes() for path in copy_to_publish.rglob("*.*")} == before


def unquoted_bounds(text: str) -> list[str]:
    """The pip lines in which a shell takes the bound of a version for a redirect."""
    joined = re.sub(r"\\\n\s*", " ", text)
    lines = [
        line.split(" #")[0] for line in joined.splitlines() if re.search(r"(\bpip3?\b.*\binstall|\$\(PIP\))", line)
    ]
    return [line for line in lines if re.search(r"[\w\]] *[<>]=?\d", re.sub(r"\"[^\"]*\"|'[^']*'", "", line))]


@pytest.mark.parametrize(
    ("line", "unquoted"),
    [
        ("pip install x>=1", True), ("pip -q install x<2", True), ("!pip install --quiet x >=1", True),
        ("\t$(PIP) y \\\n\t\tx>5", True), ("`python -m pip install 'a>=1' x[all]>=1`", True),
        ("pip install 'x>=1'", False), ('!pip install "optuna>=5,<6"', False),
        ("pip install --requirement requirements.txt", False),
    ],
)  # fmt: skip
def test_an_unquoted_bound_is_found(line, unquoted):
    assert bool(unquoted_bounds(line)) == unquoted


def test_no_hand_written_file_names_a_machine_or_has_an_unquoted_bound():
    for path in tracked():
        if path.suffix in {".py", ".md", ".txt", ".toml", ".yml", ""} and path.name != "test_repository.py":
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"(?<![\w.:/<\"(|])/(root|work|tmp)/", text), path
            assert not unquoted_bounds(text), path
    for path in NOTEBOOKS:
        for cell in nbformat.read(path, as_version=4).cells:
            assert not unquoted_bounds(cell.source), cell.id


def test_the_helpers_fit_on_a_page_and_each_module_is_read_in_one_sitting():
    files = [path.relative_to(ROOT / "helpers") for path in tracked() if path.is_relative_to(ROOT / "helpers")]
    assert len({path.parts[0] for path in files}) <= 14
    for path in (ROOT / "helpers").rglob("*.py"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 400, path.name


def test_pip_install_is_refused_and_installs_nothing(tmp_path):
    """Everything runs from the repository's root: a part of it in site-packages would lack its data."""
    copy, target = tmp_path / "copy", tmp_path / "target"
    for name in ("helpers", "data", "notebooks", "tools"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    pip = [sys.executable, "-m", "pip", "install", "--no-index", "--no-deps", "--no-build-isolation"]
    done = subprocess.run([*pip, "--target", target, copy], capture_output=True, text=True)
    assert done.returncode != 0 and not target.exists()
    assert "Multiple top-level packages" in done.stderr + done.stdout, done.stderr


def test_every_target_of_make_has_a_line_of_help():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = re.search(r"\.PHONY: (.+)", makefile)[1].split()
    assert all(re.search(rf"^{name}:.*## \w+", makefile, flags=re.MULTILINE) for name in named)


def test_every_data_file_and_every_source_has_a_card():
    from helpers.packages import catalogue

    cards = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    names = [path.name for path in (ROOT / "data").iterdir() if path.suffix != ".md"] + list(
        catalogue.CATALOGUE["packages"] | catalogue.CATALOGUE["downloads"]
    )
    assert not [name for name in names if name not in cards]

"""The repository holds together: requirements, environment, address, style of what is written by hand."""

import re
import subprocess
import tomllib
from pathlib import Path

import nbformat
import publish
import try_newest
from conftest import NOTEBOOKS, ROOT
from packaging.utils import canonicalize_name


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
    python = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert f"python{python}" in environment


def test_every_requirement_has_an_exact_tested_version_within_its_range():
    from packaging.requirements import Requirement

    exact = versions("tests/constraints.txt")
    for line in lines("requirements.txt") + lines("tests/requirements.txt"):
        wanted = Requirement(line)
        assert exact[canonicalize_name(wanted.name)] in wanted.specifier, line


def test_what_colab_has_satisfies_the_requirements():
    """Nothing of these may be installed anew there, and torch there is older than the one of the tests."""
    from packaging.requirements import Requirement

    wanted = {canonicalize_name(r.name): r.specifier for r in map(Requirement, lines("requirements.txt"))}
    has = versions("tests/colab.txt") | {"torch": "2.11.0"}
    assert len(wanted.keys() & has.keys()) >= 9
    assert not [name for name in wanted.keys() & has.keys() if has[name] not in wanted[name]]


def test_the_oldest_versions_are_the_lower_ends_of_the_ranges():
    from packaging.requirements import Requirement
    from packaging.version import Version

    oldest = versions("tests/oldest.txt")
    for wanted in map(Requirement, lines("requirements.txt")):
        if wanted.name in ("torch", "xgboost"):  # no build of the oldest one for the CPU; macOS only
            continue
        [lower] = [bound.version for bound in wanted.specifier if bound.operator == ">="]
        found = Version(oldest[canonicalize_name(wanted.name)])
        assert found in wanted.specifier, wanted
        # Where the very lowest is not to be had for Python 3.11, or something else needs a newer one: never far above.
        assert found.major <= Version(lower).major + 2, wanted


def test_an_update_names_every_version_that_is_not_the_tested_one():
    from importlib import metadata

    numpy = metadata.version("numpy")
    report = try_newest.differences(f"# pins\nnumpy=={numpy}\ntorch==1.0\n")
    assert not any(line.startswith("numpy:") for line in report)
    assert any(line.startswith("torch: tested 1.0, now 2.") for line in report)
    assert any(line.startswith("pandas: new") for line in report)


def test_test_tools_are_not_asked_of_learners():
    assert not {line.split(">")[0] for line in lines("requirements.txt")} & {"pytest", "nbval", "ruff", "nbclient"}


def test_one_place_holds_the_address():
    repository = publish.address()
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for path in NOTEBOOKS:
        assert publish.badge(repository, "main", path.name) in readme
        first = next(c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code")
        assert f'--branch main "{publish.SERVER}{repository}"' in first.source
        assert f"({publish.SERVER}{repository}/blob/main/GLOSSARY.md)" in path.read_text(encoding="utf-8")


def test_publish_writes_the_address_everywhere(tmp_path, monkeypatch):
    for name in ["pyproject.toml", "README.md"]:
        (tmp_path / name).write_text((ROOT / name).read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "notebooks").mkdir()
    copies = [tmp_path / "notebooks" / path.name for path in NOTEBOOKS]
    for copy, path in zip(copies, NOTEBOOKS, strict=True):
        copy.write_bytes(path.read_bytes())
    monkeypatch.setattr(publish, "ROOT", tmp_path)
    old = publish.address()
    publish.write("some-group/some-name", "v1")
    assert publish.address() == "some-group/some-name"
    readme = (tmp_path / "README.md").read_text(encoding="utf-8")
    for copy in copies:
        assert publish.badge("some-group/some-name", "v1", copy.name) in readme
        content = copy.read_text(encoding="utf-8").replace('\\"', '"')
        assert '--branch v1 "https://github.com/some-group/some-name"' in content
    for path in tmp_path.rglob("*.*"):
        assert old not in path.read_text(encoding="utf-8")


def test_no_hand_written_file_names_a_machine_or_has_an_unquoted_bound():
    for path in tracked():
        if path.suffix in {".py", ".md", ".txt", ".toml", ".yml", ""} and path.name != "test_repository.py":
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"(?<![\w.:/<\"(|])/(root|work|tmp)/", text), path
            assert not re.search(
                r"pip install [^\n`#]*[\w\]](>=|<=|>|<)\d", re.sub(r"[\"'][^\"'\n]*[\"']", "", text)
            ), path


def test_modules_read_in_one_sitting():
    for path in (ROOT / "helpers").glob("*.py"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 220, path.name


def test_every_target_of_make_has_a_line_of_help():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = re.search(r"\.PHONY: (.+)", makefile)[1].split()
    assert all(re.search(rf"^{name}:.*## \w+", makefile, flags=re.MULTILINE) for name in named)


def test_every_data_file_and_every_source_has_a_card():
    from helpers import sources

    cards = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    names = [path.name for path in (ROOT / "data").iterdir() if path.suffix != ".md"] + list(
        sources.CATALOGUE["packages"] | sources.CATALOGUE["downloads"] | sources.CATALOGUE["hub_data"]
    )
    assert not [name for name in names if name not in cards]

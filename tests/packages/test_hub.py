"""`helpers.download` against a stand-in Hub on the loopback that can also fail; without it nobody asks the Hub."""

import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import time

import datasets
import huggingface_hub
import pytest
from conftest import ROOT
from hub_files import file_of

import helpers
from helpers import settings
from helpers.packages import stand_ins

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
NER = "dslim/bert-base-NER"
BERTWEET = "vinai/bertweet-base"


@pytest.fixture
def learner(hub_environment, monkeypatch):
    """This process has a learner's environment with the stand-in Hub, and a cache with the encoder alone."""
    for name in [name for name in os.environ if name.startswith(("WORKSHOP_", "HF_"))]:
        monkeypatch.delenv(name)
    for name, value in hub_environment.items():
        monkeypatch.setenv(name, value)
    encoder = f"models--{MINILM.replace('/', '--')}"
    full = settings.HUB_CACHE / encoder
    monkeypatch.setattr(settings, "CACHE", settings.Path(hub_environment["WORKSHOP_CACHE"]))
    monkeypatch.setattr(settings, "HUB_CACHE", settings.CACHE / "huggingface")
    settings.HUB_CACHE.mkdir(parents=True)
    (settings.HUB_CACHE / encoder).symlink_to(full)


def run(program: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)


def patch_the_download(tmp_path, monkeypatch, program: str) -> None:
    """Run this program first in the process that downloads."""
    (tmp_path / "sitecustomize.py").write_text(program)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


def repository(name: str, kind: str = "model"):
    return settings.HUB_CACHE / f"{kind}s--{name.replace('/', '--')}"


def snapshot(name: str, kind: str = "model") -> dict[str, bytes]:
    """What from_pretrained finds of a repository: file to content at the commit in refs/main."""
    folder = repository(name, kind)
    found = folder / "snapshots" / (folder / "refs" / "main").read_text()
    return {path.relative_to(found).as_posix(): path.read_bytes() for path in found.rglob("*") if path.is_file()}


def whole(hub, name: str) -> dict[str, bytes]:
    """Every file of a repository's newest commit."""
    files = hub.repositories[f"models/{name}"][hub.newest(f"models/{name}")]
    return {file: found.content for file, found in files.items()}


DEFAULT_PATH = """
import helpers
helpers.setup(size="tiny")
from transformers import AutoModel, AutoTokenizer, pipeline
name = "sentence-transformers/all-MiniLM-L6-v2"
pipeline("feature-extraction", model=name)("the council voted")
AutoModel.from_pretrained(helpers.model("google-bert/bert-base-uncased"))
print("downloaded", helpers.download(name))
"""


def printed(capsys) -> str:
    """What was printed, without the progress bars that were drawn over."""
    return re.sub(r"[^\n]*\r", "", capsys.readouterr().out)


def test_the_default_path_sends_the_hub_no_request(hub, monkeypatch):
    for name in [name for name in os.environ if name.startswith("HF_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
    result = run(DEFAULT_PATH)
    assert "In place of google-bert/bert-base-uncased: MiniLM with heads" in result.stdout, result.stderr
    assert "downloaded True" in result.stdout  # the packages have it
    assert hub.asked == []


def test_a_downloaded_model_lies_in_the_documented_layout(hub, learner, capsys):
    assert helpers.download(NER)
    commit = hub.newest(f"models/{NER}")
    assert snapshot(NER) == whole(hub, NER)
    assert (repository(NER) / "refs" / "main").read_text() == commit
    for name, file in hub.repositories[f"models/{NER}"][commit].items():
        link = repository(NER) / "snapshots" / commit / name
        assert link.readlink() == settings.Path("..", "..", "blobs", file.etag)
    (settings.HUB_CACHE / repository(MINILM).name).unlink()  # a link of this test
    assert not huggingface_hub.scan_cache_dir(settings.HUB_CACHE).warnings
    assert printed(capsys) == ""


def test_a_name_that_is_there_needs_no_network(hub, learner):
    assert helpers.download(NER)
    hub.asked.clear()
    hub.fail("refuse")
    assert helpers.download(NER) and hub.asked == []


def test_copies_for_other_programs_are_left_alone(hub, learner):
    files = hub.repositories[f"models/{NER}"][hub.newest(f"models/{NER}")]
    hub.commit(f"models/{NER}", files | {"onnx/model.json": file_of("onnx/model.json", b"{}")})
    assert helpers.download(NER) and "onnx/model.json" not in snapshot(NER)


OWN_NAME = """
import helpers
helpers.setup()
from transformers import pipeline
print(len(pipeline("fill-mask", model="vinai/bertweet-base")("the council <mask>")))
"""


def test_a_learner_s_own_name_works_in_a_pipeline_without_network(hub, learner):
    assert helpers.download(BERTWEET)
    hub.asked.clear()
    hub.fail("refuse")
    result = run(OWN_NAME)
    assert result.stdout.splitlines()[-1] == "5", result.stderr
    assert hub.asked == []


def test_a_downloaded_data_set_is_read_from_its_parquet_files(hub, learner, tmp_path):
    name = "cardiffnlp/tweet_eval"
    assert helpers.download(name, repo_type="dataset", files="offensive/*.parquet")
    assert {file.split("/")[0] for file in snapshot(name, "dataset")} == {"offensive"}
    files = [str(path) for path in (repository(name, "dataset") / "snapshots").rglob("train*.parquet")]
    found = datasets.load_dataset("parquet", data_files=files, cache_dir=str(tmp_path), split="train")
    assert found.column_names == ["text", "label"] and found.features["label"].names == ["non-offensive", "offensive"]
    hub.fail("refuse")
    assert helpers.download(name, repo_type="dataset", files="offensive/*.parquet")
    assert not helpers.download(name, repo_type="dataset", files="hate/*.parquet")


def test_files_of_a_data_set_are_brought_by_pattern_and_its_script_is_not(hub, learner):
    name = "cardiffnlp/tweet_sentiment_multilingual"
    assert helpers.download(name, repo_type="dataset", files=["data/spanish/*.jsonl"])
    assert {file.rsplit("/", 1)[0] for file in snapshot(name, "dataset")} == {"data/spanish"}


def test_files_that_come_later_belong_to_the_same_commit(hub, learner):
    files = hub.repositories[f"models/{NER}"][hub.newest(f"models/{NER}")]
    hub.commit(f"models/{NER}", files | {"onnx/a.json": file_of("a.json", b"{}")})
    assert helpers.download(NER)
    before = snapshot(NER)
    hub.commit(f"models/{NER}", files | {"config.json": file_of("config.json", b"{}")})
    assert helpers.download(NER, files="onnx/*.json")
    assert snapshot(NER) == before | {"onnx/a.json": b"{}"}


def large_model(hub) -> bytes:
    """A repository's weights are large from now on: huggingface_hub writes pieces of some 10 MB."""
    weights = os.urandom(25_000_000)
    files = hub.repositories[f"models/{NER}"][hub.newest(f"models/{NER}")]
    hub.commit(f"models/{NER}", files | {"model.safetensors": file_of("model.safetensors", weights)})
    return weights


def test_a_download_that_breaks_off_goes_on_where_it_stopped(hub, learner):
    weights = large_model(hub)
    hub.fail("cut", "GET /cdn", times=1)
    assert helpers.download(NER) and snapshot(NER)["model.safetensors"] == weights
    [again] = [asked for asked in hub.asked if "GET /cdn" in asked and "bytes=" in asked]
    assert int(re.search(r"bytes=(\d+)", again)[1]) > 5_000_000


def test_after_an_interruption_whole_files_stay_and_half_a_model_is_not_one(hub, learner, monkeypatch):
    weights = large_model(hub)
    monkeypatch.setenv("HF_HUB_DOWNLOAD_TIMEOUT", "60")
    hub.fail("hang", "GET /cdn")
    program = "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\nimport helpers\n"
    command = [sys.executable, "-c", program + f"helpers.download({NER!r})"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    deadline = time.monotonic() + 60
    while not list(repository(NER).rglob("config.json")) or not list(repository(NER).rglob("*.incomplete")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=30)[1].rstrip().endswith("KeyboardInterrupt")
    assert not (repository(NER) / "refs" / "main").exists()
    hub.failures.clear()
    assert helpers.download(NER) and snapshot(NER)["model.safetensors"] == weights
    assert len([asked for asked in hub.asked if re.match("GET .*/config.json", asked)]) == 1
    assert not list(repository(NER).rglob("*.incomplete"))


@pytest.mark.parametrize(
    ("kind", "where", "said"),
    [
        ("refuse", "", "cannot be reached from here: check the network"),
        ("stall", "", "did not answer within 3 seconds"),
        ("drip", "", "did not answer within 3 seconds"),
        ("401", "", "does not let you in (401)"),
        ("lost", "", "has nothing of that name (404)"),
        ("429", "", "got too many requests from here (429)"),
        ("503", "", "is not working right now (503)"),
        ("portal", "", "was not reached: a page to log in to the network answers in its place"),
        ("lost", "GET /cdn", "has nothing of that name (404)"),
    ],
)
def test_what_went_wrong_is_one_sentence_and_nothing_of_it_is_remembered(hub, learner, capsys, kind, where, said):
    hub.fail(kind, where)
    started = time.monotonic()
    assert helpers.download(NER) is False
    assert time.monotonic() - started < 20
    [line] = printed(capsys).splitlines()
    assert line.startswith(f"{NER} was not downloaded: the Hub {said}")
    assert not (repository(NER) / "refs" / "main").exists()
    hub.failures.clear()
    assert helpers.download(NER) and snapshot(NER) == whole(hub, NER)


def test_a_commit_that_the_hub_lost_is_said(hub, learner, capsys):
    assert helpers.download(NER)
    files = hub.repositories[f"models/{NER}"].popitem()[1]
    hub.commit(f"models/{NER}", files | {"README.md": file_of("README.md", b"new")})
    assert not helpers.download(NER, files="*.md")
    assert "no longer has the version in the cache" in printed(capsys)


def test_a_pattern_that_fits_no_file_is_said(hub, learner, capsys):
    assert not helpers.download(NER, files="*.parquet")
    assert "the Hub has no *.parquet" in printed(capsys)


def test_a_full_disk_is_one_sentence(hub, learner, capsys, tmp_path, monkeypatch):
    program = "import errno, huggingface_hub.file_download as module\n"
    program += "def full(*_, **__): raise OSError(errno.ENOSPC, 'No space left on device')\nmodule.http_get = full\n"
    patch_the_download(tmp_path, monkeypatch, program)
    assert not helpers.download(NER)
    [line] = printed(capsys).splitlines()
    assert "the Hub answers, but the disk is full: make room" in line


def test_a_cache_that_cannot_be_written_is_one_sentence(hub, learner, capsys, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setattr(settings, "HUB_CACHE", tmp_path / "file" / "huggingface")  # another user's
    assert not helpers.download(NER)
    assert f"{settings.HUB_CACHE} cannot be written: set WORKSHOP_CACHE" in printed(capsys)
    monkeypatch.setattr(settings, "CACHE", tmp_path / "file")
    assert not helpers.download(NER)
    assert f"The cache {settings.CACHE} cannot be written" in printed(capsys)


def test_where_links_cannot_be_made_files_take_their_place(hub, learner, tmp_path, monkeypatch):
    """As on Windows, where links need a privilege."""
    program = "import huggingface_hub.file_download as module\nmodule.are_symlinks_supported = lambda *_: False\n"
    patch_the_download(tmp_path, monkeypatch, program)
    assert helpers.download(NER) and snapshot(NER) == whole(hub, NER)
    assert not any(path.is_symlink() for path in repository(NER).rglob("*"))
    hub.fail("refuse")
    assert helpers.download(NER)


@pytest.fixture
def certificate(tmp_path):
    """A certificate that this machine signed itself, with its key in the same file."""
    place = tmp_path / "certificate.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=stand-in -addext subjectAltName=IP:127.0.0.1"
    subprocess.run([*command.split(), "-keyout", place, "-out", tmp_path / "c"], check=True, capture_output=True)
    place.write_text(place.read_text() + (tmp_path / "c").read_text())
    return place


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl makes the certificate")
def test_an_unknown_certificate_is_said_and_one_in_ssl_cert_file_is_trusted(
    hub, learner, certificate, monkeypatch, capsys
):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    hub.server.socket = context.wrap_socket(hub.server.socket, server_side=True)
    monkeypatch.setenv("HF_ENDPOINT", hub.endpoint.replace("http:", "https:"))
    name, files = "cardiffnlp/tweet_sentiment_multilingual", "*.py"  # a small file, of the same host
    assert not helpers.download(name, repo_type="dataset", files=files)
    assert "the Hub shows a certificate that is unknown here: set SSL_CERT_FILE" in printed(capsys)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert helpers.download(name, repo_type="dataset", files=files)


@pytest.mark.parametrize("arguments", [["bert-base-uncased"], ["../x/y"], [NER, "space"]])
def test_what_is_not_a_name_or_kind_is_refused_with_an_example(arguments):
    with pytest.raises(ValueError, match="google-bert/bert-base-uncased|It can be"):
        helpers.download(*arguments)


def test_with_source_hub_the_original_takes_the_place_of_its_stand_in(hub, learner, monkeypatch, capsys):
    made = stand_ins.StandIn("a small stand-in", "minilm", lambda: "tiny", lambda folder: None)
    monkeypatch.setitem(stand_ins.STAND_INS, NER, made)
    monkeypatch.setattr(settings.chosen, "source", "hub")
    hub.fail("refuse")
    assert helpers.model(NER) == str(settings.CACHE / "models" / "tiny-0.1.0")
    sentence, named = printed(capsys).splitlines()
    assert "the Hub cannot be reached" in sentence and named == f"In place of {NER}: a small stand-in."
    hub.failures.clear()
    assert helpers.model(NER) == NER and printed(capsys) == ""
    monkeypatch.setattr(settings.chosen, "source", "packages")
    assert helpers.model(NER) != NER


def test_a_name_without_a_stand_in_is_answered_with_those_that_have_one():
    with pytest.raises(ValueError, match=r"google-bert/bert-base-uncased.*helpers\.download"):
        helpers.model("org/name")

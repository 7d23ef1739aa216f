"""The Hub's models through the workshop's own code, against a stand-in on the loopback that can also fail."""

import json
import os
import pickle
import shutil
import ssl
import subprocess
import sys

import pytest
from conftest import ROOT
from hub_files import file_of

from helpers.packages import catalogue

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
GPT2 = "openai-community/gpt2"
SNAPSHOT = "import sys; from helpers import hub; print(hub.snapshot(sys.argv[1]))"


@pytest.fixture
def learner(hub_environment, tmp_path):
    """Runs a program as a learner with the stand-in and an empty cache does."""

    def run(program: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess:
        command = [sys.executable, "-c", program, *arguments]
        return subprocess.run(command, env=hub_environment | variables, capture_output=True, text=True, cwd=ROOT)

    run.cache = tmp_path / "cache"
    run.files = tmp_path / "hf" / "hub"
    return run


def cached(learner, name: str) -> dict[str, bytes]:
    """What any program would find of a repository in the Hub's cache: file name to content, over all commits."""
    snapshots = learner.files / f"models--{name.replace('/', '--')}" / "snapshots"
    return {path.name: path.read_bytes() for path in snapshots.rglob("*") if path.is_file()}


def whole(hub, name: str) -> dict[str, bytes]:
    """Name to content of every file of a repository's newest commit."""
    files = hub.repositories[f"models/{name}"][hub.newest(f"models/{name}")]
    return {file: found.content for file, found in files.items()}


LOAD_EVERY_ROLE = """
import os
import helpers
helpers.setup()
import transformers
from helpers.packages import catalogue, models
heads = {"encoder": "AutoModel", "tweets": "AutoModelForSequenceClassification", "masked": "AutoModelForMaskedLM",
    "next_sentence": "AutoModelForNextSentencePrediction", "causal": "AutoModelForCausalLM",
    "instruct": "AutoModelForCausalLM", "sentiment": "AutoModelForSequenceClassification",
    "entities": "AutoModelForTokenClassification", "entailment": "AutoModelForSequenceClassification"}
for role in catalogue.CATALOGUE["hub"]:
  for os.environ["WORKSHOP_SIZE"] in ("small", "full"):
    words = role.split(" ")
    folder = models.checkpoint(words[0], *(words[1].split("-") if words[1:] else []))
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    assert tokenizer.unk_token_id not in tokenizer("the council voted")["input_ids"], (role, tokenizer)
    if role != "sentencepiece":
        model_class = getattr(transformers, heads.get(role, "AutoModelForSeq2SeqLM"))
        model, found = model_class.from_pretrained(folder, output_loading_info=True)
        fresh = [name for name in found["missing_keys"] if not name.startswith(("classifier.", "bert.pooler"))]
        assert not fresh or role == "tweets", (role, fresh)
        model(**tokenizer("the council voted", return_tensors="pt"),
              **({"decoder_input_ids": __import__("torch").tensor([[0]])} if "translation" in role else {}))
    print("loaded", role, folder, flush=True)
"""


def test_every_role_of_the_catalogue_loads_from_the_hub_and_again_without_it(hub, learner):
    first = learner(LOAD_EVERY_ROLE)  # the source is auto
    assert first.returncode == 0, first.stderr[-3000:]
    assert "hub (the Hub answered" in first.stdout
    folders = [line for line in first.stdout.splitlines() if line.startswith("loaded")]
    assert len(folders) == 2 * len(catalogue.CATALOGUE["hub"])
    hub.asked.clear()
    hub.fail("stall")
    again = learner(LOAD_EVERY_ROLE)
    assert [line for line in again.stdout.splitlines() if line.startswith("loaded")] == folders, again.stderr[-3000:]
    assert hub.asked == []


def test_bertweet_reads_names_and_links_as_it_was_trained_to(hub, learner):
    program = """
import helpers
helpers.setup(source="hub", size="full")
import transformers
from helpers.packages import models, origin
folder = models.checkpoint("tweets")
tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
print("reads", type(tokenizer).__name__, tokenizer.normalizeTweet("@someone said https://t.co/x"))
print("files", sorted(path.name for path in __import__("pathlib").Path(folder).iterdir()))
print("named", origin._shown(__import__("pathlib").Path(folder)))
"""
    result = learner(program)
    assert result.returncode == 0, result.stderr[-3000:]
    assert "reads BertweetTokenizer @USER said HTTPURL" in result.stdout
    assert "tokenizer_config.json" in result.stdout and "bpe.codes" in result.stdout
    commit = hub.newest("models/vinai/bertweet-base")
    assert f"named models/vinai--bertweet-base-{commit}" in result.stdout


def test_a_saved_bertweet_reads_as_it_did_in_training(hub, learner, tmp_path):
    """transformers saves its merges such that they are lost when they are read again."""
    program = """
import sys
import helpers
helpers.setup(source="hub", size="full")
from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer
from helpers import training
from helpers.packages import models
folder = models.checkpoint("tweets")
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModelForSequenceClassification.from_pretrained(folder)
settings = training.arguments(helpers.setup(), output_dir=sys.argv[1] + "-run")
training.save(Trainer(model, settings, processing_class=tokenizer), sys.argv[1])
text = "@someone the council voted for the budget https://t.co/x"
for each in (tokenizer, AutoTokenizer.from_pretrained(sys.argv[1])):
    print("reads", each.tokenize(text))
"""
    result = learner(program, str(tmp_path / "saved"))
    before, after = [line for line in result.stdout.splitlines() if line.startswith("reads")]
    assert before == after and "'council'" in after, (before, after, result.stderr[-2000:])


@pytest.mark.parametrize(
    ("kind", "where", "said"),
    [
        ("429", "GET /api/models", "too many requests"),
        ("limit", "GET /api/models", "Next try in 2 s"),
        ("limit", "HEAD .*model.safetensors", "too many requests"),
        ("refuse", "GET /api/models", "cannot be reached"),
        ("refuse", "GET /cdn", ""),
        ("stall", "HEAD .*model.safetensors", "did not answer in time"),
        ("503", "GET /api/models", "not well at the moment"),
        ("503", "GET /cdn", "not well at the moment"),
        ("503", "HEAD .*model.safetensors", ""),
        ("stall", "GET /api/models", "did not answer in time"),
        ("cut", "GET /cdn", ""),
        ("stall", "GET /cdn", ""),
        ("short", "GET /cdn", "wrong length"),
        ("short", "GET .*config.json", "wrong length"),
        ("swap", "GET /cdn", "is damaged: it is fetched anew"),
        ("swap", "GET .*tokenizer.json", "is damaged: it is fetched anew"),
    ],
)
def test_what_passes_is_waited_for_and_the_model_is_whole(hub, learner, kind, where, said):
    hub.fail(kind, where, times=1, retry_after=2 if kind == "limit" else 1)
    result = learner(SNAPSHOT, GPT2)
    assert result.returncode == 0, result.stderr
    assert said in result.stderr
    assert cached(learner, GPT2) == whole(hub, GPT2)


def test_a_large_download_that_breaks_off_goes_on_where_it_stopped(hub, learner):
    weights = os.urandom(25_000_000)  # huggingface_hub keeps what came in pieces of some 10 MB
    files = hub.repositories[f"models/{GPT2}"][hub.newest(f"models/{GPT2}")]
    hub.commit(f"models/{GPT2}", files | {"model.safetensors": file_of("model.safetensors", weights)})
    hub.fail("cut", "GET /cdn", times=1)
    assert learner(SNAPSHOT, GPT2).returncode == 0
    assert cached(learner, GPT2)["model.safetensors"] == weights
    [again] = [request for request in hub.asked if request.startswith("GET /cdn") and "bytes=" in request]
    assert int(again.split("bytes=")[1].removesuffix("-")) > 5_000_000


@pytest.mark.parametrize(
    ("kind", "where", "cause", "remedy"),
    [
        ("lost", "", "no such repository", "open an issue"),
        ("stall", "", "did not answer in time", "check the network"),
        ("stall", "HEAD", "did not answer in time", "check the network"),
        ("refuse", "HEAD", "the Hub cannot be reached", "check the network"),
        ("portal", "", "something else than the Hub answers", "check the network"),
        ("portal", "HEAD", "something else than the Hub answers", "check the network"),
        ("503", "GET /(api|cdn)", "not well at the moment (503)", "wait a few minutes"),
        ("short", "GET /cdn", "a file arrived with a wrong length", "wait a few minutes"),
        ("swap", "GET /cdn", "model.safetensors is not the file that the Hub names", "wait a few minutes"),
    ],
)
def test_what_does_not_pass_is_one_message_and_nothing_wrong_is_kept(hub, learner, kind, where, cause, remedy):
    hub.fail(kind, where)
    assert_refused(learner(SNAPSHOT, GPT2), GPT2, cause, remedy)
    right = whole(hub, GPT2)
    assert all(right[name] == content for name, content in cached(learner, GPT2).items())
    assert "model.safetensors" not in cached(learner, GPT2)
    hub.failures.clear()
    assert learner(SNAPSHOT, GPT2).returncode == 0
    assert cached(learner, GPT2) == right


def assert_refused(result, repository: str, cause: str, remedy: str) -> None:
    """The program ended with one SourceError that names repository, cause and remedy, and shows no other error."""
    assert result.returncode == 1
    message = result.stderr[result.stderr.rindex("helpers.packages.wheels.SourceError: ") :]
    for part in (repository, cause, remedy, 'helpers.setup(source="packages")'):
        assert part in message, message
    assert result.stderr.count("Traceback") == 1


def test_a_hub_that_refuses_is_one_message(learner):
    result = learner(SNAPSHOT, GPT2, HF_ENDPOINT="http://127.0.0.1:9")
    assert_refused(result, GPT2, "the Hub cannot be reached", "check the network")


FULL = """
import errno, sys
import huggingface_hub
from helpers.packages import hub
def download(**_):
    raise OSError(errno.ENOSPC, "No space left on device") if sys.argv[2] == "os" else RuntimeError(
        "Data processing error: IO Error: No space left on device (os error 28)")
huggingface_hub.hf_hub_download = download
hub.snapshot(sys.argv[1])
"""


@pytest.mark.parametrize("says_so", ["os", "hf_xet"])
def test_a_full_disk_is_one_message_that_names_its_folder(learner, says_so):
    result = learner(FULL, GPT2, says_so)
    assert_refused(result, GPT2, "the disk is full", f"make room on the disk of {learner.files}")
    assert "wait" not in result.stderr


@pytest.mark.parametrize("kind", ["429", "limit"])
@pytest.mark.parametrize("where", ["GET /api/", "HEAD"])
def test_nobody_waits_for_minutes_when_the_hub_asks_for_them(hub, learner, kind, where):
    hub.fail(kind, where, retry_after=300)
    assert_refused(
        learner(SNAPSHOT, GPT2), GPT2, "too many requests come from this network (429)", "wait a few minutes"
    )
    assert len(hub.asked) == (2 if where == "HEAD" else 1)


def test_an_old_token_of_this_machine_does_no_harm(hub, learner):
    hub.fail("token")
    result = learner(SNAPSHOT, GPT2, HF_TOKEN="hf_of_last_year")
    assert result.returncode == 0, result.stderr
    assert result.stderr.count("The Hub refuses the token of this machine") == 1
    assert cached(learner, GPT2) == whole(hub, GPT2)


NO_XET = """
import sys
import huggingface_hub
from huggingface_hub import constants
from helpers.packages import hub
plain = huggingface_hub.hf_hub_download
def download(**options):
    if options["filename"].endswith(".safetensors") and not constants.HF_HUB_DISABLE_XET:
        raise RuntimeError("Data processing error: CAS service error : Reqwest Error: dns error")
    return plain(**options)
huggingface_hub.hf_hub_download = download
hub.snapshot(sys.argv[1])
"""


def test_where_the_hosts_of_large_files_are_blocked_they_come_the_plain_way(hub, learner):
    result = learner(NO_XET, GPT2)
    assert result.returncode == 0, result.stderr
    assert "The fast way to download failed" in result.stderr
    assert cached(learner, GPT2) == whole(hub, GPT2)


def test_what_is_not_fetched_yet_and_may_not_be_asked_for_is_one_message(learner):
    assert_refused(learner(SNAPSHOT, GPT2, HF_HUB_OFFLINE="1"), GPT2, "HF_HUB_OFFLINE is set", "unset it")


def test_a_file_that_was_damaged_in_the_cache_is_fetched_anew(hub, learner):
    folder = learner(SNAPSHOT, GPT2).stdout.strip()
    weights = next(path for path in learner.files.rglob("model.safetensors") if folder in str(path))
    content = weights.read_bytes()
    weights.resolve().write_bytes(content[:-100])
    assert learner(SNAPSHOT, GPT2).stdout.strip() == folder
    assert weights.read_bytes() == content


def test_the_commit_is_noted_and_used_until_the_note_is_removed(hub, learner):
    first = learner(SNAPSHOT, GPT2).stdout.strip()
    before = hub.newest(f"models/{GPT2}")
    note = learner.cache / "hub" / "openai-community--gpt2.json"
    assert json.loads(note.read_text())["commit"] == before
    newer = dict(hub.repositories[f"models/{GPT2}"][before])
    newer["config.json"] = file_of("config.json", newer["config.json"].content + b" ")
    hub.commit(f"models/{GPT2}", newer)
    assert learner(SNAPSHOT, GPT2).stdout.strip() == first
    shutil.rmtree(learner.files)  # the models are gone, the note is not: the same commit comes again
    assert learner(SNAPSHOT, GPT2).stdout.strip() == first
    note.unlink()
    assert learner(SNAPSHOT, GPT2).stdout.strip().endswith(hub.newest(f"models/{GPT2}"))


def test_a_commit_that_the_hub_lost_is_one_message(hub, learner):
    learner(SNAPSHOT, GPT2)
    shutil.rmtree(learner.files)
    files = hub.repositories[f"models/{GPT2}"].popitem()[1]
    hub.commit(f"models/{GPT2}", files | {"README.md": file_of("README.md", b"new")})
    assert_refused(learner(SNAPSHOT, GPT2), GPT2, "the commit that was used before is not there", "remove the file")


def test_a_note_that_was_damaged_is_made_anew(hub, learner):
    folder = learner(SNAPSHOT, GPT2).stdout.strip()
    note = learner.cache / "hub" / "openai-community--gpt2.json"
    record = json.loads(note.read_text())
    for damage in ("{", "[]", json.dumps(record | {"files": {"config.json": {}}})):
        note.write_text(damage)
        assert learner(SNAPSHOT, GPT2).stdout.strip() == folder


def test_copies_for_other_programs_are_left_alone(hub, learner):
    learner(SNAPSHOT, MINILM)
    assert not any("onnx" in request for request in hub.asked)
    assert "model.safetensors" in cached(learner, MINILM)


class Program:
    """What a pickle can do when it is read: here, make a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_weights_that_hold_a_program_are_refused_and_it_does_not_run(hub, learner, tmp_path):
    name, ran = "vinai/bertweet-base", tmp_path / "ran"
    files = dict(hub.repositories[f"models/{name}"][hub.newest(f"models/{name}")])
    files["pytorch_model.bin"] = file_of("pytorch_model.bin", pickle.dumps({"weight": Program(ran)}))
    hub.commit(f"models/{name}", files)
    assert_refused(learner(SNAPSHOT, name), name, "pytorch_model.bin holds more than weights", "open an issue")
    assert not ran.exists()
    assert "pytorch_model.bin" not in cached(learner, name)


ASK = """
import time
from helpers.packages import hub_answer
started = time.monotonic()
print(*hub_answer.answer(), sep="|")
assert time.monotonic() - started < 5
"""


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("stall", "did not answer in 3 s"), ("drip", "did not answer in 3 s"), ("429", "said 429"),
        ("503", "said 503"), ("portal", "is something else here"), ("lost", "said 404"),
    ],
)  # fmt: skip
def test_auto_asks_once_for_three_seconds_and_keeps_the_answer_until_it_is_asked_again(hub, learner, kind, why):
    hub.fail(kind)
    said = learner(ASK).stdout.strip()
    assert said.startswith("packages|the Hub") and why in said
    hub.failures.clear()
    assert learner(ASK).stdout.strip() == said != ""
    assert len(hub.asked) == 1
    program = "import sys; from helpers import sources; sys.exit(catalogue.main(['ask']))"
    assert "Models come from: hub" in learner(program).stdout
    hub.fail("stall")
    assert learner(ASK).stdout.startswith("hub|the Hub answered")
    assert len(hub.asked) == 2


@pytest.fixture
def certificate(tmp_path):
    """A certificate that this machine signed itself, with its key in the same file."""
    place = tmp_path / "certificate.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=stand-in -addext subjectAltName=IP:127.0.0.1"
    subprocess.run([*command.split(), "-keyout", place, "-out", tmp_path / "c"], check=True, capture_output=True)
    place.write_text(place.read_text() + (tmp_path / "c").read_text())
    return place


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl makes the certificate")
def test_a_certificate_that_is_not_trusted_is_said_and_one_in_ssl_cert_file_is_trusted(hub, learner, certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    hub.server.socket = context.wrap_socket(hub.server.socket, server_side=True)
    program, address = ASK.replace("answer()", "ask()"), hub.endpoint.replace("http:", "https:")
    said = learner(program, HF_ENDPOINT=address).stdout
    assert said.startswith("packages|the Hub shows a certificate unknown here: set SSL_CERT_FILE"), said
    assert learner(program, HF_ENDPOINT=address, SSL_CERT_FILE=str(certificate)).stdout.startswith("hub|")


def test_python_without_certificates_of_its_own_takes_those_of_certifi(learner, tmp_path):
    """As Python from python.org on macOS."""
    program = """
import ssl
from helpers.packages import hub_answer
print(len(ssl.create_default_context().get_ca_certs()), len(hub_answer._certificates().get_ca_certs()) > 50)
"""
    nowhere = str(tmp_path / "none")
    assert learner(program, SSL_CERT_FILE=nowhere, SSL_CERT_DIR=nowhere).stdout.split() == ["0", "True"]


def test_the_answer_of_one_address_is_not_that_of_another(hub, learner):
    assert learner(ASK, HF_ENDPOINT="http://127.0.0.1:9").stdout.startswith("packages|the Hub cannot be reached")
    assert learner(ASK).stdout.startswith("hub|")


def test_a_data_set_of_the_stand_in_has_the_columns_and_labels_of_the_real_one(learner):
    program = """
import datasets
found = datasets.load_dataset("cardiffnlp/tweet_eval", "stance_climate")
print(sorted(found), found["train"].column_names, found["train"].features["label"].names)
"""
    result = learner(program)
    assert result.stdout.strip() == (
        "['test', 'train', 'validation'] ['text', 'label'] ['none', 'against', 'favor']"
    ), result.stderr[-2000:]

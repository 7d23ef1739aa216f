"""Data sets that need the network: of a stand-in for the Hub, and of a host on the loopback that can also fail."""

import hashlib
import io
import json
import re
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pandas as pd
import pytest
from conftest import ROOT
from hub_data import SPLITS, TWEET_EVAL
from hub_files import file_of

from helpers import hub_only
from helpers.data import downloads, online, sets
from helpers.packages import catalogue
from helpers.packages.wheels import SourceError

TWEETS = "datasets/cardiffnlp/tweet_eval"
OF_THE_HUB = [name for name in online.LOADERS if name in online.NEAREST]
LOAD = """
import json, sys
import helpers
helpers.setup(source="hub")
for name in sys.argv[1:]:
    parts = helpers.data.load(name)
    sizes = {part: len(rows) for part, rows in parts.items()}
    print(json.dumps([name, sizes, parts["train"].column_names, parts["train"].features["label"].names,
                      parts["test"]["text"][:], parts["test"]["label"][:]]))
"""


@pytest.fixture
def learner(hub_environment, tmp_path):
    """Runs a program as a learner with the stand-in Hub and an empty cache does."""

    def run(*arguments: str) -> subprocess.CompletedProcess:
        command = [sys.executable, "-c", LOAD, *arguments]
        return subprocess.run(command, env=hub_environment, capture_output=True, text=True, cwd=ROOT)

    run.cache, run.files = tmp_path / "cache", tmp_path / "hf" / "hub"
    return run


def loaded(result) -> list:
    return [json.loads(line) for line in result.stdout.splitlines() if line.startswith("[")]


def test_the_hubs_data_sets_come_with_official_splits_and_named_labels_and_again_without_asking(hub, learner):
    first = learner(*OF_THE_HUB)
    assert first.returncode == 0, first.stderr[-3000:]
    found = loaded(first)
    assert [each[0] for each in found] == OF_THE_HUB
    for name, sizes, columns, names, texts, labels in found:
        configuration = name.removeprefix("tweet_eval_")
        assert sizes == SPLITS
        assert columns == ["text", "label"]
        assert names == TWEET_EVAL.get(configuration, ["negative", "neutral", "positive"])
        assert labels == [number % len(names) for number in range(SPLITS["test"])]
        content = hub.repositories[TWEETS][hub.newest(TWEETS)].get(f"{configuration}/test-00000-of-00001.parquet")
        if content:
            (learner.cache / "as_served.parquet").write_bytes(content.content)
            assert texts == pd.read_parquet(learner.cache / "as_served.parquet")["text"].tolist()
    assert not [request for request in hub.asked if request.split(" ")[1].endswith(".py")]  # no script is fetched
    hub.asked.clear()
    hub.fail("stall")
    assert loaded(learner(*OF_THE_HUB)) == found
    assert hub.asked == []


def test_a_data_set_comes_at_the_commit_that_was_noted(hub, learner):
    before = hub.newest(TWEETS)
    first = loaded(learner("tweet_eval_offensive"))
    note = learner.cache / "hub" / "datasets--cardiffnlp--tweet_eval.json"
    assert json.loads(note.read_text())["commit"] == before
    files = hub.repositories[TWEETS][before]
    hub.commit(TWEETS, {name: file for name, file in files.items() if not name.startswith("offensive")})
    shutil.rmtree(learner.files)
    assert loaded(learner("tweet_eval_offensive")) == first
    note.unlink()
    result = learner("tweet_eval_offensive")
    assert "it has no file offensive/train-*.parquet any more" in result.stderr.splitlines()[-2]
    assert "open an issue" in result.stderr


def test_a_data_file_that_arrives_damaged_is_refused(hub, learner):
    hub.fail("swap", "GET /cdn")
    result = learner("tweet_eval_stance_hillary")
    assert result.returncode == 1
    assert "is not the file that the Hub names: it arrives damaged" in result.stderr
    assert not list((learner.files).rglob("snapshots/*/*/*.parquet"))


def test_other_labels_than_the_known_ones_are_one_message(hub, learner):
    name = "datasets/cardiffnlp/tweet_sentiment_multilingual"
    files = dict(hub.repositories[name][hub.newest(name)])
    files["data/spanish/test.jsonl"] = file_of("test.jsonl", b'{"text": "hola", "label": "7"}\n')
    hub.commit(name, files)
    result = learner("tweet_sentiment_spanish")
    assert "tweet_sentiment_spanish has labels that are none of negative, neutral, positive" in result.stderr


def test_spanish_tweets_are_found_in_the_layout_that_other_data_sets_were_converted_to(hub, learner, tmp_path):
    name = "datasets/cardiffnlp/tweet_sentiment_multilingual"
    before = loaded(learner("tweet_sentiment_spanish"))
    files = {}
    for path, file in hub.repositories[name][hub.newest(name)].items():
        if path.startswith("data/spanish/"):
            part = path.removeprefix("data/spanish/").removesuffix(".jsonl")
            rows = pd.read_json(io.BytesIO(file.content), lines=True, dtype=False)
            rows.to_parquet(tmp_path / "part.parquet")
            content = (tmp_path / "part.parquet").read_bytes()
            files[f"spanish/{part}-00000-of-00001.parquet"] = file_of("part.parquet", content)
    hub.commit(name, files)
    (learner.cache / "hub" / "datasets--cardiffnlp--tweet_sentiment_multilingual.json").unlink()
    assert loaded(learner("tweet_sentiment_spanish")) == before


@pytest.mark.parametrize("name", OF_THE_HUB)
def test_without_the_hub_one_message_names_the_nearest_data_set_that_there_is(name, monkeypatch):
    monkeypatch.setenv("WORKSHOP_SOURCE", "packages")
    with pytest.raises(SourceError, match='setup\\(source="hub"\\)') as error:
        sets.load(name)
    nearest = re.search(r'load\("(\w+)"\)', str(error.value))[1]
    assert nearest in sets.LOADERS and nearest not in online.LOADERS


FOREIGN = """
import helpers
helpers.setup(source="hub", size="tiny")
for each in helpers.hub_only.foreign_texts(4):
    print("|".join([each.what, each.language, str(len(each.texts)), str(all(each.texts)), each.texts[0]]))
"""


def test_with_the_hub_spanish_tweets_and_speeches_of_two_parliaments_can_be_translated(hub_environment, tmp_path):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "packages").symlink_to(catalogue.cache_folder() / "packages")  # the speeches are in wheels
    run = [sys.executable, "-c", FOREIGN]
    result = subprocess.run(run, env=hub_environment, capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 0, result.stderr[-2000:]
    found = [line.split("|", 4) for line in result.stdout.splitlines() if line.count("|") >= 4]
    kinds = [["Spanish tweets", "es", "4", "True"], ["Congreso", "es", "4", "True"], ["Bundestag", "de", "4", "True"]]
    assert [line[:4] for line in found] == kinds


class Host:
    """A host of two files and a list of files on the loopback; `failure` says what goes wrong with files."""

    def __init__(self):
        self.files, self.asked, self.failure = {}, [], ""

    def __enter__(self):
        handler = type("Handler", (Handler,), {"host": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


class Handler(BaseHTTPRequestHandler):
    host: Host

    def log_message(self, *_):
        pass

    def do_GET(self):
        asked_range = self.headers.get("Range", "")
        self.host.asked.append(f"{self.path} {asked_range}".strip())
        whole = self.host.files.get(self.path)
        if self.host.failure == "busy once":
            self.host.failure = ""
            self.send_error(503)
            return
        if whole is None or self.host.failure == "gone":
            self.send_error(404)
            return
        if self.host.failure == "portal":
            whole = b"<html>Please log in to the hotel's network.</html>"
        mark = f'"{hashlib.md5(whole).hexdigest()}"'
        start = re.match(r"bytes=(\d+)-", asked_range)
        start = int(start[1]) if start and self.headers.get("If-Range") == mark else 0
        self.send_response(206 if start else 200)
        self.send_header("ETag", mark)
        self.send_header("Content-Length", str(len(whole) - start))
        self.end_headers()
        body = whole[start:]
        if self.host.failure == "cut once":
            self.host.failure, body = "", body[: len(body) // 2]
        elif self.host.failure == "cut":
            body = body[: len(body) // 2]
        self.wfile.write(body)


def incivility(rows: int = 4000) -> bytes:
    """A file with the real one's columns: made-up tweets, all different, with a comma, a quote and a line break."""
    ending = "please &amp; thanks https://t.co/"
    frame = pd.DataFrame(
        {
            "uncivil": ["yes" if number % 5 == 0 else "no" for number in range(rows)],
            "id_str": [str(900000000000000000 + number) for number in range(rows)],
            "created_at": "Sat Sep 02 03:13:14 +0000 2017",
            "text": [f'@SenExample vote "{number}",\n{ending}{number}' for number in range(rows)],
        }
    )
    return frame.to_csv(index=False).encode()


def kavanaugh(rows: int = 3700) -> bytes:
    frame = pd.DataFrame(
        {
            "text": [f"tweet {number} on the hearing" for number in range(rows)],
            "sentiment": [str(number % 2) for number in range(rows)],
            "stance": ["NA" if number == 0 else str(number % 3 % 2) for number in range(rows)],
            "fold": "1",
        }
    )
    return frame.to_csv(index=False).encode()


@pytest.fixture
def host(monkeypatch, tmp_path):
    """The two downloads of the catalogue at a host on the loopback, and an empty cache."""
    monkeypatch.setenv("WORKSHOP_CACHE", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    catalogue = catalogue.CATALOGUE["downloads"]
    with Host() as host:
        monkeypatch.setitem(catalogue["incivility"], "address", f"{host.address}/training-sets.csv")
        monkeypatch.setitem(catalogue["kavanaugh"], "dataverse", host.address)
        host.files["/training-sets.csv"] = incivility()
        serve_kavanaugh(host, kavanaugh())
        yield host


def serve_kavanaugh(host: Host, content: bytes) -> None:
    """As the archive does it: the list names the .tab that it made, the original's size and MD5, and an id."""
    original = {"originalFileName": "kavanaugh_tweets_groundtruth.csv", "originalFileSize": len(content)}
    file = {"id": 7, "filename": "kavanaugh_tweets_groundtruth.tab", "md5": hashlib.md5(content).hexdigest()}
    others = {"dataFile": {"id": 6, "filename": "WM_tweets_groundtruth.tab", "md5": "0" * 32}}
    files = [others, {"label": file["filename"], "dataFile": {**file, **original, "filesize": len(content) + 9}}]
    doi = catalogue.CATALOGUE["downloads"]["kavanaugh"]["doi"]
    listed = json.dumps({"status": "OK", "data": {"latestVersion": {"files": files}}}).encode()
    host.files[f"/api/datasets/:persistentId/?persistentId={doi}"] = listed
    host.files["/api/access/datafile/7?format=original"] = content


def kept(tmp_path) -> list[str]:
    """Names of all that lies in the cache, without locks."""
    return sorted(path.name for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".lock")


def test_incivility_has_text_date_and_two_labels(host):
    parts = sets.load("incivility")
    assert sum(map(len, parts.values())) == 4000
    assert parts["train"].features["label"].names == ["civil", "uncivil"]
    assert sum(sum(part["label"][:]) for part in parts.values()) == 800
    date, text = parts["train"][0]["date"], parts["train"][0]["text"]
    assert date == "2017-09-02"
    assert text.startswith("@SenExample vote ") and "http" not in text and "please & thanks" in text


def test_kavanaugh_has_two_labels_and_a_row_without_one_is_left_out(host):
    sentiment, stance = sets.load("kavanaugh_sentiment"), sets.load("kavanaugh_stance")
    assert sentiment["train"].features["label"].names == ["negative", "positive"]
    assert stance["train"].features["label"].names == ["opposing", "approving"]
    assert sum(map(len, sentiment.values())) == 3700 and sum(map(len, stance.values())) == 3699


def test_a_second_load_asks_nobody(host):
    for name in ("incivility", "kavanaugh_sentiment"):
        sets.load(name)
    host.asked.clear()
    for name in ("incivility", "kavanaugh_sentiment", "kavanaugh_stance"):
        sets.load(name)
    assert host.asked == []


def test_a_line_that_breaks_is_taken_up_where_it_broke(host, tmp_path):
    host.failure = "cut once"
    assert downloads.file("incivility").read_bytes() == incivility()
    assert host.asked[1].startswith("/training-sets.csv bytes=")
    assert kept(tmp_path) == ["training-sets.csv", "training-sets.csv.json"]


def test_a_host_that_is_busy_is_asked_again(host, capsys):
    host.failure = "busy once"
    assert downloads.file("incivility").read_bytes() == incivility()
    assert "the host answers 503. Next try in 1 s." in capsys.readouterr().err
    assert len(host.asked) == 2


def test_a_hash_in_the_catalogue_is_compared(host, monkeypatch, tmp_path):
    entry = catalogue.CATALOGUE["downloads"]["incivility"]
    monkeypatch.setitem(entry, "sha256", "0" * 64)
    with pytest.raises(SourceError, match="its SHA-256 differs"):
        downloads.file("incivility")
    assert kept(tmp_path) == []
    monkeypatch.setitem(entry, "sha256", hashlib.sha256(incivility()).hexdigest())
    assert downloads.file("incivility").read_bytes() == incivility()


def test_the_nearest_of_what_a_host_has_is_the_thing_itself(host, capsys):
    """Without the Hub the code host and the archive can be asked all the same."""
    assert sum(map(len, hub_only.data_set("incivility").values())) == 4000
    assert sum(map(len, hub_only.data_set("kavanaugh_stance").values())) == 3699
    assert "From github.com: incivility." in capsys.readouterr().out


def test_a_line_that_breaks_every_time_is_one_message_and_the_next_call_goes_on(host, tmp_path):
    host.failure = "cut"
    with pytest.raises(SourceError, match="the line broke 3 times") as error:
        downloads.file("incivility")
    for part in ("run the cell again", "github.com/pablobarbera", "load_csv", str(tmp_path), "training-sets.csv"):
        assert part in str(error.value)
    assert "training-sets.csv" not in kept(tmp_path)
    came = next(tmp_path.rglob("*.part")).stat().st_size
    host.failure = ""
    host.asked.clear()
    assert downloads.file("incivility").read_bytes() == incivility()
    assert host.asked == [f"/training-sets.csv bytes={came}-"]


def test_a_file_that_changed_between_two_tries_is_fetched_from_its_beginning(host):
    host.failure = "cut"
    with pytest.raises(SourceError):
        downloads.file("incivility")
    host.failure = ""
    host.files["/training-sets.csv"] = newer = incivility().replace(b"please", b"kindly")
    assert downloads.file("incivility").read_bytes() == newer


@pytest.mark.parametrize(
    ("failure", "content", "cause"),
    [
        ("gone", None, "the file is not there any more (404)"),
        ("portal", None, "has no column uncivil"),
        ("", incivility(3999), "has 3,999 rows, not 4,000"),
        ("", incivility().replace(b"uncivil", b"rude", 1), "has no column uncivil; it has rude, id_str"),
        ("", b"\xff\xfe\x00 no text", "is no table"),
    ],
)
def test_what_is_not_the_file_is_refused_with_one_message_and_not_kept(host, tmp_path, failure, content, cause):
    host.failure = failure
    host.files["/training-sets.csv"] = content or incivility()
    with pytest.raises(SourceError, match="What to do: .*\n  By hand: ") as error:
        sets.load("incivility")
    assert cause in str(error.value)
    assert kept(tmp_path) == []


def test_a_host_that_cannot_be_reached_is_one_message(host, monkeypatch):
    monkeypatch.setitem(catalogue.CATALOGUE["downloads"]["incivility"], "address", "http://127.0.0.1:9/x.csv")
    with pytest.raises(SourceError, match="from 127.0.0.1: the host cannot be reached"):
        sets.load("incivility")


def test_the_archives_md5_and_length_are_compared(host, tmp_path):
    host.files["/api/access/datafile/7?format=original"] = kavanaugh().replace(b"hearing", b"gnirhea", 1)
    with pytest.raises(SourceError, match="its MD5 differs"):
        sets.load("kavanaugh_stance")
    host.files["/api/access/datafile/7?format=original"] = kavanaugh(3699)
    with pytest.raises(SourceError, match="bytes, not"):
        sets.load("kavanaugh_stance")
    assert kept(tmp_path) == []


def test_an_archive_that_does_not_name_the_file_is_one_message(host):
    address = next(address for address in host.files if "persistentId" in address)
    host.files[address] = host.files[address].replace(b"kavanaugh", b"other")
    with pytest.raises(SourceError, match="does not name kavanaugh_tweets_groundtruth.csv any more"):
        sets.load("kavanaugh_stance")
    host.failure = "portal"
    with pytest.raises(SourceError, match="list of files did not come"):
        sets.load("kavanaugh_stance")


def test_a_file_put_there_by_hand_is_taken_if_it_is_the_right_one(host, tmp_path):
    place = tmp_path / "downloads" / "kavanaugh" / "kavanaugh_tweets_groundtruth.csv"
    place.parent.mkdir(parents=True)
    place.write_bytes(kavanaugh(20))
    with pytest.raises(SourceError, match="has 20 rows, not at least 3,600"):
        sets.load("kavanaugh_stance")
    assert place.exists()  # it is somebody's file
    place.write_bytes(kavanaugh().replace(b",", b"\t"))  # the archive's own form, with tabs
    assert sum(map(len, sets.load("kavanaugh_stance").values())) == 3699
    assert host.asked == []


def test_a_file_that_changed_since_it_was_first_fetched_is_refused_until_the_note_is_removed(host, tmp_path):
    place = downloads.file("incivility")
    host.files["/training-sets.csv"] = newer = incivility().replace(b"please", b"kindly")
    place.unlink()
    with pytest.raises(SourceError, match="has changed since it was first fetched") as error:
        downloads.file("incivility")
    note = tmp_path / "downloads" / "incivility" / "training-sets.csv.json"
    assert str(note) in str(error.value)
    note.unlink()
    assert downloads.file("incivility").read_bytes() == newer


def test_a_file_that_was_damaged_in_the_cache_is_fetched_anew(host, capsys):
    place = downloads.file("incivility")
    place.write_bytes(place.read_bytes()[:-100])
    assert downloads.file("incivility").read_bytes() == incivility()
    assert "is not what it was: it is fetched anew" in capsys.readouterr().err


def test_the_catalogue_lists_what_needs_the_network(capsys):
    assert catalogue.main([]) == 0
    listed = capsys.readouterr().out.split("need the network")[1]
    for name in [*catalogue.CATALOGUE["downloads"], *catalogue.CATALOGUE["hub_data"]]:
        assert f"\n{name} " in listed

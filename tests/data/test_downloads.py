"""Data sets that need the network, from a host on the loopback that can also fail."""

import hashlib
import json
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pandas as pd
import pytest

from helpers import settings
from helpers.data import downloads, sets
from helpers.packages import catalogue
from helpers.packages.wheels import SourceError

ARCHIVED = "/api/access/datafile/7?format=original"


class Handler(BaseHTTPRequestHandler):
    """Serves the host's files; its `failure` says what goes wrong."""

    def log_message(self, *_):
        pass

    def do_GET(self):
        host = self.server
        host.asked.append(self.path)
        content = host.files.get(self.path)
        if content is None or host.failure == "gone":
            self.send_error(404)
            return
        if host.failure == "busy":
            self.send_error(503)
            return
        if host.failure == "portal":
            content = b"<html>Please log in to the hotel's network.</html>"
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if host.failure == "cut" else content)


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
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(settings, "CACHE", tmp_path / "cache")
    return tmp_path / "cache"


@pytest.fixture
def host(monkeypatch, cache):
    """The two downloads of the catalogue at a host on the loopback, and an empty cache."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.files, server.asked, server.failure = {}, [], ""
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    serve(server, monkeypatch, f"http://127.0.0.1:{server.server_port}")
    yield server
    server.shutdown()
    server.server_close()


def serve(server, monkeypatch, address: str) -> None:
    """As the archive does it: its list names the .tab that it made, the original's size and MD5, and an id."""
    entries = catalogue.CATALOGUE["downloads"]
    monkeypatch.setitem(entries["incivility"], "address", f"{address}/training-sets.csv")
    monkeypatch.setitem(entries["kavanaugh"], "dataverse", address)
    server.files["/training-sets.csv"] = incivility()
    server.files[ARCHIVED] = content = kavanaugh()
    file = {"id": 7, "filename": "kavanaugh_tweets_groundtruth.tab", "md5": hashlib.md5(content).hexdigest()}
    files = [{"dataFile": {"id": 6, "filename": "WM_tweets_groundtruth.tab", "md5": "0" * 32}}, {"dataFile": file}]
    listing = json.dumps({"status": "OK", "data": {"latestVersion": {"files": files}}}).encode()
    server.files[f"/api/datasets/:persistentId/?persistentId={entries['kavanaugh']['doi']}"] = listing


def names_in(cache) -> list[str]:
    """Names of all that lies in the cache, without locks."""
    return sorted(path.name for path in cache.rglob("*") if path.is_file() and path.suffix != ".lock")


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


def test_a_hash_in_the_catalogue_is_compared(host, monkeypatch, cache):
    entry = catalogue.CATALOGUE["downloads"]["incivility"]
    monkeypatch.setitem(entry, "sha256", "0" * 64)
    with pytest.raises(SourceError, match="its sha256 differs"):
        downloads.file("incivility")
    assert names_in(cache) == []
    monkeypatch.setitem(entry, "sha256", hashlib.sha256(incivility()).hexdigest())
    assert downloads.file("incivility").read_bytes() == incivility()
    assert names_in(cache) == ["training-data.csv", "training-data.csv.json"]


@pytest.mark.parametrize(
    ("failure", "content", "cause"),
    [
        ("gone", None, "the file is not there any more (404)"),
        ("busy", None, "the host answers 503"),
        ("cut", None, "the connection failed"),
        ("portal", None, "has no column uncivil"),
        ("", incivility(3999), "has 3,999 rows, not 4,000"),
        ("", incivility().replace(b"uncivil", b"rude", 1), "has no column uncivil; it has rude, id_str"),
        ("", b"\xff\xfe\x00 no text", "is not a table"),
    ],
)
def test_what_is_not_the_file_is_one_message_and_leaves_nothing(host, cache, failure, content, cause):
    host.failure = failure
    host.files["/training-sets.csv"] = content or incivility()
    with pytest.raises(SourceError, match="What to do: .*\n  By hand: ") as error:
        sets.load("incivility")
    for part in (cause, "github.com/pablobarbera", "load_csv", str(cache), "training-data.csv"):
        assert part in str(error.value)
    assert names_in(cache) == []
    host.failure, host.files["/training-sets.csv"] = "", incivility()
    assert downloads.file("incivility").read_bytes() == incivility()


def test_a_host_that_cannot_be_reached_is_one_message(host, monkeypatch):
    monkeypatch.setitem(catalogue.CATALOGUE["downloads"]["incivility"], "address", "http://127.0.0.1:9/x.csv")
    with pytest.raises(SourceError, match="from 127.0.0.1: the connection failed"):
        sets.load("incivility")


def test_a_certificate_of_ones_own_is_accepted_by_ssl_cert_file(host, monkeypatch, tmp_path):
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command, *names], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    host.socket = context.wrap_socket(host.socket, server_side=True)
    serve(host, monkeypatch, f"https://127.0.0.1:{host.server_port}")
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with pytest.raises(SourceError, match=r"SSLError(?s:.)*SSL_CERT_FILE"):
        downloads.file("kavanaugh")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert downloads.file("kavanaugh").read_bytes() == kavanaugh()


def test_the_archives_md5_is_compared(host, cache):
    host.files[ARCHIVED] = kavanaugh().replace(b"hearing", b"gnirhea", 1)
    with pytest.raises(SourceError, match="its md5 differs"):
        sets.load("kavanaugh_stance")
    assert names_in(cache) == []


def test_an_archive_that_does_not_name_the_file_is_one_message(host):
    address = next(address for address in host.files if "persistentId" in address)
    host.files[address] = host.files[address].replace(b"kavanaugh", b"other")
    with pytest.raises(SourceError, match="does not name kavanaugh_tweets_groundtruth.csv any more"):
        sets.load("kavanaugh_stance")
    host.failure = "portal"
    with pytest.raises(SourceError, match="list of files did not arrive"):
        sets.load("kavanaugh_stance")


def test_a_file_put_there_by_hand_is_accepted_if_it_is_the_right_one(host, cache):
    place = cache / "downloads" / "kavanaugh" / "kavanaugh_tweets_groundtruth.csv"
    place.parent.mkdir(parents=True)
    place.write_bytes(kavanaugh(20))
    with pytest.raises(SourceError, match="has 20 rows, not at least 3,600"):
        sets.load("kavanaugh_stance")
    assert place.exists()  # it is somebody's file
    place.write_bytes(kavanaugh().replace(b",", b"\t"))  # the archive's own form, with tabs
    assert sum(map(len, sets.load("kavanaugh_stance").values())) == 3699
    assert host.asked == []


def test_a_file_that_changed_since_it_was_first_fetched_is_refused_until_the_note_is_removed(host):
    place = downloads.file("incivility")
    host.files["/training-sets.csv"] = newer = incivility().replace(b"please", b"kindly")
    place.unlink()
    with pytest.raises(SourceError, match="has changed since it was first fetched") as error:
        downloads.file("incivility")
    note = place.with_name("training-data.csv.json")
    assert str(note) in str(error.value)
    note.unlink()
    assert downloads.file("incivility").read_bytes() == newer


def test_the_note_of_the_first_edition_is_understood(host, capsys):
    place = downloads.file("incivility")
    note = {"bytes": place.stat().st_size, "sha256": hashlib.sha256(incivility()).hexdigest()}
    place.with_name("training-data.csv.json").write_text(json.dumps(note))
    host.asked.clear()
    assert downloads.file("incivility") == place and host.asked == []
    place.write_bytes(place.read_bytes()[:-100])
    assert downloads.file("incivility").read_bytes() == incivility()
    assert "is damaged: it is fetched again" in capsys.readouterr().err


def test_a_cache_that_is_only_read_needs_no_lock(host):
    place = downloads.file("incivility")
    place.with_name("training-data.csv.lock").unlink(missing_ok=True)
    place.parent.chmod(0o555)
    try:
        assert downloads.file("incivility") == place
        assert not place.with_name("training-data.csv.lock").exists()
    finally:
        place.parent.chmod(0o755)


def test_the_catalogue_lists_what_needs_the_network():
    listed = catalogue.table().split("need the network")[1]
    assert all(f"\n{name} " in listed for name in catalogue.CATALOGUE["downloads"])

"""A stand-in for the Hugging Face Hub on the loopback: its routes and headers, and its failures on request."""

import hashlib
import json
import re
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from hub_files import File, entry, file_of, sibling

RESOLVE = re.compile(r"/(datasets/)?(.+?)/resolve/([^/]+)/(.+)")
API = re.compile(r"/api/(models|datasets)/(.+?)(?:/(revision|tree|paths-info)/([^/]+)(?:/(.*))?)?$")


@dataclass
class Failure:
    """What goes wrong with requests whose method and path match `where`, `times` times (None: always).

    kind: a status such as "503", "refuse" (the connection is closed at once), "stall" (no answer), "drip" (a header
    that never ends), "cut" (half of the body, then the connection is closed), "hang" (half of the body, then nothing),
    "lost" (no such repository), "portal" (a web page of somebody else).
    """

    kind: str
    where: str
    times: int | None = None


@dataclass
class StandIn:
    """The server; use it as a context manager.

    repositories: "models/OWNER/NAME" or "datasets/OWNER/NAME" to its commits, oldest first. asked: every request so
    far, as "METHOD /path RANGE". failures: what goes wrong from now on.
    """

    repositories: dict[str, dict[str, dict[str, File]]] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def __enter__(self):
        self.closing = threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Handler,), {"hub": self}))
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def add(self, repository: str, folder: Path) -> str:
        """Serve what lies in a folder as the newest commit of a repository; the commit's name."""
        files = {
            path.relative_to(folder).as_posix(): file_of(path.name, path.read_bytes())
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
        return self.commit(repository, files)

    def commit(self, repository: str, files: dict[str, File]) -> str:
        before = len(self.repositories.get(repository, {}))
        sha = hashlib.sha1(repr((before, [(name, file.etag) for name, file in files.items()])).encode()).hexdigest()
        self.repositories.setdefault(repository, {})[sha] = files
        return sha

    def newest(self, repository: str) -> str:
        return list(self.repositories[repository])[-1]

    def fail(self, kind: str, where: str = "", times: int | None = None) -> None:
        self.failures.append(Failure(kind, where, times))

    def due(self, request: str) -> Failure | None:
        """The failure that this request meets, if any; one with a count is used up by it."""
        for failure in self.failures:
            if failure.times != 0 and re.search(failure.where, request):
                failure.times = None if failure.times is None else failure.times - 1
                return failure
        return None


class Handler(BaseHTTPRequestHandler):
    hub: StandIn
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.answer()

    def do_GET(self):
        self.answer()

    def do_POST(self):
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.answer()

    def answer(self) -> None:
        request = f"{self.command} {self.path} {self.headers.get('Range', '')}".strip()
        self.hub.asked.append(request)
        self.failure = self.hub.due(request)
        kind = self.failure.kind if self.failure else None
        if kind == "refuse":
            self.close_connection = True
        elif kind == "stall":
            self.hub.closing.wait(60)
            self.close_connection = True
        elif kind == "drip":
            self.drip()
        elif kind and kind.isdigit():
            self.send(int(kind), b"")
        elif kind == "portal":
            self.send(200, b"<html>Please log in to the hotel's network.</html>", {"Content-Type": "text/html"})
        elif kind == "lost":
            self.not_found("RepoNotFound")
        else:
            self.route(urlsplit(self.path))

    def drip(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Never-Ending: ")
            while not self.hub.closing.wait(0.3):
                self.wfile.write(b".")

    def route(self, url) -> None:
        path = unquote(url.path)
        if path.startswith("/cdn/"):
            return self.content(self.large(path.removeprefix("/cdn/")))
        api, resolve = API.match(path), RESOLVE.match(path)
        if resolve:
            kind, name, revision, file = resolve.groups()
            found = self.files(f"{'datasets' if kind else 'models'}/{name}", revision)
            return found and self.resolve(file, *found)
        if api:
            kind, name, what, revision, inner = api.groups()
            found = self.files(f"{kind}/{name}", revision or "main")
            return found and self.describe(name, what, inner or "", *found, parse_qs(url.query))
        return self.send(404, b"{}")

    def files(self, repository: str, revision: str) -> tuple[str, dict[str, File]] | None:
        commits = self.hub.repositories.get(repository)
        if commits is None:
            return self.not_found("RepoNotFound")
        sha = list(commits)[-1] if revision == "main" else revision
        return (sha, commits[sha]) if sha in commits else self.not_found("RevisionNotFound")

    def resolve(self, name: str, sha: str, files: dict[str, File]) -> None:
        if name not in files:
            return self.not_found("EntryNotFound", {"X-Repo-Commit": sha})
        file, headers = files[name], {"X-Repo-Commit": sha}
        if not file.large:
            return self.content(file, headers)
        headers |= {"X-Linked-Size": str(len(file.content)), "X-Linked-Etag": f'"{file.sha256}"'}
        # Another host, as the real one's: what huggingface_hub asks there, it asks without the Hub's headers.
        elsewhere = self.hub.endpoint.replace("127.0.0.1", "localhost")
        return self.send(302, b"", headers | {"Location": f"{elsewhere}/cdn/{file.sha256}"})

    def large(self, sha256: str) -> File:
        every = (files for commits in self.hub.repositories.values() for files in commits.values())
        return next(file for files in every for file in files.values() if file.sha256 == sha256)

    def describe(self, name, what, inner, sha, files, query) -> None:
        """What the API says about a repository: its commit and file names, or details of files."""
        if what == "paths-info":
            wanted = parse_qs(self.body.decode()).get("paths") or json.loads(self.body or b"{}").get("paths", [])
            return self.send_json([entry(path, files[path]) for path in wanted if path in files], sha)
        if what == "tree":
            inner = f"{inner}/" if inner else ""
            inside = [path for path in files if path.startswith(inner)]
            deep = query.get("recursive", ["false"])[0].lower() == "true"
            folders = sorted({inner + path.removeprefix(inner).split("/")[0] for path in inside} - set(inside))
            found = [{"type": "directory", "oid": "0" * 40, "size": 0, "path": path} for path in folders]
            found += [entry(path, files[path]) for path in inside if deep or "/" not in path.removeprefix(inner)]
            return self.send_json(found, sha)
        siblings = [sibling(path, file) if "blobs" in query else {"rfilename": path} for path, file in files.items()]
        common = {"private": False, "gated": False, "disabled": False, "tags": [], "downloads": 0, "likes": 0}
        return self.send_json({"id": name, "sha": sha, "siblings": siblings, **common}, sha)

    def content(self, file: File, headers: dict | None = None) -> None:
        whole = file.content
        headers = {"ETag": f'"{file.etag}"', "Accept-Ranges": "bytes"} | (headers or {})
        start = re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if start is None:
            return self.send(200, whole, headers)
        first = int(start[1])
        headers["Content-Range"] = f"bytes {first}-{len(whole) - 1}/{len(whole)}"
        return self.send(206, whole[first:], headers)

    def not_found(self, code: str, headers: dict | None = None) -> None:
        self.send(404, b'{"error": "not found"}', {"X-Error-Code": code} | (headers or {}))

    def send_json(self, found, sha: str) -> None:
        body = json.dumps(found).encode()
        self.send(200, body, {"Content-Type": "application/json", "X-Repo-Commit": sha})

    def send(self, status: int, body: bytes, headers: dict | None = None) -> None:
        kind = self.failure.kind if self.failure and self.command == "GET" else None
        cut = kind in ("cut", "hang")
        with suppress(BrokenPipeError, ConnectionResetError):
            self.send_response(status)
            for name, value in ({"Content-Type": "application/octet-stream"} | (headers or {})).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body[: len(body) // 2] if cut else body)
        if kind == "hang":
            self.wfile.flush()
            self.hub.closing.wait(60)
        if cut:
            self.close_connection = True

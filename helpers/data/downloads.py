"""Tables that a code host or an archive gives: fetched once, resumed where it broke off, checked, kept with a hash."""

import hashlib
import json
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pandas as pd

from helpers.packages import catalogue
from helpers.packages.wheels import SourceError, matches
from helpers.settings import CACHE

PATIENCE = (10, 30)  # seconds to connect, and between two pieces
BUSY, WAITS = (429, 500, 502, 503, 504), (2, 10)
TRIES = 3  # each goes on where the one before broke off
RUN_AGAIN = "check the network, and a proxy (HTTPS_PROXY), and run the cell again: it goes on where it broke off"
LATER = "wait some minutes and run the cell again"
OTHER_FILE = "look at the page below: the file may have moved or changed"


def table(name: str) -> pd.DataFrame:
    """A download of the catalogue, every cell as str; it is fetched at first use.

    Raises SourceError with the cause, what to do, and how to get the file by hand.
    """
    return _read(file(name))


def file(name: str) -> Path:
    """Where a download of the catalogue lies, whole and checked; fetched where it is not there.

    Its hash is noted beside it and compared from then on. Where the archive names a hash, that is checked too. A file
    that somebody put there by hand is taken if it has the columns and rows of the right one.
    Raises SourceError as `table` does; no half-written file ever has the right name.
    """
    from filelock import FileLock

    place = _place(name)
    place.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{place}.lock"):
        known = _note(place)
        if place.is_file() and known is None:
            _check_content(name, place)
            return _keep(place, place)
        if place.is_file() and matches(place, known):
            return place
        if place.is_file():
            print(f"{place.name} in the cache is not what it was: it is fetched anew.", file=sys.stderr)
        part = place.with_name(f"{place.name}.part")
        expected = _expected(name)
        _download(name, expected, part)
        try:
            _check_download(name, part, expected, known)
        except SourceError:
            part.unlink()
            raise
        return _keep(part, place)


def download_error(name: str, cause: str, remedy: str) -> SourceError:
    """The one message about a download that cannot be used."""
    entry = catalogue.CATALOGUE["downloads"][name]
    host = urlsplit(entry.get("address") or entry["dataverse"]).hostname
    return SourceError(
        f"Could not get {name} from {host}: {cause}.\n  What to do: {remedy}.\n"
        f"  By hand: open {entry['page']} in a browser, download {entry['file']} and put it here, under this name: "
        f"{_place(name)}\n"
        f'  Or keep it anywhere and read it with helpers.data.load_csv(path, text="text", label="...").'
    )


def _place(name: str) -> Path:
    return CACHE / "downloads" / name / catalogue.CATALOGUE["downloads"][name]["file"]


def _note(place: Path) -> dict | None:
    """Bytes and SHA-256 of the file when it was first fetched; None where they are not known."""
    try:
        note = json.loads(Path(f"{place}.json").read_text(encoding="utf-8"))
        return {"bytes": int(note["bytes"]), "sha256": str(note["sha256"])}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _keep(path: Path, place: Path) -> Path:
    """Give a checked file its place, and note its hash."""
    with path.open("rb") as stream:
        note = {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(stream, "sha256").hexdigest()}
    temporary = Path(f"{place}.json.part")
    temporary.write_text(json.dumps(note), encoding="utf-8")
    temporary.replace(f"{place}.json")
    return path.replace(place)


def _expected(name: str) -> dict:
    """The file's address, and its bytes and MD5 where an archive names them."""
    entry = catalogue.CATALOGUE["downloads"][name]
    if "address" in entry:
        return {"address": entry["address"], "sha256": entry.get("sha256")}
    address = f"{entry['dataverse']}/api/datasets/:persistentId/?persistentId={entry['doi']}"
    answer = _get(name, address)
    try:
        files = [each["dataFile"] for each in answer.json()["data"]["latestVersion"]["files"]]
        # The archive turns a CSV into a .tab of the same name, and keeps the original: its MD5 is the original's.
        stem = Path(entry["file"]).stem.casefold()
        found = next((each for each in files if Path(each["filename"]).stem.casefold() == stem), None)
        if found is None:
            raise download_error(name, f"the archive does not name {entry['file']} any more", OTHER_FILE)
        original = "?format=original" if found["filename"].endswith(".tab") else ""
        bytes_ = found.get("originalFileSize") if original else found.get("filesize")
        address = f"{entry['dataverse']}/api/access/datafile/{found['id']}{original}"
        return {"address": address, "bytes": bytes_, "md5": found.get("md5")}
    except (ValueError, KeyError, TypeError, AttributeError, OSError):
        raise download_error(name, "the archive's list of files did not come, or not whole", LATER) from None


def _get(name: str, address: str, start: int = 0, mark: str = ""):
    """The answer to one request, its body not read yet. Raises SourceError with the cause in words."""
    import requests

    # Uncompressed, so that lengths are those of the file; If-Range: from there on only if it is still the same file.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-", "If-Range": mark} if start else {})
    for seconds in (*WAITS, None):
        try:
            answer = requests.get(address, headers=headers, stream=True, timeout=PATIENCE)
        except requests.RequestException as error:
            raise download_error(name, f"the host cannot be reached ({type(error).__name__})", RUN_AGAIN) from None
        if seconds is None or answer.status_code not in BUSY:
            break
        print(f"{name}: the host answers {answer.status_code}. Next try in {seconds} s.", file=sys.stderr)
        time.sleep(seconds)
    if answer.status_code in (404, 410):
        raise download_error(name, f"the file is not there any more ({answer.status_code})", OTHER_FILE)
    if answer.status_code not in (200, 206, 416):
        raise download_error(name, f"the host answers {answer.status_code}", LATER)
    return answer


def _download(name: str, expected: dict, part: Path) -> None:
    """Bring the file to `part`; what came stays there when the line breaks, and the next try or call goes on."""
    import requests
    from tqdm import tqdm

    marks = Path(f"{part}.mark")  # what the host calls this version of the file
    for _ in range(TRIES):
        mark = marks.read_text(encoding="utf-8") if marks.exists() else ""
        start = part.stat().st_size if part.exists() and mark else 0
        answer = _get(name, expected["address"], start, mark)
        if answer.status_code == 416:  # what is there is no beginning of the file
            part.unlink(missing_ok=True)
            continue
        start = start if answer.status_code == 206 else 0
        # A weak mark ("W/...") does not promise the same bytes.
        mark, modified = answer.headers.get("ETag", ""), answer.headers.get("Last-Modified", "")
        marks.write_text(mark if mark and not mark.startswith("W/") else modified, encoding="utf-8")
        length = answer.headers.get("Content-Length")
        total = start + int(length) if length else None
        with part.open("ab" if start else "wb") as stream, answer:
            bar = tqdm(desc=name, total=total, initial=start, unit="B", unit_scale=True, file=sys.stdout, leave=False)
            with bar:
                try:
                    for piece in answer.iter_content(65536):
                        bar.update(stream.write(piece))
                except requests.RequestException:
                    continue
        if total in (None, part.stat().st_size):
            marks.unlink()
            return
    raise download_error(name, f"the line broke {TRIES} times", RUN_AGAIN)


def _check_download(name: str, part: Path, expected: dict, known: dict | None) -> None:
    """Raise SourceError where a file is not the one that the archive names, or that was fetched before."""
    if expected.get("bytes") not in (None, part.stat().st_size):
        raise download_error(name, f"it has {part.stat().st_size:,} bytes, not {expected['bytes']:,}", LATER)
    if expected.get("md5"):
        with part.open("rb") as stream:
            if hashlib.file_digest(stream, "md5").hexdigest() != expected["md5"]:
                raise download_error(name, "it is not the file that the archive names: its MD5 differs", LATER)
    if expected.get("sha256") and not matches(part, {"bytes": part.stat().st_size, "sha256": expected["sha256"]}):
        raise download_error(name, "it is not the file that the catalogue names: its SHA-256 differs", OTHER_FILE)
    _check_content(name, part)
    if known and not matches(part, known):
        note = f"{_place(name)}.json"
        remedy = f"results with it would not be comparable. If you want the new one, remove {note} and run it again"
        raise download_error(name, "the file has changed since it was first fetched", remedy)


def _check_content(name: str, path: Path) -> None:
    """Raise SourceError where a file has other columns or rows than the catalogue says."""
    entry = catalogue.CATALOGUE["downloads"][name]
    try:
        found = _read(path)
    except (ValueError, OSError):  # pandas' errors, and text that is no UTF-8, are ValueErrors
        raise download_error(name, f"{path} is no table (a page to log in to the network?)", OTHER_FILE) from None
    missing = [column for column in entry["columns"] if column not in found]
    if missing:
        has = ", ".join(map(str, found.columns))[:200]
        raise download_error(name, f"{path} has no column {', '.join(missing)}; it has {has}", OTHER_FILE)
    rows, least = entry.get("rows"), entry.get("rows_at_least", 0)
    if rows not in (None, len(found)) or len(found) < least:
        wanted = f"{rows:,}" if rows else f"at least {least:,}"
        raise download_error(name, f"{path} has {len(found):,} rows, not {wanted}", OTHER_FILE)


def _read(path: Path) -> pd.DataFrame:
    """A CSV, or the same table with tabs, as an archive hands it out."""
    with path.open(encoding="utf-8") as stream:
        separator = "\t" if "\t" in stream.readline() else ","
    return pd.read_csv(path, sep=separator, dtype=str, keep_default_na=False)

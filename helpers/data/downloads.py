"""Data sets that a code host or an archive keeps: fetched at their first use, checked, and kept with their hash."""

import io
import json
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pandas as pd
import pooch

from helpers import settings
from helpers.data import splits
from helpers.packages import catalogue
from helpers.packages.wheels import SourceError

TIMEOUT = (10, 30)  # seconds to connect, and between two pieces
RUN_AGAIN = (
    "check the network and run the cell again. Behind a proxy set HTTPS_PROXY; where a certificate is unknown, set "
    "SSL_CERT_FILE"
)
LATER = "wait some minutes and run the cell again"
OTHER_FILE = "look at the page below: the file may have moved or changed"


def table(name: str) -> pd.DataFrame:
    """Read a download of the catalogue, every cell as str; it is fetched at its first use.

    Parameters
    ----------
    name : str
        "incivility" or "kavanaugh".

    Returns
    -------
    pandas.DataFrame
        The file as it is published.

    Raises
    ------
    SourceError
        With the cause, what to do, and how to get the file by hand.
    """
    return _read(file(name))


def file(name: str) -> Path:
    """Find a download of the catalogue in the cache, whole and checked; fetch it if it is not there.

    Its SHA-256 is noted in a file next to it at the first download and compared from then on. Where the catalogue or
    the archive names a hash, that is checked too. A file that somebody put there by hand is accepted if it has the
    columns and rows of the right one.

    Parameters
    ----------
    name : str
        "incivility" or "kavanaugh".

    Returns
    -------
    pathlib.Path
        Where it lies.

    Raises
    ------
    SourceError
        As `table` does. No half-written file ever has the right name.
    """
    place = _place(name)
    if place.is_file() and _noted(place) == settings.sha256(place):
        return place
    with catalogue.locked(Path(f"{place}.lock")):
        noted = _noted(place)
        if place.is_file():
            if noted is None:
                _check_content(name, place)
                _note(place)
            if _noted(place) == settings.sha256(place):
                return place
            print(f"{place.name} in the cache is damaged: it is fetched again.", file=sys.stderr)
        with settings.atomic(place) as temporary:
            _download(name, temporary)
            _check_content(name, temporary)
            if noted not in (None, settings.sha256(temporary)):
                remedy = f"results with it would not be comparable. If you want the new one, remove {place}.json first"
                raise download_error(name, "the file has changed since it was first fetched", remedy)
        _note(place)
    return place


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
    return settings.CACHE / "downloads" / name / catalogue.CATALOGUE["downloads"][name]["file"]


def _noted(place: Path) -> str | None:
    """The SHA-256 of the file when it was first fetched; None where it is not known."""
    try:
        return str(json.loads(Path(f"{place}.json").read_text(encoding="utf-8"))["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _note(place: Path) -> None:
    with settings.atomic(Path(f"{place}.json")) as temporary:
        temporary.write_text(json.dumps({"sha256": settings.sha256(place)}), encoding="utf-8")


def _download(name: str, target: Path) -> None:
    """Bring the file. Raises SourceError where it is not the one that the catalogue or the archive names by a hash."""
    address, expected = _source(name)
    _get(name, address, str(target), progressbar=True)
    algorithm, _, value = expected.partition(":")
    if expected and pooch.file_hash(target, alg=algorithm) != value:
        raise download_error(name, f"it arrived damaged, or is a different file: its {algorithm} differs", LATER)


def _source(name: str) -> tuple[str, str]:
    """The file's address, and its hash such as "md5:12ab", empty where nobody names one."""
    entry = catalogue.CATALOGUE["downloads"][name]
    if "address" in entry:
        return entry["address"], f"sha256:{entry['sha256']}" if "sha256" in entry else ""
    listing = io.BytesIO()
    _get(name, f"{entry['dataverse']}/api/datasets/:persistentId/?persistentId={entry['doi']}", listing)
    try:
        files = [each["dataFile"] for each in json.loads(listing.getvalue())["data"]["latestVersion"]["files"]]
        by_stem = {Path(each["filename"]).stem.casefold(): each for each in files}
        # The archive turns a CSV into a .tab of the same name, and keeps the original: the MD5 is the original's.
        found = by_stem.get(Path(entry["file"]).stem.casefold())
        if found is not None:
            original = "?format=original" if found["filename"].endswith(".tab") else ""
            md5 = found.get("md5")
            return f"{entry['dataverse']}/api/access/datafile/{found['id']}{original}", f"md5:{md5}" if md5 else ""
    except (ValueError, KeyError, TypeError, AttributeError):
        raise download_error(name, "the archive's list of files did not arrive, or arrived incomplete", LATER) from None
    raise download_error(name, f"the archive does not name {entry['file']} any more", OTHER_FILE)


def _get(name: str, address: str, output: str | io.BytesIO, progressbar: bool = False) -> None:
    """Let pooch download an address. Raises SourceError with the cause in words."""
    verify = os.environ.get("SSL_CERT_FILE") or True  # one variable for every client of the workshop
    try:
        pooch.HTTPDownloader(progressbar=progressbar, timeout=TIMEOUT, verify=verify)(address, output, None)
    except OSError as error:  # those of requests, on which pooch builds, have no number
        if error.errno:  # of the disk
            raise
        status = getattr(getattr(error, "response", None), "status_code", None)
        if status in (404, 410):
            raise download_error(name, f"the file is not there any more ({status})", OTHER_FILE) from None
        if status:
            raise download_error(name, f"the host answers {status}", LATER) from None
        what = str(error) if type(error) is OSError else type(error).__name__
        raise download_error(name, f"the connection failed ({what})", RUN_AGAIN) from None


def _check_content(name: str, path: Path) -> None:
    """Raise SourceError where a file has other columns or rows than the catalogue says."""
    entry = catalogue.CATALOGUE["downloads"][name]
    try:
        found = _read(path)
    except ValueError:  # pandas' errors, and text that is not UTF-8
        raise download_error(name, "the file is not a table (a page to log in to the network?)", OTHER_FILE) from None
    missing = [column for column in entry["columns"] if column not in found]
    if missing:
        has = ", ".join(map(str, found.columns))[:200]
        raise download_error(name, f"the file has no column {', '.join(missing)}; it has {has}", OTHER_FILE)
    rows, least = entry.get("rows"), entry.get("rows_at_least", 0)
    if rows not in (None, len(found)) or len(found) < least:
        wanted = f"{rows:,}" if rows else f"at least {least:,}"
        raise download_error(name, f"the file has {len(found):,} rows, not {wanted}", OTHER_FILE)


def _read(path: Path) -> pd.DataFrame:
    """A CSV, or the same table with tabs, as an archive hands it out."""
    with path.open(encoding="utf-8") as stream:
        separator = "\t" if "\t" in stream.readline() else ","
    return pd.read_csv(path, sep=separator, dtype=str, keep_default_na=False)


def _incivility() -> tuple[pd.DataFrame, list[str]]:
    """Tweets to members of Congress, labeled by crowd workers as uncivil or not."""
    frame = table("incivility")
    date = pd.to_datetime(frame["created_at"], format="%a %b %d %H:%M:%S %z %Y", errors="coerce", utc=True)
    label = _named("incivility", frame["uncivil"], {"no": "civil", "yes": "uncivil"})
    columns = {"text": splits.plain(frame["text"]), "label": label, "date": date.dt.strftime("%Y-%m-%d").fillna("")}
    return pd.DataFrame(columns), ["civil", "uncivil"]


def _kavanaugh(column: str, names: list[str]) -> tuple[pd.DataFrame, list[str]]:
    """Tweets on the confirmation of Brett Kavanaugh with one of their two labels; rows without it are left out."""
    frame = table("kavanaugh")
    frame = frame[~frame[column].isin(["", "NA"])]
    label = _named("kavanaugh", frame[column].str.removesuffix(".0"), dict(zip("01", names, strict=True)))
    return pd.DataFrame({"text": splits.plain(frame["text"]), "label": label}), names


def _named(name: str, labels: pd.Series, names: dict[str, str]) -> pd.Series:
    """Labels as names of classes. Raises SourceError where the file has another one."""
    unknown = sorted(set(labels) - set(names))
    if unknown:
        cause = f"its labels {', '.join(map(repr, unknown[:3]))} are none of {', '.join(names)}"
        raise download_error(name, cause, "please open an issue that names the data set")
    return labels.map(names)


LOADERS: dict[str, Callable] = {
    "incivility": _incivility,
    "kavanaugh_sentiment": partial(_kavanaugh, "sentiment", ["negative", "positive"]),
    "kavanaugh_stance": partial(_kavanaugh, "stance", ["opposing", "approving"]),
}

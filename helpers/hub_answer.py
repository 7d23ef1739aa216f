"""Whether the Hugging Face Hub can be used here: asked once, for at most three seconds, and the answer written down."""

import http.client
import json
import os
import ssl
import threading
import urllib.error
import urllib.request
from contextlib import suppress
from datetime import date
from pathlib import Path

from helpers import sources

PATIENCE = 3  # seconds, all in all
ASKED_FOR = "google-bert/bert-base-uncased"


def answer() -> tuple[str, str]:
    """The source that `auto` stands for, "hub" or "packages", and why: what was written down, else asked now."""
    return kept() or ask()


def ask() -> tuple[str, str]:
    """Ask the Hub now, write the answer down in `answer_file()`, and return it: the source and why."""
    came = []
    # A thread, because no timeout of a connection limits looking up the address, or an answer that comes in drips.
    asking = threading.Thread(target=lambda: came.append(_ask()), daemon=True)
    asking.start()
    asking.join(PATIENCE)
    source, what = came[0] if came else ("packages", f"did not answer in {PATIENCE} s")
    why = f"the Hub {what}, {date.today():%Y-%m-%d}"
    place = answer_file()
    with suppress(OSError):  # a folder that cannot be written is told by whatever is fetched first
        place.parent.mkdir(parents=True, exist_ok=True)
        temporary = place.with_name(f"{place.name}.{os.getpid()}.part")
        temporary.write_text(json.dumps({"source": source, "why": why, "asked": _address()}), encoding="utf-8")
        temporary.replace(place)
    return source, why


def answer_file() -> Path:
    """Where the answer is kept. It is asked for anew once this file is gone, or by `python -m helpers.sources ask`."""
    return sources.cache_folder() / "source.json"


def kept() -> tuple[str, str] | None:
    """The answer as it was written down; None where there is none, or one of another address than now."""
    try:
        found = json.loads(answer_file().read_text(encoding="utf-8"))
        return (found["source"], found["why"]) if found["asked"] == _address() else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _address() -> str:
    return os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/") + f"/api/models/{ASKED_FOR}"


def _ask() -> tuple[str, str]:
    try:
        with urllib.request.urlopen(_address(), timeout=PATIENCE, context=_certificates()) as reply:
            found = json.load(reply)
            # A page to log in to a network answers every question too.
            return ("hub", "answered") if found["id"] == ASKED_FOR else ("packages", "is something else here")
    except urllib.error.HTTPError as error:
        return "packages", f"said {error.code}"
    except TimeoutError:
        return "packages", f"did not answer in {PATIENCE} s"
    except (OSError, http.client.HTTPException) as error:
        # urllib wraps what goes wrong while it connects.
        untrusted = ssl.SSLCertVerificationError in (type(error), type(getattr(error, "reason", None)))
        return "packages", "shows a certificate unknown here: set SSL_CERT_FILE" if untrusted else "cannot be reached"
    except (ValueError, KeyError, TypeError):
        return "packages", "is something else here"


def _certificates() -> ssl.SSLContext:
    """What this machine and SSL_CERT_FILE trust, and certifi's list: Python from python.org has none on macOS."""
    import certifi

    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context

"""What can go wrong with the Hugging Face Hub: trying again where that helps, else one message and what to do."""

import errno
import sys
import time
from collections.abc import Callable

from helpers import sources
from helpers.wheels import SourceError

WAITS = (1, 2)  # seconds before another try, where the Hub does not say how many
LONGEST_WAIT = 60
NOT_WRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR)
BUSY = (408, 429, 500, 502, 503, 504)

KEPT = "What was fetched stays."
WITHOUT = 'To go on without the Hub, restart the kernel and begin with helpers.setup(source="packages").'
TRY_LATER = f"wait a few minutes and run the cell again. {KEPT} {WITHOUT}"
CHECK_NETWORK = f"check the network, and a proxy (HTTPS_PROXY), and run the cell again. {KEPT} {WITHOUT}"
TELL_US = f"please open an issue that names the repository. {WITHOUT}"


def hub_error(name: str, cause: str, remedy: str) -> SourceError:
    """The one message about a repository that cannot be used."""
    return SourceError(f"Could not get {name} from the Hugging Face Hub: {cause}.\n  What to do: {remedy}")


def patiently(name: str, ask: Callable):
    """What `ask` returns, tried up to three times while the Hub is busy or the connection broken.

    huggingface_hub itself goes on with a download that broke off, and has patience of its own for most questions.
    Raises SourceError with the repository's name, the last cause, and what to do.
    """
    for seconds in (*WAITS, None):
        try:
            return ask()
        except Exception as error:  # of three libraries: whichever it is, a learner gets one message
            if seconds and _mended(error):
                continue
            seconds = seconds and (_asked_to_wait(error) or seconds)
            if not seconds or seconds > LONGEST_WAIT or not _passes(error):
                raise hub_error(name, *_cause(error)) from None
            print(f"{name}: {_cause(error)[0]}. Next try in {seconds} s.", file=sys.stderr)
            time.sleep(seconds)
    raise AssertionError("the last try returns or raises")


def _mended(error: Exception) -> bool:
    """Whether there is another way of asking that may help; it is taken from now on, and a line says so."""
    from huggingface_hub import constants, errors, get_token

    if isinstance(error, errors.HfHubHTTPError):
        refused = error.response.status_code == 401 and get_token() and not constants.HF_HUB_DISABLE_IMPLICIT_TOKEN
        if refused:  # all that the workshop takes is public
            print("The Hub refuses the token of this machine: it is asked without one.", file=sys.stderr)
            constants.HF_HUB_DISABLE_IMPLICIT_TOKEN = True
        return bool(refused)
    # hf_xet brings large files from hosts of its own, which a network may block. Its errors are bare RuntimeErrors.
    slower = type(error) is RuntimeError and not constants.HF_HUB_DISABLE_XET and not _disk_is_full(error)
    if slower:
        print(f"The fast way to download failed ({str(error)[:100]}): the plain one is taken.", file=sys.stderr)
        constants.HF_HUB_DISABLE_XET = True
    return slower


def _passes(error: Exception) -> bool:
    """Whether the same request may well succeed in a moment."""
    from huggingface_hub import errors

    if isinstance(error, errors.HfHubHTTPError):
        return error.response.status_code in BUSY
    # The second kind: huggingface_hub asked again and again already, or was told not to ask.
    return isinstance(error, errors.HTTPError) or _arrived_short(error)


def _arrived_short(error: Exception) -> bool:
    return isinstance(error, OSError) and "Consistency check failed" in str(error)


def _disk_is_full(error: Exception) -> bool:
    """By its number, or in the words of hf_xet, which downloads large files and raises errors of its own."""
    return getattr(error, "errno", None) == errno.ENOSPC or "No space left on device" in str(error)


def _asked_to_wait(error: Exception) -> int | None:
    """The seconds that a busy Hub asks for, if it says so."""
    from huggingface_hub.utils import parse_ratelimit_headers

    response = getattr(error, "response", None)
    if response is None:
        return None
    asked, limit = response.headers.get("Retry-After", ""), parse_ratelimit_headers(response.headers)
    return int(asked) if asked.isdigit() else limit and max(limit.reset_in_seconds, 1)


def _cause(error: Exception) -> tuple[str, str]:
    """The cause in words, and what to do."""
    from huggingface_hub import constants, errors

    if _disk_is_full(error):
        remedy = f"make room on the disk of {constants.HF_HUB_CACHE} and run the cell again"
        return "the disk is full", f"{remedy}. {KEPT} {WITHOUT}"
    if getattr(error, "errno", None) in NOT_WRITABLE:
        remedy = "set HF_HOME to a folder of yours before the kernel starts"
        return f"its folder cannot be written ({error})", f"{remedy}. {WITHOUT}"
    if isinstance(error, errors.LocalEntryNotFoundError) and error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, errors.RepositoryNotFoundError):
        return "the Hub has no such repository any more, or shows it only to some", TELL_US
    if isinstance(error, errors.RevisionNotFoundError):
        again = f"remove the file of that name in {sources.cache_folder() / 'hub'}; the newest is taken then"
        return "the commit that was used before is not there any more", f"{again}. {WITHOUT}"
    if isinstance(error, errors.EntryNotFoundError):
        return "the Hub does not have a file any more that it named before", TRY_LATER
    if isinstance(error, errors.OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE is set, and it was not fetched before", f"unset it and restart the kernel. {WITHOUT}"
    if isinstance(error, errors.HfHubHTTPError):
        return _cause_of_answer(error.response.status_code)
    if isinstance(error, errors.HTTPError):
        slow = "Timeout" in type(error).__name__
        return "the Hub did not answer in time" if slow else f"the Hub cannot be reached ({error})", CHECK_NETWORK
    if _arrived_short(error):
        return "a file arrived with a wrong length, several times", TRY_LATER
    if isinstance(error, errors.FileMetadataError | ValueError):
        return "something else than the Hub answers (a proxy, or a page to log in to the network)", CHECK_NETWORK
    xet = " If it happens again, set HF_HUB_DISABLE_XET=1 before the kernel starts."
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0][:200]}" if str(error) else repr(error), (
        TRY_LATER + xet
    )


def _cause_of_answer(status: int) -> tuple[str, str]:
    if status == 429:
        return "the Hub says that too many requests come from this network (429)", TRY_LATER
    if status in BUSY:
        return f"the Hub is not well at the moment ({status})", TRY_LATER
    if status in (401, 403):
        remedy = f"an old token of this machine may be the reason: try `hf auth logout`, or unset HF_TOKEN. {WITHOUT}"
        return f"the Hub refuses it ({status})", remedy
    return f"the Hub answers {status}", TRY_LATER

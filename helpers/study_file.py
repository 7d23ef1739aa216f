"""One optuna study in one file that several processes, also on several machines, change at the same time.

The file is optuna's journal: a text to which every worker appends what it did. Beside it stand a lock, so that one
worker at a time decides what is done next, and a folder in which each worker shows that it lives.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

import optuna
import psutil
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

BEAT = 10  # seconds between two signs of life
SILENCE = 120  # seconds without one, after which a worker counts as dead: a network folder may show files a minute late
WORKER = "worker "  # the study's attribute "worker 3" holds machine and process of worker 3


class SearchError(Exception):
    """A search that cannot go on; the message says what to do."""


@contextmanager
def turn(file: Path) -> Iterator[None]:
    """Only one worker at a time, on this and on other machines; a lock that a killed one left goes after 30 seconds.

    JournalFileOpenLock is a file that only one process can create. It asks the file system for no other lock, so it
    also holds on network folders (NFS 3 and later) and on Windows. It does not hold in folders of which each machine
    has its own copy, such as a synchronised drive.
    """
    lock = JournalFileOpenLock(f"{file}.turn")
    lock.acquire()
    try:
        yield
    finally:
        lock.release()


def open_storage(file: Path) -> JournalStorage:
    """The journal in a file, which is made where it is missing. Raises SearchError where it holds something else."""
    try:
        if file.exists() and file.read_bytes()[:1] not in (b"", b"{"):
            raise ValueError("optuna takes a single line for one that is not finished yet, and writes on behind it")
        return JournalStorage(JournalFileBackend(str(file), lock_obj=JournalFileOpenLock(str(file))))
    except (ValueError, KeyError, TypeError):  # optuna's, about lines that it did not write
        raise SearchError(f"{file} is no study, or it is damaged. Name another file, or move this one away.") from None


def find_study(file: Path, name: str) -> optuna.Study:
    """A study that exists, to be read. Raises SearchError where there is none, with the names that there are."""
    if not file.is_file():
        raise SearchError(f"There is no study file {file}.")
    storage = open_storage(file)
    known = [study.study_name for study in storage.get_all_studies()]
    if name not in known:
        raise SearchError(f"{file} has no study {name!r}. It has: {', '.join(known) or 'none'}. Pass --name NAME.")
    return optuna.load_study(study_name=name, storage=storage)


def join_study(file: Path, name: str, objective: str, direction: str | None) -> optuna.Study:
    """The study of that name, begun where there is none.

    objective: the address of the function; the study remembers it and takes no other. direction: "maximize" or
    "minimize"; None for the study's own, and "maximize" where it is begun.

    Raises SearchError where the file cannot be used, or the study has another direction or objective.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with turn(file):
            return _join_in_turn(file, name, objective, direction)
    except OSError as error:
        raise SearchError(f"{file} cannot be used ({error}). Name a file in a folder that you may change.") from None


def _join_in_turn(file: Path, name: str, objective: str, direction: str | None) -> optuna.Study:
    study = optuna.create_study(
        storage=open_storage(file), study_name=name, direction=direction or "maximize", load_if_exists=True
    )
    own_direction = study.direction.name.lower()
    if direction not in (None, own_direction):
        raise SearchError(
            f"The study {name!r} in {file} was begun with --direction {own_direction}, not {direction}. "
            "Leave --direction out to go on with it, or begin another: --name NAME."
        )
    known = study.user_attrs.get("objective")
    if known is None and not study.trials:
        study.set_user_attr("objective", objective)
    elif known != objective:
        origin = f"searches for {known}" if known else "was not begun by helpers.search"
        raise SearchError(
            f"The study {name!r} in {file} {origin}; its trials say nothing about {objective}. "
            "Begin another: --name NAME."
        )
    return study


def workers(study: optuna.Study) -> dict[int, tuple[str, int]]:
    """Machine and process of every worker that the study ever had, by its number."""
    found = {key: value for key, value in study.user_attrs.items() if key.startswith(WORKER)}
    return {int(key.removeprefix(WORKER)): tuple(value) for key, value in found.items()}


def register(study: optuna.Study, file: Path) -> int:
    """Enter this process as a worker of the study; its number."""
    with turn(file):
        number = len(workers(study))
        give_sign(file, number)
        study.set_user_attr(f"{WORKER}{number}", [socket.gethostname(), os.getpid()])
    return number


def sign_of_life(file: Path, number: int) -> Path:
    """The file that a worker touches as long as it lives, and takes away when it ends."""
    return Path(f"{file}.workers") / str(number)


def give_sign(file: Path, number: int) -> float:
    """Touch a worker's sign of life; the time of it by the clock of the folder, which all machines have in common."""
    sign = sign_of_life(file, number)
    sign.parent.mkdir(parents=True, exist_ok=True)
    sign.touch()
    return sign.stat().st_mtime


@contextmanager
def heartbeat(file: Path, number: int) -> Iterator[None]:
    """A thread that gives a sign of life every few seconds, as long as the block runs."""
    ended = Event()

    def beat() -> None:
        while not ended.wait(BEAT):
            with suppress(OSError):  # a network folder that is away for a moment
                give_sign(file, number)

    thread = Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        sign_of_life(file, number).unlink(missing_ok=True)


def is_working(study: optuna.Study, file: Path, number: int, now: float) -> bool:
    """Whether a worker lives: it gave a sign of life lately and, if it is on this machine, its process is there.

    now: the time by the clock of the folder that the study lies in.
    """
    try:
        silent = now - sign_of_life(file, number).stat().st_mtime
    except FileNotFoundError:
        return False
    machine, process = workers(study)[number]
    return silent < SILENCE and (machine != socket.gethostname() or _process_runs(process))


def _process_runs(process: int) -> bool:
    try:
        return psutil.Process(process).status() != psutil.STATUS_ZOMBIE  # killed, and not yet cleared away
    except psutil.NoSuchProcess:
        return False

"""Hyperparameter search by several workers, on one machine or on machines that share a folder.

python -m helpers.search STUDY_FILE --objective module:function --trials 40 --workers 2
python -m helpers.search STUDY_FILE --status

--trials counts the finished trials of the study, whoever ran them: after an interruption the same command goes on, and
on a second machine it helps. Each worker gets its share of the cores; OMP_NUM_THREADS overrules that.
"""

import argparse
import importlib
import inspect
import multiprocessing
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import optuna
from joblib import cpu_count

from helpers.search_worker import Worker, describe, finished
from helpers.study_file import SearchError, find_study, is_working, join_study, workers

STATES = ("complete", "pruned", "running", "waiting", "fail")


def load_objective(address: str) -> Callable[[optuna.Trial], float]:
    """The function that "module:function" names; modules of the current folder count.

    Raises SearchError with what there is instead.
    """
    module_name, _, function_name = address.partition(":")
    if not module_name or not function_name:
        raise SearchError(f"--objective is {address!r}. It must be module:function, such as my_search:objective.")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if not f"{module_name}.".startswith(f"{error.name}."):
            raise  # the module is there, and imports one that is not
        path = module_name.replace(".", "/")
        raise SearchError(f"There is no module {error.name!r}. Start in the folder that {path}.py lies in.") from None
    function = getattr(module, function_name, None)
    if not callable(function):
        functions = inspect.getmembers(module, inspect.isfunction)
        own = ", ".join(name for name, found in functions if found.__module__ == module_name)
        raise SearchError(f"{module_name} has no function {function_name!r}. It has: {own or 'none'}.")
    return function


def work(file: Path, objective: str, trials: int, name: str, direction: str | None, seed: int) -> None:
    """Be one worker until the study has `trials` finished trials (also from a notebook)."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # it warns while it waits for a lock that a killed worker left
    worker = Worker(file, objective, name, direction, seed)
    worker.run(load_objective(objective), trials)


def _work_alone(settings: dict) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the command, which ends its workers
    work(**settings)


def launch(count: int, **settings) -> None:
    """Run `count` workers, each in a process of its own, until all have ended; those that live do what others leave.

    A single worker works in this process, so that whoever kills the command kills its worker.

    settings: the arguments of `work`. Raises SearchError for an objective or a study that does not fit.
    """
    load_objective(settings["objective"])
    join_study(*(settings[key] for key in ("file", "name", "objective", "direction")))
    if count == 1:
        work(**settings)
        return
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, cpu_count() // count)))
    context = multiprocessing.get_context("spawn")  # a fresh Python: it reads OMP_NUM_THREADS before it imports torch
    processes = [context.Process(target=_work_alone, args=(settings,)) for _ in range(count)]
    try:
        for process in processes:
            process.start()
        for process in processes:
            process.join()
    finally:
        for process in processes:
            if process.is_alive():
                process.kill()  # nothing is lost: its trial is tried again


def status(file: Path, name: str = "search") -> str:
    """The study in words: trials by state, the best one, each worker's own, what was tried again. Changes nothing.

    Raises SearchError where the file or the study does not exist.
    """
    study = find_study(file, name)
    objective = study.user_attrs.get("objective", "an objective of another program")
    complete = study.get_trials(states=(optuna.trial.TrialState.COMPLETE,))
    lines = [
        f"{name}: {study.direction.name.lower()} {objective}",
        f"trials: {_by_state(study.trials)}",
        f"best: {describe(study.best_trial) if complete else 'none yet'}",
    ]
    for number, (machine, process) in workers(study).items():
        state = "working" if is_working(study, file, number, time.time()) else "gone"
        own = [trial for trial in study.trials if trial.user_attrs.get("worker") == number]
        lines.append(f"worker {number} (process {process} on {machine}, {state}): {_by_state(own)}")
    for trial in study.trials:
        if "retry_of" in trial.user_attrs:
            lines.append(f"trial {trial.user_attrs['retry_of']} was tried again as trial {trial.number}")
    return "\n".join(lines)


def _by_state(trials: list[optuna.trial.FrozenTrial]) -> str:
    counts = Counter(trial.state.name.lower() for trial in trials)
    return ", ".join(f"{counts[state]} {state}" for state in STATES if counts[state]) or "none"


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m helpers.search", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path, metavar="STUDY_FILE", help="made where it is missing")
    parser.add_argument("--objective", metavar="MODULE:FUNCTION", help="what takes a trial and returns a number")
    parser.add_argument("--trials", type=int, help="how many finished trials the study shall have in all")
    parser.add_argument("--workers", type=int, default=1, help="processes of this command (default: 1)")
    parser.add_argument("--name", default="search", help="of the study: a file can hold several (default: search)")
    parser.add_argument("--direction", choices=("maximize", "minimize"), help="of a new study (default: maximize)")
    parser.add_argument("--seed", type=int, default=0, help="of the samplers (default: 0)")
    parser.add_argument("--status", action="store_true", help="say how far the study is, and do nothing")
    parsed = parser.parse_args(arguments)
    if not parsed.status and (parsed.objective is None or parsed.trials is None):
        parser.error("--objective and --trials are needed (or --status).")
    if min(parsed.workers, parsed.trials or 1) < 1 or parsed.seed < 0:
        parser.error("--workers and --trials must be at least 1, --seed at least 0.")
    return parsed


def main(arguments: list[str]) -> int:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    given = _parse(arguments)
    settings = {key: getattr(given, key) for key in ("file", "objective", "trials", "name", "direction", "seed")}
    try:
        if not given.status:
            launch(given.workers, **settings)
        print(status(given.file, given.name))
    except SearchError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped. The same command goes on.", file=sys.stderr)
        return 130
    if not given.status and finished(find_study(given.file, given.name)) < given.trials:
        print("The workers ended too early. Mend what is said above; the same command goes on.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that `launch` ends its workers too
    sys.exit(main(sys.argv[1:]))

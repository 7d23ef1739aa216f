"""One worker of a hyperparameter search: it takes a trial, runs the objective, tells the result, and takes the next.

Trials are counted in turns (`helpers.study_file.turn`), so that all workers together run exactly as many as were asked
for, and the trial of a worker that died is tried again by another.
"""

import math
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import optuna
from numpy.random import SeedSequence
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, Trial, TrialState

from helpers.study_file import SearchError, give_sign, heartbeat, is_working, join_study, register, turn

PAUSE = 0.5  # seconds until a worker that has nothing to do looks again
ATTEMPTS = 3  # a trial during which so many workers died is given up: it may be what kills them
UNPRUNED_STEPS = 3  # the first reports of a trial never prune it: slow beginners may be the best


class Worker:
    """One of the processes that share a study. Its `number` counts all that the study ever had."""

    def __init__(self, file: Path, objective: str, name: str = "search", direction: str | None = None, seed: int = 0):
        """Join the study, which is begun where there is none (`helpers.study_file.join_study`).

        seed: each worker's sampler gets its own from this and the worker's number, so that no two try the same points,
        while the only worker of a new study tries the same each time.

        Raises SearchError where the file cannot be used, or belongs to another objective or direction.
        """
        self.file = file
        self.study = join_study(file, name, objective, direction)
        self.number = register(self.study, file)
        own_seed = int(SeedSequence((seed, self.number)).generate_state(1)[0])
        self.study.sampler = optuna.samplers.TPESampler(seed=own_seed)
        self.study.pruner = optuna.pruners.MedianPruner(n_warmup_steps=UNPRUNED_STEPS)

    def run(self, objective: Callable[[Trial], float], trials: int) -> None:
        """Work until `trials` trials of the study have finished, whoever ran them; pruned ones count.

        What the objective raises is raised here, and its trial has failed; `optuna.TrialPruned` means pruned.
        """
        with heartbeat(self.file, self.number):
            while (trial := self._take(trials)) is not None:
                try:
                    state, value = TrialState.COMPLETE, _number(objective(trial))
                except optuna.TrialPruned:
                    state, value = TrialState.PRUNED, None
                except UpdateFinishedTrialError:  # taken for dead: a computer that slept, say
                    print(f"worker {self.number}: was silent too long; trial {trial.number} is another's by now")
                    continue
                except Exception:
                    self._tell(trial, TrialState.FAIL, None)
                    raise
                self._tell(trial, state, value)

    def _take(self, trials: int) -> Trial | None:
        """The next trial; None when enough have finished. Waits while others run the last ones: they might die."""
        while True:
            with turn(self.file):
                self._free_trials_of_the_dead()
                missing = trials - finished(self.study)
                if missing <= 0:
                    return None
                if len(self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))) < missing:
                    trial = self.study.ask()  # those that were enqueued come first
                    trial.set_user_attr("worker", self.number)
                    return trial
            time.sleep(PAUSE)

    def _free_trials_of_the_dead(self) -> None:
        """Fail the running trials of dead workers, and enqueue their hyperparameters for another try."""
        now = give_sign(self.file, self.number)
        everything = self.study.get_trials(deepcopy=False)
        enqueued = {trial.user_attrs.get("retry_of") for trial in everything}
        for trial in everything:
            if trial.state == TrialState.RUNNING and not self._is_in_hands(trial, now):
                attempt = trial.user_attrs.get("attempt", 1)
                # Enqueued first and failed then: where a worker dies between the two, the next one does the rest.
                if trial.number not in enqueued and attempt < ATTEMPTS:
                    again = {"retry_of": trial.number, "attempt": attempt + 1}
                    self.study.enqueue_trial(trial.params, user_attrs=again)
                self.study.tell(trial.number, state=TrialState.FAIL)

    def _is_in_hands(self, trial: FrozenTrial, now: float) -> bool:
        """Whether the worker of a running trial lives.

        A trial without a worker was taken by one that died in its turn. One of our own is left from a run that was
        interrupted: who is about to take a trial has none.
        """
        owner = trial.user_attrs.get("worker")
        return owner not in (None, self.number) and is_working(self.study, self.file, owner, now)

    def _tell(self, trial: Trial, state: TrialState, value: float | None) -> None:
        with turn(self.file):
            told = self.study.tell(trial, value, state, skip_if_finished=True)
        print(f"worker {self.number}: {describe(told)}", flush=True)


def finished(study: optuna.Study) -> int:
    """How many trials count: those that ran to their end, and those that were pruned."""
    return len(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED)))


def describe(trial: FrozenTrial) -> str:
    """A trial in one line: number, state, value, hyperparameters."""
    value = "" if trial.value is None else f" {trial.value:.4f}"
    shown = [f"{name}={v:.4g}" if isinstance(v, float) else f"{name}={v}" for name, v in trial.params.items()]
    return f"trial {trial.number} {trial.state.name.lower()}{value} ({', '.join(shown)})"


def _number(value: object) -> float:
    with suppress(TypeError, ValueError):
        if not math.isnan(number := float(value)):
            return number
    raise SearchError(
        f"The objective returned {value!r}. It must return one number; where a training has gone astray, let it "
        "raise optuna.TrialPruned()."
    )

"""The shared search: exactly so many trials in all, none lost or doubled, whoever dies; and its ready objective."""

import os
import signal
import socket
import subprocess
import sys
from contextlib import closing

import optuna
import psutil
import pytest
import torch
from conftest import ROOT
from joblib import cpu_count
from optuna.trial import TrialState

from helpers import embedding_head, search, study_file
from helpers.search_worker import ATTEMPTS, Worker, finished
from helpers.study_file import SILENCE, SearchError

PATIENCE = 120  # seconds until a test gives up on a process that does not answer
TOY = """
import os
import socket

def parabola(trial):
    x = trial.suggest_float("x", -10, 10)
    trial.set_user_attr("threads", os.environ.get("OMP_NUM_THREADS"))
    if trial.number < int(os.environ.get("TOY_WAITING", 0)):  # says who it is, and waits until it may go on
        with socket.create_connection(("127.0.0.1", int(os.environ["TOY_PORT"]))) as test:
            test.sendall(f"{trial.number} {os.getpid()}".encode())
            test.recv(1)
    return -((x - 2) ** 2)

def other(trial):
    return 1.0
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a toy objective, importable from there."""
    (tmp_path / "toy.py").write_text(TOY)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("toy", None)


@pytest.fixture
def study_at(folder):
    return folder / "study.log"


class Waiting:
    """The first trials of a command connect to this and wait; the test sees which process runs which."""

    def __init__(self, count):
        self.count = count
        self.server = socket.create_server(("127.0.0.1", 0))
        self.server.settimeout(PATIENCE)
        self.trials = {}

    def meet(self):
        for _ in range(self.count):
            connection, _ = self.server.accept()
            connection.settimeout(PATIENCE)
            number, process = map(int, connection.recv(100).split())
            self.trials[number] = (connection, process)
        return {number: process for number, (_, process) in self.trials.items()}

    def release(self, number):
        self.trials[number][0].sendall(b"!")

    def close(self):
        for connection, _ in self.trials.values():
            connection.close()
        self.server.close()


def start(study_at, *more, waiting=None):
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    environment["PYTHONPATH"] = str(ROOT)
    if waiting is not None:
        port = waiting.server.getsockname()[1]
        environment |= {"TOY_WAITING": str(waiting.count), "TOY_PORT": str(port)}
    command = [sys.executable, "-m", "helpers.search", str(study_at), "--objective", "toy:parabola", *map(str, more)]
    return subprocess.Popen(
        command, cwd=study_at.parent, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def ended(process):
    output, errors = process.communicate(timeout=PATIENCE)
    return process.returncode, output, errors


def counted(study):
    return [trial for trial in study.trials if trial.state in (TrialState.COMPLETE, TrialState.PRUNED)]


def toy(trial):
    return -((trial.suggest_float("x", -10, 10) - 2) ** 2)


def xs(study):
    return [trial.params.get("x") for trial in study.trials]


def test_two_workers_do_exactly_as_many_trials_as_asked_for(study_at):
    with closing(Waiting(2)) as waiting:
        command = start(study_at, "--trials", 9, "--workers", 2, waiting=waiting)
        processes = waiting.meet()  # each waits in its first trial, so there are two
        waiting.release(0)
        waiting.release(1)
        code, output, errors = ended(command)
    assert code == 0, errors
    study = study_file.find_study(study_at, "search")
    assert [trial.number for trial in study.trials] == list(range(9))
    assert all(trial.state == TrialState.COMPLETE for trial in study.trials)
    assert len(set(xs(study))) == 9  # the two draw from seeds of their own
    assert len(set(processes.values())) == 2
    assert {trial.user_attrs["worker"] for trial in study.trials} == {0, 1}
    assert {trial.user_attrs["threads"] for trial in study.trials} == {str(max(1, cpu_count() // 2))}
    assert "trials: 9 complete" in output


def test_the_trial_of_a_killed_worker_is_tried_again_by_the_other(study_at):
    with closing(Waiting(2)) as waiting:
        command = start(study_at, "--trials", 5, "--workers", 2, waiting=waiting)
        processes = waiting.meet()
        os.kill(processes[0], signal.SIGKILL)
        waiting.release(1)
        code, _, errors = ended(command)
    assert code == 0, errors
    study = study_file.find_study(study_at, "search")
    lost = study.trials[0]
    [retry] = [trial for trial in study.trials if trial.user_attrs.get("retry_of") == 0]
    assert lost.state == TrialState.FAIL
    assert retry.params == lost.params and retry.state == TrialState.COMPLETE
    assert len(counted(study)) == 5 and len(study.trials) == 6
    survivor = study.trials[1].user_attrs["worker"]
    assert {trial.user_attrs["worker"] for trial in counted(study)} == {survivor}


def test_the_same_command_goes_on_after_the_whole_search_was_ended(study_at):
    with closing(Waiting(2)) as waiting:
        command = start(study_at, "--trials", 5, "--workers", 2, waiting=waiting)
        processes = waiting.meet()
        command.terminate()
        code, _, _ = ended(command)
    assert code != 0
    assert not any(psutil.pid_exists(process) for process in processes.values())
    code, _, errors = ended(start(study_at, "--trials", 5))
    assert code == 0, errors
    study = study_file.find_study(study_at, "search")
    assert len(counted(study)) == 5
    assert sorted(trial.user_attrs["retry_of"] for trial in study.trials if "retry_of" in trial.user_attrs) == [0, 1]
    assert len(set(xs(study))) == 5  # the two that were ended are tried again, and no other twice


def test_the_only_worker_is_the_command_itself(study_at):
    with closing(Waiting(1)) as waiting:
        command = start(study_at, "--trials", 1, waiting=waiting)
        assert waiting.meet() == {0: command.pid}
        waiting.release(0)
        assert ended(command)[0] == 0


def test_a_search_whose_workers_are_all_killed_says_that_it_is_not_done(study_at):
    with closing(Waiting(2)) as waiting:
        command = start(study_at, "--trials", 4, "--workers", 2, waiting=waiting)
        for process in waiting.meet().values():
            os.kill(process, signal.SIGKILL)
        code, output, errors = ended(command)
    assert code == 1
    assert "gone" in output and "same command goes on" in errors


def test_more_trials_go_on_from_those_that_there_are(study_at):
    Worker(study_at, "toy:parabola").run(toy, 2)
    Worker(study_at, "toy:parabola").run(toy, 2)
    worker = Worker(study_at, "toy:parabola")
    assert len(worker.study.trials) == 2
    worker.run(toy, 5)
    assert len(worker.study.trials) == 5 == len(set(xs(worker.study)))


def test_one_worker_with_the_same_seed_tries_the_same(folder):
    def tried(name, seed):
        worker = Worker(folder / name, "toy:parabola", seed=seed)
        worker.run(toy, 12)
        return xs(worker.study)

    assert tried("a.log", 3) == tried("b.log", 3)
    assert tried("c.log", 4) != tried("a.log", 3)


def test_a_worker_that_was_taken_for_dead_does_not_count_twice(study_at):
    first = Worker(study_at, "toy:parabola")

    def slept(trial):
        value = toy(trial)
        study_file.sign_of_life(study_at, first.number).unlink()  # as if it had been silent for long
        Worker(study_at, "toy:parabola").run(toy, 1)
        return value

    first.run(slept, 1)
    assert [trial.state for trial in first.study.trials] == [TrialState.FAIL, TrialState.COMPLETE]
    assert len(set(xs(first.study))) == 1


def test_a_worker_that_reports_on_a_lost_trial_goes_on_with_the_next(study_at):
    first = Worker(study_at, "toy:parabola")

    def slept(trial):
        value = toy(trial)
        if trial.number == 0:
            study_file.sign_of_life(study_at, first.number).unlink()
            Worker(study_at, "toy:parabola").run(toy, 1)
            trial.report(value, 0)
        return value

    first.run(slept, 3)
    assert len(counted(first.study)) == 3 and len(first.study.trials) == 4


def test_a_trial_that_ends_worker_after_worker_is_given_up(study_at):
    class Killed(BaseException):
        pass

    def deadly(trial):
        toy(trial)
        raise Killed

    for _ in range(ATTEMPTS):
        with pytest.raises(Killed):
            Worker(study_at, "toy:parabola").run(deadly, 1)
    worker = Worker(study_at, "toy:parabola")
    worker.run(toy, 1)
    assert len(set(xs(worker.study)[:ATTEMPTS])) == 1
    assert [trial.state for trial in worker.study.trials] == [TrialState.FAIL] * ATTEMPTS + [TrialState.COMPLETE]
    assert xs(worker.study)[-1] != xs(worker.study)[0]


def test_who_works_is_known_by_sign_and_process(study_at):
    worker = Worker(study_at, "toy:parabola")
    study, sign = worker.study, study_file.sign_of_life(study_at, worker.number)
    now = study_file.give_sign(study_at, worker.number)
    assert study_file.is_working(study, study_at, 0, now)
    assert not study_file.is_working(study, study_at, 0, now + SILENCE + 1)
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    study.set_user_attr("worker 0", [socket.gethostname(), gone.pid])
    assert not study_file.is_working(study, study_at, 0, now)
    study.set_user_attr("worker 0", ["another machine", gone.pid])  # its processes cannot be seen from here
    assert study_file.is_working(study, study_at, 0, now)
    assert not study_file.is_working(study, study_at, 0, now + SILENCE + 1)
    sign.unlink()
    assert not study_file.is_working(study, study_at, 0, now)


def test_locks_that_killed_workers_left_are_removed(study_at, monkeypatch):
    class Clock:
        now = 0.0

        def monotonic(self):
            return self.now

        def sleep(self, seconds):
            self.now += seconds

    monkeypatch.setattr("optuna.storages.journal._file.time", Clock())
    for lock in (".lock", ".turn.lock"):
        study_at.with_name(study_at.name + lock).touch()
    worker = Worker(study_at, "toy:parabola")
    worker.run(toy, 1)
    assert finished(worker.study) == 1


def test_an_objective_that_raises_fails_its_trial_and_stops_the_worker(study_at):
    def broken(trial):
        raise RuntimeError("out of memory")

    worker = Worker(study_at, "toy:parabola")
    with pytest.raises(RuntimeError, match="out of memory"):
        worker.run(broken, 2)
    worker.run(toy, 2)
    assert [trial.state for trial in worker.study.trials] == [TrialState.FAIL] + [TrialState.COMPLETE] * 2


@pytest.mark.parametrize("value", [float("nan"), None, "good"])
def test_an_objective_must_return_a_number(study_at, value):
    with pytest.raises(SearchError, match="must return one number"):
        Worker(study_at, "toy:parabola").run(lambda trial: value, 1)


def test_pruned_trials_count(study_at):
    def hopeless(trial):
        raise optuna.TrialPruned

    worker = Worker(study_at, "toy:parabola")
    worker.run(hopeless, 2)
    assert [trial.state for trial in worker.study.trials] == [TrialState.PRUNED] * 2


def test_status_says_how_far_the_study_is(study_at, capsys):
    worker = Worker(study_at, "toy:parabola")
    worker.run(toy, 3)
    best = worker.study.best_trial
    assert search.main([str(study_at), "--status"]) == 0
    printed = capsys.readouterr().out
    assert "maximize toy:parabola" in printed and "trials: 3 complete" in printed
    assert f"best: trial {best.number} complete {best.value:.4f} (x={best.params['x']:.4g})" in printed
    assert f"worker 0 (process {os.getpid()} on {socket.gethostname()}, gone): 3 complete" in printed


def test_status_makes_no_study(folder, capsys):
    assert search.main(["nothing.log", "--status"]) == 1
    assert "There is no study file nothing.log" in capsys.readouterr().err
    assert not (folder / "nothing.log").exists()


@pytest.mark.parametrize(
    ("objective", "said"),
    [
        ("toy", "must be module:function"),
        ("toyy:parabola", "no module 'toyy'"),
        ("helpers.toy:parabola", "no module 'helpers.toy'"),
        ("toy:parable", "no function 'parable'. It has: other, parabola"),
    ],
)
def test_an_objective_that_is_not_there_is_named(study_at, capsys, objective, said):
    assert search.main([str(study_at), "--objective", objective, "--trials", "1"]) == 1
    assert said in capsys.readouterr().err
    assert not study_at.exists()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (["--direction", "minimize"], "begun with --direction maximize, not minimize"),
        (["--objective", "toy:other"], "searches for toy:parabola"),
    ],
)
def test_a_study_is_not_mixed_with_another(study_at, capsys, changed, said):
    Worker(study_at, "toy:parabola").run(toy, 1)
    command = [str(study_at), "--objective", "toy:parabola", "--trials", "2", *changed]
    assert search.main(command) == 1
    assert said in capsys.readouterr().err
    assert len(study_file.find_study(study_at, "search").trials) == 1


def test_one_file_holds_studies_of_other_names(study_at):
    Worker(study_at, "toy:parabola").run(toy, 1)
    other = Worker(study_at, "toy:other", name="second", direction="minimize")
    other.run(toy, 2)
    assert len(other.study.trials) == 2
    with pytest.raises(SearchError, match="It has: search, second"):
        study_file.find_study(study_at, "third")


@pytest.mark.parametrize("content", ["text,label\ngood,1\nbad,0\n", '{"a": 1}\n{"a": 2}\n', "x"])
def test_a_file_that_is_no_study_is_left_as_it_is(study_at, content):
    study_at.write_text(content)
    with pytest.raises(SearchError, match="is no study"):
        Worker(study_at, "toy:parabola")
    assert study_at.read_text() == content


def test_a_place_that_cannot_be_written_is_named(study_at):
    study_at.write_text("")
    with pytest.raises(SearchError, match="cannot be used"):
        Worker(study_at / "study.log", "toy:parabola")


@pytest.fixture
def clouds(monkeypatch):
    """Vectors of two classes that a head can tell apart."""

    def draw(split, size):
        generator = torch.Generator().manual_seed(len(split))
        labels = torch.arange(size) % 2
        return torch.randn(size, 8, generator=generator) + 1.5 * labels[:, None], labels

    monkeypatch.setattr(embedding_head, "embeddings", draw)
    monkeypatch.setenv("WORKSHOP_SIZE", "tiny")
    return draw("train", 40), draw("validation", 40)


def test_the_head_learns_on_few_real_texts_and_keeps_their_vectors(tmp_path, monkeypatch):
    monkeypatch.setattr(embedding_head, "FOLDER", tmp_path)
    monkeypatch.setenv("WORKSHOP_SIZE", "tiny")
    study = optuna.create_study(direction="maximize")
    study.optimize(embedding_head.head_on_embeddings, n_trials=1)
    [trial] = study.trials
    assert trial.params.keys() == embedding_head.space().keys() == embedding_head.DEFAULTS.keys()
    assert len(trial.intermediate_values) == trial.params["epochs"]
    monkeypatch.setattr(embedding_head, "_encode", None)  # not needed again
    vectors, labels = embedding_head.embeddings("train", 40)
    assert vectors.shape == (40, 384) and labels.shape == (40,)
    assert torch.allclose(vectors.norm(dim=1), torch.ones(40), atol=1e-5)
    with pytest.raises(ValueError, match="validation .* texts"):
        embedding_head.embeddings("dev", 40)


def test_the_head_is_the_same_for_the_same_seed(clouds):
    state = torch.random.get_rng_state()
    reports = []
    score = embedding_head.train_head({}, *clouds, report=lambda score, epoch: reports.append((epoch, score)), seed=1)
    assert [epoch for epoch, _ in reports] == list(range(embedding_head.DEFAULTS["epochs"]))
    assert score == reports[-1][1] == embedding_head.train_head({}, *clouds, seed=1)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_the_head_refuses_hyperparameters_it_does_not_have(clouds):
    with pytest.raises(ValueError, match="no lr. It has: learning_rate"):
        embedding_head.train_head({"lr": 1e-3}, *clouds)


def test_a_hopeless_head_is_pruned(clouds):
    study = optuna.create_study(direction="maximize", pruner=optuna.pruners.MedianPruner(n_startup_trials=2))
    good = {"weight_decay": 0.01, "batch_size": 8, "epochs": 20, "dropout": 0.0, "hidden": 32}
    for learning_rate in (0.01, 0.02, 1e-5):
        study.enqueue_trial(good | {"learning_rate": learning_rate})
    study.optimize(embedding_head.head_on_embeddings, n_trials=3)
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE] * 2 + [TrialState.PRUNED]
    assert len(study.trials[2].intermediate_values) < 20


def test_grid_random_and_tpe_search_the_same_space(clouds):
    points = embedding_head.grid({"learning_rate": 4, "batch_size": 2, "hidden": 2})
    assert points["learning_rate"] == pytest.approx([10**-4.5, 10**-3.5, 10**-2.5, 10**-1.5])
    assert points["dropout"] == [embedding_head.DEFAULTS["dropout"]]
    grid = optuna.create_study(sampler=optuna.samplers.GridSampler(points, seed=0))
    grid.optimize(lambda trial: len(embedding_head.suggest(trial)))
    assert len({str(trial.params) for trial in grid.trials}) == len(grid.trials) == 16
    for name, bounds in embedding_head.space().items():
        values = [*points[name], embedding_head.DEFAULTS[name]]
        assert all(bounds._contains(bounds.to_internal_repr(value)) for value in values)
    with pytest.raises(ValueError, match="no lr. It has"):
        embedding_head.grid({"lr": 2})

"""Workers in other processes answer a job: some die, some are late, and each row is there once."""

import itertools
from dataclasses import dataclass, field

import pytest

from serve_app.config.registry import RegistrySettings
from serve_app.core.durable import changing
from serve_app.engine.batch.pool import MOST_LOST, Lost, Pool, PoolSize
from serve_app.engine.batch.worker import ShardOutcome, ShardWorker, WorkerSpec
from tests.unit.engine.batch.conftest import read


@dataclass
class Processes:
    """Workers of this process; `fates` says what becomes of the n-th request."""

    spec: WorkerSpec
    fates: dict[int, str] = field(default_factory=dict)
    every: str = "answers"
    names: itertools.count = field(default_factory=itertools.count)
    asked: dict = field(default_factory=dict)
    alive: dict = field(default_factory=dict)
    requests: list = field(default_factory=list)
    most_alive: int = 0
    never_begin: tuple = ()

    def has_begun(self, worker):
        return worker not in self.never_begin

    def start(self):
        name = f"w-{next(self.names)}"
        self.alive[name] = ShardWorker(self.spec)
        self.most_alive = max(self.most_alive, len(self.alive))
        return name

    def ask(self, worker, request):
        self.asked[worker] = (len(self.requests), request)
        self.requests.append(request)

    def outcomes(self, timeout_s):
        for worker, (number, request) in list(self.asked.items()):
            fate = self.fates.get(number, self.every)
            if fate == "hangs" or worker in self.never_begin:
                continue
            del self.asked[worker]
            if fate == "dies before":
                return [(worker, Lost("it was killed"))]
            outcome = self.alive[worker].answer(request)
            if fate == "dies after":
                return [(worker, Lost("it was killed"))]
            return [(worker, outcome)]
        return []

    def end(self, worker):
        self.asked.pop(worker, None)
        self.alive.pop(worker, None)


@dataclass
class Ticking:
    """A clock on which every look takes so long."""

    step_s: float = 0.0
    now_s: float = 0.0

    def __call__(self):
        self.now_s += self.step_s
        return self.now_s


@pytest.fixture
def elsewhere(tree):
    """Makes the processes of a job."""

    def made(name, **options):
        registry = RegistrySettings(url=tree.registry.url)
        spec = WorkerSpec(name, tree.ledger.job(name), registry, niceness=0)
        return Processes(spec, **options)

    return made


def pooled(desk, processes, workers=2, clock=None, timeout_s=3600.0):
    pool = Pool(processes, PoolSize(workers, timeout_s), clock=clock or Ticking())
    return desk.run_by(pool, processes.spec.name)


def contents(desk, name):
    folder = desk.folder(name).root
    parts = (*folder.glob("part-*"), *folder.glob("_quarantine/*"))
    return {str(file.relative_to(folder)): file.read_bytes() for file in parts}


def test_workers_write_what_one_process_writes(tree, elsewhere, bad_file):
    tree.done(bad_file, out="here")
    name = tree.submitted(bad_file, out="there")
    processes = elsewhere(name)
    status = pooled(tree, processes, workers=3)
    assert (status.state, status.rows_ok, status.rows_bad) == ("SUCCEEDED_WITH_ERRORS", 36, 4)
    assert processes.most_alive == 3
    assert processes.alive == {}
    (here,) = (one for one in tree.ledger.names() if one != name)
    assert contents(tree, name) == contents(tree, here)


def test_what_a_worker_without_room_was_given_is_answered_by_another(tree, elsewhere, csv_file):
    name = tree.submitted(csv_file)
    # A node dies with its worker, and there is no room for the one in its place.
    processes = elsewhere(name, fates={1: "dies before"}, never_begin=("w-2",))
    status = pooled(tree, processes)
    assert (status.state, status.rows_ok) == ("SUCCEEDED", 40)
    assert processes.alive == {}
    # One of the worker that died, and one of that which never began.
    assert len(processes.requests) == len({r.shard.number for r in processes.requests}) + 2


@pytest.mark.parametrize("fate", ["dies before", "dies after"])
def test_a_worker_that_dies_counts_as_a_failed_attempt_and_is_replaced(
    tree, elsewhere, csv_file, fate
):
    name = tree.submitted(csv_file)
    processes = elsewhere(name, fates={0: fate, 2: fate})
    status = pooled(tree, processes)
    assert (status.state, status.attempts) == ("SUCCEEDED", 4 + 2)
    table = read(tree.folder(name).root)
    assert table["_row"].tolist() == list(range(40))
    # What failed comes after the others.
    numbers = [request.shard.number for request in processes.requests]
    assert numbers == [0, 1, 2, 3, 0, 2]


def test_a_shard_that_kills_three_workers_is_left_alone_and_the_others_are_done(
    tree, elsewhere, csv_file
):
    name = tree.submitted(csv_file)
    processes = elsewhere(name, fates={1: "dies before", 4: "dies before", 5: "dies before"})
    status = pooled(tree, processes)
    assert (status.state, status.shards_done, status.shards_poisoned) == ("FAILED", 3, 1)
    assert "shard 1 failed 3 times: it was killed" in status.message
    again = pooled(tree, elsewhere(name))
    assert (again.state, again.attempts) == ("SUCCEEDED", 6 + 1)


def test_workers_that_never_live_end_the_job(tree, elsewhere, csv_file):
    name = tree.submitted(csv_file, shard_rows=2)
    processes = elsewhere(name, every="dies before")
    status = pooled(tree, processes)
    assert status.state == "FAILED"
    assert f"{MOST_LOST} workers in a row died" in status.message
    assert status.attempts <= MOST_LOST + 1
    assert processes.alive == {}


def test_a_worker_that_hangs_is_ended_and_its_shard_answered_by_another(tree, elsewhere, csv_file):
    name = tree.submitted(csv_file)
    processes = elsewhere(name, fates={1: "hangs"})
    status = pooled(tree, processes, clock=Ticking(step_s=1.0), timeout_s=30.0)
    assert (status.state, status.attempts) == ("SUCCEEDED", 5)
    errors = [request.attempt for request in processes.requests if request.shard.number == 1]
    assert errors == [1, 2]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"on_error": "fail"}, "on_error: fail"),
        ({"max_bad_rows": 0}, "max_bad_rows"),
    ],
)
def test_too_many_bad_rows_end_the_job_and_all_workers(tree, elsewhere, bad_file, options, words):
    name = tree.submitted(bad_file, **options)
    processes = elsewhere(name)
    status = pooled(tree, processes)
    assert status.state == "FAILED"
    assert words in status.message
    assert processes.alive == {}


def test_a_job_that_is_cancelled_ends_its_workers(tree, elsewhere, csv_file):
    name = tree.submitted(csv_file)
    processes = elsewhere(name, every="hangs")
    seen = []

    class Cancelling(Ticking):
        def __call__(self):
            if len(processes.requests) == 2 and not seen:
                seen.append(tree.ledger.cancel(name))
            return super().__call__()

    pool = Pool(processes, PoolSize(2), clock=Cancelling())
    status = tree.run_by(pool, name)
    assert (seen, status.state) == (["CANCELLING"], "CANCELLED")
    assert processes.alive == {}


def test_a_worker_that_does_not_see_the_folder_ends_the_job(tree, elsewhere, csv_file, tmp_path):
    name = tree.submitted(csv_file)
    processes = elsewhere(name)
    real = processes.ask

    def on_another_machine(worker, request):
        (tree.folder(name).root / "_job.json").rename(tmp_path / "elsewhere")
        real(worker, request)
        processes.ask = real

    processes.ask = on_another_machine
    status = pooled(tree, processes, workers=1)
    assert status.state == "FAILED"
    assert "a disk that all nodes of the cluster see" in status.message


def test_a_commit_whose_files_are_gone_is_tried_again(tree, elsewhere, csv_file):
    name = tree.submitted(csv_file)
    processes = elsewhere(name)
    real, folder = processes.outcomes, tree.folder(name)

    def outcomes(timeout_s):
        listed = real(timeout_s)
        for _, outcome in listed:
            if isinstance(outcome, ShardOutcome) and processes.requests[-1].attempt == 1:
                folder.sweep(outcome.done.shard)
                (folder.root / folder.output_name(outcome.done.shard)).unlink()
                processes.outcomes = real
        return listed

    processes.outcomes = outcomes
    status = pooled(tree, processes)
    assert (status.state, status.attempts) == ("SUCCEEDED", 5)
    assert read(folder.root)["_row"].tolist() == list(range(40))


def test_a_version_that_changed_since_ends_the_job(tree, elsewhere, csv_file):
    name = tree.submitted(csv_file)
    processes = elsewhere(name)
    with changing(tree.ledger._file) as connection:
        connection.execute(
            "UPDATE job SET body = json_set(body, '$.version_digest', 'other') WHERE id = ?",
            (name,),
        )
    changed = elsewhere(name, fates=processes.fates)
    status = pooled(tree, changed)
    assert status.state == "FAILED"
    assert "is another than it was when the job was submitted" in status.message

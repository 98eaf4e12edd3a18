"""A storage that is away for a while delays a job, and costs it nothing else."""

import dataclasses
import errno
from dataclasses import dataclass, field

import pytest

from serve_app.engine.batch.objects import OutputObjects
from serve_app.engine.batch.outage import LONGEST_S
from serve_app.engine.batch.pool import Pool, PoolSize
from tests.unit.engine.batch.conftest import Bucket, Desk
from tests.unit.engine.batch.test_kills import files
from tests.unit.engine.batch.test_pool import Processes

REQUESTS = ("cat_file", "put_file", "pipe_file", "cp_file", "info", "ls", "rm_file", "_open")


@dataclass
class Weather:
    """Time that passes as somebody sleeps, and a store that is away from then to then.

    It goes away at its n-th request, for so many seconds.
    """

    at: int
    for_s: float
    now_s: float = 0.0
    requests: int = 0
    ends_s: float | None = None
    sees: list = field(default_factory=list)

    def clock(self):
        return self.now_s

    def sleep(self, seconds):
        assert seconds > 0
        self.now_s += seconds
        self.sees.append(self.status())

    def status(self):
        return None

    def ask(self):
        self.requests += 1
        if self.requests == self.at:
            self.ends_s = self.now_s + self.for_s
        if self.ends_s is not None and self.now_s < self.ends_s:
            raise ConnectionRefusedError(errno.ECONNREFUSED, "nobody listens")


@pytest.fixture
def weather(monkeypatch):
    """Lets the bucket be away as it is wanted."""

    def made(at, for_s):
        one = Weather(at, for_s)
        for name in REQUESTS:
            real = getattr(Bucket, name)

            def asked(self, *arguments, _real=real, **named):
                one.ask()
                return _real(self, *arguments, **named)

            monkeypatch.setattr(Bucket, name, asked)
        return one

    return made


@pytest.fixture
def stored(desk, bucket):
    """Where jobs are submitted whose output goes into the bucket."""

    class Stored(Desk):
        def folder(self, name):
            return OutputObjects(f"{bucket}/out", name, self.ledger.job(name).options.format)

    return Stored(**{one.name: getattr(desk, one.name) for one in dataclasses.fields(desk)})


@pytest.fixture
def expected(desk, bad_file):
    """What a folder holds after a run that nothing delayed."""
    return files(desk.done(bad_file, out="undisturbed")[1])


@pytest.fixture
def ran(stored, weather):
    """Runs a job in a weather, in this process or in a pool of workers."""

    def run(name, at, for_s, executor=None):
        one = weather(at, for_s)
        one.status = lambda: stored.ledger.status(name)
        options = {"clock": one.clock, "sleep": one.sleep}
        if executor is None:
            return stored.run(name, **options), one
        return stored.run_by(executor, name, **options), one

    return run


def objects(bucket):
    files = Bucket()
    root = f"/{bucket.removeprefix('s3://')}/out/"
    every = {path.removeprefix(root): files.cat_file(path) for path in files.find(root)}
    return {name: body for name, body in every.items() if name[:2] not in {"_c", "_j", "_m"}}


@pytest.mark.parametrize("at", range(1, 60, 3))
def test_a_job_goes_on_where_it_was_whatever_it_wanted_of_a_store(
    stored, ran, bucket, bad_file, expected, at
):
    name = stored.submitted(bad_file)
    status, weather = ran(name, at, 40.0)
    assert (status.state, status.message) == ("SUCCEEDED_WITH_ERRORS", "")
    assert (status.rows_ok, status.rows_bad) == (36, 4)
    weather.ends_s = None
    assert objects(bucket) == expected
    # Its shards are not held to have failed.
    assert stored.ledger.errors(name) == []
    assert 40.0 <= weather.now_s <= 70.0


def test_what_is_waited_for_stands_in_the_status(stored, ran, bad_file):
    name = stored.submitted(bad_file)
    _, weather = ran(name, 20, 40.0)
    assert {one.state for one in weather.sees} == {"RUNNING"}
    assert "out does not answer: " in weather.sees[0].message
    assert "tried again for 120 s more" in weather.sees[0].message


def test_progress_says_what_is_waited_for_and_stops_saying_so(stored, weather, bad_file):
    name, one, said = stored.submitted(bad_file), weather(20, 5.0), []
    stored.run(name, clock=one.clock, sleep=one.sleep, on_progress=said.append)
    waiting = ["does not answer" in progress.waiting for progress in said]
    assert any(waiting)
    assert not waiting[-1]


def test_a_store_that_stays_away_fails_the_job_which_can_be_resumed(
    stored, ran, bucket, bad_file, expected
):
    name = stored.submitted(bad_file)
    status, weather = ran(name, 45, 1000.0)
    assert status.state == "FAILED"
    assert "does not answer" in status.message
    assert f"that was tried for {LONGEST_S:.0f} s; once it answers, resume" in status.message
    done = status.shards_done
    assert done > 0
    weather.now_s, weather.ends_s = 2000.0, None
    status = stored.run(name)
    assert status.state == "SUCCEEDED_WITH_ERRORS"
    assert objects(bucket) == expected


def test_a_store_that_is_away_from_the_beginning_is_waited_for_too(stored, ran, bad_file):
    name = stored.submitted(bad_file)
    status, weather = ran(name, 1, 1000.0)
    assert status.state == "FAILED"
    assert "does not answer" in status.message
    assert {one.state for one in weather.sees} == {"RUNNING"}


def test_a_job_that_waits_can_be_cancelled(stored, weather, bad_file):
    name, one = stored.submitted(bad_file), weather(20, 1000.0)

    def sleep(seconds):
        one.sleep(seconds)
        stored.ledger.cancel(name)

    status = stored.run(name, clock=one.clock, sleep=sleep)
    assert (status.state, status.message) == ("CANCELLED", "it was cancelled")
    assert one.now_s < 5.0


def test_input_that_is_away_is_not_held_to_be_gone(desk, bucket, weather, bad_file, expected):
    files_ = Bucket()
    files_.pipe_file(f"{bucket}/in/bad.csv", bad_file.read_bytes())
    name = desk.submitted(f"{bucket}/in/bad.csv")
    undisturbed = desk.run(name)
    again = desk.submitted(f"{bucket}/in/bad.csv", out="again")
    for at in (1, 2, 3, 7):
        one = weather(at, 30.0)
        assert desk.run(again, clock=one.clock, sleep=one.sleep).rows_ok == undisturbed.rows_ok
        assert one.now_s >= 30.0 or one.requests < at
        again = desk.submitted(f"{bucket}/in/bad.csv", out=f"again-{at}")


def test_workers_elsewhere_end_what_they_have_before_a_store_is_waited_for(
    stored, ran, bucket, bad_file, expected
):
    from serve_app.config.registry import RegistrySettings
    from serve_app.engine.batch.worker import WorkerSpec

    name = stored.submitted(bad_file)
    job = dataclasses.replace(stored.ledger.job(name), out=f"{bucket}/out")
    spec = WorkerSpec(name, job, RegistrySettings(url=stored.registry.url), niceness=0)
    workers = Processes(spec)
    one = Pool(workers, PoolSize(2), clock=lambda: 0.0)
    status, weather = ran(name, 20, 40.0, one)
    assert status.state == "SUCCEEDED_WITH_ERRORS"
    weather.ends_s = None
    assert objects(bucket) == expected
    shards = [request.shard.number for request in workers.requests]
    assert set(shards) == set(range(status.shards))
    assert workers.alive == {}

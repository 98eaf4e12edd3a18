"""The ledger of jobs: what is submitted, tried and committed."""

import sqlite3
import threading
from dataclasses import replace

import pytest

from serve_app.batch.bad_rows import Counts, too_many
from serve_app.batch.committed import Committed, WrittenFile
from serve_app.batch.inputs import Input
from serve_app.batch.job import Job, JobOptions
from serve_app.batch.ledger import Ledger
from serve_app.batch.ledger_schema import OWNER
from serve_app.batch.shards import Shard
from serve_app.batch.status import Others
from serve_app.core.durable import connected
from serve_app.errors import ConfigError, Conflict, NotFound

FILE = Input("rows.csv", "csv", 100, "1", "0" * 64, 25, ("a",))
JOB = Job("churn@3", "1" * 64, (FILE,), "out")
SHARDS = [Shard(0, 0, 0, 10, 2, 40), Shard(1, 0, 10, 10, 40, 80), Shard(2, 0, 20, 5, 80, 100)]


def done(shard, bad=0):
    rows = SHARDS[shard].rows
    errors = tuple(f"row {row}" for row in range(bad))
    file = WrittenFile(7, "2" * 64)
    return Committed(JOB.id, shard, 1, rows, rows - bad, bad, file, file if bad else None, errors)


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "jobs.sqlite", clock=lambda: 1000.0)


@pytest.fixture
def submitted(ledger):
    ledger.submit(JOB, SHARDS)
    return ledger


def test_a_job_is_what_was_submitted(submitted):
    assert submitted.job(JOB.id) == JOB
    assert submitted.names() == [JOB.id]
    assert submitted.pending(JOB.id) == SHARDS
    status = submitted.status(JOB.id)
    assert (status.state, status.shards, status.rows, status.rows_done) == ("QUEUED", 3, 25, 0)


def test_the_same_job_is_submitted_once(submitted):
    later = replace(JOB, inputs=(replace(FILE, stamp="2"),))
    assert submitted.submit(later, SHARDS) == (JOB.id, False)
    wider = replace(JOB, options=JobOptions(max_bad_ratio=0.5))
    assert submitted.submit(wider, SHARDS) == (JOB.id, False)
    assert submitted.job(JOB.id).options.max_bad_ratio == 0.5
    assert len(submitted.pending(JOB.id)) == 3


@pytest.mark.parametrize(
    "other",
    [
        replace(JOB, version="churn@4"),
        replace(JOB, version_digest="3" * 64),
        replace(JOB, inputs=(replace(FILE, sha256="4" * 64),)),
        replace(JOB, out="elsewhere"),
        replace(JOB, options=JobOptions(on_error="null")),
    ],
)
def test_another_job_is_another(submitted, other):
    name, is_new = submitted.submit(other, SHARDS)
    assert is_new
    assert name != JOB.id


def test_a_key_stands_for_one_job(ledger):
    assert ledger.submit(JOB, SHARDS, "mine") == (JOB.id, True)
    assert ledger.submit(JOB, SHARDS, "mine") == (JOB.id, False)
    with pytest.raises(Conflict, match="'mine' was given for another job"):
        ledger.submit(replace(JOB, version="churn@4"), SHARDS, "mine")


def test_a_commit_counts_once(submitted):
    submitted.begin(JOB.id, 1)
    submitted.commit(done(1, bad=2))
    submitted.commit(done(1, bad=2))
    status = submitted.status(JOB.id)
    assert (status.shards_done, status.rows_done) == (1, 10)
    assert (status.rows_ok, status.rows_bad, status.first_errors) == (8, 2, ("row 0", "row 1"))
    assert [shard.number for shard in submitted.pending(JOB.id)] == [0, 2]
    assert submitted.committed(JOB.id) == [done(1, bad=2)]


def test_a_shard_is_left_alone_after_three_failures_until_the_job_is_resumed(submitted):
    for failure in range(1, 4):
        attempt = submitted.begin(JOB.id, 0)
        assert attempt == failure
        assert submitted.fail(JOB.id, 0, attempt, "the disk is full") == (failure == 3)
    assert [shard.number for shard in submitted.pending(JOB.id)] == [1, 2]
    assert submitted.errors(JOB.id) == [(0, 3, "the disk is full")]
    assert submitted.status(JOB.id).shards_poisoned == 1
    submitted.resume(JOB.id)
    # What was tried before comes last.
    assert [shard.number for shard in submitted.pending(JOB.id)] == [1, 2, 0]


def test_a_failure_after_the_commit_changes_nothing(submitted):
    submitted.begin(JOB.id, 0)
    late = submitted.begin(JOB.id, 0)
    submitted.commit(done(0))
    for _ in range(3):
        assert not submitted.fail(JOB.id, 0, late, "too late")
    assert submitted.status(JOB.id).shards_done == 1


def test_attempts_of_many_threads_have_different_numbers(submitted):
    numbers = []

    def begin():
        numbers.extend(submitted.begin(JOB.id, 0) for _ in range(10))

    threads = [threading.Thread(target=begin) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(numbers) == list(range(1, 41))


def test_a_running_job_is_asked_to_end_and_a_waiting_one_has_ended(submitted):
    submitted.move(JOB.id, "RUNNING", only_from="QUEUED")
    assert submitted.cancel(JOB.id) == "CANCELLING"
    submitted.resume(JOB.id)
    assert submitted.cancel(JOB.id) == "CANCELLED"
    assert submitted.cancel(JOB.id) == "CANCELLED"


def test_a_state_changes_only_from_the_one_that_was_expected(submitted):
    assert not submitted.move(JOB.id, "SUCCEEDED", only_from="RUNNING")
    assert submitted.status(JOB.id).state == "QUEUED"


def test_who_is_not_there_is_named_with_those_who_are(submitted):
    with pytest.raises(NotFound, match=rf"no job 'job-9'; jobs: {JOB.id}"):
        submitted.status("job-9")


def test_changes_are_on_the_disk_before_anybody_goes_on(submitted, tmp_path):
    with connected(submitted._file) as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_what_others_leave_to_a_new_job_is_read_without_reading_every_job(ledger):
    new = replace(JOB, version="churn@4")
    assert ledger.others(new) == Others(0, None)
    ledger.submit(JOB, SHARDS)
    assert ledger.others(JOB) is None
    assert ledger.others(new) == Others(1, JOB.id)
    assert ledger.others(replace(new, out="elsewhere")) == Others(1, None)
    ledger.move(JOB.id, "SUCCEEDED", only_from="QUEUED")
    assert ledger.others(new) == Others(0, JOB.id)
    with connected(ledger._file) as connection:
        (plan,) = connection.execute(f"EXPLAIN QUERY PLAN {OWNER}", ("out",)).fetchall()[:1]
    assert "USING INDEX job_out" in plan[3]


def test_a_ledger_of_an_earlier_release_gets_what_it_lacks(submitted, tmp_path):
    with sqlite3.connect(tmp_path / "jobs.sqlite") as connection:
        for index in ("job_out", "job_state", "job_submitted"):
            connection.execute(f"DROP INDEX {index}")
        connection.execute("PRAGMA user_version = 2")
    later = Ledger(tmp_path / "jobs.sqlite", clock=lambda: 0.0)
    assert later.others(replace(JOB, version="churn@4")) == Others(1, JOB.id)


def test_a_ledger_of_a_later_release_is_left_as_it_is(submitted, tmp_path):
    with sqlite3.connect(tmp_path / "jobs.sqlite") as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(ConfigError, match="later release"):
        Ledger(tmp_path / "jobs.sqlite", clock=lambda: 0.0)


def test_a_file_that_is_no_ledger_is_refused(tmp_path):
    (tmp_path / "jobs.sqlite").write_text("no database, but a text of some length " * 50)
    with pytest.raises(ConfigError, match="no ledger"):
        Ledger(tmp_path / "jobs.sqlite", clock=lambda: 0.0)


@pytest.mark.parametrize(
    ("rows", "bad", "options", "ends"),
    [
        (999, 999, JobOptions(), False),
        (1000, 10, JobOptions(), False),
        (1000, 11, JobOptions(), True),
        (5, 2, JobOptions(max_bad_rows=1), True),
        (5, 1, JobOptions(max_bad_rows=1), False),
        (5, 1, JobOptions(on_error="fail"), True),
        (2000, 2000, JobOptions(max_bad_ratio=1.0), False),
    ],
)
def test_a_job_ends_at_too_many_bad_rows(rows, bad, options, ends):
    assert (too_many(Counts(rows, bad), options) is not None) == ends

"""Jobs are taken, shown, ended and gone on with; a worker takes them from the queue."""

import functools
import json
import sys
import time

import pytest
from pydantic import ValidationError

from serve_app.batch.job import JobOptions
from serve_app.batch.ledger import FILE, Ledger
from serve_app.config.jobs import JobsSettings
from serve_app.core.durable import changing
from serve_app.engine.batch.desk import JobDesk, JobOrder, desk_of
from serve_app.engine.batch.in_this_process import InThisProcess
from serve_app.engine.batch.queue_worker import QueueWorker
from serve_app.engine.batch.roots import Roots
from serve_app.engine.batch.run_lock import is_running, running
from serve_app.engine.batch.scoring import Scorer
from serve_app.engine.load import load
from serve_app.errors import Conflict, Forbidden, NotFound, Overloaded, ServerFault
from tests.unit.engine.batch.conftest import Bucket

OPTIONS = JobOptions(format="csv", shard_rows=10)


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "state" / "jobs.sqlite", clock=time.time)


@pytest.fixture
def taken(tmp_path, registry, ledger):
    """A desk below whose root the files of these tests stand."""
    roots = Roots([str(tmp_path)], str(tmp_path / "outputs"), 1_000_000)
    somebody_runs = functools.partial(is_running, tmp_path / "state")
    return JobDesk(ledger, registry, roots, max_unfinished=2, is_running=somebody_runs)


@pytest.fixture
def worker(tmp_path, registry, ledger):
    def here(name, job, folder):
        return InThisProcess(name, job, folder, lambda: Scorer(load(registry, "logistic", 1)))

    return QueueWorker(ledger, tmp_path / "state", here, clock=time.monotonic)


def order(output="out", *, inputs=("rows.csv",), **more):
    return JobOrder("logistic", inputs, output, OPTIONS, **more)


def test_a_job_is_queued_taken_and_done(taken, worker, csv_file):
    status, is_new = taken.submit(order())
    assert (status["state"], status["rows"], status["version"], is_new) == (
        "QUEUED", 40, "logistic@1", True,
    )  # fmt: skip
    assert worker.run_one(lambda _: None).state == "SUCCEEDED"
    assert worker.run_one(lambda _: None) is None
    shown = taken.show(status["job"])
    assert (shown["state"], shown["rows_ok"], shown["eta_s"]) == ("SUCCEEDED", 40, None)
    assert taken.all(10) == [shown]


def test_the_manifest_is_there_once_the_output_is_whole(taken, worker, csv_file, tmp_path):
    name = taken.submit(order())[0]["job"]
    assert taken.names() == [name]
    with pytest.raises(NotFound, match="has no manifest"):
        taken.manifest(name)
    worker.run_one(lambda _: None)
    written = json.loads(taken.manifest(name))
    assert written["rows"] == {"read": 40, "ok": 40, "bad": 0}
    assert [one["rows"] for one in written["files"]] == [10, 10, 10, 10]
    with pytest.raises(NotFound, match="there is no job"):
        taken.manifest("nobody")


def test_the_same_job_and_the_same_key_give_the_job_that_is_there(taken, csv_file):
    first, _ = taken.submit(order(idempotency_key="k"))
    again, is_new = taken.submit(order(idempotency_key="k"))
    assert (again["job"], is_new) == (first["job"], False)
    with pytest.raises(Conflict, match="was given for another job"):
        taken.submit(order("other", idempotency_key="k"))


def test_a_folder_of_another_job_and_too_many_jobs_are_refused(taken, csv_file, bad_file):
    taken.submit(order())
    with pytest.raises(Conflict, match="the output of job-"):
        taken.submit(order(inputs=("bad.csv",)))
    taken.submit(order("second"))
    with pytest.raises(Overloaded, match="2 jobs wait or run") as refused:
        taken.submit(order("third"))
    assert refused.value.details["retry_after_s"] == 30
    # What is there already is no further one.
    assert not taken.submit(order("second"))[1]


@pytest.mark.parametrize(
    ("wanted", "error"),
    [
        ({"inputs": ("/etc/passwd",)}, Forbidden),
        ({"inputs": ("../../../../../etc/*.csv",)}, Forbidden),
        ({"preprocess": "nobody"}, NotFound),
    ],
)
def test_what_cannot_be_is_refused_and_leaves_nothing(taken, ledger, csv_file, wanted, error):
    with pytest.raises(error):
        taken.submit(order(**wanted))
    assert ledger.names() == []


def test_a_queued_job_is_cancelled_and_goes_on(taken, worker, csv_file):
    name = taken.submit(order())[0]["job"]
    with pytest.raises(Conflict, match=r"is QUEUED; a job that failed or was cancelled"):
        taken.resume(name)
    assert taken.cancel(name)["state"] == "CANCELLED"
    assert worker.run_one(lambda _: None) is None
    assert taken.resume(name)["state"] == "QUEUED"
    assert worker.run_one(lambda _: None).state == "SUCCEEDED"


def test_a_job_whose_worker_died_is_paused_and_taken_up(taken, worker, ledger, csv_file):
    name = taken.submit(order())[0]["job"]
    ledger.move(name, "RUNNING", only_from="QUEUED")
    assert taken.show(name)["state"] == "PAUSED"
    assert worker.run_one(lambda _: None).state == "SUCCEEDED"


def test_a_job_that_somebody_runs_is_left_to_them(taken, worker, ledger, csv_file, tmp_path):
    name = taken.submit(order())[0]["job"]
    ledger.move(name, "RUNNING", only_from="QUEUED")
    with running(tmp_path / "state", name):
        assert taken.show(name)["state"] == "RUNNING"
        assert worker.run_one(lambda _: None) is None
        assert taken.cancel(name)["state"] == "CANCELLING"
    assert worker.run_one(lambda _: None) is None
    assert taken.show(name)["state"] == "CANCELLED"


def test_a_folder_that_holds_other_files_fails_the_job_and_the_next_is_taken(
    taken, worker, csv_file, tmp_path
):
    (tmp_path / "outputs" / "out").mkdir(parents=True)
    (tmp_path / "outputs" / "out" / "mine.txt").write_text("mine")
    first = taken.submit(order())[0]["job"]
    taken.submit(order("second"))
    states = {worker.run_one(lambda _: None).state for _ in range(2)}
    assert states == {"FAILED", "SUCCEEDED"}
    assert "holds other files" in taken.show(first)["message"]


def test_rows_without_an_answer_are_shown(taken, worker, bad_file):
    name = taken.submit(order(inputs=("bad.csv",)))[0]["job"]
    worker.run_one(lambda _: None)
    assert [one["row"] for one in taken.quarantine(name, 3)] == [3, 11, 12]


def test_settings_say_where_jobs_read_and_write(registry, csv_file, tmp_path):
    given = {"inputs": [str(tmp_path)], "outputs": str(tmp_path / "o"), "state": str(tmp_path)}
    made = desk_of(JobsSettings.model_validate(given), registry, clock=time.time)
    status, _ = made.submit(order())
    assert status["out"] == str(tmp_path / "o" / "out")
    assert Ledger(tmp_path / "jobs" / FILE, clock=time.time).names() == [status["job"]]


def test_output_in_a_storage_is_that_of_a_folder(taken, worker, ledger, bucket, bad_file, tmp_path):
    roots = Roots([str(tmp_path)], f"{bucket}/out", 1_000_000, [f"{bucket}/more"])
    stored = JobDesk(ledger, taken._registry, roots, max_unfinished=9, is_running=lambda _: False)
    inputs = ("bad.csv",)
    here = taken.submit(order("here", inputs=inputs))[0]
    there = stored.submit(order("there", inputs=inputs))[0]
    more = stored.submit(order(f"{bucket}/more/may", inputs=inputs))[0]
    assert (there["out"], more["out"]) == (f"{bucket}/out/there", f"{bucket}/more/may")
    with pytest.raises(NotFound, match="has no manifest"):
        stored.manifest(there["job"])
    states = {worker.run_one(lambda _: None).state for _ in range(3)}
    assert states == {"SUCCEEDED_WITH_ERRORS"}
    written = [json.loads(stored.manifest(one["job"])) for one in (here, there, more)]
    assert written[0]["rows"] == {"read": 40, "ok": 36, "bad": 4}
    for part in ("rows", "files", "quarantine"):
        assert written[1][part] == written[2][part] == written[0][part]
    assert list(stored.quarantine(there["job"], 9)) == list(taken.quarantine(here["job"], 9))


def test_an_output_that_cannot_be_written_ends_its_job_and_no_other(
    taken, worker, csv_file, tmp_path
):
    (tmp_path / "outputs").mkdir()
    (tmp_path / "outputs" / "out").write_text("a file")
    first = taken.submit(order())[0]["job"]
    taken.submit(order("second"))
    assert [worker.run_one(lambda _: None).state for _ in range(2)] == ["FAILED", "SUCCEEDED"]
    message = taken.show(first)["message"]
    assert message.startswith(f"the output cannot be written to {tmp_path}/outputs/out: ")
    (tmp_path / "outputs" / "out").unlink()
    taken.resume(first)
    assert worker.run_one(lambda _: None).state == "SUCCEEDED"


def test_a_storage_that_is_away_is_said_in_words(ledger, registry, bucket, csv_file, tmp_path):
    roots = Roots([str(tmp_path)], f"{bucket}/out", 1_000_000)
    stored = JobDesk(ledger, registry, roots, max_unfinished=9, is_running=lambda _: False)
    name = stored.submit(order())[0]["job"]

    class Away(Bucket):
        cachable = False

        def _open(self, *_, **__):
            raise RuntimeError("no route to the storage")

        ls = cat_file = _open

    sys.modules["fsspec.registry"]._registry["s3"] = Away
    for read in (lambda: stored.manifest(name), lambda: stored.quarantine(name, 1)):
        with pytest.raises(ServerFault, match=r"the output .* cannot be read: .*no route"):
            read()


@pytest.mark.parametrize("outputs", ["gs://bucket/out", "file:///out", "http://host/out"])
def test_settings_refuse_outputs_where_nothing_is_written(outputs):
    with pytest.raises(ValidationError, match="a folder of this machine or to s3://bucket/folder"):
        JobsSettings(inputs=("in",), outputs=outputs)


def test_the_rate_is_that_of_what_was_committed_lately(tmp_path, desk, csv_file):
    now = [1_000.0]
    name = desk.submitted(csv_file)
    ledger = Ledger(tmp_path / "jobs.sqlite", clock=lambda: now[0])
    assert ledger.rows_per_s(name) is None
    with changing(ledger._file) as connection:
        connection.execute(
            "INSERT INTO attempt VALUES (?, 0, 1, 990.0, 995.0, 'COMMITTED', '')", (name,)
        )
    # The first shard has as many rows as the ledger says, begun ten seconds ago.
    rows = desk.ledger.pending(name)[0].rows
    assert ledger.rows_per_s(name) == pytest.approx(rows / 10.0)
    now[0] = 1_060.0
    assert ledger.rows_per_s(name) is None

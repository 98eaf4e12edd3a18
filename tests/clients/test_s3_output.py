"""Jobs whose input and output stand in an S3 that is not ours."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest

from serve_app.batch.ledger import FILE, Ledger
from tests.clients.s3_store import DEADLINE_S, Relay, serving

RUN = """
import os, signal, sys
from serve_app.cli.main import main
from serve_app.engine.batch.objects import OutputObjects

effect, _, left = os.environ.get("DIES_AT", "").partition(" ")
if effect:
    left, real = [int(left)], getattr(OutputObjects, effect)

    def deadly(*arguments):
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments)

    setattr(OutputObjects, effect, deadly)
main(sys.argv[1:])
"""
PAUSED = """
import sys
from serve_app.cli.main import main
from serve_app.engine.batch import answering, objects

kind, effect, left = sys.argv.pop(1).split()
kind = {"output": objects.OutputObjects, "input": answering.Attempt}[kind]
left, real = [int(left)], getattr(kind, effect)

def pausing(*arguments):
    left[0] -= 1
    if not left[0]:
        print("now", flush=True)
        sys.stdin.readline()
    return real(*arguments)

setattr(kind, effect, pausing)
main(sys.argv[1:])
"""
SUBMIT = """
import sys, time
from serve_app.batch.job import JobOptions
from serve_app.config.jobs import JobsSettings
from serve_app.engine.batch.desk import JobOrder, desk_of
from serve_app.registry.store import Registry

state, output = sys.argv[1:]
settings = JobsSettings(
    inputs=("s3://rows/in",), outputs="s3://rows/own", destinations=("s3://rows/answers",),
    state=state,
)
options = JobOptions("csv", ids=("id",), shard_rows=1, max_bad_rows=9, max_bad_ratio=1.0)
desk = desk_of(settings, Registry("registry"), clock=time.time)
print(desk.submit(JobOrder("logistic@1", ("s3://rows/in/*.csv",), output, options))[0]["job"])
"""
ROWS = 8
PARTS = ("_commits/", "part-", "_tmp/")
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("moto")) as made:
        yield made


@pytest.fixture
def home(_registered, tmp_path, store):
    """A folder with the registry; the rows, one of which is bad, are in the bucket."""
    for path, content in _registered.items():
        file = tmp_path / "registry" / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    table = pd.DataFrame({"id": range(ROWS), "age": range(30, 30 + ROWS), "dose": [2.0] * ROWS})
    table = table.astype(object)
    table.loc[5, "age"] = "old"
    store.ask("/in/rows.csv", "PUT", table.to_csv(index=False).encode())
    return tmp_path


@pytest.fixture
def ran(home, store):
    """Runs a script in a process that may write to the store; gives its exit code and words."""
    environment = {**os.environ, **store.variables()}

    def run(script, *arguments, **more):
        done = subprocess.run(
            [sys.executable, "-c", script, *arguments],
            cwd=home, env={**environment, **more}, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=DEADLINE_S, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout

    return run


@pytest.fixture
def job(ran):
    """Runs the job in a process, into an output and with a ledger; may let it be killed."""

    def run(out, state, dies_at=""):
        return ran(
            RUN, "predict", "logistic@1", "--local",
            "--data", "s3://rows/in/*.csv", "--out", out, "--state", state,
            "--shard-rows", "1", "--max-bad-rows", "9", "--max-bad-ratio", "1", "--id", "id",
            DIES_AT=dies_at,
        )  # fmt: skip

    return run


def written(folder):
    """What a job wrote into a folder, without what names it."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.parent.name != "_commits" and path.name[:2] not in {"_j", "_m"}
    }


def test_a_process_killed_between_shards_leaves_the_bytes_of_a_folder(job, home, store):
    code, said = job("folder", "one")
    assert code == 0, said
    expected = written(home / "folder")

    def killed(dies_at):
        """The names that are there after a death."""
        code, said = job("s3://rows/out", "two", dies_at)
        assert code == -signal.SIGKILL, said
        names = [name.removeprefix("out/") for name in store.names("out")]
        return {folder: [one for one in names if one.startswith(folder)] for folder in PARTS}

    # Before the second commit: the place was claimed by the first two creations.
    left = killed("_created 4")
    assert [len(left[part]) for part in PARTS] == [1, 1, 1]
    # Behind the second commit, before what it names is in its place.
    left = killed("_placed 2")
    assert [len(left[part]) for part in PARTS] == [2, 1, 1]
    left = killed("finish 1")
    assert [len(left[part]) for part in PARTS] == [ROWS, ROWS, 0]
    code, said = job("s3://rows/out", "two")
    assert (code, "SUCCEEDED_WITH_ERRORS" in said) == (0, True), said
    assert store.objects("out") == expected
    assert len(store.names("out/_commits")) == ROWS
    assert store.names("out/_tmp") == []
    # Somebody else's ledger adopts what is there.
    code, said = job("s3://rows/out/", "three")
    assert (code, "0 attempts" in said) == (0, True), said
    assert store.objects("out") == expected


@pytest.mark.parametrize("output", ["may", "s3://rows/answers/may"])
def test_jobs_that_a_gateway_takes_have_the_bytes_of_a_folder(job, ran, home, store, output):
    code, said = job("folder", "one")
    assert code == 0, said
    code, said = ran(SUBMIT, "two", output)
    assert code == 0, said
    code, said = ran(RUN, "jobs", "work", "--once", "--state", "two", "--registry", "registry")
    assert code == 0, said
    place = "own/may" if output == "may" else "answers/may"
    assert store.objects(place) == written(home / "folder")
    manifest = json.loads(store.ask(f"/{place}/_manifest.json"))
    assert manifest["rows"] == {"read": ROWS, "ok": ROWS - 1, "bad": 1}


@pytest.mark.parametrize("moment", ["output _created 4", "input run 3"])
def test_a_store_that_nobody_reaches_for_seconds_delays_a_job(job, home, store, moment):
    code, said = job("folder", "one")
    assert code == 0, said
    relay = Relay(store.address)
    relay.open()
    place = moment.split()[0]
    environment = {**os.environ, **store.variables(), "AWS_ENDPOINT_URL": relay.address}
    running = subprocess.Popen(
        [sys.executable, "-c", PAUSED, moment, "predict", "logistic@1", "--local",
         "--data", "s3://rows/in/*.csv", "--out", f"s3://rows/away-{place}", "--state", "two",
         "--shard-rows", "1", "--max-bad-rows", "9", "--max-bad-ratio", "1", "--id", "id"],
        cwd=home, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    with running:
        assert any(line == "now\n" for line in iter(running.stdout.readline, ""))
        relay.close()
        running.stdin.write("\n")
        running.stdin.flush()
        ledger = Ledger(home / "two" / "jobs" / FILE, clock=time.time)
        (name,) = ledger.names()
        deadline = time.monotonic() + DEADLINE_S
        while not (status := ledger.status(name)).message:
            assert running.poll() is None, running.stdout.read()
            assert time.monotonic() < deadline, "nobody notices"
            time.sleep(0.1)
        assert status.state == "RUNNING"
        assert re.search(r"s3://rows/\S+ does not answer: .*; tried again for", status.message)
        relay.open()
        said, _ = running.communicate(timeout=DEADLINE_S)
    assert (running.returncode, "SUCCEEDED_WITH_ERRORS" in said) == (0, True), said
    relay.close()
    assert ledger.status(name).message == ""
    assert store.objects(f"away-{place}") == written(home / "folder")


def test_a_place_that_holds_something_is_left_as_it_is(job, store):
    store.ask("/taken/mine.txt", "PUT", b"mine")
    code, said = job("s3://rows/taken", "one")
    assert code == 1
    assert "s3://rows/taken holds other objects, such as mine.txt" in " ".join(said.split())
    assert store.objects("taken") == {"mine.txt": b"mine"}

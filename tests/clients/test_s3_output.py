"""Jobs whose input and output stand in an S3 that is not ours: moto's server, asked by s3fs."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from xml.etree import ElementTree as ET

import pandas as pd
import pytest

from tests.clients import foreign

ROOT = Path(__file__).parents[2]
S3FS = ROOT / ".venv-s3"
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
ROWS = 8
PARTS = ("_commits/", "part-", "_tmp/")
DEADLINE_S = 300.0
pytestmark = pytest.mark.timeout(900)
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Store:
    """A bucket of the server, as whoever has nothing but HTTP sees it."""

    def __init__(self, address):
        self.address = address

    def ask(self, path, method="GET", body=None):
        # Without a type it is taken for a form; nobody checks the signature.
        signed = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request"
        headers = {"Content-Type": "application/octet-stream", "Authorization": signed}
        url = f"{self.address}/rows{path}"
        request = urllib.request.Request(url, body, headers, method=method)
        with OPENER.open(request, timeout=60) as answer:
            return answer.read()

    def names(self, prefix):
        listed = ET.fromstring(self.ask(f"?list-type=2&prefix={prefix}/"))
        return [key.text for key in listed.findall(".//{*}Key")]

    def objects(self, prefix):
        """What a job wrote, without what names it."""
        every = {name.removeprefix(f"{prefix}/"): name for name in self.names(prefix)}
        return {
            name: self.ask(f"/{key}")
            for name, key in every.items()
            if name[:2] not in {"_c", "_j", "_m"}
        }


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    python, variables = foreign.program("python")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log = (tmp_path_factory.mktemp("moto") / "log").open("wb")
    process = subprocess.Popen(
        [python, "-m", "moto.server", "-p", str(port)], stdout=log, stderr=log, env=variables
    )
    made = Store(f"http://127.0.0.1:{port}")
    try:
        deadline = time.monotonic() + DEADLINE_S
        while True:
            try:
                made.ask("", "PUT")
                break
            except OSError:
                assert process.poll() is None, "the server ended"
                assert time.monotonic() < deadline, "the server does not answer"
                time.sleep(0.1)
        yield made
    finally:
        process.terminate()
        process.wait(timeout=30)
        log.close()


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
def job(home, store):
    """Runs the job in a process, into an output and with a ledger; may let it be killed."""
    if not (S3FS / "s3fs").is_dir():
        pytest.fail(f"there is no s3fs in {S3FS.name}; run `make setup-dev`")
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(S3FS)]),
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": store.address,
    }

    def run(out, state, dies_at=""):
        """The exit code of a process that runs the job to its end, and what it said."""
        done = subprocess.run(
            [
                sys.executable, "-c", RUN, "predict", "logistic@1", "--local",
                "--data", "s3://rows/in/*.csv", "--out", out, "--state", state,
                "--shard-rows", "1", "--max-bad-rows", "9", "--max-bad-ratio", "1", "--id", "id",
            ],
            cwd=home, env={**environment, "DIES_AT": dies_at}, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=DEADLINE_S, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout

    return run


def test_a_process_killed_between_shards_leaves_the_bytes_of_a_folder(job, home, store):
    code, said = job("folder", "one")
    assert code == 0, said
    folder = home / "folder"
    expected = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.parent.name != "_commits" and path.name[:2] not in {"_j", "_m"}
    }

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


def test_a_place_that_holds_something_is_left_as_it_is(job, store):
    store.ask("/taken/mine.txt", "PUT", b"mine")
    code, said = job("s3://rows/taken", "one")
    assert code == 1
    assert "s3://rows/taken holds other objects, such as mine.txt" in " ".join(said.split())
    assert store.objects("taken") == {"mine.txt": b"mine"}

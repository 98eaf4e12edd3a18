"""The log in a bucket: moto's server stands for S3, Arrow speaks to it."""

import os
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest

from serve_app.errors import RecordsFailed
from serve_app.storage.records.compaction import CompactionLimits, Compactor
from serve_app.storage.records.deliveries import Incoming
from serve_app.storage.records.files import Files
from serve_app.storage.records.lookup import Wanted, find
from serve_app.storage.records.plans import Span
from serve_app.storage.records.reader import Query, query
from serve_app.storage.records.sql import select
from tests.ports import free_port
from tests.unit.storage.records.conftest import NOON_S, ids, payload, prediction_id, record

# In that environment stand the pins that exclude ours: moto's need another dateutil.
PYTHON = Path(__file__).parents[4] / ".venv-clients" / "bin" / "python"
DEADLINE_S = 30.0


@pytest.fixture(scope="module")
def server():
    """The address of an S3 of our own."""
    port = free_port()
    process = subprocess.Popen(
        [PYTHON, "-m", "moto.server", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + DEADLINE_S
    address = f"127.0.0.1:{port}"
    try:
        while True:
            try:
                bucket = urllib.request.Request(f"http://{address}/log", method="PUT")
                urllib.request.urlopen(bucket, timeout=5).close()
                break
            except OSError:
                assert process.poll() is None, "the server ended"
                assert time.monotonic() < deadline, "the server does not answer"
                time.sleep(0.05)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=10)


@pytest.fixture
def files(server, request, monkeypatch):
    """A place in the bucket."""
    monkeypatch.setitem(os.environ, "AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setitem(os.environ, "AWS_SECRET_ACCESS_KEY", "test")
    place = f"s3://log/{request.node.name}"
    return Files(f"{place}?endpoint_override={server}&scheme=http&region=us-east-1")


def test_deliveries_are_taken_compacted_merged_queried_and_removed(files):
    incoming = Incoming(files)
    compactor = Compactor(files, incoming, limits=CompactionLimits(small_segments=2))
    expected = []
    for sequence in range(4):
        records = [record(2 * sequence), record(2 * sequence + 1, endpoint="other")]
        assert incoming.take("gw", sequence, payload(records))
        assert not incoming.take("gw", sequence, payload(records))
        expected += [one.prediction_id for one in records]
        if sequence < 3:
            compactor.compact()
    assert ids(query(files, Query()).read_all()) == sorted(expected)
    assert compactor.merge() == 6
    assert ids(query(files, Query()).read_all()) == sorted(expected)
    compactor.compact()
    compactor.merge()
    assert len(files.below("date=2026-09-21")) == 4
    assert not Incoming(files).take("gw", 2, payload([record(0)]))
    newest = query(files, Query("diagnosis", order="newest", limit=1, columns=("key",))).read_all()
    assert newest.to_pylist() == [{"key": "6"}]
    matched = find(files, Wanted("diagnosis", NOON_S + 60, 3600.0, keys={"4": NOON_S + 60}))
    assert matched["prediction_id"].to_pylist() == [prediction_id(NOON_S + 4, 4)]
    counted = select(files, "SELECT count(*) AS n FROM records", Span("other"))
    assert counted.read_all().to_pylist() == [{"n": 4}]
    assert compactor.retain(NOON_S + 100 * 86_400, {}) > 0
    assert [one.path for one in files.below("")] == ["compacted.json"]


def test_a_bucket_that_is_not_there_is_named(server, files):
    missing = Files(files.url.replace("s3://log/", "s3://nothing/"))
    with pytest.raises(RecordsFailed, match=r"cannot use .*nothing"):
        Incoming(missing).take("gw", 0, payload([record(0)]))


def test_a_store_that_cannot_be_reached_is_named(monkeypatch, files):
    gone = Files(f"s3://log/x?endpoint_override=127.0.0.1:{free_port()}&scheme=http")
    with pytest.raises(RecordsFailed, match=r"cannot use .*log/x"):
        Incoming(gone).waiting()

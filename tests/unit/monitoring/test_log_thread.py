"""Lines of the log are written aside, and whoever reads them keeps nobody waiting."""

import io
import logging
import os
import time

import pytest

from serve_app.monitoring.catalogue import LOG_LINES_DROPPED
from serve_app.monitoring.log import TextLines
from serve_app.monitoring.log_thread import WrittenByThread

LONG = "x" * 1000


@pytest.fixture
def pipe():
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as reader, os.fdopen(writing, "w") as writer:
        yield reader, writer


def handler(stream, **bounds):
    made = WrittenByThread(stream, **bounds)
    made.setFormatter(TextLines())
    return made


def record(words):
    return logging.LogRecord("serve_app.x", logging.INFO, "f.py", 1, words, None, None)


def dropped(one):
    return {sample.labels: sample.value for sample in one.samples()}


def test_lines_are_written_in_their_order(pipe):
    reader, writer = pipe
    one = handler(writer)
    for words in ("first", "second"):
        one.emit(record(words))
    one.close()
    written = os.read(reader.fileno(), 10_000).decode().splitlines()
    assert [line.rpartition(" ")[2] for line in written] == ["first", "second"]
    assert dropped(one) == {}


def test_a_reader_that_stands_still_keeps_nobody_waiting_and_what_is_dropped_counts(pipe):
    reader, writer = pipe
    one = handler(writer, most_lines=10)
    began_s = time.monotonic()
    for _ in range(1000):
        one.emit(record(LONG))
    took_s = time.monotonic() - began_s
    assert took_s < 1.0
    counted = dropped(one)
    assert list(counted) == [("full",)]
    # A pipe holds 64 KiB, and a few lines wait.
    assert 800 < counted[("full",)] < 1000
    assert next(one.samples()).metric is LOG_LINES_DROPPED
    os.set_blocking(reader.fileno(), False)
    deadline_s = time.monotonic() + 10
    read = b""
    while read.count(b"\n") < 1000 - counted[("full",)] and time.monotonic() < deadline_s:
        try:
            read += os.read(reader.fileno(), 65_536)
        except BlockingIOError:
            time.sleep(0.01)
    assert read.count(b"\n") == 1000 - counted[("full",)]
    one.close()


def test_a_reader_that_is_gone_is_counted(pipe):
    reader, writer = pipe
    reader.close()
    one = handler(writer)
    one.emit(record("nobody reads this"))
    one.close()
    assert dropped(one) == {("gone",): 1}


def test_a_stream_without_a_file_is_written_too():
    stream = io.StringIO()
    one = handler(stream)
    one.emit(record("kept"))
    one.close()
    assert stream.getvalue().endswith("kept\n")


def test_the_end_does_not_wait_for_a_reader_that_stands_still(pipe):
    _, writer = pipe
    one = handler(writer, most_lines=1)
    for _ in range(200):
        one.emit(record(LONG))
    began_s = time.monotonic()
    one.close()
    assert time.monotonic() - began_s < 2.5

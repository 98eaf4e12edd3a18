"""Gateways hand on what they recorded; a monitor that is away gets it later."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from serve_app.core.messages import Payload, Request
from serve_app.core.record import Record
from serve_app.errors import InvalidInput, NotReady
from serve_app.monitoring.outbox import Outbox
from serve_app.monitoring.recording import Recording
from serve_app.serving import record_sender
from serve_app.serving.record_sender import RecordSender


def record(name, rows=1):
    payload = Payload({"a": [1.0] * rows}, rows)
    return Record(Request("risk", payload, name), "risk", 1, 0.0, 0.001)


class Monitor:
    """Takes deliveries, or fails as a test says."""

    def __init__(self):
        self.error = None
        self.taken = []

    async def __call__(self, delivery):
        if self.error is not None:
            raise self.error
        self.taken.append((delivery.sequence, delivery.payload))


class Packing:
    """Packs the names of requests."""

    dropped_rows = 0

    def warm_up(self):
        pass

    def pack(self, records):
        return "".join(one.request_id for one in records).encode()

    def counts(self):
        return b""


@pytest.fixture
def parts():
    recording, monitor = Recording(), Monitor()
    now = SimpleNamespace(s=0.0)

    with ThreadPoolExecutor(1) as pool:
        sender = RecordSender(
            recording, Outbox("g"), Packing(), monitor, pool=pool, clock=lambda: now.s
        )
        yield SimpleNamespace(recording=recording, monitor=monitor, sender=sender, now=now)


def counted(sender):
    return {(one.metric.name, *one.labels): one.value for one in sender.samples()}


def test_what_is_recorded_is_handed_on_once(parts):
    for name in "abc":
        parts.recording.record(record(name))
    asyncio.run(parts.sender.send())
    asyncio.run(parts.sender.send())
    assert parts.monitor.taken == [(1, b"abc")]
    assert counted(parts.sender) == {
        ("serve_app_record_rows",): 3,
        ("serve_app_record_rows_dropped", "held"): 0,
        ("serve_app_record_rows_dropped", "unpacked"): 0,
        ("serve_app_record_rows_dropped", "unsent"): 0,
        ("serve_app_record_rows_dropped", "uncounted"): 0,
    }


def test_many_records_are_packed_in_blocks(parts, monkeypatch):
    monkeypatch.setattr(record_sender, "MOST_AT_ONCE", 2)
    for name in "abcde":
        parts.recording.record(record(name))
    asyncio.run(parts.sender.send())
    assert b"".join(payload for _, payload in parts.monitor.taken) == b"abcde"


def test_parts_have_so_many_rows_unless_one_record_has_more(parts, monkeypatch):
    monkeypatch.setattr(record_sender, "MOST_ROWS_AT_ONCE", 3)
    packed = []
    monkeypatch.setattr(
        Packing, "pack", lambda self, records: packed.append([one.rows for one in records]) or b"x"
    )
    for rows in (1, 2, 1, 5, 3, 1, 1, 1):
        parts.recording.record(record("a", rows))
    asyncio.run(parts.sender.send())
    assert packed == [[1, 2], [1], [5], [3], [1, 1, 1]]


def test_where_no_monitor_was_reached_nothing_more_is_packed(parts, monkeypatch):
    packed = []
    pack = Packing.pack

    def counting(self, records):
        packed.append(len(records))
        return pack(self, records)

    monkeypatch.setattr(Packing, "pack", counting)
    parts.monitor.error = NotReady("there is none yet")
    for name in "abc":
        parts.recording.record(record(name))
        asyncio.run(parts.sender.send())
    assert packed == [1]
    parts.monitor.error = None
    asyncio.run(parts.sender.send())
    assert (packed, parts.monitor.taken) == ([1, 2], [(1, b"a"), (2, b"bc")])
    # One that was there once is awaited with what is packed.
    parts.monitor.error = NotReady("away")
    for name in "de":
        parts.recording.record(record(name))
        asyncio.run(parts.sender.send())
    assert packed == [1, 2, 1, 1]


def test_a_monitor_that_comes_back_gets_all_of_it_in_order(parts):
    parts.monitor.error = NotReady("away")
    for name in "ab":
        parts.recording.record(record(name))
        asyncio.run(parts.sender.send())
    parts.monitor.error = None
    asyncio.run(parts.sender.send())
    assert parts.monitor.taken == [(1, b"a"), (2, b"b")]


def test_a_delivery_that_is_refused_is_lost_and_counted_and_the_next_goes(parts):
    parts.monitor.error = InvalidInput("it cannot be read")
    parts.recording.record(record("a"))
    asyncio.run(parts.sender.send())
    parts.monitor.error = None
    parts.recording.record(record("b"))
    asyncio.run(parts.sender.send())
    assert [payload for _, payload in parts.monitor.taken] == [b"b"]
    assert counted(parts.sender)["serve_app_record_rows_dropped", "unsent"] == 1


def test_a_gateway_without_a_monitor_holds_nothing_after_a_while(parts):
    parts.monitor.error = NotReady("there is none")
    parts.recording.record(record("a"))
    asyncio.run(parts.sender.send())
    assert parts.recording.is_on
    parts.now.s = record_sender.WITHOUT_MONITOR_S + 1
    parts.recording.record(record("b"))
    asyncio.run(parts.sender.send())
    assert not parts.recording.is_on
    parts.monitor.error = None
    asyncio.run(parts.sender.send())
    assert parts.recording.is_on
    assert [payload for _, payload in parts.monitor.taken] == [b"a"]


def test_a_monitor_that_was_there_once_is_waited_for(parts):
    parts.recording.record(record("a"))
    asyncio.run(parts.sender.send())
    parts.monitor.error = NotReady("away")
    parts.now.s = 10 * record_sender.WITHOUT_MONITOR_S
    parts.recording.record(record("b"))
    asyncio.run(parts.sender.send())
    assert parts.recording.is_on


def test_records_that_cannot_be_packed_are_counted_and_the_others_go(parts, monkeypatch):
    monkeypatch.setattr(record_sender, "MOST_AT_ONCE", 1)
    pack = Packing.pack

    def raises_at_b(self, records):
        if records[0].request_id == "b":
            raise ValueError("odd")
        return pack(self, records)

    monkeypatch.setattr(Packing, "pack", raises_at_b)
    for name in "abc":
        parts.recording.record(record(name))
    asyncio.run(parts.sender.send())
    assert parts.monitor.taken == [(1, b"ac")]
    assert counted(parts.sender)["serve_app_record_rows_dropped", "unpacked"] == 1


def test_what_was_being_packed_when_it_was_cancelled_is_flushed(parts, monkeypatch):
    monkeypatch.setattr(record_sender, "MOST_AT_ONCE", 1)
    begun, goes_on = threading.Event(), threading.Event()
    pack = Packing.pack

    def waits(self, records):
        begun.set()
        assert goes_on.wait(30)
        return pack(self, records)

    monkeypatch.setattr(Packing, "pack", waits)
    for name in "abc":
        parts.recording.record(record(name))

    async def cancelled_and_flushed():
        sending = asyncio.create_task(parts.sender.send())
        await asyncio.to_thread(begun.wait, 30)
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        goes_on.set()
        await parts.sender.flush()

    asyncio.run(cancelled_and_flushed())
    assert b"".join(payload for _, payload in parts.monitor.taken) == b"abc"

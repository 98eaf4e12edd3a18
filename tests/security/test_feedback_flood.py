"""A gigabyte of feedback is refused unread, and what is kept takes the space that it may."""

import asyncio

import httpx
import pytest

from serve_app.config.limits import LimitsSettings
from serve_app.core.caller import Caller
from serve_app.core.feedback import Feedback
from serve_app.core.grants import grants_of
from serve_app.gateway.access import Gate, protect
from serve_app.gateway.app import build
from serve_app.gateway.context import Settings
from serve_app.gateway.limiting import Limited, limiter_of
from serve_app.storage import feedback_retention
from serve_app.storage.feedback import FeedbackStore
from tests.unit.gateway.harness import client_of

BODY_BYTES = 10 * 2**20
BODIES = 103
"""A gigabyte in all."""
BURST_BYTES = 4 * BODY_BYTES
KEPT_BYTES = 400_000
CALLERS = {name: Caller(name, "", grants_of(["feedback", "admin:feedback"])) for name in "ab"}


class ByName:
    def recall(self, shown):
        return None

    def authenticate(self, credential):
        return CALLERS.get(credential.value)


class Kept:
    """Counts what is to be kept."""

    def __init__(self):
        self.items = 0

    async def __call__(self, items):
        self.items += len(items)
        return ["stored"] * len(items)


@pytest.fixture
def kept():
    return Kept()


@pytest.fixture
def gateway(registry, kept):
    """A gateway in which each principal may send so many bytes, at a time that stands still."""
    limits = LimitsSettings.model_validate(
        {"default": {"bytes_per_s": 1000, "burst_bytes": BURST_BYTES}}
    )
    app = build(client_of(registry).predictor, Settings(BODY_BYTES + 100, 50), kept)
    limiter = limiter_of(limits, lambda: 0.0)

    async def at_once(_):
        return None

    within = Limited(app, limiter, lambda *_: None, sleep=at_once)
    return protect(within, Gate(ByName(), lambda *_: None), "all")


def test_a_gigabyte_of_feedback_is_refused_before_it_is_read(gateway, kept):
    padding = "x" * BODY_BYTES
    flood = ('{"key": "1", "reward": 1.0, "comment": "' + padding + '"}').encode()[:BODY_BYTES]
    taken = 0

    async def body():
        nonlocal taken
        taken += len(flood)
        yield flood

    async def send():
        transport = httpx.ASGITransport(gateway)
        path = "/v1/models/risk:feedback"
        async with httpx.AsyncClient(transport=transport, base_url="http://g") as client:
            statuses, polite = [], []
            for number in range(BODIES):
                head = {
                    "x-api-key": "a",
                    "content-length": str(BODY_BYTES),
                    "content-type": "application/json",
                }
                answer = await client.post(path, content=body(), headers=head)
                statuses.append(answer.status_code)
                if number % 10 == 0:
                    fair = {"key": f"k-{number}", "reward": 1.0}
                    answer = await client.post(path, json=fair, headers={"x-api-key": "b"})
                    polite.append(answer.status_code)
        return statuses, polite

    statuses, polite = asyncio.run(send())
    assert statuses[4:] == [429] * (BODIES - 4)
    assert set(polite) == {200}
    assert kept.items <= len(polite) + 4
    assert taken <= 5 * BODY_BYTES


def size_bytes(state):
    """What the files of a state take, but for the log that SQLite writes ahead (4 MB)."""
    return sum(one.stat().st_size for one in state.iterdir() if not one.name.endswith("-wal"))


def test_feedback_that_goes_on_and_on_takes_no_more_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(feedback_retention, "KEPT_BYTES", KEPT_BYTES)
    monkeypatch.setattr(feedback_retention, "FORGOTTEN_AT_ONCE", 5)
    store = FeedbackStore(str(tmp_path))
    truth = '"' + "x" * 20_000 + '"'

    def flood(first, number):
        for one in range(first, first + number):
            store.record(
                Feedback(endpoint="risk", prediction_id=f"p-{one}", truth_json=truth, reward=None),
                1.0,
            )

    flood(0, 30)
    before = size_bytes(tmp_path)
    flood(30, 90)
    assert size_bytes(tmp_path) <= max(before * 1.1, 2 * KEPT_BYTES)

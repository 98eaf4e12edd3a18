"""Everybody may watch whether requests are taken; nobody who does holds the gateway up."""

import asyncio
import contextlib

import grpc
import pytest
from grpc_health.v1 import health_pb2

from serve_app.gateway import rpc_health
from serve_app.gateway.rpc_health import Health

STATES = health_pb2.HealthCheckResponse.ServingStatus
SERVING, NOT_SERVING = STATES.Value("SERVING"), STATES.Value("NOT_SERVING")
UNKNOWN = STATES.Value("SERVICE_UNKNOWN")


class Watcher:
    """The context of a call that keeps what it is sent; `reads` says whether that is taken."""

    def __init__(self, peer="ipv4:10.0.0.1:5", *, reads=True):
        self._peer = peer
        self._reads = reads
        self.states = []

    def peer(self):
        return self._peer

    async def write(self, answer):
        if not self._reads:
            await asyncio.Event().wait()
        self.states.append(answer.status)

    async def abort(self, code, words):
        raise LookupError(code, words)


@contextlib.asynccontextmanager
async def watching(health, *contexts, service=""):
    request = health_pb2.HealthCheckRequest(service=service)
    tasks = [asyncio.create_task(health.Watch(request, one)) for one in contexts]
    await asyncio.sleep(0)
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def settled():
    for _ in range(5):
        await asyncio.sleep(0)


async def test_who_watches_is_told_each_change_and_nothing_twice():
    health, one = Health(["", "s"]), Watcher()
    async with watching(health, one):
        for is_ready in (False, True, True, False):
            health.follow(is_ready=is_ready)
            await settled()
    assert one.states == [NOT_SERVING, SERVING, NOT_SERVING]


async def test_who_reads_nothing_keeps_nobody_else_from_hearing():
    health, still, other = Health([""]), Watcher(reads=False), Watcher()
    async with watching(health, still, other):
        health.follow(is_ready=True)
        await settled()
        health.end()
        await settled()
    assert other.states == [NOT_SERVING, SERVING, NOT_SERVING]


async def test_once_it_ends_it_takes_no_more_requests():
    health = Health([""])
    health.end()
    health.follow(is_ready=True)
    answer = await health.Check(health_pb2.HealthCheckRequest(service=""), Watcher())
    assert answer.status == NOT_SERVING


async def test_a_service_that_there_is_none_of_is_not_found_or_unknown():
    health, one = Health(["", "s"]), Watcher()
    with pytest.raises(LookupError) as refused:
        await health.Check(health_pb2.HealthCheckRequest(service="t"), one)
    assert refused.value.args[0] == grpc.StatusCode.NOT_FOUND
    async with watching(health, one, service="t"):
        health.follow(is_ready=True)
        await settled()
    assert one.states == [UNKNOWN]
    listed = await health.List(None, one)
    assert {name: state.status for name, state in listed.statuses.items()} == {
        "": SERVING, "s": SERVING,
    }  # fmt: skip


async def test_an_address_watches_so_often_at_once_and_others_beside_it(monkeypatch):
    monkeypatch.setattr(rpc_health, "MOST_OF_ONE", 2)
    monkeypatch.setattr(rpc_health, "MOST_WATCHING", 3)
    health = Health([""])
    request = health_pb2.HealthCheckRequest()
    async with watching(health, Watcher(), Watcher("ipv4:10.0.0.1:6")):
        with pytest.raises(LookupError):
            await health.Watch(request, Watcher("ipv4:10.0.0.1:7"))
        async with watching(health, Watcher("ipv4:10.0.0.2:5")):
            with pytest.raises(LookupError):
                await health.Watch(request, Watcher("ipv4:10.0.0.3:5"))
    async with watching(health, Watcher()) as tasks:
        await settled()
        assert not tasks[0].done()

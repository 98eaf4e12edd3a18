"""Gateways ask replicas of their machine over sockets, as long as Serve would ask them too."""

import asyncio
import os
import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import uvloop

from serve_app.config import GatewayArgs
from serve_app.core.breaker import FAILURES
from serve_app.core.columns import Columns
from serve_app.errors import InvalidInput, ModelFailed
from serve_app.serving import socket_calls
from serve_app.serving.socket_answers import SocketAnswers
from serve_app.serving.socket_calls import Died, Left, SocketCalls
from serve_app.serving.socket_frames import ANSWER, ASK, Frame, Frames, packed

HANDLE = object()


@pytest.fixture
def folder():
    # Paths of sockets are short.
    with tempfile.TemporaryDirectory(prefix="sa", dir="/tmp") as path:
        yield Path(path)


def replica(name="one", *, node="here", most=8):
    return SimpleNamespace(
        node_id=node, replica_id=SimpleNamespace(unique_id=name), max_ongoing_requests=most
    )


def columns(rows=2):
    return Columns.from_block(("a", "b"), np.arange(2.0 * rows).reshape(rows, 2))


class Fleet:
    """Replicas with sockets in a folder, and whom Serve picks among."""

    def __init__(self, folder, *replicas):
        self.folder = folder
        self.listed = {one.replica_id.unique_id: one for one in replicas}
        self.is_open = True
        self.calls = SocketCalls(
            folder, "here", lambda handle: self.listed, is_open=lambda: self.is_open
        )
        self.answers = []

    async def open(self, name, ask):
        answers = SocketAnswers(ask, self.folder, name)
        await answers.open()
        self.answers.append(answers)
        return answers

    def begin(self, *, rows=2):
        return self.calls.begin(HANDLE, "m@1", "predict", columns(rows))

    async def connected(self):
        """The first call that goes over a socket."""
        async with asyncio.timeout(5):
            while (call := self.begin()) is None:  # noqa: ASYNC110 - nothing tells when
                await asyncio.sleep(0.001)
            return call

    async def close(self):
        self.calls.close()
        for one in self.answers:
            await one.close()


@pytest.fixture
async def fleet(folder):
    made = Fleet(folder, replica())
    yield made
    await made.close()


async def doubled(version, task, given):
    assert (version, task) == ("m@1", "predict")
    return given.block * 2


async def test_an_answer_comes_over_the_socket_once_that_is_open(fleet):
    await fleet.open("one", doubled)
    assert fleet.begin() is None, "Serve picks until there is a connection"
    answers = await asyncio.gather(await fleet.connected(), *(fleet.begin() for _ in range(5)))
    assert all(np.array_equal(one, columns().block * 2) for one in answers)


def test_replicas_run_on_uvloop_and_answer_there_too(folder):
    async def asked():
        fleet = Fleet(folder, replica())
        await fleet.open("one", doubled)
        answer = await (await fleet.connected())
        await fleet.close()
        return answer

    assert np.array_equal(uvloop.run(asked()), columns().block * 2)


async def test_only_the_user_of_the_server_can_open_the_socket(fleet):
    await fleet.open("one", doubled)
    (path,) = fleet.folder.iterdir()
    assert path.stat().st_mode & 0o777 == 0o600


async def test_a_socket_that_another_user_put_there_is_not_spoken_to(fleet, monkeypatch):
    await fleet.open("one", doubled)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    for _ in range(50):
        assert fleet.begin() is None
        await asyncio.sleep(0.001)
    assert not fleet.answers[0].is_used


async def test_errors_of_a_replica_are_raised_as_they_were(fleet):
    async def refuse(*_):
        raise InvalidInput("row 3 is odd", row=3)

    async def fail(*_):
        await asyncio.sleep(0)
        raise KeyError("secret")

    await fleet.open("one", refuse)
    with pytest.raises(InvalidInput, match="row 3 is odd") as raised:
        await (await fleet.connected())
    assert raised.value.details == {"row": 3}
    fleet.listed = {"two": replica("two")}
    await fleet.open("two", fail)
    with pytest.raises(ModelFailed) as raised:
        await (await fleet.connected())
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("other", [replica("far", node="elsewhere"), replica("without-socket")])
async def test_serve_picks_where_a_replica_cannot_be_asked_so(fleet, other):
    await fleet.open("one", doubled)
    await (await fleet.connected())
    fleet.listed = {**fleet.listed, "other": other}
    assert fleet.begin() is None


async def test_serve_picks_for_large_calls_and_where_a_replica_has_as_many_as_it_takes(fleet):
    release = asyncio.Event()

    async def wait(*_):
        await release.wait()
        return 1

    fleet.listed = {"one": replica(most=2)}
    await fleet.open("one", wait)
    first, second = await fleet.connected(), fleet.begin()
    assert fleet.begin() is None
    release.set()
    assert [await first, await second] == [1, 1]
    assert fleet.begin(rows=2000) is None
    assert await fleet.begin() == 1


async def test_serve_picks_while_the_gateway_takes_serves_way_itself(fleet):
    await fleet.open("one", doubled)
    await (await fleet.connected())
    fleet.is_open = False
    assert fleet.begin() is None
    fleet.is_open = True
    assert (await fleet.begin()).size


@pytest.mark.parametrize(
    ("sockets", "express", "is_asked"),
    [
        (None, True, True), (None, False, False), (None, None, False),
        (True, None, True), (True, False, True), (False, True, False),
    ],
)  # fmt: skip
async def test_a_config_that_says_nothing_asks_over_sockets_where_requests_pass_by_serve(
    fleet, monkeypatch, sockets, express, is_asked
):
    await fleet.open("one", doubled)
    node = SimpleNamespace(get_node_id=lambda: "here")
    monkeypatch.setattr(socket_calls.ray, "get_runtime_context", lambda: node)
    monkeypatch.setattr(socket_calls.logs, "socket_folder", lambda: fleet.folder)
    monkeypatch.setattr(socket_calls, "replicas_of", lambda handle: fleet.listed)
    passing = None if express is None else SimpleNamespace(is_reached=express)
    calls = socket_calls.sockets_of(GatewayArgs(sockets=sockets), passing)
    if not is_asked:
        assert calls is None or calls.begin(HANDLE, "m@1", "predict", columns()) is None
        return
    fleet.calls = calls
    assert (await (await fleet.connected())).size


async def test_the_replica_with_the_fewest_calls_on_their_way_is_asked(fleet):
    asked = []

    def answering(name):
        async def answer(*_):
            asked.append(name)
            await asyncio.sleep(0.01)
            return name

        return answer

    fleet.listed = {"one": replica("one"), "two": replica("two")}
    for name in fleet.listed:
        await fleet.open(name, answering(name))
    await (await fleet.connected())
    asked.clear()
    await asyncio.gather(*(fleet.begin() for _ in range(4)))
    assert sorted(asked) == ["one", "one", "two", "two"]


async def test_a_replica_that_leaves_answers_what_it_has_taken_and_is_asked_no_more(fleet):
    begun, release = asyncio.Event(), asyncio.Event()

    async def wait(*_):
        begun.set()
        await release.wait()
        return "done"

    answers = await fleet.open("one", wait)
    call = await fleet.connected()
    await begun.wait()
    leaving = asyncio.create_task(answers.close())
    async with asyncio.timeout(5):
        while fleet.begin() is not None:  # noqa: ASYNC110 - nothing tells when
            await asyncio.sleep(0.001)
    release.set()
    assert await call == "done"
    await leaving
    assert list(fleet.folder.iterdir()) == []


async def test_a_call_that_a_leaving_replica_did_not_begin_may_be_asked_of_another(fleet):
    async def never(*_):
        await asyncio.get_running_loop().create_future()

    answers = await fleet.open("one", never)
    call = await fleet.connected()
    for connection in answers._connections:
        connection._transport.write(packed(4, 0))
        await asyncio.sleep(0.01)
        connection._transport.abort()
    with pytest.raises(Left):
        await call


async def test_a_replica_that_dies_had_taken_its_calls(fleet):
    async def never(*_):
        await asyncio.get_running_loop().create_future()

    answers = await fleet.open("one", never)
    call = await fleet.connected()
    await asyncio.sleep(0.01)
    for connection in tuple(answers._connections):
        connection._transport.abort()
    with pytest.raises(Died):
        await call


async def test_a_call_that_is_given_up_is_computed_no_longer(fleet):
    ended = asyncio.Event()

    async def wait(*_):
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            ended.set()

    await fleet.open("one", wait)
    call = await fleet.connected()
    call.cancel()
    async with asyncio.timeout(5):
        await ended.wait()


async def test_a_replica_that_is_silent_is_routed_around_until_it_answers(folder):
    now_s = [0.0]
    made = Fleet(folder, replica("one"), replica("two"))
    made.calls = SocketCalls(folder, "here", lambda _: made.listed, clock=lambda: now_s[0])
    stopped, asked = asyncio.Event(), {"one": 0, "two": 0}

    def answering(name):
        async def ask(version, task, given):
            asked[name] += 1
            if name == "one" and not stopped.is_set():
                await stopped.wait()
            return given.block * 2

        return ask

    async def counted(total):
        async with asyncio.timeout(5):
            while sum(asked.values()) < total:  # noqa: ASYNC110 - nothing tells when
                await asyncio.sleep(0.001)

    for name in ("one", "two"):
        await made.open(name, answering(name))
    calls = [await made.connected()]
    # What waits is given up at its deadline; who is silent looks idle then.
    while asked["one"] < FAILURES or calls:
        calls = [one for one in (made.begin() for _ in range(2)) if one is not None] + calls
        await counted(sum(asked.values()))
        await asyncio.sleep(0.005)
        now_s[0] += 10.0
        for one in calls:
            one.cancel()
        calls = []
    before = dict(asked)
    answers = [await made.begin() for _ in range(20)]
    assert len(answers) == 20
    assert asked["one"] == before["one"], "it is routed around"
    now_s[0] += 5.0
    tried = made.begin()
    await counted(sum(before.values()) + 21)
    assert asked["one"] == before["one"] + 1, "it is tried again"
    stopped.set()
    await tried
    both = await asyncio.gather(*(made.begin() for _ in range(8)))
    assert len(both) == 8
    assert asked["one"] > before["one"] + 1, "it answers, and has its share again"
    await made.close()


async def test_a_socket_is_not_opened_where_its_path_would_be_too_long(folder):
    deep = folder / ("x" * 120)
    answers = SocketAnswers(doubled, deep, "one")
    await answers.open()
    assert not deep.exists()
    await answers.close()


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_frames_come_whole_however_their_bytes_arrive(step):
    sent = packed(ASK, 1, b"one") + packed(ANSWER, 2**40, b"") + packed(ASK, 3, os.urandom(100))
    frames = Frames()
    found = [
        frame for at in range(0, len(sent), step) for frame in frames.feed(sent[at : at + step])
    ]
    assert found[:2] == [Frame(ASK, 1, b"one"), Frame(ANSWER, 2**40, b"")]
    assert found[2].number == 3
    assert len(found) == 3

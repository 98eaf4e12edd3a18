"""Control moves an endpoint once every replica of its alias holds the next version."""

import asyncio
import math
from dataclasses import replace
from types import SimpleNamespace

import pytest
import ray.exceptions

from serve_app.core.signature import Output, Signature
from serve_app.core.snapshot import Endpoint, RouteSpec, Snapshot, Variant
from serve_app.errors import ArtifactRejected, NotReady
from serve_app.serving import alias_applications
from serve_app.serving.alias_applications import AliasApplications


class Handle:
    """A handle whose replicas a test answers for."""

    def __init__(self):
        self.heard = []
        self.first = {}
        self.replicas = []

    def options(self, **_):
        return self

    async def remote(self, *arguments):
        self.heard.append(arguments)
        if isinstance(self.first, Exception):
            raise self.first
        return self.first

    def broadcast(self, method, *arguments):
        self.heard.append((method, *arguments))
        return self

    async def results_async(self, return_exceptions):
        assert return_exceptions
        return self.replicas


@pytest.fixture
def handle(monkeypatch):
    made = Handle()
    monkeypatch.setattr(alias_applications.serve, "get_deployment_handle", lambda *_, **__: made)
    return made


def dead():
    return ray.exceptions.ActorDiedError.__new__(ray.exceptions.ActorDiedError)


def endpoint(number, timeout_s):
    route = RouteSpec("single", (Variant(f"m@{number}", alias="champion"),))
    return Endpoint("e", route, Signature((), Output("regression")), timeout_s, 0.5)


def snapshots(placed=None, present=frozenset({"m-champion"})):
    """Of an endpoint that answers from m@1 and is to answer from m@2."""
    endpoints = {"e": endpoint(1, 10.0), "f": endpoint(1, 3.0)}
    return SimpleNamespace(
        current=Snapshot(1, "", endpoints, applications={"m@1": "m-champion"}),
        placed=lambda: {"m@2": "m-champion", "n@1": "n-1"} if placed is None else placed,
        present=present,
        follows=lambda: {"m@champion": "m@2"},
    )


READY = []
"""The versions whose own applications were waited for."""


@pytest.fixture(autouse=True)
def nothing_ready():
    READY.clear()


async def answers(version):
    READY.append(version)


def applications(of):
    return AliasApplications(of, answers)


def wait(**more):
    return applications(snapshots(**more)).wait_until_held("m@2")


async def test_it_is_held_once_every_replica_that_lives_says_so(handle):
    handle.replicas = [{"m@1": "a", "m@2": "b"}, dead(), {"m@2": "b"}]
    await wait()
    # That alone, of which nothing else is let go: what else is to be held may be broken.
    asked = (("m@2",), math.inf)
    assert handle.heard == [asked, ("hold", *asked)]
    assert READY == []


async def test_where_another_application_is_to_answer_by_now_nothing_is_ready(handle):
    standing = snapshots()
    handle.replicas = [{"m@2": "b"}]
    broadcast = handle.broadcast

    def moved(*arguments):
        standing.placed = lambda: {"m@2": "m-2"}
        return broadcast(*arguments)

    handle.broadcast = moved
    with pytest.raises(NotReady, match="m@2 is not to be in m-champion any more"):
        await applications(standing).wait_until_held("m@2")


async def test_one_replica_without_it_keeps_the_endpoint_where_it_is(handle):
    handle.replicas = [{"m@2": "b"}, {"m@1": "a"}]
    with pytest.raises(NotReady, match="a replica of m-champion does not hold m@2 yet"):
        await wait()


async def test_what_a_replica_cannot_load_is_the_reason(handle):
    handle.replicas = [{"m@2": "b"}, ArtifactRejected("m@2 is damaged")]
    with pytest.raises(ArtifactRejected, match="m@2 is damaged"):
        await wait()


async def test_an_application_that_does_not_answer_is_not_ready(handle):
    handle.first = dead()
    with pytest.raises(NotReady, match="m@2"):
        await wait()


async def test_replicas_that_are_silent_raise_nothing_when_they_are_told(handle):
    handle.replicas = [dead()]
    await applications(snapshots()).hold("m-champion")

    async def fails(return_exceptions):
        raise asyncio.CancelledError if not return_exceptions else RuntimeError("no replicas")

    handle.results_async = fails
    await applications(snapshots()).hold("m-champion")
    assert handle.heard[-1] == ("hold", ("m@1", "m@2"), 10.0)


async def test_replicas_hear_which_former_version_stays(handle):
    seen = snapshots()
    seen.current = replace(seen.current, kept={"m@champion": "m@0"})
    await applications(seen).hold("m-champion")
    # What answers or is to answer is held anyway.
    seen.current = replace(seen.current, kept={"m@champion": "m@1"})
    await applications(seen).hold("m-champion")
    told = [("hold", ("m@1", "m@2"), 10.0, ("m@0",)), ("hold", ("m@1", "m@2"), 10.0)]
    assert handle.heard == told


async def test_a_version_in_an_application_of_its_own_is_waited_for_as_usual(handle):
    await wait(placed={"m@2": "m-2"}, present=frozenset({"m-2"}))
    await wait(placed={"m@2": "m-2"}, present=None)
    assert READY == ["m@2", "m@2"]
    assert handle.heard == []


async def test_a_version_without_application_says_what_to_deploy(handle):
    with pytest.raises(NotReady, match="m@2 has no application; deploy one that is named m-2"):
        await wait(placed={"m@2": "m-2"})


def test_applications_of_aliases_are_in_use_while_a_snapshot_asks_them():
    assert applications(snapshots()).in_use() == {"m-champion"}

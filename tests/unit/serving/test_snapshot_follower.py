"""A gateway follows control whatever happens, and says what stands in its way."""

import asyncio

import pytest

from serve_app.core.signature import Output, Signature
from serve_app.core.snapshot import Endpoint, RouteSpec, Snapshot, Variant
from serve_app.errors import ArtifactRejected, RegistryFailed
from serve_app.serving import snapshot_follower
from serve_app.serving.snapshot_follower import SnapshotFollower


class Control:
    """A handle of control whose method `watch` a test answers; it remembers what it was told."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.heard = []
        self.done = asyncio.Event()

    def options(self, method_name):
        self.method = method_name
        return self

    async def remote(self, *arguments):
        self.heard.append(arguments)
        if not self.answers:
            self.done.set()
            await asyncio.Event().wait()
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Store:
    def __init__(self, answer=None):
        self.answer = answer

        self.kept = []

    def latest(self):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def keep(self, snapshot):
        self.kept.append(snapshot.version)


@pytest.fixture
def following(monkeypatch):
    async def follow(control, apply, store=None, *, start=False):
        monkeypatch.setattr(snapshot_follower, "control_handle", lambda: control)
        monkeypatch.setattr(snapshot_follower, "PAUSE_S", 0.0)
        follower = SnapshotFollower(
            store or Store(), apply, replica="g-1", loaded=dict, failing=lambda: ["x fails"]
        )
        if start:
            await follower.start()
        task = asyncio.create_task(follower.follow())
        async with asyncio.timeout(5):
            await control.done.wait()
        assert not task.done()
        task.cancel()
        return follower

    return follow


def body(version):
    return Snapshot(version, "hash").to_json()


async def test_each_new_snapshot_is_applied_and_acknowledged(following):
    applied = []

    async def apply(snapshot):
        applied.append(snapshot.version)

    control = Control(body(1), None, body(3))
    await following(control, apply)
    assert applied == [1, 3]
    seen, _, acknowledged = control.heard[-1]
    assert (seen, acknowledged.snapshot, acknowledged.trouble) == (3, 3, None)
    assert acknowledged.failing == ("x fails",)


@pytest.mark.parametrize("error", [ArtifactRejected("m@1 is damaged"), KeyError("x")])
async def test_a_snapshot_that_cannot_be_applied_is_tried_again_until_it_can(following, error):
    tries = []

    async def apply(snapshot):
        tries.append(snapshot.version)
        if len(tries) < 3:
            raise error

    control = Control(body(4), None, None)
    await following(control, apply)
    assert tries == [4, 4, 4]
    troubles = [acknowledged.trouble for _, _, acknowledged in control.heard]
    assert troubles[0] is None
    assert all(troubles[1:3])
    assert troubles[3] is None
    waits = [wait_s for _, wait_s, _ in control.heard]
    assert waits[1] < waits[0]


async def test_what_answers_here_is_kept_here_and_what_cannot_be_applied_is_not(following):
    store = Store()

    async def apply(snapshot):
        if snapshot.version == 4:
            raise ArtifactRejected("m@1 is damaged")

    await following(Control(body(3), body(4), body(5)), apply, store)
    assert store.kept == [3, 5]


async def test_a_newer_snapshot_takes_the_place_of_one_that_cannot_be_applied(following):
    applied = []

    async def apply(snapshot):
        if snapshot.version == 4:
            raise ArtifactRejected("m@1 is damaged")
        applied.append(snapshot.version)

    control = Control(body(4), body(5), None)
    await following(control, apply)
    assert applied == [5]
    assert control.heard[-1][2].trouble is None


async def test_control_that_is_away_is_asked_again(following):
    applied = []

    async def apply(snapshot):
        applied.append(snapshot.version)

    control = Control(ConnectionError("gone"), RuntimeError("dead"), body(2))
    await following(control, apply)
    assert applied == [2]


async def test_the_store_answers_while_control_is_away(following):
    applied = []

    async def apply(snapshot):
        applied.append(snapshot.version)

    await following(Control(ConnectionError("away")), apply, Store(body(7)), start=True)
    assert applied == [7]


async def test_a_store_that_fails_does_not_keep_a_gateway_from_starting(following):
    applied = []

    async def apply(snapshot):
        applied.append(snapshot.version)

    await following(Control(body(2)), apply, Store(RegistryFailed("no disk")), start=True)
    assert applied == [2]


def described(version, description, weight):
    variants = (Variant("a@1", weight), Variant("b@1", 1.0))
    signature = Signature((), Output("regression"))
    endpoint = Endpoint("e", RouteSpec("split", variants), signature, 1.0, 0.8)
    return Snapshot(version, "hash", {"e": endpoint}, description=description)


async def test_steering_alone_is_applied_to_the_descriptions_that_are_here(following):
    applied = []

    async def apply(snapshot):
        applied.append(snapshot)

    first, second = described(3, 3, 1.0), described(4, 3, 5.0)
    assert "endpoints" not in second.since(3)
    await following(Control(first.to_json(), second.since(3)), apply)
    assert applied == [first, second]
    assert applied[1].endpoints["e"].signature is applied[0].endpoints["e"].signature


async def test_steering_of_descriptions_that_are_not_here_makes_a_gateway_ask_for_all(following):
    applied = []

    async def apply(snapshot):
        applied.append(snapshot)

    first, other = described(3, 3, 1.0), described(9, 7, 5.0)
    control = Control(first.to_json(), other.since(8), other.to_json())
    await following(control, apply)
    assert [seen for seen, _, _ in control.heard] == [0, 3, 0, 9]
    assert applied == [first, other]

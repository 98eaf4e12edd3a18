"""Moved aliases are noticed, taken and told, and what cannot be read changes nothing."""

import datetime as dt
from types import SimpleNamespace

import pytest

from serve_app.control.declare import read
from serve_app.control.snapshots import Snapshots
from serve_app.engine.registration.register import Candidate, register
from serve_app.errors import RegistryFailed
from serve_app.serving import alias_follower
from serve_app.serving.alias_follower import AliasFollower
from serve_app.storage.snapshots import SnapshotStore

CONFIG = {"endpoints": {"e": {"route": {"kind": "single", "model": "logistic@champion"}}}}


class World:
    """A registry with aliases, control's state, and the applications that there are."""

    def __init__(self, registry, models, folder):
        self.registry = registry
        estimator, frame = models["logistic"]
        register(registry, Candidate("logistic", estimator, frame))
        self.move(1)
        self.snapshots = Snapshots(SnapshotStore(str(folder)))
        self.now_s = 0.0
        self.follower = AliasFollower(registry, self.snapshots, clock=lambda: self.now_s)
        self.applications = {"logistic-champion"}
        self.reads = 0

    def move(self, number):
        self.registry.set_alias("logistic", "champion", number, by="ada", reason="better")

    def declare(self, config=CONFIG):
        self.snapshots.take(read(config, self.registry.manifest, self.registry.resolve))
        self.follower.accept(config)
        for version in self.snapshots.awaited():
            self.snapshots.ready(version)

    def status(self):
        if isinstance(self.applications, Exception):
            raise self.applications
        return SimpleNamespace(applications=dict.fromkeys(self.applications))


@pytest.fixture
def world(registry, models, tmp_path, monkeypatch):
    made = World(registry, models, tmp_path)
    monkeypatch.setattr(alias_follower.serve, "status", made.status)
    made.declare()
    return made


def kinds(events):
    return [event.kind for event in events]


async def test_a_moved_alias_is_followed_once_the_version_answers(world):
    assert kinds(await world.follower.look()) == []
    assert world.snapshots.placed() == {"logistic@1": "logistic-champion"}
    world.snapshots.ready("logistic@1")
    world.move(2)
    (event,) = await world.follower.look()
    assert (event.kind, event.who, event.after) == ("alias moved", "ada", 2)
    assert world.snapshots.awaited() == {"logistic@2"}
    world.snapshots.ready("logistic@2")
    assert world.snapshots.current.placed() == {"logistic@2": "logistic-champion"}
    assert await world.follower.look() == []


async def test_the_former_version_is_kept_for_as_long_as_is_wanted(world, monkeypatch):
    world.follower = AliasFollower(
        world.registry, world.snapshots, clock=lambda: world.now_s, keep_former_s=3600.0
    )
    world.follower.accept(CONFIG)
    await world.follower.look()
    assert world.snapshots.current.kept == {}
    world.snapshots.ready("logistic@1")
    world.move(2)
    moved = world.registry.alias_history("logistic", "champion")[-1].moved_at
    now_s = [dt.datetime.fromisoformat(moved).timestamp()]
    monkeypatch.setattr(alias_follower.time, "time", lambda: now_s[0])
    await world.follower.look()
    world.snapshots.ready("logistic@2")
    assert world.snapshots.current.kept == {"logistic@champion": "logistic@1"}
    now_s[0] += 3600.0
    await world.follower.look()
    assert world.snapshots.current.kept == {}


async def test_moves_that_cannot_be_read_hold_nothing_up(world, monkeypatch):
    await world.follower.look()
    world.snapshots.ready("logistic@1")

    def unreadable(_):
        raise RegistryFailed("the folder is away")

    monkeypatch.setattr(world.registry, "alias_histories", unreadable)
    world.move(2)
    (event,) = await world.follower.look()
    assert (event.kind, event.who) == ("alias moved", "unknown")
    assert world.snapshots.awaited() == {"logistic@2"}


async def test_a_removed_alias_leaves_the_version_and_is_told_once(world):
    await world.follower.look()
    world.registry.remove_alias("logistic", "champion", by="ada")
    assert kinds(await world.follower.look()) == ["alias moved", "alias not followed"]
    assert "has no alias 'champion'" in world.snapshots.held["e"]
    assert world.snapshots.held["e"].endswith("it keeps logistic@1")
    world.now_s = 1000.0
    assert await world.follower.look() == []
    world.move(1)
    assert kinds(await world.follower.look()) == ["alias moved"]
    assert world.snapshots.held == {}


async def test_a_registry_that_cannot_be_read_changes_nothing(world, monkeypatch):
    await world.follower.look()
    before = world.snapshots.current

    def fails(_):
        raise RegistryFailed("the disk is away")

    monkeypatch.setattr(world.registry, "aliases", fails)
    assert await world.follower.look() == []
    assert world.snapshots.current is before


async def test_applications_that_cannot_be_read_stay_as_they_were(world):
    await world.follower.look()
    world.applications = RuntimeError("the controller is away")
    await world.follower.look()
    assert world.snapshots.present == {"logistic-champion"}


async def test_nobody_looks_at_applications_where_no_alias_chooses_by_handle(world):
    config = {"endpoints": {"e": {**CONFIG["endpoints"]["e"], "placement": "inline"}}}
    world.declare(config)
    world.applications = AssertionError("asked")
    await world.follower.look()

"""Control takes what routes learned, where it can be read and kept."""

import asyncio

import pytest

from serve_app.control.snapshots import Snapshots
from serve_app.errors import RegistryFailed
from serve_app.serving import route_learning
from serve_app.serving.route_learning import RouteLearning
from tests.unit.control.test_learning import bandit, earned
from tests.unit.control.test_standing import Store, split


class State:
    """What the monitor keeps, in memory; it fails as often as it is told to."""

    def __init__(self, **bodies):
        self.bodies = {f"bandit: {name}": body for name, body in bodies.items()}
        self.fails, self.read = 0, []

    def load(self, name):
        self.read.append(name)
        if len(self.read) <= self.fails:
            raise RegistryFailed("the disk is gone")
        return self.bodies.get(name)


def standing(*endpoints):
    made = Snapshots(Store())
    made.declare("first", {one.name: one for one in endpoints})
    for arm in "ab":
        made.ready(f"{arm}@1")
    return made


def test_shares_follow_what_was_learned_once():
    snapshots = standing(bandit("e"), bandit("new"))
    learning = RouteLearning(snapshots, State(e=earned(a=(100, 20), b=(100, 60))))
    assert asyncio.run(learning.look())
    assert snapshots.current.endpoints["e"].route.weights["b@1"] > 0.95
    assert snapshots.current.endpoints["new"].route.weights == {"a@1": 1.0, "b@1": 1.0}
    assert not asyncio.run(learning.look())


def test_nothing_is_read_where_no_route_learns():
    state = State()
    assert not asyncio.run(RouteLearning(standing(split("e", a=1, b=1)), state).look())
    assert state.read == []


def test_what_cannot_be_read_now_is_taken_later(monkeypatch):
    monkeypatch.setattr(route_learning, "PAUSE_S", 0)
    state = State(e=earned(a=(100, 20), b=(100, 60)))
    state.fails = 2
    snapshots = standing(bandit("e"))

    class Announced(Exception):
        pass

    async def announce():
        raise Announced

    with pytest.raises(Announced):
        asyncio.run(asyncio.wait_for(RouteLearning(snapshots, state).follow(announce), 10))
    assert snapshots.current.endpoints["e"].route.weights["b@1"] > 0.95
    assert len(state.read) == 3

"""Control starts and stops experiments, and every change is an event with who, when and why."""

import asyncio
from dataclasses import replace

import pytest

from serve_app.control.snapshots import Snapshots
from serve_app.errors import Conflict, NotFound
from serve_app.gateway.admin.actions import Change
from serve_app.serving.experiment_work import ExperimentWork
from tests.unit.control.test_experiments import split
from tests.unit.control.test_standing import Store

ADA = Change("ada", "enough is known")


class House:
    def __init__(self, store, now_s=100.0):
        self.snapshots, self.events, self.announced, self.now_s = Snapshots(store), [], 0, now_s
        self.work = ExperimentWork(
            self.snapshots, announce=self.announce, keep=self.keep, clock=lambda: self.now_s
        )

    async def announce(self):
        self.announced += 1

    async def keep(self, *events):
        self.events.extend(events)

    def declare(self, endpoint, declaration="first", ready=("a@1", "b@1")):
        self.snapshots.declare(declaration, {"e": endpoint} if endpoint else {})
        for version in ready:
            self.snapshots.ready(version)

    def look(self):
        asyncio.run(self.work.look())

    def act(self, action, change=ADA):
        return asyncio.run(self.work.act("e", action, change))


@pytest.fixture
def house():
    return House(Store())


def test_a_person_starts_and_stops_it_and_it_is_known_who(house):
    house.declare(split())
    house.look()
    report = house.act("start", Change("bob", "it is time"))
    assert report == {
        "endpoint": "e", "name": "prices", "phase": "running", "started_s": 100.0,
        "stopped_s": None, "by": "bob", "why": "it is time",
    }  # fmt: skip
    house.now_s = 250.0
    assert house.act("stop")["stopped_s"] == 250.0
    declared, started, stopped = house.events
    assert (declared.who, declared.before, declared.after["phase"]) == ("deployment", None, "ready")
    assert (started.kind, started.subject, started.who) == ("experiment", "e", "bob")
    assert (stopped.at_s, stopped.who, stopped.why) == (250.0, "ada", "enough is known")
    assert (stopped.before["phase"], stopped.after["phase"]) == ("running", "stopped")
    assert house.announced == 2


def test_one_that_begins_at_once_begins_when_its_endpoint_stands(house):
    house.declare(split(start="at once"), ready=("a@1",))
    house.look()
    assert house.snapshots.experiment("e").started_s is None
    house.snapshots.ready("b@1")
    house.now_s = 130.0
    house.look()
    assert house.snapshots.experiment("e").started_s == 130.0
    assert [event.after["started_s"] for event in house.events] == [None, 130.0]


def test_after_a_death_it_goes_on_and_nothing_is_said_twice():
    store = Store()
    first = House(store)
    first.declare(split())
    first.look()
    first.act("start")
    second = House(store, now_s=500.0)
    second.look()
    assert second.events == []
    assert second.work.report("e")["started_s"] == 100.0


def test_what_is_not_declared_any_more_is_an_event(house):
    house.declare(split())
    house.look()
    house.act("start")
    house.declare(replace(split(), experiment=None), "second")
    house.look()
    assert house.events[-1].after is None
    assert house.events[-1].why == "not declared any more"
    assert house.work.reports() == []


def test_what_cannot_be_done_is_refused_and_is_no_event(house):
    with pytest.raises(NotFound, match="has no experiment"):
        house.act("start")
    house.declare(split())
    with pytest.raises(Conflict, match="has not been started"):
        house.act("stop")
    assert house.events == []

"""Rollouts are judged when due, saved before anybody sees them, and go on after a death."""

import asyncio

import pytest

from serve_app.control.snapshots import Snapshots
from serve_app.core.arms import ArmCounts, Arms
from serve_app.errors import Conflict, NotFound, NotReady, RegistryFailed
from serve_app.gateway.admin.actions import Change
from serve_app.serving.rollout_work import RolloutWork
from tests.unit.control.test_rollouts import canary
from tests.unit.control.test_standing import Store

QUALITY = {"errors": None, "latency": None,
           "quality": [{"metric": "accuracy", "margin": 0.0, "labels": 100}]}  # fmt: skip


class Clock:
    """A time that only tests move."""

    def __init__(self):
        self.now_s = 1000.0

    def __call__(self):
        return self.now_s


class Monitor:
    """Says of each version how good its answers were, or that it does not answer."""

    def __init__(self):
        self.metrics, self.asked, self.is_there = {}, [], True

    async def report(self, kind, endpoint, within_s):
        self.asked.append((kind, endpoint, within_s))
        if not self.is_there:
            raise NotReady("no monitor")
        return [
            {"variants": (version,), "metrics": metrics}
            for version, metrics in self.metrics.items()
        ]


class Killed(BaseException):
    """The process dies."""


class House:
    """Control's state with one canary, and what others saw of its work, in order."""

    def __init__(self, store=None, **settings):
        self.store = store or Store()
        self.clock, self.monitor, self.seen = Clock(), Monitor(), []
        self.dies_before_announcing = False
        self.snapshots = Snapshots(self.store)
        if store is None:
            self.snapshots.declare("first", {"e": canary(**settings)})
            self.snapshots.ready("m@1")
            self.snapshots.ready("m@2")
        self.work = RolloutWork(
            self.snapshots, self.monitor,
            announce=self.announce, keep=self.keep, clock=self.clock,
        )  # fmt: skip

    async def announce(self):
        if self.dies_before_announcing:
            raise Killed
        latest = self.store.latest()["rollouts"]["e"]
        self.seen.append(("announced", latest["phase"], latest["step"]))

    async def keep(self, event):
        self.seen.append(("kept", event.who, event.after["phase"]))

    def count(self, stable, candidate):
        """Take what a gateway counted since the weights that stand."""
        epoch = self.snapshots.current.epochs.get("e", 0)
        counts = {"m@1": ArmCounts(*stable), "m@2": ArmCounts(*candidate)}
        self.work.count("gateway", {"e": Arms(epoch, counts)})

    def look(self, after_s=0.0):
        self.clock.now_s += after_s
        asyncio.run(self.work.look())
        return self.snapshots.rollout("e")

    def act(self, action, why="asked"):
        return asyncio.run(self.work.act("e", action, Change("ann", why)))

    @property
    def weights(self):
        return self.snapshots.current.endpoints["e"].route.weights


@pytest.fixture
def house():
    return House()


def test_a_good_candidate_goes_step_by_step_to_all_requests(house):
    assert (house.look().share, house.look().since_s) == (0.1, 1000.0)
    house.count((9000, 90), (1000, 10))
    assert house.look(61).step == 1
    assert house.weights == {"m@1": 0.5, "m@2": 0.5}
    assert house.look(11).since_s == house.clock.now_s
    assert house.look(61).phase == "promoted"
    assert house.weights == {"m@1": 0.0, "m@2": 1.0}


def test_what_is_announced_is_saved_already_and_then_kept_as_an_event(house):
    house.look()
    house.count((9000, 90), (1000, 200))
    assert house.look(11).phase == "rolled back"
    assert house.seen == [("announced", "rolled back", 0), ("kept", "control", "rolled back")]
    assert house.weights == {"m@1": 1.0, "m@2": 0.0}


def test_gates_are_judged_once_per_interval(house):
    house.look()
    house.count((9000, 90), (1000, 200))
    assert house.look(9).phase == "running"
    assert house.look(1).phase == "rolled back"


def test_a_new_control_judges_as_soon_as_gateways_have_told_it_what_they_counted(house):
    house.look()
    house.count((9000, 90), (1000, 10))
    assert house.look(30).phase == "running"
    restored = House(house.store)
    restored.clock.now_s = house.clock.now_s
    restored.snapshots.ready("m@1")
    restored.snapshots.ready("m@2")
    assert restored.look(4).phase == "running"
    restored.count((9500, 95), (1500, 400))
    assert restored.look(0.25).phase == "rolled back"


def test_an_interval_begins_with_its_step_until_something_was_counted(house):
    house.look(5)
    assert house.look(100).phase == "running"
    house.count((9000, 90), (1000, 10))
    assert house.look(1).phase == "running"
    house.count((9500, 95), (1500, 400))
    assert house.look(9).phase == "running"
    assert house.look(1).phase == "rolled back"


def test_counts_of_other_weights_say_nothing_of_these(house):
    house.look()
    counts = {"m@1": ArmCounts(9000, 90), "m@2": ArmCounts(1000, 900)}
    house.work.count("gateway", {"e": Arms(house.snapshots.current.epochs["e"] - 1, counts)})
    assert house.look(11).phase == "running"


def test_a_death_after_saving_loses_nothing_and_the_next_one_goes_on(house):
    house.look()
    house.count((9000, 90), (1000, 10))

    house.dies_before_announcing = True
    with pytest.raises(Killed):
        house.look(61)
    restored = House(house.store)
    restored.clock.now_s = house.clock.now_s
    restored.snapshots.ready("m@1")
    restored.snapshots.ready("m@2")
    rollout = restored.snapshots.rollout("e")
    assert (rollout.phase, rollout.step, restored.weights) == (
        "running", 1, {"m@1": 0.5, "m@2": 0.5},
    )  # fmt: skip
    assert restored.look(1).since_s == restored.clock.now_s
    assert restored.look(61).phase == "promoted"


def test_a_death_before_saving_leaves_the_step_that_was(house):
    house.look()
    house.count((9000, 90), (1000, 10))
    saved, save = dict(house.store.latest()), house.store.save

    def lost(*given):
        raise RegistryFailed("the disk is gone")

    house.store.save = lost
    with pytest.raises(RegistryFailed):
        house.look(61)
    assert house.seen == []
    assert (house.store.latest(), house.snapshots.rollout("e").step) == (saved, 0)
    house.store.save = save
    assert house.look(11).step == 1


def test_what_people_do_is_saved_announced_and_kept_with_their_name(house):
    house.look()
    report = house.act("pause", "lunch")
    assert (report["phase"], report["share"], report["why"]) == ("paused", 0.1, "lunch")
    assert house.seen == [("announced", "paused", 0), ("kept", "ann", "paused")]
    house.count((9000, 90), (1000, 900))
    assert house.look(100).phase == "paused"
    assert house.act("roll back")["share"] == 0.0


def test_what_cannot_be_done_is_refused_and_changes_nothing(house):
    before = house.snapshots.current.version
    with pytest.raises(Conflict, match="is running, and cannot resume; it can pause or promote"):
        house.act("resume")
    with pytest.raises(NotFound, match="endpoint 'other' has no rollout"):
        asyncio.run(house.work.act("other", "pause", Change("ann", "")))
    assert (house.snapshots.current.version, house.seen) == (before, [])


def test_a_report_says_what_was_decided_last_and_what_was_counted(house):
    house.look()
    house.count((900, 9), (40, 0))
    house.look(11)
    (report,) = house.work.reports()
    assert report["requests"] == {"m@1": 900, "m@2": 40}
    assert report["last"]["decision"] == "wait"
    assert report["last"]["why"] == "step 1 of 2 needs 49 s more and 60 more requests of m@2"
    assert (report["endpoint"], report["share"], report["waiting"]) == ("e", 0.1, [])


def metric(value, rows, low, high, interval="wilson"):
    return {"accuracy": {"value": value, "n": rows, "low": low, "high": high, "interval": interval}}


def test_labels_of_this_step_are_asked_of_the_monitor_and_judged():
    house = House(gates=QUALITY)
    house.look()
    house.count((9000, 0), (1000, 0))
    # 95 % of 2,000 answers are right against 50 % of 400.
    house.monitor.metrics = {
        "m@1": metric(0.95, 2000, 0.939, 0.959),
        "m@2": metric(0.50, 400, 0.451, 0.549),
    }
    assert house.look(30).phase == "rolled back"
    assert house.monitor.asked[-1] == ("quality", "e", 30.0)
    assert "accuracy: the candidate is worse by 0.45" in house.snapshots.rollout("e").why


@pytest.mark.parametrize("is_there", [True, False])
def test_without_labels_a_step_waits_whoever_has_none(is_there):
    house = House(gates=QUALITY)
    house.monitor.is_there = is_there
    house.look()
    house.count((9000, 0), (1000, 0))
    assert house.look(61).phase == "running"
    assert house.work.report("e")["last"]["why"] == (
        "step 1 of 2 needs 100 more labels for accuracy"
    )

"""While control is away a gateway takes a bad candidate back by itself, and only then."""

import asyncio

import pytest

from serve_app.control.snapshots import Snapshots
from serve_app.core.arms import ArmCounts, Arms
from serve_app.serving.local_rollback import LocalRollback
from tests.clocks import Clock
from tests.unit.control.test_rollouts import canary
from tests.unit.control.test_standing import Store
from tests.unit.serving.test_rollout_work import QUALITY, House, Monitor

GOOD, BAD = (1000, 10), (1000, 200)
STABLE = (9000, 90)


class Gateway:
    """What applies snapshots, counts, and hears control or not."""

    def __init__(self, **settings):
        self.snapshots = Snapshots(Store())
        self.snapshots.declare("first", {"e": canary(**settings)})
        self.snapshots.ready("m@1")
        self.snapshots.ready("m@2")
        self.clock, self.monitor = Clock(1000.0), Monitor()
        self.silence_s, self.counted, self.applied = 0.0, {}, []
        self.fails = False
        self.alone = LocalRollback(
            self._apply,
            lambda: self.counted,
            self.monitor,
            silence_s=lambda: self.silence_s,
            clock=self.clock,
        )
        self.take()

    async def _apply(self, snapshot):
        if self.fails:
            raise RuntimeError
        self.applied.append(snapshot)

    def take(self):
        """Take what control says."""
        asyncio.run(self.alone.apply(self.snapshots.current))

    def count(self, candidate, stable=STABLE, *, epoch=None):
        epoch = self.snapshots.current.epochs.get("e", 0) if epoch is None else epoch
        self.counted = {"e": Arms(epoch, {"m@1": ArmCounts(*stable), "m@2": ArmCounts(*candidate)})}

    def look(self, silence_s=None):
        self.silence_s = self.silence_s if silence_s is None else silence_s
        asyncio.run(self.alone.look())
        return self.applied[-1].endpoints["e"].route.weights


@pytest.fixture
def gateway():
    return Gateway()


SHARED, TAKEN_BACK = {"m@1": 0.9, "m@2": 0.1}, {"m@1": 1.0, "m@2": 0.0}


def test_a_bad_candidate_is_control_s_affair_while_control_answers(gateway):
    gateway.count(BAD)
    assert gateway.look(0.9) == SHARED
    assert len(gateway.applied) == 1


def test_a_bad_candidate_gets_nothing_while_control_is_away(gateway):
    gateway.count(BAD)
    assert gateway.look(1.0) == TAKEN_BACK
    assert gateway.look(30.0) == TAKEN_BACK
    assert len(gateway.applied) == 2


def test_a_good_candidate_keeps_its_share_while_control_is_away(gateway):
    gateway.count(GOOD)
    assert gateway.look(30.0) == SHARED


def test_nothing_is_judged_by_what_was_counted_under_other_weights(gateway):
    gateway.count(BAD, epoch=0)
    assert gateway.look(30.0) == SHARED


def test_who_is_to_hold_a_loser_keeps_its_share():
    gateway = Gateway(on_loss="hold")
    gateway.count(BAD)
    assert gateway.look(30.0) == SHARED


def test_labels_are_judged_too():
    gateway = Gateway(gates=QUALITY)
    gateway.count(GOOD)
    gateway.monitor.metrics = {
        version: {"accuracy": {"value": value, "low": value - 0.01, "high": value + 0.01,
                               "n": 4000, "interval": "wilson"}}
        for version, value in (("m@1", 0.95), ("m@2", 0.80))
    }  # fmt: skip
    gateway.clock.now_s += 5
    assert gateway.look(1.0) == TAKEN_BACK
    assert gateway.monitor.asked == [("quality", "e", 5.0)]


def test_labels_that_nobody_knows_take_nothing_back():
    gateway = Gateway(gates=QUALITY)
    gateway.count(GOOD)
    gateway.monitor.is_there = False
    assert gateway.look(1.0) == SHARED


def test_control_that_is_back_has_an_interval_to_decide(gateway):
    gateway.count(BAD)
    gateway.look(1.0)
    gateway.clock.now_s += 11.9
    assert gateway.look(0.0) == TAKEN_BACK
    gateway.clock.now_s += 0.1
    assert gateway.look(0.0) == SHARED


def test_what_control_says_of_other_things_gives_the_candidate_nothing_back(gateway):
    gateway.count(BAD)
    gateway.look(1.0)
    gateway.take()
    assert gateway.look(0.0) == TAKEN_BACK


def test_what_control_decides_of_the_candidate_stands():
    gateway = Gateway()
    gateway.count(BAD)
    gateway.look(1.0)
    control = House(gateway.snapshots._store)
    control.snapshots.ready("m@1")
    control.snapshots.ready("m@2")
    control.clock.now_s = gateway.clock.now_s
    control.act("promote")
    gateway.snapshots = control.snapshots
    gateway.take()
    assert gateway.look(30.0) == {"m@1": 0.0, "m@2": 1.0}


def test_what_cannot_be_applied_is_tried_again(gateway):
    gateway.count(BAD)
    gateway.fails = True
    with pytest.raises(RuntimeError):
        gateway.look(1.0)
    gateway.fails = False
    assert gateway.look() == TAKEN_BACK


def test_before_the_first_snapshot_there_is_nothing_to_judge():
    alone = LocalRollback(None, dict, Monitor(), silence_s=lambda: 30.0, clock=Clock(0.0))
    asyncio.run(alone.look())

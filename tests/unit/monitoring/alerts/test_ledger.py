"""What is sent, when, and when again: by a clock of the tests."""

import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serve_app.monitoring.alerts.ledger import Ledger, View
from serve_app.monitoring.alerts.settings import Timing
from serve_app.monitoring.finding import Finding

TIMING = Timing(group_wait_s=30, repeat_s=3600, resolve_s=300)


def finding(subject, endpoint="risk", kind="drift", severity="warning"):
    return Finding(kind, endpoint, "risk@1", subject, f"{subject} is wrong", severity)


class Receiver:
    """Looks at findings now and then, and remembers what it was sent."""

    def __init__(self, timing=TIMING):
        self.timing = timing
        self.ledger = Ledger()
        self.numbers = itertools.count(1)
        self.messages = []

    def look(self, now_s, *findings, unknown=()):
        view = View(now_s, findings, unknown)
        self.ledger, messages = self.ledger.after(
            view, self.timing, "ops", lambda: f"m{next(self.numbers)}"
        )
        self.messages += messages
        return [
            (
                m.endpoint,
                [a.finding.subject for a in m.firing],
                [a.finding.subject for a in m.resolved],
            )
            for m in messages
        ]

    def restart(self):
        self.ledger = Ledger.from_json(json.loads(json.dumps(self.ledger.to_json())))


@pytest.fixture
def ops():
    return Receiver()


def test_what_begins_within_a_while_is_one_message_for_each_endpoint(ops):
    age, dose, other = finding("age"), finding("dose"), finding("bmi", endpoint="churn")
    assert ops.look(0, age) == []
    assert ops.look(20, age, dose, other) == []
    assert ops.look(30, age, dose, other) == [("risk", ["age", "dose"], [])]
    assert ops.look(49, age, dose, other) == []
    assert ops.look(50, age, dose, other) == [("churn", ["bmi"], [])]


def test_what_stands_on_is_sent_again_after_a_while_and_not_before(ops):
    age = finding("age")
    ops.look(0, age)
    assert ops.look(30, age) == [("risk", ["age"], [])]
    assert ops.look(30 + 3599, age) == []
    assert ops.look(30 + 3600, age) == [("risk", ["age"], [])]
    assert [m.firing[0].is_repeat for m in ops.messages] == [False, True]
    assert len({m.firing[0].id for m in ops.messages}) == 1


def test_the_end_of_what_was_announced_is_sent_once(ops):
    age = finding("age")
    ops.look(0, age)
    ops.look(30, age)
    assert ops.look(100) == []
    assert ops.look(399) == []
    assert ops.look(400) == [("risk", [], ["age"])]
    assert ops.look(800) == []
    (over,) = ops.messages[1].resolved
    assert (over.since_s, over.ended_s, over.status) == (0, 100, "resolved")
    assert over.id == ops.messages[0].firing[0].id
    assert ops.messages[1].status == "resolved"


def test_what_goes_and_comes_is_neither_over_nor_new(ops):
    age = finding("age")
    ops.look(0, age)
    ops.look(30, age)
    for at_s in range(60, 3000, 60):
        assert ops.look(at_s, *([age] if at_s % 120 == 0 else [])) == []


def test_what_went_before_anybody_was_sent_it_is_never_mentioned(ops):
    ops.look(0, finding("age"))
    for at_s in (10, 100, 310, 700):
        assert ops.look(at_s) == []
    assert ops.ledger.known == {}


def test_what_gets_worse_is_sent_at_once(ops):
    ops.look(0, finding("age"))
    ops.look(30, finding("age"))
    assert ops.look(65, finding("age", severity="critical")) == [("risk", ["age"], [])]
    assert ops.look(100, finding("age")) == []
    assert ops.look(130, finding("age", severity="critical")) == []
    assert [m.severity for m in ops.messages] == ["warning", "critical"]


def test_a_message_says_how_much_stands_in_all(ops):
    every = [finding(name) for name in "abc"]
    ops.look(0, *every)
    ops.look(30, *every)
    ops.look(100, *every, finding("d"))
    ops.look(130, *every, finding("d"))
    assert [m.standing for m in ops.messages] == [3, 4]
    assert [len(m.firing) for m in ops.messages] == [3, 1]


def test_a_monitor_that_starts_again_repeats_nothing_and_forgets_nothing(ops):
    age, dose = finding("age"), finding("dose")
    ops.look(0, age, dose)
    ops.look(30, age, dose)
    ops.restart()
    # It has not looked yet, so that nothing is known of what stands.
    assert ops.look(1000, unknown={"drift"}) == []
    assert ops.look(2000, unknown={"drift"}) == []
    # `dose` ended while it was away.
    assert ops.look(2010, age) == []
    assert ops.look(2309, age) == []
    assert ops.look(2310, age) == [("risk", [], ["dose"])]
    assert ops.look(30 + 3600, age) == [("risk", ["age"], [])]


def test_what_nobody_watches_any_more_is_over(ops):
    ops.look(0, finding("age"))
    ops.look(30, finding("age"))
    ops.look(60, unknown={"quality"})
    assert ops.look(360, unknown={"quality"}) == [("risk", [], ["age"])]


def test_a_clock_that_is_put_back_silences_nothing(ops):
    age = finding("age")
    ops.look(1_000_000, age)
    ops.look(1_000_030, age)
    assert ops.look(1000, age) == []
    assert ops.look(1000 + 3600, age) == [("risk", ["age"], [])]
    ops.look(5000)
    assert ops.look(5300) == [("risk", [], ["age"])]


def sequences():
    """Steps of a monitor: how long after the former one, what stands, whether it starts anew."""
    keys = st.sampled_from(["a", "b", "c"])
    step = st.tuples(st.integers(1, 40), st.frozensets(keys), st.booleans())
    return st.lists(step, max_size=120)


@settings(max_examples=150, deadline=None)
@given(sequences())
def test_all_that_stands_is_announced_once_in_its_time_and_ends_once(steps):
    timing = Timing(group_wait_s=30, repeat_s=200, resolve_s=60)
    ops, now_s, longest_s = Receiver(timing), 0, 40
    stood_since, announced_at = {}, {}
    # At the end all is well for long enough.
    for after_s, names, starts_anew in [*steps, *((40, frozenset(), False) for _ in range(9))]:
        now_s += after_s
        if starts_anew:
            ops.restart()
        ops.look(now_s, *map(finding, sorted(names)))
        stood_since = {name: stood_since.get(name, now_s) for name in names}
        for message in ops.messages:
            for one in message.firing:
                name = one.finding.subject
                assert name in names
                assert one.is_repeat == (name in announced_at)
                if name in announced_at:
                    assert now_s - announced_at[name] >= timing.repeat_s
                announced_at[name] = now_s
            for one in message.resolved:
                # What was not announced, or has ended already, does not end.
                del announced_at[one.finding.subject]
        ops.messages.clear()
        for name, since_s in stood_since.items():
            # A message may have left just before, so that the next one waits.
            if now_s - since_s >= 2 * timing.group_wait_s + longest_s:
                assert name in announced_at
                late_s = timing.repeat_s + timing.group_wait_s + longest_s
                assert now_s - announced_at[name] < late_s
    assert announced_at == {}
    assert ops.ledger.known == {}

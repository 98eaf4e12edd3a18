"""One receiver: what it is sent, what waits, what is given up, and what is known again."""

import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serve_app.monitoring.alerts.ledger import View
from serve_app.monitoring.alerts.message import Message, trial_message
from serve_app.monitoring.alerts.receiver import SHOWN, ReceiverState
from serve_app.monitoring.alerts.settings import Choice, Timing
from serve_app.monitoring.finding import Finding

TIMING = Timing(
    group_wait_s=0, repeat_s=10_000, resolve_s=0, give_up_s=1000, first_retry_s=10,
    longest_retry_s=60, most_waiting=3,
)  # fmt: skip
EVERYTHING = Choice()


def finding(subject="age", endpoint="risk", kind="drift", severity="warning"):
    return Finding(kind, endpoint, "risk@1", subject, "it is wrong", severity, 1.5, 1.0)


def ids():
    numbers = itertools.count(1)
    return lambda: f"m{next(numbers)}"


def after(state, now_s, *findings, make=None):
    view = View(now_s, findings)
    return state.after(view, EVERYTHING, TIMING, "ops", make or ids())


def test_what_does_not_arrive_is_tried_again_ever_later():
    state, _ = after(ReceiverState(), 0, finding())
    message = state.outgoing.due(0)
    pauses, now_s = [], 0
    for _ in range(5):
        state = state.failed(message, now_s, TIMING, "no route to host")
        pause_s = next(s for s in range(1, 100) if state.outgoing.due(now_s + s))
        pauses.append(pause_s)
        now_s += pause_s
    assert pauses == [10, 20, 40, 60, 60]
    (one,) = state.sent
    assert (one.id, one.result, one.error) == ("m1", "failed", "no route to host")
    state = state.delivered(message, now_s)
    assert state.outgoing.due(now_s + 1000) is None
    assert [one.result for one in state.sent] == ["sent"]


def test_no_recovery_arrives_before_what_it_is_one_of():
    make = ids()
    state, _ = after(ReceiverState(), 0, finding(), make=make)
    state = state.failed(state.outgoing.due(0), 0, TIMING, "away")
    state, _ = after(state, 1, make=make)
    assert state.outgoing.due(5) is None
    first = state.outgoing.due(10)
    assert first.status == "firing"
    state = state.delivered(first, 10)
    assert state.outgoing.due(10).status == "resolved"


def test_what_cannot_be_delivered_for_too_long_is_dropped():
    state, _ = after(ReceiverState(), 0, finding())
    state = state.failed(state.outgoing.due(0), 0, TIMING, "away")
    state, dropped = after(state, 999, finding())
    assert dropped == []
    state, dropped = after(state, 1000, finding())
    assert [one.id for one in dropped] == ["m1"]
    assert state.outgoing.due(10_000) is None
    assert state.sent[-1].result == "dropped"


def test_of_too_many_that_wait_the_oldest_are_dropped():
    state, make, dropped = ReceiverState(), ids(), []
    for at_s in range(5):
        state, gone = after(state, at_s, *map(finding, "abcde"[: at_s + 1]), make=make)
        dropped += [one.id for one in gone]
    assert dropped == ["m1", "m2"]
    assert state.outgoing.due(10).id == "m3"


def test_a_clock_that_is_put_back_delays_no_message_for_long():
    state, _ = after(ReceiverState(), 1_000_000, finding())
    state = state.failed(state.outgoing.due(1_000_000), 1_000_000, TIMING, "away")
    state, _ = after(state, 0, finding())
    assert state.outgoing.due(60).id == "m1"


def test_what_is_known_is_known_again():
    state, _ = after(ReceiverState(), 0, finding("age"), finding("dose", severity="critical"))
    state = state.failed(state.outgoing.due(0), 0, TIMING, "away")
    state, _ = after(state, 20, finding("age"))
    again = ReceiverState.from_json(json.loads(json.dumps(state.to_json())))
    assert again == state


def test_few_messages_are_remembered_to_be_looked_at():
    state = ReceiverState()
    for number in range(2 * SHOWN):
        state = state.delivered(trial_message("ops", f"m{number}", number), number)
    assert [one.id for one in state.sent] == [f"m{n}" for n in range(SHOWN, 2 * SHOWN)]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (Choice(), ["age", "dose", "auc"]),
        (Choice(severity="critical"), ["dose"]),
        (Choice(kinds=frozenset({"quality"})), ["auc"]),
        (Choice(endpoints=frozenset({"churn"})), ["dose"]),
        (Choice(kinds=frozenset({"drift"}), endpoints=frozenset({"risk"})), ["age"]),
    ],
)
def test_a_receiver_is_sent_what_it_chose(choice, expected):
    every = [
        finding("age"),
        finding("dose", endpoint="churn", severity="critical"),
        finding("auc", kind="quality"),
    ]
    state, _ = ReceiverState().after(View(0, every), choice, TIMING, "ops", ids())
    sent = [one.message for one in state.outgoing.waiting]
    subjects = [one.finding.subject for message in sent for one in message.firing]
    assert sorted(subjects) == sorted(expected)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.booleans()), max_size=60))
def test_whatever_fails_every_message_is_sent_once_or_dropped_once(steps):
    state, make, now_s = ReceiverState(), ids(), 0
    standing, ends = set(), []
    for name, arrives, starts_anew in steps:
        now_s += 7
        standing ^= {name}
        state, dropped = after(state, now_s, *map(finding, sorted(standing)), make=make)
        ends += [one.id for one in dropped]
        message = state.outgoing.due(now_s)
        if message is not None and arrives:
            state = state.delivered(message, now_s)
            ends.append(message.id)
        elif message is not None:
            state = state.failed(message, now_s, TIMING, "away")
        if starts_anew:
            state = ReceiverState.from_json(json.loads(json.dumps(state.to_json())))
        assert len(state.outgoing.waiting) <= TIMING.most_waiting
    ends += [one.message.id for one in state.outgoing.waiting]
    made = int(make()[1:]) - 1
    assert sorted(ends) == sorted(f"m{number}" for number in range(1, made + 1))


def test_messages_survive_as_json():
    state, _ = after(ReceiverState(), 0, finding("age"))
    message = state.outgoing.due(0)
    body = json.loads(json.dumps(message.to_json()))
    assert Message.from_json(body) == message
    assert (body["version"], body["status"], body["severity"]) == (1, "firing", "warning")
    (one,) = body["findings"]
    assert (one["kind"], one["variants"], one["value"]) == ("drift", "risk@1", 1.5)

"""How many replicas a load needs, against what queueing theory and plain sense say."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.core.scaling import Observed, Outgrown, Targets, wanted

TARGETS = Targets(ongoing_requests=2.0)


def ask(observed, *, targets=TARGETS, outgrown=None, least=1):
    return wanted(observed, targets, outgrown or Outgrown(), least)


@pytest.mark.parametrize(
    ("observed", "replicas", "reason"),
    [
        (Observed(1, 1.0, busy=0.93), 2, "busy 0.93 (target 0.7)"),
        (Observed(1, 1.0, busy=0.5, wait_ms=41.0), 2, "wait 41 ms (target 5 ms)"),
        (Observed(1, 6.0, busy=0.5), 3, "6.0 ongoing (target 2 each)"),
        (Observed(3, 3.0, busy=0.95), 5, "busy 0.95 (target 0.7)"),  # 3 x 0.95 / 0.7 = 4.07
        (Observed(2, 9.0, busy=0.95), 5, "9.0 ongoing (target 2 each)"),  # more than busy's 3
    ],
)
def test_the_target_that_asks_for_most_replicas_decides(observed, replicas, reason):
    found = ask(observed)
    assert (found.replicas, found.why, found.by_load) == (replicas, reason, True)


@pytest.mark.parametrize("busy", [0.3, 0.5, 0.6, 0.7, 0.75])
def test_what_stays_near_its_targets_changes_nothing(busy):
    assert ask(Observed(1, 2 * busy, busy=busy, wait_ms=4.0)).replicas == 1


@pytest.mark.parametrize("call_ms", [1.0, 10.0, 100.0])
@pytest.mark.parametrize("busy", [0.3, 0.6, 0.7])
def test_a_steady_queue_below_the_busy_target_asks_for_nobody(call_ms, busy):
    # Pollaczek-Khinchine for calls of equal length that come at random.
    wait_ms = call_ms * busy / (2 * (1 - busy))
    ongoing = busy + busy**2 / (2 * (1 - busy))
    assert ask(Observed(1, ongoing, busy=busy, wait_ms=wait_ms, call_ms=call_ms)).replicas == 1


def test_a_wait_that_the_busy_share_does_not_explain_asks_for_more():
    observed = Observed(2, 2.0, busy=0.5, wait_ms=40.0, call_ms=10.0)
    assert ask(observed).replicas == 4
    assert ask(Observed(2, 2.0, busy=0.5, wait_ms=14.0, call_ms=10.0)).replicas == 2


def test_replicas_go_once_fewer_do_comfortably():
    assert ask(Observed(2, 0.5, busy=0.1)).replicas == 1
    assert ask(Observed(4, 2.0, busy=0.1)).replicas == 2  # at two, one ongoing each: half a target
    assert ask(Observed(2, 1.0, busy=0.35)).replicas == 2  # one alone would be just at 0.7


def test_none_are_wanted_only_where_nothing_is_asked_and_none_may_stand():
    assert ask(Observed(1, 0.0), least=0).replicas == 0
    assert ask(Observed(1, 0.0), least=1).replicas == 1
    assert ask(Observed(1, 0.05, busy=0.001), least=0).replicas == 1
    assert ask(Observed(0, 0.0), least=0).replicas == 0


def test_what_the_schedule_asks_for_stands_whatever_the_load():
    found = ask(Observed(1, 0.0), least=4)
    assert found.replicas == 4
    assert not found.by_load
    assert "at least 4" in found.why
    assert ask(Observed(1, 20.0), least=4).replicas == 10


def test_a_number_that_was_too_small_is_tried_again_only_with_clearly_less_work():
    outgrown = Outgrown()
    # One replica has work for 0.8 of its time; two have 0.4 each, which would fit one at 0.8.
    outgrown.left(1, 2, 0.8)
    assert ask(Observed(2, 1.0, busy=0.28), outgrown=outgrown).replicas == 1
    outgrown.left(1, 2, 0.5)
    assert ask(Observed(2, 1.0, busy=0.28), outgrown=outgrown).replicas == 2


@given(
    load=st.floats(0.01, 20.0),
    call_ms=st.floats(0.2, 200.0),
)
def test_a_steady_load_comes_to_rest(load, call_ms):
    """Whatever the number one begins with, after a few steps it changes no more."""
    outgrown, replicas = Outgrown(), 1
    seen = []
    for _ in range(40):
        busy = min(1.0, load / replicas)
        queue = busy**2 / (2 * (1 - busy)) if busy < 0.95 else 10.0
        observed = Observed(replicas, replicas * (busy + queue), busy, queue * call_ms, call_ms)
        found = ask(observed, outgrown=outgrown)
        if found.by_load:
            outgrown.left(replicas, found.replicas, observed.work)
        replicas = found.replicas
        seen.append(replicas)
    assert len(set(seen[-10:])) == 1
    # The busy target holds, give or take the tolerance.
    assert load / replicas <= 0.7 * 1.1 + 1e-9


@given(
    replicas=st.integers(1, 50),
    ongoing=st.floats(0, 1000),
    busy=st.floats(0, 1),
    wait_ms=st.floats(0, 1000),
    least=st.integers(1, 10),
)
def test_more_load_never_asks_for_fewer(replicas, ongoing, busy, wait_ms, least):
    some = ask(Observed(replicas, ongoing, busy, wait_ms), least=least).replicas
    more = ask(
        Observed(replicas, 2 * ongoing, min(1.0, 1.5 * busy), 2 * wait_ms), least=least
    ).replicas
    assert least <= some <= more
    assert more <= max(least, replicas * 2, math.ceil(ongoing), replicas)

from serve_app.cluster.backoff import CALM_S, FIRST_PAUSE_S, LONGEST_PAUSE_S, Backoff
from tests.clocks import Clock


def test_the_first_fault_is_mended_at_once_and_others_ever_later():
    clock = Clock()
    backoff = Backoff(clock)
    backoff.fault()
    assert backoff.is_over
    pauses = []
    for _ in range(9):
        backoff.fault()
        began_s = clock()
        while not backoff.is_over:
            clock.now_s += 0.25
        pauses.append(clock() - began_s)
    assert pauses[:3] == [FIRST_PAUSE_S, 2 * FIRST_PAUSE_S, 4 * FIRST_PAUSE_S]
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_PAUSE_S


def test_after_a_calm_time_a_fault_is_mended_at_once_again():
    clock = Clock()
    backoff = Backoff(clock)
    for _ in range(4):
        backoff.fault()
    assert not backoff.is_over
    clock.now_s += CALM_S + 1
    backoff.fault()
    assert backoff.is_over
    backoff.fault()
    assert backoff.pause_s == 2 * FIRST_PAUSE_S

"""Only what was measured to be short is short."""

from serve_app.core.ongoing import Ongoing
from serve_app.core.pace import Pace


def test_nothing_is_short_before_it_was_measured():
    pace = Pace(0.001)
    assert not pace.is_short("a")
    pace.took("a", 0.0005)
    assert pace.is_short("a")
    assert not pace.is_short("b")


def test_what_becomes_long_is_short_no_more_and_one_late_turn_changes_nothing():
    pace = Pace(0.001)
    pace.took("a", 0.0001)
    pace.took("a", 0.005)
    assert pace.is_short("a")
    for _ in range(20):
        pace.took("a", 0.005)
    assert not pace.is_short("a")


def test_a_mean_over_time_counts_how_long_each_went_on():
    now = [0.0]
    ongoing = Ongoing(clock=lambda: now[0])
    ongoing.change(2)
    now[0] = 1.0
    ongoing.change(-1)
    now[0] = 4.0
    assert ongoing.read() == (2 * 1 + 1 * 3) / 4
    assert ongoing.now == 1
    now[0] = 5.0
    assert ongoing.read() == 1.0

"""How long a request waited is known by the clock of its own machine alone."""

import pytest

from serve_app.core.arrival import Arrivals, clock_name

NOW_S = 1_700_000_000.0


@pytest.mark.parametrize(
    ("arrival", "waited_s"),
    [
        ("here/1699999999250", 0.75),
        ("here/1700000000000", 0.0),
        # Another machine's clock, a clock that was set, and what no HAProxy of ours writes.
        ("there/1699999999250", 0.0),
        ("here/1700000001000", 0.0),
        ("here/1699996400000", 0.0),
        ("here/", 0.0),
        ("here/-5", 0.0),
        ("here/\u0663", 0.0),
        ("here/" + "9" * 5000, 0.0),
        ("here", 0.0),
        ("", 0.0),
        (None, 0.0),
    ],
)
def test_a_wait_is_what_one_clock_measured_at_both_ends(arrival, waited_s):
    assert Arrivals("here", lambda: NOW_S).waited_s(arrival) == pytest.approx(waited_s)


def test_without_a_clock_of_its_own_name_nothing_waited():
    assert Arrivals(None, lambda: NOW_S).waited_s("here/1699999999250") == 0.0
    assert Arrivals(None, lambda: NOW_S).waited_s("None/1699999999250") == 0.0


def test_the_clock_has_a_name_where_the_kernel_gives_one(tmp_path):
    assert clock_name(tmp_path / "none") is None
    (tmp_path / "odd").write_text("a b; deny\n")
    assert clock_name(tmp_path / "odd") is None
    (tmp_path / "id").write_text("0b1f-22\n")
    assert clock_name(tmp_path / "id") == "0b1f-22"

"""What gateways counted adds up, and what is new of it is told from what is old."""

from serve_app.core.tally import Tally

FORMER = Tally({"answered": 5, "internal": 1}, (4, 2), {"m@1": (3, 2)}, {"m@1": 7})


def test_what_several_counted_adds_up():
    other = Tally({"answered": 1}, (1, 0), {"m@2": (1, 0), "m@1": (1, 1)})
    assert FORMER + other == Tally(
        {"answered": 6, "internal": 1}, (5, 2), {"m@1": (4, 3), "m@2": (1, 0)}, {"m@1": 7}
    )
    assert Tally() + FORMER == FORMER == FORMER + Tally()


def test_what_came_since_is_the_difference_of_what_grew():
    now = Tally({"answered": 8, "internal": 1}, (6, 3), {"m@1": (3, 2), "m@2": (2, 1)}, {"m@1": 9})
    assert now.since(FORMER) == Tally({"answered": 3}, (2, 1), {"m@2": (2, 1)}, {"m@1": 2})
    assert now.since(now).requests == 0
    assert now.since(Tally()) == now


def test_who_counts_anew_has_counted_all_of_it_since():
    anew = Tally({"answered": 2}, (2, 0), {"m@1": (2, 0)})
    assert anew.since(FORMER) == anew

"""What would wait is refused before it is read, the least critical first."""

import pytest

from serve_app.core.arrival import Arrivals
from serve_app.core.caller import Caller
from serve_app.core.concurrency import ConcurrencyBounds
from serve_app.engine import shedding
from serve_app.engine.shedding import Criticalities, Shedding, Waits
from serve_app.errors import DeadlineExceeded, InvalidInput, Overloaded

ANN, BATCH = Caller("ann"), Caller("batch")


class House:
    def __init__(self, most=10):
        self.now_s = 0.0
        self.shedding = Shedding(
            ConcurrencyBounds(1, most, most),
            Criticalities("critical", {"batch": "sheddable"}),
            clock=lambda: self.now_s, draw=lambda: 0.5,
        )  # fmt: skip

    def place(self, caller=ANN, endpoint="a", criticality=None):
        headers = {} if criticality is None else {"x-criticality": criticality}
        return self.shedding.place(endpoint, caller, headers)

    def holds(self, number, **more):
        places = [self.place(**more) for _ in range(number)]
        return [place.__enter__() for place in places]


def test_batch_is_refused_before_others_are():
    house = House()
    held = house.holds(5, caller=BATCH)
    with pytest.raises(Overloaded, match="5 requests on their way, and more sheddable") as caught:
        house.place(BATCH)
    assert caught.value.details == {"retry_after_s": 0.1, "limit": "concurrency"}
    # Its own header makes it no more critical, and others less.
    with pytest.raises(Overloaded):
        house.place(BATCH, criticality="critical_plus")
    with pytest.raises(Overloaded):
        house.place(criticality="sheddable")
    held += house.holds(4)
    with pytest.raises(Overloaded):
        house.place()
    house.place(endpoint="b")
    for place in held:
        place.__exit__(None, None, None)
    house.holds(9)


def test_a_place_is_taken_once_the_body_is_here_and_not_before():
    house = House()
    slow = [house.place() for _ in range(30)]
    for place in slow[:9]:
        place.__enter__()
    with pytest.raises(Overloaded):
        slow[9].__enter__()
    slow[0].__exit__(None, None, None)
    slow[9].__enter__()


def test_answers_and_what_was_too_late_say_how_long_it_takes_and_refusals_do_not():
    for error, usual_s in ((None, 1.0), (DeadlineExceeded(""), 1.0), (InvalidInput(""), 0.0)):
        house = House()
        place = house.place()
        place.rows = 3
        with place:
            house.now_s += 1.0
            place.__exit__(type(error), error, None)
            limit = place._limit
            assert limit.usual_s == usual_s / 16
            limit.in_flight += 1


def test_what_was_refused_and_the_limits_can_be_seen():
    house = House()
    house.holds(9)
    for _ in range(2):
        with pytest.raises(Overloaded):
            house.place()
    named = [(one.metric.name, one.labels, one.value) for one in house.shedding.samples()]
    assert named == [
        ("serve_app_shed_requests", ("a", "critical"), 2),
        ("serve_app_concurrency_limit", ("a",), 10),
    ]


def test_what_waited_too_long_before_it_was_looked_at_is_refused_by_how_critical_it_is():
    waits = Waits(Arrivals("here", lambda: 1000.0), 1.0)
    shedding = Shedding(
        ConcurrencyBounds(), Criticalities("critical_plus"), waits,
        clock=lambda: 0.0, draw=lambda: 0.5,
    )  # fmt: skip

    def place(waited_s, **more):
        at_ms = round(1000 * (1000 - waited_s))
        return shedding.place("a", ANN, {"x-forwarded-at": f"here/{at_ms}", **more})

    place(0.9)
    place(0.4, **{"x-criticality": "sheddable"})
    with pytest.raises(
        Overloaded, match=r"waited 1\.2 s to be looked at; try again in 1\.0 s"
    ) as it:
        place(1.2)
    assert it.value.details == {"retry_after_s": 1.0, "limit": "wait"}
    with pytest.raises(Overloaded):
        place(0.95, **{"x-criticality": "critical"})
    with pytest.raises(Overloaded):
        place(0.6, **{"x-criticality": "sheddable"})
    shedding.place("a", ANN, {})
    assert next(iter(shedding.samples())).value == 1


def test_endpoints_that_nobody_asks_any_more_are_forgotten(monkeypatch):
    monkeypatch.setattr(shedding, "MOST_ENDPOINTS", 2)
    house = House()
    (held,) = house.holds(1, endpoint="a")
    for name in ("b", "c"):
        house.place(endpoint=name)
    assert set(house.shedding._limits) == {"a", "c"}
    held.__exit__(None, None, None)

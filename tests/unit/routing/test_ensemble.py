"""All of a weight above 0 answer together, whoever asks."""

import pytest

from serve_app.core.messages import Payload, Request
from serve_app.core.plan import Plan
from serve_app.core.snapshot import RouteSpec, Variant
from serve_app.errors import ConfigError
from serve_app.routing.ensemble import Ensemble


def no_chance():
    raise AssertionError("an ensemble leaves nothing to chance")


def ensemble(**weights):
    variants = tuple(Variant(f"{name}@1", weight) for name, weight in weights.items())
    return Ensemble(RouteSpec("ensemble", variants)).router(salt="e", epoch=0, draw=no_chance)


def request(**keys):
    return Request("e", Payload({"x": [1.0]}, 1, keys), "r")


def test_every_request_asks_all_at_once_in_the_order_listed():
    plan = ensemble(b=1.0, a=5.0, c=0.1).plan(request())
    assert plan == Plan(("b@1", "a@1", "c@1"), together=True)


def test_neither_keys_nor_chance_matter():
    route = ensemble(a=1.0, b=1.0)
    assert {route.plan(request(user=user)) for user in range(20)} == {route.plan(request())}
    # What could be no key of a split is none of an ensemble's business.
    assert route.plan(request(user=[1, 2])) == route.plan(request())


def test_a_weight_of_zero_is_out():
    assert ensemble(a=1.0, b=0.0, c=2.0).plan(request()).variants == ("a@1", "c@1")


def test_one_that_is_left_answers_as_a_member():
    assert ensemble(a=0.0, b=1.0).plan(request()) == Plan(("b@1",), together=True)


def test_members_that_cannot_be_served_are_refused_by_name():
    with pytest.raises(ConfigError, match="b@1 has the weight -1"):
        ensemble(a=1.0, b=-1.0)

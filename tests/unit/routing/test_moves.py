"""When weights change, those move who must, and nobody else."""

import itertools
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serve_app.core.messages import Payload, Request
from serve_app.core.snapshot import RouteSpec, Variant
from serve_app.routing import route_of

USERS = 20_000
REQUESTS = [Request("e", Payload({}, 1, {"user": n}), "r") for n in range(USERS)]


def route(weights, **settings):
    variants = tuple(Variant(f"{name}@1", float(w)) for name, w in weights.items())
    return RouteSpec("split", variants, {"key": "user", **settings})


def changed(spec, weights):
    named = {f"{name}@1": float(weight) for name, weight in weights.items()}
    return route_of(spec).with_weights(named, endpoint="e")


def plans(spec, requests=REQUESTS):
    router = route_of(spec).router(salt="e", epoch=1, draw=lambda: 0.5)
    return [router.plan(request) for request in requests]


def arms(spec, requests=REQUESTS):
    return [plan.variants[0][0] for plan in plans(spec, requests)]


def moved(before, after):
    return sum(old != new for old, new in zip(before, after, strict=True)) / len(before)


def least(old, new):
    """The total variation distance of two weightings: the smallest share that has to move."""
    totals = sum(old.values()), sum(new.values())
    arms_ = {*old, *new}
    return sum(abs(old.get(a, 0) / totals[0] - new.get(a, 0) / totals[1]) for a in arms_) / 2


def named(*weights):
    return dict(zip("abcdef", weights, strict=False))


TABLE = [
    (named(50, 50), named(60, 40)),
    (named(90, 10), named(50, 50)),
    (named(0.34, 0.33, 0.33), named(0.5, 0.25, 0.25)),
    (named(25, 25, 25, 25), named(40, 30, 20, 10)),
    (named(1, 1, 1), named(0.5, 0, 0.5)),
]


@pytest.mark.parametrize(("old", "new"), TABLE, ids=str)
def test_as_few_move_as_can(old, new):
    before = route(old)
    after = changed(before, new)
    share = moved(arms(before), arms(after))
    # Four standard deviations of a share among 20,000.
    noise = 4 * (least(old, new) / USERS) ** 0.5
    assert share <= 1.05 * least(old, new) + noise
    assert share >= least(old, new) - noise


WEIGHTS = st.lists(st.integers(0, 20), min_size=4, max_size=4).filter(any)


@settings(max_examples=10, deadline=None)
@given(st.lists(WEIGHTS, min_size=2, max_size=6))
def test_as_few_move_as_can_at_any_change_of_any_history(course):
    requests = REQUESTS[:3_000]
    spec = route(named(*course[0]))
    before = arms(spec, requests)
    for old, new in itertools.pairwise(course):
        spec = changed(spec, named(*new))
        after = arms(spec, requests)
        floor = least(named(*old), named(*new))
        assert moved(before, after) <= 1.05 * floor + 5 * (0.25 / len(requests)) ** 0.5
        for name, weight in named(*new).items():
            share = Counter(after)[name] / len(after)
            assert share == pytest.approx(weight / sum(new), abs=5 * (0.25 / len(after)) ** 0.5)
            assert weight or not share
        before = after


def test_who_goes_back_to_former_weights_finds_everybody_where_they_were():
    first = route(named(25, 25, 25, 25))
    second = changed(first, named(40, 30, 20, 10))
    third = changed(second, named(10, 10, 40, 40))
    requests = REQUESTS[:2_000]
    assert arms(changed(third, named(4, 3, 2, 1)), requests) == arms(second, requests)
    assert arms(changed(third, named(1, 1, 1, 1)), requests) == arms(first, requests)
    assert changed(third, named(1, 1, 1, 1)).former == ()


def test_a_ramp_is_one_change_however_many_steps_it_has():
    requests = REQUESTS[:1_000]
    spec = route(named(100, 0))
    before = arms(spec, requests)
    for step in range(4, 101, 4):
        spec = changed(spec, named(100 - step, step))
        after = arms(spec, requests)
        assert {(x, y) for x, y in zip(before, after, strict=True)} <= {
            ("a", "a"),
            ("a", "b"),
            ("b", "b"),
        }
        before = after
    assert len(spec.former) == 1


def test_the_history_is_bounded():
    spec = route(named(1, 1, 1))
    for number in range(200):
        spec = changed(spec, named(1 + number % 7, 1 + number % 5, 1 + number % 3))
    assert len(spec.former) <= 32


def test_a_plan_says_the_share_of_its_arm_and_names_every_variant_once():
    spec = changed(route(named(25, 25, 25, 25)), named(40, 30, 20, 10))
    shares = {"a": 0.4, "b": 0.3, "c": 0.2, "d": 0.1}
    for plan in plans(spec, REQUESTS[:500]):
        assert plan.propensity == shares[plan.variants[0][0]]
        assert sorted(plan.variants) == ["a@1", "b@1", "c@1", "d@1"]


def test_another_seed_has_no_history():
    spec = changed(route(named(1, 1)), named(3, 1))
    anew = route(named(3, 1), assignment={"seed": "again"})
    assert route_of(anew).after(spec).former == ()


def test_more_coverage_keeps_the_history():
    spec = changed(route(named(1, 1), assignment={"coverage": 0.1}), named(3, 1))
    wider = route(named(3, 1), assignment={"coverage": 0.5})
    assert route_of(wider).after(spec).former == spec.former != ()

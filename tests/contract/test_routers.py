"""What every kind of route must hold."""

import dataclasses
import os
import subprocess
import sys

import pytest

from serve_app.core.messages import Payload, Request
from serve_app.core.signature import Column, Output, Signature
from serve_app.core.snapshot import Endpoint, RouteSpec, Variant
from serve_app.errors import ConfigError
from serve_app.routing import KINDS, route_of

SIGNATURE = Signature((Column("x", "float64"),), Output("regression"))
WEIGHTED = sorted(KINDS.keys() - {"single", "rules", "cascade"})
RULES = {
    "rules": [
        {"when": 'share("first") < 0.4', "model": "a@1"},
        {"when": 'share("second") < 0.5', "model": "b@1"},
    ],
    "otherwise": "c@1",
}
STAGES = [
    {"model": "a@1", "sure": 0.9},
    {"model": "b@1", "sure": {"yes": 0.8}},
    {"model": "c@1"},
]
MORE = {"cascade": {"stages": STAGES}, "rules": RULES}
"""What a kind needs besides what the tests have for all of them."""


def endpoint(kind, **weights):
    variants = tuple(Variant(f"{name}@1", weight) for name, weight in weights.items())
    settings = {"key": "user", "combine": "mean", "quorum": 1, **MORE.get(kind, {})}
    return Endpoint(
        "e", RouteSpec(kind, variants, settings), SIGNATURE, timeout_s=1.0, variant_timeout_s=0.8
    )


def router(spec, draw=lambda: 0.5):
    return route_of(spec.route).router(salt=spec.name, epoch=3, draw=draw)


def with_variants(spec, variants):
    return dataclasses.replace(spec, route=dataclasses.replace(spec.route, variants=variants))


def request(user=None):
    keys = {} if user is None else {"user": user}
    return Request("e", Payload({"x": [1.0]}, 1, keys), "r")


@pytest.fixture(params=sorted(KINDS))
def spec(request):
    """An endpoint of each kind, with as many variants as the kind takes."""
    more = {} if request.param == "single" else {"b": 1.0, "c": 1.0}
    return endpoint(request.param, a=1.0, **more)


def test_a_plan_names_variants_of_the_endpoint_each_once(spec):
    known = {variant.version for variant in spec.variants}
    for user in [None, *range(50)]:
        plan = router(spec).plan(request(user))
        assert plan.variants
        assert set(plan.variants) <= known
        assert len(set(plan.variants)) == len(plan.variants)


def test_the_same_request_has_the_same_plan_in_routers_built_apart(spec):
    turned = with_variants(spec, spec.variants[::-1])
    for user in range(50):
        first = router(spec).plan(request(user))
        again = router(turned).plan(request(user))
        assert set(first.variants) == set(again.variants)
        if not first.together:
            assert first == again


@pytest.mark.parametrize("kind", WEIGHTED)
def test_a_variant_of_weight_zero_is_never_asked(kind):
    spec = endpoint(kind, a=1.0, never=0.0, b=2.0)
    for draw in (0.0, 0.3, 0.999999):
        for user in [None, *range(200)]:
            assert "never@1" not in router(spec, lambda d=draw: d).plan(request(user)).variants


@pytest.mark.parametrize("kind", WEIGHTED)
@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ({}, "no variants"),
        ({"a": 0.0}, "above 0"),
        ({"a": -1.0}, "a@1 has the weight -1"),
        ({"a": 1.0, "b": float("nan")}, "b@1"),
        ({"a": float("inf")}, "finite"),
    ],
)
def test_weights_that_do_not_fit_are_refused_with_what_to_do(kind, weights, said):
    with pytest.raises(ConfigError, match=said):
        router(endpoint(kind, **weights))


@pytest.mark.parametrize("kind", WEIGHTED)
def test_a_variant_that_stands_twice_is_refused(kind):
    spec = endpoint(kind, a=1.0)
    with pytest.raises(ConfigError, match="twice"):
        router(with_variants(spec, spec.variants * 2))


def test_a_single_route_has_one_variant():
    with pytest.raises(ConfigError, match="a@1, b@1"):
        router(endpoint("single", a=1.0, b=1.0))


def test_a_request_with_a_key_leaves_nothing_to_chance(spec):
    def no_chance():
        raise AssertionError("the key decides")

    decided = router(spec, no_chance)
    plans = [decided.plan(request(user)) for user in range(50)]
    assert plans == [decided.plan(request(user)) for user in range(50)]


def test_one_user_has_one_plan_however_and_wherever_the_key_is_written(spec):
    decided = router(spec)
    for user in range(50):
        plan = decided.plan(request(user))
        assert decided.plan(request(float(user))) == plan
        assert decided.plan(request(str(user))) == plan
        in_a_header = request()._replace(headers={"x-user": str(user)})
        assert decided.plan(in_a_header) == plan
        in_the_rows = Request("e", Payload({"x": [1.0, 2.0], "user": [user, user]}, 2), "r")
        assert decided.plan(in_the_rows) == plan


def test_the_same_draws_are_the_same_plans(spec):
    draws = [number / 100 for number in range(100)]

    def plans():
        left = iter(draws)
        decided = router(spec, lambda: next(left))
        return [decided.plan(request()) for _ in draws]

    assert plans() == plans()


def test_a_plan_says_the_same_whatever_the_rows_hold(spec):
    other = Request("e", Payload({"x": [5.0, 6.0], "y": [None, "a"]}, 2, {"user": 7}), "r-2")
    assert router(spec).plan(other) == router(spec).plan(request(7))


@pytest.mark.parametrize("kind", WEIGHTED)
@pytest.mark.parametrize("draw", [0.0, 0.5, 1 - 2**-53])
def test_the_ends_of_chance_choose_one_that_may_answer(kind, draw):
    spec = endpoint(kind, zero=0.0, a=0.1, b=0.2, none=0.0)
    assert set(router(spec, lambda: draw).plan(request()).variants) == {"a@1", "b@1"}


SCRIPT = (
    f"MORE = {MORE!r}"
    """
from serve_app.core.messages import Payload, Request
from serve_app.core.snapshot import RouteSpec, Variant
from serve_app.routing import KINDS, route_of

for kind in sorted(KINDS):
    names = "a" if kind == "single" else "abc"
    variants = tuple(Variant(f"{name}@1", 1.0 + len(names)) for name in names)
    settings = {"key": "user", "combine": "mean", **MORE.get(kind, {})}
    route = route_of(RouteSpec(kind, variants, settings))
    router = route.router(salt="e", epoch=3, draw=lambda: 0.5)
    requests = [Request("e", Payload({"x": [1.0]}, 1, {"user": user}), "r") for user in range(200)]
    print(kind, [router.plan(request) for request in requests])
"""
)


def test_gateways_in_other_processes_give_every_user_the_same_plan():
    def said(seed):
        return subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            timeout=60,
        ).stdout

    found = said("0")
    assert found == said("1") == said("random")
    assert found.count(b"Plan(") == 200 * len(KINDS)

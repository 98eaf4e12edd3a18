"""The kind of route: shares follow from what arms earned, and say with which probability."""

import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.core.messages import Payload, Request
from serve_app.core.plan import Assignment
from serve_app.core.signature import Column, Output
from serve_app.core.snapshot import RouteSpec, Variant
from serve_app.errors import InvalidInput
from serve_app.routing import route_of
from serve_app.routing.bandits.arms import Arm
from serve_app.routing.bandits.linucb import LinearArm

CLASSES = Output("classification", labels=("no", "yes"))


def spec(policy="thompson", arms=2, **settings):
    variants = tuple(Variant(f"{name}@1") for name in "abcdef"[:arms])
    return RouteSpec("bandit", variants, {"policy": policy, **settings})


def earned(**arms):
    return {"features": [], "arms": {f"{k}@1": Arm(*v).to_json() for k, v in arms.items()}}


def request(user=None, **columns):
    columns = columns or {"x": [1.0]}
    keys = {} if user is None else {"user": user}
    return Request("e", Payload(columns, len(next(iter(columns.values()))), keys), "r")


def router(route, draw=lambda: 0.5):
    return route_of(route).router(salt="e", epoch=7, draw=draw)


def draws(count):
    left = iter((np.arange(count) + 0.5) / count)
    return lambda: float(next(left))


@pytest.mark.parametrize("policy", ["thompson", "ucb1", "epsilon_greedy"])
def test_the_better_arm_answers_more_often_and_none_less_than_the_floor(policy):
    known = earned(a=(100, 50), b=(100, 80), c=(100, 20))
    weights = route_of(spec(policy, arms=3, floor=0.02)).steered(known).weights
    assert sum(weights.values()) == pytest.approx(1)
    assert min(weights.values()) >= 0.02 - 1e-9
    assert max(weights, key=weights.get) == "b@1"
    assert weights["b@1"] > 0.8


def test_a_plan_says_with_which_probability_how_and_under_which_shares():
    route = route_of(spec(floor=0.05)).steered(earned(a=(40, 10), b=(40, 20)))
    share = route.weights["a@1"]
    count = 10_000
    decided = router(route, draws(count))
    plans = [decided.plan(request()) for _ in range(count)]
    often = Counter(plan.variants[0] for plan in plans)
    assert often["a@1"] / count == pytest.approx(share, abs=1e-3)
    for plan in plans:
        assert plan.propensity == pytest.approx(route.weights[plan.variants[0]])
        assert plan.assignment == Assignment("thompson-random", "e")
        assert plan.epoch == 7
        assert set(plan.variants) == {"a@1", "b@1"}


def test_with_a_key_users_stay_until_shares_change_and_few_move_then():
    before = route_of(spec(key="user")).steered(earned(a=(40, 20), b=(40, 22)))
    after = route_of(spec(key="user")).steered(earned(a=(41, 20), b=(41, 23)))
    users = range(5_000)
    first = [router(before).plan(request(user)) for user in users]
    again = [router(before, lambda: 0.9).plan(request(user)) for user in users]
    assert [p.variants for p in first] == [p.variants for p in again]
    assert first[0].assignment == Assignment("thompson-rendezvous", "e")
    share = sum(p.variants[0] == "a@1" for p in first) / len(first)
    assert share == pytest.approx(before.weights["a@1"], abs=0.03)
    then = [router(after).plan(request(user)) for user in users]
    moved = sum(p.variants[0] != q.variants[0] for p, q in zip(first, then, strict=True))
    difference = abs(before.weights["a@1"] - after.weights["a@1"])
    assert moved / len(first) == pytest.approx(difference, abs=0.03)


def test_before_the_first_reward_declared_weights_stand():
    declared = spec()
    for nothing in ({}, earned(), earned(a=(0, 0.0)), earned(other=(50, 40))):
        assert route_of(declared).steered(nothing) is declared


def test_an_arm_that_is_new_gets_shares_and_one_that_is_gone_does_not_count():
    known = earned(a=(500, 300), gone=(900, 900))
    route = route_of(spec(arms=2)).steered(known)
    assert set(route.weights) == {"a@1", "b@1"}
    assert route.weights["b@1"] > 0.1
    assert set(route.steering["arms"]) == {"a@1"}


def test_an_arm_of_weight_zero_stays_out_and_floors_no_arm_at_nothing():
    out = RouteSpec("bandit", (Variant("a@1", 0.0), Variant("b@1"), Variant("c@1")),
                    {"policy": "ucb1", "floor": 0.0})  # fmt: skip
    route = route_of(out).steered(earned(a=(9, 9), b=(9, 9), c=(9, 0)))
    assert route.weights["a@1"] == 0
    assert route.weights["c@1"] > 0
    assert route_of(route).steered(earned(b=(9, 0), c=(9, 9))).weights["c@1"] > 0.99


def test_weights_are_refused_in_words():
    with pytest.raises(InvalidInput, match="rewards decide how often the arms of 'risk' answer"):
        route_of(spec()).with_weights({"a@1": 3.0}, endpoint="risk")


def test_it_tells_what_arms_earned():
    route = route_of(route_of(spec(key="user")).steered(earned(a=(40, 10), b=(8, 6))))
    assert route.summary() == (
        "bandit by thompson, sticky by user; mean rewards: a@1 0.25 of 40, b@1 0.75 of 8"
    )
    assert route.listed()["rewards"] == {
        "a@1": {"decisions": 40, "mean": 0.25},
        "b@1": {"decisions": 8, "mean": 0.75},
    }
    assert route_of(spec("ucb1")).summary() == "bandit by ucb1"


@pytest.mark.parametrize(
    ("reward", "output", "words"),
    [
        ({"kind": "correct"}, Output("regression"), "kind: error with a scale"),
        ({"kind": "error", "scale": 2.0}, CLASSES, "kind: correct for a class"),
        ({"kind": "value"}, CLASSES, None),
        ({"kind": "correct"}, CLASSES, None),
        ({"kind": "error", "scale": 2.0}, Output("regression"), None),
    ],
)
def test_rewards_fit_to_what_models_give(reward, output, words):
    problems = list(route_of(spec(reward=reward)).problems(output))
    if words is None:
        assert problems == []
    else:
        ((key, message),) = problems
        assert key == "reward"
        assert words in message


def test_features_are_columns_of_numbers():
    route = route_of(spec("linucb", features=["age", "country", "aeg"]))
    columns = [Column("age", "int64"), Column("country", "string")]
    messages = [message for key, message in route.input_problems(columns) if key == "features"]
    assert messages == [
        "the column 'country' is string and holds no numbers",
        "there is no column 'aeg'; columns of numbers: age",
    ]


def linear(floor=0.1, **settings):
    """Arm a earns x and arm b earns 1 - x, as 400 decisions showed."""
    rng = np.random.default_rng(3)
    x = rng.random((400, 1))
    arms = {"a@1": LinearArm.untried(1).updated(x, x[:, 0])}
    arms["b@1"] = LinearArm.untried(1).updated(x, 1 - x[:, 0])
    known = {
        name: {**Arm(arm.decisions, float(arm.weighted[0])).to_json(), **arm.to_json()}
        for name, arm in arms.items()
    }
    steering = json.loads(json.dumps({"features": ["x"], "arms": known}))
    route = spec("linucb", features=["x"], floor=floor, **settings)
    return route_of(route).steered(steering)


def test_linucb_chooses_by_what_a_request_holds_and_says_the_true_probability():
    count = 1_000
    decided = router(linear(), draws(2 * count))
    for value, best in ((0.9, "a@1"), (0.1, "b@1")):
        plans = [decided.plan(request(x=[value])) for _ in range(count)]
        often = Counter(plan.variants[0] for plan in plans)
        assert often[best] / count == pytest.approx(0.9, abs=0.11)
        assert {round(p.propensity, 6) for p in plans if p.variants[0] == best} == {0.9}
        assert {round(p.propensity, 6) for p in plans if p.variants[0] != best} <= {0.1}
        assert {p.assignment.algorithm for p in plans} == {"linucb-random"}


def test_linucb_is_sticky_by_a_key_at_its_shares():
    decided = router(linear(key="user"), lambda: pytest.fail("the key decides"))
    plans = [decided.plan(request(user, x=[0.9])) for user in range(4_000)]
    assert plans == [decided.plan(request(user, x=[0.9])) for user in range(4_000)]
    often = Counter(plan.variants[0] for plan in plans)
    assert often["a@1"] / len(plans) == pytest.approx(0.9, abs=0.02)


@given(st.lists(st.one_of(st.none(), st.floats(), st.text(max_size=3), st.lists(st.none()))))
def test_linucb_plans_whatever_a_column_holds(values):
    plan = router(linear()).plan(request(x=values or [None]))
    assert set(plan.variants) == {"a@1", "b@1"}
    assert 0 < plan.propensity <= 1


def test_what_was_learned_by_other_features_does_not_count():
    steering = linear().steering
    other = spec("linucb", features=["y"])
    assert route_of(other).steered(steering) is other
    assert route_of(spec("thompson")).steered(steering).steering == {}

"""What every policy must hold that tells requests apart by their contexts."""

import json
import sys

import numpy as np
import pytest

from serve_app.core.messages import Payload, Request
from serve_app.core.signature import Column, Output, Signature
from serve_app.core.snapshot import RouteSpec, Variant
from serve_app.errors import ConfigError
from serve_app.monitoring.bandit_rewards import (
    Decision,
    linear_arms_of,
    linear_steering_of,
    vowpal_steering_of,
)
from serve_app.routing import route_of
from serve_app.routing.bandit import CONTEXTUAL
from serve_app.routing.bandits import vowpal

ARMS = ("low@1", "high@1")
FEATURES = ("x", "y")
FLOOR = 0.05


def steering_of(policy, made, contexts):
    """What the monitor hands over, as it comes out of the database."""
    if policy == "linucb":
        arms = linear_arms_of(made, contexts, len(FEATURES))
        steering = linear_steering_of(arms, FEATURES)
    else:
        steering = vowpal_steering_of(made, contexts, FEATURES)
    return json.loads(json.dumps(steering))


def spec(policy, arms=ARMS, **settings):
    variants = tuple(Variant(name, 1.0) for name in arms)
    given = {"policy": policy, "features": list(FEATURES), "floor": FLOOR, **settings}
    return RouteSpec("bandit", variants, given)


def decided(n=1_500, seed=0):
    """Decisions by chance: with a large x the second arm earns more, with a small one the first."""
    rng = np.random.default_rng(seed)
    made, contexts = [], {}
    for number in range(n):
        x, y = rng.random(2)
        arm = int(rng.integers(0, 2))
        mean = 0.2 + 0.6 * x if arm else 0.8 - 0.6 * x
        name = f"p-{number}"
        contexts[name] = np.array([x, 1_000 * y])
        made.append(Decision(name, float(number), ARMS[arm], float(rng.random() < mean), 0.5))
    return made, contexts


@pytest.fixture(params=sorted(CONTEXTUAL))
def policy(request):
    return request.param


@pytest.fixture
def steering(policy):
    return steering_of(policy, *decided())


def routed(policy, steering, draw=lambda: 0.5, arms=ARMS, **settings):
    route = route_of(spec(policy, arms, **settings)).steered(steering)
    return route_of(route).router(salt="e", epoch=3, draw=draw)


def request(x, y=500.0, user=None):
    columns = {"x": [x], "y": [y]}
    return Request("e", Payload(columns, 1, {} if user is None else {"user": user}), "r")


def test_each_request_gets_the_arm_that_is_right_for_it(policy, steering):
    low, high = (routed(policy, steering, lambda: 0.5).plan(request(x)) for x in (0.05, 0.95))
    assert (low.variants[0], high.variants[0]) == ARMS
    assert min(low.propensity, high.propensity) > 0.8


@pytest.mark.parametrize("x", [0.05, 0.45, 0.95])
def test_the_recorded_propensity_is_the_share_of_draws_that_choose_so(policy, steering, x):
    left = []
    router = routed(policy, steering, left.pop)
    left.extend((at + 0.5) / 1_000 for at in range(1_000))
    plans = [router.plan(request(x)) for _ in range(1_000)]
    for arm in ARMS:
        (propensity,) = {plan.propensity for plan in plans if plan.variants[0] == arm}
        share = sum(plan.variants[0] == arm for plan in plans) / 1_000
        assert propensity == pytest.approx(share, abs=2e-3)
        assert share >= FLOOR - 1e-3


def test_choices_are_recorded_by_policy_and_way(policy, steering):
    by_chance = routed(policy, steering).plan(request(0.5))
    by_key = routed(policy, steering, key="user").plan(request(0.5, user=7))
    assert by_chance.assignment.algorithm == f"{policy}-random"
    assert by_key.assignment.algorithm == f"{policy}-hash"
    assert (by_chance.epoch, by_chance.assignment.salt) == (3, "e")
    assert set(by_chance.variants) == set(ARMS)


def test_somebody_with_a_key_gets_the_same_arm_of_the_same_context(policy, steering):
    def no_chance():
        raise AssertionError("the key decides")

    router, again = (routed(policy, steering, no_chance, key="user") for _ in range(2))
    for user in range(50):
        plan = router.plan(request(0.6, user=user))
        assert plan == again.plan(request(0.6, user=user))


def test_the_same_decisions_are_the_same_state_and_the_same_plans(policy, steering):
    again = steering_of(policy, *decided())
    assert again == steering
    for x in np.linspace(0, 1, 11):
        plans = [routed(policy, one).plan(request(float(x))) for one in (steering, again)]
        assert plans[0] == plans[1]


@pytest.mark.parametrize("value", [None, float("nan"), "no number", 1e300, -1e300])
def test_any_value_of_a_feature_gets_an_answer(policy, steering, value):
    plan = routed(policy, steering).plan(request(value, value))
    assert set(plan.variants) == set(ARMS)
    assert FLOOR - 1e-9 <= plan.propensity <= 1 - FLOOR + 1e-9


def test_an_arm_that_came_later_is_tried(policy, steering):
    arms = (*ARMS, "new@1")
    left = [(at + 0.5) / 300 for at in range(300)]
    router = routed(policy, steering, left.pop, arms)
    chosen = [router.plan(request(0.9)).variants[0] for _ in range(300)]
    assert chosen.count("new@1") / 300 >= FLOOR - 1e-2


def test_before_anything_is_known_arms_answer_by_their_weights(policy):
    plan = routed(policy, {}).plan(request(0.9))
    assert plan.propensity == 0.5


def test_what_was_learned_by_other_features_does_not_count(policy, steering):
    other = {**steering, "features": ["z"]}
    assert routed(policy, other).plan(request(0.95)).propensity == 0.5


def test_learning_in_batches_earns_more_than_any_arm_alone(policy):
    """Of two arms either alone earns 0.5 in the mean, and the right one for each request 0.65."""
    rng = np.random.default_rng(5)
    made, contexts, earned = [], {}, []
    for batch in range(12):
        steering = steering_of(policy, made, contexts) if made else {}
        router = routed(policy, steering, lambda: float(rng.random()))
        for _ in range(100):
            x, y = float(rng.random()), float(rng.random())
            plan = router.plan(request(x, y))
            mean = 0.2 + 0.6 * x if plan.variants[0] == ARMS[1] else 0.8 - 0.6 * x
            name = f"p-{len(made)}"
            contexts[name] = np.array([x, y])
            reward = float(rng.random() < mean)
            made.append(Decision(name, float(len(made)), plan.variants[0], reward, plan.propensity))
            earned.append(mean if batch >= 2 else None)
    assert np.mean([one for one in earned if one is not None]) > 0.58


def test_vowpal_wabbit_that_is_not_installed_is_named_with_its_extra(monkeypatch):
    signature = Signature(
        (Column("x", "float64"), Column("y", "float64")),
        Output("classification", ("no", "yes"), probabilities=True),
    )
    route = route_of(spec("vowpal_wabbit"))
    assert [*route.misfits(signature)] == []
    monkeypatch.setattr(vowpal, "is_installed", lambda: False)
    ((path, words),) = route.misfits(signature)
    assert path == ("policy",)
    assert words.endswith("is not installed here: pip install 'serve-app[vw]'")
    monkeypatch.setitem(sys.modules, "vowpalwabbit", None)
    with pytest.raises(ConfigError, match=r"serve-app\[vw\]"):
        vowpal.trained([], ARMS, 2)


def test_what_is_no_model_of_vowpal_wabbit_is_refused_in_words():
    with pytest.raises(ConfigError, match="cannot read what was learned"):
        vowpal.VowpalWabbit(vowpal.Model(b"nonsense", np.zeros(2), np.ones(2)), ARMS)


def test_names_with_signs_of_its_text_format_are_names():
    arms = ("a b|c:1", "other@1")
    contexts = [np.array([1.0, 0.0]), np.array([0.0, 1.0])]
    made = [
        vowpal.Rewarded(contexts[at % 2], arms[arm], float(arm == at % 2), 0.5)
        for at in range(400)
        for arm in (0, 1)
    ]
    policy = vowpal.VowpalWabbit(vowpal.trained(made, arms, 2), arms)
    assert [int(policy.shares(one).argmax()) for one in contexts] == [0, 1]

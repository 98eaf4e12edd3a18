"""One decision has one reward, and none before something is known of it."""

import dataclasses
import math

import numpy as np
import pytest

from serve_app.core.labelled import LabelledRow, PredictedRow
from serve_app.monitoring.bandit_rewards import (
    arms_of,
    decisions,
    linear_arms_of,
    linear_steering_of,
    reward_of,
    steering_of,
)
from serve_app.routing.bandits.arms import Arm
from serve_app.routing.bandits.rewards import RewardRule

CORRECT = RewardRule()


def row(truth=None, reward=None, *, value="yes", name="p", index=0, variants=("a@1",)):
    prediction = PredictedRow(name, index, 5.0, variants, value)
    return LabelledRow(prediction, truth, reward, 1.0, late=False)


@pytest.mark.parametrize(
    ("one", "rule", "earned"),
    [
        (row("yes"), CORRECT, 1.0),
        (row("no"), CORRECT, 0.0),
        (row(None, 3.0), CORRECT, None),
        (row(1, value="1"), CORRECT, 1.0),
        (row(True, value="true"), CORRECT, 1.0),
        (row(reward=0.5), RewardRule("value"), 0.5),
        (row(reward=20.0), RewardRule("value", low=10, high=50), 0.25),
        (row(reward=90.0), RewardRule("value", low=10, high=50), 1.0),
        (row(reward=-90.0), RewardRule("value", low=10, high=50), 0.0),
        (row("yes"), RewardRule("value"), None),
        (row(reward=math.nan), RewardRule("value"), None),
        (row(12.0, value=10.0), RewardRule("error", scale=8.0), 0.75),
        (row(99.0, value=10.0), RewardRule("error", scale=8.0), 0.0),
        (row("x", value=10.0), RewardRule("error", scale=8.0), None),
        (row(value=10.0), RewardRule("error", scale=8.0), None),
    ],
)
def test_a_reward_is_from_0_to_1_or_not_known(one, rule, earned):
    assert reward_of(one, rule) == earned


def test_the_reward_of_a_request_is_the_mean_of_its_rewarded_rows():
    rows = [
        row("yes", name="p", index=0),
        row("no", name="p", index=1),
        row(None, 1.0, name="p", index=2),
        row("no", name="q", variants=("b@1",)),
        row(None, 1.0, name="r"),
        row("yes", name="s", variants=("a@1", "b@1")),
    ]
    made = list(decisions(rows, CORRECT))
    assert [(one.prediction_id, one.arm, one.reward) for one in made] == [
        ("p", "a@1", 0.5),
        ("q", "b@1", 0.0),
    ]
    arms = arms_of(made)
    assert arms == {"a@1": Arm(1, 0.5), "b@1": Arm(1, 0.0)}
    assert steering_of(arms)["arms"]["a@1"] == {"decisions": 1, "reward": 0.5}


def test_contexts_that_are_not_known_do_not_count():
    rows = [row("yes", name=name) for name in "pqr"]
    contexts = {"p": np.array([2.0]), "q": np.array([np.nan])}
    arms = linear_arms_of(decisions(rows, CORRECT), contexts, 1)
    assert arms["a@1"].outer.tolist() == [[1.0, 2.0], [2.0, 4.0]]
    steering = linear_steering_of(arms, ("x",))
    assert steering["features"] == ["x"]
    assert steering["arms"]["a@1"]["decisions"] == 1
    assert steering["arms"]["a@1"]["reward"] == 1.0


def test_nothing_is_learned_from_who_is_outside_of_the_part_of_a_layer():
    rows = [
        dataclasses.replace(one, prediction=dataclasses.replace(one.prediction, assignment=chosen))
        for one, chosen in [
            (row("yes", name="p"), {"algorithm": "excluded", "salt": "ranking"}),
            (row("yes", name="q"), {"algorithm": "holdout", "salt": "ranking/holdout"}),
            (row("no", name="r"), {"algorithm": "thompson-rendezvous", "salt": "e"}),
            (row("yes", name="s"), {}),
        ]
    ]
    assert [one.prediction_id for one in decisions(rows, CORRECT)] == ["r", "s"]

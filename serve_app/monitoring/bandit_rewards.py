"""What the arms of a bandit earned, out of labelled rows: one reward for each decision."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any, assert_never

import numpy as np
from numpy.typing import NDArray

from serve_app.core.labelled import LabelledRow
from serve_app.monitoring.quality.labels import label_text
from serve_app.monitoring.quality.sums import number
from serve_app.routing.bandits.arms import Arm
from serve_app.routing.bandits.linucb import LinearArm
from serve_app.routing.bandits.rewards import RewardRule
from serve_app.routing.bandits.vowpal import Rewarded, trained
from serve_app.routing.gates import IN_NONE

Contexts = Mapping[str, NDArray[np.float64]]
"""The context of each decision, by prediction id; of shape (features,)."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A request, at `at_s` seconds since 1970, whose answer by one arm has a reward from 0 to 1.

    `propensity` is the probability with which the arm was chosen, where that was logged.
    """

    prediction_id: str
    at_s: float
    arm: str
    reward: float
    propensity: float | None = None


def learned_name(endpoint: str) -> str:
    """The name under which the monitor keeps what the arms of an endpoint earned."""
    return f"bandit: {endpoint}"


def shares_name(endpoint: str) -> str:
    """The name under which it keeps how the shares of the arms changed."""
    return f"bandit shares: {endpoint}"


def reward_of(row: LabelledRow, rule: RewardRule) -> float | None:
    """The reward of a row; none where it is not known yet, or is no number."""
    match rule.kind:
        case "correct":
            if row.truth is None:
                return None
            return float(label_text(row.truth) == label_text(row.prediction.value))
        case "value":
            if row.reward is None:
                return None
            return _between((row.reward - rule.low) / (rule.high - rule.low))
        case "error":
            if row.truth is None:
                return None
            off = abs(number(row.prediction.value) - number(row.truth))
            return _between(1 - off / rule.scale)
        case _:
            assert_never(rule.kind)


def decisions(rows: Iterable[LabelledRow], rule: RewardRule) -> Iterator[Decision]:
    """The decisions that have a reward: that of a request is the mean over its rewarded rows.

    Rows of one request follow each other. Who answered counts, also where somebody else was
    chosen first; what several answered together does not, nor what somebody was answered who is
    outside of the bandit's part of a layer.
    """
    for prediction_id, some in groupby(rows, key=lambda row: row.prediction.prediction_id):
        rewarded = [(row.prediction, reward_of(row, rule)) for row in some]
        rewards = [reward for _, reward in rewarded if reward is not None]
        prediction = rewarded[0][0]
        chosen_so = prediction.assignment.get("algorithm") not in IN_NONE
        if rewards and chosen_so and len(prediction.variants) == 1:
            reward = math.fsum(rewards) / len(rewards)
            yield Decision(
                prediction_id,
                prediction.at_s,
                prediction.variants[0],
                reward,
                prediction.propensity,
            )


def arms_of(made: Iterable[Decision]) -> dict[str, Arm]:
    """What each arm earned, by version."""
    arms: dict[str, Arm] = {}
    for decision in made:
        arms[decision.arm] = arms.get(decision.arm, Arm()).updated(1, decision.reward)
    return arms


def linear_arms_of(
    made: Iterable[Decision], contexts: Contexts, features: int
) -> dict[str, LinearArm]:
    """What each arm earned by context; decisions whose context is not known do not count."""
    known: dict[str, tuple[list[NDArray[np.float64]], list[float]]] = {}
    for decision in made:
        context = contexts.get(decision.prediction_id)
        if context is not None and np.isfinite(context).all():
            vectors, rewards = known.setdefault(decision.arm, ([], []))
            vectors.append(context)
            rewards.append(decision.reward)
    return {
        arm: LinearArm.untried(features).updated(np.stack(vectors), np.array(rewards))
        for arm, (vectors, rewards) in known.items()
    }


def steering_of(arms: Mapping[str, Arm], features: tuple[str, ...] = ()) -> dict[str, Any]:
    """What a bandit route is steered by, as JSON values."""
    return {"features": list(features), "arms": {name: arm.to_json() for name, arm in arms.items()}}


def linear_steering_of(arms: Mapping[str, LinearArm], features: tuple[str, ...]) -> dict[str, Any]:
    """What a contextual bandit route is steered by, as JSON values."""
    simple = {name: Arm(arm.decisions, float(arm.weighted[0])) for name, arm in arms.items()}
    known = {name: {**simple[name].to_json(), **arm.to_json()} for name, arm in arms.items()}
    return {"features": list(features), "arms": known}


def vowpal_steering_of(
    made: Iterable[Decision], contexts: Contexts, features: tuple[str, ...]
) -> dict[str, Any]:
    """What a bandit route of Vowpal Wabbit is steered by, as JSON values.

    The model learns from decisions in their order in time; those whose context is not known, or
    whose propensity was not logged, teach it nothing.

    Raises:
        ConfigError: Vowpal Wabbit is not installed.
    """
    in_time = sorted(made, key=lambda one: (one.at_s, one.prediction_id))
    arms = arms_of(in_time)
    rewarded = [
        Rewarded(contexts[one.prediction_id], one.arm, one.reward, one.propensity)
        for one in in_time
        if one.propensity is not None and one.prediction_id in contexts
    ]
    model = trained(rewarded, sorted(arms), len(features))
    return {**steering_of(arms, features), "model": model.to_json()}


def _between(reward: float) -> float | None:
    """A reward cut to what one may be; none where it is no number."""
    return None if math.isnan(reward) else min(1.0, max(0.0, reward))

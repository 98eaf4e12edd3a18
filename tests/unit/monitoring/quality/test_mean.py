"""Means of rewards, with the intervals of scipy."""

import json

import numpy as np
import pytest
from scipy.stats import norm, sem

from serve_app.monitoring.quality.mean import RewardSums


def test_the_mean_reward_has_a_normal_interval():
    rewards = np.random.default_rng(1).exponential(3, 500)
    metric = RewardSums.of(rewards).metrics()["reward"]
    right = norm.interval(0.95, rewards.mean(), sem(rewards))
    assert (metric.value, metric.low, metric.high) == pytest.approx((rewards.mean(), *right))


def test_parts_add_up():
    whole = RewardSums.of([1.0, 2.0, -3.5, np.nan])
    assert RewardSums.of([2.0, np.nan]) + RewardSums.of([1.0, -3.5]) == whole
    assert (whole.n, whole.left_out) == (3, 1)
    assert RewardSums.from_json(json.loads(json.dumps(whole.to_json()))) == whole


def test_one_reward_has_no_interval_and_none_no_mean():
    assert RewardSums.of([2.0]).metrics()["reward"].low is None
    assert RewardSums().metrics()["reward"].value is None

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.routing.bandits.linucb import LinearArm, LinUcb


def arms(seed=1, features=3, decisions=40, offset=0.0, scale=1.0):
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(2):
        contexts = offset + scale * rng.normal(size=(decisions, features))
        made.append((contexts, rng.random(decisions)))
    return made


def linear(data):
    return [LinearArm.untried(x.shape[1]).updated(x, r) for x, r in data]


def test_bounds_are_those_of_the_algorithm_as_it_is_published():
    """A = I + sum z zᵀ, b = sum r z, theta = A⁻¹ b, p = thetaᵀ z + alpha sqrt(zᵀ A⁻¹ z)."""
    data = arms()
    every = np.concatenate([x for x, _ in data])
    mean, deviation = every.mean(axis=0), every.std(axis=0)
    context = np.array([0.3, -1.0, 0.2])
    z = np.concatenate([[1.0], (context - mean) / deviation])
    expected = []
    for x, r in data:
        precision, moment = np.eye(4), np.zeros(4)
        for row, reward in zip(x, r, strict=True):
            v = np.concatenate([[1.0], (row - mean) / deviation])
            precision += np.outer(v, v)
            moment += reward * v
        theta = np.linalg.solve(precision, moment)
        expected.append(theta @ z + 0.7 * np.sqrt(z @ np.linalg.solve(precision, z)))
    assert LinUcb(linear(data), alpha=0.7).bounds(context) == pytest.approx(expected, rel=1e-9)


@given(st.floats(-1e3, 1e3), st.floats(1e-2, 1e3))
def test_units_of_a_column_mean_nothing(mean, scale):
    offset = mean * scale
    plain = LinUcb(linear(arms()), 1.0).bounds(np.array([0.5, 0.1, -0.4]))
    other = LinUcb(linear(arms(offset=offset, scale=scale)), 1.0)
    context = offset + scale * np.array([0.5, 0.1, -0.4])
    assert other.bounds(context) == pytest.approx(plain, rel=1e-3)


def test_a_missing_value_counts_as_the_mean():
    data = arms()
    mean = np.concatenate([x for x, _ in data]).mean(axis=0)
    policy = LinUcb(linear(data), 1.0)
    assert policy.bounds(np.array([0.2, np.nan, 0.1])) == pytest.approx(
        policy.bounds(np.array([0.2, mean[1], 0.1]))
    )


def test_what_is_added_in_parts_and_written_is_what_is_added_at_once():
    (x, r), _ = arms()
    parts = LinearArm.untried(3).updated(x[:11], r[:11]).updated(x[11:], r[11:])
    again = LinearArm.from_json(json.loads(json.dumps(parts.to_json())))
    whole = LinearArm.untried(3).updated(x, r)
    assert again.outer == pytest.approx(whole.outer)
    assert again.weighted == pytest.approx(whole.weighted)
    assert again.decisions == 40


def test_a_column_that_never_varies_changes_nothing():
    x, r = np.full((30, 1), 7.3), np.linspace(0, 1, 30)
    policy = LinUcb([LinearArm.untried(1).updated(x, r)] * 2, 1.0)
    assert np.isfinite(policy.bounds(np.array([7.3]))).all()


def test_untried_arms_get_an_equal_part():
    tried = LinearArm.untried(1).updated(np.array([[1.0], [2.0]]), np.array([1.0, 1.0]))
    policy = LinUcb([tried, LinearArm.untried(1)], 1.0)
    assert policy.shares(np.array([1.0])) == pytest.approx([0.5, 0.5])
    nothing = LinUcb([LinearArm.untried(1)] * 4, 1.0)
    assert nothing.shares(np.array([1.0])) == pytest.approx([0.25] * 4)

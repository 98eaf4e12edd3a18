import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.errors import InvalidInput
from serve_app.experiments.confidence_sequence import mean_sequence
from serve_app.experiments.off_policy import (
    bounded_sequence,
    doubly_robust,
    inverse_propensity,
    self_normalised,
)

LOGGED = ([1.0, 0.0, 1.0, 0.0, 1.0], [0.5, 0.5, 0.25, 0.8, 0.9], [0.5, 0.25, 0.75, 0.2, 0.1])


def test_values_are_those_computed_by_hand():
    weights = [1, 0.5, 3, 0.25, 1 / 9]
    earned = [1, 0, 3, 0, 1 / 9]
    ips = inverse_propensity(*LOGGED)
    assert ips.value == pytest.approx(sum(earned) / 5)
    assert ips.standard_error == pytest.approx(np.std(earned, ddof=1) / math.sqrt(5))
    assert ips.effective_sample_size == pytest.approx(
        sum(weights) ** 2 / sum(w * w for w in weights)
    )
    assert (ips.n, ips.largest_weight, ips.clipped) == (5, 3, 0)
    assert self_normalised(*LOGGED).value == pytest.approx(sum(earned) / sum(weights))
    predicted, of_target = [0.6, 0.2, 0.7, 0.1, 0.8], [0.5, 0.3, 0.6, 0.2, 0.4]
    terms = [
        t + w * (r - p) for t, w, r, p in zip(of_target, weights, LOGGED[0], predicted, strict=True)
    ]
    assert doubly_robust(*LOGGED, predicted, of_target).value == pytest.approx(sum(terms) / 5)


LOGGING, TARGET, REWARD = (0.7, 0.2, 0.1), (0.1, 0.3, 0.6), (0.2, 0.5, 0.9)
VALUE = sum(t * r for t, r in zip(TARGET, REWARD, strict=True))


def expected(estimator):
    """The mean of an estimate over all that two decisions could have been."""
    total = 0.0
    for arms in product(range(3), repeat=2):
        for rewards in product((0.0, 1.0), repeat=2):
            chance = 1.0
            for arm, reward in zip(arms, rewards, strict=True):
                chance *= LOGGING[arm] * (REWARD[arm] if reward else 1 - REWARD[arm])
            total += chance * estimator(rewards, arms)
    return total


def columns(rewards, arms):
    return rewards, [LOGGING[arm] for arm in arms], [TARGET[arm] for arm in arms]


def test_inverse_propensity_is_unbiased():
    mean = expected(lambda rewards, arms: inverse_propensity(*columns(rewards, arms)).value)
    assert mean == pytest.approx(VALUE, abs=1e-12)


@pytest.mark.parametrize("model", [(0.2, 0.5, 0.9), (0.9, 0.1, 0.4)])
def test_doubly_robust_is_unbiased_whatever_the_model(model):
    of_target = sum(t * m for t, m in zip(TARGET, model, strict=True))

    def estimate(rewards, arms):
        predicted = [model[arm] for arm in arms]
        return doubly_robust(*columns(rewards, arms), predicted, [of_target] * 2).value

    assert expected(estimate) == pytest.approx(VALUE, abs=1e-12)


def logged_at_random(rng, n):
    arms = rng.choice(3, size=n, p=LOGGING)
    rewards = (rng.random(n) < np.array(REWARD)[arms]).astype(float)
    return rewards, np.array(LOGGING)[arms], np.array(TARGET)[arms], arms


def test_intervals_of_one_look_hold_as_often_as_they_should():
    rng = np.random.default_rng(5)
    of_target = np.full(2_000, VALUE)
    held = np.zeros(3)
    for _ in range(1_000):
        *logged, arms = logged_at_random(rng, 2_000)
        values = (
            inverse_propensity(*logged),
            self_normalised(*logged),
            doubly_robust(*logged, np.array(REWARD)[arms], of_target),
        )
        held += [value.interval.contains(VALUE) for value in values]
    assert (held / 1_000 > 0.93).all()
    assert (held / 1_000 < 0.97).all()


def test_a_model_of_rewards_narrows_the_interval():
    *logged, arms = logged_at_random(np.random.default_rng(6), 5_000)
    model = doubly_robust(*logged, np.array(REWARD)[arms], np.full(5_000, VALUE))
    assert model.interval.width < 0.7 * inverse_propensity(*logged).interval.width


@given(
    st.lists(
        st.tuples(st.floats(-5, 5), st.floats(0.05, 1), st.floats(0.01, 1)), min_size=2, max_size=30
    ),
    st.floats(-10, 10),
)
def test_self_normalised_stays_among_the_rewards_and_moves_with_them(rows, offset):
    rewards, propensities, target = (np.array(column) for column in zip(*rows, strict=True))
    value = self_normalised(rewards, propensities, target).value
    assert rewards.min() - 1e-9 <= value <= rewards.max() + 1e-9
    moved = self_normalised(rewards + offset, propensities, target).value
    assert moved == pytest.approx(value + offset, abs=1e-8)


def test_the_logging_policy_itself_has_the_mean_of_its_rewards():
    rewards = [0.3, 0.7, 0.2, 0.9]
    for estimate in (inverse_propensity, self_normalised):
        value = estimate(rewards, [0.5, 0.5, 0.2, 0.8], [0.5, 0.5, 0.2, 0.8])
        assert value.value == pytest.approx(np.mean(rewards))
        assert value.effective_sample_size == pytest.approx(4)


def test_clipped_weights_are_counted():
    value = inverse_propensity(*LOGGED, largest_weight=2)
    assert (value.clipped, value.largest_weight) == (1, 2)
    assert value.value == pytest.approx((1 + 2 + 1 / 9) / 5)


def test_a_value_goes_on_to_a_confidence_sequence():
    value = inverse_propensity(*logged_at_random(np.random.default_rng(8), 3_000)[:3])
    always = mean_sequence(value.estimate, tightest_at=3_000)
    assert always.lower < value.interval.lower < value.value < value.interval.upper < always.upper
    assert always.contains(VALUE)


def test_bounds_hold_at_all_rows_of_nearly_all_runs():
    rng = np.random.default_rng(9)
    missed = 0
    widths = []
    for _ in range(400):
        rewards, propensities, target, _ = logged_at_random(rng, 2_000)
        bounds = bounded_sequence(rewards, propensities, target, tightest_at=2_000)
        missed += (bounds.lower > VALUE).any() or (bounds.upper < VALUE).any()
        widths.append(bounds.interval.width)
    assert missed / 400 <= 0.05
    assert np.mean(widths) < 0.35


def test_bounds_move_with_the_scale_of_rewards():
    rewards, *policies, _ = logged_at_random(np.random.default_rng(10), 500)
    one = bounded_sequence(rewards, *policies, tightest_at=500)
    euros = bounded_sequence(rewards * 40 - 10, *policies, lowest=-10, highest=30, tightest_at=500)
    assert euros.lower == pytest.approx(one.lower * 40 - 10)
    assert euros.upper == pytest.approx(one.upper * 40 - 10)
    assert (np.diff(one.lower) >= 0).all()
    assert (np.diff(one.upper) <= 0).all()


@pytest.mark.parametrize(
    ("rewards", "propensities", "target", "words"),
    [
        ([1, 0], [0.5, 0], [0.5, 0.5], "propensity is 0"),
        ([1, 0], [0.5, 1.5], [0.5, 0.5], "propensity is 1.5"),
        ([1, 0], [0.5, -0.5], [0.5, 0.5], "propensity is -0.5"),
        ([1, 0], [0.5, math.nan], [0.5, 0.5], "nan"),
        ([1, math.inf], [0.5, 0.5], [0.5, 0.5], "inf"),
        ([1, 0], [0.5, 0.5], [0.5, 1.5], "1.5"),
        ([1, 0], [0.5, 0.5], [0, 0], "none of the logged decisions"),
        ([1, 0], [0.5, 0.5, 0.5], [0.5, 0.5], "one of each per row"),
        ([1], [0.5], [0.5], "at least 2"),
        ([], [], [], "at least 2"),
    ],
)
@pytest.mark.parametrize("estimate", [inverse_propensity, self_normalised])
def test_wrong_logs_are_refused_in_words(estimate, rewards, propensities, target, words):
    with pytest.raises(InvalidInput, match=words):
        estimate(rewards, propensities, target)


@pytest.mark.parametrize(
    "settings",
    [
        {"lowest": 1, "highest": 0},
        {"highest": 0.5},
        {"alpha": 0},
        {"tightest_at": 0},
    ],
)
def test_wrong_settings_of_bounds_are_refused(settings):
    with pytest.raises(InvalidInput):
        bounded_sequence(*LOGGED, **{"tightest_at": 100, **settings})


def test_predictions_of_other_rows_are_refused():
    with pytest.raises(InvalidInput, match="one of each per row"):
        doubly_robust(*LOGGED, [0.5], [0.5] * 5)
    with pytest.raises(InvalidInput):
        inverse_propensity(*LOGGED, largest_weight=0)

"""What an arm alone would have earned is what it earns, however rarely it was chosen."""

import numpy as np
import pytest
from scipy import stats

from serve_app.monitoring.arm_values import LEAST_DECISIONS, worth_of_arms
from serve_app.monitoring.bandit_rewards import Decision

MEANS = {"a@1": 0.8, "b@1": 0.5, "c@1": 0.3}


def logged(seed, n=1_000, late=0):
    """Decisions by shares that change over time; c@1 is there from the decision `late` on."""
    rng = np.random.default_rng(seed)
    at = np.arange(n)
    part = at / n
    shares = np.stack([0.1 + 0.7 * part, 0.8 - 0.7 * part, np.where(at < late, 0.0, 0.1)], axis=1)
    shares /= shares.sum(axis=1, keepdims=True)
    places = (rng.random((n, 1)) > np.cumsum(shares, axis=1)[:, :2]).sum(axis=1)
    # What an arm earns grows in time: the mean of its rewards alone is not the answer.
    chances = np.array(list(MEANS.values()))[places] + 0.2 * (part - 0.5)
    rewards = (rng.random(n) < chances).astype(float).tolist()
    taken = shares[at, places].tolist()
    names = np.array(list(MEANS))[places].tolist()
    rows = zip(names, rewards, taken, strict=True)
    return [Decision(f"p{i:05d}", float(i), *row) for i, row in enumerate(rows)]


def test_rewards_are_weighed_by_the_inverse_of_their_propensities():
    made = logged(1)
    (first, *after) = (at for at, one in enumerate(made) if one.arm == "b@1")
    own = [made[at] for at in after]
    weights = [1 / one.propensity for one in own]
    worth = worth_of_arms(made, MEANS)["b@1"]
    expected = sum(w * one.reward for w, one in zip(weights, own, strict=True)) / sum(weights)
    assert worth.value == pytest.approx(expected)
    assert worth.n == len(made) - first - 1
    kish = sum(weights) ** 2 / sum(w * w for w in weights)
    assert worth.effective_sample_size == pytest.approx(kish)
    assert worth.to_json()["low"] < worth.value < worth.to_json()["high"]


def test_the_interval_holds_the_average_though_shares_and_rewards_follow_time():
    off, outside, n = [], 0, 100
    for seed in range(n):
        made = logged(seed)
        worth = worth_of_arms(made, MEANS)
        outside += sum(not worth[arm].low <= mean <= worth[arm].high for arm, mean in MEANS.items())
        own = [one.reward for one in made if one.arm == "a@1"]
        off.append([worth["a@1"].value - MEANS["a@1"], np.mean(own) - MEANS["a@1"]])
    by_weights, by_mean = np.mean(off, axis=0)
    # 5 % is the promise for all looks together; 99.9 % of such counts lie below this.
    assert outside <= stats.binom.ppf(0.999, 3 * n, 0.05)
    assert abs(by_weights) < 0.01
    assert by_mean > 0.02


def test_rewards_that_are_all_alike_are_not_certain():
    made = [Decision(f"p{at}", float(at), f"{'ab'[at % 2]}@1", 1.0, 0.5) for at in range(200)]
    worth = worth_of_arms(made, ("a@1", "b@1"))["a@1"]
    assert worth.value == worth.high == 1.0
    # Not more certain than Hoeffding's bound of one look at 100 rewards.
    assert 0.5 < worth.low < 1 - np.sqrt(np.log(1 / 0.05) / (2 * 100))


def test_an_arm_that_came_later_is_judged_from_then_on():
    worth = worth_of_arms(logged(2, late=500), MEANS)
    assert worth["c@1"].n < 500
    # From the middle on rewards are 0.05 higher than on the average of all time.
    assert worth["c@1"].low <= MEANS["c@1"] + 0.05 <= worth["c@1"].high
    assert worth["a@1"].n > 900


def test_too_few_decisions_and_those_without_chance_tell_nothing():
    made = logged(3)
    own = [one for one in made if one.arm == "c@1"]
    assert len(own) > LEAST_DECISIONS
    others = [one for one in made if one.arm != "c@1"]
    assert "c@1" not in worth_of_arms([*others, *own[:LEAST_DECISIONS]], MEANS)
    assert worth_of_arms([], MEANS) == {}
    for propensity in (None, 1.0, 0.0):
        without = [Decision(o.prediction_id, o.at_s, o.arm, o.reward, propensity) for o in made]
        assert worth_of_arms(without, MEANS) == {}


def test_the_order_in_which_labels_came_does_not_matter():
    made = logged(4, 500)
    assert worth_of_arms(reversed(made), MEANS) == worth_of_arms(made, MEANS)

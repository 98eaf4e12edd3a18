"""The shop's log, what it says of policies that were not tried, and the replay of the route."""

import itertools
import math
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from examples.recommendations.customers import TIMES_AS_OFTEN, customers_like
from examples.recommendations.live import shown
from examples.recommendations.log import (
    CAMPAIGNS,
    FEATURES,
    POSITIONS,
    RANDOM,
    THOMPSON,
    USER_FEATURES,
    Log,
    read_log,
)
from examples.recommendations.offline import earned, offline, shares_by_position
from examples.recommendations.replay import CONTEXT, replayed, rewards
from examples.recommendations.study import STUDY
from serve_app.client import Answer

installed = pytest.mark.skipif(find_spec("obp") is None, reason="the package obp is not installed")
ITEMS = {"all": 80, "men": 34, "women": 46}
CLICKS = {
    ("all", RANDOM): 38, ("all", THOMPSON): 42, ("men", RANDOM): 46,
    ("men", THOMPSON): 69, ("women", RANDOM): 46, ("women", THOMPSON): 46,
}  # fmt: skip
"""Counted with awk in the columns `click` of the package's files."""


def drawn(*, clicks, items=4, count=4_000, seed=0):
    """A log of random choices in which each item is clicked at its own rate."""
    rng = np.random.default_rng(seed)
    item, position = rng.integers(items, size=count), rng.integers(POSITIONS, size=count)
    words = dict.fromkeys(USER_FEATURES, "a")
    rows = pd.DataFrame({"position": position + 1, "hour": 12, "liked_items": 0, **words})
    return Log(
        "men", RANDOM, items, item, position,
        (rng.random(count) < np.array(clicks)[item]).astype(float),
        np.full(count, 1 / items), rows,
    )  # fmt: skip


def always(log, shares):
    return np.tile(np.array(shares, float), (len(log), 1))


@installed
@pytest.mark.parametrize("campaign", CAMPAIGNS)
@pytest.mark.parametrize("policy", [RANDOM, THOMPSON])
def test_a_log_has_ten_thousand_impressions_of_the_campaigns_items(campaign, policy):
    log = read_log(campaign, policy)
    assert (len(log), log.items) == (10_000, ITEMS[campaign])
    assert int(log.click.sum()) == CLICKS[campaign, policy]
    assert set(log.item) == set(range(log.items))
    assert set(FEATURES) <= set(log.rows.columns)
    assert log.rows["shown_at"].is_monotonic_increasing
    assert set(log.rows["position"]) == {1, 2, 3}
    assert (log.propensity > 0).all()
    assert (log.propensity <= 1).all()
    if policy == RANDOM:
        assert log.propensity == pytest.approx(1 / log.items)


@installed
def test_what_thompson_sampling_earned_lies_where_the_random_log_expects_it():
    for campaign in CAMPAIGNS:
        random, thompson = read_log(campaign, RANDOM), read_log(campaign, THOMPSON)
        came = earned(thompson)
        assert came.value == CLICKS[campaign, THOMPSON] / 10_000
        values = offline(random, shares_by_position(thompson)[random.position])
        for one in (values.inverse_propensity, values.self_normalised, values.doubly_robust):
            apart = abs(one.value - came.value)
            assert apart < 2 * math.hypot(one.standard_error, came.standard_error)


def test_shares_are_how_often_an_item_was_shown_at_a_position():
    log = drawn(clicks=[0.0] * 4, count=500)
    shares = shares_by_position(log)
    pairs = list(zip(log.position.tolist(), log.item.tolist(), strict=True))
    for position, item in itertools.product(range(POSITIONS), range(4)):
        here = [one for one in pairs if one[0] == position]
        assert shares[position, item] == here.count((position, item)) / len(here)


def test_three_estimators_find_the_value_that_the_clicks_were_drawn_with():
    rates = [0.1, 0.2, 0.3, 0.6]
    wanted = [0.1, 0.1, 0.2, 0.6]
    log = drawn(clicks=rates, count=40_000)
    values = offline(log, always(log, wanted))
    truth = float(np.dot(rates, wanted))
    for one in (values.inverse_propensity, values.self_normalised, values.doubly_robust):
        assert one.value == pytest.approx(truth, abs=4 * one.standard_error)
        assert one.standard_error < 0.01
    assert values.bounds.lower < truth < values.bounds.upper
    # Where rewards differ by item, what is predicted takes noise away.
    robust, weighed = values.doubly_robust, values.inverse_propensity
    assert robust.standard_error < weighed.standard_error


def test_inverse_propensity_is_the_sum_written_out():
    log = drawn(clicks=[0.5] * 4, count=50)
    wanted = [0.7, 0.1, 0.1, 0.1]
    by_hand = sum(
        click * wanted[item] / 0.25
        for click, item in zip(log.click.tolist(), log.item.tolist(), strict=True)
    )
    values = offline(log, always(log, wanted))
    assert values.inverse_propensity.value == pytest.approx(by_hand / 50)
    assert rewards(log, always(log, wanted)).mean() == pytest.approx(by_hand / 50)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(0.1, 1.0), min_size=4, max_size=4), st.integers(0, 1000))
def test_a_policy_that_chooses_as_the_log_did_earned_what_the_log_earned(clicks, seed):
    log = drawn(clicks=clicks, count=200, seed=seed)
    values = offline(log, always(log, [0.25] * 4))
    came = log.click.mean()
    assert values.inverse_propensity.value == pytest.approx(came)
    assert values.self_normalised.value == pytest.approx(came)


@pytest.mark.parametrize(
    "policy", [{"policy": "thompson"}, {"policy": "linucb", "features": CONTEXT, "alpha": 0.1}]
)
def test_the_route_comes_to_the_arm_that_earns_more(policy):
    log = drawn(clicks=[0.05, 0.05, 0.05, 0.8])
    arms = {"a@1": [0.25] * 4, "b@1": [0.0, 0.0, 0.0, 1.0]}
    arms = {name: rewards(log, always(log, shares)) for name, shares in arms.items()}
    route = {**policy, "floor": 0.05, "reward": {"kind": "value", "low": 0.0, "high": 4.0}}
    done = replayed(log, arms, route, every=200, seed=1)
    assert done.share_of("b@1", last=len(log)) > 0.7
    assert done.share_of("b@1", last=1_000) == pytest.approx(0.95, abs=0.03)
    assert done.reward.mean() > arms["a@1"].mean()
    assert done.propensity.min() >= 0.05 - 1e-9


def test_propensities_of_the_replay_tell_what_an_arm_alone_would_have_earned():
    log = drawn(clicks=[0.2, 0.2, 0.2, 0.6], count=20_000)
    arms = {"a@1": [0.25] * 4, "b@1": [0.1, 0.1, 0.1, 0.7]}
    arms = {name: rewards(log, always(log, shares)) for name, shares in arms.items()}
    route = {
        "policy": "thompson", "floor": 0.2, "reward": {"kind": "value", "low": 0.0, "high": 4.0},
    }  # fmt: skip
    done = replayed(log, arms, route, every=500, seed=2)
    chose = done.chosen == done.arms.index("a@1")
    weighed = np.where(chose, done.reward / done.propensity, 0.0).mean()
    assert weighed == pytest.approx(arms["a@1"].mean(), rel=0.1)


def test_customers_click_as_often_as_the_logs_say_and_thirty_times_that():
    logs = drawn(clicks=[0.001, 0.002, 0.01, 0.02], count=200_000), drawn(clicks=[0.0] * 4, count=9)
    customers = customers_like(logs, drawn(clicks=[0.0] * 4, count=3_000), seed=5)
    # A hundred impressions of all items together are nothing beside fifty thousand of each.
    for position in range(POSITIONS):
        assert customers.rates[position] / TIMES_AS_OFTEN == pytest.approx(
            [0.001, 0.002, 0.01, 0.02], abs=0.002
        )
    clicks = customers.clicks(always(customers.log, [0.0, 0.0, 0.5, 0.5]))
    truth = customers.rates[customers.log.position][:, 2:].mean()
    assert clicks.mean() == pytest.approx(truth, abs=4 * math.sqrt(truth / len(clicks)))


def test_ways_to_choose_that_show_the_same_item_earn_the_same():
    log = drawn(clicks=[0.01] * 4, count=400)
    customers = customers_like((log,), log, seed=6)
    first = customers.clicks(always(log, [1.0, 0.0, 0.0, 0.0]))
    # The shares of a sum that is not quite 1, too.
    again = customers.clicks(always(log, [1.0 - 1e-9, 0.0, 0.0, 0.0]))
    assert first.tolist() == again.tolist()
    assert set(first.tolist()) == {0.0, 1.0}


class Arms:
    """An endpoint whose arms answer by turns, always with the second item."""

    def __init__(self):
        self.client = self
        self.asked, self.rewards = [], []

    def predict(self, endpoint, rows):
        self.asked.append(rows.to_dict(orient="records"))
        arm = ("even@1", "shop@2")[len(self.asked) % 2]
        named = f"p-{len(self.asked)}"
        return Answer(["b"], [[0.0, 1.0, 0.0, 0.0]], list("abcd"), [arm], named, "r", 1)

    def feedback_all(self, endpoint, items):
        self.rewards += [(one["prediction"].prediction_id, one["reward"]) for one in items]


def test_each_impression_is_asked_about_alone_and_what_became_of_it_is_sent():
    log = drawn(clicks=[0.01] * 4, count=450)
    customers, arms = customers_like((log,), log, seed=7), Arms()
    seen = shown(arms, customers, range(450))
    assert [len(rows) for rows in arms.asked] == [1] * 450
    assert [rows[0]["position"] for rows in arms.asked] == log.rows["position"].tolist()
    assert set(arms.asked[0][0]) == set(FEATURES)
    expected = customers.clicks(always(log, [0.0, 1.0, 0.0, 0.0])).tolist()
    assert list(seen.clicks) == expected
    assert arms.rewards == [(f"p-{place + 1}", one) for place, one in enumerate(expected)]
    assert seen.share_of("even@1", last=450) == seen.share_of("shop@2", last=2) == 0.5


def test_the_page_shows_the_pipeline_and_the_route_that_run():
    pipeline, route = STUDY.page.read_text().split("```yaml\n")[1:]
    files = STUDY.page.parents[2] / "examples" / "recommendations"
    assert yaml.safe_load(pipeline.split("```")[0]) == yaml.safe_load(
        (files / "shop.yaml").read_text()
    )
    applications = yaml.safe_load((files / "live.yaml").read_text())["applications"]
    control = next(one for one in applications if one["name"] == "control")
    declared = control["deployments"][0]["user_config"]
    assert yaml.safe_load(route.split("```")[0]) == declared

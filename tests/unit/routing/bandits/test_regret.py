"""The short version of `benchmarks/simulate/bandits.py`; the means are those of its table."""

import numpy as np
import pytest

from benchmarks.simulate.bandits import (
    DELAYED,
    MEANS,
    TOLERANCE,
    Traffic,
    auer_bound,
    contextual_shares,
    regret,
    regrets,
)
from serve_app.routing.bandits.policies import Thompson, Ucb1

RUNS = 8


@pytest.mark.parametrize(("name", "means", "known"), [one for one in MEANS if len(one[1]) == 2])
def test_thompson_sampling_loses_no_more_than_it_is_known_to(name, means, known):
    lost = regrets(Thompson(), Traffic(means, batch=25), RUNS)[:, -1].mean()
    assert lost <= TOLERANCE * known, name


@pytest.mark.parametrize(("batch", "known"), DELAYED[1:])
def test_rewards_that_come_late_cost_little(batch, known):
    lost = regrets(Thompson(), Traffic((0.55, 0.45), batch=batch), RUNS)
    assert lost[:, -1].mean() <= TOLERANCE * known
    assert np.diff(lost[:, [4_999, -1]]).mean() < lost[:, 4_999].mean()


def test_gateways_that_share_what_is_known_lose_no_more_than_one():
    lost = regrets(Thompson(), Traffic((0.55, 0.45), batch=100, replicas=4), RUNS)[:, -1]
    assert lost.mean() <= TOLERANCE * 20.9


def test_state_that_is_restored_goes_on_as_if_nothing_had_been():
    plain = regret(Thompson(), Traffic((0.55, 0.45), batch=100), seed=3)
    again = regret(Thompson(), Traffic((0.55, 0.45), batch=100, restart_at=5_000), seed=3)
    assert (plain == again).all()


@pytest.mark.parametrize("means", [(0.9, 0.6), (0.9, 0.8), (0.55, 0.45)])
def test_ucb1_stays_below_the_bound_of_auer(means):
    assert regret(Ucb1(), Traffic(means), seed=1)[-1] < auer_bound(means, 10_000)


def test_the_bound_is_the_published_one():
    """8 ln(10,000) / 0.3 + (1 + pi²/3) 0.3 = 246.9, by hand."""
    assert auer_bound((0.9, 0.6), 10_000) == pytest.approx(246.9, abs=0.05)


def test_linucb_learns_which_arm_suits_which_request():
    earned, always_one = contextual_shares(3_000, seed=2)
    assert earned > always_one + 0.1

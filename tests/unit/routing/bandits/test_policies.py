import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from serve_app.errors import ConfigError, InvalidInput
from serve_app.routing.bandits.arms import Arm, among_best, choose, floored
from serve_app.routing.bandits.best import probability_best
from serve_app.routing.bandits.policies import EpsilonGreedy, Thompson, Ucb1

POLICIES = (Thompson(), Ucb1(), EpsilonGreedy(0.1))
ARMS = st.lists(
    st.integers(0, 100_000).flatmap(
        lambda decisions: st.floats(0, decisions).map(lambda reward: Arm(decisions, reward))
    ),
    min_size=1,
    max_size=8,
)


@pytest.mark.parametrize("policy", POLICIES, ids=lambda one: type(one).__name__)
@given(arms=ARMS, part=st.floats(0, 1))
def test_shares_add_up_to_one_and_none_is_below_the_floor(policy, arms, part):
    floor = part / len(arms)
    shares = floored(policy.shares(arms), floor)
    assert shares.sum() == pytest.approx(1, abs=1e-9)
    assert (shares >= floor - 1e-12).all()
    assert np.isfinite(shares).all()


@pytest.mark.parametrize("policy", POLICIES, ids=lambda one: type(one).__name__)
@given(arms=ARMS, seed=st.integers(0, 1000))
def test_the_order_of_arms_means_nothing(policy, arms, seed):
    order = np.random.default_rng(seed).permutation(len(arms))
    turned = policy.shares([arms[at] for at in order])
    assert turned == pytest.approx(policy.shares(arms)[order], abs=1e-9)


@pytest.mark.parametrize("policy", POLICIES, ids=lambda one: type(one).__name__)
def test_nobody_is_preferred_while_nothing_is_known(policy):
    assert policy.shares([Arm()] * 4) == pytest.approx([0.25] * 4)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ([2, 1], [1, 2]),
        ([500, 480], [500, 520]),
        ([1, 1], [1000, 500]),
        ([9001, 8900, 6], [1001, 1100, 4]),
        ([1.5, 3.2, 7.7, 1], [900, 3, 2, 1]),
    ],
)
def test_the_probability_to_be_best_is_that_of_scipy(a, b):
    spread = [
        mean + k * math.sqrt(mean * (1 - mean) / (one + other + 1))
        for one, other in zip(a, b, strict=True)
        for mean in [one / (one + other)]
        for k in (-6, -3, 0, 3, 6)
    ]
    points = sorted(set(np.clip(spread, 1e-9, 1 - 1e-9)))

    def exact(arm):
        others = [at for at in range(len(a)) if at != arm]

        def density(x):
            below = np.prod([stats.beta.cdf(x, a[at], b[at]) for at in others])
            return stats.beta.pdf(x, a[arm], b[arm]) * below

        return integrate.quad(density, 0, 1, points=points, limit=2000)[0]

    found = probability_best(a, b)
    assert found == pytest.approx([exact(arm) for arm in range(len(a))], abs=2e-4)


def test_of_rare_rewards_the_first_of_three_events_decides():
    """Beta(k, n) times n is Gamma(k) for large n: P(Exp(1) > Gamma(2)) is 1/4."""
    assert probability_best([1, 2], [1e6, 1e6]) == pytest.approx([0.25, 0.75], abs=2e-4)


def test_the_probability_to_beat_another_is_the_closed_form():
    """P(B > A) = sum_i B(a_A + i, b_A + b_B) / ((b_B + i) B(1 + i, b_B) B(a_A, b_A)).

    Miller, "Formulas for Bayesian A/B Testing" (2014).
    """

    def log_beta(a, b):
        return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)

    a_a, b_a, a_b, b_b = 41, 461, 51, 451
    beats = sum(
        math.exp(
            log_beta(a_a + i, b_a + b_b)
            - math.log(b_b + i)
            - log_beta(1 + i, b_b)
            - log_beta(a_a, b_a)
        )
        for i in range(a_b)
    )
    arms = [Arm(500, 40), Arm(500, 50)]
    assert Thompson().shares(arms)[1] == pytest.approx(beats, abs=1e-4)


def test_thompson_draws_from_its_shares_as_often_as_each_posterior_draw_is_the_largest():
    arms = [Arm(30, 12), Arm(50, 25), Arm(4, 1)]
    rng = np.random.default_rng(7)
    draws = np.stack([rng.beta(1 + o.reward, 1 + o.decisions - o.reward, 200_000) for o in arms])
    often = np.bincount(draws.argmax(axis=0), minlength=3)
    expected = Thompson().shares(arms) * often.sum()
    assert stats.chisquare(often, expected).pvalue > 1e-4


def test_ucb1_follows_its_formula():
    arms = [Arm(10, 5.0), Arm(40, 24.0), Arm(50, 30.0)]
    indices = [0.5 + math.sqrt(2 * math.log(100) / 10), 0.6 + math.sqrt(2 * math.log(100) / 40),
               0.6 + math.sqrt(2 * math.log(100) / 50)]  # fmt: skip
    assert Ucb1().shares(arms).tolist() == [float(one == max(indices)) for one in indices]


def test_an_arm_without_rewards_gets_an_equal_part_and_not_all():
    arms = [Arm(100, 90.0), Arm(100, 10.0), Arm()]
    assert Ucb1().shares(arms) == pytest.approx([2 / 3, 0, 1 / 3])
    assert EpsilonGreedy(0.3).shares(arms) == pytest.approx([0.7 * 2 / 3 + 0.1, 0.1, 0.1 + 0.7 / 3])


def test_epsilon_is_shared_by_all():
    assert EpsilonGreedy(0.1).shares([Arm(9, 9.0), Arm(9, 0.0)]) == pytest.approx([0.95, 0.05])
    assert EpsilonGreedy(0.0).shares([Arm(9, 9.0), Arm(9, 0.0)]).tolist() == [1.0, 0.0]
    assert among_best(np.array([1.0, 1.0, 0.0]), np.zeros(3, bool)) == pytest.approx([0.5, 0.5, 0])


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=6).filter(lambda shares: sum(shares) > 0),
    st.floats(0, 1, exclude_max=True),
)
def test_a_draw_falls_to_an_arm_that_has_a_share(shares, draw):
    assert shares[choose(shares, draw)] > 0


def test_draws_are_divided_by_shares():
    draws = (np.arange(1000) + 0.5) / 1000
    chosen = [choose([0.2, 0.0, 0.5, 0.3], draw) for draw in draws]
    assert np.bincount(chosen).tolist() == [200, 0, 500, 300]
    assert choose([0.5, 0.5, 0.0], 1 - 2**-53) == 1


@given(st.lists(st.tuples(st.integers(0, 50), st.floats(0, 1)), max_size=20))
def test_what_is_added_in_parts_is_what_is_added_at_once(parts):
    arm = Arm()
    for decisions, mean in parts:
        arm = arm.updated(decisions, decisions * mean)
    assert arm.decisions == sum(decisions for decisions, _ in parts)
    assert arm.reward == pytest.approx(sum(n * mean for n, mean in parts))
    assert Arm.from_json(arm.to_json()) == arm


@pytest.mark.parametrize(
    ("decisions", "reward"), [(-1, 0), (1, 1.5), (1, -0.1), (0, 1), (2, math.nan)]
)
def test_rewards_that_cannot_be_are_refused(decisions, reward):
    with pytest.raises(InvalidInput, match="cannot have earned"):
        Arm().updated(decisions, reward)


def test_a_floor_that_arms_cannot_have_is_refused():
    with pytest.raises(ConfigError, match=r"3 arms.*120%.*at most 0\.3333"):
        floored(np.full(3, 1 / 3), 0.4)

"""The regret of bandits in simulated traffic, held against published bounds.

Rewards are Bernoulli; of each arm the same seeds give the same numbers every time. The table of
means for Thompson sampling is that of 100 runs of 10,000 requests with Beta(1, 1) and no delay.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.simulate.guarantee import Guarantee
from serve_app.routing.bandits.arms import Arm, Policy, choose, floored
from serve_app.routing.bandits.linucb import LinearArm, LinUcb
from serve_app.routing.bandits.policies import EpsilonGreedy, Thompson, Ucb1

REQUESTS = 10_000
MEANS: tuple[tuple[str, tuple[float, ...], float], ...] = (
    (".9/.6", (0.9, 0.6), 6.1),
    (".9/.8", (0.9, 0.8), 10.7),
    (".55/.45", (0.55, 0.45), 19.7),
    (".9, nine .6", (0.9, *[0.6] * 9), 48.5),
    (".05/.04", (0.05, 0.04), 17.6),
)
"""Mean rewards of arms, and the mean regret of Thompson sampling among them."""
DELAYED = ((1, 18.5), (10, 19.2), (100, 20.9))
"""Requests between two updates, and the mean regret of Thompson sampling at .55/.45."""
TOLERANCE = 1.5
RUNS, SMALL_RUNS = 20, 5


@dataclass(frozen=True, slots=True)
class Traffic:
    """Requests that arms of some mean rewards answer.

    Every `batch` requests the rewards since the last time become known. They come to one of
    `replicas` gateways in turn, which draw apart and share what is known. After `restart_at`
    requests all state is written, forgotten and read again.
    """

    means: tuple[float, ...]
    requests: int = REQUESTS
    batch: int = 1
    replicas: int = 1
    restart_at: int | None = None
    floor: float = 0.0


def regret(policy: Policy, traffic: Traffic, seed: int) -> np.ndarray:
    """The regret after each request, in expected rewards; of shape (requests,)."""
    draws = [np.random.default_rng((seed, one)) for one in range(traffic.replicas)]
    world = np.random.default_rng((seed, traffic.replicas, 1))
    arms = [Arm()] * len(traffic.means)
    best = max(traffic.means)
    lost = np.empty(traffic.requests)
    for start in range(0, traffic.requests, traffic.batch):
        if traffic.restart_at is not None and start >= traffic.restart_at:
            arms = [Arm.from_json(arm.to_json()) for arm in arms]
        shares = floored(policy.shares(arms), traffic.floor).tolist()
        stop = min(start + traffic.batch, traffic.requests)
        chosen = [choose(shares, draws[at % traffic.replicas].random())
                  for at in range(start, stop)]  # fmt: skip
        earned = world.random(stop - start) < np.array(traffic.means)[chosen]
        lost[start:stop] = best - np.array(traffic.means)[chosen]
        for index, rewarded in zip(chosen, earned.tolist(), strict=True):
            arms[index] = arms[index].updated(1, float(rewarded))
    return lost.cumsum()


def regrets(policy: Policy, traffic: Traffic, runs: int) -> np.ndarray:
    """The regrets of so many runs, of shape (runs, requests)."""
    return np.stack([regret(policy, traffic, seed) for seed in range(runs)])


def auer_bound(means: Sequence[float], requests: int) -> float:
    """8 ln T sum 1/d + (1 + pi²/3) sum d over the gaps d; Auer et al. (2002), theorem 1."""
    gaps = [max(means) - mean for mean in means if mean < max(means)]
    return 8 * math.log(requests) * sum(1 / gap for gap in gaps) + (1 + math.pi**2 / 3) * sum(gaps)


def contextual_shares(requests: int, seed: int) -> tuple[float, float]:
    """The mean rewards of LinUCB and of the best arm of all, where the context decides.

    Of two arms one earns 0.2 + 0.6 x and the other 0.8 - 0.6 x, x being uniform in [0, 1].
    """
    rng = np.random.default_rng(seed)
    arms = [LinearArm.untried(1)] * 2
    total = 0.0
    batch = 50
    for _ in range(requests // batch):
        policy = LinUcb(arms, alpha=1.0)
        contexts = rng.random((batch, 1))
        shares = [floored(policy.shares(context), 0.01) for context in contexts]
        chosen = np.array([choose(one, rng.random()) for one in shares])
        x = contexts[:, 0]
        means = np.where(chosen == 0, 0.2 + 0.6 * x, 0.8 - 0.6 * x)
        total += means.sum()
        rewards = (rng.random(batch) < means).astype(float)
        for index in range(2):
            mine = chosen == index
            arms[index] = arms[index].updated(contexts[mine], rewards[mine])
    return total / requests, 0.5


def measure(effort: float) -> list[Guarantee]:
    """What is guaranteed of bandits: each guarantee with its goal and what was measured."""
    return rows(max(3, round(RUNS * effort)), max(2, round(SMALL_RUNS * effort)))


def rows(runs: int = RUNS, small_runs: int = SMALL_RUNS) -> list[Guarantee]:
    """The same, of so many runs of each mean.

    `small_runs` are those of the case of ten arms, which takes longest.
    """
    made: list[Guarantee] = []
    for name, means, known in MEANS:
        some = runs if len(means) == 2 else small_runs
        lost = regrets(Thompson(), Traffic(means, batch=10), some)[:, -1]
        made.append(_at_most(f"Thompson, {name}, mean regret", lost.mean(), TOLERANCE * known))
    for batch, known in DELAYED:
        lost = regrets(Thompson(), Traffic((0.55, 0.45), batch=batch), runs)
        words = f"Thompson, .55/.45, known every {batch}"
        made.append(_at_most(f"{words}, mean regret", lost[:, -1].mean(), TOLERANCE * known))
        first, second = lost[:, REQUESTS // 2 - 1].mean(), np.diff(lost[:, [4_999, -1]]).mean()
        made.append(_at_most(f"{words}, regret of the second half", second, first))
    same: dict[str, Callable[[], Traffic]] = {
        "4 replicas sharing state": lambda: Traffic((0.55, 0.45), batch=100, replicas=4),
        "state restored mid-run": lambda: Traffic((0.55, 0.45), batch=100, restart_at=5_000),
    }
    for name, traffic in same.items():
        lost = regrets(Thompson(), traffic(), runs)[:, -1]
        made.append(_at_most(f"Thompson, .55/.45, {name}", lost.mean(), TOLERANCE * 20.9))
    for name, means, _ in MEANS:
        lost = regrets(Ucb1(), Traffic(means), 3)[:, -1]
        made.append(_at_most(f"UCB1, {name}, Auer's bound", lost.mean(), auer_bound(means, 10_000)))
    lost = regrets(EpsilonGreedy(0.1), Traffic((0.9, 0.6)), runs)[:, -1]
    made.append(_at_most("epsilon-greedy .1, .9/.6, mean regret", lost.mean(), TOLERANCE * 152))
    contextual = np.mean([contextual_shares(5_000, seed)[0] for seed in range(3)])
    goal = "at least 0.60 (always one arm: 0.50, always the better: 0.65)"
    is_kept = bool(contextual >= 0.60)
    made.append(Guarantee("LinUCB, mean reward", goal, f"{contextual:.3f}", is_kept))
    return made


def _at_most(name: str, measured: float, goal: float) -> Guarantee:
    return Guarantee(name, f"<= {goal:.4g}", f"{measured:.4g}", bool(measured <= goal))

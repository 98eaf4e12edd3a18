"""Guarantees of assignment: uniform, sticky, independent, exclusive, and few who move.

Everything goes through routes, as a gateway builds them; ids and seeds are fixed.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy import stats

from benchmarks.simulate.guarantee import Guarantee
from serve_app.core.messages import Payload, Request
from serve_app.core.plan import Plan
from serve_app.core.snapshot import RouteSpec, Variant
from serve_app.routing import route_of
from serve_app.routing.gates import IN_NONE
from serve_app.routing.hashing import HASHES

Weights = tuple[float, ...]
USERS, SEEDS = 40_000, 200
RAMP = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0)
CHANGES: tuple[tuple[str, Weights, Weights], ...] = (
    ("50/50 to 60/40", (50, 50), (60, 40)),
    ("90/10 to 50/50", (90, 10), (50, 50)),
    (".34/.33/.33 to .5/.25/.25", (0.34, 0.33, 0.33), (0.5, 0.25, 0.25)),
    ("4 x .25 to .4/.3/.2/.1", (25, 25, 25, 25), (40, 30, 20, 10)),
    ("thirds to .5/0/.5", (1, 1, 1), (0.5, 0, 0.5)),
)
KINDS: dict[str, dict[str, Any]] = {
    "split": {},
    "canary": {},
    "bandit": {"policy": "thompson"},
    "rules": {
        "rules": [{"when": 'share("half") < 0.5', "model": "m@1"}],
        "otherwise": "m@0",
    },
}
"""Kinds of routes that may be in a layer, with what each needs."""
_SCRIPT = """
from benchmarks.simulate.assignment import chosen, split
print([chosen(split((3, 2, 1), assignment={"hash": name}), 300) for name in %r])
"""


def split(weights: Sequence[float], **settings: Any) -> RouteSpec:
    """A split by `user` among variants of these weights."""
    variants = tuple(Variant(f"m@{arm}", float(weight)) for arm, weight in enumerate(weights))
    return RouteSpec("split", variants, {"key": "user", **settings})


def _of_kind(kind: str, layer: Mapping[str, Any]) -> RouteSpec:
    """A route of a kind, in a part of a layer."""
    route = split((50, 50), layer=layer)
    return replace(route, kind=kind, settings={**route.settings, **KINDS[kind]})


def plans(route: RouteSpec, users: int, endpoint: str = "e") -> list[Plan]:
    """The plans of users by their numbers."""
    router = route_of(route).router(salt=endpoint, epoch=1, draw=lambda: 0.5)
    return [router.plan(Request("e", Payload({}, 1, {"user": n}), "r")) for n in range(users)]


def chosen(route: RouteSpec, users: int, endpoint: str = "e") -> list[str]:
    """The variants that users get."""
    return [plan.variants[0] for plan in plans(route, users, endpoint)]


def measure(effort: float) -> list[Guarantee]:
    """All guarantees."""
    return rows(max(4_000, round(USERS * effort)), max(20, round(SEEDS * effort)))


def rows(users: int = USERS, seeds: int = SEEDS) -> list[Guarantee]:
    """All guarantees; fewer users and seeds take less time and leave more to chance."""
    return [
        *(_uniform(name, users // 10, seeds) for name in ("blake2b", "growthbook-v2")),
        _in_proportion(users // 10, seeds),
        _ninety_to_ten(users),
        *(_ramp(name, users // 4) for name in HASHES),
        *(_moved(name, old, new, users) for name, old, new in CHANGES),
        _moved_at_worst(users),
        _independent(users),
        *_exclusive(users // 2),
        _everywhere_alike(),
    ]


def _uniform(name: str, users: int, seeds: int) -> Guarantee:
    """The buckets of a hash, over many seeds."""
    hashed, cells = HASHES[name], 100
    p_values = []
    for seed in range(seeds):
        places = [hashed.position(f"seed-{seed}", str(n)) for n in range(users)]
        counts = np.bincount((np.array(places) * cells).astype(int), minlength=cells)
        p_values.append(stats.chisquare(counts).pvalue)
    return _p_values(f"{name}: buckets are uniform", p_values)


def _in_proportion(users: int, seeds: int) -> Guarantee:
    """The arms of rendezvous, over many seeds."""
    weights = np.array([0.5, 0.3, 0.2])
    p_values = []
    for seed in range(seeds):
        counts = Counter(chosen(split(weights.tolist()), users, f"seed-{seed}"))
        seen = [counts[f"m@{arm}"] for arm in range(len(weights))]
        p_values.append(stats.chisquare(seen, weights * users).pvalue)
    return _p_values("blake2b: arms of .5/.3/.2 have their shares", p_values)


def _p_values(guarantee: str, p_values: Sequence[float]) -> Guarantee:
    lowest, uniform = min(p_values), stats.kstest(p_values, "uniform").pvalue
    goal = f"chi-square p > 1e-4 for each of {len(p_values)} seeds, KS of them p > .001"
    is_met = lowest > 1e-4 and uniform > 0.001
    return Guarantee(guarantee, goal, f"smallest p {lowest:.4f}, KS p {uniform:.3f}", is_met)


def _ninety_to_ten(users: int) -> Guarantee:
    share = chosen(split((90, 10)), users).count("m@1") / users
    bound = 4 * (0.1 * 0.9 / users) ** 0.5
    goal = f".1 +- {bound:.4f}"
    return Guarantee("90/10 gives the second arm", goal, f"{share:.4f}", abs(share - 0.1) <= bound)


def _ramp(name: str, users: int) -> Guarantee:
    """Those who change their arm while the coverage grows, or leave the experiment."""
    changed, before = 0, None
    for coverage in RAMP:
        route = split((50, 30, 20), assignment={"hash": name, "coverage": coverage})
        now = [None if _is_out(one) else one.variants[0] for one in plans(route, users)]
        if before is not None:
            changed += sum(a is not None and a != b for a, b in zip(before, now, strict=True))
        before = now
    return Guarantee(
        f"{name}: users who change arms on a ramp 1 to 100 %", "0", str(changed), changed == 0
    )


def _moved(name: str, old: Weights, new: Weights, users: int) -> Guarantee:
    first = split(old)
    second = route_of(first).with_weights(_by_version(new), endpoint="e")
    share = _differ(chosen(first, users), chosen(second, users))
    least = total_variation(old, new)
    # The share of a sample has a deviation of its own around the share that is to move.
    bound = 1.05 * least + 3 * (least * (1 - least) / users) ** 0.5
    goal = f"<= 1.05 x {least:.3f} (+ 3 sd)"
    return Guarantee(f"moved by {name}", goal, f"{share:.4f}", share <= bound)


def _moved_at_worst(users: int, changes: int = 20) -> Guarantee:
    """The most that move, beside those who must, in a random course of weights of four arms."""
    draws = np.random.default_rng(5)
    route = split(draws.random(4).tolist())
    before, worst = chosen(route, users), 0.0
    for _ in range(changes):
        weights = draws.random(4).tolist()
        least = total_variation(list(route.weights.values()), weights)
        route = route_of(route).with_weights(_by_version(weights), endpoint="e")
        now = chosen(route, users)
        noise = 3 * (least * (1 - least) / users) ** 0.5
        worst = max(worst, (_differ(before, now) - noise) / least)
        before = now
    goal = "<= 1.05 x the minimum, at each (- 3 sd)"
    return Guarantee(
        f"moved by {changes} random changes of 4 arms", goal, f"{worst:.3f} x", worst <= 1.05
    )


def _independent(users: int) -> Guarantee:
    """The correlation of the arms that users have in two experiments."""
    one, other = (chosen(split((50, 50)), users, name) for name in ("expA", "expB"))
    r = float(np.corrcoef([a == "m@1" for a in one], [b == "m@1" for b in other])[0, 1])
    bound = 4 / users**0.5
    goal = f"|r| <= {bound:.3f} (4 sd)"
    return Guarantee("two experiments on the same ids", goal, f"r = {r:.4f}", abs(r) <= bound)


def _exclusive(users: int) -> list[Guarantee]:
    """Users in two experiments of a layer, one of each kind, and in its holdout and in one."""
    layer = {"name": "l", "seed": "l", "hash": "blake2b", "holdout": 0.05}
    cuts = (0.0, 0.2, 0.5, 0.7, 1.0)
    parts = [
        plans(_of_kind(kind, {**layer, "from": a, "to": b}), users, f"e{a}")
        for kind, (a, b) in zip(KINDS, itertools.pairwise(cuts), strict=True)
    ]
    per_user = list(zip(*parts, strict=True))
    several = sum(sum(not _is_out(plan) for plan in one) > 1 for one in per_user)
    held = [[_algorithm(plan) == "holdout" for plan in one] for one in per_user]
    torn = sum(any(one) and not all(one) for one in held)
    share, bound = sum(map(all, held)) / users, 4 * (0.05 * 0.95 / users) ** 0.5
    return [
        Guarantee("users in two experiments of a layer", "0", str(several), several == 0),
        Guarantee("users held out who are in an experiment", "0", str(torn), torn == 0),
        Guarantee(
            "share held out", f".05 +- {bound:.4f}", f"{share:.4f}", abs(share - 0.05) <= bound
        ),
    ]


def _everywhere_alike() -> Guarantee:
    """Assignments of processes that hash text otherwise."""
    printed = {
        subprocess.run(
            [sys.executable, "-c", _SCRIPT % list(HASHES)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            timeout=120,
        ).stdout
        for seed in ("0", "1", "random")
    }
    number = len(printed)
    return Guarantee("different assignments in 3 processes", "1", str(number), number == 1)


def total_variation(old: Sequence[float], new: Sequence[float]) -> float:
    """The smallest share that has to move: half the sum of the changes of shares."""
    return float(np.abs(np.array(old) / sum(old) - np.array(new) / sum(new)).sum() / 2)


def _by_version(weights: Sequence[float]) -> Mapping[str, float]:
    return {f"m@{arm}": float(weight) for arm, weight in enumerate(weights)}


def _differ(one: Sequence[str], other: Sequence[str]) -> float:
    return sum(a != b for a, b in zip(one, other, strict=True)) / len(one)


def _algorithm(plan: Plan) -> str | None:
    return None if plan.assignment is None else plan.assignment.algorithm


def _is_out(plan: Plan) -> bool:
    return _algorithm(plan) in IN_NONE

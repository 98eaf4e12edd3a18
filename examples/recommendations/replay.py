"""A bandit route at work on a log of random choices, with the router that answers requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from examples.recommendations.log import Log
from examples.recommendations.offline import Shares
from serve_app.core.messages import Payload, Request
from serve_app.core.snapshot import RouteSpec, Variant
from serve_app.monitoring.bandit_rewards import (
    Contexts,
    Decision,
    arms_of,
    linear_arms_of,
    linear_steering_of,
    steering_of,
)
from serve_app.routing import route_of
from serve_app.routing.bandits.contexts import context_of

CONTEXT = ("position", "hour", "liked_items")
"""The columns of numbers by which a contextual policy tells impressions apart."""
_ENDPOINT = "shop"


@dataclass(frozen=True, slots=True, eq=False)
class Replayed:
    """What a bandit did: the arm of each impression, and its propensity, of shape (impressions,).

    `reward` is what the impression earned by that arm.
    """

    arms: tuple[str, ...]
    chosen: NDArray[np.int64]
    propensity: NDArray[np.float64]
    reward: NDArray[np.float64]

    def share_of(self, arm: str, *, last: int) -> float:
        """The share of an arm among the last impressions."""
        return float(np.mean(self.chosen[-last:] == self.arms.index(arm)))


def rewards(log: Log, shares: Shares) -> NDArray[np.float64]:
    """What each impression would have earned, in expectation, had these shares chosen its item.

    Right in the mean where the log's own policy could choose every item (IPS).
    """
    target = shares[np.arange(len(log)), log.item]
    earned: NDArray[np.float64] = log.click * target / log.propensity
    return earned


def replayed(
    log: Log, earned: Mapping[str, NDArray[np.float64]], settings: Mapping[str, Any], *,
    every: int, seed: int,
) -> Replayed:  # fmt: skip
    """Each impression goes to the arm that the route's own router chooses.

    `earned` is what each impression earns by each arm. Shares follow from rewards after every so
    many impressions, as they do in a cluster after so many seconds. `settings` are those of a
    bandit route; its `reward` has a `high` that no reward is above.
    """
    names = tuple(earned)
    table = np.stack(list(earned.values()))
    features = tuple(settings.get("features", ()))
    high = float(settings["reward"]["high"])
    route = route_of(RouteSpec("bandit", tuple(map(Variant, names)), settings))
    draw = np.random.default_rng(seed).random
    requests = _requests(log)
    contexts = {one.id: context_of(one, features) for one in requests}
    made: list[Decision] = []
    for start in range(0, len(log), every):
        steered = route_of(route.steered(_steering(made, contexts, features)))
        router = steered.router(salt=_ENDPOINT, epoch=start // every, draw=draw)
        for place in range(start, min(start + every, len(log))):
            plan = router.plan(requests[place])
            reward = float(table[names.index(plan.variants[0]), place])
            made.append(
                Decision(requests[place].id, float(place), plan.variants[0], reward / high,
                         plan.propensity)
            )  # fmt: skip
    chosen = np.array([names.index(one.arm) for one in made])
    return Replayed(
        names,
        chosen,
        np.array([one.propensity for one in made], float),
        table[chosen, np.arange(len(log))],
    )


def _steering(
    made: Sequence[Decision], contexts: Contexts, features: tuple[str, ...]
) -> Mapping[str, Any]:
    """What the monitor steers a route by, after these decisions."""
    if features:
        return linear_steering_of(linear_arms_of(made, contexts, len(features)), features)
    return steering_of(arms_of(made))


def _requests(log: Log) -> list[Request]:
    columns = {name: log.rows[name].tolist() for name in CONTEXT}
    return [
        Request(
            _ENDPOINT,
            Payload({name: [values[place]] for name, values in columns.items()}, 1),
            str(place),
        )
        for place in range(len(log))
    ]

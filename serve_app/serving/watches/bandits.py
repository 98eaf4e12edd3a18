"""Adds up what the arms of bandits earned, and keeps it where control finds it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serve_app.core.snapshot import Endpoint
from serve_app.errors import ServeError
from serve_app.monitoring.bandit_rewards import (
    Decision,
    arms_of,
    decisions,
    learned_name,
    linear_arms_of,
    linear_steering_of,
    steering_of,
)
from serve_app.monitoring.catalogue import Sample
from serve_app.monitoring.finding import Finding
from serve_app.routing import route_of
from serve_app.routing.bandit import LINUCB, Bandit
from serve_app.serving.watches.watch import Sources
from serve_app.storage.recorded_contexts import recorded_contexts

MOST_BUSY = 1 / 20
"""Of the time, at most so much is spent on the rewards of one endpoint."""
ANEW_S = 3_600.0
"""Decisions become too old to count though no feedback comes."""
MOST_CONTEXTS = 200_000


@dataclass(frozen=True, slots=True)
class _Added:
    """What the rewards of an endpoint were added up of, and when: by the clock, in seconds."""

    seen: Any
    at_s: float
    checked_s: float
    pause_s: float


class BanditRewards:
    """Adds up all rewards anew whenever feedback came, so that none can count twice."""

    name = "add up rewards"
    kind = "bandits"
    pause_s = 1.0
    first_s = 0.0

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._added: dict[str, _Added] = {}
        self._contexts: dict[tuple[str, tuple[str, ...]], dict[str, NDArray[np.float64]]] = {}

    def restore(self) -> None:
        """All that it knows is added up anew."""

    def run(self) -> None:
        """Add up the rewards of each bandit whose turn it is.

        Raises:
            ServeError: those of one cannot be read or kept now; those of all others are.
        """
        bandits = dict(self._bandits())
        failure: ServeError | None = None
        for name, (bandit, spec) in bandits.items():
            try:
                self._look(name, bandit, spec)
            except ServeError as error:
                failure = error
        self._added = {name: one for name, one in self._added.items() if name in bandits}
        wanted = {(name, bandit.features) for name, (bandit, _) in bandits.items()}
        self._contexts = {place: one for place, one in self._contexts.items() if place in wanted}
        if failure is not None:
            raise failure

    def samples(self) -> Iterable[Sample]:
        """Nothing: what arms earned is shown where endpoints are."""
        return ()

    def findings(self) -> Sequence[Finding]:
        """Nothing is ever wrong with who earns more."""
        return ()

    def report(self, endpoint: str | None, within_s: float) -> Sequence[Mapping[str, Any]]:  # noqa: ARG002
        """The share of each arm where it has one, how many decisions have a reward, its mean."""
        return [
            one
            for name, (bandit, _) in self._bandits()
            if endpoint in {None, name}
            for one in self._arms(name, bandit)
        ]

    def _arms(self, name: str, bandit: Bandit) -> Iterator[dict[str, Any]]:
        spec = bandit.steered(self._sources.state.load(learned_name(name)) or {})
        rewards = route_of(spec).listed()["rewards"]
        total = sum(spec.weights.values())
        for version, weight in spec.weights.items():
            earned = rewards.get(version, {"decisions": 0, "mean": None})
            named = {"endpoint": name, "version": version, "policy": bandit.policy}
            # A contextual policy has other shares for each request.
            share = None if bandit.policy == LINUCB else weight / total
            yield {**named, "share": share, **earned}

    def _bandits(self) -> Iterator[tuple[str, tuple[Bandit, Endpoint]]]:
        for name, spec in sorted(self._sources.endpoints().items()):
            route = route_of(spec.route)
            if isinstance(route, Bandit):
                yield name, (route, spec)

    def _look(self, name: str, bandit: Bandit, spec: Endpoint) -> None:
        now_s = self._sources.clock()
        added = self._added.get(name)
        # A clock that was set back is no reason to wait.
        if added is not None and 0 <= now_s - added.checked_s < added.pause_s:
            return
        seen = (self._sources.feedback.counts(name), spec.route.settings, set(spec.route.weights))
        if added is not None and added.seen == seen and 0 <= now_s - added.at_s < ANEW_S:
            self._added[name] = _Added(seen, added.at_s, now_s, bandit.update_every_s)
            return
        self._sources.state.save(learned_name(name), self._steering(name, bandit, now_s))
        took_s = max(0.0, self._sources.clock() - now_s)
        pause_s = max(bandit.update_every_s, took_s / MOST_BUSY)
        self._added[name] = _Added(seen, now_s, now_s + took_s, pause_s)

    def _steering(self, name: str, bandit: Bandit, now_s: float) -> dict[str, Any]:
        versions = set(bandit.spec.weights)
        rows = self._sources.feedback.labelled(name, now_s - bandit.window_s, now_s)
        made = (one for one in decisions(rows, bandit.reward_rule) if one.arm in versions)
        if bandit.policy != LINUCB:
            return steering_of(arms_of(made))
        newest = list(made)[-MOST_CONTEXTS:]
        contexts = self._contexts_of(name, bandit.features, newest)
        arms = linear_arms_of(newest, contexts, len(bandit.features))
        return linear_steering_of(arms, bandit.features)

    def _contexts_of(
        self, name: str, features: tuple[str, ...], made: Sequence[Decision]
    ) -> dict[str, NDArray[np.float64]]:
        """The contexts of decisions; of those that were looked up before, as they were then."""
        place = name, features
        known = self._contexts.get(place, {})
        times_s = {one.prediction_id: one.at_s for one in made}
        unknown = {one: at_s for one, at_s in times_s.items() if one not in known}
        read = recorded_contexts(self._sources.files, name, unknown, features)
        nothing = np.full(len(features), np.nan)
        # What was not kept will not be kept later either.
        known = {**known, **{one: read.get(one, nothing) for one in unknown}}
        contexts = {one: known[one] for one in times_s}
        self._contexts[place] = contexts
        return contexts

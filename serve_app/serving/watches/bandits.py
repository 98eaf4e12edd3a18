"""Adds up what the arms of bandits earned, and keeps it where control finds it."""

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serve_app.core.snapshot import Endpoint
from serve_app.errors import ServeError
from serve_app.monitoring import catalogue
from serve_app.monitoring.arm_values import MOST_DECISIONS, ArmWorth, worth_of_arms
from serve_app.monitoring.bandit_rewards import (
    Decision,
    arms_of,
    decisions,
    learned_name,
    linear_arms_of,
    linear_steering_of,
    shares_name,
    steering_of,
    vowpal_steering_of,
)
from serve_app.monitoring.catalogue import Sample
from serve_app.monitoring.finding import Finding
from serve_app.monitoring.share_course import ShareCourse
from serve_app.routing import route_of
from serve_app.routing.bandit import CONTEXTUAL, LINUCB, Bandit
from serve_app.serving.watches.watch import Sources
from serve_app.storage.recorded_contexts import recorded_contexts

MOST_BUSY = 1 / 20
"""Of the time, at most so much is spent on the rewards of one endpoint."""
ANEW_S = 3_600.0
"""Decisions become too old to count though no feedback comes."""


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
        self._shown: dict[str, list[dict[str, Any]]] = {}
        self._worth: dict[str, dict[str, ArmWorth]] = {}
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
        self._shown = {name: arms for name, arms in self._shown.items() if name in bandits}
        self._worth = {name: worth for name, worth in self._worth.items() if name in bandits}
        wanted = {(name, bandit.features) for name, (bandit, _) in bandits.items()}
        self._contexts = {place: one for place, one in self._contexts.items() if place in wanted}
        if failure is not None:
            raise failure

    def samples(self) -> Iterator[Sample]:
        """The share of each arm, how many of its decisions have a reward, and its mean."""
        for one in self._shown.values():
            for arm in one:
                labels = (arm["endpoint"], arm["version"])
                yield Sample(catalogue.BANDIT_DECISIONS, labels, arm["decisions"])
                if arm["share"] is not None:
                    yield Sample(catalogue.BANDIT_SHARE, labels, arm["share"])
                if arm["mean"] is not None:
                    yield Sample(catalogue.BANDIT_REWARD, labels, arm["mean"])

    def findings(self) -> Sequence[Finding]:
        """Nothing is ever wrong with who earns more."""
        return ()

    def report(self, endpoint: str | None, within_s: float) -> Sequence[Mapping[str, Any]]:  # noqa: ARG002
        """The share of each arm where it has one and as it changed, and what it earned.

        That is how many decisions have a reward, its mean, and what all of them would have earned
        with that arm alone.
        """
        return [
            one
            for name, (bandit, _) in self._bandits()
            if endpoint in {None, name}
            for one in self._with_more(name, bandit)
        ]

    def _with_more(self, name: str, bandit: Bandit) -> Iterator[dict[str, Any]]:
        course = self._course(name)
        worth = self._worth.get(name, {})
        for arm in self._arms(name, bandit, self._sources.state.load(learned_name(name)) or {}):
            version = arm["version"]
            value = worth[version].to_json() if version in worth else None
            more = {"value_if_always_chosen": value, "shares_over_time": course.of(version)}
            yield {**arm, **more}

    def _course(self, name: str) -> ShareCourse:
        return ShareCourse.from_json(self._sources.state.load(shares_name(name)))

    def _arms(
        self, name: str, bandit: Bandit, steering: Mapping[str, Any]
    ) -> Iterator[dict[str, Any]]:
        spec = bandit.steered(steering)
        rewards = route_of(spec).listed()["rewards"]
        total = sum(spec.weights.values())
        for version, weight in spec.weights.items():
            earned = rewards.get(version, {"decisions": 0, "mean": None})
            named = {"endpoint": name, "version": version, "policy": bandit.policy}
            # A contextual policy has other shares for each request.
            share = None if bandit.policy in CONTEXTUAL else weight / total
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
        steering, worth = self._earned(name, bandit, now_s)
        self._sources.state.save(learned_name(name), steering)
        arms = list(self._arms(name, bandit, steering))
        self._keep_course(name, arms, now_s)
        self._shown[name], self._worth[name] = arms, worth
        took_s = max(0.0, self._sources.clock() - now_s)
        pause_s = max(bandit.update_every_s, took_s / MOST_BUSY)
        self._added[name] = _Added(seen, now_s, now_s + took_s, pause_s)

    def _earned(
        self, name: str, bandit: Bandit, now_s: float
    ) -> tuple[dict[str, Any], dict[str, ArmWorth]]:
        """What the route is steered by, and what each arm alone would have earned."""
        versions = set(bandit.spec.weights)
        rows = self._sources.feedback.labelled(name, now_s - bandit.window_s, now_s)
        made = (one for one in decisions(rows, bandit.reward_rule) if one.arm in versions)
        newest: deque[Decision] = deque(maxlen=MOST_DECISIONS)
        if bandit.policy in CONTEXTUAL:
            newest.extend(made)
            contexts = self._contexts_of(name, bandit.features, newest)
            if bandit.policy == LINUCB:
                arms = linear_arms_of(newest, contexts, len(bandit.features))
                steering = linear_steering_of(arms, bandit.features)
            else:
                steering = vowpal_steering_of(newest, contexts, bandit.features)
        else:
            steering = steering_of(arms_of(_kept(made, newest)))
        return steering, worth_of_arms(newest, versions)

    def _keep_course(self, name: str, arms: Sequence[Mapping[str, Any]], now_s: float) -> None:
        shares = {arm["version"]: arm["share"] for arm in arms if arm["share"] is not None}
        if not shares:
            return
        before = self._course(name)
        course = before.after(now_s, shares)
        if course is not before:
            self._sources.state.save(shares_name(name), course.to_json())

    def _contexts_of(
        self, name: str, features: tuple[str, ...], made: Collection[Decision]
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


def _kept(made: Iterable[Decision], newest: deque[Decision]) -> Iterator[Decision]:
    """The same, of which the newest ones are kept as well."""
    for one in made:
        newest.append(one)
        yield one

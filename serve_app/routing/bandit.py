"""A bandit: each request goes to one arm, more often to those whose answers earned more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from serve_app.core.plan import Assignment, Plan
from serve_app.errors import ConfigError, InvalidInput
from serve_app.routing import keys
from serve_app.routing.arms import RENDEZVOUS
from serve_app.routing.bandits import vowpal
from serve_app.routing.bandits.arms import Arm, Policy, choose, floored
from serve_app.routing.bandits.contexts import context_of
from serve_app.routing.bandits.linucb import LinearArm, LinUcb
from serve_app.routing.bandits.policies import EpsilonGreedy, Thompson, Ucb1
from serve_app.routing.bandits.rewards import RewardRule
from serve_app.routing.bandits.vowpal import VowpalWabbit
from serve_app.routing.contextual import BY_HASH, Choice, ContextualRouter, ordered
from serve_app.routing.gates import baseline_plan, in_layer
from serve_app.routing.rendezvous import uniform
from serve_app.routing.route import Route
from serve_app.routing.split import BY_CHANCE, SplitRouter, baseline_of
from serve_app.routing.weights import checked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from serve_app.core.messages import Request
    from serve_app.core.ports import Router
    from serve_app.core.signature import Column, Output, Signature
    from serve_app.core.snapshot import RouteSpec

LINUCB = "linucb"
CONTEXTUAL = frozenset({LINUCB, vowpal.NAME})
"""Policies under which each request has shares of its own."""
FLOOR = 0.01
UPDATE_EVERY_S = 10.0
WINDOW_DAYS = 30.0
DAY_S = 86_400.0
_LEAST = 1e-9
"""A share that is 0 would take an arm out for ever."""
_DIGITS = 9


class Bandit(Route):
    """Arms by shares that control works out of rewards; those of weight 0 are left out.

    Until a reward is known, arms answer by their declared weights. In a `layer` those outside of
    its part get the baseline, from which nothing is learned.
    """

    settings = "serve_app.config.bandits:BanditRoute"
    learns = True

    @property
    def key(self) -> str | None:
        """What requests stick to, between two updates of the shares."""
        key: str | None = self.spec.settings.get("key")
        return key

    @property
    def assigns_by_chance(self) -> bool:
        """Yes: by shares that follow from rewards."""
        return True

    @property
    def policy(self) -> str:
        """The name of the policy."""
        return str(self.spec.settings.get("policy", "thompson"))

    @property
    def reward_rule(self) -> RewardRule:
        """How feedback becomes a reward."""
        return RewardRule.of(self.spec.settings)

    @property
    def update_every_s(self) -> float:
        """Seconds after which shares follow rewards again."""
        return float(self.spec.settings.get("update_every_s", UPDATE_EVERY_S))

    @property
    def window_s(self) -> float:
        """Decisions of so many last seconds count."""
        return DAY_S * float(self.spec.settings.get("window_days", WINDOW_DAYS))

    @property
    def features(self) -> tuple[str, ...]:
        """The columns by which a contextual policy tells requests apart."""
        return tuple(self.spec.settings.get("features", ()))

    @property
    def learns_from(self) -> tuple[str, ...]:
        """The features: what they were is looked up once a reward is known."""
        return self.features

    def problems(self, output: Output) -> Iterable[tuple[str, str]]:
        """Whether the key names anything, and whether answers can be rewarded so."""
        try:
            if self.key is not None:
                keys.check(self.key)
        except ConfigError as error:
            yield "key", error.message
        try:
            baseline_of(self.spec)
        except ConfigError as error:
            yield "baseline", error.message
        misfit = self.reward_rule.misfit(output)
        if misfit is not None:
            yield "reward", misfit
        if self.policy == vowpal.NAME and not vowpal.is_installed():
            yield "policy", f"{vowpal.MISSING} 'serve-app[vw]'"

    def misfits(self, signature: Signature) -> Iterable[tuple[tuple[str | int, ...], str]]:
        """What of the settings does not fit to what comes out and in."""
        yield from super().misfits(signature)
        for key, message in self.input_problems(signature.inputs):
            yield (key,), message

    def input_problems(self, inputs: Sequence[Column]) -> Iterable[tuple[str, str]]:
        """Whether there are columns of numbers under the names of the features."""
        known = {column.name: column for column in inputs}
        for name in self.features:
            column = known.get(name)
            if column is None:
                numbers = [one.name for one in inputs if one.is_numeric]
                listed = ", ".join(numbers[:5]) or "none"
                yield "features", f"there is no column {name!r}; columns of numbers: {listed}"
            elif not column.is_numeric or column.shape:
                yield "features", f"the column {name!r} is {column.dtype} and holds no numbers"

    def router(self, *, salt: str, epoch: int, draw: Callable[[], float]) -> Router:
        """Chooses by the shares that stand, or by a linear model of each arm.

        Raises:
            ConfigError: the variants or their weights cannot be served (see `weights.checked`),
                the key names nothing, or a layer has no key.
        """
        members = checked([(variant.version, variant.weight) for variant in self.spec.variants])
        algorithms = (f"{self.policy}-{RENDEZVOUS}", f"{self.policy}-{BY_CHANCE}")
        router: Router = SplitRouter(
            members, key=self.key, salt=salt, epoch=epoch, draw=draw, algorithms=algorithms
        )
        if self.linear_arms():
            router = _LinearRouter(self, salt, epoch, draw)
        if self.policy == vowpal.NAME and "model" in self.spec.steering:
            model = vowpal.Model.from_json(self.spec.steering["model"])
            names = tuple(name for name, _ in members)
            choice = Choice(names, self.features, self.floor, self.key, self.policy)
            learned = VowpalWabbit(model, names)
            router = ContextualRouter(learned, choice, salt=salt, epoch=epoch, draw=draw)
        baseline = baseline_plan(members, baseline_of(self.spec), salt, epoch)
        layer = self.spec.settings.get("layer")
        return in_layer(router, layer, key=self.key, baseline=baseline)

    def with_weights(self, weights: Mapping[str, float], *, endpoint: str) -> RouteSpec:  # noqa: ARG002
        """Refuse: rewards decide.

        Raises:
            InvalidInput: always.
        """
        msg = (
            f"rewards decide how often the arms of {endpoint!r} answer, and no weights; deploy a "
            "split to set them, or the bandit with a weight of 0 to take an arm out"
        )
        raise InvalidInput(msg)

    def steered(self, steering: Mapping[str, Any]) -> RouteSpec:
        """With the shares that follow from what the arms earned: floor + rest * policy.

        What is known of other arms, or by other features, does not count.
        """
        known = self._known(steering)
        members = [variant.version for variant in self.spec.variants if variant.weight > 0]
        arms = [Arm.from_json(known[name]) if name in known else Arm() for name in members]
        if not any(arm.decisions for arm in arms):
            return self.spec
        kept: dict[str, Any] = {"features": list(self.features), "arms": known}
        if self.policy in CONTEXTUAL:
            if "model" in steering:
                kept["model"] = steering["model"]
            # Each request has shares of its own; by these its next choices are ordered.
            return self.spec.steered({}, kept)
        shares = floored(self._simple_policy().shares(arms), self.floor)
        weights = {
            name: max(round(float(share), _DIGITS), _LEAST)
            for name, share in zip(members, shares, strict=True)
        }
        return self.spec.steered(weights, kept)

    @property
    def floor(self) -> float:
        """The least share of an arm."""
        return float(self.spec.settings.get("floor", FLOOR))

    def summary(self) -> str:
        """The policy, what requests stick to, and what each arm earned."""
        named = f"{self.spec.kind} by {self.policy}"
        sticky = "" if self.key is None else f", sticky by {self.key}"
        arms = self._arms().items()
        earned = ", ".join(f"{name} {arm.mean:.3g} of {arm.decisions}" for name, arm in arms)
        return f"{named}{sticky}" + (f"; mean rewards: {earned}" if earned else "")

    def listed(self) -> dict[str, Any]:
        """The same keys as those of other kinds, with the rewards of each arm."""
        rewards = {
            name: {"decisions": arm.decisions, "mean": arm.mean}
            for name, arm in self._arms().items()
        }
        return {**super().listed(), "rewards": rewards}

    def _simple_policy(self) -> Policy:
        settings = self.spec.settings
        policies: dict[str, Callable[[], Policy]] = {
            "thompson": Thompson,
            "ucb1": Ucb1,
            "epsilon_greedy": lambda: EpsilonGreedy(float(settings.get("epsilon", 0.1))),
        }
        return policies[self.policy]()

    def _known(self, steering: Mapping[str, Any]) -> dict[str, Any]:
        if list(steering.get("features", ())) != list(self.features):
            return {}
        arms = steering.get("arms", {})
        versions = (variant.version for variant in self.spec.variants)
        return {version: arms[version] for version in versions if version in arms}

    def _arms(self) -> dict[str, Arm]:
        """The arms that have rewards."""
        known = self.spec.steering.get("arms", {})
        arms = {name: Arm.from_json(one) for name, one in known.items()}
        return {name: arm for name, arm in arms.items() if arm.decisions}

    def linear_arms(self) -> dict[str, LinearArm]:
        """What is known of each arm by context; none where nothing is, or the policy has none."""
        known = self.spec.steering.get("arms", {})
        if self.policy != LINUCB or not known:
            return {}
        untried = LinearArm.untried(len(self.features))
        return {
            variant.version: LinearArm.from_json(known[variant.version])
            if variant.version in known
            else untried
            for variant in self.spec.variants
            if variant.weight > 0
        }


class _LinearRouter:
    """Chooses by the context of each request: shares are floor + rest * policy."""

    def __init__(self, bandit: Bandit, salt: str, epoch: int, draw: Callable[[], float]) -> None:
        arms = bandit.linear_arms()
        names = tuple(arms)
        self._policy = LinUcb(list(arms.values()), float(bandit.spec.settings.get("alpha", 1.0)))
        self._features = bandit.features
        self._key, self._salt, self._draw = bandit.key, salt, draw
        # Shares, and with them all plans, follow from which arm is the best one.
        self._shares = [
            floored(self._policy.shares_of(best), bandit.floor).tolist()
            for best in range(len(names))
        ]
        self._by_key, self._by_chance = (
            [[ordered(names, shares, at, how, epoch) for at in range(len(names))]
             for shares in self._shares]
            for how in (Assignment(f"{LINUCB}-{way}", salt) for way in (BY_HASH, BY_CHANCE))
        )  # fmt: skip

    def plan(self, request: Request) -> Plan:
        """Who is asked.

        Raises:
            InvalidInput: the request's key cannot be one.
        """
        key = None if self._key is None else keys.find(request, self._key)
        best = self._policy.best(context_of(request, self._features))
        if key is None:
            return self._by_chance[best][choose(self._shares[best], self._draw())]
        drawn = uniform("", salt=self._salt, key=key)
        return self._by_key[best][choose(self._shares[best], drawn)]

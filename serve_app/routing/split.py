"""An A/B split: each request goes to one variant, in proportion to the weights."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from serve_app.core.plan import Assignment, Plan
from serve_app.errors import ConfigError, InvalidInput
from serve_app.routing import keys
from serve_app.routing.arms import RENDEZVOUS, BucketArms, RankedArms
from serve_app.routing.gates import Gate, GatedRouter, baseline_plan, layer_gates
from serve_app.routing.hashing import hash_named
from serve_app.routing.hashing.blake2b import BLAKE2B
from serve_app.routing.moves import arms_of, remembered
from serve_app.routing.route import Route
from serve_app.routing.weights import checked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from serve_app.core.messages import Request
    from serve_app.core.ports import Router
    from serve_app.core.signature import Output
    from serve_app.core.snapshot import RouteSpec
    from serve_app.routing.arms import Arms

BY_CHANCE = "random"


class Split(Route):
    """Sticky by a key where the request has it, random otherwise.

    With an `assignment` or in a `layer` it is an experiment: its subjects are those with a key,
    and everybody else gets the baseline.
    """

    settings = "serve_app.config.routes:SplitRoute"

    @property
    def key(self) -> str | None:
        """What requests stick to."""
        key: str | None = self.spec.settings.get("key")
        return key

    @property
    def assigns_by_chance(self) -> bool:
        """Yes: by weights, alike for each subject."""
        return True

    def problems(self, output: Output) -> Iterable[tuple[str, str]]:  # noqa: ARG002
        """Whether the key names anything, and the baseline one who answers."""
        try:
            if self.key is not None:
                keys.check(self.key)
        except ConfigError as error:
            yield "key", error.message
        try:
            baseline_of(self.spec)
        except ConfigError as error:
            yield "baseline", error.message

    def router(self, *, salt: str, epoch: int, draw: Callable[[], float]) -> Router:
        """Chooses by key or by chance.

        Raises:
            ConfigError: the variants or their weights cannot be served (see `weights.checked`),
                the key names nothing, there is no such hash, or an experiment has no key.
        """
        members = checked([(variant.version, variant.weight) for variant in self.spec.variants])
        assignment = self.spec.settings.get("assignment") or {}
        hashed = hash_named(assignment.get("hash", BLAKE2B.name))
        seed = _seed(assignment, salt)
        ranked_arms = arms_of(members, self.spec.former, seed=seed, epoch=epoch)
        coverage, layer = assignment.get("coverage", 1.0), self.spec.settings.get("layer")
        if hashed is BLAKE2B and coverage == 1.0 and layer is None:
            by_chance = Assignment(BY_CHANCE, seed)
            chance = Chance(members, assignment=by_chance, draw=draw, epoch=epoch)
            return StickyRouter(ranked_arms, chance, key=self.key)
        if self.key is None:
            raise ConfigError(
                f"endpoint {salt!r} assigns subjects, but its route has no key to know them by; "
                "name one, such as key: user_id"
            )
        keys.check(self.key)
        baseline = baseline_plan(members, baseline_of(self.spec), seed, epoch)
        gates = () if layer is None else layer_gates(layer)
        if hashed.covers is not None and coverage < 1.0:
            covering = assignment.get("coverage_seed") or seed
            gates = (*gates, Gate(hashed.covers, hashed.buckets, covering, 0.0, coverage))
        arms: Arms = ranked_arms
        if hashed is not BLAKE2B:
            shortened = coverage if hashed.covers is None else 1.0
            arms = BucketArms(members, hashed, seed=seed, coverage=shortened, baseline=baseline)
        return GatedRouter(lambda _, key: arms.plan(key), gates, key=self.key, baseline=baseline)

    def with_weights(self, weights: Mapping[str, float], *, endpoint: str) -> RouteSpec:
        """The description with other weights.

        Raises:
            NotFound: a version is no variant.
            InvalidInput: a weight is none, nobody would answer, or the baseline would not.
        """
        changed = super().with_weights(weights, endpoint=endpoint)
        try:
            baseline_of(changed)
        except ConfigError as error:
            raise InvalidInput(error.message) from None
        return Split(changed).after(self.spec)

    def after(self, former: RouteSpec) -> RouteSpec:
        """The description with the weights that stood before, while subjects are the same."""
        if former.kind != self.spec.kind or _subjects(former) != _subjects(self.spec):
            return self.spec
        history = remembered(former.former, former.weights, self.spec.weights)
        return replace(self.spec, former=history)

    def summary(self) -> str:
        """The kind and what requests stick to."""
        return self.spec.kind if self.key is None else f"{self.spec.kind} by {self.key}"


def baseline_of(route: RouteSpec) -> str | None:
    """The version that those get who are in no experiment; None where nobody answers.

    Raises:
        ConfigError: the one that is named is no variant, or has the weight 0.
    """
    named, variants = route.settings.get("baseline"), route.variants
    answering = [variant for variant in variants if variant.weight > 0]
    if named is None:
        return answering[0].version if answering else None
    known = [variant.declared for variant in variants]
    if route.declared(named) is None:
        msg = f"{named} is no variant of this route, so no baseline; it has {', '.join(known)}"
        raise ConfigError(msg)
    chosen = next((one for one in answering if named in {one.declared, one.version}), None)
    if chosen is None:
        raise ConfigError(
            f"{named} is the baseline, which everybody gets who is in no experiment, so its "
            "weight must be above 0"
        )
    return chosen.version


def _subjects(route: RouteSpec) -> tuple[Any, ...]:
    """What decides where subjects are, apart from the weights."""
    assignment = route.settings.get("assignment") or {}
    decides = (assignment.get(name) for name in ("hash", "seed", "salt_version"))
    return (route.settings.get("key"), *(value or None for value in decides))


def _seed(assignment: Mapping[str, Any], salt: str) -> str:
    """The seed of an experiment: the endpoint's name where none is given.

    Another `salt_version` makes another seed of it, under which everybody is assigned anew.
    """
    seed, version = assignment.get("seed") or salt, assignment.get("salt_version", 0)
    return f"{seed}/{version}" if version else seed


class Chance:
    """Chooses one variant by chance, for requests that are of nobody.

    `variants` are names and weights above 0; `draw` gives numbers in [0, 1); choices are recorded
    under the `assignment`.
    """

    def __init__(
        self,
        variants: Sequence[tuple[str, float]],
        *,
        assignment: Assignment,
        draw: Callable[[], float],
        epoch: int,
    ) -> None:
        self._draw = draw
        self._total = sum(weight for _, weight in variants)
        heaviest = sorted(variants, key=lambda variant: (-variant[1], variant[0]))
        self._plans = tuple(
            (
                weight,
                Plan(
                    (name, *(v for v, _ in heaviest if v != name)),
                    propensity=weight / self._total,
                    assignment=assignment,
                    epoch=epoch,
                ),
            )
            for name, weight in variants
        )

    def plan(self) -> Plan:
        """Who is asked."""
        point = self._draw() * self._total
        for weight, plan in self._plans:
            point -= weight
            if point < 0:
                return plan
        # Rounding can leave a point at the very end.
        return self._plans[-1][1]


class StickyRouter:
    """Gives the same arm to the same key, and requests without one to chance."""

    def __init__(self, arms: Arms, chance: Chance, *, key: str | None) -> None:
        if key is not None:
            keys.check(key)
        self._arms = arms
        self._chance = chance
        self._key = key

    def plan(self, request: Request) -> Plan:
        """Who is asked.

        Raises:
            InvalidInput: the request's key cannot be one.
        """
        key = None if self._key is None else keys.find(request, self._key)
        return self._chance.plan() if key is None else self._arms.plan(key)


class SplitRouter(StickyRouter):
    """Chooses one variant by the key of a request, or by chance.

    The variants after the chosen one are asked only when it cannot answer. `salt` keeps
    the splits of different endpoints apart; `draw` gives numbers in [0, 1); `algorithms` are the
    names under which choices by key and by chance are recorded.

    Raises:
        ConfigError: the variants or their weights cannot be served (see `weights.checked`),
            or the key names nothing.
    """

    def __init__(
        self,
        variants: Sequence[tuple[str, float]],
        *,
        key: str | None,
        salt: str,
        draw: Callable[[], float],
        epoch: int = 0,
        algorithms: tuple[str, str] = (RENDEZVOUS, BY_CHANCE),
    ) -> None:
        members = checked(variants)
        by_key, by_chance = algorithms
        super().__init__(
            RankedArms(members, seed=salt, epoch=epoch, algorithm=by_key),
            Chance(members, assignment=Assignment(by_chance, salt), draw=draw, epoch=epoch),
            key=key,
        )

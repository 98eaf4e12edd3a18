"""Rules: the first condition that a request meets says who answers it."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from serve_app.core.plan import Assignment, Plan
from serve_app.errors import ConfigError, InvalidInput
from serve_app.routing import keys
from serve_app.routing.arms import EXCLUDED
from serve_app.routing.conditions.compiled import Facts, compiled
from serve_app.routing.conditions.satisfiable import never
from serve_app.routing.conditions.tree import Atom, atoms, subjects
from serve_app.routing.conditions.typed import condition_of
from serve_app.routing.gates import in_layer
from serve_app.routing.rendezvous import uniform
from serve_app.routing.route import Route
from serve_app.routing.weights import checked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from serve_app.core.messages import Request
    from serve_app.core.ports import Router
    from serve_app.core.signature import Column, Signature
    from serve_app.core.snapshot import RouteSpec
    from serve_app.routing.conditions.compiled import Holds
    from serve_app.routing.conditions.tree import Condition

ALGORITHM = "rules"
OTHERWISE = "otherwise"
MOST_CELLS = 256
"""So many combinations of parts of shares a route may tell apart."""


@dataclass(frozen=True, slots=True)
class _Rule:
    holds: Holds
    columns: tuple[str, ...]
    plan: Plan


class Rules(Route):
    """Who answers by what a request holds; each version that is named is a variant.

    `columns` are those that conditions may read; without them a name is a column of whatever it
    is compared with. In a `layer` rules hold for its part, and everybody else gets `otherwise`.
    """

    settings = "serve_app.config.route_rules:RulesRoute"
    weighted = False

    def __init__(self, spec: RouteSpec, columns: Mapping[str, Column] | None = None) -> None:
        super().__init__(spec)
        self._columns = columns

    @property
    def key(self) -> str | None:
        """What shares are taken of."""
        key: str | None = self.spec.settings.get("key")
        return key

    @property
    def assigns_by_chance(self) -> bool:
        """Whether a condition reads a share."""
        conditions = (rule["when"] for rule in self.spec.settings["rules"])
        try:
            return bool(_cuts(condition_of(one, self._columns) for one in conditions))
        except ConfigError:
            # `misfits` says what is wrong with it.
            return True

    def over(self, inputs: tuple[Column, ...]) -> Rules:
        """The same rules, whose conditions read these columns."""
        return Rules(self.spec, {column.name: column for column in inputs})

    def misfits(self, signature: Signature) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """What is wrong with the key and each condition, and which rules never decide."""
        try:
            if self.key is not None:
                keys.check(self.key)
        except ConfigError as error:
            yield ("key",), error.message
        columns = {column.name: column for column in signature.inputs}
        before: list[Condition] = []
        for index, rule in enumerate(self.spec.settings["rules"]):
            path = ("rules", index, "when")
            try:
                condition = condition_of(rule["when"], columns)
            except ConfigError as error:
                yield path, error.message
                continue
            why = never(condition, before)
            if why is not None:
                yield path, why
            before.append(condition)
        if math.prod(len(cuts) - 1 for cuts in _cuts(before).values()) > MOST_CELLS:
            yield ("rules",), _too_many_shares()

    def router(self, *, salt: str, epoch: int, draw: Callable[[], float]) -> Router:
        """Chooses by the first rule that holds.

        Raises:
            ConfigError: a condition does not fit to the columns, a rule names no variant, or a
                layer has no key.
        """
        checked([(variant.version, variant.weight) for variant in self.spec.variants])
        settings = self.spec.settings
        conditions = [condition_of(rule["when"], self._columns) for rule in settings["rules"]]
        named = [*settings["rules"], {"model": settings["otherwise"], "name": OTHERWISE}]
        plans = [
            self._plan(rule, Assignment(ALGORITHM, salt, at, rule.get("name") or f"rule-{at + 1}"),
                       epoch)
            for at, rule in enumerate(named)
        ]  # fmt: skip
        rules = RulesRouter(conditions, plans, key=self.key, salt=salt, draw=draw)
        baseline = replace(plans[-1], propensity=1.0, assignment=Assignment(EXCLUDED, salt))
        return in_layer(rules, settings.get("layer"), key=self.key, baseline=baseline)

    def with_weights(self, weights: Mapping[str, float], *, endpoint: str) -> RouteSpec:  # noqa: ARG002
        """Refuse: it has none.

        Raises:
            InvalidInput: always.
        """
        msg = (
            f"rules decide who answers {endpoint!r}, and no weights; change its rules in the "
            'config, where share("…") < 0.1 holds for 10 % of all keys'
        )
        raise InvalidInput(msg)

    def summary(self) -> str:
        """The kind, and how many rules there are."""
        return f"{self.spec.kind}: {len(self.spec.settings['rules'])}"

    def _plan(self, rule: Mapping[str, Any], assignment: Assignment, epoch: int) -> Plan:
        """The version that a rule names; where that cannot answer, the one of `otherwise` does."""
        versions = {variant.declared: variant.version for variant in self.spec.variants}
        named = (rule["model"], self.spec.settings["otherwise"])
        missing = next((one for one in named if one not in versions), None)
        if missing is not None:
            raise ConfigError(
                f"a rule names {missing}, which is no variant; there are {', '.join(versions)}"
            )
        order = tuple(dict.fromkeys(versions[one] for one in named))
        return Plan(order, assignment=assignment, epoch=epoch)


class RulesRouter:
    """Chooses by the first condition that a request meets; the last plan is where none is met.

    All rows of a request must be decided alike. Shares are those of the request's key, or drawn
    where it has none.
    """

    def __init__(
        self,
        conditions: Sequence[Condition],
        plans: Sequence[Plan],
        *,
        key: str | None,
        salt: str,
        draw: Callable[[], float],
    ) -> None:
        if key is not None:
            keys.check(key)
        cuts = _cuts(conditions)
        if math.prod(len(one) - 1 for one in cuts.values()) > MOST_CELLS:
            raise ConfigError(_too_many_shares())
        self._rules = [
            _Rule(compiled(condition), _columns(condition), plan)
            for condition, plan in zip(conditions, plans, strict=False)
        ]
        self._otherwise = plans[-1]
        self._key = key
        self._salt = salt
        self._draw = draw
        self._shares = tuple(cuts)
        self._cells = tuple(_cells(cuts)) if cuts else ()

    def plan(self, request: Request) -> Plan:
        """Who is asked.

        Raises:
            InvalidInput: the rows would go different ways, or the request's key cannot be one.
        """
        if not self._shares:
            return self._decided(Facts(request))
        facts = Facts(request, self._drawn(request))
        plan = self._decided(facts)
        chosen = plan.variants[0]
        share = math.fsum(
            size
            for size, shares in self._cells
            if self._decided(facts.with_shares(shares)).variants[0] == chosen
        )
        return Plan(plan.variants, propensity=share, assignment=plan.assignment, epoch=plan.epoch)

    def _drawn(self, request: Request) -> dict[str, float]:
        key = None if self._key is None else keys.find(request, self._key)
        if key is None:
            # One draw stands for a key, so that shares of different names are independent still.
            key = repr(self._draw())
        return {name: uniform(name, salt=self._salt, key=key) for name in self._shares}

    def _decided(self, facts: Facts) -> Plan:
        for rule in self._rules:
            mask = rule.holds(facts)
            if isinstance(mask, np.ndarray):
                met = int(np.count_nonzero(mask))
                if 0 < met < len(mask):
                    raise _differing(rule, mask)
                if met:
                    return rule.plan
            elif mask:
                return rule.plan
        return self._otherwise


def _differing(rule: _Rule, mask: Any) -> InvalidInput:
    listed = ", ".join(map(repr, rule.columns))
    first, second = int(np.argmax(mask)), int(np.argmin(mask))
    name = rule.plan.assignment.rule if rule.plan.assignment is not None else None
    msg = (
        f"one version answers all rows of a request, but by {listed} the rule {name!r} holds for "
        f"row {first} and not for row {second}; send them in requests of their own"
    )
    return InvalidInput(msg, columns=list(rule.columns))


def _columns(condition: Condition) -> tuple[str, ...]:
    return tuple(one.name for one in subjects(condition) if one.source == "column")


def _cuts(conditions: Iterable[Condition]) -> dict[str, list[float]]:
    """Where the shares that conditions read are cut, from 0 to 1, by their names."""
    cuts: dict[str, set[float]] = {}
    for condition in conditions:
        for atom in atoms(condition):
            if isinstance(atom, Atom) and atom.subject.source == "share":
                cuts.setdefault(atom.subject.name, {0.0, 1.0}).update(map(float, atom.constants))
    return {name: sorted(values) for name, values in cuts.items()}


def _cells(cuts: Mapping[str, Sequence[float]]) -> Iterator[tuple[float, dict[str, float]]]:
    """Each combination of parts of shares: how likely it is, and a point in it."""
    parts = [list(itertools.pairwise(values)) for values in cuts.values()]
    for cell in itertools.product(*parts):
        size = math.prod(high - low for low, high in cell)
        middles = [(low + high) / 2 for low, high in cell]
        yield size, dict(zip(cuts, middles, strict=True))


def _too_many_shares() -> str:
    return (
        f"the shares of these rules make more than {MOST_CELLS} combinations; take fewer shares, "
        "or the same one in several rules"
    )

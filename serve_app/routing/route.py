"""What every kind of route may decide, and what holds where a kind decides nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from serve_app.core.snapshot import RouteSpec
from serve_app.routing.weights import reweighted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from serve_app.core.messages import Request
    from serve_app.core.plan import Plan
    from serve_app.core.ports import Ask, Router, Ways
    from serve_app.core.signature import Column, Output, Signature
    from serve_app.core.snapshot import Variant


class Route:
    """One route as it is described; its kind is a subclass.

    `settings` is the place, `module:Name`, of the model that reads the kind's settings.
    `answers_together` says whether the answers of several variants become one,
    `answers_by_row` whether rows of one request may be answered by different ones, which no cache
    tells apart. Whoever is not `weighted` decides by something else than weights.
    `compares_versions` says whether it is counted what becomes of each version's requests,
    `learns` whether feedback steers it, `rests` whether two aliases of its variants may name one
    version, which then has all requests.
    """

    settings: ClassVar[str]
    answers_together: ClassVar[bool] = False
    answers_by_row: ClassVar[bool] = False
    weighted: ClassVar[bool] = True
    compares_versions: ClassVar[bool] = False
    learns: ClassVar[bool] = False
    rests: ClassVar[bool] = False

    def __init__(self, spec: RouteSpec) -> None:
        self.spec = spec

    @classmethod
    def describe(
        cls, kind: str, settings: Mapping[str, Any], variants: tuple[Variant, ...]
    ) -> RouteSpec:
        """The description of a route with these settings, of which None says nothing."""
        given = {name: value for name, value in settings.items() if value is not None}
        return RouteSpec(kind, variants, given)

    def problems(self, output: Output) -> Iterable[tuple[str, str]]:  # noqa: ARG002
        """What of the settings does not fit to what the variants give: the key, and why."""
        return ()

    def misfits(self, signature: Signature) -> Iterable[tuple[tuple[str | int, ...], str]]:
        """What of the settings does not fit to what the endpoint takes and gives.

        Each is the keys below the route that lead there, and why.
        """
        for key, message in self.problems(signature.output):
            yield (key,), message

    def over(self, inputs: tuple[Column, ...]) -> Route:  # noqa: ARG002
        """The same route, for requests with these columns."""
        return self

    def router(self, *, salt: str, epoch: int, draw: Callable[[], float]) -> Router:
        """Chooses who answers each request.

        `salt` keeps the choices of different endpoints apart, `epoch` is when the weights changed
        last, `draw` gives numbers in [0, 1) and is the only source of chance.

        Raises:
            ConfigError: the variants, their weights or the settings cannot be served.
        """
        raise NotImplementedError

    def ask(self, ways: Ways) -> Ask:
        """How those who were chosen are asked."""
        return ways.in_turn()

    @property
    def needed(self) -> int:
        """How many of the variants must answer, before a fallback does."""
        return 1

    @property
    def key(self) -> str | None:
        """The field or header of a request that decides who answers, if one does."""
        return None

    @property
    def assigns_by_chance(self) -> bool:
        """Whether it is left to chance who answers, with a probability that is recorded."""
        return False

    @property
    def learns_from(self) -> tuple[str, ...]:
        """The columns whose recorded values it learns from."""
        return ()

    def with_weights(self, weights: Mapping[str, float], *, endpoint: str) -> RouteSpec:
        """The description with other weights of some variants, `endpoint` being whose it is.

        Raises:
            NotFound: a version is no variant.
            InvalidInput: a weight is none, or the route has no weights, or nobody would answer.
        """
        return reweighted(self.spec, weights, endpoint=endpoint)

    def steered(self, steering: Mapping[str, Any]) -> RouteSpec:  # noqa: ARG002
        """The description as it is steered by what was learned; itself where nothing is."""
        return self.spec

    def after(self, former: RouteSpec) -> RouteSpec:  # noqa: ARG002
        """The description, now that it takes the place of a former one of the same endpoint."""
        return self.spec

    def summary(self) -> str:
        """What it is, in a few words for people."""
        return self.spec.kind

    def listed(self) -> dict[str, Any]:
        """What lists of endpoints tell of it, as JSON values; the same keys whatever the kind."""
        settings = self.spec.settings
        return {
            "route": self.spec.kind,
            "key": self.key,
            "combine": settings.get("combine"),
            "quorum": settings.get("quorum"),
            "settings": dict(settings),
            "summary": self.summary(),
            "rewards": {},
        }


class FixedRouter:
    """The same plan for every request."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def plan(self, request: Request) -> Plan:  # noqa: ARG002
        """Who is asked."""
        return self._plan

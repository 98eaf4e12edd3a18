"""Every variant answers, and the answers become one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from serve_app.core import combine
from serve_app.core.plan import Plan
from serve_app.errors import ConfigError, InvalidInput
from serve_app.routing.route import FixedRouter, Route
from serve_app.routing.weights import checked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from serve_app.core.ports import Ask, Ways
    from serve_app.core.signature import Output
    from serve_app.core.snapshot import RouteSpec, Variant


class Ensemble(Route):
    """All variants of a weight above 0, together.

    How much each counts is not the route's business but that of `core.combine`.
    """

    settings = "serve_app.config.routes:EnsembleRoute"
    answers_together = True

    @classmethod
    def describe(
        cls, kind: str, settings: Mapping[str, Any], variants: tuple[Variant, ...]
    ) -> RouteSpec:
        """The description; without a quorum more than half must answer, and all of a stack."""
        members = _members(variants)
        stacked = settings.get("combine") == "stack"
        quorum = settings.get("quorum") or (members if stacked else members // 2 + 1)
        return super().describe(kind, {**settings, "quorum": quorum}, variants)

    @property
    def needed(self) -> int:
        """The quorum."""
        return int(self.spec.settings.get("quorum", 1))

    def problems(self, output: Output) -> Iterable[tuple[str, str]]:
        """Whether the way of combining fits to what the variants give.

        Of a stack the meta-model is held against it, once its manifest is known.
        """
        if self._is_stack:
            return
        try:
            combine.check(self.spec.settings["combine"], output)
        except ConfigError as error:
            yield "combine", error.message

    def router(
        self,
        *,
        salt: str,  # noqa: ARG002
        epoch: int,
        draw: Callable[[], float],  # noqa: ARG002
    ) -> FixedRouter:
        """Plans alike for every request.

        Raises:
            ConfigError: the variants or their weights cannot be served; see `weights.checked`.
        """
        members = checked([(one.version, one.weight) for one in self.spec.variants])
        plan = Plan(tuple(name for name, _ in members), together=True, epoch=epoch)
        return FixedRouter(plan)

    def ask(self, ways: Ways) -> Ask:
        """All at once."""
        if self._is_stack:
            return ways.stacked()
        return ways.together(self.spec.settings["combine"], self.needed)

    def with_weights(self, weights: Mapping[str, float], *, endpoint: str) -> RouteSpec:
        """The description with other weights.

        Raises:
            NotFound: a version is no variant.
            InvalidInput: a weight is none, or fewer than the quorum would answer, or a
                meta-model weighs the variants.
        """
        if self._is_stack:
            msg = (
                f"the meta-model of {endpoint!r} weighs its members, and no weights; deploy "
                "combine: weighted, or another meta-model"
            )
            raise InvalidInput(msg)
        changed = super().with_weights(weights, endpoint=endpoint)
        members = _members(changed.variants)
        if members < self.needed:
            msg = (
                f"the quorum of {endpoint!r} is {self.needed}, but only {members} variants "
                "would have a weight above 0"
            )
            raise InvalidInput(msg)
        return changed

    def summary(self) -> str:
        """The kind and the way of combining."""
        settings = self.spec.settings
        by = f" by {settings['meta']}" if self._is_stack else ""
        return f"{self.spec.kind}: {settings['combine']}{by}"

    @property
    def _is_stack(self) -> bool:
        return bool(self.spec.settings.get("combine") == "stack")


def _members(variants: tuple[Variant, ...]) -> int:
    return sum(variant.weight > 0 for variant in variants)

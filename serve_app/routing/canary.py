"""A candidate's share of requests grows step by step: control moves it (`control/rollouts.py`)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from serve_app.errors import ConfigError, InvalidInput
from serve_app.routing import keys
from serve_app.routing.gates import baseline_plan, in_layer
from serve_app.routing.route import Route
from serve_app.routing.split import SplitRouter
from serve_app.routing.weights import checked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from serve_app.core.ports import Router
    from serve_app.core.signature import Output
    from serve_app.core.snapshot import RouteSpec, Variant


class Canary(Route):
    """A split of a stable version and a candidate, by the weights of its rollout.

    Whoever has a key and once got the candidate keeps it while its share grows. In a `layer` the
    share is of its part, and everybody else gets the stable version until the candidate is
    promoted. Aliases of both may name one version: it answers until the candidate's names another.
    """

    settings = "serve_app.config.canary:CanaryRoute"
    compares_versions = True
    rests = True

    @classmethod
    def describe(
        cls, kind: str, settings: Mapping[str, Any], variants: tuple[Variant, ...]
    ) -> RouteSpec:
        """The description of a canary; a version that both aliases name is one variant."""
        first, *others = variants
        if others and others[0].version == first.version:
            variants = (replace(first, also=others[0].alias),)
        return super().describe(kind, settings, variants)

    @property
    def key(self) -> str | None:
        """What requests stick to."""
        key: str | None = self.spec.settings.get("key")
        return key

    @property
    def assigns_by_chance(self) -> bool:
        """Yes: by weights, alike for each subject."""
        return True

    def problems(self, output: Output) -> Iterable[tuple[str, str]]:
        """Whether the key names anything, and the gates fit to what is predicted."""
        try:
            if self.key is not None:
                keys.check(self.key)
        except ConfigError as error:
            yield "key", error.message
        for gate in self.spec.settings.get("gates", {}).get("quality", ()):
            kinds = _KINDS.get(gate["metric"])
            if kinds is not None and output.kind not in kinds:
                why = f"is measured of {' and '.join(kinds)}; these versions give {output.kind}"
                yield "gates", f"quality: {gate['metric']} {why}"

    def router(self, *, salt: str, epoch: int, draw: Callable[[], float]) -> Router:
        """Chooses by key or by chance.

        Raises:
            ConfigError: the variants or their weights cannot be served (see `weights.checked`),
                the key names nothing, or a layer has no key.
        """
        members = checked([(variant.version, variant.weight) for variant in self.spec.variants])
        by_weight = SplitRouter(members, key=self.key, salt=salt, epoch=epoch, draw=draw)
        baseline = baseline_plan(members, members[0][0], salt, epoch)
        layer = self.spec.settings.get("layer")
        return in_layer(by_weight, layer, key=self.key, baseline=baseline)

    def with_weights(self, weights: Mapping[str, float], *, endpoint: str) -> RouteSpec:  # noqa: ARG002
        """Refuse: its rollout decides them.

        Raises:
            InvalidInput: always.
        """
        msg = (
            f"the weights of endpoint {endpoint!r} are those of its rollout; see `serve-app "
            "rollout`: start, pause, promote, rollback"
        )
        raise InvalidInput(msg)

    def summary(self) -> str:
        """The kind, and what requests stick to."""
        return self.spec.kind if self.key is None else f"{self.spec.kind} by {self.key}"


_KINDS = {
    "accuracy": ("classification",),
    "brier": ("classification",),
    "log_loss": ("classification",),
    "mae": ("regression",),
    "rmse": ("regression",),
}
"""What each metric of a gate is measured of; rewards are of anything."""

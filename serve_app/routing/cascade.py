"""A cascade: a cheap model answers where it is sure, and the next one where it is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from serve_app.core.labels import in_json
from serve_app.core.plan import Plan
from serve_app.errors import ConfigError, InvalidInput
from serve_app.routing.route import FixedRouter, Route
from serve_app.routing.weights import checked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from serve_app.core.ports import Ask, Ways
    from serve_app.core.signature import Output, Signature
    from serve_app.core.snapshot import RouteSpec

_YAML_TRUTHS = {"true": {"yes", "on", "true"}, "false": {"no", "off", "false"}}
"""What YAML reads as a truth value where a class of that name was meant."""


class Cascade(Route):
    """Each row is answered by the first stage that is sure of it, or else by the last.

    A stage is sure of a row from some probability of the class that it predicts on: the same for
    every class, or one for each; of a class that has none it is never sure.
    """

    settings = "serve_app.config.route_cascade:CascadeRoute"
    answers_together = True
    answers_by_row = True
    weighted = False

    def misfits(self, signature: Signature) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Whether what the stages give says how sure they are, and each threshold decides."""
        output = signature.output
        unsure = _unsure(output)
        if unsure is not None:
            yield ("stages",), unsure
            return
        for index, stage in enumerate(self.spec.settings["stages"]):
            try:
                _thresholds(stage.get("sure"), output.labels)
            except ConfigError as error:
                yield ("stages", index, "sure"), error.message

    def router(
        self,
        *,
        salt: str,  # noqa: ARG002
        epoch: int,
        draw: Callable[[], float],  # noqa: ARG002
    ) -> FixedRouter:
        """Plans alike for every request: the stages in their order.

        Raises:
            ConfigError: a stage is no variant, or stands twice.
        """
        checked([(variant.version, variant.weight) for variant in self.spec.variants])
        return FixedRouter(Plan(tuple(self._stages()), epoch=epoch))

    def ask(self, ways: Ways) -> Ask:
        """Stage by stage, each about the rows that those before it were not sure of."""
        labels = self.spec.variants[0].labels
        return ways.in_stages(
            {
                version: _thresholds(stage.get("sure"), labels)
                for version, stage in self._stages().items()
            }
        )

    def with_weights(self, weights: Mapping[str, float], *, endpoint: str) -> RouteSpec:  # noqa: ARG002
        """Refuse: it has none.

        Raises:
            InvalidInput: always.
        """
        msg = (
            f"how sure its stages are decides who answers {endpoint!r}, and no weights; change "
            "`sure` in the config"
        )
        raise InvalidInput(msg)

    def summary(self) -> str:
        """The kind and the stages in their order."""
        return f"{self.spec.kind}: {', '.join(self._stages())}"

    def _stages(self) -> dict[str, Mapping[str, Any]]:
        """The stages by their versions."""
        versions = {variant.declared: variant.version for variant in self.spec.variants}
        stages: dict[str, Mapping[str, Any]] = {}
        for stage in self.spec.settings["stages"]:
            if stage["model"] not in versions:
                raise ConfigError(
                    f"the stage {stage['model']} is no variant; there are {', '.join(versions)}"
                )
            stages[versions[stage["model"]]] = stage
        return stages


def _unsure(output: Output) -> str | None:
    """Why nobody knows how sure the stages are, if so."""
    if output.kind != "classification":
        return (
            f"a cascade needs classes, of which models say how sure they are, but the variants "
            f"give {output.kind}; choose the model by `kind: rules`, or combine all of them by "
            "`kind: ensemble`"
        )
    if not output.probabilities:
        return (
            "a cascade needs probabilities, which the variants do not give; register models that "
            "give them (predict_proba)"
        )
    return None


def _thresholds(sure: Any, labels: tuple[Any, ...]) -> dict[Any, float]:
    """From which probability on a stage is sure of each class; empty where it always answers.

    Raises:
        ConfigError: a class is none of the endpoint's, or the stage would be sure of every row.
    """
    if sure is None:
        return {}
    if isinstance(sure, dict):
        named = {_label(name, labels): float(least) for name, least in sure.items()}
    else:
        named = dict.fromkeys(labels, float(sure))
    # The class that is predicted has at least its share, however unsure a model is.
    if len(named) == len(labels) and max(named.values()) <= 1 / len(labels):
        raise ConfigError(
            f"of {len(labels)} classes the likeliest has at least {1 / len(labels):.3g}, so the "
            "stage would be sure of every row and no later one would be asked; write a larger "
            "probability, such as 0.9"
        )
    return named


def _label(name: str, labels: tuple[Any, ...]) -> Any:
    """The class that a key of the settings names; JSON and YAML have made text of it."""
    for label in labels:
        if in_json(label) == name:
            return label
    meant = _YAML_TRUTHS.get(name, set())
    for label in labels:
        if isinstance(label, str) and label.lower() in meant:
            return label
    known = ", ".join(in_json(label) for label in labels)
    raise ConfigError(f"there is no class {name!r}; there are {known}")

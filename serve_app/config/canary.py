"""The settings of a canary: a candidate takes over from a stable version, step by step."""

import itertools
from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, model_validator

from serve_app.config.assignment import LayeredSettings
from serve_app.config.base import Frozen
from serve_app.config.names import Reference
from serve_app.config.routes import RouteSettings, Target, VariantSettings

Margin = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
Metric = Literal["accuracy", "brier", "log_loss", "mae", "rmse", "reward"]


class StepSettings(Frozen):
    """One step: the candidate's share of requests, and what it must have seen before the next."""

    weight: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
    for_s: Annotated[NonNegativeFloat, Field(allow_inf_nan=False)] = 300.0
    requests: NonNegativeInt = 1000


class ErrorGate(Frozen):
    """The candidate's share of failed requests may exceed the stable version's by `margin`."""

    margin: Margin = 0.0


class LatencyGate(Frozen):
    """So may its share of requests that take longer than `above_ms`."""

    above_ms: Annotated[PositiveFloat, Field(allow_inf_nan=False)]
    margin: Margin = 0.0


class QualityGate(Frozen):
    """It may be worse by a metric of labelled rows by `margin`, in units of the metric.

    A step ends once so many of the candidate's rows have labels.
    """

    metric: Metric
    margin: Annotated[NonNegativeFloat, Field(allow_inf_nan=False)] = 0.0
    labels: NonNegativeInt = 100


class GateSettings(Frozen):
    """What the candidate must not be worse in, beyond chance and a margin."""

    errors: ErrorGate | None = ErrorGate()
    latency: LatencyGate | None = None
    quality: tuple[QualityGate, ...] = ()

    @model_validator(mode="after")
    def _each_once(self) -> "GateSettings":
        metrics = [gate.metric for gate in self.quality]
        twice = sorted({one for one in metrics if metrics.count(one) > 1})
        if twice:
            msg = f"{twice[0]} stands twice among the gates of quality; give it one margin"
            raise ValueError(msg)
        return self


STEPS = tuple(StepSettings(weight=weight) for weight in (0.01, 0.05, 0.25, 0.5))


class CanaryRoute(LayeredSettings, RouteSettings):
    """A candidate takes over from a stable version, step by step, as long as no gate is lost."""

    kind: Literal["canary"]
    stable: Reference
    candidate: Reference
    steps: Annotated[tuple[StepSettings, ...], Field(min_length=1)] = STEPS
    gates: GateSettings = GateSettings()
    alpha: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    interval_s: Annotated[float, Field(ge=1, le=3600)] = 10.0
    on_loss: Literal["roll back", "hold"] = "roll back"
    start: Literal["at once", "by hand"] = "at once"

    def targets(self) -> tuple[Target, ...]:
        """Both versions; all requests are the stable one's until the rollout begins."""
        stable = VariantSettings(model=self.stable, weight=1.0)
        candidate = VariantSettings(model=self.candidate, weight=0.0)
        return Target(("stable",), stable), Target(("candidate",), candidate)

    @model_validator(mode="after")
    def _steps_fit(self) -> "CanaryRoute":
        weights = [step.weight for step in self.steps]
        for former, weight in itertools.pairwise(weights):
            if weight <= former:
                msg = (
                    f"steps: the weight {weight:g} follows {former:g}; each step has more than "
                    "the one before"
                )
                raise ValueError(msg)
        if self.layer is not None and weights[-1] == 1:
            msg = (
                "steps: in a layer no step has the weight 1, since subjects outside of its part "
                "stay with the stable version; after the last step the candidate is promoted"
            )
            raise ValueError(msg)
        if self.stable == self.candidate:
            msg = f"candidate: {self.candidate} is the stable version; name the one that is to come"
            raise ValueError(msg)
        return self

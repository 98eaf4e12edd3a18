"""Who answers for an endpoint: kinds of routes and their variants."""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, PositiveInt, model_validator

from serve_app.config.base import Frozen
from serve_app.config.names import Reference


class VariantSettings(Frozen):
    """A version as a target of an endpoint."""

    model: Reference
    weight: Annotated[NonNegativeFloat, Field(allow_inf_nan=False)] = 1.0


class SingleRoute(Frozen):
    """One version answers everything."""

    kind: Literal["single"]
    model: Reference


class _WeightedRoute(Frozen):
    variants: Annotated[tuple[VariantSettings, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _weights_fit(self) -> "_WeightedRoute":
        names = [variant.model for variant in self.variants]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            msg = f"{twice[0]} stands twice among the variants; give it one weight"
            raise ValueError(msg)
        if not any(variant.weight > 0 for variant in self.variants):
            msg = "all weights are 0, so nobody would answer; give one variant a weight above 0"
            raise ValueError(msg)
        return self


class SplitRoute(_WeightedRoute):
    """Each request goes to one variant, in proportion to the weights (A/B)."""

    kind: Literal["split"]
    key: str | None = None


class EnsembleRoute(_WeightedRoute):
    """Every variant answers, and the answers become one."""

    kind: Literal["ensemble"]
    combine: Literal["mean", "weighted", "vote"] = "mean"
    quorum: PositiveInt | None = None

    @model_validator(mode="after")
    def _quorum_fits(self) -> "EnsembleRoute":
        members = sum(variant.weight > 0 for variant in self.variants)
        if self.quorum is not None and self.quorum > members:
            msg = f"quorum is {self.quorum} but only {members} variants have a weight above 0"
            raise ValueError(msg)
        return self


Route = Annotated[SingleRoute | SplitRoute | EnsembleRoute, Field(discriminator="kind")]

"""A bandit as it is declared: its arms, policy and rewards."""

from typing import Annotated, Literal, Self

from pydantic import Field, PositiveFloat, model_validator

from serve_app.config.assignment import LayeredSettings
from serve_app.config.base import Frozen
from serve_app.config.names import Reference
from serve_app.config.routes import WeightedRoute

Finite = Annotated[float, Field(allow_inf_nan=False)]
MOST_FEATURES = 20
"""More would make what gateways are sent every few seconds large: it grows with the square."""
_CONTEXTUAL = ("linucb", "vowpal_wabbit")
_OF_POLICY = {"epsilon": ("epsilon_greedy",), "alpha": ("linucb",), "features": _CONTEXTUAL}
"""The settings that belong to some policies alone."""


class RewardSettings(Frozen):
    """How feedback becomes a reward from 0 to 1.

    `correct`: 1 where the answer was the true class. `value`: feedback's `reward`, of which `low`
    counts as 0 and `high` as 1. `error`: 1 - |answer - truth| / scale, and at least 0.
    """

    kind: Literal["correct", "value", "error"] = "correct"
    low: Finite | None = None
    high: Finite | None = None
    scale: Annotated[PositiveFloat, Field(allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _settings_fit(self) -> Self:
        if self.kind != "value" and (self.low is not None or self.high is not None):
            msg = "low and high belong to kind: value"
            raise ValueError(msg)
        if self.kind != "error" and self.scale is not None:
            msg = "scale belongs to kind: error"
            raise ValueError(msg)
        if self.kind == "error" and self.scale is None:
            msg = "kind: error needs a scale, the error at which nothing is earned"
            raise ValueError(msg)
        low, high = self.low or 0.0, 1.0 if self.high is None else self.high
        if low >= high:
            msg = f"low is {low:g}, which must be below high, {high:g}"
            raise ValueError(msg)
        return self


class BanditRoute(LayeredSettings, WeightedRoute):
    """Each request goes to one arm, more often to those that earned more.

    Weights count until the first reward is known; one of 0 takes an arm out. Times are in
    seconds: shares follow rewards every `update_every_s`, and decisions of the last `window_days`
    count.
    """

    kind: Literal["bandit"]
    policy: Literal["thompson", "ucb1", "epsilon_greedy", "linucb", "vowpal_wabbit"]
    reward: RewardSettings = RewardSettings()
    floor: Annotated[float, Field(ge=0, lt=1)] = 0.01
    baseline: Reference | None = None
    epsilon: Annotated[float, Field(ge=0, le=1)] | None = None
    alpha: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    features: Annotated[tuple[str, ...], Field(min_length=1, max_length=MOST_FEATURES)] | None = (
        None
    )
    update_every_s: Annotated[float, Field(ge=1, le=86_400)] = 10.0
    window_days: Annotated[float, Field(gt=0, le=3_650)] = 30.0

    @model_validator(mode="after")
    def _arms_fit(self) -> Self:
        arms = sum(variant.weight > 0 for variant in self.variants)
        if arms < 2:
            msg = "a bandit chooses between two arms or more, of a weight above 0"
            raise ValueError(msg)
        if self.floor * arms > 1:
            msg = (
                f"floor is {self.floor:g} and there are {arms} arms, which would need "
                f"{self.floor * arms:.0%} of the requests; write at most {1 / arms:.4g}"
            )
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _baseline_is_of_a_layer(self) -> Self:
        if self.baseline is not None and self.layer is None:
            msg = "baseline says what those get who are outside of a layer's part; add a layer"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _policy_fits(self) -> Self:
        for name, policies in _OF_POLICY.items():
            if getattr(self, name) is not None and self.policy not in policies:
                known = " or ".join(policies)
                msg = f"{name} belongs to policy: {known}, and the policy is {self.policy}"
                raise ValueError(msg)
        if self.policy in _CONTEXTUAL and self.features is None:
            msg = (
                f"policy: {self.policy} needs features, the columns by which it tells requests "
                "apart"
            )
            raise ValueError(msg)
        names = self.features or ()
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            msg = f"{twice[0]} stands twice among the features"
            raise ValueError(msg)
        return self

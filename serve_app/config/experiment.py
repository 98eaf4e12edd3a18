"""The experiment of an endpoint: what its variants are compared in, and how surely."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, NonNegativeFloat, PositiveFloat, model_validator

from serve_app.config.base import Frozen
from serve_app.config.names import Reference

MetricName = Literal[
    "reward", "conversion", "value", "ratio", "quantile", "latency", "error_rate",
    "accuracy", "precision", "recall", "f1", "log_loss", "brier", "auc", "rmse", "mae",
]  # fmt: skip
Amount = Literal["reward", "conversions", "requests", "rows", "errors", "latency"]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Share = Annotated[float, Field(gt=0, lt=1)]
LOWER_IS_BETTER = frozenset({"latency", "error_rate", "log_loss", "brier", "rmse", "mae"})
WITHOUT_FEEDBACK = frozenset({"latency", "error_rate"})
_OF_METRIC = {
    "of": "quantile", "at": "quantile", "numerator": "ratio", "denominator": "ratio",
}  # fmt: skip
"""The settings that belong to one metric alone."""


def _named_alone(value: Any) -> Any:
    """A metric that is written as its name alone has no other settings."""
    return {"metric": value} if isinstance(value, str) else value


class MetricSettings(Frozen):
    """One metric of an experiment, how it is measured, and what counts as better.

    `reward` is the mean reward, `conversion` the share of units with a reward above 0, `value` the
    sum of rewards of a unit, `ratio` that of two amounts, `quantile` one of latency or reward,
    `latency` the mean in milliseconds; all others but `error_rate` say how good answers are.

    A unit is a subject where the route has a key, else a request. It counts once `window_s`
    seconds are over since it came, with what was known by then; without a window it counts as soon
    as it has feedback. `margin` is in units of the metric: how much a variant must be better by
    (`test: superiority`), or how much worse it may be (`test: non-inferiority`, as guardrails are).
    `class` is the label that precision, recall and f1 are of, the second of two by default.
    """

    metric: MetricName
    name: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    better: Literal["higher", "lower"] | None = None
    margin: Annotated[NonNegativeFloat, Field(allow_inf_nan=False)] = 0.0
    test: Literal["superiority", "non-inferiority"] | None = None
    window_s: Annotated[PositiveFloat, Field(allow_inf_nan=False)] | None = None
    of: Literal["latency", "reward"] | None = None
    at: Share | None = None
    numerator: Amount | None = None
    denominator: Amount | None = None
    class_: Annotated[str | int | bool | None, Field(alias="class")] = None

    @property
    def called(self) -> str:
        """The name by which reports show it."""
        if self.name is not None:
            return self.name
        if self.metric == "ratio":
            return f"{self.numerator} / {self.denominator}"
        if self.metric == "quantile":
            return f"{self.of} p{100 * (self.at or 0):g}"
        return self.metric

    @property
    def direction(self) -> Literal["higher", "lower"]:
        """Which values are better, by default that of the metric."""
        if self.better is not None:
            return self.better
        lower = self.metric in LOWER_IS_BETTER or self.of == "latency"
        return "lower" if lower or self.numerator in {"errors", "latency"} else "higher"

    @property
    def needs_feedback(self) -> bool:
        """Whether it is of what was known later."""
        if self.metric == "ratio":
            return bool({self.numerator, self.denominator} & {"reward", "conversions"})
        return self.metric not in WITHOUT_FEEDBACK and self.of != "latency"

    @model_validator(mode="after")
    def _settings_fit(self) -> Self:
        for name, metric in _OF_METRIC.items():
            given = getattr(self, name) is not None
            if given and self.metric != metric:
                raise ValueError(f"{name} belongs to metric: {metric}, not to {self.metric}")
            if not given and self.metric == metric:
                raise ValueError(f"metric: {metric} needs {name}")
        if self.numerator is not None and self.numerator == self.denominator:
            raise ValueError(f"the ratio of {self.numerator} to itself is always 1")
        if self.window_s is not None and not self.needs_feedback:
            msg = f"window_s waits for feedback, and {self.called} needs none; take it out"
            raise ValueError(msg)
        if self.class_ is not None and self.metric not in {"precision", "recall", "f1"}:
            raise ValueError(f"class belongs to precision, recall and f1, not to {self.metric}")
        return self


Metric = Annotated[MetricSettings, BeforeValidator(_named_alone)]


class CovariateSettings(Frozen):
    """What is known of a unit from before: a `column` of numbers, or its reward of `before_s`.

    `before_s` takes the mean reward of a subject in so many seconds before the start.
    """

    column: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    before_s: Annotated[PositiveFloat, Field(allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.column is None) == (self.before_s is None):
            msg = "a covariate is either a column, or before_s: the subject's reward before"
            raise ValueError(msg)
        return self


class ExperimentSettings(Frozen):
    """What is compared between the variants of a route that assigns by chance.

    It is called like its endpoint unless it has a `name`. `effect` is the smallest difference of
    the primary metric that is to be seen, in its units, with probability `power`; `alpha` how often
    something may be seen that is not there. Without a known maximum the method is `always valid`:
    it may be looked at at any time, and is narrowest at `units` of all variants together. With
    `group sequential`, `units` is the maximum, at which the last of `looks` equally spaced looks
    is. Nothing is shipped before `minimum_s`.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_. -]{0,99}$")] | None = None
    hypothesis: Annotated[str, Field(max_length=2_000)] = ""
    baseline: Reference | None = None
    primary: Metric
    secondary: Annotated[tuple[Metric, ...], Field(max_length=20)] = ()
    guardrails: Annotated[tuple[Metric, ...], Field(max_length=20)] = ()
    alpha: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    power: Annotated[float, Field(ge=0.5, lt=1)] = 0.8
    effect: Annotated[PositiveFloat, Field(allow_inf_nan=False)] | None = None
    method: Literal["always valid", "group sequential"] = "always valid"
    units: Annotated[int, Field(ge=100)] | None = None
    looks: Annotated[int, Field(ge=1, le=50)] | None = None
    spending: Literal["pocock", "obrien-fleming"] | None = None
    minimum_s: Annotated[NonNegativeFloat, Field(allow_inf_nan=False)] = 0.0
    covariate: CovariateSettings | None = None
    start: Literal["at once", "by hand"] = "at once"

    @model_validator(mode="after")
    def _method_fits(self) -> Self:
        if self.method == "group sequential":
            if self.units is None:
                msg = (
                    "group sequential needs units, the number of subjects or requests at which it "
                    "ends; method: always valid needs no such number"
                )
                raise ValueError(msg)
            return self
        given = [name for name in ("looks", "spending") if getattr(self, name) is not None]
        if given:
            msg = f"{' and '.join(given)} belong to method: group sequential"
            raise ValueError(msg)
        return self

    def placed(self) -> tuple[tuple[tuple[str | int, ...], str, MetricSettings], ...]:
        """Each metric with the keys that lead to it, and its role."""
        return (
            (("primary",), "primary", self.primary),
            *((("secondary", at), "secondary", one) for at, one in enumerate(self.secondary)),
            *((("guardrails", at), "guardrail", one) for at, one in enumerate(self.guardrails)),
        )

"""`retrain` of a pipeline: when it is trained again, and what has to hold before it takes over."""

from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from serve_app.config.base import Frozen
from serve_app.config.lengths import LengthSeconds

DAY_S = 86_400.0
LOSSES = frozenset({"brier", "log_loss", "mae", "rmse"})
"""Metrics of which less is better."""


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        msg = f"{name!r} is no time zone; write a name such as UTC or Europe/Zurich"
        raise ValueError(msg) from None
    return name


def _cron(text: str) -> str:
    if len(text.split()) != 5:
        msg = f"{text!r} is no schedule: write minute, hour, day, month and weekday, as 0 4 * * 1"
        raise ValueError(msg)
    return text


def _seconds(default: float) -> Any:
    """A length of time that is not written: in seconds, and not as people write it."""
    return Field(default=default, validate_default=False)


ZoneName = Annotated[str, AfterValidator(_zone)]
CronText = Annotated[str, AfterValidator(_cron)]


class ScheduleTrigger(Frozen):
    """At which minutes, as cron writes them, and in which time zone."""

    cron: CronText
    zone: ZoneName = "UTC"


class QualityTrigger(Frozen):
    """Where realised quality in the newest `window` is certainly worse than `floor`.

    The upper confidence bound of a metric has to be below it, and nearly all labels have to be
    there. For metrics of which less is better, the lower bound has to be above it.
    """

    metric: str = "accuracy"
    floor: float
    window: LengthSeconds = _seconds(DAY_S)
    minimum_rows: PositiveInt = 100

    @property
    def greater_is_better(self) -> bool:
        """Whether more of the metric is better."""
        return self.metric not in LOSSES


class EstimateTrigger(Frozen):
    """Where quality that is estimated without labels is worse than `floor` in `windows` of `of`."""

    metric: str = "accuracy"
    floor: float
    windows: PositiveInt = 3
    of: PositiveInt = 5

    @property
    def greater_is_better(self) -> bool:
        """Whether more of the metric is better."""
        return self.metric not in LOSSES

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.windows > self.of:
            msg = f"windows ({self.windows}) of {self.of}: there are not so many"
            raise ValueError(msg)
        return self


class TriggerSettings(Frozen):
    """What begins a run by itself; by hand it can always be begun.

    `drift` that is confirmed is only recorded, unless it says `train`. `labels` are so many new
    ones since the champion was registered. All but `schedule` need an `endpoint`.
    """

    schedule: ScheduleTrigger | None = None
    quality: QualityTrigger | None = None
    estimate: EstimateTrigger | None = None
    drift: Literal["record", "train"] = "record"
    labels: PositiveInt | None = None


class GuardSettings(Frozen):
    """What keeps a trigger from beginning a run.

    After a challenger was rejected it is waited for `cool_down`, twice as long after each
    further one, at most `longest_cool_down`. `runs_per_day` is a budget of any 24 hours, and
    `new_rows` how many rows with labels there have to be that the champion's run did not read.
    """

    cool_down: LengthSeconds = _seconds(3600.0)
    longest_cool_down: LengthSeconds = _seconds(7 * DAY_S)
    runs_per_day: PositiveInt = 4
    new_rows: NonNegativeInt = 0


class ApprovalSettings(Frozen):
    """Whether a person has to agree before a challenger takes over, and until when."""

    required: bool = False
    within: LengthSeconds = _seconds(7 * DAY_S)
    by_another: bool = False


class VersionGates(Frozen):
    """What a registered version has to be beside the champion, before it may take over.

    `schema` wants that it takes and gives what the champion does. `latency` and `memory` are
    the most that it may need, as a multiple of what the champion needs here: the 99th percentile
    of answers to one row, and bytes once it is loaded; none is not measured. `card` names the
    sections that its card must have, `compiled` wants that its compiled form computes.
    """

    fits_schema: bool = Field(default=True, alias="schema")
    latency: PositiveFloat | None = None
    memory: PositiveFloat | None = None
    card: tuple[str, ...] = ()
    compiled: bool = False


class ShadowSettings(Frozen):
    """What a challenger has to be like while it is shown requests and answers nobody.

    After at least `rows` rows and `lasts`: it fails at most at a share `failed` of requests, and
    says the same class as was answered of at least a share `agreement` of rows, if that is given.
    """

    rows: PositiveInt = 1_000
    lasts: LengthSeconds = _seconds(3600.0)
    agreement: Annotated[float, Field(gt=0, le=1)] | None = None
    failed: Annotated[float, Field(ge=0, lt=1)] = 0.01


class RetrainSettings(Frozen):
    """When a pipeline is trained again, and how what comes of it takes over.

    `endpoint` has a route of kind canary from `champion` to `challenger`: without one, the alias
    `champion` moves as soon as gates and people agree. With `shadow` it begins by hand, and the
    endpoint has a shadow `challenger`, which is looked at before. A state that takes longer than
    `deadline` has failed; shadow and canary have `canary_deadline` each.
    """

    endpoint: str | None = None
    shadow: ShadowSettings | None = None
    triggers: TriggerSettings = TriggerSettings()
    guards: GuardSettings = GuardSettings()
    approval: ApprovalSettings = ApprovalSettings()
    version: VersionGates = VersionGates()
    deadline: LengthSeconds = _seconds(DAY_S)
    canary_deadline: LengthSeconds = _seconds(7 * DAY_S)

    @model_validator(mode="after")
    def _endpoint_fits(self) -> Self:
        triggers = self.triggers
        wanted = {
            "quality": triggers.quality is not None,
            "estimate": triggers.estimate is not None,
            "drift: train": triggers.drift == "train",
            "labels": triggers.labels is not None,
        }
        if self.shadow is not None and self.endpoint is None:
            raise ValueError("shadow needs an endpoint, whose requests the challenger is shown")
        without = [name for name, is_wanted in wanted.items() if is_wanted]
        if without and self.endpoint is None:
            msg = f"triggers.{without[0]} is what the monitor says of an endpoint: write endpoint"
            raise ValueError(msg)
        return self

"""Settings of the watches over recorded rows as wholes."""

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from serve_app.config.base import Frozen

Share = Annotated[float, Field(gt=0, lt=1)]
WindowS = Literal[60, 300, 3600, 86400]


class RowWindowArgs(Frozen):
    """Windows of rows that are read from the log, and when what they say is an alarm.

    Windows of `window_s` seconds with at least `minimum_rows` rows are judged; an alarm stands
    while `alarm_windows` of the last `of_windows` judged windows say so.
    """

    enabled: bool = True
    window_s: WindowS = 3600
    minimum_rows: PositiveInt = 200
    alarm_windows: PositiveInt = 2
    of_windows: PositiveInt = 3

    @model_validator(mode="after")
    def _alarms_can_be(self) -> "RowWindowArgs":
        if self.of_windows < self.alarm_windows:
            msg = (
                f"{self.alarm_windows} of the last {self.of_windows} windows can never say so: "
                "of_windows must be at least alarm_windows"
            )
            raise ValueError(msg)
        return self


class MultivariateArgs(RowWindowArgs):
    """When rows no longer go together as in training.

    The mean error of their reconstruction must lie `least_z` standard errors from that of
    training and differ from it by the share `least_change`.
    """

    least_z: PositiveFloat = 4.0
    least_change: PositiveFloat = 0.05


class OutlierArgs(RowWindowArgs):
    """When there are too many outliers.

    Their share must be `threshold` at least and be greater than in training at the level
    `alpha`.
    """

    threshold: Share = 0.01
    alpha: Share = 0.001

"""How the monitor estimates quality before labels come, and when a drop is wrong."""

from typing import Literal, Self

from pydantic import PositiveFloat, PositiveInt, model_validator

from serve_app.config.base import Frozen


class EstimateArgs(Frozen):
    """Which windows are estimated, and from when on an estimate is wrong.

    Windows of `window_s` seconds with at least `minimum_rows` predictions are estimated. One is
    worse where its estimate is more than `deviations` standard deviations worse than where the
    version was registered; that is wrong while `alarm_windows` of the last `of_windows` are.
    """

    window_s: Literal[60, 300, 3600, 86400] = 3600
    minimum_rows: PositiveInt = 300
    deviations: PositiveFloat = 3.0
    alarm_windows: PositiveInt = 2
    of_windows: PositiveInt = 3

    @model_validator(mode="after")
    def _windows_fit(self) -> Self:
        if self.alarm_windows > self.of_windows:
            msg = f"alarm_windows {self.alarm_windows} is above of_windows {self.of_windows}"
            raise ValueError(msg)
        return self

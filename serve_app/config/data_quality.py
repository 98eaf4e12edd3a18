"""Settings of the watch over sudden changes of data."""

from typing import Annotated, Any, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from serve_app.config.base import Frozen


class DataQualityArgs(Frozen):
    """When a window of rows is suddenly unlike those before.

    Windows of `window_s` seconds are held against those before by their medians. What counts
    lies `least_z` robust standard deviations from these, and is large by itself: rows are
    `volume_factor` times as many or few, the share of missing values changed by `missing_change`.
    Windows of fewer than `minimum_rows` rows, or with fewer than `minimum_windows` before, are
    not judged.
    """

    enabled: bool = True
    window_s: Literal[60, 300, 3600, 86400] = 3600
    least_z: PositiveFloat = 6.0
    volume_factor: Annotated[float, Field(gt=1)] = 2.0
    missing_change: Annotated[float, Field(gt=0, lt=1)] = 0.1
    minimum_rows: PositiveInt = 100
    minimum_windows: Annotated[int, Field(ge=3)] = 6

    def chosen(self) -> dict[str, Any]:
        """What decides, without the length of windows."""
        return self.model_dump(exclude={"enabled", "window_s"})

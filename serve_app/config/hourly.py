"""What the settings of watches have in common that look at an hour's rows at once."""

from pydantic import PositiveFloat, PositiveInt, model_validator

from serve_app.config.base import Frozen


class HourlyArgs(Frozen):
    """An alarm stands while `alarm_windows` of the last `of_windows` judged hours say so.

    `minimum_rows` rows are needed and `most_rows` are looked at. What takes longer than
    `timeout_s` seconds is ended.
    """

    enabled: bool = True
    alarm_windows: PositiveInt = 2
    of_windows: PositiveInt = 3
    minimum_rows: PositiveInt
    most_rows: PositiveInt
    timeout_s: PositiveFloat = 300.0

    @model_validator(mode="after")
    def _can_be(self) -> "HourlyArgs":
        if self.of_windows < self.alarm_windows:
            msg = (
                f"{self.alarm_windows} of the last {self.of_windows} hours can never say so: "
                "of_windows must be at least alarm_windows"
            )
            raise ValueError(msg)
        if self.most_rows < self.minimum_rows:
            msg = f"most_rows must be at least minimum_rows, which is {self.minimum_rows}"
            raise ValueError(msg)
        return self

"""`limits` of the gateway: how much each principal may ask."""

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from serve_app.config.base import Frozen

BURST_S = 4.0
"""So many seconds of a rate may come at once where nothing else is said."""
Principal = Annotated[str, Field(min_length=1, max_length=200)]


class LimitSettings(Frozen):
    """What one principal may ask: rows of each endpoint, bytes and requests of all together.

    Rates hold for all gateways together. Up to `burst_rows` and `burst_bytes` may come at once,
    four seconds of the rate where that is not said; one larger request may still come alone, and
    is waited for afterwards. `in_flight` counts requests whose answers are not there yet, in each
    gateway. Of each endpoint, `rows_per_day` bounds the rows of a day, which begins at midnight
    UTC, for all gateways together; `distinct_rows_per_day` bounds how many different rows are asked
    about, and more than `distinct_rows_alarm` are an alarm; both are estimates, good to a few
    percent.
    """

    rows_per_s: PositiveFloat | None = None
    burst_rows: PositiveFloat | None = None
    bytes_per_s: PositiveFloat | None = None
    burst_bytes: PositiveFloat | None = None
    in_flight: PositiveInt | None = None
    rows_per_day: PositiveInt | None = None
    distinct_rows_per_day: PositiveInt | None = None
    distinct_rows_alarm: PositiveInt | None = None

    @model_validator(mode="after")
    def _bursts_have_rates(self) -> "LimitSettings":
        for unit in ("rows", "bytes"):
            burst = getattr(self, f"burst_{unit}")
            if burst is not None and getattr(self, f"{unit}_per_s") is None:
                msg = f"burst_{unit} is how much may come at once of {unit}_per_s, which is missing"
                raise ValueError(msg)
        return self


class LimitsSettings(Frozen):
    """Limits of principals by name, and of all others: each has what `default` says for itself.

    What is not said for a principal by name is as `default` says. Where nobody is asked who they
    are, all clients together are one principal, `anonymous`. While control is away and a gateway
    does not know what is left of `rows_per_day`, it lets rows pass or refuses them as `on_unknown`
    says.
    """

    default: LimitSettings = LimitSettings()
    on_unknown: Literal["allow", "refuse"] = "allow"
    principals: dict[Principal, LimitSettings] = Field(default_factory=dict)

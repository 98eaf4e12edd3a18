"""`overload` of the gateway: what is refused before it is read while requests would wait."""

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from serve_app.config.base import Frozen

Criticality = Literal["critical_plus", "critical", "sheddable_plus", "sheddable"]


class CriticalitySettings(Frozen):
    """How critical requests are at most: of principals by name, and of all others."""

    default: Criticality = "critical"
    principals: dict[Annotated[str, Field(min_length=1, max_length=200)], Criticality] = Field(
        default_factory=dict
    )


class OverloadSettings(Frozen):
    """Between how many requests each endpoint of a gateway answers at once, by measured delay.

    It begins with `first_in_flight`. A request that was not looked at `most_wait_s` after it came
    to HAProxy is refused, since the gateway has more than it can read. The header `x-criticality`
    makes a request less critical than its principal is.
    """

    least_in_flight: PositiveInt = 16
    most_in_flight: PositiveInt = 1000
    first_in_flight: PositiveInt = 64
    most_wait_s: PositiveFloat = 1.0
    criticality: CriticalitySettings = CriticalitySettings()

    @model_validator(mode="after")
    def _is_ordered(self) -> "OverloadSettings":
        if not self.least_in_flight <= self.first_in_flight <= self.most_in_flight:
            msg = "least_in_flight, first_in_flight and most_in_flight must be in that order"
            raise ValueError(msg)
        return self

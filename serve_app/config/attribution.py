"""Settings of the hourly look at whether features matter otherwise than in training."""

from typing import Annotated

from pydantic import Field

from serve_app.config.hourly import HourlyArgs


class AttributionArgs(HourlyArgs):
    """When features matter in another order than in training, and how rows are looked at.

    An hour is unlike training where the normalised discounted cumulative gain of its order is
    below `threshold`. `minimum_rows` rows are needed of training as well, and `most_rows` are
    explained. All else is as `HourlyArgs` says.
    """

    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.9
    minimum_rows: Annotated[int, Field(ge=2, le=1_000)] = 100
    most_rows: Annotated[int, Field(ge=2, le=20_000)] = 500

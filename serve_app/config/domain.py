"""Settings of the hourly look at whether rows are told from former ones."""

from typing import Annotated

from pydantic import Field

from serve_app.config.hourly import HourlyArgs

Share = Annotated[float, Field(gt=0, lt=1)]


class DomainArgs(HourlyArgs):
    """When rows of an hour are unlike former ones, and how they are looked at.

    A classifier must tell them apart with an AUC of `least_auc` that is significant at `alpha`.
    `minimum_rows` rows are needed of either side. With `isolation_forest` a forest counts the rows
    that stand apart as well. All else is as `HourlyArgs` says.
    """

    least_auc: Annotated[float, Field(gt=0.5, lt=1)] = 0.6
    alpha: Share = 0.001
    minimum_rows: Annotated[int, Field(ge=8)] = 200
    most_rows: Annotated[int, Field(ge=8, le=20_000)] = 2_000
    isolation_forest: bool = False

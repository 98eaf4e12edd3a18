"""Options that several commands on the log of predictions have."""

from __future__ import annotations

import datetime as dt
import math
import re
import time
from collections.abc import Callable
from typing import Any

import click

from serve_app.core.lengths import UNITS_S

_AGO = re.compile(r"(\d{1,6})([smhd])")


class Moment(click.ParamType[float]):
    """A date or time in ISO 8601, in UTC where no zone is named, or how long ago: 30m, 6h, 7d."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Seconds since 1970."""
        if isinstance(value, float):
            return value
        ago = _AGO.fullmatch(value)
        if ago is not None:
            return time.time() - int(ago[1]) * UNITS_S[ago[2]]
        try:
            moment = dt.datetime.fromisoformat(value)
            zoned = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
            return zoned.timestamp()
        except (ValueError, OverflowError):
            hint = "write 2026-11-26, 2026-11-26T13:00, or how long ago: 30m, 6h, 7d"
            self.fail(f"{value!r} is no time; {hint}", param, ctx)


class Share(click.FloatRange):
    """A number from 0 to 1."""

    def __init__(self) -> None:
        super().__init__(0, 1)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The number; NaN, which no bound keeps out, is none."""
        number: float = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value!r} is no number from 0 to 1", param, ctx)
        return number


def option_records(function: Callable[..., Any]) -> Callable[..., Any]:
    """The place of the log."""
    return click.option(
        "--records",
        default="./state/records",
        show_default=True,
        envvar="SERVE_APP_RECORDS",
        help="The log of predictions: a folder or any fsspec URL.",
    )(function)


def option_within(default: str, what: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """What the monitor is to tell of, as the seconds until now; at least one."""
    return click.option(
        "--since",
        "within_s",
        type=Moment(),
        default=default,
        show_default=True,
        callback=lambda _context, _option, since_s: max(1, round(time.time() - since_s)),
        help=f"{what}: a date, a time (UTC), or how long ago, as 30m, 6h, 7d.",
    )


def options_time(function: Callable[..., Any]) -> Callable[..., Any]:
    """The time of arrival."""
    until = click.option("--until", "until_s", type=Moment(), help="Only what came before then.")
    since = click.option(
        "--since",
        "since_s",
        type=Moment(),
        help="Only what came since then: a date, a time (UTC), or how long ago, as 30m, 6h, 7d.",
    )
    return since(until(function))

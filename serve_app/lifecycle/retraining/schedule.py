"""Runs at planned times: once for each, and once for all that were missed."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

from serve_app.config.retraining import ScheduleTrigger
from serve_app.errors import ConfigError
from serve_app.lifecycle.retraining.trigger import Trigger

_LONGEST = dt.timedelta(days=366)
"""What was planned longer ago is not looked for."""


def scheduled(
    model: str, settings: ScheduleTrigger, after_s: float, now_s: float
) -> Trigger | None:
    """The newest planned time after `after_s` and until now, if there is one.

    Times that were missed, since nobody looked, are one run and not many. The wall clock of the
    zone counts: a time that is skipped when clocks go forward comes right after, one that comes
    twice when they go back is taken once.

    Raises:
        ConfigError: the schedule is none.
    """
    zone = ZoneInfo(settings.zone)
    now = dt.datetime.fromtimestamp(now_s, zone)
    planned = _newest(settings.cron, now)
    if planned is None or planned.timestamp() <= after_s:
        return None
    instant = planned.astimezone(dt.UTC).isoformat(timespec="minutes")
    return Trigger(
        model,
        "schedule",
        f"planned for {planned:%Y-%m-%d %H:%M} ({settings.zone})",
        f"schedule:{instant}",
        now_s,
        evidence={"planned": instant, "cron": settings.cron, "zone": settings.zone},
    )


def check(settings: ScheduleTrigger) -> None:
    """Hold a schedule against what can be planned.

    Raises:
        ConfigError: it is none; says why.
    """
    _newest(settings.cron, dt.datetime(2026, 1, 1, tzinfo=ZoneInfo(settings.zone)))


def _newest(cron: str, now: dt.datetime) -> dt.datetime | None:
    """The newest planned time that is not after now, to the minute."""
    from cronsim import CronSim, CronSimError  # noqa: PLC0415 - an extra, of schedules alone

    # Backwards what equals the start is left out.
    start = now + dt.timedelta(minutes=1)
    try:
        planned: dt.datetime = next(CronSim(cron, start.replace(second=0, microsecond=0), True))
    except CronSimError as error:
        msg = f"{cron!r} is no schedule: {error}; write minute, hour, day, month and weekday"
        raise ConfigError(msg) from error
    except StopIteration:
        return None
    return None if now - planned > _LONGEST else planned

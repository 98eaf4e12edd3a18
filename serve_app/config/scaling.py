"""The `user_config` of a deployment that scales by load: targets and times of the week."""

from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, NonNegativeInt, model_validator

from serve_app.config.base import Frozen
from serve_app.core.schedule import Entry, Schedule, never_matching, parse


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        msg = f"{name!r} is no time zone; write one such as UTC or Europe/Berlin"
        raise ValueError(msg) from None
    return name


class ScheduleEntry(Frozen):
    """From these times of the week on, at least so many replicas.

    It lasts until the time of day `until`, or until the next entry without one begins.
    """

    at: str
    min_replicas: NonNegativeInt
    until: str | None = None

    @model_validator(mode="after")
    def _readable(self) -> "ScheduleEntry":
        self.entry()
        return self

    def entry(self) -> Entry:
        """The entry as it is computed with. Raises ValueError: it names no time that comes."""
        return parse(self.at, self.min_replicas, self.until)


class ScalingSettings(Frozen):
    """What `serve_app.serving.autoscaling:ByLoad` holds replicas to.

    More replicas are wanted where each computes for a greater share of its time than
    `target_busy`, or work waits for longer than `target_wait_ms`; at the times of `schedule`
    there are never fewer than it says, in the time zone `timezone`.
    """

    target_busy: Annotated[float, Field(gt=0, le=1)] = 0.7
    target_wait_ms: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 5.0
    schedule: tuple[ScheduleEntry, ...] = ()
    timezone: Annotated[str, AfterValidator(_zone)] = "UTC"

    @model_validator(mode="after")
    def _every_entry_matters(self) -> "ScalingSettings":
        entries = [one.entry() for one in self.schedule]
        for position in never_matching(entries):
            msg = (
                f"`schedule` entry {position + 1} ({self.schedule[position].at!r}) never matches: "
                "other entries begin at all of its times and ask for no fewer replicas"
            )
            raise ValueError(msg)
        return self

    def times(self) -> Schedule:
        """The schedule as it is computed with."""
        return Schedule(tuple(one.entry() for one in self.schedule), ZoneInfo(self.timezone))

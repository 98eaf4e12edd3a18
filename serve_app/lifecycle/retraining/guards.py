"""What keeps a trigger from beginning a run; whichever it was is kept with the trigger."""

from __future__ import annotations

from dataclasses import dataclass

from serve_app.config.retraining import DAY_S, GuardSettings
from serve_app.lifecycle.retraining.trigger import Trigger


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a model when a trigger comes. Times are seconds since 1970.

    `rejections` are the challengers that were rejected one after the other until now, the last
    one at `rejected_s`. `began_s` are the times at which runs began. `new_rows` is none where
    nobody counted them.
    """

    active_run: str | None = None
    frozen_by: str | None = None
    rejections: int = 0
    rejected_s: float = 0.0
    began_s: tuple[float, ...] = ()
    new_rows: int | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Which guard keeps a trigger from beginning a run, in words."""

    guard: str
    words: str


def cool_down_s(settings: GuardSettings, rejections: int) -> float:
    """How long after a rejection no run begins: twice as long after each further one."""
    if rejections <= 0:
        return 0.0
    # Beyond this any length has reached the longest one, and floats would overflow.
    doublings = min(rejections - 1, 64)
    return float(min(settings.cool_down * 2.0**doublings, settings.longest_cool_down))


def refusal(
    trigger: Trigger, standing: Standing, settings: GuardSettings, now_s: float
) -> Refusal | None:
    """The first guard that keeps a trigger from beginning a run; none where it may.

    One that is forced passes all but the freeze and the run that goes on already.
    """
    if standing.frozen_by is not None:
        return Refusal("freeze", f"{trigger.model} is frozen by {standing.frozen_by}")
    if standing.active_run is not None:
        return Refusal("one run", f"run {standing.active_run} goes on")
    if trigger.forced:
        return None
    return _bounds(standing, settings, now_s)


def _bounds(standing: Standing, settings: GuardSettings, now_s: float) -> Refusal | None:
    rest_s = standing.rejected_s + cool_down_s(settings, standing.rejections) - now_s
    if standing.rejections and rest_s > 0:
        words = f"{standing.rejections} rejected one after the other: {rest_s:.0f} s are left"
        return Refusal("cool-down", words)
    today = sum(now_s - DAY_S < one <= now_s for one in standing.began_s)
    if today >= settings.runs_per_day:
        words = f"{today} runs began within 24 hours, and {settings.runs_per_day} may"
        return Refusal("budget", words)
    if standing.new_rows is not None and standing.new_rows < settings.new_rows:
        words = f"{standing.new_rows} rows are new, and {settings.new_rows} have to be"
        return Refusal("new rows", words)
    return None

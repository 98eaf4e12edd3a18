"""What refuses requests that would wait, by the settings of a config."""

from __future__ import annotations

import random
import time

from serve_app.config.overload import OverloadSettings
from serve_app.core.arrival import Arrivals, clock_name
from serve_app.core.concurrency import ConcurrencyBounds
from serve_app.core.ports import Clock
from serve_app.engine.shedding import Criticalities, Shedding, Waits


def shedding_of(settings: OverloadSettings | None, clock: Clock) -> Shedding | None:
    """What keeps endpoints from more than they answer without delay; none without settings."""
    if settings is None:
        return None
    bounds = ConcurrencyBounds(
        settings.least_in_flight, settings.most_in_flight, settings.first_in_flight
    )
    named = settings.criticality
    return Shedding(
        bounds,
        Criticalities(named.default, named.principals),
        Waits(Arrivals(clock_name(), time.time), settings.most_wait_s),
        clock=clock,
        draw=random.random,
    )

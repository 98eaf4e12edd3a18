"""What refuses requests that would wait, and who waits for whom, by the settings of a config."""

from __future__ import annotations

import random
import time

from serve_app.config import GatewayArgs
from serve_app.config.overload import OverloadSettings
from serve_app.core.arrival import Arrivals, clock_name
from serve_app.core.concurrency import ConcurrencyBounds
from serve_app.core.ports import Clock
from serve_app.core.sharing import MOST_WAIT_S, Sharing
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


def sharing_of(args: GatewayArgs, clock: Clock, *, known: bool) -> Sharing | None:
    """What has callers take turns; none where they are not `known`, or not to wait for others."""
    if not known or not args.in_turns:
        return None
    wait_s = MOST_WAIT_S if args.overload is None else min(MOST_WAIT_S, args.overload.most_wait_s)
    return Sharing(clock=clock, draw=random.random, most_wait_s=wait_s)

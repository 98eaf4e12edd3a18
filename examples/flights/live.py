"""Flights of a week at a live endpoint, and what the monitor says of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from examples.case_study.session import CaseStudyError, Endpoint, Session
from examples.flights.year import FEATURES

ENDPOINT = "flights"
_TOGETHER = 250
"""Flights are asked about together."""
_WINDOW_S, _BEGIN_WITHIN_S = 60.0, 20.0
"""Windows of the monitor are minutes of the clock; whoever begins early in one ends in it."""
_JUDGED_WITHIN_S = 180.0
_POLL_S = 1.0


@dataclass(frozen=True, slots=True)
class Clock:
    """Seconds since 1970, and what waits."""

    now_s: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep


def ask(endpoint: Endpoint, flights: pd.DataFrame, clock: Clock = Clock()) -> None:
    """Ask about flights, all of them within one window of the monitor.

    Raises:
        CaseStudyError: it took longer.
    """
    while clock.now_s() % _WINDOW_S > _BEGIN_WITHIN_S:
        clock.sleep(_POLL_S)
    window = clock.now_s() // _WINDOW_S
    rows = flights[list(FEATURES)]
    for begin in range(0, len(rows), _TOGETHER):
        endpoint.client.predict(ENDPOINT, rows[begin : begin + _TOGETHER])
    if clock.now_s() // _WINDOW_S != window:
        raise CaseStudyError(f"{len(rows):,} flights took longer than {_WINDOW_S:g} s")


def drift_of(session: Session, rows: int) -> dict[str, Any]:
    """What the monitor says of a window with so many rows, once it has judged it.

    Raises:
        CaseStudyError: it has not in time.
    """
    deadline = time.monotonic() + _JUDGED_WITHIN_S
    unseen = session.unseen()
    while time.monotonic() < deadline:
        for one in unseen.json("monitor", "drift", ENDPOINT):
            if one["rows"] == rows:
                session.serve_app("monitor", "drift", ENDPOINT)
                return dict(one)
        time.sleep(_POLL_S * 5)
    raise CaseStudyError(f"no window of {rows:,} rows was judged in {_JUDGED_WITHIN_S:g} s")

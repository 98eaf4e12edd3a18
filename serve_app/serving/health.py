"""How often Serve looks whether replicas live, and how long it waits for an answer.

Serve ends a replica after three silences one after the other, and notices one that died at the
next look. Its own 10 s and 30 s let a process that stands still answer nobody for over a minute.
"""

from typing import TypedDict

PERIOD_S = 2.0


class Health(TypedDict):
    """Options of a deployment."""

    health_check_period_s: float
    health_check_timeout_s: float


HEALTH = Health(health_check_period_s=PERIOD_S, health_check_timeout_s=8.0)
"""Libraries may hold Python's lock while they compute, so that nothing else answers."""

"""What counts the different rows that callers ask about, by the limits of a config."""

from __future__ import annotations

import logging
import secrets

from serve_app.core.ports import Clock
from serve_app.monitoring.counting import Counting
from serve_app.security.distinct_rows import DistinctRows
from serve_app.security.limits import Limits

SECRET_BYTES = 32
logger = logging.getLogger("serve_app.security")


def distinct_rows_of(
    limits: Limits | None, counting: Counting, clock: Clock, secret: bytes | None = None
) -> DistinctRows | None:
    """What counts different rows, and counts and logs alarms; none where nobody's are counted.

    Rows are hashed by `secret`, or by one of this process alone.
    """
    if limits is None or not limits.count_distinct:
        return None

    def alarm(principal: str, endpoint: str, rows: int) -> None:
        counting.add_distinct_alarm(endpoint)
        logger.warning(
            "a caller asks about many different rows, as who copies a model does",
            extra={"principal": principal, "endpoint": endpoint, "distinct_rows": rows},
        )

    drawn = secrets.token_bytes(SECRET_BYTES) if secret is None else secret
    return DistinctRows(limits, clock=clock, secret=drawn, alarm=alarm)

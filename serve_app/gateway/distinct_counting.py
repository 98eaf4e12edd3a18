"""What counts the different rows that callers ask about, by the limits of a config."""

from __future__ import annotations

import logging
import secrets

from serve_app.core.ports import Clock
from serve_app.monitoring.counting import Counting
from serve_app.security.distinct_rows import DistinctRows
from serve_app.security.limits import Limits
from serve_app.security.quotas import Quotas

SECRET_BYTES = 32
logger = logging.getLogger("serve_app.security")


def distinct_rows_of(
    limits: Limits | None,
    counting: Counting,
    clock: Clock,
    *,
    quotas: Quotas | None = None,
    gateway: str = "",
) -> DistinctRows | None:
    """What counts different rows, and counts and logs alarms; none where nobody's are counted.

    Rows are hashed by a secret of this process, until it is given that of all gateways. With
    `quotas`, `gateway` is one of several, which count together.
    """
    if limits is None or not limits.count_distinct:
        return None

    def alarm(principal: str, endpoint: str, rows: int) -> None:
        counting.add_distinct_alarm(endpoint)
        logger.warning(
            "a caller asks about many different rows, as who copies a model does",
            extra={"principal": principal, "endpoint": endpoint, "distinct_rows": rows},
        )

    secret = secrets.token_bytes(SECRET_BYTES)
    return DistinctRows(
        limits, clock=clock, secret=secret, alarm=alarm, quotas=quotas, gateway=gateway
    )

"""Hands a config to Serve again where the machine was too busy for Ray's own processes."""

import re
import time
from collections.abc import Callable

from serve_app.errors import ServerFault
from serve_app.serving.messages import cause

ATTEMPTS = 3
PAUSE_S = 3.0
# What Ray says when a process that Serve starts, HAProxy's manager most of all, died or did not
# answer in time. Serve goes on with what it has started by then, so that asking again is enough.
_BUSY = re.compile(
    r"HAProxyManager|SERVE_PROXY_ACTOR|ActorDiedError|ActorUnavailableError|GetTimeoutError"
    r"|Connection refused|Connection aborted|Read timed out|status code 50[34]"
)


def until_taken(
    once: Callable[[], str | None],
    what: str,
    *,
    warn: Callable[[str], None],
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Try until Serve takes something; `once` gives what was said where it did not.

    `what` names it in errors, and `warn` hears of each attempt that is followed by another.

    Raises:
        ServerFault: Serve refused it, or Ray's processes died each time.
    """
    reason = ""
    for attempt in range(1, ATTEMPTS + 1):
        failed = once()
        if failed is None:
            return
        reason = cause(failed)
        if not _BUSY.search(failed):
            msg = f"serve deploy refused {what}: {reason}"
            raise ServerFault(msg)
        if attempt < ATTEMPTS:
            warn(f"Ray was too busy ({reason}); trying again")
            sleep(PAUSE_S * attempt)
    msg = (
        f"Ray could not take {what}, {ATTEMPTS} times in a row: processes that it starts died or "
        f"did not answer in time ({reason}). That happens where too little processor time or "
        "memory is left: end what else runs and deploy again; if that does not help, restart with "
        "serve-app cluster stop and serve-app cluster start"
    )
    raise ServerFault(msg)

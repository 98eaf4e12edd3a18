"""Where a gateway answers later."""

import time

from serve_app.config.deferred import DeferredSettings
from serve_app.core.supervisor import Supervisor
from serve_app.gateway.deferral import Deferral, deferral_of


def start_deferral(settings: DeferredSettings | None, tasks: Supervisor) -> Deferral | None:
    """What answers later by some settings, at work; none without.

    Raises:
        ConfigError: answers cannot be kept there.
    """
    deferral = deferral_of(settings, clock=time.time)
    if deferral is not None:
        tasks.start("answer later", deferral.run)
    return deferral

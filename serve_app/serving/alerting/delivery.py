"""How a message gets to a receiver, whatever that is."""

from collections.abc import Mapping
from typing import Protocol

from serve_app.core.secret import Secret
from serve_app.errors import Unavailable
from serve_app.monitoring.alerts.message import Message

Environment = Mapping[str, str]


class Delivery(Protocol):
    """One way to one receiver."""

    def send(self, message: Message) -> None:
        """Return once the receiver has it.

        Raises:
            Unavailable: it did not arrive; says why, with no secret in it.
        """


def secret(environment: Environment, name: str) -> Secret:
    """What an environment variable of the monitor holds.

    Raises:
        Unavailable: it holds nothing.
    """
    value = environment.get(name, "").strip()
    if not value:
        msg = (
            f"the environment variable {name} is empty or not set where the monitor runs; set it "
            "before the cluster starts, or in `runtime_env` of its deployment"
        )
        raise Unavailable(msg)
    return Secret(value)

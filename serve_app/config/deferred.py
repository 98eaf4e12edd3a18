"""Which requests are answered later."""

from pydantic import Field, PositiveInt

from serve_app.config.base import Frozen
from serve_app.config.names import Location


class DeferredSettings(Frozen):
    """Where requests that are answered later are kept, with their answers, and how many.

    `state` is a folder on a disk of this machine, which all its gateways share. Each gateway
    answers `at_once` at a time, while `max_waiting` more wait. What came `keep_s` ago is deleted.
    At most `max_kept` requests are kept, none longer than `max_body_kb`.
    """

    state: Location = "./state"
    keep_s: PositiveInt = 86_400
    at_once: PositiveInt = Field(default=4, le=100)
    max_waiting: PositiveInt = 100
    max_kept: PositiveInt = 10_000
    max_body_kb: PositiveInt = 256

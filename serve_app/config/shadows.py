"""Versions that are shown requests beside those that answer, and what that may cost."""

from typing import Annotated

from pydantic import Field, PositiveFloat, PositiveInt

from serve_app.config.base import Frozen
from serve_app.config.names import Reference


class ShadowSettings(Frozen):
    """A version that is shown a share of an endpoint's requests and answers nobody.

    What it says later than `timeout_s` seconds after it was asked does not count.
    """

    model: Reference
    sample: Annotated[float, Field(gt=0, le=1)] = 1.0
    timeout_s: PositiveFloat = 2.0


class MirrorSettings(Frozen):
    """How much a gateway replica does for shadows at most; what is beyond that is dropped.

    Each version is asked about `in_flight` requests at once, and `queued_rows` rows wait for all of
    them together. Nothing is mirrored while the event loop is later than `busy_above_s` seconds.
    """

    in_flight: PositiveInt = 8
    queued_rows: PositiveInt = 1_000
    busy_above_s: PositiveFloat = 0.05

"""`access.management`: what calls of other systems' clients may change of what is served."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PositiveFloat

from serve_app.config.base import Frozen

_PATTERN = re.compile(r"[a-z0-9_*-]{1,100}")


def _pattern(pattern: str) -> str:
    if _PATTERN.fullmatch(pattern) is None:
        msg = f"{pattern!r} fits no name: write lower-case letters, digits, - and _, `*` for any"
        raise ValueError(msg)
    return pattern


Pattern = Annotated[str, AfterValidator(_pattern)]


class ManagementSettings(Frozen):
    """What callers with the scope `admin:endpoints` may change by V2, SageMaker and TorchServe.

    They may add endpoints whose names fit `endpoints`, of registered models that fit `models`, and
    replace, scale and remove those that were added so, or that say `managed: true` themselves.
    With `declared` they may do it with all others as well. `endpoints: []` lets them do nothing.
    New endpoints compute where `placement` says. A call waits `wait_s` for its change to be in
    effect; what takes longer goes on.
    """

    endpoints: tuple[Pattern, ...] = ("*",)
    models: tuple[Pattern, ...] = ("*",)
    declared: bool = False
    placement: Literal["inline", "replicas"] = "inline"
    wait_s: Annotated[PositiveFloat, Field(le=600)] = 60.0

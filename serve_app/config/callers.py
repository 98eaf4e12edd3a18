"""Settings of who asks: what is kept of callers, and when what they ask is suspect."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from serve_app.config.base import Frozen


class CallerSettings(Frozen):
    """What is kept of who sends an endpoint's requests: a hash, or nothing without this.

    `by` names what is hashed: `identity` is who the gateway knows the caller to be, `credential`
    the header `authorization`, `x-api-key` or `api-key`, for gateways that only requests reach
    whose credential somebody has checked. Other headers are not believed. The `salt` is secret:
    who has it and a credential can tell whether they belong together.
    """

    # A salt is not to be read in what is refused.
    model_config = ConfigDict(hide_input_in_errors=True)

    by: Literal["identity", "credential"]
    salt: Annotated[str, Field(min_length=16, max_length=200, repr=False)]


class CallerArgs(Frozen):
    """When what a caller asks is suspect.

    Each pattern has a score from 0 to 1, and is a finding from `threshold` on. Queries of the
    last `window_s` seconds are looked at, of `most_callers` of an endpoint: those that asked last.
    """

    enabled: bool = True
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.5
    window_s: Annotated[int, Field(ge=300, le=86_400)] = 3600
    most_callers: Annotated[int, Field(ge=5, le=1_000)] = 200

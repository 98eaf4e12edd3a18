"""How far the experiment of an endpoint is: whether it runs, since when, and by whose will."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

Phase = Literal["ready", "running", "stopped"]


@dataclass(frozen=True, slots=True)
class Experiment:
    """The experiment of one endpoint.

    `digest` tells what is compared, and how, from everything else. It is `running` from the time
    it was started; `started_s` and `stopped_s` (seconds since 1970) are None until then, and
    `started_s` also while its versions do not answer yet. `by` and `why` are those of the last
    change.
    """

    name: str
    digest: str
    phase: Phase = "ready"
    started_s: float | None = None
    stopped_s: float | None = None
    by: str = ""
    why: str = ""

    def to_json(self) -> dict[str, Any]:
        """Its fields as JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Experiment:
        """Read what `to_json` wrote."""
        return cls(**body)

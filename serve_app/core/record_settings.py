"""What of an endpoint's requests is kept in the log of predictions, and for how long."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

CallersBy = Literal["identity", "credential"]


@dataclass(frozen=True, slots=True)
class RecordSettings:
    """What is kept of the requests of one endpoint, and when its features drifted.

    `key` names the value of a request, or the column of its rows, by which feedback finds it,
    such as `order_id`. `sample` is the share of requests whose features are kept; of all others
    everything else is. Values of the columns in `redact` are never kept. Records stay for
    `retention_days`; feedback later than `feedback_horizon_days` is no longer joined.
    `segments` are columns whose values results are told apart by, with the values that count; all
    do where none is named. `drift` are rules that stand in place of those of the monitor, as JSON
    values. Who asks is kept as a hash with `caller_salt`, of what `callers` names; without that of
    nobody. `subject` names the value that says whom a row is about, whose data then are kept so
    that they can be erased.
    """

    key: str | None = None
    sample: float = 1.0
    redact: frozenset[str] = frozenset()
    retention_days: int = 30
    feedback_horizon_days: int = 90
    segments: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    drift: Mapping[str, Any] = field(default_factory=dict, hash=False)
    callers: CallersBy | None = None
    caller_salt: str = field(default="", repr=False)
    subject: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The settings as JSON values."""
        body = {**asdict(self), "redact": sorted(self.redact)}
        del body["segments"], body["drift"]
        # Former versions read snapshots that do not say these.
        if self.segments:
            body["segments"] = {name: list(some) for name, some in self.segments.items()}
        if self.drift:
            body["drift"] = dict(self.drift)
        if self.callers is None:
            del body["callers"], body["caller_salt"]
        if self.subject is None:
            del body["subject"]
        return body

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> RecordSettings:
        """Read what `to_json` wrote."""
        segments = {name: tuple(values) for name, values in body.get("segments", {}).items()}
        return cls(**{**body, "redact": frozenset(body["redact"]), "segments": segments})


DEFAULT = RecordSettings()


def is_sampled(request_id: str, share: float) -> bool:
    """Whether a request is of the sample of that share: the same answer wherever it is computed."""
    return zlib.crc32(request_id.encode(errors="surrogatepass")) < share * 2**32

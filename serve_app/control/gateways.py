"""Which gateway answers under which snapshot, as each tells when it waits for the next one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from serve_app.core.ports import Clock


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """What one gateway replica says of itself.

    `snapshot` is the version that it answers under, `trouble` why it could not take a newer
    one, `loaded` the digests of the versions that it computes itself, `failing` what of its
    background work fails, in words.
    """

    replica: str
    snapshot: int
    trouble: str | None = None
    loaded: Mapping[str, str] = field(default_factory=dict)
    failing: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The same as JSON values."""
        return {
            "snapshot": self.snapshot,
            "trouble": self.trouble,
            "loaded": dict(self.loaded),
            "failing": list(self.failing),
        }


class Gateways:
    """Those that were heard within the last `forget_after_s`."""

    def __init__(self, *, clock: Clock, forget_after_s: float) -> None:
        self._clock = clock
        self._forget_after_s = forget_after_s
        self._heard: dict[str, tuple[float, Acknowledged]] = {}

    def hear(self, acknowledged: Acknowledged) -> None:
        """Take what a gateway says."""
        self._heard[acknowledged.replica] = (self._clock(), acknowledged)

    def known(self) -> Mapping[str, Acknowledged]:
        """What each said last, by replica."""
        oldest = self._clock() - self._forget_after_s
        self._heard = {name: heard for name, heard in self._heard.items() if heard[0] >= oldest}
        return {name: heard for name, (_, heard) in self._heard.items()}

    def behind(self, version: int) -> list[str]:
        """Those that do not answer under a snapshot yet, by name."""
        return sorted(name for name, one in self.known().items() if one.snapshot < version)

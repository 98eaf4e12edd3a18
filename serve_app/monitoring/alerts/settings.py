"""When messages are sent, and which receiver is sent what."""

from __future__ import annotations

from dataclasses import dataclass

from serve_app.monitoring.finding import Finding, Severity


@dataclass(frozen=True, slots=True)
class Timing:
    """When messages are sent; all in seconds but `most_waiting`.

    What begins within `group_wait_s` of an endpoint is one message. What stands on is sent again
    every `repeat_s`. It has ended once it was away for `resolve_s`. A message that cannot be
    delivered is tried again after `first_retry_s`, ever later up to `longest_retry_s`, and
    dropped after `give_up_s`; of each receiver at most `most_waiting` messages wait.
    """

    group_wait_s: float = 30.0
    repeat_s: float = 14_400.0
    resolve_s: float = 300.0
    give_up_s: float = 21_600.0
    first_retry_s: float = 10.0
    longest_retry_s: float = 600.0
    most_waiting: int = 100

    def retry_s(self, attempts: int) -> float:
        """How long to wait after so many attempts that failed."""
        # Beyond 2**30 every pause is the longest one.
        return min(self.longest_retry_s, self.first_retry_s * 2.0 ** min(attempts - 1, 30))


@dataclass(frozen=True, slots=True)
class Choice:
    """Which findings a receiver is sent; None stands for all kinds, or all endpoints."""

    severity: Severity = "warning"
    kinds: frozenset[str] | None = None
    endpoints: frozenset[str] | None = None

    def takes(self, finding: Finding) -> bool:
        """Whether a finding is one of them."""
        return (
            (self.severity == "warning" or finding.severity == "critical")
            and (self.kinds is None or finding.kind in self.kinds)
            and (self.endpoints is None or finding.endpoint in self.endpoints)
        )

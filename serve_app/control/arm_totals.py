"""What all gateways together counted of versions that are compared."""

from __future__ import annotations

from collections.abc import Mapping

from serve_app.core.arms import ArmCounts, Arms


class ArmTotals:
    """Adds up what each gateway counted since the weights of an endpoint changed last.

    Gateways tell totals again and again, so that nothing is lost where one message is, or
    control; what a gateway counted that died stays until the weights change.
    """

    def __init__(self) -> None:
        self._by_endpoint: dict[str, dict[str, Arms]] = {}

    def take(self, replica: str, arms: Mapping[str, Arms]) -> None:
        """Take what a gateway counted so far."""
        for endpoint, counted in arms.items():
            known = self._by_endpoint.setdefault(endpoint, {})
            newest = max((one.epoch for one in known.values()), default=counted.epoch)
            if counted.epoch > newest:
                known.clear()
            if counted.epoch >= newest:
                known[replica] = counted

    def of(self, endpoint: str, epoch: int) -> dict[str, ArmCounts]:
        """The counts under the weights of an epoch, by version."""
        totals: dict[str, ArmCounts] = {}
        for arms in self._by_endpoint.get(endpoint, {}).values():
            if arms.epoch == epoch:
                for version, counts in arms.counts.items():
                    totals[version] = totals.get(version, ArmCounts()) + counts
        return totals

    def keep(self, endpoints: Mapping[str, object]) -> None:
        """Forget all endpoints but these."""
        self._by_endpoint = {
            name: arms for name, arms in self._by_endpoint.items() if name in endpoints
        }

"""Counts what becomes of requests by the version that was chosen, where versions are compared."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import TYPE_CHECKING

from serve_app.core.arms import ArmCounts, Arms
from serve_app.errors import Overloaded
from serve_app.routing import kind_named
from serve_app.routing.gates import IN_NONE

if TYPE_CHECKING:
    from serve_app.core.record import Record
    from serve_app.core.snapshot import Endpoint

_MS_PER_S = 1000.0


class _Endpoint:
    """The counts of one endpoint under the weights that stand."""

    __slots__ = ("counts", "epoch", "slow_s")

    def __init__(self, slow_s: float) -> None:
        self.slow_s = slow_s
        self.epoch = -1
        self.counts: dict[str, list[int]] = {}


class ArmCounting:
    """Counts requests, failures and slow answers by chosen version and epoch.

    Implements `Recorder`. Of an endpoint whose route compares nothing, nothing is counted.
    Whoever named a version was not assigned one, nor was whoever is outside of a layer's part, and
    rows that break the schema say nothing of who would have answered: none of these counts. A
    version failed where another one answered for it.
    """

    def __init__(self) -> None:
        self._endpoints: dict[str, _Endpoint] = {}

    def keep(self, endpoints: Mapping[str, Endpoint]) -> None:
        """Count these endpoints from now on, and no others."""
        kept: dict[str, _Endpoint] = {}
        for name, spec in endpoints.items():
            if not kind_named(spec.route.kind).compares_versions:
                continue
            latency = (spec.route.settings.get("gates") or {}).get("latency")
            slow_s = inf if latency is None else latency["above_ms"] / _MS_PER_S
            known = self._endpoints.get(name)
            kept[name] = known if known and known.slow_s == slow_s else _Endpoint(slow_s)
        self._endpoints = kept

    def record(self, record: Record) -> None:
        """Count a request."""
        endpoint = self._endpoints.get(record.endpoint)
        if endpoint is None:
            return
        plan, answer, error = record.plan, record.answer, record.error
        if plan is None or plan.assignment is None or record.columns is None:
            return
        if plan.assignment.algorithm in IN_NONE:
            return
        if answer is None and (isinstance(error, Overloaded) or not isinstance(error, Exception)):
            return
        if plan.epoch != endpoint.epoch:
            if plan.epoch < endpoint.epoch:
                return
            endpoint.epoch, endpoint.counts = plan.epoch, {}
        chosen = plan.variants[0]
        counts = endpoint.counts.setdefault(chosen, [0, 0, 0])
        counts[0] += 1
        counts[1] += answer is None or answer.variants != (chosen,)
        counts[2] += record.took_s > endpoint.slow_s

    def arms(self) -> dict[str, Arms]:
        """The counts so far, by endpoint, of those that were asked anything."""
        return {
            name: Arms(one.epoch, {version: ArmCounts(*c) for version, c in one.counts.items()})
            for name, one in self._endpoints.items()
            if one.counts
        }

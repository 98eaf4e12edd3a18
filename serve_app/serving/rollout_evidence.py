"""What is known of the two versions of a rollout: counts of requests, and metrics of labels."""

import logging
from collections.abc import Mapping
from typing import Any, Protocol

from serve_app.control.gates import NOTHING, Evidence, MetricMean
from serve_app.core.arms import ArmCounts
from serve_app.core.rollout import Rollout
from serve_app.errors import ServeError
from serve_app.monitoring.quality.interval import quantile

_Z = quantile(0.95)
logger = logging.getLogger("serve_app.control")


class Monitoring(Protocol):
    """Who knows how good answers were."""

    async def report(
        self, kind: str, endpoint: str | None, within_s: float
    ) -> list[Mapping[str, Any]]:
        """What the watch of a kind knows of an endpoint, of the last so many seconds."""
        ...


async def evidence_of(
    name: str,
    rollout: Rollout,
    gates: Mapping[str, Any],
    counts: Mapping[str, ArmCounts],
    monitor: Monitoring,
    now_s: float,
) -> Evidence:
    """What is known of both versions of an endpoint's rollout since its step is in effect.

    `gates` are those of its route's settings, `counts` by version; no metrics while the monitor
    does not answer. `now_s` is in seconds since 1970, as the rollout's times are.
    """
    if rollout.since_s is None:
        return Evidence()
    quality: dict[str, tuple[MetricMean | None, MetricMean | None]] = {}
    wanted = gates.get("quality") or ()
    if wanted:
        known = await _metrics(name, monitor, now_s - rollout.since_s)
        stable, candidate = (known.get(v, {}) for v in (rollout.stable, rollout.candidate))
        metrics = [gate["metric"] for gate in wanted]
        quality = {one: (_mean(stable.get(one)), _mean(candidate.get(one))) for one in metrics}
    return Evidence(
        counts.get(rollout.stable, NOTHING), counts.get(rollout.candidate, NOTHING), quality
    )


async def _metrics(name: str, monitor: Monitoring, within_s: float) -> dict[str, Mapping[str, Any]]:
    """The metrics of each version's labelled rows; none while the monitor does not answer."""
    try:
        report = await monitor.report("quality", name, within_s)
    except ServeError as error:
        logger.warning("the monitor does not say how good answers were: %s", error.message)
        return {}
    return {one["variants"][0]: one["metrics"] for one in report if len(one["variants"]) == 1}


def _mean(metric: Mapping[str, Any] | None) -> MetricMean | None:
    """A metric's mean and variance, from the interval in which it lies with 95 %."""
    if metric is None or metric["value"] is None or metric["low"] is None:
        return None
    value, rows = float(metric["value"]), int(metric["n"])
    if metric["interval"] == "wilson":
        return MetricMean(rows, value, value * (1 - value) / rows)
    # Symmetric, but for what a bound cuts off.
    reach = max(value - metric["low"], metric["high"] - value)
    return MetricMean(rows, value, (reach / _Z) ** 2)

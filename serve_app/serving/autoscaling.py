"""How many replicas a deployment gets: `policy: {policy_function: …autoscaling:ByLoad}`.

Serve's controller makes one `ByLoad` for each deployment that names it and calls it several
times a second, so it looks at new numbers only now and then. The controller adds what Ray's own
keys say: bounds, delays and factors.
"""

import logging
import threading
from collections import deque
from collections.abc import Mapping
from typing import Any

import pydantic
from ray.serve.config import AutoscalingContext
from ray.util import metrics

from serve_app.config import ScalingSettings
from serve_app.core.scaling import Observed, Outgrown, Targets, WantedReplicas, at_least, wanted
from serve_app.documents.refused_values import refusals, words_of
from serve_app.errors import ConfigError
from serve_app.monitoring.catalogue import WANTED_REPLICAS
from serve_app.serving import scaling_records

LOOK_S = 0.25
"""How often the numbers are looked at."""
TELL_S = 3.0
"""How often the record is written though nothing was decided."""
SETTLE_S = 1.0
"""What is measured right after a replica came or went still tells of the time before."""
CHANGES = 10
logger = logging.getLogger("ray.serve")


def scaling_settings(user_config: Any) -> ScalingSettings:
    """The targets that a deployment's `user_config` holds.

    Raises:
        ConfigError: it cannot be read; says which key is wrong.
    """
    try:
        return ScalingSettings.model_validate(user_config or {})
    except pydantic.ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, one['loc'])) or 'user_config'}: {words_of(one)}"
            for one in refusals(error)
        )
        raise ConfigError(f"user_config: {problems}") from None


class ByLoad:
    """Wants as many replicas as keep each below its targets, and says why.

    `target_ongoing_requests` is Ray's key, with requests that wait in gateways counted;
    `target_busy`, `target_wait_ms` and `schedule` stand in the deployment's `user_config`, since
    a change of the policy's own arguments would start all replicas anew.
    """

    def __init__(self) -> None:
        self._outgrown = Outgrown()
        self._looked_s = 0.0
        self._replicas = -1
        self._changed_s = 0.0
        self._target: int | None = None
        self._bounds: tuple[int, int] | None = None
        self._wanted = WantedReplicas(0, "nothing was measured yet")
        self._declared: Any = None
        self._settings = ScalingSettings()
        self._schedule = self._settings.times()
        self._record = _Record()
        self._gauge = metrics.Gauge(
            WANTED_REPLICAS.name, WANTED_REPLICAS.meaning, WANTED_REPLICAS.labels
        )

    def __call__(self, context: AutoscalingContext) -> tuple[int, dict[str, Any]]:
        """How many replicas there should be. Serve calls this; it takes microseconds."""
        now = context.current_time or 0.0
        self._follow(context, now)
        if now - self._looked_s >= LOOK_S:
            self._looked_s = now
            self._look(context, now)
        return self._held(context), {}

    def _follow(self, context: AutoscalingContext, now: float) -> None:
        """Take note of replicas that came or went, and of a target that changed."""
        if context.current_num_replicas != self._replicas:
            self._replicas, self._changed_s = context.current_num_replicas, now
        target = context.target_num_replicas
        bounds = (context.capacity_adjusted_min_replicas, context.capacity_adjusted_max_replicas)
        if self._target is not None and target != self._target:
            moved = self._bounds is not None and bounds != self._bounds
            why = f"bounds are {bounds[0]} to {bounds[1]}" if moved else self._wanted.why
            self._record.change(now, self._target, target, why)
            where = (context.app_name, context.deployment_name)
            logger.info("%s/%s: %d -> %d replicas: %s", *where, self._target, target, why)
        self._target, self._bounds = target, bounds

    def _look(self, context: AutoscalingContext, now: float) -> None:
        config = context.config
        if config is None:
            return
        settings = self._settings_of(context)
        scheduled = self._schedule.min_replicas(now)
        least = max(scheduled, context.capacity_adjusted_min_replicas)
        since_s = max(now - config.look_back_period_s, self._changed_s + SETTLE_S)
        observed = _observed(context, since_s)
        if observed is not None:
            targets = Targets(
                config.get_target_ongoing_requests(),
                settings.target_busy,
                settings.target_wait_ms,
            )
            self._wanted = wanted(observed, targets, self._outgrown, least)
            if self._wanted.by_load and observed.replicas > 0:
                self._outgrown.left(observed.replicas, self._wanted.replicas, observed.work)
        elif self._wanted.replicas < least:
            self._wanted = at_least(least)
        self._tell(context, observed, now)

    def _settings_of(self, context: AutoscalingContext) -> ScalingSettings:
        declared = _declared(context)
        if declared is not self._declared:
            self._declared, self._settings = declared, _read(declared)
            self._schedule = self._settings.times()
        return self._settings

    def _held(self, context: AutoscalingContext) -> int:
        """What is wanted, while replicas that were asked for are given time to come."""
        now, target = context.current_num_replicas, context.target_num_replicas
        # Of a first replica that is still starting nothing was measured yet.
        if now < target and (now == 0 or self._wanted.replicas > now):
            return target
        return self._wanted.replicas

    def _tell(self, context: AutoscalingContext, observed: Observed | None, now: float) -> None:
        tags = {"application": context.app_name or "", "deployment": context.deployment_name}
        self._gauge.set(self._wanted.replicas, tags)
        record = {
            "at_s": now,
            "replicas": context.current_num_replicas,
            "target": context.target_num_replicas,
            "wanted": self._wanted.replicas,
            "why": self._wanted.why,
            "busy": None if observed is None else round(observed.busy, 3),
            "wait_ms": None if observed is None else round(observed.wait_ms, 2),
            "ongoing_requests": None if observed is None else round(observed.ongoing_requests, 2),
        }
        key = scaling_records.key_of(context.app_name or "", context.deployment_name)
        self._record.tell(key, record, now)


class _Record:
    """Writes what was decided, from a thread: the controller must not wait for Ray's store."""

    def __init__(self) -> None:
        self._changes: deque[dict[str, Any]] = deque(maxlen=CHANGES)
        self._news: tuple[Any, ...] = ()
        self._news_s = 0.0
        self._former_read = False
        self._writing: threading.Thread | None = None

    def change(self, at_s: float, before: int, after: int, why: str) -> None:
        """Remember that the number of replicas was changed."""
        self._changes.append({"at_s": at_s, "from": before, "to": after, "why": why})

    def tell(self, key: str, record: Mapping[str, Any], now: float) -> None:
        """Write the record where something of it is new, or some time has passed."""
        news = (record["replicas"], record["target"], record["wanted"], len(self._changes))
        if news == self._news and now - self._news_s < TELL_S:
            return
        if self._writing is not None and self._writing.is_alive():
            return
        self._news, self._news_s = news, now
        self._writing = threading.Thread(
            target=self._write, args=(key, dict(record)), name="scaling-record", daemon=True
        )
        self._writing.start()

    def _write(self, key: str, record: dict[str, Any]) -> None:
        try:
            if not self._former_read:
                # Every deploy makes a new policy; what changed before it is still of interest.
                former = scaling_records.read(key).get("changes", [])
                own = list(self._changes)
                self._changes.clear()
                self._changes.extend([*former, *own])
                self._former_read = True
            scaling_records.write(key, {**record, "changes": list(self._changes)})
        except Exception as error:  # noqa: BLE001 - scaling goes on without its record
            logger.warning("the record of %s's scaling cannot be written: %s", key, error)


def _declared(context: AutoscalingContext) -> Any:
    """The `user_config` of a deployment.

    Serve's context does not hold it, and replicas cannot tell it while there are none; but the
    functions in the context are methods of what does.
    """
    try:
        holder: Any = context._total_num_requests_value.__self__  # type: ignore[union-attr]  # noqa: SLF001
        declared: Any = holder._deployment_info.deployment_config.user_config  # noqa: SLF001
    except AttributeError:
        return None
    return declared


def _read(declared: Any) -> ScalingSettings:
    try:
        return scaling_settings(declared)
    except ConfigError as error:
        # The replicas refuse it too, and the deployment shows that.
        logger.warning("the usual targets of autoscaling hold: %s", error.message)
        return ScalingSettings()


def _observed(context: AutoscalingContext, since_s: float) -> Observed | None:
    """What replicas told since some time; none while none has told anything since then."""
    reported = context.raw_metrics or {}
    replicas = context.current_num_replicas
    if "busy" not in reported:
        return Observed(replicas, context.total_num_requests)
    busy = _each(reported["busy"], since_s)
    if not busy and replicas > 0:
        return None
    waiting = _each(reported.get("waiting_requests", {}), since_s)
    wait_ms = _weighted(reported, "wait_ms", since_s)
    return Observed(
        replicas,
        context.total_num_requests + _mean(waiting),
        _mean(busy),
        wait_ms,
        _weighted(reported, "call_ms", since_s),
    )


def _each(series: Mapping[Any, Any], since_s: float) -> list[float]:
    """The mean of each replica's samples since some time, of those that have any."""
    samples = [
        [sample.value for sample in one if sample.timestamp >= since_s] for one in series.values()
    ]
    return [_mean(values) for values in samples if values]


def _weighted(reported: Mapping[str, Any], name: str, since_s: float) -> float:
    """The mean of what was measured per call, over all calls of all replicas."""
    total = weight = 0.0
    calls = {
        (replica, sample.timestamp): sample.value
        for replica, series in reported.get("calls", {}).items()
        for sample in series
    }
    for replica, series in reported.get(name, {}).items():
        for sample in series:
            if sample.timestamp >= since_s:
                # Where no call ended, somebody may wait all the same: for one that is long.
                share = calls.get((replica, sample.timestamp), 0.0) or float(sample.value > 0)
                total += share * sample.value
                weight += share
    return total / weight if weight else 0.0


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0

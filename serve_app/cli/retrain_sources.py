"""Reasons to train again, as far as a plan, the monitor and the registry know some."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from serve_app.config.retraining import DAY_S, QualityTrigger, TriggerSettings
from serve_app.lifecycle.retraining.conditions import (
    DriftFinding,
    EstimateWindow,
    QualityWindow,
    of_drift,
    of_estimate,
    of_labels,
    of_quality,
)
from serve_app.lifecycle.retraining.schedule import scheduled
from serve_app.lifecycle.retraining.trigger import Trigger

if TYPE_CHECKING:
    from serve_app.cli.admin import AdminClient
    from serve_app.registry.store import Registry

_ESTIMATES_WITHIN_S = 7 * 86_400


def planned(
    model: str, settings: TriggerSettings, after_s: float, now_s: float
) -> Iterator[Trigger]:
    """The planned time that has come since `after_s`, if one has."""
    if settings.schedule is not None:
        trigger = scheduled(model, settings.schedule, after_s, now_s)
        if trigger is not None:
            yield trigger


def watched(
    model: str,
    endpoint: str,
    settings: TriggerSettings,
    client: AdminClient,
    champion_since: Callable[[], tuple[int, float] | None],
    now_s: float,
) -> Iterator[Trigger]:
    """What the monitor says of an endpoint that is a reason to train its model again.

    `champion_since` is the champion, and when it was registered (seconds since 1970).

    Raises:
        NotReady: the cluster does not answer.
    """
    if settings.quality is not None:
        windows = _quality(client, endpoint, settings.quality, now_s)
        yield from _one(of_quality(model, settings.quality, windows, now_s))
    if settings.estimate is not None:
        estimates = list(_estimates(client, endpoint))
        yield from _one(of_estimate(model, settings.estimate, estimates, now_s))
    yield from of_drift(
        model, _drift(client, endpoint, now_s), now_s, trains=settings.drift == "train"
    )
    champion = champion_since() if settings.labels is not None else None
    if settings.labels is not None and champion is not None:
        version, since_s = champion
        within_s = max(1, int(now_s - since_s))
        results = client.watched("quality", endpoint, within_s)
        count = sum(int(one["labelled"]) for one in results)
        yield from _one(of_labels(model, settings.labels, version, count, now_s))


def champion_since(registry: Registry, model: str) -> tuple[int, float] | None:
    """The champion of a model, and when it was registered; none where no version is champion."""
    from serve_app.lifecycle.retraining.versions import RegistryVersions

    version = RegistryVersions(registry).champion(model)
    if version is None:
        return None
    created = dt.datetime.fromisoformat(registry.manifest(model, version).created_at)
    return version, created.timestamp()


def _one(trigger: Trigger | None) -> Iterator[Trigger]:
    if trigger is not None:
        yield trigger


def _quality(
    client: AdminClient, endpoint: str, settings: QualityTrigger, now_s: float
) -> Iterator[QualityWindow]:
    """The newest window of each version; all looks of one length of time are one reason."""
    end_s = (now_s // settings.window + 1) * settings.window
    for one in client.watched("quality", endpoint, int(settings.window)):
        metric: dict[str, Any] = one["metrics"].get(settings.metric) or {}
        if metric.get("value") is None or metric.get("low") is None:
            continue
        yield QualityWindow(
            settings.metric, end_s, metric["value"], metric["low"], metric["high"],
            int(one["labelled"]), bool(one["mature"]),
        )  # fmt: skip


def _estimates(client: AdminClient, endpoint: str) -> Iterator[EstimateWindow]:
    for one in client.watched("estimate", endpoint, _ESTIMATES_WITHIN_S):
        for window in one["windows"]:
            for name, metric in window["metrics"].items():
                if metric["value"] is not None:
                    end_s = float(window["start_s"] + one["window_s"])
                    yield EstimateWindow(name, end_s, float(metric["value"]))


def _drift(client: AdminClient, endpoint: str, now_s: float) -> Iterator[DriftFinding]:
    """What stands now, since when it does; where nobody knows that, once a day."""
    day_s = now_s // DAY_S * DAY_S
    for one in client.alerts()["findings"]:
        if one["endpoint"] == endpoint and one["kind"] == "drift":
            detector = f"{one['variants']}:{one['subject']}"
            since_s = day_s if one["since_s"] is None else float(one["since_s"])
            yield DriftFinding(detector, since_s, one["text"])

"""Values that a cloud refuses once everything is pushed, and which no field's kind rules out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from serve_app.documents.near_names import did_you_mean
from serve_app.documents.walk import Path, at, items, mapping

Wrong = Iterator[tuple[Path, str]]
_WHOLE = 100
_BINDINGS = (
    "blob", "blobTrigger", "cosmosDB", "cosmosDBTrigger", "eventGridTrigger", "eventHub",
    "eventHubTrigger", "http", "httpTrigger", "kafka", "kafkaTrigger", "queue", "queueTrigger",
    "serviceBus", "serviceBusTrigger", "table", "timerTrigger",
)  # fmt: skip
_MODEL = ("description", "name", "path", "properties", "tags", "type", "version")
_ROUTES = ("predictRoute", "healthRoute")


def instance_types(body: Any) -> Wrong:
    """SageMaker's machines are EC2's, with `ml.` before."""
    for index, one in enumerate(items(at(body, ("ProductionVariants",)))):
        kind = mapping(one).get("InstanceType")
        if isinstance(kind, str) and not kind.startswith("ml."):
            path: Path = ("ProductionVariants", index, "InstanceType")
            yield path, f"SageMaker has no machine {kind!r}. Did you mean 'ml.{kind}'?"


def splits(body: Any) -> Wrong:
    """Shares of Vertex AI and of Azure ML are a hundred together, or Azure's none at all."""
    for key in ("trafficSplit", "traffic"):
        shares = mapping(at(body, (key,))).values()
        total = sum(one for one in shares if isinstance(one, int))
        if shares and total != _WHOLE and (key == "trafficSplit" or total):
            yield (key,), f"adds up to {total}; write shares that are {_WHOLE} together"


def routes(body: Any) -> Wrong:
    """Paths begin with a slash."""
    for key in _ROUTES:
        path: Path = ("model", "containerSpec", key)
        written = at(body, path)
        if isinstance(written, str) and not written.startswith("/"):
            yield path, f"{written!r} is no path; write '/{written}'"
    for key in mapping(at(body, ("environment", "inference_config"))):
        path = ("environment", "inference_config", key, "path")
        written = at(body, path)
        if isinstance(written, str) and not written.startswith("/"):
            yield path, f"{written!r} is no path; write '/{written}'"


def bindings(body: Any) -> Wrong:
    """What starts a function of Azure's; extensions bring others, so that near ones alone count."""
    for index, one in enumerate(items(at(body, ("bindings",)))):
        kind = mapping(one).get("type")
        if isinstance(kind, str) and kind not in _BINDINGS:
            meant = did_you_mean(kind, _BINDINGS)
            if meant:
                yield ("bindings", index, "type"), f"there is no binding {kind!r}.{meant}"


def models(body: Any) -> Wrong:
    """The keys of a model of Azure ML, where it is not named but described."""
    if at(body, ("endpoint_name",)) is None:
        return
    for key in mapping(at(body, ("model",))):
        if key not in _MODEL:
            meant = did_you_mean(str(key), _MODEL)
            yield ("model", key), f"there is no key {key!r} here.{meant}"


def replicas(body: Any) -> Wrong:
    """As few machines as there may be are no more than as many."""
    path: Path = ("deployedModel", "dedicatedResources")
    resources = mapping(at(body, path))
    least, most = (resources.get(key) for key in ("minReplicaCount", "maxReplicaCount"))
    if isinstance(least, int) and isinstance(most, int) and least > most:
        yield (*path, "minReplicaCount"), f"is {least}, more than maxReplicaCount, {most}"


RULES: tuple[Callable[[Any], Wrong], ...] = (
    instance_types,
    splits,
    routes,
    bindings,
    models,
    replicas,
)

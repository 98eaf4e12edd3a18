"""What differs between the config that Serve was given last and another, as people see it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from serve_app.core.signature import Signature

Action = Literal["add", "remove", "restart", "scale", "change"]
What = Literal["application", "endpoint", "schema", "weights", "rollout", "capacity"]
Config = Mapping[str, Any]
_SCALE = frozenset({"num_replicas", "autoscaling_config"})
_IN_PLACE = frozenset(
    {
        *_SCALE, "user_config", "max_ongoing_requests", "max_queued_requests",
        "graceful_shutdown_wait_loop_s", "graceful_shutdown_timeout_s", "health_check_period_s",
        "health_check_timeout_s", "backpressure_config",
    }
)  # fmt: skip
"""Options of deployments that Serve changes while replicas go on."""


@dataclass(frozen=True, slots=True)
class PlannedChange:
    """One thing that a deploy changes, in words and as values.

    `breaks_clients` says that requests which are answered now would be refused, or answered in
    another form.
    """

    action: Action
    what: What
    name: str
    words: str
    before: Any = None
    after: Any = None
    breaks_clients: bool = False


def applications(old: Mapping[str, Config], new: Mapping[str, Config]) -> Iterator[PlannedChange]:
    """Applications that come, go, start anew, or have other numbers of replicas, by their names."""
    for name in sorted({*old, *new}):
        if name not in old:
            yield PlannedChange("add", "application", name, _import_path(new[name]))
        elif name not in new:
            yield PlannedChange("remove", "application", name, _import_path(old[name]))
        else:
            yield from _application(name, old[name], new[name])


def _application(name: str, old: Config, new: Config) -> Iterator[PlannedChange]:
    inner = {"deployments", "name"}
    keys = sorted(
        key for key in {*old, *new} - inner if (old.get(key) or None) != (new.get(key) or None)
    )
    ours, theirs = _named(old.get("deployments")), _named(new.get("deployments"))
    options = {
        f"{one}.{key}": (ours.get(one, {}).get(key), theirs.get(one, {}).get(key))
        for one in sorted({*ours, *theirs})
        for key in sorted({*ours.get(one, {}), *theirs.get(one, {})})
        if ours.get(one, {}).get(key) != theirs.get(one, {}).get(key)
    }
    anew = [*keys, *(key for key in options if key.rpartition(".")[2] not in _IN_PLACE)]
    if anew:
        words = f"its replicas start anew, one after the other: {', '.join(anew)}"
        yield PlannedChange("restart", "application", name, words)
    for key, (was, now) in options.items():
        if key.rpartition(".")[2] in _SCALE:
            yield PlannedChange("scale", "application", name, key, was, now)
        elif key not in anew and not key.endswith(".user_config"):
            yield PlannedChange("change", "application", name, key, was, now)


def endpoints(before: Mapping[str, Config], after: Mapping[str, Config]) -> Iterator[PlannedChange]:
    """Declared endpoints that come, go, ask other versions or by other weights, or are set anew."""
    for name in sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        if old is None or new is None:
            versions = ", ".join(weights_of(old or new or {}))
            if old is None:
                yield PlannedChange("add", "endpoint", name, f"answered by {versions}")
            else:
                words = f"was answered by {versions}, and answers no more"
                yield PlannedChange("remove", "endpoint", name, words, breaks_clients=True)
            continue
        was, now = weights_of(old), weights_of(new)
        if was != now:
            yield PlannedChange("change", "endpoint", name, "versions and weights", was, now)
        yield from (
            PlannedChange("change", "endpoint", name, key, one, other)
            for key, one, other in _settings(old, new)
        )


def weights_of(settings: Config) -> dict[str, float]:
    """The versions of a declared endpoint as they are written, with their weights."""
    route = settings.get("route") or {}
    variants = [one for one in route.get("variants") or () if isinstance(one, Mapping)]
    if not variants and route.get("model"):
        return {str(route["model"]): 1.0}
    return {str(one.get("model")): float(one.get("weight", 1.0)) for one in variants}


def _settings(old: Config, new: Config) -> Iterator[tuple[str, Any, Any]]:
    """Other settings that differ, those of the route by their own names."""
    parts = [
        ({**one, "route": None}, {**(one.get("route") or {}), "variants": None, "model": None})
        for one in (old, new)
    ]
    for level, prefix in enumerate(("", "route.")):
        was, now = parts[0][level], parts[1][level]
        for key in sorted({*was, *now}):
            if was.get(key) != now.get(key):
                yield f"{prefix}{key}", was.get(key), now.get(key)


def schema_changes(name: str, before: Signature, after: Signature) -> Iterator[PlannedChange]:
    """What clients of an endpoint have to send, or get, otherwise than now."""
    old = {column.name: column for column in before.inputs}
    new = {column.name: column for column in after.inputs}
    for column in after.inputs:
        known = old.get(column.name)
        if known is None:
            needed = not column.nullable
            words = f"column {column.name} " + ("now required" if needed else "may be given")
            yield _of_schema("add", name, words, (None, column.dtype), breaks=needed)
            continue
        if known.dtype != column.dtype:
            words = f"type of column {column.name}"
            yield _of_schema("change", name, words, (known.dtype, column.dtype), breaks=True)
        if known.nullable and not column.nullable:
            words = f"column {column.name} may have no gaps any more"
            yield _of_schema("change", name, words, (True, False), breaks=True)
        gone = sorted(
            set(map(str, known.categories or ())) - set(map(str, column.categories or ()))
        )
        if column.categories is not None and gone:
            words = f"categories of column {column.name} that are not known any more"
            yield _of_schema("change", name, words, (gone, None), breaks=True)
    for column_name in sorted(set(old) - set(new)):
        words = f"column {column_name} is not looked at any more"
        yield _of_schema("remove", name, words, (old[column_name].dtype, None), breaks=False)
    if before.output.kind != after.output.kind:
        kinds = (before.output.kind, after.output.kind)
        yield _of_schema("change", name, "what is predicted", kinds, breaks=True)
    elif before.output.labels != after.output.labels:
        labels = (list(before.output.labels), list(after.output.labels))
        yield _of_schema("change", name, "classes", labels, breaks=True)


def _of_schema(
    action: Action, name: str, words: str, values: tuple[Any, Any], *, breaks: bool
) -> PlannedChange:
    return PlannedChange(action, "schema", name, words, *values, breaks_clients=breaks)


def least_cpus(config: Config) -> float:
    """The CPUs that all deployments of a config reserve at their least number of replicas."""
    return sum(
        _least_replicas(deployment) * _cpus(deployment)
        for application in config.get("applications") or ()
        for deployment in application.get("deployments") or ()
    )


def _least_replicas(deployment: Config) -> float:
    scaling = deployment.get("autoscaling_config")
    if isinstance(scaling, Mapping):
        return float(scaling.get("min_replicas", 1))
    given = deployment.get("num_replicas", 1)
    return float(given) if isinstance(given, int | float) else 1.0


def _cpus(deployment: Config) -> float:
    given = (deployment.get("ray_actor_options") or {}).get("num_cpus", 1)
    return float(given) if isinstance(given, int | float) else 1.0


def _named(given: Sequence[Config] | None) -> dict[str, Config]:
    return {str(one.get("name")): one for one in given or ()}


def _import_path(application: Config) -> str:
    return str(application.get("import_path", ""))

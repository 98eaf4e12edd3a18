"""Whether what a config says of monitoring can be, and fits what gateways expect."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from serve_app.config import ControlArgs, GatewayArgs, MonitorArgs
from serve_app.config.base import Frozen
from serve_app.config.concept import ConceptArgs
from serve_app.core.snapshot import Endpoint
from serve_app.errors import ConfigError
from serve_app.monitoring.concept import DEFAULT_DETECTORS, DETECTORS, detector_named
from serve_app.monitoring.drift.settings import DriftSettings
from serve_app.monitoring.telemetry import extra
from serve_app.routing import route_of
from serve_app.serving.monitor_client import APPLICATION

Below = tuple[str | int, ...]


class Declared(NamedTuple):
    """An application of a config: where it stands, its body, and its args once they are read."""

    path: Below
    body: Mapping[str, Any]
    arguments: Frozen | None


def problems(
    applications: Sequence[Declared], endpoints: Sequence[tuple[Below, Endpoint]] = ()
) -> Iterator[tuple[Below, str]]:
    """What is wrong with monitors and telemetry of a config, each with the path of its key.

    `endpoints` are what it declares, each with its path.
    """
    monitors = [one for one in applications if isinstance(one.arguments, MonitorArgs)]
    for one in monitors[1:]:
        yield (*one.path, "import_path"), "there is a monitor already, and two would write the same"
    for one in monitors:
        yield from _of_one(one)
        yield from _of_stores(one, applications)
    arguments = next((one.arguments for one in monitors), MonitorArgs())
    chosen = arguments.drift.chosen() if isinstance(arguments, MonitorArgs) else {}
    for path, spec in endpoints:
        for below, message in _of_rules(spec.records.drift, chosen):
            yield (*path, "monitoring", "drift", *below), message
    for one in monitors:
        yield from _of_subjects(one, endpoints)
    for path, spec in endpoints:
        if not monitors and route_of(spec.route).learns:
            words = f"learns from feedback, which the application {APPLICATION!r} keeps"
            yield (*path, "route"), f"a {spec.route.kind} {words}, and this config has none"
    for one in applications:
        if getattr(one.arguments, "telemetry", None) is not None and not extra.is_installed():
            yield (*one.path, "args", "telemetry"), extra.MISSING


def _of_subjects(
    monitor: Declared, endpoints: Sequence[tuple[Below, Endpoint]]
) -> Iterator[tuple[Below, str]]:
    """Values of subjects are encrypted by the monitor, or kept by nobody."""
    arguments = monitor.arguments
    privacy = arguments.privacy if isinstance(arguments, MonitorArgs) else None
    if privacy is not None and privacy.secret is not None:
        return
    for path, spec in endpoints:
        if spec.records.subject is not None:
            words = "rows have subjects, whose data the monitor encrypts: its args need a"
            yield (*path, "privacy", "subject"), f"{words} `privacy: {{secret: FILE}}`"


def _of_one(one: Declared) -> Iterator[tuple[Below, str]]:
    name = str(one.body.get("name", ""))
    if name != APPLICATION:
        yield (
            (*one.path, "name"),
            f"{name!r} keeps records, so gateways look for it under the name {APPLICATION!r}",
        )
    for index, deployment in enumerate(one.body.get("deployments") or []):
        if not isinstance(deployment, Mapping):
            continue
        where = (*one.path, "deployments", index)
        alone = "a monitor has one replica: it counts in memory what all gateways send"
        if deployment.get("num_replicas") not in {None, 1}:
            yield (*where, "num_replicas"), alone
        if deployment.get("autoscaling_config") is not None:
            yield (*where, "autoscaling_config"), alone
    if isinstance(one.arguments, MonitorArgs):
        for below, message in _of_rules(one.arguments.drift.chosen(), {}):
            yield (*one.path, "args", "drift", *below), message
        for below, message in _of_concept(one.arguments.concept):
            yield (*one.path, "args", "concept", *below), message


def _of_rules(rules: Mapping[str, Any], others: Mapping[str, Any]) -> Iterator[tuple[Below, str]]:
    """What of rules of drift cannot be beside others, at its key where it is wrong by itself."""
    together = _refusal(others, rules)
    if together is None or not rules or (others and _refusal(others) is not None):
        return
    # Some are wrong only beside the default of another one, which is chosen otherwise here.
    keys = [name for name, value in rules.items() if _refusal(others, {name: value}) == together]
    yield tuple(keys[:1]), together


def _of_concept(args: ConceptArgs) -> Iterator[tuple[Below, str]]:
    """Which detectors and settings of theirs cannot be."""
    names = DEFAULT_DETECTORS if args.detectors is None else args.detectors
    for name in names:
        if name not in DETECTORS:
            known = ", ".join(DETECTORS)
            yield ("detectors",), f"there is no drift detector {name!r}; there are {known}"
    for name in sorted({name for name in names if list(names).count(name) > 1}):
        yield ("detectors",), f"{name!r} is named twice"
    for name, settings in args.settings.items():
        if name not in names:
            yield ("settings", name), f"{name!r} is not among the detectors: {', '.join(names)}"
            continue
        try:
            # Its library takes seconds to be imported, and nobody else needs it here.
            detector_named(name, settings)
        except ConfigError as error:
            if name in DETECTORS:
                yield ("settings", name), error.message


def _refusal(*chosen: Mapping[str, Any]) -> str | None:
    try:
        DriftSettings.of(*chosen)
    except ConfigError as error:
        return error.message
    return None


def _of_stores(monitor: Declared, applications: Sequence[Declared]) -> Iterator[tuple[Below, str]]:
    """It knows endpoints from the state of control and of gateways alone."""
    for one in applications:
        ours, other = monitor.arguments, one.arguments
        if not isinstance(ours, MonitorArgs) or not isinstance(other, ControlArgs | GatewayArgs):
            continue
        if other.state != ours.state:
            # A state may be a URL with a password.
            whose = repr(one.body.get("name"))
            words = f"is another than that of {whose}: the monitor would know of no endpoints"
            yield (*monitor.path, "args", "state"), words

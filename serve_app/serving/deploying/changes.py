"""Changes of what is deployed, one endpoint at a time, while everything else goes on.

There is no second kind of state: the config that Serve was given last is read, changed, checked
and handed to Serve again, as `serve deploy` would. A later deploy of a file supersedes it.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from serve_app.cluster import web
from serve_app.cluster.node import Running
from serve_app.cluster.node_totals import fixed_nodes
from serve_app.config import HOME_VARIABLE, ControlArgs
from serve_app.config.registry import RegistrySettings
from serve_app.engine.trusted_registry import open_registry
from serve_app.errors import ConfigError, Conflict, NotFound, NotReady, ServeError, ServerFault
from serve_app.gateway.admin.actions import Replicas
from serve_app.serving.checking.resources import unplaceable
from serve_app.serving.checking.validate import validate_text
from serve_app.serving.deploying import declaration, managed
from serve_app.serving.deploying.attempts import until_taken
from serve_app.serving.deploying.consent import check_consent
from serve_app.serving.deploying.declaration import Config
from serve_app.serving.deploying.readiness import wait_until_ready
from serve_app.serving.deploying.superseded import differences, require_standing
from serve_app.serving.deploying.turns import Queue, turn

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Wait:
    """How long to wait until a change is in effect, and who hears what is missing meanwhile."""

    timeout_s: float
    tell: Tell
    sleep: Callable[[float], None] = time.sleep


def deployed(running: Running) -> Config:
    """The config that Serve was given last.

    Raises:
        NotReady: the dashboard does not answer.
    """
    return declaration.from_serve(running.dashboard.serve_details())


def as_it_runs(running: Running) -> Config:
    """What is deployed, with the weights that were set at run time since; raises as `deployed`."""
    config = deployed(running)
    return declaration.with_weights(config, _weights_of_run_time(running, config))


def registry_of(running: Running, config: Mapping[str, Any]) -> str | RegistrySettings | None:
    """Where the deployed endpoints' versions are registered; none where none are declared."""
    control = declaration.control_of(config)
    if control is None:
        return None
    with _at_home(running):
        return ControlArgs.model_validate(control.get("args") or {}).registry


def add_endpoint(
    running: Running,
    name: str,
    settings: Mapping[str, Any],
    base: Config,
    *,
    allow_pickle: bool,
    wait: Wait,
) -> None:
    """Let an endpoint answer with these settings, in place of the one of its name.

    `base` is what is deployed, or what is to be where nothing is. What its former settings asked
    and nobody asks any more goes, once it no longer answers.

    Raises:
        ConfigError: it does not fit; names everything that is wrong, and nothing was changed.
        Conflict: something was deployed since `base` was read, or while this was under way.
        ServerFault: an application failed; what was deployed before is again.
        NotReady: it was not in effect in time; likewise.
    """
    standing = deployed(running)
    read_before = base["applications"][: len(standing["applications"])]
    if read_before != standing["applications"]:
        raise _deployed_meanwhile(name)
    weights = _weights_of_run_time(running, standing)
    before = declaration.with_weights(standing, weights)
    config = declaration.with_weights(base, weights)
    registry = (declaration.control_of(config) or {}).get("args", {}).get("registry", "./registry")
    consented = _consented(running, config, settings, allow_pickle=allow_pickle)
    after = declaration.with_endpoint(config, name, settings, registry, consented)
    _change(running, _Step(standing, before, after), name, wait)
    former = declaration.endpoints(base).get(name)
    if former is not None:
        _tidy(running, after, former, wait)


def scale_endpoint(running: Running, name: str, replicas: Replicas, *, wait: Wait) -> None:
    """Let each version of an endpoint have so many replicas; raises as `remove_endpoint`.

    Raises:
        Conflict: it has no replicas of its own.
    """
    standing = deployed(running)
    _require_declared(standing, name)
    before = declaration.with_weights(standing, _weights_of_run_time(running, standing))
    after = managed.with_replicas(before, name, replicas.least, replicas.most)
    _change(running, _Step(standing, before, after), name, wait)


def remove_endpoint(running: Running, name: str, *, wait: Wait) -> None:
    """Let an endpoint answer no more, and end the applications that only it asked.

    Raises:
        NotFound: no such endpoint; names those that are.
        ConfigError: something deployed needs it; says what.
        NotReady: it was not in effect in time; what was deployed before is again.
    """
    standing = deployed(running)
    declared = _require_declared(standing, name)
    before = declaration.with_weights(standing, _weights_of_run_time(running, standing))
    after = declaration.without_endpoint(before, name)
    _change(running, _Step(standing, before, after), name, wait)
    _tidy(running, after, declared[name], wait)


def _require_declared(config: Config, name: str) -> dict[str, Any]:
    """The declared endpoints, one of which is to have this name. Raises NotFound: none has."""
    declared = declaration.endpoints(config)
    if name not in declared:
        known = ", ".join(sorted(declared)) or "none"
        msg = f"there is no endpoint {name!r}; endpoints: {known}"
        raise NotFound(msg, known=sorted(declared))
    return declared


@contextmanager
def alone(running: Running, what: str, wait: Wait) -> Iterator[None]:
    """Hold back other deploys, so that none is lost between reading and writing.

    `what` is how those who wait name it.

    Raises:
        Conflict: another is still under way after `wait.timeout_s`; says whose.
    """
    with turn(running, what, Queue(wait.timeout_s, wait.tell)):
        yield


def _consented(
    running: Running, config: Config, settings: Mapping[str, Any], *, allow_pickle: bool
) -> frozenset[str]:
    registry = registry_of(running, config)
    return check_consent(
        open_registry(registry or "./registry"), settings, allow_pickle=allow_pickle
    )


def _weights_of_run_time(running: Running, config: Config) -> Mapping[str, Mapping[str, float]]:
    if declaration.control_of(config) is None:
        return {}
    standing = web.get(f"{running.http_url}/v1/endpoints")
    weights: Mapping[str, Mapping[str, float]] = standing.get("set_at_run_time", {})
    return weights


@dataclass(frozen=True, slots=True)
class _Step:
    """A change: what Serve was given, the same with the weights of run time, what is to be."""

    standing: Config
    before: Config
    after: Config


def _change(running: Running, step: _Step, name: str, wait: Wait) -> None:
    """Hand Serve a config and wait for one endpoint of it; else put back what was there."""
    _check(running, step.after)
    _check_places(running, step)
    if deployed(running) != step.standing:
        raise _deployed_meanwhile(name)
    try:
        _put(running, step.after, wait)
        # Other endpoints' versions may be broken: that is no reason to wait.
        wait_until_ready(
            running,
            declaration.concerning(step.after, name),
            timeout_s=wait.timeout_s,
            tell=wait.tell,
            only=name,
            given=step.after,
        )
    except (ServerFault, NotReady, KeyboardInterrupt):
        _require_ours(running, step)
        wait.tell("putting back what was deployed before")
        _put(running, _with_newest_weights(running, step.before), wait)
        raise


def _deployed_meanwhile(name: str) -> Conflict:
    return Conflict(
        f"nothing was changed for {name}, since something was deployed meanwhile; try again"
    )


def _with_newest_weights(running: Running, config: Config) -> Config:
    """The same with the weights that were set since it was read; as it is where nobody tells."""
    try:
        return declaration.with_weights(config, _weights_of_run_time(running, config))
    except ServeError:
        return config


def _require_ours(running: Running, step: _Step) -> None:
    """Let pass what this change, or the config before it, made: all else is somebody's deploy."""
    states = _states(running)
    # Where Serve refused the change, nothing was changed.
    if differences(states, step.standing):
        require_standing(states, step.after)


def _states(running: Running) -> Mapping[str, Mapping[str, Any]]:
    states: Mapping[str, Mapping[str, Any]] = running.dashboard.serve_details()["applications"]
    return states


def _check(running: Running, config: Config) -> None:
    with _at_home(running):
        report = validate_text(yaml.safe_dump(config, sort_keys=False))
    if report.findings:
        listed = "; ".join(f"{_short(f.key)}: {f.message}" for f in report.findings)
        msg = f"nothing was changed: {listed}"
        raise ConfigError(msg)


def _check_places(running: Running, step: _Step) -> None:
    """Refuse new replicas that no node can ever hold: they would wait without end."""
    nodes = fixed_nodes(running.dashboard) or ()
    standing = {one["name"] for one in step.standing["applications"]}
    listed = "; ".join(
        f"application {one['name']}, {'.'.join(map(str, key))}: {problem}"
        for one in step.after["applications"]
        if one["name"] not in standing
        for deployment in one.get("deployments") or ()
        for key, problem in unplaceable(deployment, nodes)
    )
    if listed:
        msg = f"nothing was changed: {listed}"
        raise ConfigError(msg)


def _short(key: str) -> str:
    """The key as people who write no file know it."""
    return key.partition(".user_config.")[2] or key


def _put(running: Running, config: Config, wait: Wait) -> None:
    until_taken(lambda: _refusal(running, config), "the change", warn=wait.tell, sleep=wait.sleep)


def _refusal(running: Running, config: Config) -> str | None:
    """Hand Serve a config; what was said where it did not take it."""
    try:
        running.dashboard.put_config(config)
    except ServeError as error:
        return error.message
    return None


def _tidy(running: Running, config: Config, former: Mapping[str, Any], wait: Wait) -> None:
    """End the applications that an endpoint's former settings asked and nobody asks now."""
    left = declaration.without_idle(config, declaration.versions_of(former))
    if len(left["applications"]) == len(config["applications"]):
        return
    # Requests that were routed before may still be on their way there, for no longer than this.
    wait.tell("letting requests that are under way be answered")
    wait.sleep(declaration.settings_of(former).timeout_s)
    if differences(_states(running), config):
        # Somebody's deploy came since, and says itself which applications there are.
        return
    _put(running, left, wait)


def path_at_home(running: Running, path: str) -> str:
    """A path of this process's as configs of the cluster write it."""
    home = Path(running.environment[HOME_VARIABLE])
    if "://" in path:
        return path
    if Path.cwd() == home and not Path(path).is_absolute():
        return f"./{Path(path)}"
    return str(Path(path).resolve())


@contextmanager
def _at_home(running: Running) -> Iterator[None]:
    """Let relative paths of configs mean what they mean on the cluster."""
    before = os.environ.get(HOME_VARIABLE)
    os.environ[HOME_VARIABLE] = running.environment[HOME_VARIABLE]
    try:
        yield
    finally:
        if before is None:
            del os.environ[HOME_VARIABLE]
        else:
            os.environ[HOME_VARIABLE] = before

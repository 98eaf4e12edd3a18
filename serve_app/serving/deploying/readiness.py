"""Waits until what was deployed is in effect."""

import csv
import io
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from serve_app.cluster import web
from serve_app.cluster.node import Running
from serve_app.errors import Conflict, NotReady, ServeError, ServerFault
from serve_app.serving.deploying.in_effect import (
    declared_hash,
    gateways,
    not_in_effect,
    refusal,
)
from serve_app.serving.deploying.superseded import require_standing
from serve_app.serving.messages import causes

POLL_S = 0.5
REFUSED_FOR_S = 5.0
"""How long a refusal stands before it counts: control looks again at what it refused before."""
FAILED = {"DEPLOY_FAILED", "UNHEALTHY"}


class _RefusedError(ServerFault):
    """Control refused what is declared."""


def wait_until_ready(
    running: Running,
    declared: Mapping[str, Any],
    *,
    timeout_s: float,
    tell: Callable[[str], None],
    only: str | None = None,
    given: Mapping[str, Any] | None = None,
) -> None:
    """Return once what a config declares is in effect on every gateway.

    Every application runs as it was declared, every endpoint answers with the versions that it
    was declared with, and each gateway replica has taken the snapshot that says so. Meanwhile
    `tell` hears what is missing. With `only`, endpoints other than that one may still wait. `given`
    is the whole config that was handed to Serve, where `declared` is but a part of it.

    Raises:
        Conflict: Serve was given something else since; says what differs.
        ServerFault: an application failed, or control refused the endpoints; says which and why.
        NotReady: it took longer than `timeout_s`; says what is not in effect yet.
    """
    started = time.monotonic()
    deadline = started + timeout_s
    while True:
        try:
            missing = _missing(running, declared, only, given or declared)
        except _RefusedError as error:
            if time.monotonic() > min(deadline, started + REFUSED_FOR_S):
                raise
            missing = error.message
        if not missing:
            return
        if time.monotonic() > deadline:
            msg = f"not in effect after {timeout_s:.0f} s: {missing}; see serve-app status"
            raise NotReady(msg)
        tell(missing)
        time.sleep(POLL_S)


def _missing(
    running: Running, declared: Mapping[str, Any], only: str | None, given: Mapping[str, Any]
) -> str:
    """What is not in effect yet, in a few words; empty when everything is."""
    try:
        states = running.dashboard.serve_details(timeout_s=5.0)["applications"]
        if states:
            # Without any, Serve is starting, or was shut down.
            require_standing(states, given)
        return (
            _applications(states, declared["applications"])
            or _proxy(running)
            or _effect(running, states, declared["applications"], only)
        )
    except (Conflict, ServerFault):
        raise
    except ServeError as error:
        return error.message


def _applications(
    states: Mapping[str, Mapping[str, Any]], declared: Sequence[Mapping[str, Any]]
) -> str:
    waiting: list[str] = []
    for application in declared:
        name = application["name"]
        state = states.get(name, {"status": "NOT_STARTED", "message": ""})
        if state["status"] in FAILED:
            msg = f"application {name!r} failed: {causes(state)}"
            raise ServerFault(msg)
        if state["status"] != "RUNNING":
            waiting.append(f"{name} ({causes(state) or state['status'].lower()})")
    return f"applications starting: {', '.join(waiting)}" if waiting else ""


def _proxy(running: Running) -> str:
    if not running.stats_port:
        # Something else than serve-app started the cluster, with Serve's own proxy.
        return ""
    try:
        page = web.text(running.stats_url, timeout_s=5.0, to_gateway=False)
    except NotReady:
        return (
            "HAProxy does not answer yet (Serve starts it, and again where the machine was too "
            f"busy; its log is {running.folder}/ray/session_latest/logs/serve/proxy_*.log)"
        )
    rows = csv.DictReader(io.StringIO(page.lstrip("# ")))
    up = [
        row
        for row in rows
        if row["pxname"].startswith("http-")
        and row["svname"].startswith("SERVE_REPLICA")
        and row["status"].startswith("UP")
    ]
    return "" if up else "HAProxy does not see the gateway yet"


def _effect(
    running: Running,
    states: Mapping[str, Mapping[str, Any]],
    declared: Sequence[Mapping[str, Any]],
    only: str | None,
) -> str:
    web.get(f"{running.http_url}/v2/health/ready", timeout_s=5.0)
    declaration = declared_hash(declared)
    if declaration is None:
        return ""
    status = web.get(f"{running.http_url}/v1/status", timeout_s=15.0)
    if words := refusal(status, declaration):
        raise _RefusedError(words)
    return "; ".join(not_in_effect(status, declaration, gateways(states), only=only))

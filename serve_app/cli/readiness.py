"""Waits, visibly, until what was deployed answers."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from serve_app.cli import output, web
from serve_app.errors import NotReady, ServeError, ServerFault
from serve_app.serving.cluster import Running
from serve_app.serving.messages import causes

POLL_S = 0.5
FAILED = {"DEPLOY_FAILED", "UNHEALTHY"}


def wait_until_ready(running: Running, file: Path, *, timeout_s: float) -> None:
    """Return once every application runs, HAProxy sees the gateway and all endpoints stand.

    Raises:
        ServerFault: an application failed; says which and why.
        NotReady: it took longer than `timeout_s`; says what is missing.
    """
    declared = yaml.safe_load(file.read_text())
    deadline = time.monotonic() + timeout_s
    with output.progress().status("waiting …") as status:
        while True:
            missing = _missing(running, declared)
            if not missing:
                return
            if time.monotonic() > deadline:
                msg = f"not ready after {timeout_s:.0f} s: {missing}; see serve-app status"
                raise NotReady(msg)
            status.update(missing)
            time.sleep(POLL_S)


def _missing(running: Running, declared: Mapping[str, Any]) -> str:
    """What is not there yet, in a few words; empty when everything is."""
    try:
        missing = _applications(running, declared)
        return missing or _proxy(running) or _endpoints(running, declared)
    except ServerFault:
        raise
    except ServeError as error:
        return error.message


def _applications(running: Running, declared: Mapping[str, Any]) -> str:
    body = web.get(f"{running.dashboard_url}/api/serve/applications/", timeout_s=5.0)
    states = body["applications"]
    waiting: list[str] = []
    for application in declared["applications"]:
        name = application["name"]
        state = states.get(name, {"status": "NOT_STARTED", "message": ""})
        if state["status"] in FAILED:
            msg = f"application {name!r} failed: {causes(state)}"
            raise ServerFault(msg)
        if state["status"] != "RUNNING":
            waiting.append(f"{name} ({causes(state) or state['status'].lower()})")
    return f"applications starting: {', '.join(waiting)}" if waiting else ""


def _proxy(running: Running) -> str:
    rows = csv.DictReader(io.StringIO(web.text(running.stats_url, timeout_s=5.0).lstrip("# ")))
    up = [
        row
        for row in rows
        if row["pxname"].startswith("http-")
        and row["svname"].startswith("SERVE_REPLICA")
        and row["status"].startswith("UP")
    ]
    return "" if up else "HAProxy does not see the gateway yet"


def _endpoints(running: Running, declared: Mapping[str, Any]) -> str:
    web.get(f"{running.http_url}/v2/health/ready", timeout_s=5.0)
    standing = web.get(f"{running.http_url}/v1/endpoints", timeout_s=5.0)
    names = {endpoint["name"] for endpoint in standing["endpoints"]}
    wanted: set[str] = set()
    for application in declared["applications"]:
        for deployment in application.get("deployments") or []:
            wanted.update((deployment.get("user_config") or {}).get("endpoints", {}))
    missing = sorted(wanted - names)
    return f"endpoints starting: {', '.join(missing)}" if missing else ""

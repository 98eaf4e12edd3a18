"""All that is looked at of a cluster, or of one process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

from serve_app.cluster.doctor.args import of_args
from serve_app.cluster.doctor.files import of_files, of_secret
from serve_app.cluster.doctor.finding import LEVELS, Finding
from serve_app.cluster.doctor.libraries import of_libraries
from serve_app.cluster.doctor.ports import Guards, Kind, of_ports, open_ports
from serve_app.cluster.doctor.versions import of_versions
from serve_app.cluster.running import Running
from serve_app.config.builders import builder_of
from serve_app.core.edge_token import EDGE_VARIABLE
from serve_app.errors import NotReady, ServeError

Purposes = Mapping[int, tuple[str, Kind]]
_OF_SERVE: tuple[tuple[str, str], ...] = (
    ("RAY_SERVE_HAPROXY_STATS_PORT", "HAProxy statistics"),
    ("RAY_SERVE_HAPROXY_METRICS_PORT", "HAProxy metrics"),
    ("RAY_SERVE_FALLBACK_PROXY_HTTP_PORT", "fallback proxy"),
    ("RAY_SERVE_FALLBACK_PROXY_GRPC_PORT", "fallback gRPC proxy"),
)
_REPLICAS_HTTP = range(30_000, 31_001)
_REPLICAS_GRPC = range(40_000, 41_001)


def of_cluster(
    running: Running, processes: Sequence[psutil.Process], state: Path
) -> Iterator[Finding]:
    """What is so of a cluster that runs: its ports, its token, its files and who may ask."""
    args, unknown = _gateway_args(running)
    guards = Guards(_mode(args), running.dashboard.token is not None)
    ports = open_ports(processes)
    yield from of_ports(ports, _purposes(running, args, [one.port for one in ports]), guards)
    yield _of_access(guards.access, unknown)
    if not unknown:
        yield from of_args(args)
    yield from _of_tokens(running)
    places = {"state": state, "cluster": running.folder}
    registry = str(args.get("registry", "./registry"))
    home = Path(running.environment.get("SERVE_APP_HOME", "."))
    if "://" not in registry:
        places["registry"] = home / registry
    yield from of_files(places)
    yield from of_versions(registry if "://" in registry else str(home / registry))


def of_process(process: psutil.Process) -> Iterator[Finding]:
    """The ports of one process, as of `serve-app run`, and of those that it has started."""
    every = [process, *process.children(recursive=True)]
    ports = open_ports(every)
    purposes: Purposes = {one.port: (one.program, "clients") for one in ports}
    yield from of_ports(ports, purposes, Guards(None, has_token=False))


def of_folders(state: Path, registry: str) -> Iterator[Finding]:
    """What can be looked at where nothing runs."""
    places = {"state": state}
    if "://" not in registry:
        places["registry"] = Path(registry)
    yield from of_files(places)
    yield from of_versions(registry)


def of_environment() -> Iterator[Finding]:
    """What is so of this Python, whatever runs."""
    yield from of_libraries()


def worst_first(findings: Iterator[Finding]) -> list[Finding]:
    """All findings, problems before warnings before what is well."""
    return sorted(findings, key=lambda one: LEVELS.index(one.level))


def _gateway_args(running: Running) -> tuple[dict[str, Any], str]:
    """The `args` of the gateway that is deployed, and why they are not known where they are not."""
    try:
        applications = running.dashboard.serve_details()["applications"].values()
    except (NotReady, ServeError) as error:
        return {}, error.message
    for one in applications:
        config = one.get("deployed_app_config") or {}
        if builder_of(config) == "gateway":
            return dict(config.get("args") or {}), ""
    return {}, "nothing is deployed yet"


def _mode(args: Mapping[str, Any]) -> str | None:
    access = args.get("access")
    return str(access.get("mode", "keys")) if isinstance(access, Mapping) else None


def _of_access(mode: str | None, unknown: str) -> Finding:
    if unknown:
        return Finding("warning", "access", "gateway", f"is not known: {unknown}")
    if mode in {None, "off"}:
        text = "off: whoever reaches a port may ask everything"
        return Finding("warning", "access", "gateway", text, "set `access` in the gateway's args")
    return Finding("ok", "access", "gateway", str(mode))


def _of_tokens(running: Running) -> Iterator[Finding]:
    token = running.dashboard.token
    if token is None:
        text = "off: whoever reaches Ray's ports runs code, from a page in a browser too"
        remedy = "start the cluster without --no-token"
        yield Finding("problem", "token", "Ray", text, remedy)
    else:
        yield Finding("ok", "token", "Ray", "on")
        yield of_secret(token)
    edge = running.environment.get(EDGE_VARIABLE)
    if edge is None:
        text = "this cluster was started by an older serve-app"
        yield Finding("warning", "token", "HAProxy", text, "stop the cluster and start it again")
    else:
        yield of_secret(Path(edge))


def _purposes(running: Running, args: Mapping[str, Any], ports: Sequence[int]) -> Purposes:
    purposes: dict[int, tuple[str, Kind]] = {}
    for port in ports:
        if port in _REPLICAS_HTTP:
            purposes[port] = ("gateway replica", "inside")
        elif port in _REPLICAS_GRPC:
            purposes[port] = ("replica gRPC", "ray")
    for variable, purpose in _OF_SERVE:
        if variable in running.environment:
            purposes[int(running.environment[variable])] = (purpose, "inside")
    purposes[running.dashboard_port] = ("Ray dashboard", "ray")
    purposes[running.gcs_port] = ("Ray GCS", "ray")
    purposes[running.http_port] = ("HTTP", "clients")
    purposes.update(_of_gateways(args))
    if "SERVE_APP_ADMIN_PORT" in running.environment:
        purposes[int(running.environment["SERVE_APP_ADMIN_PORT"])] = ("admin API", "inside")
    return purposes


def _of_gateways(args: Mapping[str, Any]) -> Iterator[tuple[int, tuple[str, Kind]]]:
    if isinstance(args.get("grpc_port"), int):
        yield args["grpc_port"], ("gRPC", "clients")
    for one in args.get("listeners") or ():
        yield int(one["port"]), (f"listener {one['profile']}", "clients")
    admin = args.get("admin")
    if isinstance(admin, Mapping) and "port" in admin:
        yield int(admin["port"]), ("admin API", "inside")

"""Where gateways listen: on ports of their own, and where nobody reaches them who may not ask."""

import ipaddress
import os
from collections.abc import Iterator, Mapping
from typing import Any

from serve_app.config import GatewayArgs
from serve_app.serving.listeners import of_the_platform

EVERYWHERE = "0.0.0.0"  # noqa: S104 - where Serve listens unless a config says otherwise
Key = tuple[str | int, ...]
OPEN = (
    "everybody who reaches a gateway may ask it, and nobody is asked who they are: write `access: "
    "{mode: keys}` and make a key with `serve-app keys create`, unless something before it knows "
    "who asks"
)


def problems(
    body: Mapping[str, Any], path: Key, arguments: GatewayArgs
) -> Iterator[tuple[Key, str]]:
    """What is wrong with the addresses of a config, by keys; `path` is that of the gateway's args.

    Where everybody may ask, other machines must not reach them, unless the args say
    `access: {mode: open}` in words.
    """
    yield from _taken_ports(body, path, arguments)
    if arguments.access.mode != "off":
        return
    for key, host in _addresses(body, path, arguments):
        if not is_of_this_machine(host):
            yield key, _words(host, is_written=key[-1] in {"host", "grpc_host"})


def open_to_all(body: Mapping[str, Any]) -> Iterator[tuple[Key, str]]:
    """Where a config says in words that everybody may ask."""
    listed = body.get("applications")
    for index, application in enumerate(listed if isinstance(listed, list) else ()):
        arguments = application.get("args") if isinstance(application, Mapping) else None
        access = arguments.get("access") if isinstance(arguments, Mapping) else None
        if isinstance(access, Mapping) and access.get("mode") == "open":
            yield ("applications", index, "args", "access", "mode"), OPEN


def unreached_machines(body: Mapping[str, Any], details: Mapping[str, Any]) -> str | None:
    """What is wrong where gateways listen for their own machine alone and the cluster has several.

    `details` is what Serve's REST API tells of the cluster. HAProxy on each machine could ask its
    own gateways only, and answers 503 where that machine has none.
    """
    options = body.get("http_options")
    host = options.get("host", EVERYWHERE) if isinstance(options, Mapping) else EVERYWHERE
    machines = sorted({one["node_ip"] for one in (details.get("proxies") or {}).values()})
    if len(machines) < 2 or not is_of_this_machine(str(host)):
        return None
    return (
        f"http_options.host is {host}, so that each machine ({', '.join(machines)}) reaches its "
        "own gateways alone and answers 503 while it has none: stop the cluster, write "
        "`host: 0.0.0.0` and `access: {mode: keys}` for the gateway, and start it again"
    )


def _taken_ports(
    body: Mapping[str, Any], path: Key, arguments: GatewayArgs
) -> Iterator[tuple[Key, str]]:
    """The gateway's own ports are not the one that HAProxy has."""
    options = body.get("http_options")
    port = options.get("port", 8000) if isinstance(options, Mapping) else 8000
    for index, listener in enumerate(arguments.listeners):
        if listener.port == port:
            yield (
                (*path, "listeners", index, "port"),
                f"port {port} is the one of `http_options`, where everything is spoken already",
            )
    for listener in of_the_platform(os.environ):
        if listener.port == port:
            message = (
                f"port {port} is where gateways listen as {listener.profile}'s containers do, "
                "since the environment says so; choose another"
            )
            yield ("http_options", "port"), message
    if arguments.grpc_port == port:
        yield (*path, "grpc_port"), f"port {port} is the one of `http_options`"


def is_of_this_machine(host: str) -> bool:
    """Whether nobody but this machine reaches what listens at a host."""
    name = host.strip("[]").lower()
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _addresses(
    body: Mapping[str, Any], path: Key, arguments: GatewayArgs
) -> Iterator[tuple[Key, str]]:
    options = body.get("http_options")
    if isinstance(options, Mapping) and "host" in options:
        yield ("http_options", "host"), str(options["host"])
    else:
        yield ("http_options",), EVERYWHERE
    for index, listener in enumerate(arguments.listeners):
        yield (*path, "listeners", index, "host"), listener.host
    if arguments.grpc_port is not None:
        yield (*path, "grpc_host"), arguments.grpc_host
    if arguments.admin is not None:
        yield (*path, "admin", "host"), arguments.admin.host


def _words(host: str, *, is_written: bool) -> str:
    meant = f"{host!r}" if is_written else f"without a `host`, which means {host!r},"
    return (
        f"{meant} lets other machines ask, and nobody is asked who they are: give the gateway's "
        "args `access: {mode: keys}` and make a key with `serve-app keys create`, or listen on "
        "127.0.0.1; `access: {mode: open}` says that everybody may ask"
    )

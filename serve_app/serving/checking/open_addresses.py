"""Whether other machines can ask a gateway that asks nobody who they are."""

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any

from serve_app.config import GatewayArgs

EVERYWHERE = "0.0.0.0"  # noqa: S104 - where Serve listens unless a config says otherwise
Key = tuple[str | int, ...]


def problems(
    body: Mapping[str, Any], path: Key, arguments: GatewayArgs
) -> Iterator[tuple[Key, str]]:
    """The addresses of a config that others reach, by keys, while everybody may ask there.

    `path` is where the gateway's `args` are. Where it says `access: {mode: open}` in words, and
    where callers prove who they are, there is none.
    """
    if arguments.access.mode != "off":
        return
    for key, host in _addresses(body, path, arguments):
        if not is_of_this_machine(host):
            yield key, _words(host, is_written=key[-1] == "host" or key[-1] == "grpc_host")


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

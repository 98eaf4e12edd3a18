"""Options by which nodes start, as files name them that `serve-app` is started by elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from serve_app.documents.near_names import did_you_mean
from serve_app.documents.walk import Path

_OF_ALL = frozenset((
    "--allowed-host", "--auth-token", "--client-ca", "--client-connections",
    "--client-refusals-per-minute", "--client-requests-per-s", "--cpus", "--drain-s",
    "--end-with-ray", "--foreground", "--head-timeout-s", "--http-port", "--internal-ports",
    "--json", "--leave-s", "--no-token", "--node-ip", "--object-store-mb", "--state",
    "--supervise", "--tls-certificate", "--tls-key", "--tls-min", "--token-file",
    "--trusted-proxy",
))  # fmt: skip
OPTIONS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "join": _OF_ALL,
        "start": _OF_ALL
        | {
            "--autoscaling-config", "--dashboard-port", "--deploy", "--full", "--prometheus-port",
            "--resume",
        },
    }
)  # fmt: skip
"""Those of `serve-app cluster start` and of `serve-app cluster join`."""
_PORTS = ("--http-port", "--internal-ports", "--dashboard-port", "--prometheus-port")
_LAST_PORT = 65535
_SECONDS = ("--drain-s", "--leave-s", "--head-timeout-s")
_COUNTS = (
    "--client-connections", "--client-refusals-per-minute", "--client-requests-per-s",
    "--cpus", "--object-store-mb",
)  # fmt: skip
_NUMBER = re.compile(r"\d+(\.\d+)?")
_TLS = ("1.2", "1.3")


def unknown_options(path: Path, verb: str, options: Iterable[str]) -> Iterator[tuple[Path, str]]:
    """Options that this command does not have, so that no node would start."""
    for option in options:
        if option not in OPTIONS[verb]:
            meant = did_you_mean(option, OPTIONS[verb])
            yield path, f"serve-app cluster {verb} has no option {option}.{meant}"


def unfit_values(path: Path, options: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
    """Values that an option does not take; what a variable holds is known on the machine alone."""
    for option, value in options.items():
        words = "" if "$" in value else _unfit(option, value)
        if words:
            yield path, f"{option} {value}: {words}"


def _unfit(option: str, value: str) -> str:
    if option in _PORTS:
        is_port = value.isdecimal() and 1 <= int(value) <= _LAST_PORT
        return "" if is_port else f"no port; write a whole number from 1 to {_LAST_PORT}"
    if option in _SECONDS:
        return "" if _NUMBER.fullmatch(value) else "write seconds, 0 or more, without a unit"
    if option in _COUNTS:
        return "" if _NUMBER.fullmatch(value) else "write a number, 0 or more"
    if option == "--tls-min":
        return "" if value in _TLS else f"write {' or '.join(_TLS)}"
    return ""

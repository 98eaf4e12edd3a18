"""What a node is started with: options that there are, and files that `ray up` brings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any

from serve_app.documents.near_names import did_you_mean
from serve_app.documents.walk import Path, mapping

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
FILES = ("--auth-token", "--tls-certificate", "--tls-key", "--client-ca")
"""Those that name a file, which has to be on the machine."""
_FOLDER = re.compile(r"\bcd\s+(?P<folder>[^\s;&|]+)")


def unknown_options(path: Path, verb: str, options: Iterable[str]) -> Iterator[tuple[Path, str]]:
    """Options that this command does not have, so that no node would start."""
    for option in options:
        if option not in OPTIONS[verb]:
            meant = did_you_mean(option, OPTIONS[verb])
            yield path, f"serve-app cluster {verb} has no option {option}.{meant}"


def unbrought_files(
    path: Path, line: str, options: Mapping[str, str], body: Mapping[str, Any]
) -> Iterator[tuple[Path, str]]:
    """Files that a start names and that nothing puts on the machine."""
    mounts = [str(key) for key in mapping(body.get("file_mounts"))]
    brought = {_place(one, "") for one in mounts}
    folder = _FOLDER.search(line)
    for option in FILES:
        if not options.get(option):
            continue
        place = _place(options[option], folder["folder"] if folder else "~")
        # What a variable holds is known on the machine alone.
        if "$" not in place and not brought & {place, *map(str, PurePosixPath(place).parents)}:
            meant = did_you_mean(place, mounts)
            yield path, f"{option} {options[option]}: file_mounts brings no {place}.{meant}"


def _place(written: str, folder: str) -> str:
    """Where a file is on a machine, from the user's own folder where it is below that."""
    whole = written if written.startswith(("/", "~", "$")) else f"{folder}/{written}"
    return re.sub(r"^(\$HOME|\$\{HOME\})(?=/|$)", "~", whole).rstrip("/")

"""What the commands of a node name: files that `ray up` brings, and variables that it sets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from serve_app.documents.near_names import did_you_mean
from serve_app.documents.walk import Path, mapping

FILES = ("--auth-token", "--tls-certificate", "--tls-key", "--client-ca")
"""Those that name a file, which has to be on the machine."""
_HEAD = "RAY_HEAD_IP"
_BOOTSTRAP = "ray_bootstrap_config.yaml"
"""What Ray calls the file that it writes for the head."""
_VARIABLE = re.compile(r"\$\{?(?P<name>[A-Z][A-Z0-9_]*)")
_FOLDER = re.compile(r"\bcd\s+(?P<folder>[^\s;&|]+)")


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


def misspelt(path: Path, line: str, options: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
    """Names of what Ray gives to commands, where one is nearly right."""
    for name in sorted(set(_VARIABLE.findall(line)) - {_HEAD}):
        meant = did_you_mean(name, (_HEAD,))
        if meant:
            yield path, f"Ray sets no variable {name}.{meant}"
    written = PurePosixPath(options.get("--autoscaling-config", "")).name
    meant = did_you_mean(written, (_BOOTSTRAP,)) if written != _BOOTSTRAP else ""
    if meant:
        yield path, f"--autoscaling-config: Ray writes no {written}.{meant}"


def _place(written: str, folder: str) -> str:
    """Where a file is on a machine, from the user's own folder where it is below that."""
    whole = written if written.startswith(("/", "~", "$")) else f"{folder}/{written}"
    return re.sub(r"^(\$HOME|\$\{HOME\})(?=/|$)", "~", whole).rstrip("/")

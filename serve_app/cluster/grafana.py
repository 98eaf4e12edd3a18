"""Grafana as it is installed on this machine, and the settings with which it is started here."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from serve_app.errors import InvalidInput

DASHBOARDS_OF_RAY = Path("ray/session_latest/metrics/grafana/dashboards")
PASSWORD = "admin-password"  # noqa: S105 - the name of a file
_DEFAULTS = Path("conf/defaults.ini")
_PACKAGED = Path("/usr/share/grafana")


@dataclass(frozen=True, slots=True)
class Program:
    """Grafana's program, and the folder in which its pages are."""

    binary: str
    home: Path

    def command(self, settings: Path) -> Sequence[str]:
        """How it is started; until version 9 the server was a program of its own."""
        server = [] if Path(self.binary).name == "grafana-server" else ["server"]
        return [self.binary, *server, f"--homepath={self.home}", f"--config={settings}"]


def program(given: Path | None) -> Program | None:
    """The program at a path, or the one that the PATH names; none where there is none.

    Raises:
        InvalidInput: what was given is no program, or its pages are not beside it.
    """
    if given is None:
        binary = shutil.which("grafana") or shutil.which("grafana-server")
        if binary is None:
            return None
    else:
        binary = executable(given)
    beside = Path(binary).resolve().parent.parent
    for home in (beside, _PACKAGED):
        if (home / _DEFAULTS).is_file():
            return Program(binary, home)
    msg = (
        f"Grafana at {binary} has no {_DEFAULTS} beside it, in {beside} or {_PACKAGED}; give the "
        "program inside of what was unpacked or installed with --grafana"
    )
    raise InvalidInput(msg)


def executable(path: Path) -> str:
    """The whole path of a program that somebody named.

    Raises:
        InvalidInput: it is none.
    """
    if not path.is_file() or not os.access(path, os.X_OK):
        msg = f"{path} is no program that can be run; give the path of the program itself"
        raise InvalidInput(msg)
    return str(path.resolve())


def write_settings(folder: Path, port: int, files: Path) -> Path:
    """Write the settings of a Grafana that listens on 127.0.0.1 and lets nobody in without a name.

    The password of `admin` is drawn once and kept in a file that only its owner can read.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    password = folder / PASSWORD
    if not password.exists():
        password.touch(mode=0o600)
        password.write_text(secrets.token_urlsafe(18))
    settings = folder / "grafana.ini"
    settings.write_text(f"""\
# Written by serve-app monitor up.
[paths]
data = {folder / "data"}
logs = {folder / "logs"}
plugins = {folder / "plugins"}
provisioning = {files / "provisioning"}

[server]
http_addr = 127.0.0.1
http_port = {port}

[security]
admin_user = admin
admin_password = $__file{{{password}}}
# Ray's dashboard shows panels of it.
allow_embedding = true

[users]
allow_sign_up = false

[auth.anonymous]
enabled = false

[analytics]
reporting_enabled = false
check_for_updates = false
check_for_plugin_updates = false
""")
    return settings

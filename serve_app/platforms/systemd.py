"""The unit by which systemd runs a supervised node, and what it keeps that from doing.

`systemd.service(5)` and `systemd.exec(5)` say what each line means.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from serve_app.errors import InvalidInput

SETTLE_S = 45
"""How long a stop may take beyond what it waits for: processes that do not end are killed."""
PRIVILEGED_BELOW = 1024
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,30}")
_PLAIN = re.compile(r"[A-Za-z0-9_./:@,=+-]+")
_BREAKS = re.compile(r"[\x00-\x1f\x7f]")


_TEXT = """\
# Written by serve-app export systemd.
[Unit]
Description=serve-app: models on Ray Serve
Wants=network-online.target
After=network-online.target
# What ends again and again is started again and again, ever later.
StartLimitIntervalSec=0

[Service]
Type=exec
User={user}
WorkingDirectory={folder}
ExecStart={command}
# It brings Ray back by itself; this is for when it ends itself.
Restart=always
RestartSec=2
# It lets requests finish and stops everything; what is left then is killed.
KillMode=mixed
TimeoutStopSec={stop_s}
# A replica that the kernel ends for its memory is replaced by Ray.
OOMPolicy=continue
LimitNOFILE=65536
TasksMax=infinity
UMask=0077
Environment=HOME={folder}

# What it cannot do, whatever a model makes it do.
NoNewPrivileges=yes
CapabilityBoundingSet={capability}
AmbientCapabilities={capability}
ProtectSystem=strict
ProtectHome=read-only
ReadWritePaths={writable}
# Commands of serve-app find the cluster's own folder (mode 700) in /tmp.
PrivateTmp=no
# Take this line away where versions compute on a GPU.
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
LockPersonality=yes
RemoveIPC=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
"""


@dataclass(frozen=True, slots=True)
class Unit:
    """What differs between machines.

    `folder` is where relative paths start, `environment` the virtual environment with serve-app,
    `config` what is deployed where nothing was yet, `options` more of `cluster start`, or of
    `cluster join` where `join` names the head of a cluster, host:port. Stopping answers on for
    `leave_s` and lets requests finish for `drain_s`; a node that joined hands its replicas over
    first, within as much again. On a `writable` folder it may write too, beside its own and
    temporary ones.
    """

    folder: str
    environment: str
    user: str = "serve-app"
    state: str = "./state"
    config: str | None = None
    join: str | None = None
    http_port: int = 8000
    drain_s: float = 30.0
    leave_s: float = 0.0
    options: tuple[str, ...] = ()
    writable: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("folder", "environment"):
            _require_absolute(name, getattr(self, name))
        for path in self.writable:
            _require_absolute("writable", path)
        if not _USER.fullmatch(self.user):
            msg = f"{self.user!r} cannot be a user's name; take one such as serve-app"
            raise InvalidInput(msg)
        if self.join is not None and self.config is not None:
            msg = f"a node that joins {self.join} gets what is deployed there, and no config"
            raise InvalidInput(msg)

    @property
    def stop_s(self) -> int:
        """How long stopping may take."""
        handing_over_s = 0.0 if self.join is None else self.drain_s
        return round(self.leave_s + handing_over_s + self.drain_s) + SETTLE_S


def unit_text(unit: Unit) -> str:
    """The file, complete.

    Raises:
        InvalidInput: a word has a line break or another control character in it.
    """
    return _TEXT.format(
        user=unit.user,
        folder=_path(unit.folder),
        command=_line(_command(unit)),
        stop_s=unit.stop_s,
        capability="CAP_NET_BIND_SERVICE" if unit.http_port < PRIVILEGED_BELOW else "",
        # Ray keeps its sockets in the one, its objects in the other.
        writable=_line([unit.folder, "/tmp", "/dev/shm", *unit.writable]),  # noqa: S108 - not ours
    )


def _command(unit: Unit) -> Sequence[str]:
    deployed = () if unit.config is None else ("--deploy", unit.config)
    stays = ("--foreground", "--supervise")
    begins = ("start", *stays, "--resume", *deployed)
    return (
        *(str(PurePosixPath(unit.environment) / "bin" / "serve-app"), "cluster"),
        *(begins if unit.join is None else ("join", unit.join, *stays)),
        *("--state", unit.state, "--http-port", str(unit.http_port)),
        *("--drain-s", f"{unit.drain_s:g}", "--leave-s", f"{unit.leave_s:g}"),
        *unit.options,
    )


def _require_absolute(name: str, path: str) -> None:
    if not path.startswith("/"):
        msg = f"{name} {path!r} is no whole path, and systemd takes no other"
        raise InvalidInput(msg)


def _path(path: str) -> str:
    """A path as the rest of a line, which systemd reads without quotes."""
    return _checked(path).replace("%", "%%")


def _line(words: Sequence[str]) -> str:
    return " ".join(_word(word) for word in words)


def _word(word: str) -> str:
    """One word of a command, in quotes where systemd would take it apart or replace some of it."""
    if _PLAIN.fullmatch(word):
        return word
    escaped = _checked(word).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped.replace("%", "%%").replace("$", "$$")}"'


def _checked(word: str) -> str:
    if _BREAKS.search(word):
        raise InvalidInput(f"{word!r} has a control character in it, which no unit can hold")
    return word

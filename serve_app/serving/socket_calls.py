"""Calls of replicas on this machine past Serve's gRPC; Serve still says which replicas there are.

Nobody else is asked over a socket than whom Serve would ask by a handle at that moment, so that
starting, draining and replacing stay Serve's. Where one of them is elsewhere, or its socket is not
open, Serve picks among all.
"""

import asyncio
import contextlib
import pickle
import time
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any

import ray
from ray.serve.handle import DeploymentHandle

from serve_app.config import GatewayArgs
from serve_app.core.breaker import Breaker
from serve_app.core.columns import Columns
from serve_app.core.ports import Clock
from serve_app.serving import logs
from serve_app.serving.express import Express
from serve_app.serving.socket_frames import (
    ANSWER,
    ASK,
    GIVE_UP,
    IS_SAFE,
    LEAVE,
    REFUSE,
    Frames,
    name_of,
    of_own_user,
    packed,
)

MOST_ROWS = 1024
"""Larger calls compute for so long that their way does not matter."""
AGAIN_S = 2.0
"""How soon a socket is looked for again that was not there."""


class Died(Exception):
    """A replica that had taken a call is gone, without a word."""


class Left(Exception):
    """A replica went before it began with a call."""


Replicas = Callable[[DeploymentHandle[Any]], Mapping[str, Any]]
IsOpen = Callable[[], bool]


class Call:
    """One call on its way; like Serve's, it is awaited or given up."""

    __slots__ = ("_began_s", "_future", "_link", "_number")

    def __init__(
        self, link: "Link", number: int, future: "asyncio.Future[Any]", began_s: float
    ) -> None:
        self._link, self._number, self._future = link, number, future
        self._began_s = began_s

    def __await__(self) -> Generator[Any, None, Any]:
        return self._future.__await__()

    def cancel(self) -> None:
        """Give it up."""
        self._link.give_up(self._number, self._began_s)


class Link(asyncio.Protocol):
    """A connection to one replica; its `breaker` opens when nothing but silence comes of it."""

    def __init__(self, clock: Clock) -> None:
        self.breaker = Breaker(clock=clock)
        self._clock = clock
        self._frames = Frames()
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._last = 0
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._leaves = False

    @property
    def is_open(self) -> bool:
        """Whether calls are taken."""
        return self._transport is not None and not self._leaves

    @property
    def on_way(self) -> int:
        """How many calls have no answer yet."""
        return len(self._waiting)

    def ask(self, *arguments: Any) -> Call:
        """Begin a call."""
        assert self._transport is not None  # noqa: S101 - asked only where it is open
        self._last += 1
        number = self._last
        future = self._waiting[number] = self._loop.create_future()
        self._transport.write(packed(ASK, number, pickle.dumps(arguments, pickle.HIGHEST_PROTOCOL)))
        return Call(self, number, future, self._clock())

    def give_up(self, number: int, began_s: float) -> None:
        """Wait for a call no longer, and let the replica know."""
        future = self._waiting.pop(number, None)
        if future is not None:
            future.cancel()
            self.breaker.silent(self._clock() - began_s)
            if self._transport is not None:
                self._transport.write(packed(GIVE_UP, number))

    def close(self) -> None:
        """End the connection."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take calls from now on."""
        self._transport = of_own_user(transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Fail whatever has no answer."""
        self._transport = None
        waiting, self._waiting = self._waiting, {}
        for future in waiting.values():
            if not future.done():
                future.set_exception(Left() if self._leaves else Died())

    def data_received(self, data: bytes) -> None:
        """Hand answers to those who wait for them."""
        for kind, number, content in self._frames.feed(data):
            if kind == LEAVE:
                self._leaves = True
                continue
            self.breaker.answered()
            future = self._waiting.pop(number, None)
            if future is None or future.done():
                continue
            if kind == ANSWER:
                future.set_result(pickle.loads(content))  # noqa: S301 - from our own replica
            elif kind == REFUSE:
                future.set_exception(pickle.loads(content))  # noqa: S301 - from our own replica


class SocketCalls:
    """Begins calls of replicas whose sockets are in a folder of this machine, while it may."""

    def __init__(
        self,
        folder: Path,
        node: str,
        replicas: Replicas,
        *,
        is_open: IsOpen = lambda: True,
        clock: Clock = time.monotonic,
    ) -> None:
        self._clock = clock
        self._is_open = is_open
        self._folder = folder
        self._node = node
        self._replicas = replicas
        self._links: dict[str, Link] = {}
        self._opening: dict[str, asyncio.Task[None]] = {}
        self._not_before_s: dict[str, float] = {}

    def begin(
        self, handle: DeploymentHandle[Any], version: str, task: str, columns: Columns
    ) -> Call | None:
        """A call of the replica here that has the fewest on its way; none where Serve picks.

        One that was silent several times in a row is asked now and then, until it answers.
        """
        if columns.rows > MOST_ROWS or not self._is_open():
            return None
        best: Link | None = None
        silent: list[Link] = []
        for replica in self._replicas(handle).values():
            if replica.node_id != self._node:
                return None
            link = self._links.get(replica.replica_id.unique_id)
            if link is None or not link.is_open:
                self._open_soon(replica.replica_id.unique_id)
                return None
            if link.breaker.is_open:
                silent.append(link)
            elif link.on_way < replica.max_ongoing_requests and (
                best is None or link.on_way < best.on_way
            ):
                best = link
        chosen = next((link for link in silent if link.breaker.lets_through()), best)
        return None if chosen is None else chosen.ask(version, task, columns)

    def close(self) -> None:
        """End all connections."""
        for task in self._opening.values():
            task.cancel()
        for link in self._links.values():
            link.close()

    def _open_soon(self, replica: str) -> None:
        loop = asyncio.get_running_loop()
        if replica in self._opening or loop.time() < self._not_before_s.get(replica, 0.0):
            return
        self._not_before_s = {
            name: time_s for name, time_s in self._not_before_s.items() if time_s > loop.time()
        }
        self._links = {name: link for name, link in self._links.items() if link.is_open}
        # Whatever goes wrong, it is not tried for every call.
        self._not_before_s[replica] = loop.time() + AGAIN_S
        task = self._opening[replica] = loop.create_task(self._open(replica))
        task.add_done_callback(lambda _: self._opening.pop(replica, None))

    async def _open(self, replica: str) -> None:
        path = str(self._folder / name_of(replica))
        with contextlib.suppress(OSError):
            _, link = await asyncio.get_running_loop().create_unix_connection(
                lambda: Link(self._clock), path
            )
            self._links[replica] = link


def sockets_of(args: GatewayArgs, express: Express | None) -> SocketCalls | None:
    """How a gateway asks replicas of its machine; none where it asks all by Serve's own way.

    Where the args leave that open, it does as long as requests pass by Serve on their way here.
    """
    if not IS_SAFE or args.sockets is False or (args.sockets is None and express is None):
        return None

    def is_open() -> bool:
        return args.sockets is True or (express is not None and express.is_reached)

    node = ray.get_runtime_context().get_node_id()
    return SocketCalls(logs.socket_folder(), node, replicas_of, is_open=is_open)


def replicas_of(handle: DeploymentHandle[Any]) -> Mapping[str, Any]:
    """The replicas among which Serve picks for a handle now; none where it does not say so."""
    # Serve has no public name for them.
    router = getattr(getattr(handle, "_router", None), "_asyncio_router", None)
    picking = getattr(router, "request_router", None)
    return {} if picking is None else picking.curr_replicas

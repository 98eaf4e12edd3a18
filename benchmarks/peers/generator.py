"""What the generator of arrivals can do itself: the same beside a server that computes nothing."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence

from benchmarks.load import run_closed
from benchmarks.peers.arrivals import CONNECTIONS, arrive
from benchmarks.peers.environments import REPOSITORY
from benchmarks.peers.measured import Generator

NAME = "the generator alone"
START_TIMEOUT_S = 20.0
POLL_S = 0.02
_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
_END = b"\r\n\r\n"


def measured(
    port: int, requests: Sequence[bytes], rates_per_s: Sequence[float], seconds: float
) -> Generator:
    """Let it send as fast as it can, and at each of the rates."""
    with _listening(port):
        closed = asyncio.run(
            run_closed("127.0.0.1", port, requests, connections=CONNECTIONS, duration_s=seconds)
        )
        arrivals = [
            arrive(NAME, port, requests, rate_per_s=rate_per_s, seconds=seconds)
            for rate_per_s in rates_per_s
        ]
    return Generator(round(closed.rate_per_s, 1), arrivals)


class Null(asyncio.Protocol):
    """Answers each request with the same bytes as soon as all of it has come."""

    def __init__(self) -> None:
        self._waiting = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep where answers go."""
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer what is complete."""
        self._waiting += data
        while (size := _size(self._waiting)) is not None and len(self._waiting) >= size:
            self._waiting = self._waiting[size:]
            self._transport.write(_ANSWER)


def _size(waiting: bytes) -> int | None:
    """How long the first request is; none while its head is not whole."""
    head, end, _ = waiting.partition(_END)
    if not end:
        return None
    _, _, after = head.lower().partition(b"content-length:")
    return len(head) + len(_END) + int(after.split(b"\r\n", 1)[0] or 0)


@contextlib.contextmanager
def _listening(port: int) -> Iterator[None]:
    command = [sys.executable, "-m", "benchmarks.peers.generator", str(port)]
    process = subprocess.Popen(command, cwd=REPOSITORY)
    try:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not _open(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise OSError(f"nobody listens on port {port}")
            time.sleep(POLL_S)
        yield
    finally:
        process.terminate()
        process.wait()


def _open(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
        return True
    return False


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Null, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))

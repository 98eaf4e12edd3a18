"""Many who ask at once: a herd that comes together, and clients that repeat what was refused."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field

from benchmarks.wire import Connection

PATIENCE_S = 10.0
SOURCES = 40
"""So many addresses of the loopback a herd comes from: HAProxy bounds the connections of each."""


@dataclass
class Crowd:
    """What became of everything that was sent: how often each status came, and after how long."""

    statuses: Counter = field(default_factory=Counter)
    took_s: list = field(default_factory=list)
    bodies: dict = field(default_factory=dict)

    @property
    def sent(self):
        return self.statuses.total()

    @property
    def ok(self):
        return self.statuses["200"]

    def p99_s(self):
        """How long answers of 200 took, at the 99th percentile."""
        return sorted(self.took_s)[int(0.99 * (len(self.took_s) - 1))]

    def keep(self, status, body, began_s):
        self.statuses[status] += 1
        if status == "200":
            self.took_s.append(time.perf_counter() - began_s)
        else:
            self.bodies.setdefault(status, body[:300])


async def _ask(connection, request, timeout_s):
    try:
        answer = await connection.exchange(request, timeout_s)
    except OSError as error:
        return type(error).__name__, str(error)
    return str(answer.status), answer.body.decode(errors="replace")


def herd(port, request, count, sources=SOURCES):
    """Have so many connect at once, each with one request; what became of them."""
    crowd = Crowd()

    async def one(loop, number):
        began_s = time.perf_counter()
        source = (f"127.0.1.{1 + number % sources}", 0)
        try:
            _, connection = await asyncio.wait_for(
                loop.create_connection(Connection, "127.0.0.1", port, local_addr=source),
                PATIENCE_S,
            )
        except OSError as error:
            crowd.keep(f"connecting: {type(error).__name__}", str(error), began_s)
            return
        # Until it is connected it is this process that takes its time.
        began_s = time.perf_counter()
        crowd.keep(*await _ask(connection, request, PATIENCE_S), began_s)
        connection.close()

    async def everybody():
        loop = asyncio.get_running_loop()
        await asyncio.gather(*(one(loop, number) for number in range(count)))

    asyncio.run(everybody())
    return crowd


class Storm:
    """Clients that come at a rate, wait for a second, and send again at once what failed."""

    def __init__(self, port, request, *, rate_per_s, sends=3, timeout_s=1.0):
        self._port, self._request = port, request
        self._rate_per_s, self._sends, self._timeout_s = rate_per_s, sends, timeout_s
        self._idle = []
        self.crowd = Crowd()
        self.asked = 0

    def run(self, duration_s, ended=None):
        """Ask for so long, or until an event is set; the seconds until the last one came."""
        return asyncio.run(self._arrive(duration_s, ended))

    async def _arrive(self, duration_s, ended):
        loop = asyncio.get_running_loop()
        began_s, under_way = loop.time(), set()
        while (at_s := loop.time() - began_s) < duration_s and not (ended and ended.is_set()):
            while self.asked < at_s * self._rate_per_s:
                self.asked += 1
                task = loop.create_task(self._insist(loop))
                under_way.add(task)
                task.add_done_callback(under_way.discard)
            await asyncio.sleep(0.005)
        took_s = loop.time() - began_s
        await asyncio.gather(*under_way)
        for connection in self._idle:
            connection.close()
        return took_s

    async def _insist(self, loop):
        for _ in range(self._sends):
            began_s = time.perf_counter()
            connection = self._idle.pop() if self._idle else None
            try:
                if connection is None or not connection.open:
                    _, connection = await loop.create_connection(
                        Connection, "127.0.0.1", self._port
                    )
            except OSError as error:
                self.crowd.keep(f"connecting: {type(error).__name__}", str(error), began_s)
                continue
            status, body = await _ask(connection, self._request, self._timeout_s)
            self.crowd.keep(status, body, began_s)
            if connection.open:
                self._idle.append(connection)
            if status == "200":
                return

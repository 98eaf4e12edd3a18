"""Several simulated clients at the same time, each in a thread of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace

from serve_app.examples.clients import (
    Case,
    Client,
    Endpoint,
    Tally,
    Timing,
    Traffic,
    together,
    visits,
)

LOOK_S = 1.0


@dataclass(frozen=True, slots=True)
class Target:
    """An endpoint by its name, the rows that it is sent, and whether it predicts numbers."""

    name: str
    endpoint: Endpoint
    cases: Sequence[Case]
    numeric: bool


class Crowd:
    """The clients of several endpoints, `clients` of each, which share its traffic.

    Each client has a plan of its own, which follows from `seed`.
    """

    def __init__(
        self, targets: Sequence[Target], traffic: Traffic, *, clients: int, seed: int
    ) -> None:
        self._stop = threading.Event()
        timing = Timing(time.monotonic, self._stop.wait, self._stop.is_set)
        part = replace(traffic, rate_per_s=traffic.rate_per_s / clients)
        self._clients: dict[str, list[Client]] = {
            target.name: [
                Client(
                    target.endpoint,
                    target.cases,
                    visits(part, (seed, place, number)),
                    timing,
                    numeric=target.numeric,
                )
                for number in range(clients)
            ]
            for place, target in enumerate(targets)
        }

    def tallies(self) -> Mapping[str, Tally]:
        """What was seen so far of each endpoint."""
        return {
            name: together([client.tally for client in clients])
            for name, clients in self._clients.items()
        }

    def run(self, look: Callable[[Mapping[str, Tally]], None]) -> Mapping[str, Tally]:
        """Send everything, and call `look` about once a second; what came of it.

        Whatever ends it early, an interrupt for instance, ends all clients first.

        Raises:
            ServeError: as `Client.run` does.
        """
        with self._sending() as pending:
            while True:
                done, _ = wait(pending, timeout=LOOK_S, return_when=FIRST_EXCEPTION)
                for one in done:
                    one.result()
                if len(done) == len(pending):
                    return self.tallies()
                look(self.tallies())

    def stop(self) -> None:
        """Let every client end with what it does at this moment."""
        self._stop.set()

    @contextmanager
    def _sending(self) -> Iterator[list[Future[None]]]:
        everybody = [client for clients in self._clients.values() for client in clients]
        with ThreadPoolExecutor(max_workers=len(everybody)) as pool:
            try:
                yield [pool.submit(client.run) for client in everybody]
            finally:
                self._stop.set()

"""Load on a cluster in the background of a test."""

import asyncio
import threading

from benchmarks.load import run_closed, run_open

LONGEST_S = 120.0


class Load:
    """Load in a thread of its own, from entering to leaving.

    With a rate, requests arrive steadily, whether or not the cluster keeps up; without one,
    each connection sends its next request as soon as it has an answer.
    """

    def __init__(self, cluster, requests, connections, rate_per_s=None):
        self._stop = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self.report = None
        settings = {"connections": connections, "duration_s": LONGEST_S, "stop": self._stop}
        address = ("127.0.0.1", cluster.http_port)
        if rate_per_s is None:
            self._run = run_closed(*address, requests, **settings)
        else:
            self._run = run_open(*address, requests, rate_per_s=rate_per_s, **settings)
        self._thread = threading.Thread(target=self._work)

    def _work(self):
        self.report = self._loop.run_until_complete(self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._loop.close()

"""A steady load on a cluster, and what of it failed or was lost while something broke."""

import asyncio
import json
import threading
import time
from dataclasses import dataclass

from benchmarks.load import build_request, run_open
from benchmarks.report import Recorder
from serve_app.client import Client
from serve_app.errors import ServeError
from serve_app.examples.datasets import breast_cancer

RATE_PER_S = 50.0
"""So many that two cores carry them and the cluster, and have time left for the fault."""
CLIENT_PAUSE_S = 0.2
CONNECTIONS = 16
LONGEST_S = 600.0
SETTLED_S = 2.0


def requests_of(endpoint, rows, **headers):
    """Requests of one row each, as they stand on the wire."""
    head = {"content-type": "application/json", "host": "127.0.0.1", **headers}
    path = f"/v1/models/{endpoint}:predict"
    return [
        build_request(
            "POST",
            path,
            head,
            json.dumps({"instances": [row], "parameters": {"patient_id": index}}).encode(),
        )
        for index, row in enumerate(rows)
    ]


def patients(count=50):
    return breast_cancer().frame.head(count).to_dict(orient="records")


@dataclass(frozen=True)
class Request:
    """One request of the raw load: seconds of `time.perf_counter`, and a status or what broke."""

    began_s: float
    ended_s: float
    status: str


class Kept(Recorder):
    """Keeps every single request, beside what a report tells."""

    def __init__(self):
        super().__init__(None)
        self.started_s = time.perf_counter()
        self.requests = []

    def answered(self, answer, *, began_s, ended_s):
        self._keep(began_s, str(answer.status))
        super().answered(answer, began_s=began_s, ended_s=ended_s)

    def failed(self, kind, text, *, began_s):
        if not kind.isdigit():
            self._keep(began_s, kind)
        super().failed(kind, text, began_s=began_s)

    def _keep(self, began_s, status):
        self.requests.append(Request(self.started_s + began_s, time.perf_counter(), status))


class Steady:
    """Load from entering to leaving: raw requests at a rate, and our own client beside them.

    The client tells what became of each prediction; what the server takes of that is
    `acknowledged`, by the id of the prediction. With `headers` the raw requests carry those.
    """

    def __init__(
        self, cluster, endpoint="diagnosis", rows=None, *, rate_per_s=RATE_PER_S,
        connections=CONNECTIONS, with_client=True, headers=None,
    ):  # fmt: skip
        self.endpoint, self._rows = endpoint, patients() if rows is None else rows
        self._cluster, self._rate_per_s, self._connections = cluster, rate_per_s, connections
        self._raw = requests_of(endpoint, self._rows, **(headers or {}))
        self._kept = Kept()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._load)]
        if with_client:
            self._threads.append(threading.Thread(target=self._ask))
        self.report = None
        self.acknowledged = set()
        self.client_sent = 0
        self.client_failed = []
        self.refused_feedback = []

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.end()

    def end(self):
        """Send no more, and wait for the answers that are under way."""
        self._ended.set()
        if self._loop.is_closed():
            return
        self._loop.call_soon_threadsafe(self._stop.set)
        for thread in self._threads:
            thread.join()
        self._loop.close()

    def settle(self, seconds=SETTLED_S):
        """Let it go on for a while, so that what fails late is seen too."""
        self._ended.wait(seconds)

    @property
    def requests(self):
        """The raw requests that have ended, in the order in which they did."""
        return list(self._kept.requests)

    @property
    def failures(self):
        """The raw requests that had no answer of 200."""
        return [one for one in self.requests if one.status != "200"]

    def words(self):
        """What the failures were, for who reads a failed test."""
        return self.report.bodies, [str(error) for _, error in self.client_failed[:3]]

    def failing_s(self, since_s):
        """How long after a moment the last failed request began; 0.0 where none did."""
        return max((one.began_s - since_s for one in self.failures), default=0.0)

    def _load(self):
        self._kept.started_s = time.perf_counter()
        self.report = self._loop.run_until_complete(
            run_open(
                "127.0.0.1", self._cluster.http_port, self._raw, rate_per_s=self._rate_per_s,
                duration_s=LONGEST_S, connections=self._connections, stop=self._stop,
                recorder=self._kept,
            )
        )  # fmt: skip

    def _ask(self):
        with Client(f"http://127.0.0.1:{self._cluster.http_port}") as client:
            while not self._ended.wait(CLIENT_PAUSE_S):
                row = self._rows[self.client_sent % len(self._rows)]
                self.client_sent += 1
                began_s = time.perf_counter()
                try:
                    answer = client.predict(
                        self.endpoint, [row], parameters={"patient_id": self.client_sent}
                    )
                except ServeError as error:
                    self.client_failed.append((began_s, error))
                    continue
                try:
                    client.feedback(self.endpoint, answer, reward=1.0)
                except ServeError as error:
                    self.refused_feedback.append(error)
                else:
                    self.acknowledged.add(answer.prediction_id)


def lost(cluster, load, state="./state"):
    """The predictions whose feedback was acknowledged and is not there."""
    printed = cluster.run("feedback", load.endpoint, "--records", "--json", "--state", state)
    return load.acknowledged - {record["prediction_id"] for record in json.loads(printed)}

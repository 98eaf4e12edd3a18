"""What asks containers for predictions: once, until they are ready, and many at a time."""

import contextlib
import http.client
import itertools
import json
import threading
import time
import urllib.error
import urllib.request

REFUSED, LOST = 0, -1
CALLERS, REQUESTS_PER_S = 8, 200


def asked(port, path, body=None, timeout_s=10):
    """The status and the JSON of an answer; REFUSED where nobody listens, LOST without an end."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", data, {"content-type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as answer:
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        return error.code, None
    except urllib.error.URLError as error:
        return (REFUSED if isinstance(error.reason, ConnectionRefusedError) else LOST), None
    except (OSError, ValueError, http.client.HTTPException):
        return LOST, None


def ready(process, port, within_s=60):
    """Wait until it answers that it is ready."""
    deadline = time.monotonic() + within_s
    while asked(port, "/v2/health/ready")[0] != 200:
        assert process.poll() is None, process.stdout.read()
        assert time.monotonic() < deadline, "not ready in time"
        time.sleep(0.02)


class Balancer:
    """Sends requests in turn to the containers that are there, each of them once and no more."""

    def __init__(self, row, *ports):
        self._row = row
        self._ports = list(ports)
        self._turn = itertools.count()
        self._ending = threading.Event()
        self.statuses = []

    def withdraw(self, port):
        """Send nothing there any more, as once a pod is gone from its service."""
        self._ports = [one for one in self._ports if one != port]

    def withdraw_what_is_not_ready(self):
        for port in self._ports:
            if asked(port, "/v2/health/ready")[0] != 200:
                self.withdraw(port)

    def _call(self):
        while not self._ending.wait(CALLERS / REQUESTS_PER_S):
            ports = self._ports
            port = ports[next(self._turn) % len(ports)]
            answer = asked(port, "/v1/models/churn:predict", {"instances": [self._row]})
            self.statuses.append(answer[0])

    @contextlib.contextmanager
    def under_load(self):
        callers = [threading.Thread(target=self._call) for _ in range(CALLERS)]
        for one in callers:
            one.start()
        try:
            yield self
        finally:
            self._ending.set()
            for one in callers:
                one.join()

    def answers(self, more, within_s=60):
        """Wait until so many more are there."""
        wanted = len(self.statuses) + more
        deadline = time.monotonic() + within_s
        while len(self.statuses) < wanted:
            assert time.monotonic() < deadline, "no more answers"
            time.sleep(0.01)

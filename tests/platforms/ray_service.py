"""A RayService that runs: its clusters, the services before them, and steady requests."""

import contextlib
import http.client
import json
import random
import threading
import time
import urllib.error
import urllib.request

import yaml

from tests.platforms.kubelet import RunningPod
from tests.platforms.ray_operator import DASHBOARD_PORT, head_pod, head_service, worker_pod

APPLICATIONS = "/api/serve/applications/"
_NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_FIRST_NUMBER = 10


def until(condition, timeout_s, what):
    """The value of a condition once it holds; `what` says what is wrong where it never does."""
    deadline_s = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < deadline_s, what()
        time.sleep(0.1)
    return value


def asked(request):
    """The status and the content of an answer; nothing of this machine stands between."""
    try:
        with _NO_PROXY.open(request, timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


class Kubernetes:
    """Volumes, secrets and addresses by names; what runs is ended by `end`."""

    def __init__(self, shared, names, claims, secrets):
        self.shared = shared
        self.names = names
        self.claims = claims
        self.secrets = secrets
        self.pods = []
        self._number = _FIRST_NUMBER

    def run(self, pod):
        """Start a pod."""
        running = RunningPod(pod, self._number, self.shared, self.claims, self.secrets)
        self._number += 1
        self.pods.append(running)
        return running

    def end(self):
        """End all pods at once."""
        for pod in self.pods:
            pod.die()


class Cluster:
    """One RayCluster that a RayService has, as the operator makes it and talks to it."""

    def __init__(self, kubernetes, body, name):
        self._kubernetes = kubernetes
        self._body = body
        self._made = 0
        self.name = name
        self.workers = []
        self.head = None
        self.start_head()
        (group,) = body["spec"]["rayClusterConfig"]["workerGroupSpecs"]
        for _ in range(group["replicas"]):
            self.start_worker()

    def start_head(self):
        """A pod of the head; its service finds it from now on."""
        self._made += 1
        pod = head_pod(self._body, self.name, f"{self.name}-head-{self._made}")
        self.head = self._kubernetes.run(pod)
        self._kubernetes.names[head_service(self.name)] = self.head.address

    def start_worker(self):
        """A pod of the workers."""
        self._made += 1
        pod = worker_pod(self._body, self.name, f"{self.name}-worker-{self._made}")
        self.workers.append(self._kubernetes.run(pod))
        return self.workers[-1]

    def apply(self, text=None):
        """Hand `serveConfigV2`, or another text in its place, to the dashboard.

        Again where that takes too long: the operator comes back, and it is the same state.
        """
        described = yaml.safe_load(self._body["spec"]["serveConfigV2"] if text is None else text)
        until(lambda: self._took(json.dumps(described).encode()), 120, self.said)

    def status(self):
        """What the dashboard says of each application, by name; nothing while it is silent."""
        try:
            answer = json.loads(self.ask("GET", APPLICATIONS))
        except OSError:
            return {}
        return answer.get("applications", {})

    def ask(self, method, path, body=None):
        """A request to the dashboard with the token of the secret, as the operator's are."""
        request = urllib.request.Request(
            f"http://{self.head.address}:{DASHBOARD_PORT}{path}", body, method=method
        )
        request.add_header("content-type", "application/json")
        options = self._body["spec"]["rayClusterConfig"]["authOptions"]
        token = self._kubernetes.secrets[options["secretName"]]["auth_token"]
        request.add_header("authorization", f"Bearer {token}")
        status, content = asked(request)
        assert status == 200, f"{method} {path}: {status} {content!r}"
        return content

    def serving(self):
        """The workers that the service sends requests to."""
        return [one for one in self.workers if one.ready and not one.terminating]

    def wait_for_head(self, timeout_s=60.0):
        """Until the head is ready and its dashboard answers."""
        until(lambda: self.head.ready and self._answers(), timeout_s, self.said)

    def wait_until_running(self, timeout_s=180.0):
        """Until every application runs."""
        until(self._all_run, timeout_s, self.said)

    def end(self):
        """Delete all pods, as the operator deletes a cluster that nobody asks any more."""
        threads = [threading.Thread(target=one.delete) for one in (self.head, *self.workers)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()

    def said(self):
        """What there is to see where something is not as it should be."""
        pods = [(one.name, one.ready, one.restarts, one.reasons) for one in self.pods]
        logs = "".join(f"\n--- {one.name}\n{one.log[-1500:]}" for one in self.pods)
        states = {name: (one["status"], one["message"]) for name, one in self.status().items()}
        return f"{pods}\n{states}{logs}"

    @property
    def pods(self):
        return [self.head, *self.workers]

    def _took(self, body):
        try:
            self.ask("PUT", APPLICATIONS, body)
        except OSError:
            return False
        return True

    def _answers(self):
        try:
            self.ask("GET", APPLICATIONS)
        except (OSError, AssertionError):
            return False
        return True

    def _all_run(self):
        wanted = yaml.safe_load(self._body["spec"]["serveConfigV2"])["applications"]
        states = self.status()
        return all(states.get(one["name"], {}).get("status") == "RUNNING" for one in wanted)


class Requests:
    """Requests at a steady rate through a service, each counted by its outcome.

    A connection is to a ready pod, by chance, and kept for a second, as connections to a service
    are spread when they are made. `endpoints` gives the addresses that are ready now.
    """

    def __init__(self, endpoints, path, body, *, key, rate_per_s=40.0, connections=4):
        self._endpoints = endpoints
        self._key = key
        self._path = path
        self._body = json.dumps(body).encode()
        self._interval_s = connections / rate_per_s
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self.variants = []
        self.ids = []
        self.failures = []
        self._threads = [
            threading.Thread(target=self._work, args=(random.Random(seed),), daemon=True)
            for seed in range(connections)
        ]

    def __enter__(self):
        for one in self._threads:
            one.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for one in self._threads:
            one.join()

    def count(self):
        """How many were answered so far."""
        return len(self.variants)

    def wait_for(self, count, timeout_s=60.0):
        """Until so many more were answered."""
        wanted = self.count() + count
        until(lambda: self.count() >= wanted, timeout_s, lambda: self.failures[-5:])

    def _work(self, chance):
        with contextlib.ExitStack() as closing:
            self._ask_on_and_on(chance, closing)

    def _ask_on_and_on(self, chance, closing):
        connection, until_s = None, 0.0
        next_s = time.monotonic() + chance.random() * self._interval_s
        while not self._stop.wait(max(0.0, next_s - time.monotonic())):
            next_s += self._interval_s
            now_s = time.monotonic()
            if connection is None or now_s > until_s or connection.sock is None:
                closing.close()
                addresses = self._endpoints()
                if not addresses:
                    self._failed("no pod is ready", "")
                    continue
                connection = http.client.HTTPConnection(chance.choice(addresses), 8000, timeout=20)
                closing.callback(connection.close)
                until_s = now_s + 1.0
            if not self._ask(connection):
                closing.close()
                connection = None

    def _ask(self, connection):
        try:
            headers = {"content-type": "application/json", "x-api-key": self._key}
            connection.request("POST", self._path, self._body, headers)
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._failed(f"{type(error).__name__}: {error}", connection.host)
            return False
        if answer.status != 200:
            self._failed(f"{answer.status} {content[:200]!r}", connection.host)
            return False
        with self._lock:
            self.variants.append(answer.getheader("x-variant"))
            self.ids.append(answer.getheader("x-prediction-id"))
        return True

    def _failed(self, why, host):
        with self._lock:
            self.failures.append((time.monotonic(), host, why))

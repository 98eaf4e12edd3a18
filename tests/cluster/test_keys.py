"""Keys on a real cluster: made before it runs, revoked under load, known after all has died."""

import json
import statistics
import threading
import time
import urllib.request

import pytest

from benchmarks.load import build_request
from serve_app.examples.datasets import breast_cancer, diabetes
from tests.cluster.harness import PAST_PROXIES, application, config, until
from tests.cluster.load import Load

RATE_PER_S = 200
CLIENTS = 8


@pytest.fixture(scope="module")
def rows():
    return {
        "diagnosis": json.loads(breast_cancer().frame.head(1).to_json(orient="records")),
        "progression": json.loads(diabetes().frame.head(1).to_json(orient="records")),
    }


@pytest.fixture(scope="module")
def locked(cluster):
    """A cluster whose first key was made before there was one, and the environment with it."""
    patch = pytest.MonkeyPatch()
    cluster.run("keys", "create", "ops", "--scope", "*", "--output-file", "ops.key")
    patch.setenv("SERVE_APP_API_KEY_FILE", str(cluster.home / "ops.key"))
    cluster.start()
    body = config("inline")
    gateway = application(body, "gateway")
    gateway["args"]["access"] = {"mode": "keys"}
    gateway["deployments"][0]["autoscaling_config"]["min_replicas"] = 2
    cluster.deploy(body)
    yield cluster
    patch.undo()


def new(cluster, principal, *options):
    made = json.loads(cluster.run("keys", "create", principal, *options, "--json"))
    assert made.get("behind") == []
    return made["id"], made["key"]


def status(cluster, endpoint, rows, key=None):
    shown = {} if key is None else {"x-api-key": key}
    path = f"/v1/models/{endpoint}:predict"
    return cluster.request(path, {"instances": rows[endpoint]}, headers=shown).status


def test_without_a_key_nobody_is_answered_and_with_one_for_what_it_grants(locked, rows):
    _, key = new(locked, "clinic", "--scope", "predict:diagnosis")
    assert status(locked, "diagnosis", rows) == 401
    assert status(locked, "diagnosis", rows, key) == 200
    # What it was granted nothing of is answered like what is not there.
    assert status(locked, "progression", rows, key) == 404
    assert locked.request("/v1/endpoints").status == 401
    assert locked.request("/-/healthz").status == 200


def revoke(cluster, identity):
    """By the admin API itself: a command takes longer to start than gateways to know."""
    request = urllib.request.Request(
        f"{cluster.admin_url}/v1/admin/keys/{identity}",
        b"{}",
        {
            "content-type": "application/json",
            "x-api-key": (cluster.home / "ops.key").read_text().strip(),
        },
        method="DELETE",
    )
    with PAST_PROXIES.open(request, timeout=30) as answer:
        return json.load(answer)


class Clients:
    """Threads that ask steadily with one key each; what they were answered, and when."""

    def __init__(self, cluster, rows, keys):
        self.answers = {key: [] for key in keys}
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._ask, args=(cluster, rows, keys[number % len(keys)]))
            for number in range(CLIENTS)
        ]

    def _ask(self, cluster, rows, key):
        pause_s = CLIENTS / RATE_PER_S
        next_s = time.monotonic()
        while not self._stop.is_set():
            code = status(cluster, "diagnosis", rows, key)
            self.answers[key].append((time.monotonic(), code))
            next_s += pause_s
            self._stop.wait(max(0.0, next_s - time.monotonic()))

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()


def test_a_revoked_key_is_refused_by_all_gateways_within_two_seconds_and_nobody_else(locked, rows):
    lost, lost_key = new(locked, "lost", "--scope", "predict")
    _, good_key = new(locked, "good", "--scope", "predict")
    with Clients(locked, rows, [lost_key, good_key]) as clients:
        until(lambda: len(clients.answers[good_key]) > 100, timeout_s=30, what="requests")
        began_s = time.monotonic()
        assert revoke(locked, lost)["behind"] == []
        until(
            lambda: sum(at_s > began_s + 2 for at_s, _ in clients.answers[lost_key]) > 50,
            timeout_s=30,
            what="requests after it",
        )
    assert {code for _, code in clients.answers[good_key]} == {200}
    late = [code for at_s, code in clients.answers[lost_key] if at_s > began_s + 2]
    assert set(late) <= {401, 429}
    assert {code for at_s, code in clients.answers[lost_key] if at_s < began_s} == {200}


def test_who_asks_beside_a_flood_does_not_wait_for_all_of_it(locked):
    _, flood_key = new(locked, "flood", "--scope", "predict")
    _, key = new(locked, "polite", "--scope", "predict")
    known = json.loads(breast_cancer().frame.head(100).to_json(orient="records"))
    path, shown = "/v1/models/diagnosis:predict", {"x-api-key": key}
    headers = {"host": "127.0.0.1", "content-type": "application/json", "x-api-key": flood_key}
    large = build_request("POST", path, headers, json.dumps({"instances": known}).encode())
    took_s = []
    with Load(locked, [large], connections=32) as flood:
        for _ in range(80):
            began_s = time.monotonic()
            answer = locked.request(path, {"instances": known[:1]}, headers=shown)
            took_s.append(time.monotonic() - began_s)
            assert answer.status == 200
    assert flood.report.failed == 0
    # Of one queue each would see the same.
    assert statistics.median(took_s) < flood.report.latency.p50_ms / 1000 / 2


def test_keys_are_known_when_control_dies_and_after_a_restart(locked, rows):
    gone, gone_key = new(locked, "gone", "--scope", "predict")
    _, kept_key = new(locked, "kept", "--scope", "predict")
    revoke(locked, gone)
    (control,) = locked.replicas("control")
    locked.kill(control)
    assert status(locked, "diagnosis", rows, kept_key) == 200
    # This machine has shown many keys that are not known.
    assert status(locked, "diagnosis", rows, gone_key) in {401, 429}
    body = config("inline")
    application(body, "gateway")["args"]["access"] = {"mode": "keys"}
    locked.run("cluster", "stop")
    locked.start()
    locked.deploy(body)
    assert status(locked, "diagnosis", rows, kept_key) == 200
    assert status(locked, "diagnosis", rows, gone_key) == 401
    assert gone in locked.run("keys", "list", "--json")

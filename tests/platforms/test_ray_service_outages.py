"""What clients notice when a pod of the production RayService ends or dies, or a cluster does.

Two pods that serve, Redis for the head's memory, PostgreSQL for state, as `serve-app export kuberay
--size production` has them; smaller, without Kubernetes' autoscaler, and with an inline config.
"""

import contextlib
import copy
import json
import secrets
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
import ray
import yaml

from serve_app.examples.datasets import breast_cancer
from serve_app.platforms.kubernetes.installation import Installation, manifest
from tests.contract import postgres
from tests.platforms.installed import access, trained
from tests.platforms.name_server import DOMAIN, name_server
from tests.platforms.pod_machines import NODE, missing, pod_network
from tests.platforms.ray_service import Cluster, Kubernetes, Requests, until

pytestmark = [pytest.mark.platforms, pytest.mark.timeout(900)]

CONFIG = Path(__file__).parents[2] / "configs" / "inline.yaml"
IMAGE = f"registry.example.com/serve-app@sha256:{'0' * 64}"
PATH = "/v1/models/diagnosis:predict"
ROWS = breast_cancer().frame.head(2).to_dict("records")
CONNECTIONS = 4
_CHOSEN = {
    "workers.cpu": "2",
    "workers.memory": "4Gi",
    "workers.replicas": 2,
    "autoscaling.enabled": False,
}
_REDIS_PORT, _POSTGRES_PORT = 6379, 5432
_COMMAND = Path(sys.executable).with_name("serve-app")


@pytest.fixture(scope="module")
def body():
    """A RayService of size production, with a gateway on each pod that serves."""
    config = yaml.safe_load(CONFIG.read_text())
    (gateway,) = [one for one in config["applications"] if one["name"] == "gateway"]
    gateway["deployments"][0]["autoscaling_config"] |= {"min_replicas": 2, "max_replicas": 2}
    wanted = Installation(
        IMAGE, yaml.safe_dump(config), ray.__version__, size="production", chosen=_CHOSEN
    )
    documents = yaml.safe_load_all(manifest(wanted))
    return next(one for one in documents if one["kind"] == "RayService")


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """A key of somebody who may ask, and the file that lets them in."""
    return access(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def kubernetes(keys):
    """A node, and what is outside of the cluster: Redis, PostgreSQL and volumes."""
    why = missing() or (None if shutil.which("redis-server") else "not installed: redis-server")
    if why is not None:
        pytest.skip(why)
    words = {name: secrets.token_hex(16) for name in ("redis", "database", "token")}
    with contextlib.ExitStack() as standing:
        shared = standing.enter_context(pod_network())
        names = standing.enter_context(name_server(NODE))
        standing.enter_context(_redis(words["redis"]))
        standing.enter_context(_database(words["database"]))
        names |= {f"{name}.{DOMAIN}": NODE for name in ("redis", "postgres")}
        claims = {"serve-app-registry": trained(shared), "serve-app-records": shared / "records"}
        held = {
            "serve-app-ray": {"auth_token": words["token"]},
            "serve-app-redis": {"password": words["redis"]},
            "serve-app-database": {"password": words["database"]},
            "serve-app-keys": {"keys.json": keys[1]},
        }
        kubernetes = Kubernetes(shared, names, claims, held)
        standing.callback(kubernetes.end)
        yield kubernetes


@contextlib.contextmanager
def _redis(password):
    words = ["redis-server", "--bind", NODE, "--port", str(_REDIS_PORT), "--save", ""]
    process = subprocess.Popen(
        [*words, "--requirepass", password], stdout=subprocess.DEVNULL, start_new_session=True
    )
    try:
        until(_listens, 20, lambda: "Redis does not answer")
        yield
    finally:
        process.terminate()
        process.wait(20)


def _listens():
    try:
        socket.create_connection((NODE, _REDIS_PORT), 1).close()
    except OSError:
        return False
    return True


@contextlib.contextmanager
def _database(password):
    with postgres.server(NODE, _POSTGRES_PORT) as address:
        with psycopg.connect(**address, dbname="postgres", autocommit=True) as connection:
            connection.execute(f"CREATE ROLE serve LOGIN PASSWORD '{password}'")
            connection.execute("CREATE DATABASE serve OWNER serve TEMPLATE template0")
        yield


@pytest.fixture(scope="module")
def cluster(kubernetes, body):
    """The cluster, each of its two pods answering."""
    cluster = Cluster(kubernetes, body, "serve-app-a")
    cluster.wait_for_head()
    cluster.apply()
    cluster.wait_until_running()
    _wait_until_all_serve(cluster)
    return cluster


def _wait_until_all_serve(cluster):
    until(lambda: len(cluster.serving()) == len(cluster.workers), 120, cluster.said)


def _requests(clusters, key):
    """Requests to the pods that are ready, of whichever cluster is the last one of a list."""

    def endpoints():
        return [pod.address for pod in clusters[-1].serving()]

    return Requests(endpoints, PATH, {"instances": ROWS}, key=key, connections=CONNECTIONS)


def test_a_pod_that_is_ended_fails_nothing(cluster, keys, record_property):
    _wait_until_all_serve(cluster)
    leaving = cluster.workers[0]
    with _requests([cluster], keys[0]) as requests:
        requests.wait_for(100)
        ended_s = leaving.delete()
        requests.wait_for(100)
    record_property("pod_ended_s", round(ended_s, 1))
    record_property("answered_meanwhile", requests.count())
    record_property("failed_as_one_ended", len(requests.failures))
    cluster.workers.remove(leaving)
    cluster.start_worker()
    assert requests.failures == [], leaving.log[-2000:]
    assert ended_s < leaving.pod.spec["terminationGracePeriodSeconds"], leaving.log[-2000:]


def test_a_pod_that_dies_fails_no_more_than_was_in_flight(cluster, keys, record_property):
    _wait_until_all_serve(cluster)
    dying = cluster.workers[0]
    with _requests([cluster], keys[0]) as requests:
        requests.wait_for(100)
        dying.die()
        requests.wait_for(200)
    record_property("failed_as_one_died", len(requests.failures))
    cluster.workers.remove(dying)
    cluster.start_worker()
    assert len(requests.failures) <= CONNECTIONS, requests.failures


def test_a_head_that_dies_fails_nothing(cluster, keys, record_property):
    _wait_until_all_serve(cluster)
    with _requests([cluster], keys[0]) as requests:
        requests.wait_for(100)
        dying, died_s = cluster.head, time.monotonic()
        dying.die()
        cluster.start_head()
        cluster.wait_for_head(timeout_s=120)
        record_property("head_back_s", round(time.monotonic() - died_s, 1))
        cluster.wait_until_running()
        record_property("running_again_s", round(time.monotonic() - died_s, 1))
        # Serve ends what it has not heard of within 30 s.
        requests.wait_for(1600, timeout_s=120)
    record_property("failed_as_the_head_died", len(requests.failures))
    record_property("answered_meanwhile", requests.count())
    assert requests.failures == [], cluster.said()


def test_a_second_cluster_takes_over_and_nothing_is_lost(
    kubernetes, cluster, body, keys, record_property
):
    # As the operator does where something of `rayClusterConfig` is another one.
    changed = copy.deepcopy(body)
    (group,) = changed["spec"]["rayClusterConfig"]["workerGroupSpecs"]
    group["template"]["spec"]["containers"][0]["env"].append({"name": "CHANGED", "value": "1"})
    clusters = [cluster]
    _wait_until_all_serve(cluster)
    with _requests(clusters, keys[0]) as requests:
        requests.wait_for(100)
        began_s = time.monotonic()
        second = Cluster(kubernetes, changed, "serve-app-b")
        second.wait_for_head(timeout_s=120)
        second.apply()
        second.wait_until_running()
        _wait_until_all_serve(second)
        clusters.append(second)
        record_property("second_cluster_s", round(time.monotonic() - began_s, 1))
        requests.wait_for(200)
        cluster.end()
        requests.wait_for(200)
    record_property("failed_as_a_second_cluster_took_over", len(requests.failures))
    record_property("answered_meanwhile", requests.count())
    assert requests.failures == [], second.said()
    until(
        lambda: not _unrecorded(kubernetes, requests),
        120,
        lambda: _unrecorded(kubernetes, requests),
    )


def _unrecorded(kubernetes, requests):
    """The ids of answers that are not among the records."""
    place = kubernetes.claims["serve-app-records"]
    words = ["records", "query", "--records", str(place), "--columns", "prediction_id", "--json"]
    printed = subprocess.run([_COMMAND, *words], check=True, capture_output=True, text=True).stdout
    return set(requests.ids) - {one["prediction_id"] for one in json.loads(printed)}

"""What clients notice when `serveConfigV2` of the local RayService changes: nothing but answers.

The committed `deployments/kuberay/local.yaml`: a head that keeps the state, one pod that serves.
"""

import collections
import contextlib
import json
import secrets
import time
import urllib.request
from pathlib import Path

import pytest
import yaml

from serve_app.examples.datasets import breast_cancer
from tests.platforms.installed import access, trained
from tests.platforms.name_server import name_server
from tests.platforms.pod_machines import NODE, missing, pod_network
from tests.platforms.ray_service import Cluster, Kubernetes, Requests, asked, until

pytestmark = [pytest.mark.platforms, pytest.mark.timeout(900)]

MANIFEST = Path(__file__).parents[2] / "deployments" / "kuberay" / "local.yaml"
PATH = "/v1/models/diagnosis:predict"
ROWS = breast_cancer().frame.head(2).to_dict("records")
SETTLED = 100
"""So many answers after a change are looked at, by which it has been in effect for seconds."""


@pytest.fixture(scope="module")
def body():
    """The RayService as it is committed."""
    documents = yaml.safe_load_all(MANIFEST.read_text())
    return next(one for one in documents if one["kind"] == "RayService")


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """A key of somebody who may ask, and the file that lets them in."""
    return access(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def cluster(body, keys, record_testsuite_property):
    """The cluster that the manifest describes, answering."""
    if (why := missing()) is not None:
        pytest.skip(why)
    with contextlib.ExitStack() as standing:
        shared = standing.enter_context(pod_network())
        names = standing.enter_context(name_server(NODE))
        registry = trained(shared, "diagnosis-xgb")
        claims = {"serve-app-registry": registry, "serve-app-state": shared / "state"}
        held = {
            "serve-app-ray": {"auth_token": secrets.token_hex(32)},
            "serve-app-keys": {"keys.json": keys[1]},
        }
        kubernetes = Kubernetes(shared, names, claims, held)
        standing.callback(kubernetes.end)
        started_s = time.monotonic()
        cluster = Cluster(kubernetes, body, "serve-app-a")
        cluster.wait_for_head()
        cluster.apply()
        cluster.wait_until_running()
        until(cluster.serving, 120, cluster.said)
        with _requests(cluster, keys[0]) as requests:
            requests.wait_for(1)
        took_s = round(time.monotonic() - started_s, 1)
        record_testsuite_property("manifest_to_first_prediction_s", took_s)
        yield cluster


@pytest.fixture
def served(body):
    """What the manifest serves, to be changed."""
    return yaml.safe_load(body["spec"]["serveConfigV2"])


@pytest.fixture
def requests(cluster, keys):
    """Steady requests, before, during and after a change; the config is as it was afterwards."""
    with _requests(cluster, keys[0]) as requests:
        requests.wait_for(SETTLED)
        yield requests
    cluster.apply()


def _requests(cluster, key):
    def endpoints():
        return [pod.address for pod in cluster.serving()]

    return Requests(endpoints, PATH, {"instances": ROWS}, key=key)


def _application(served, name):
    (found,) = [one for one in served["applications"] if one["name"] == name]
    return found


def _variants(served):
    declared = _application(served, "control")["deployments"][0]["user_config"]
    return declared["endpoints"]["diagnosis"]["route"]["variants"]


def _seen_last(requests):
    return collections.Counter(requests.variants[-SETTLED:])


def _status(cluster, key):
    """What a gateway says of what is declared and what is in effect."""
    (pod,) = cluster.serving()
    request = urllib.request.Request(f"http://{pod.address}:8000/v1/status")
    request.add_header("x-api-key", key)
    status, content = asked(request)
    assert status == 200, content
    return json.loads(content)


def test_new_weights_fail_nothing(cluster, served, requests, record_property):
    variants = _variants(served)
    variants[0]["weight"], variants[1]["weight"] = 10, 90
    applied_s = time.monotonic()
    cluster.apply(yaml.safe_dump(served))
    forest = variants[1]["model"]
    until(lambda: _seen_last(requests)[forest] > SETTLED // 2, 60, cluster.said)
    record_property("most_answers_by_new_weights_s", round(time.monotonic() - applied_s, 1))
    requests.wait_for(SETTLED)
    assert _seen_last(requests)[forest] > SETTLED // 2
    record_property("failed_by_new_weights", len(requests.failures))
    assert requests.failures == []


def test_a_new_version_takes_over_and_fails_nothing(cluster, served, requests, record_property):
    variants = _variants(served)
    old, variants[0]["model"] = variants[0]["model"], "diagnosis-xgb@2"
    applied_s = time.monotonic()
    cluster.apply(yaml.safe_dump(served))
    until(lambda: _seen_last(requests)["diagnosis-xgb@2"], 60, cluster.said)
    record_property("first_answer_of_new_version_s", round(time.monotonic() - applied_s, 1))
    until(lambda: not _seen_last(requests)[old], 60, cluster.said)
    record_property("failed_by_a_new_version", len(requests.failures))
    assert requests.failures == []


def test_a_version_that_nobody_has_is_refused_in_words_and_the_old_ones_answer_on(
    cluster, served, requests, keys, record_property
):
    variants = _variants(served)
    old, variants[0]["model"] = variants[0]["model"], "diagnosis-xgb@9"
    cluster.apply(yaml.safe_dump(served))
    status = until(
        lambda: (now := _status(cluster, keys[0]))["refused"] and now,
        60,
        lambda: _status(cluster, keys[0]),
    )
    assert any("diagnosis-xgb" in problem for problem in status["refused"]["problems"])
    requests.wait_for(SETTLED)
    assert _seen_last(requests)[old] > SETTLED // 2
    record_property("failed_by_no_version", len(requests.failures))
    assert requests.failures == []


def test_an_application_that_cannot_start_says_why_and_the_others_answer_on(
    cluster, served, requests
):
    broken = {**_application(served, "monitor"), "name": "broken"}
    broken["import_path"] = "serve_app.app:nothing_of_this_name"
    served["applications"].append(broken)
    cluster.apply(yaml.safe_dump(served))
    until(lambda: cluster.status()["broken"]["status"] == "DEPLOY_FAILED", 120, cluster.said)
    assert "nothing_of_this_name" in json.dumps(cluster.status()["broken"])
    requests.wait_for(SETTLED)
    assert requests.failures == []

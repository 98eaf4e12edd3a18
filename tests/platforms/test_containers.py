"""The images started as containers are: ready, answering, asked to end under load."""

import os
import shutil
import signal
import socket
import threading
import time
import urllib.request

import pytest
import yaml

from benchmarks import image_builds
from serve_app.engine.registration.register import Candidate, register
from serve_app.platforms.images.baked import BakeOptions, bake, write_context
from serve_app.platforms.images.targets import EDGE
from serve_app.registry.store import Registry
from tests.cluster.harness import free_row
from tests.platforms.containers import LOST, REFUSED, Balancer, asked, ready

pytestmark = [
    pytest.mark.platforms,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(os.geteuid() != 0, reason="mounts need root"),
    pytest.mark.skipif(shutil.which("buildah") is None, reason="apt-get install buildah"),
    pytest.mark.skipif(shutil.which("mmdebstrap") is None, reason="apt-get install mmdebstrap"),
]


@pytest.fixture
def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture
def answering(folder, models, tmp_path):
    """An image on `edge` that holds one version, its files, and a row that it takes."""
    estimator, data = models["logistic"]
    registry = Registry(str(tmp_path / "registry"))
    manifest = register(registry, Candidate("churn", estimator, data))
    below = image_builds.build(EDGE.name, folder)
    options = BakeOptions(f"{below.name.partition(':')[0]}@{below.digest}")
    write_context(bake(registry, ("churn", 1), "serve", options), tmp_path / "image")
    image_builds.buildah(
        *("build", "--isolation", "chroot", "--format", "docker", "--pull-never"),
        *("--build-arg", f"IMAGE={below.name}", "--tag", "localhost/churn:1"),
        str(tmp_path / "image"),
        offline=True,
    )
    row = {column: values[0] for column, values in manifest.sample.inputs.items()}
    image = image_builds.inspected("localhost/churn:1")
    with image_builds.unpacked(image) as root:
        yield image, root, row


def test_a_baked_version_answers_and_loses_nothing_when_it_ends(
    answering, free_port, record_property
):
    image, root, row = answering
    started_at = time.monotonic()
    said = {"PORT": str(free_port), "SERVE_APP_ACCESS": "open"}
    with image_builds.started(image, root, None, said) as process:
        ready(process, free_port)
        status, body = asked(free_port, "/v1/models/churn:predict", {"instances": [row]})
        record_property("run_start_to_first_prediction_s", time.monotonic() - started_at)
        assert status == 200, body
        answers = []
        ending = threading.Event()

        def call():
            while not ending.is_set():
                answers.append(asked(free_port, "/v1/models/churn:predict", {"instances": [row]}))

        callers = [threading.Thread(target=call) for _ in range(4)]
        for one in callers:
            one.start()
        deadline = time.monotonic() + 30
        while len(answers) < 200 and time.monotonic() < deadline:
            time.sleep(0.01)
        image_builds.first_process(process).send_signal(signal.SIGTERM)
        code = process.wait(timeout=60)
        ending.set()
        for one in callers:
            one.join()
    assert code == 0
    statuses = [status for status, _ in answers]
    assert statuses.count(200) >= 200
    # After the end nobody listens; without --leave-s, what waits to be taken at that moment is
    # reset: at most one connection of each caller.
    record_property("lost_when_it_ended", statuses.count(LOST))
    assert set(statuses) <= {200, REFUSED, LOST}
    assert statuses.count(LOST) <= len(callers)


@pytest.fixture
def home(models, tmp_path, free_port):
    """The folder in which a container works, and a row that its model takes."""
    estimator, data = models["logistic"]
    folder = tmp_path / "home"
    manifest = register(Registry(str(folder / "registry")), Candidate("churn", estimator, data))
    body = yaml.safe_load((image_builds.ROOT / "configs/inline.yaml").read_text())
    body["http_options"] = {"host": "127.0.0.1", "port": free_port}
    body["applications"] = [one for one in body["applications"] if one["name"] != "monitor"]
    (control,) = (one for one in body["applications"] if one["name"] == "control")
    endpoint = {"placement": "inline", "route": {"kind": "single", "model": "churn@1"}}
    control["deployments"][0]["user_config"] = {"endpoints": {"churn": endpoint}}
    (folder / "config.yaml").write_text(yaml.safe_dump(body))
    return folder, {column: values[0] for column, values in manifest.sample.inputs.items()}


REGISTRY = "/var/lib/serve-app/registry"
PLATFORMS = {
    "cloud_run": ("PORT", {"K_SERVICE": "churn", "SERVE_APP_REGISTRY": REGISTRY}, "/invocations"),
    "azure_ml": ("PORT", {"AZUREML_MODEL_DIR": f"{REGISTRY}/churn/1"}, "/score"),
    "vertex_ai": (
        "AIP_HTTP_PORT",
        {"AIP_STORAGE_URI": REGISTRY, "AIP_PREDICT_ROUTE": "/predict"},
        "/predict",
    ),
}
"""The variable of the port, others that each platform sets, and the path that it asks."""
BODIES = {"azure_ml": "data"}


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_platform_s_container_answers_at_once_and_ends_when_asked_to(
    image, root, home, free_port, record_property, platform
):
    if EDGE.name not in image.name:
        pytest.skip("these platforms are given the image edge")
    files, row = home
    variable, variables, path = PLATFORMS[platform]
    environment = {**variables, variable: str(free_port)}
    body = {BODIES.get(platform, "instances"): [row]}
    started_at = time.monotonic()
    with image_builds.started(image, root, ["run"], environment, files=files) as process:
        ready(process, free_port)
        status, answer = asked(free_port, path, body)
        record_property(f"{platform}_start_to_first_prediction_s", time.monotonic() - started_at)
        assert status == 200, answer
        ended_at = time.monotonic()
        image_builds.first_process(process).send_signal(signal.SIGTERM)
        code = process.wait(timeout=60)
        ended_s = time.monotonic() - ended_at
        record_property(f"{platform}_ended_after_s", ended_s)
    assert code == 0
    assert ended_s <= 10


def running(port):
    return ["run", "churn@1", "--port", str(port), "--leave-s", "2"]


def another_port(besides):
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        assert one.getsockname()[1] != besides
        return one.getsockname()[1]


def test_the_other_of_two_takes_over_and_nothing_fails(
    image, root, home, free_port, record_property
):
    files, row = home
    other_port = another_port(free_port)
    with (
        image_builds.started(image, root, running(free_port), files=files) as first,
        image_builds.started(image, root, running(other_port), files=files) as second,
    ):
        ready(first, free_port)
        ready(second, other_port)
        with Balancer(row, free_port, other_port).under_load() as balancer:
            balancer.answers(400)
            image_builds.first_process(first).send_signal(signal.SIGTERM)
            ended_at = time.monotonic()
            while first.poll() is None:
                balancer.withdraw_what_is_not_ready()
                assert time.monotonic() < ended_at + 45
            record_property("run_ended_after_s", time.monotonic() - ended_at)
            balancer.answers(200)
        assert first.returncode == 0
    assert set(balancer.statuses) == {200}


def test_a_whole_cluster_in_one_container_hands_over_and_ends(
    image, root, target, home, free_port, record_property
):
    if not target.ray:
        pytest.skip("this image has no Ray")
    files, row = home
    other_port = another_port(free_port)
    first_port = free_row(12)
    words = [
        *("cluster", "start", "--foreground", "--deploy", "config.yaml", "--leave-s", "2"),
        *("--http-port", str(free_port), "--dashboard-port", str(first_port)),
        *("--internal-ports", str(first_port + 1)),
    ]
    started_at = time.monotonic()
    with image_builds.started(image, root, words, files=files) as cluster:
        ready(cluster, free_port, within_s=150)
        path = "/v1/models/churn:predict"
        status, body = asked(free_port, path, {"instances": [row]})
        took_s = time.monotonic() - started_at
        record_property(f"{target.name}_start_to_first_prediction_s", took_s)
        assert status == 200, body
        with urllib.request.urlopen(f"http://127.0.0.1:{first_port}/", timeout=10) as page:
            assert b"<html" in page.read().lower()
        with image_builds.started(image, root, running(other_port), files=files) as second:
            ready(second, other_port)
            balancer = Balancer(row, free_port, other_port)
            with balancer.under_load():
                balancer.answers(200)
                image_builds.first_process(cluster).send_signal(signal.SIGTERM)
                ended_at = time.monotonic()
                balancer.withdraw(free_port)
                code = cluster.wait(timeout=60)
                record_property(f"{target.name}_ended_after_s", time.monotonic() - ended_at)
                balancer.answers(100)
        printed = cluster.stdout.read()
    assert code == 0, printed
    assert set(balancer.statuses) == {200}
    assert took_s <= 30

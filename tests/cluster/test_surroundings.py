"""A cluster whose machine reaches the world through a proxy, and whose processes die."""

import contextlib
import json
import signal

import psutil
import pytest
import yaml

from serve_app.examples.datasets import breast_cancer
from tests.cluster.harness import application, config, until

PROXY = "http://127.0.0.1:9"
"""Nobody listens there: what is asked through it is not answered."""


@pytest.fixture(scope="module")
def proxied(cluster):
    """A cluster that was started and deployed to with nothing but such a proxy in sight."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            patch.setenv(name, PROXY)
            patch.setenv(name.upper(), PROXY)
        for name in ("no_proxy", "NO_PROXY", "no_grpc_proxy"):
            patch.delenv(name, raising=False)
        cluster.start()
        cluster.deploy(config("split"))
        yield cluster


@pytest.fixture
def patients(tmp_path):
    """A file with two rows of the data that the examples learned from."""
    file = tmp_path / "rows.json"
    file.write_text(breast_cancer().frame.head(2).to_json(orient="records"))
    return file


def test_all_commands_go_past_it(proxied, patients):
    standing = json.loads(proxied.run("status", "--json"))
    assert "gateway" in json.dumps(standing)
    answer = proxied.run("predict", "diagnosis", "--data", str(patients))
    assert "malignant" in answer
    said = proxied.run(
        "endpoints", "set-weights", "diagnosis", "diagnosis-xgb@1=1", "diagnosis-forest@1=0"
    )
    assert "diagnosis-xgb@1=1" in said
    assert "diagnosis" in proxied.run("endpoints", "list")


def test_what_a_running_cluster_cannot_take_is_refused_in_words(proxied):
    file = proxied.write(config("split"))
    changed = yaml.safe_load(file.read_text())
    changed["http_options"] |= {"port": 8000, "keep_alive_timeout_s": 7}
    changed["proxy_location"] = "HeadOnly"
    file.write_text(yaml.safe_dump(changed))
    said = proxied.run("deploy", file.name, code=1)
    assert f"http_options.port: the file says 8000, the cluster runs on {proxied.http_port}" in said
    assert "http_options.keep_alive_timeout_s: the file says 7, Serve runs with 90" in said
    assert "proxy_location: the file says 'HeadOnly', Serve runs with 'EveryNode'" in said
    assert "serve-app cluster stop" in said
    assert proxied.request("/v1/endpoints").status == 200


def test_the_death_of_haproxys_manager_is_survived(proxied):
    folder = json.loads((proxied.home / "state" / "cluster.json").read_text())["folder"]
    (manager,) = [
        process
        for process in psutil.process_iter()
        if "HAProxyManager" in " ".join(process.cmdline())
        and process.environ().get("SERVE_APP_CLUSTER") == folder
    ]
    manager.send_signal(signal.SIGKILL)
    proxied.deploy(config("split"))
    # The next one has HAProxy in its hands: it leads to a gateway that nobody knew before.
    proxied.kill(proxied.replicas("gateway")[0])

    def answered():
        with contextlib.suppress(OSError):
            return proxied.request("/v1/endpoints").status == 200

    until(answered, timeout_s=120, what="a new gateway behind HAProxy")


def test_what_ray_shows_of_a_broken_version_is_our_own_words(proxied, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")  # Ray's own command goes where it is told to go
    broken = config("split")
    application(broken, "diagnosis-forest-1")["args"]["version"] = 9
    proxied.serve_deploy(broken)

    def failed():
        state = proxied.applications()["diagnosis-forest-1"]
        said = state["deployments"].get("Model", {}).get("message", "")
        return said if state["status"] == "DEPLOY_FAILED" else None

    message = until(failed, timeout_s=90, what="failure of a version under another's name")
    assert "\x1b" not in message
    assert message.rstrip().endswith("call it 'diagnosis-forest-9'")
    assert 'File "' not in message
    assert len(message.splitlines()) <= 4

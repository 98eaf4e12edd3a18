"""A cluster whose machine reaches the world through a proxy, and whose processes die."""

import contextlib
import json
import signal

import psutil
import pytest
import yaml

from benchmarks.load import build_request
from serve_app.examples.datasets import breast_cancer
from tests.cluster.harness import application, config, until
from tests.cluster.load import Load

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


def of_this(proxied):
    """The processes of this cluster."""
    folder = json.loads((proxied.home / "state" / "cluster.json").read_text())["folder"]
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("SERVE_APP_CLUSTER") == folder:
                yield process


def manager_of(proxied):
    managers = [one for one in of_this(proxied) if "HAProxyManager" in " ".join(one.cmdline())]
    return managers[0] if managers else None


def haproxy_of(proxied):
    """HAProxy's process that listens, and whether Serve started it."""
    for one in of_this(proxied):
        with contextlib.suppress(psutil.Error):
            if one.name() == "haproxy" and any(
                connection.status == psutil.CONN_LISTEN
                and connection.laddr.port == proxied.http_port
                for connection in one.net_connections("tcp")
            ):
                return one, "haproxy.cfg" in " ".join(one.cmdline())
    return None


REQUESTS = [build_request("GET", "/v1/endpoints", {"host": "127.0.0.1"}, b"")]
RATE = 50.0


@pytest.mark.parametrize("victim", ["haproxy", "manager"])
def test_the_death_of_haproxy_or_its_manager_is_hardly_noticed(proxied, victim):
    until(lambda: haproxy_of(proxied), timeout_s=60, what="HAProxy")
    former, _ = haproxy_of(proxied)
    manager = manager_of(proxied)
    with Load(proxied, REQUESTS, connections=8, rate_per_s=RATE) as load:
        (former if victim == "haproxy" else manager).send_signal(signal.SIGKILL)
        until(
            lambda: (
                not psutil.pid_exists(manager.pid)
                and (now := haproxy_of(proxied))
                and now[0] != former
                and now[1]
            ),
            timeout_s=100,
            what="a HAProxy that Serve started",
        )
        # Serve's next one knows the applications that there are from its first request on.
        assert {proxied.request("/v1/endpoints").status for _ in range(50)} == {200}
    # What was on its way is lost, and nothing that came two seconds later.
    assert load.report.failed <= RATE
    times_s = [at_s for at_s, _ in load.report.failed_at]
    assert not times_s or max(times_s) - min(times_s) < 2


def test_the_death_of_haproxys_manager_is_survived(proxied):
    manager_of(proxied).send_signal(signal.SIGKILL)
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

"""Who has no token does nothing to a cluster, whichever of its ports they reach."""

import json
import os
import pickle
import socket
import stat
import subprocess
import sys
import urllib.error
import urllib.request

import grpc
import psutil
import pytest

from serve_app.cluster.node import Cluster
from tests.cluster.harness import BIN, PAST_PROXIES, config

CALL_TIMEOUT_S = 10
NOBODY = 65534
PICKLED = "/ray.serve.ASGIService/HandleRequest"


class Payload:
    """What makes a file where it is unpickled."""

    def __init__(self, marker):
        self._marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self._marker),)


@pytest.fixture(scope="module")
def attacked(cluster):
    cluster.start("--cpus", "4")
    cluster.deploy(config("local"))
    return cluster


@pytest.fixture
def marker(attacked):
    """A path at which nothing may be after an attack."""
    path = attacked.home / "code-ran"
    yield path
    assert not path.exists()


def listening(attacked, name=""):
    """The addresses on which the cluster's processes listen, by port."""
    own = {one.pid for one in Cluster(attacked.home / "state").processes() if name in one.name()}
    return {
        one.laddr.port: one.laddr.ip
        for one in psutil.net_connections("tcp")
        if one.status == psutil.CONN_LISTEN and one.pid in own
    }


def status(url, body=None, headers=None):
    request = urllib.request.Request(url, body, headers or {})
    try:
        with PAST_PROXIES.open(request, timeout=CALL_TIMEOUT_S) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer guessed"},
        {"authorization": "Bearer "},
        {"x-ray-authorization": "guessed"},
        {"cookie": "ray-authentication-token=guessed"},
        {
            "host": "evil.example:8265",
            "origin": "http://evil.example:8265",
            "user-agent": "Mozilla",
        },
    ],
    ids=str,
)
def test_a_job_needs_the_token(attacked, marker, headers):
    body = json.dumps({"entrypoint": f"mkdir {marker}"}).encode()
    sent = {"content-type": "application/json", **headers}
    agent = f"http://127.0.0.1:{attacked.internal_ports + 5}/api/job_agent/jobs/"
    assert status(f"{attacked.dashboard_url}/api/jobs/", body, sent) in {401, 403}
    assert status(agent, body, sent) in {401, 403}


def test_who_has_the_token_may(attacked):
    assert isinstance(attacked.dashboard("/api/version"), dict)
    assert attacked.applications()


def test_ray_client_needs_the_token(attacked, marker):
    code = (
        "import sys, ray\n"
        "ray.init(sys.argv[1])\n"
        "import os\n"
        "ray.get(ray.remote(os.mkdir).remote(sys.argv[2]))\n"
    )
    environment = {name: value for name, value in os.environ.items() if "RAY" not in name}
    done = subprocess.run(
        [sys.executable, "-c", code, f"ray://127.0.0.1:{attacked.internal_ports + 7}", marker],
        env={**environment, "RAY_AUTH_MODE": "disabled"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode != 0


def test_a_pickle_to_any_port_runs_nothing(attacked, marker):
    message = pickle.dumps(Payload(marker))
    # As the only field of a message, and as all of it.
    field = b"\n" + varint(len(message)) + message
    guessed = (("authorization", "Bearer guessed"),)
    for port in listening(attacked):
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            call = channel.unary_unary(PICKLED)
            for content, metadata in ((message, ()), (field, ()), (field, guessed)):
                with pytest.raises(grpc.RpcError):
                    call(content, timeout=2, metadata=metadata)


def varint(number):
    parts = bytearray()
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    return bytes([*parts, number])


def connects_as(user, path):
    """Whether a process of that user can connect to a socket."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setuid(user)
            with socket.socket(socket.AF_UNIX) as one:
                one.connect(str(path))
                code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_what_administers_haproxy_is_for_its_owner_on_this_machine(attacked):
    ports = listening(attacked, "haproxy")
    assert {ip for port, ip in ports.items() if port != attacked.http_port} == {"127.0.0.1"}
    folder = Cluster(attacked.home / "state").require().folder
    (socket_of,) = (folder / "p").rglob("admin.sock")
    assert stat.S_IMODE(socket_of.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    if os.geteuid() == 0:
        assert connects_as(os.geteuid(), socket_of)
        assert not connects_as(NOBODY, socket_of)


def test_the_edge_guards_the_main_port_that_serve_opens(attacked):
    assert attacked.request("/-/routes").status == 404
    assert attacked.request("/-/healthz").status == 200
    assert attacked.request("/v1/endpoints", headers={"x_client_cn": "admin"}).status == 403
    assert attacked.request("/v1/endpoints", headers={"host": "a/?x="}).status == 400


def test_tokens_stand_in_no_log_and_no_process_list(attacked):
    running = Cluster(attacked.home / "state").require()
    secrets = [
        (running.folder / "edge-token").read_bytes(),
        attacked.token.read_bytes(),
    ]
    for process in psutil.process_iter():
        try:
            words = " ".join(process.cmdline()).encode()
        except psutil.Error:
            continue
        assert not any(secret in words for secret in secrets)
    for path in (running.folder / "ray").rglob("*"):
        if path.is_file() and not path.is_symlink() and path.suffix in {".log", ".out", ".err"}:
            content = path.read_bytes()
            assert not any(secret in content for secret in secrets), path
    details = json.dumps(attacked.dashboard("/api/serve/applications/")).encode()
    assert not any(secret in details for secret in secrets)


def test_serve_deploy_works_for_who_was_handed_the_token_and_for_nobody_else(attacked):
    attacked.serve_deploy(config("local"))
    done = subprocess.run(
        [str(BIN / "serve"), "status", "-a", attacked.dashboard_url],
        env={**os.environ, "RAY_AUTH_MODE": "disabled"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode != 0


def test_the_doctor_sees_no_problem_of_a_cluster_on_loopback(attacked):
    body = json.loads(attacked.run("doctor", "--json"))
    assert body["problems"] == 0
    subjects = {one["subject"] for one in body["findings"] if one["check"] == "port"}
    assert f"{attacked.http_port} HTTP" in subjects

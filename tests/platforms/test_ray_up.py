"""`ray up` for real: machines reached by SSH become a cluster that answers, and are left clean.

The machines are namespaces (`ssh_machines.py`): they share this one's Python and serve-app, and
have each their own network, processes, home and /tmp. What a cloud does before SSH is not here.
"""

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest
import yaml

from serve_app.core.reference import split_version
from serve_app.engine.registration.register import Candidate, register
from serve_app.platforms.ray_up.checks import findings
from serve_app.platforms.ray_up.description import Description
from serve_app.platforms.ray_up.places import OnPremises
from serve_app.platforms.ray_up.written import text
from serve_app.registry.store import Registry
from tests.platforms.ssh_machines import machines, missing

pytestmark = [pytest.mark.platforms, pytest.mark.timeout(900)]

MODEL = "line@1"
GOAL_S = 180.0
ROWS = [{"age": 50.0, "dose": 2.0}, {"age": 61.5, "dose": 0.25}]
_PATH = f"{Path(sys.prefix) / 'bin'}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
_ASK = """
import json, sys, urllib.request
request = urllib.request.Request(sys.argv[1], sys.stdin.buffer.read() or None)
request.add_header("content-type", "application/json")
request.add_header("x-api-key", sys.argv[2])
with urllib.request.urlopen(request, timeout=20) as answer:
    print(answer.read().decode())
"""


@pytest.fixture
def shared(models):
    """A folder that all machines see, with a registry, a token and what is deployed."""
    if (why := missing()) is not None:
        pytest.skip(why)
    folder = Path(tempfile.mkdtemp(prefix="ray-up-"))
    estimator, frame = models["line"]
    register(Registry(str(folder / "registry")), Candidate("line", estimator, frame))
    token = folder / "ray-token"
    token.write_text(secrets.token_hex(32))
    token.chmod(0o600)
    (folder / "configs").mkdir()
    (folder / "configs" / "app.yaml").write_text(yaml.safe_dump(_config(folder / "registry")))
    yield folder
    shutil.rmtree(folder)


def _config(registry):
    """A gateway on each node, control, and one model that gateways compute themselves."""
    name, _ = split_version(MODEL)
    places = {"registry": str(registry), "state": "./state"}
    small = {"num_cpus": 0.2}
    gateway = {
        "name": "Gateway",
        "num_replicas": 2,
        "max_replicas_per_node": 1,
        "ray_actor_options": small,
    }
    route = {"kind": "single", "model": MODEL}
    control = {
        "name": "Control",
        "num_replicas": 1,
        "ray_actor_options": small,
        "user_config": {"endpoints": {name: {"route": route, "placement": "inline"}}},
    }
    return {
        "http_options": {"host": "0.0.0.0", "port": 8000},
        "applications": [
            {
                "name": "gateway",
                "route_prefix": "/",
                "import_path": "serve_app.app:gateway",
                "args": {**places, "access": {"mode": "keys"}},
                "deployments": [gateway],
            },
            {
                "name": "control",
                "route_prefix": None,
                "import_path": "serve_app.app:control",
                "args": places,
                "deployments": [control],
            },
        ],
    }


def _file(shared, head, worker):
    """What `serve-app export ray-up local` writes for these machines."""
    cluster = Description(
        name="two",
        environment=sys.prefix,
        ssh_user="root",
        ssh_key=str(shared / "key"),
        token=str(shared / "ray-token"),
        configs=str(shared / "configs"),
    )
    written = text(cluster, OnPremises(head.address, (worker.address,)), "local")
    assert findings(written) == []
    path = shared / "cluster.yaml"
    path.write_text(written)
    return str(path)


def _until(condition, timeout_s, what):
    deadline_s = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < deadline_s, what()
        time.sleep(0.5)
    return value


def _ask(operator, url, body=None, key="none"):
    """A request from the operator's machine; nothing where it is not answered."""
    done = subprocess.run(
        operator.command("python3", "-c", _ASK, url, key),
        input=json.dumps(body).encode() if body is not None else b"",
        capture_output=True,
        check=False,
    )
    return json.loads(done.stdout) if done.returncode == 0 else None


def _lines(machine):
    lines = []
    for one in machine.processes():
        with contextlib.suppress(psutil.Error):
            lines.append(" ".join(one.cmdline()[:4]))
    return lines


def test_machines_become_a_cluster_that_answers_and_are_left_clean(shared, models, record_property):
    environment = {"PATH": _PATH, "LANG": "C.UTF-8", "RAY_UP_enable_autoscaler_v2": "1"}
    if "PYTHONPATH" in os.environ:
        environment["PYTHONPATH"] = str(Path(os.environ["PYTHONPATH"]).resolve())
    before = set(psutil.pids())
    with machines(["head", "worker"], shared, environment) as (operator, head, worker):
        file = _file(shared, head, worker)
        started_s = time.monotonic()
        print(operator.run("ray", "up", "-y", file, timeout_s=300))
        up_s = time.monotonic() - started_s
        _until(
            lambda: any("raylet" in line for line in _lines(worker)),
            120,
            lambda: f"the worker never joined: {_logs(head)}",
        )
        joined_s = time.monotonic() - started_s
        for command in (
            "serve-app keys create ops --scope '*' --output-file ops.key",
            "SERVE_APP_API_KEY_FILE=ops.key serve-app deploy configs/app.yaml",
        ):
            there = f"cd ~/serve-app && {command}"
            print(operator.run("ray", "exec", file, there, timeout_s=300))
        key = head.run("bash", "-c", "cat ~/serve-app/ops.key").strip()
        url = f"http://{worker.address}:8000/v1/models/line:predict"
        answer = _until(
            lambda: _ask(operator, url, {"instances": ROWS}, key), 60, lambda: _lines(worker)
        )
        answered_s = time.monotonic() - started_s
        estimator, frame = models["line"]
        right = estimator.predict(frame.iloc[:0].reindex(range(2)).assign(**_columns()))
        assert answer["predictions"] == pytest.approx(list(right), rel=1e-9)
        # The worker's own HAProxy and gateway have answered, by the environment of the head's.
        assert any("haproxy" in line for line in _lines(worker))
        assert _environment(worker) == _environment(head)
        assert _ask(operator, url, {"instances": ROWS}) is None
        _refuses_strangers(operator, head)

        print(operator.run("ray", "down", "-y", file, timeout_s=120))
        for machine in (head, worker):
            _until(
                lambda machine=machine: not machine.processes(),
                120,
                lambda machine=machine: f"left on {machine.name}: {_lines(machine)}",
            )
        whole_s = time.monotonic() - started_s
        left = {one.name: one.run("ls", "-A", "/tmp").split() for one in (head, worker)}
        files = worker.run("bash", "-c", "find /tmp/sa-* 2> /dev/null || :")
        secrets_left = worker.run("bash", "-c", "ls -l ~/serve-app/ray-token").split()[0]
    for name, value in (
        ("ray_up_s", up_s),
        ("worker_joined_s", joined_s),
        ("first_prediction_s", answered_s),
        ("ray_up_to_nothing_left_s", whole_s),
    ):
        record_property(name, round(value, 1))
        print(name, round(value, 1))
    assert secrets_left == "-rw-------"
    print(f"left in /tmp: {left}", files)
    assert not [name for names in left.values() for name in names if name.startswith("sa-")]
    gone = [pid for pid in set(psutil.pids()) - before if _is_of(pid, shared)]
    assert not gone
    assert whole_s <= GOAL_S


def _columns():
    return {name: [row[name] for row in ROWS] for name in ROWS[0]}


def _environment(machine):
    """Ray's variables, as the raylet of a machine was started with, but what names the machine."""
    (raylet,) = [one for one in machine.processes() if one.name() == "raylet"]
    own = ("RAY_SERVE_HAPROXY_", "SERVE_APP_", "RAY_AUTH_TOKEN_PATH", "RAY_CLOUD_INSTANCE_ID")
    own += ("RAY_HEAD_IP", "RAY_JOB_CONFIG", "RAY_NODE_TYPE_NAME", "RAY_OVERRIDE")
    return {
        name: value
        for name, value in raylet.environ().items()
        if name.startswith("RAY_SERVE") and not name.startswith(own)
    }


def _refuses_strangers(operator, head):
    """Ray answers nobody on a machine without the token, and the dashboard stays at home."""
    assert _ask(operator, f"http://{head.address}:8265/api/version") is None
    assert _ask(head, "http://127.0.0.1:8265/api/cluster_status") is None


def _logs(machine):
    """The end of what the autoscaler says."""
    return machine.run("bash", "-c", "tail -n 40 /tmp/sa-*/ray/session_latest/logs/monitor* || :")


def _is_of(pid, shared):
    try:
        return str(shared) in " ".join(psutil.Process(pid).environ().values())
    except psutil.Error:
        return False

"""The doctor names what is open to whom, and what ought not to be."""

import json
import socket
import stat
import subprocess
import sys
from types import SimpleNamespace

import psutil
import pytest
from click.testing import CliRunner

from serve_app.cli.main import cli
from serve_app.cluster.doctor.args import of_args
from serve_app.cluster.doctor.examination import of_cluster, of_process, worst_first
from serve_app.cluster.doctor.files import of_files, of_secret
from serve_app.cluster.doctor.finding import Finding
from serve_app.cluster.doctor.libraries import HOLES, of_libraries
from serve_app.cluster.doctor.ports import Guards, OpenPort, of_ports, open_ports
from serve_app.cluster.running import Running
from serve_app.core.edge_token import EDGE_VARIABLE


def listening(pid, ip, port, status=psutil.CONN_LISTEN):
    return SimpleNamespace(pid=pid, status=status, laddr=SimpleNamespace(ip=ip, port=port))


def test_ports_are_those_on_which_the_processes_listen():
    this = psutil.Process()
    every = [
        listening(this.pid, "127.0.0.1", 2),
        listening(this.pid, "::", 1),
        listening(this.pid, "10.0.0.1", 1),
        listening(this.pid, "127.0.0.1", 3, psutil.CONN_ESTABLISHED),
        listening(this.pid + 1, "0.0.0.0", 4),
        listening(None, "0.0.0.0", 5),
    ]
    ports = open_ports([this], lambda: every)
    assert [(one.port, one.addresses) for one in ports] == [
        (1, ("10.0.0.1", "::")),
        (2, ("127.0.0.1",)),
    ]
    assert ports[0].program == this.name()


@pytest.mark.parametrize(
    ("addresses", "reach"),
    [
        (("127.0.0.1",), "this machine"),
        (("127.0.0.1", "::1"), "this machine"),
        (("::ffff:127.0.0.1",), "this machine"),
        (("0.0.0.0",), "everybody who reaches this machine"),
        (("127.0.0.1", "::"), "everybody who reaches this machine"),
        (("10.0.0.1", "127.0.0.1"), "everybody who reaches 10.0.0.1"),
    ],
)
def test_who_reaches_a_port_follows_from_its_addresses(addresses, reach):
    assert OpenPort(1, addresses, "x").reach == reach


PURPOSES = {1: ("HTTP", "clients"), 2: ("admin API", "inside")}


@pytest.mark.parametrize(
    ("port", "guards", "level"),
    [
        (1, Guards(None, has_token=True), "problem"),
        (1, Guards("off", has_token=True), "problem"),
        (1, Guards("open", has_token=True), "warning"),
        (1, Guards("keys", has_token=False), "ok"),
        (2, Guards("keys", has_token=True), "problem"),
        (3, Guards("keys", has_token=True), "warning"),
        (3, Guards("keys", has_token=False), "problem"),
    ],
)
def test_an_open_port_is_as_bad_as_what_stands_behind_it(port, guards, level):
    def found(address):
        (one,) = of_ports([OpenPort(port, (address,), "raylet")], PURPOSES, guards)
        return one

    outside = found("0.0.0.0")
    assert outside.level == level
    assert bool(outside.remedy) is (level != "ok")
    assert outside.subject.startswith(f"{port} ")
    assert found("127.0.0.1").level == "ok"


def test_folders_are_their_owners_alone(tmp_path):
    for name, mode in {"own": 0o700, "read": 0o755, "write": 0o755}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(mode)
    inner = tmp_path / "write" / "a" / "b"
    inner.mkdir(parents=True)
    (inner / "file").touch()
    (inner / "file").chmod(0o666)
    (tmp_path / "own" / "file").touch()
    (tmp_path / "own" / "file").chmod(0o666)
    (tmp_path / "read" / "link").symlink_to("/nowhere")
    places = {name: tmp_path / name for name in ("own", "read", "write", "none")}
    findings = {one.subject.split()[0]: one for one in of_files(places)}
    assert {name: one.level for name, one in findings.items()} == {
        "own": "ok",
        "read": "warning",
        "write": "problem",
    }
    assert str(inner / "file") in findings["write"].text


def test_a_secret_is_its_owners_alone(tmp_path):
    path = tmp_path / "secret"
    assert of_secret(path).level == "problem"
    path.write_text("x")
    path.chmod(0o640)
    assert "640" in of_secret(path).text
    path.chmod(0o600)
    assert of_secret(path).level == "ok"
    (tmp_path / "link").symlink_to(path)
    assert of_secret(tmp_path / "link").level == "problem"


@pytest.mark.parametrize(
    ("there", "level"),
    [("1.2.9", "problem"), ("1.3", "ok"), ("1.3.0", "ok"), ("1.10", "ok"), ("1.3.0rc1", "ok")],
)
def test_a_library_with_a_published_hole_is_a_problem(there, level):
    findings = list(of_libraries({"starlette": there}.get, []))
    assert [one.level for one in findings] == [level]
    assert ("CVE-2026-48710" in findings[0].text) is (level == "problem")


def test_a_library_below_our_own_bound_is_a_warning():
    required = ["numpy>=2.0", "ray[serve]>=2.60,<2.61; extra == 'serve'", "click", "x<3"]
    versions = {"numpy": "1.26", "ray": "2.55", "click": "1"}
    findings = {one.subject: one for one in of_libraries(versions.get, required)}
    assert {name: one.level for name, one in findings.items()} == {
        "numpy": "warning",
        "ray": "warning",
    }
    assert findings["ray"].remedy == "pip install 'ray>=2.60'"


def test_what_is_installed_here_has_no_hole_that_is_known():
    assert {one.level for one in of_libraries()} <= {"ok", "warning"}
    assert {name for name in HOLES if name != name.lower()} == set()


def test_a_bound_that_admits_published_holes_is_a_warning():
    required = ["pyarrow>=17; extra == 'arrow'", "protobuf>=6.33.5", "cryptography>=50", "x>=1"]
    findings = list(of_libraries({}.get, required))
    assert [(one.level, one.check, one.subject) for one in findings] == [
        ("warning", "bound", "pyarrow"),
        ("ok", "library", "all"),
    ]
    assert "CVE-2026-25087" in findings[0].text


def test_args_that_leave_something_open_are_warned_of():
    tls = {"certificate": "a.crt", "key": "a.key"}
    args = {
        "listeners": [
            {"profile": "tfs", "port": 8501, "host": "0.0.0.0"},
            {"profile": "oip", "port": 8502, "host": "0.0.0.0", "tls": tls},
            {"profile": "mlflow", "port": 8503},
        ],
        "grpc_port": 8081,
        "grpc_host": "10.0.0.1",
        "admin": {"port": 8091},
        "access": {"mode": "keys", "management": {"declared": True}},
    }
    assert {(one.level, one.check, one.subject) for one in of_args(args)} == {
        ("warning", "audit", "audit log"),
        ("warning", "transport", "8501 listener tfs"),
        ("ok", "transport", "8502 listener oip"),
        ("warning", "transport", "8081 gRPC"),
        ("warning", "access", "management"),
    }
    (audit,) = of_args({"audit": {"path": "./audit"}})
    assert (audit.level, "checkpoint_key" in audit.remedy) == ("warning", True)
    (audit,) = of_args({"audit": {"path": "./audit", "checkpoint_key": "./audit.pem"}})
    assert audit.level == "ok"


def test_the_worst_stands_first():
    levels = [Finding(level, "x", "y", "z") for level in ("ok", "problem", "warning")]
    assert [one.level for one in worst_first(iter(levels))] == ["problem", "warning", "ok"]


@pytest.fixture
def stranger():
    """Another process that listens on all addresses."""
    code = (
        "import socket, time\n"
        "one = socket.socket()\n"
        "one.bind(('0.0.0.0', 0))\n"
        "one.listen()\n"
        "print(one.getsockname()[1], flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as one:
        yield psutil.Process(one.pid), int(one.stdout.readline())
        one.kill()


def test_one_process_is_looked_at_by_its_number(stranger):
    process, port = stranger
    (found,) = of_process(process)
    assert found.subject.startswith(f"{port} ")
    assert found.level == "problem"
    done = CliRunner().invoke(cli, ["doctor", "--pid", str(process.pid), "--json"])
    assert done.exit_code == 1
    assert json.loads(done.stdout)["problems"] == 1


def test_a_cluster_is_looked_at_all_over(tmp_path, monkeypatch, stranger):
    process, port = stranger
    folder, state = tmp_path / "folder", tmp_path / "state"
    (folder / "ray").mkdir(parents=True)
    state.mkdir()
    for place in (tmp_path, folder, folder / "ray", state):
        place.chmod(0o700)
    for path in (state / "ray-token", folder / "edge-token"):
        path.write_text("x")
        path.chmod(0o600)
    audit = {"path": "./audit", "checkpoint_key": "./audit.pem"}
    args = {
        "access": {"mode": "keys"},
        "audit": audit,
        "listeners": [{"profile": "tfs", "port": port}],
    }
    gateway = {"deployed_app_config": {"import_path": "serve_app.app:gateway", "args": args}}
    details = {"applications": {"gateway": gateway}}
    monkeypatch.setattr(
        "serve_app.cluster.dashboard.Dashboard.serve_details", lambda _, **__: details
    )
    environment = {
        "SERVE_APP_HOME": str(tmp_path),
        "RAY_AUTH_TOKEN_PATH": str(state / "ray-token"),
        EDGE_VARIABLE: str(folder / "edge-token"),
    }
    running = Running(folder, 1, 2, 3, 4, "127.0.0.1", environment)
    findings = {one.subject: one for one in of_cluster(running, [process], state)}
    assert findings[f"{port} listener tfs"].level == "ok"
    assert "keys" in findings[f"{port} listener tfs"].text
    assert {one.level for one in findings.values()} == {"ok"}
    gateway["deployed_app_config"]["args"] = {"listeners": args["listeners"]}
    (state / "ray-token").chmod(stat.S_IRUSR | stat.S_IRGRP)
    worse = {one.subject: one.level for one in of_cluster(running, [process], state)}
    assert worse[f"{port} listener tfs"] == "problem"
    assert worse["gateway"] == "warning"
    assert worse[str(state / "ray-token")] == "problem"
    without = Running(folder, 1, 2, 3, 4, "127.0.0.1", {})
    levels = {one.subject: one.level for one in of_cluster(without, [process], state)}
    assert levels["Ray"] == "problem"


def test_where_nothing_runs_folders_are_looked_at(tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "state").chmod(0o777)
    options = ["--state", str(tmp_path / "state"), "--registry", str(tmp_path / "none")]
    done = CliRunner().invoke(cli, ["doctor", *options], env={"COLUMNS": "60"})
    assert done.exit_code == 1
    assert "chmod -R go-w" in done.stdout
    (tmp_path / "state").chmod(0o755)
    assert CliRunner().invoke(cli, ["doctor", *options]).exit_code == 0
    assert CliRunner().invoke(cli, ["doctor", *options, "--strict"]).exit_code == 1


def test_a_process_that_is_not_there_is_said():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
    done = CliRunner().invoke(cli, ["doctor", "--pid", "4194303"])
    assert done.exit_code != 0

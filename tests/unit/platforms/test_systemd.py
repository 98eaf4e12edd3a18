"""The unit is one that systemd takes, and keeps a cluster from what it need not do."""

import re
import shutil
import subprocess

import pytest

from serve_app.errors import InvalidInput
from serve_app.platforms.systemd import Unit, unit_text

ANALYZE = shutil.which("systemd-analyze")
needs_systemd = pytest.mark.skipif(ANALYZE is None, reason="systemd is not installed")


@pytest.fixture
def machine(tmp_path):
    """A machine with an environment, and the unit of a cluster on it."""
    program = tmp_path / "env" / "bin" / "serve-app"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)

    def unit(**given):
        return Unit(**{"folder": str(tmp_path), "environment": str(tmp_path / "env")} | given)

    return unit


def lines(text, name):
    return re.findall(rf"^{name}=(.*)$", text, re.MULTILINE)


def analyzed(tmp_path, text, *arguments):
    path = tmp_path / "serve-app.service"
    path.write_text(text)
    return subprocess.run(
        [ANALYZE, *arguments, str(path)], capture_output=True, text=True, check=False
    )


def test_it_starts_a_supervised_cluster_and_deploys_what_was_deployed_last(machine, tmp_path):
    text = unit_text(machine(config="configs/a.yaml", leave_s=5.0, options=("--node-ip", "auto")))
    (command,) = lines(text, "ExecStart")
    assert command == (
        f"{tmp_path}/env/bin/serve-app cluster start --foreground --supervise --resume "
        "--deploy configs/a.yaml --state ./state --http-port 8000 --drain-s 30 --leave-s 5 "
        "--node-ip auto"
    )
    assert lines(text, "Restart") == ["always"]
    # Longer than it answers on and lets requests finish.
    assert int(lines(text, "TimeoutStopSec")[0]) > 35


def test_it_lets_a_node_join_again_and_stops_it_once_others_took_over(machine, tmp_path):
    text = unit_text(machine(join="10.0.0.1:6379", drain_s=60.0, options=("--node-ip", "auto")))
    (command,) = lines(text, "ExecStart")
    assert command == (
        f"{tmp_path}/env/bin/serve-app cluster join 10.0.0.1:6379 --foreground --supervise "
        "--state ./state --http-port 8000 --drain-s 60 --leave-s 0 --node-ip auto"
    )
    assert int(lines(text, "TimeoutStopSec")[0]) > 120


@needs_systemd
@pytest.mark.parametrize(
    "given",
    [
        {"user": "root"},
        {"user": "root", "config": 'a "b" $c 100%.yaml', "http_port": 443},
        {"user": "root", "writable": ("/srv/my models",)},
    ],
)
def test_systemd_takes_it(machine, tmp_path, given):
    done = analyzed(tmp_path, unit_text(machine(**given)), "verify", "--man=no")
    assert (done.returncode, done.stderr) == (0, "")


@needs_systemd
def test_systemd_finds_little_that_it_may_do_without_need(machine, tmp_path):
    done = analyzed(tmp_path, unit_text(machine()), "security", "--offline=true", "--threshold=30")
    assert done.returncode == 0, done.stdout[-400:]


def test_words_reach_the_command_as_they_were_given(machine):
    (command,) = lines(unit_text(machine(config='a "b" $c \\ 100%.yaml')), "ExecStart")
    assert r'--deploy "a \"b\" $$c \\ 100%%.yaml" --state' in command


def test_a_port_below_1024_may_be_bound(machine):
    for name in ("CapabilityBoundingSet", "AmbientCapabilities"):
        assert lines(unit_text(machine(http_port=443)), name) == ["CAP_NET_BIND_SERVICE"]
        assert lines(unit_text(machine()), name) == [""]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"folder": "state"}, "no whole path"),
        ({"environment": ".venv"}, "no whole path"),
        ({"writable": ("registry",)}, "no whole path"),
        ({"user": "a b"}, "cannot be a user's name"),
        ({"config": "a\nExecStartPre=/bin/evil"}, "control character"),
        ({"folder": "/a\nUser=root"}, "control character"),
        ({"join": "10.0.0.1:6379", "config": "a.yaml"}, "gets what is deployed there"),
    ],
)
def test_what_no_unit_can_hold_is_refused_in_words(machine, given, words):
    with pytest.raises(InvalidInput, match=words):
        unit_text(machine(**given))

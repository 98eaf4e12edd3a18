"""A machine with a hundred ports for connections: they are used again, and requests go on."""

import json
import os
import shutil
import subprocess
import sys
from types import SimpleNamespace

import pytest

from tests.cluster.harness import ROOT

pytestmark = pytest.mark.skipif(
    shutil.which("unshare") is None or os.geteuid() != 0,
    reason="needs a network namespace of its own",
)
PORTS = "40000 40099"
SCRIPT = (
    "ip link set lo up && echo $PORTS > /proc/sys/net/ipv4/ip_local_port_range "
    '&& exec "$0" -m tests.faults.few_ports "$1"'
)


def test_with_a_hundred_ports_connections_are_used_again(tmp_path, book):
    done = subprocess.run(
        ["unshare", "-n", "sh", "-c", SCRIPT, sys.executable, str(tmp_path)],
        env={**os.environ, "PORTS": PORTS, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    load = SimpleNamespace(
        report=SimpleNamespace(sent=seen["sent"], failed=seen["failed"]),
        client_sent=0, client_failed=[],
    )  # fmt: skip
    book.add("there are 100 ports for connections, HAProxy alone", load, lost=0, back_s=None)
    assert seen["sent"] >= 1900
    assert seen["failed"] <= 0.01 * seen["sent"], seen["bodies"]
    assert seen["connections"] < 100

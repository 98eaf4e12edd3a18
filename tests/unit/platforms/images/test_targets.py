"""Images find what nodes that start by command find, but for what depends on the machine."""

from pathlib import Path

import pytest

from serve_app.cluster.environment import Ports, variables
from serve_app.platforms.images.targets import EDGE, FULL, SERVE, TARGETS

PLACES = {
    "RAY_SERVE_HAPROXY_BINARY_PATH": "/opt/serve-app/app/haproxy.sh",
    "SERVE_APP_HOME": "/var/lib/serve-app",
}


@pytest.mark.parametrize("target", [FULL, SERVE], ids=lambda one: one.name)
def test_ray_finds_the_variables_of_every_cluster(target):
    ours = target.environment()
    of_nodes = variables(folder=Path("/f"), home=Path("/h"), ports=Ports(), drain_s=30.0)
    # Of an image's HAProxy, which a balancer asks, gateways believe nothing.
    of_machines = {"RAY_SERVE_HAPROXY_NBTHREAD", "SERVE_APP_EDGE_TOKEN_PATH"}
    assert of_nodes.keys() - ours.keys() == of_machines
    without_paths = {
        name: value
        for name, value in of_nodes.items()
        if not value.startswith(("/f", "/h")) and name in ours
    }
    assert without_paths.items() <= ours.items()
    assert PLACES.items() <= ours.items()


def test_ray_writes_where_a_volume_is():
    for name, value in SERVE.environment().items():
        if name.startswith("RAY_") and value.startswith("/") and name not in PLACES:
            assert value.startswith(("/tmp/", "/var/lib/serve-app/")), name


def test_without_ray_there_is_nothing_of_it():
    assert not [name for name in EDGE.environment() if name.startswith("RAY_")]


@pytest.mark.parametrize("target", TARGETS, ids=lambda one: one.name)
def test_a_process_writes_no_bytecode_and_has_a_home(target):
    ours = target.environment()
    assert ours["PYTHONDONTWRITEBYTECODE"] == "1"
    assert ours["HOME"] == "/var/lib/serve-app"
    assert ours["OMP_NUM_THREADS"] == ours["OPENBLAS_NUM_THREADS"] == "1"

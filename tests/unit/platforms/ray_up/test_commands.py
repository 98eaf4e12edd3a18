"""What machines run, as a shell understands it."""

import contextlib
import os
import resource
import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import click
import pytest

from serve_app.cli.edge_options import of_the_edge, taken_from
from serve_app.cluster.edge.options import EdgeOptions, Tls
from serve_app.platforms.ray_up.commands import (
    CERTIFICATE,
    CLIENT_CA,
    KEY,
    certificates,
    head_setup_commands,
    head_start_commands,
    setup_commands,
    worker_start_commands,
)
from serve_app.platforms.ray_up.description import Description
from tests.unit.platforms.ray_up.clusters import IMAGE

CONTAINER = Description(image=IMAGE, http_port=8080, drain_s=12)
FOLDER = Description(environment="/opt/my apps/it's", http_port=8080)


def run(commands, home, **variables):
    """Run commands as a machine whose home is a folder does; what they print."""
    program = home / "bin" / "serve-app"
    program.parent.mkdir(exist_ok=True)
    program.write_text('#!/bin/sh\necho "$PWD: $@"\nulimit -n\n')
    program.chmod(0o755)
    environment = {"HOME": str(home), "PATH": f"{program.parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-ec", "\n".join(f"({line})" for line in commands)],
        env={**environment, **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def test_the_head_stops_what_was_left_and_starts_with_the_autoscaler(tmp_path):
    stop, _, _, start, files = run(head_start_commands(CONTAINER), tmp_path)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    assert int(files) in {65536, hard}
    assert stop == f"{tmp_path}/serve-app: cluster stop --hand-over-s 0"
    assert start == (
        f"{tmp_path}/serve-app: cluster start "
        f"--autoscaling-config {tmp_path}/ray_bootstrap_config.yaml "
        "--node-ip auto --http-port 8080 --drain-s 12 --auth-token ray-token"
    )


def test_a_worker_joins_at_the_address_that_ray_exports(tmp_path):
    joined = run(worker_start_commands(CONTAINER), tmp_path, RAY_HEAD_IP="10.0.0.1")[2]
    assert "cluster join 10.0.0.1:6379 --node-ip auto --http-port 8080" in joined


def test_machines_that_stay_are_started_by_rays_first_autoscaler(tmp_path):
    exported = {"RAY_enable_autoscaler_v2": "1", "RAY_CLOUD_INSTANCE_ID": "10.0.0.1"}
    show = "serve-app() { env; }; "
    for stay, left in ((True, set()), (False, set(exported))):
        line = show + head_start_commands(CONTAINER, machines_stay=stay)[-1]
        seen = run([f"mkdir -p ~/serve-app; {line}"], tmp_path, **exported)
        assert {one.partition("=")[0] for one in seen} & set(exported) == left


BEHIND = EdgeOptions(
    trusted_proxies=("10.0.0.0/8", "192.0.2.1"),
    allowed_hosts=("*.example.com",),
    head_timeout_s=90,
    tls=Tls(Path("own.crt"), Path("own.key"), Path("clients.pem"), "1.3"),
)


@pytest.mark.parametrize("start", [head_start_commands, worker_start_commands])
def test_every_machine_guards_its_main_port_alike(start, tmp_path):
    described = Description(image=IMAGE, edge=BEHIND)
    said = run(start(described), tmp_path, RAY_HEAD_IP="10.0.0.1")[-2]
    assert said.endswith(
        "--auth-token ray-token --trusted-proxy 10.0.0.0/8 --trusted-proxy 192.0.2.1 "
        "--allowed-host *.example.com --head-timeout-s 90 --tls-certificate tls/server.crt "
        "--tls-key tls/server.key --client-ca tls/clients.pem --tls-min 1.3"
    )
    assert certificates(BEHIND) == {
        "~/serve-app/tls/server.crt": "own.crt",
        "~/serve-app/tls/server.key": "own.key",
        "~/serve-app/tls/clients.pem": "clients.pem",
    }


def test_the_options_are_those_that_nodes_take(tmp_path):
    """As `cluster start` reads them, they say what was described."""
    for name in ("server.crt", "server.key", "clients.pem"):
        (tmp_path / "tls").mkdir(exist_ok=True)
        (tmp_path / "tls" / name).write_text("")
    line = head_start_commands(Description(image=IMAGE, edge=BEHIND))[-1]
    words = shlex.split(line.split("--auth-token ray-token")[1])
    read = []

    @click.command()
    @of_the_edge
    def node(**options):
        read.append(taken_from(options)["edge"])

    with contextlib.chdir(tmp_path):
        node.main(words, standalone_mode=False)
    (edge,) = read
    tls = Tls(Path(CERTIFICATE), Path(KEY), Path(CLIENT_CA), "1.3")
    assert edge == replace(BEHIND, tls=tls)


def test_only_a_machine_that_stays_ends_what_ray_leaves():
    assert "--end-with-ray" not in head_start_commands(CONTAINER)[-1]
    for start in (head_start_commands, worker_start_commands):
        assert start(FOLDER)[-1].endswith("--end-with-ray")


def test_a_virtual_environment_is_put_on_the_path_once(tmp_path):
    (first, *_) = setup_commands(FOLDER)
    run([first, first], tmp_path)
    (line,) = (tmp_path / ".bashrc").read_text().splitlines()
    shown = subprocess.run(
        ["bash", "-c", f"{line}; echo $PATH"], capture_output=True, text=True, check=True
    )
    assert shown.stdout.split(":")[0] == "/opt/my apps/it's/bin"


def test_a_container_needs_no_path():
    assert setup_commands(CONTAINER) == ["mkdir -p ~/serve-app", "serve-app --version"]


@pytest.mark.parametrize(("module", "code"), [("json", 0), ("no_such_module", 1)])
def test_the_head_says_which_library_it_lacks(module, code, tmp_path):
    (line,) = head_setup_commands([module])
    assert shlex.split(line)
    done = subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == code
    assert ("put it into the image" in done.stdout) == bool(code)

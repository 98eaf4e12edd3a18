"""Nodes that start otherwise than each other, or without our environment, are found."""

import shlex
from pathlib import Path

import pytest

from serve_app.cli.cluster import cluster
from serve_app.cluster.environment import Ports, variables
from serve_app.platforms.node_options import OPTIONS
from serve_app.platforms.ray_up.start_rules import starts

WHOLE = variables(folder=Path("/f"), home=Path("/h"), ports=Ports(), drain_s=30.0)
LIMIT = "ulimit -n 65536"
START = f"{LIMIT} && serve-app cluster start --autoscaling-config ~/a.yaml --auth-token t"
JOIN = f"{LIMIT} && /opt/x/bin/serve-app cluster join $RAY_HEAD_IP:6379 --auth-token t"


def by_ray(role, changes=()):
    exported = {**WHOLE, **dict(changes)}
    line = "; ".join(f"export {name}={shlex.quote(one)}" for name, one in exported.items())
    return f"{line}; {LIMIT}; ray start {role}"


RAY_HEAD = by_ray("--head --autoscaling-config=~/a.yaml")


def told(head, worker):
    body = {
        "head_start_ray_commands": ["ray stop", head],
        "worker_start_ray_commands": [worker],
        "file_mounts": {"~/t": "./t", "~/serve-app/tls": "./tls"},
    }
    return [(path[0].split("_")[0], message) for path, message in starts(body)]


@pytest.mark.parametrize(
    ("head", "worker"), [(START, JOIN), (RAY_HEAD, by_ray("--address=$RAY_HEAD_IP:6379"))]
)
def test_equal_nodes_are_right_by_either_command(head, worker):
    assert told(head, worker) == []


def test_a_machine_whose_processors_differ_may_have_other_threads():
    worker = by_ray("--address=a:1", {"RAY_SERVE_HAPROXY_NBTHREAD": "64"})
    assert told(RAY_HEAD, worker) == []


@pytest.mark.parametrize(
    ("head", "worker", "role", "words"),
    [
        (START.replace("--autoscaling-config ~/a.yaml", ""), JOIN, "head", "no worker is ever"),
        (START, JOIN.replace(f"{LIMIT} && ", ""), "worker", "lacks ulimit"),
        (START, JOIN.replace(" --auth-token t", ""), "worker", "lacks --auth-token"),
        (START, f"{JOIN} --internal-ports=9000", "worker", "--internal-ports is 9000 here"),
        (START, f"{JOIN} --drain-s 5", "worker", "--drain-s is 5 here and 30 on the head"),
        (
            f"{START} --trusted-proxy 10.0.0.0/8 --trusted-proxy 192.0.2.1",
            f"{JOIN} --trusted-proxy 10.0.0.0/8",
            "worker",
            "--trusted-proxy is 10.0.0.0/8 here and 10.0.0.0/8 192.0.2.1 on the head",
        ),
        (f"{START} --client-ca tls/a.pem", JOIN, "worker", "--client-ca is missing here"),
        (f"{START} --supervise", f"{JOIN} --end-with-ray", "worker", "leave one of both out"),
        (START, "echo nothing", "worker", "starts no node"),
        (START.replace("-token t", "-token key"), JOIN, "head", "file_mounts brings no ~/key"),
        (
            START,
            f"cd ~/serve-app && {JOIN} --client-ca tsl/a.pem",
            "worker",
            "brings no ~/serve-app/tsl/a.pem. Did you mean '~/serve-app/tls'?",
        ),
        (START, f"{JOIN} --drian-s 30", "worker", "Did you mean '--drain-s'?"),
        (f"{START} --http-port 80000", JOIN, "head", "write a whole number from 1 to 65535"),
        (f"{START} --http-port eighty", JOIN, "head", "no port"),
        (f"{START} --drain-s -1", JOIN, "head", "seconds, 0 or more"),
        (START, f"{JOIN} --drain-s 30s", "worker", "without a unit"),
        (START, f"{JOIN} --tls-min=1.1", "worker", "write 1.2 or 1.3"),
        (START, f"{JOIN} --client-connections many", "worker", "write a number"),
        (START, JOIN.replace("RAY_HEAD_IP", "RAY_HAED_IP"), "worker",
         "Did you mean 'RAY_HEAD_IP'?"),
        (START.replace("~/a.yaml", "~/ray_bootstrap.yaml"), JOIN, "head",
         "Did you mean 'ray_bootstrap_config.yaml'?"),
        (START, f"{JOIN} --resume", "worker", "cluster join has no option --resume"),
        (START, by_ray("--address=a:1"), "worker", "in the way the head does"),
        (RAY_HEAD, f"{LIMIT}; ray start --address=a:1", "worker", "ray start without"),
        (
            RAY_HEAD,
            by_ray("--address=a:1", {"OMP_NUM_THREADS": "4"}),
            "worker",
            "OMP_NUM_THREADS is '4' here and '1' on the head",
        ),
    ],
)  # fmt: skip
def test_what_differs_is_named_where_it_stands(head, worker, role, words):
    assert [one for one in told(head, worker) if one[0] == role and words in one[1]]


def test_files_are_looked_for_from_where_a_command_goes_to():
    joined = f"cd ~/serve-app && {JOIN.replace('-token t', '-token ~/t')}"
    certified = (
        f"{joined} --tls-certificate tls/server.crt --tls-key=$HOME/serve-app/tls/server.key"
    )
    started = START.replace("--auth-token", "--token-file")
    assert [one for _, one in told(started, certified) if "file_mounts" in one] == []
    assert told(started, JOIN) == []


@pytest.mark.parametrize("verb", OPTIONS)
def test_the_options_are_those_of_the_commands(verb):
    there = {name for one in cluster.commands[verb].params for name in one.opts}
    assert {name for name in there if name.startswith("--")} == OPTIONS[verb]


def test_a_command_that_stops_first_is_no_start():
    assert told(f"serve-app cluster stop --state s; {START}", JOIN) == []

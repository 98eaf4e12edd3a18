"""What each machine runs to become a node, and to end.

Nodes are started by `serve-app cluster start` and `join`, not by `ray start` with a list of
variables: each machine then takes its environment from the installed release, the same function
that a local cluster takes it from, with what depends on the machine (HAProxy's threads, its own
address) decided on the machine; HAProxy's wrapper and folders are made; and what an earlier run
left is ended by its mark, HAProxy included, which `ray stop` does not know.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import PurePosixPath

from serve_app.cluster.edge.options import EdgeOptions
from serve_app.platforms.ray_up.description import Description

HOME = "~/serve-app"
"""The folder on each machine that configs' relative paths start from."""
TOKEN = "ray-token"  # noqa: S105 - the name of a file
CONFIGS = "configs"
CERTIFICATE, KEY, CLIENT_CA = "tls/server.crt", "tls/server.key", "tls/clients.pem"
BOOTSTRAP = "~/ray_bootstrap_config.yaml"
"""Where `ray up` puts the cluster's description on the head, for the autoscaler."""
GCS_PORT = 6379
_OF_SECOND_AUTOSCALER = ("RAY_enable_autoscaler_v2", "RAY_CLOUD_INSTANCE_ID", "RAY_NODE_TYPE_NAME")
_OLDEST_TLS = "1.2"
_FILES = '{ ulimit -n 65536 2>/dev/null || ulimit -n "$(ulimit -Hn)"; }'
"""As many files and connections as Ray wants, or as many as the machine allows."""


def setup_commands(cluster: Description) -> list[str]:
    """What each machine does once its files are there: it proves that it can start.

    A virtual environment goes to the front of the path of every shell, since `ray down` and
    `ray exec` call what they need by its name.
    """
    first = [] if cluster.environment is None else [_on_the_path(cluster.environment)]
    return [*first, f"mkdir -p {HOME}", "serve-app --version"]


def _on_the_path(environment: str) -> str:
    folder = PurePosixPath(environment, "bin")
    line = shlex.quote(f"export PATH={shlex.quote(str(folder))}:$PATH")
    return f"grep -qsxF {line} ~/.bashrc || echo {line} >> ~/.bashrc"


def head_setup_commands(modules: Iterable[str]) -> list[str]:
    """The head besides: it has what it calls the cloud with, which nothing is fetched for."""
    return [
        f"python -c 'import {module}' || "
        f"{{ echo 'the head needs the package of {module} to start machines: "
        "put it into the image'; exit 1; }"
        for module in modules
    ]


def head_start_commands(cluster: Description, *, machines_stay: bool = False) -> list[str]:
    """The head becomes a cluster, whose autoscaler starts the others.

    Where `machines_stay` (the provider `local`), Ray's first autoscaler does it, whatever `ray up`
    exports: its second one never finds the head among such machines, and starts no other.
    """
    start = _start(cluster, f"start --autoscaling-config {BOOTSTRAP}")
    first = f"unset {' '.join(_OF_SECOND_AUTOSCALER)} && " if machines_stay else ""
    # `ray up` looks for these two words, and would warn that nothing starts.
    says = "echo 'serve-app starts this node, in place of ray start'"
    return [stop_command(), f"{says} && {first}{start}"]


def worker_start_commands(cluster: Description) -> list[str]:
    """Another machine joins the cluster; Ray exports the head's address before."""
    return [stop_command(), _start(cluster, f'join "$RAY_HEAD_IP:{GCS_PORT}"')]


def stop_command() -> str:
    """End what an earlier run left on this machine."""
    return f"mkdir -p {HOME} && cd {HOME} && serve-app cluster stop --hand-over-s 0"


def _start(cluster: Description, role: str) -> str:
    # A container or a machine of a cloud ends as a whole; on a machine that stays, Ray's own
    # stop would leave HAProxy.
    end = "" if cluster.environment is None else " --end-with-ray"
    return (
        f"cd {HOME} && {_FILES} && serve-app cluster {role} --node-ip auto "
        f"--http-port {cluster.http_port} --drain-s {cluster.drain_s} --auth-token {TOKEN}"
        f"{_edge(cluster.edge)}{end}"
    )


def _edge(edge: EdgeOptions) -> str:
    """What differs of how HAProxy guards the main port, the same on every machine."""
    usual = EdgeOptions()
    words = [word for one in edge.trusted_proxies for word in ("--trusted-proxy", one)]
    words += [word for one in edge.allowed_hosts for word in ("--allowed-host", one)]
    for option, value, default in (
        ("--client-connections", edge.connections, usual.connections),
        ("--client-requests-per-s", edge.requests_per_s, usual.requests_per_s),
        ("--client-refusals-per-minute", edge.refusals_per_minute, usual.refusals_per_minute),
        ("--head-timeout-s", edge.head_timeout_s, usual.head_timeout_s),
    ):
        words += [option, str(value)] if value != default else []
    if edge.tls is not None:
        words += ["--tls-certificate", CERTIFICATE, "--tls-key", KEY]
        words += [] if edge.tls.client_ca is None else ["--client-ca", CLIENT_CA]
        words += [] if edge.tls.minimum == _OLDEST_TLS else ["--tls-min", edge.tls.minimum]
    return "".join(f" {shlex.quote(word)}" for word in words)


def certificates(edge: EdgeOptions) -> dict[str, str]:
    """The local files that each machine speaks TLS with, by where they are there."""
    if edge.tls is None:
        return {}
    files = {CERTIFICATE: edge.tls.certificate, KEY: edge.tls.key, CLIENT_CA: edge.tls.client_ca}
    return {f"{HOME}/{name}": str(one) for name, one in files.items() if one is not None}

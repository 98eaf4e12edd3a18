"""The environment of Ray's containers on Kubernetes, from the same place as that of all nodes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from serve_app.cluster.environment import PROMETHEUS_VARIABLE, TOKEN_VARIABLE, Ports, variables
from serve_app.core.edge_token import EDGE_VARIABLE
from serve_app.platforms.images.places import HTTP_PORT, LAUNCHER, SCRATCH, STATE
from serve_app.platforms.kubernetes.tree import Given, Text

AUTH_VARIABLE = "RAY_AUTH_MODE"
DRAIN_VARIABLE = "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S"
THREADS_VARIABLE = "RAY_SERVE_HAPROXY_NBTHREAD"
PROXY_METRICS_PORT = 9102
"""HAProxy's metrics. The launcher of the image keeps 9101 on loopback, where Prometheus, which runs
in another pod, would not reach it."""

OF_THE_OPERATOR = frozenset((AUTH_VARIABLE, TOKEN_VARIABLE))
"""The operator sets these from the secret, and only where a container does not name them."""
OF_THE_VALUES = {
    DRAIN_VARIABLE: "drainSeconds",
    PROMETHEUS_VARIABLE: "prometheusUrl",
}
"""What installations differ in, by the value that says it."""


def ports() -> Ports:
    """The ports of a pod, which has an address of its own: no two nodes share one."""
    return Ports(http=HTTP_PORT, proxy_metrics_at=PROXY_METRICS_PORT)


def fixed() -> dict[str, str]:
    """What each container must find, whoever installs it: all but the operator's and the values'.

    HAProxy's threads depend on the group that a node is of.
    """
    everything = variables(
        folder=Path(SCRATCH), home=Path(STATE), ports=ports(), drain_s=0.0, token=Path("/")
    )
    everything |= {
        # In the image, since nothing may be written where it is mounted read-only.
        "RAY_SERVE_HAPROXY_BINARY_PATH": str(LAUNCHER),
        # Ray writes below it, and so does the user's own code.
        "HOME": str(STATE),
    }
    # Who connects to HAProxy there is a balancer: gateways believe nothing of what it says.
    left_out = {EDGE_VARIABLE, *OF_THE_OPERATOR, *OF_THE_VALUES, THREADS_VARIABLE}
    return dict(sorted((name, one) for name, one in everything.items() if name not in left_out))


def shared_environment() -> list[Any]:
    """The variables that the containers of all groups have in common."""
    chosen = [{"name": name, "value": Text(path)} for name, path in sorted(OF_THE_VALUES.items())]
    own = [{"name": name, "value": one} for name, one in fixed().items()]
    secret = {"name": Text("database.existingSecret"), "key": Text("database.passwordKey")}
    password = {"name": "PGPASSWORD", "valueFrom": {"secretKeyRef": secret}}
    return [*own, *chosen, Given("database.enabled", (password,))]


def environment(group: str) -> list[Any]:
    """The variables of one group beside: HAProxy's threads fit its processors."""
    return [{"name": THREADS_VARIABLE, "value": Text(f"{group}.proxyThreads")}]

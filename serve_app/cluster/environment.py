"""The environment that clusters start with, in one place, so that nobody has to know it.

Serve reads these once, when a process imports it, so every node of a cluster must be
started with the same values. Without them Serve's Python proxy answers, at a tenth of the
speed or less.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from serve_app.cluster.edge.files import TOKEN
from serve_app.core.edge_token import EDGE_VARIABLE
from serve_app.core.home import HOME_VARIABLE

ADMIN_VARIABLE = "SERVE_APP_ADMIN_PORT"
"""The port of the admin API, in clusters that serve-app started."""
MARK_VARIABLE = "SERVE_APP_CLUSTER"
MESSAGE_BYTES = 128 * 1024 * 1024
INLINE_BYTES = 1024 * 1024
"""Up to this, what a call gives is in its reply, not in a store of objects. What a replica says of
itself has 110 KB, more than Ray's 100 KB: a controller on a new head would wait for it until stores
of objects know of each other, and end all replicas."""
PROMETHEUS_VARIABLE = "RAY_PROMETHEUS_HOST"
"""Where Ray's dashboard looks for Prometheus."""
TOKEN_MODE_VARIABLE = "RAY_AUTH_MODE"  # noqa: S105 - a name
HEAD_STORAGE_VARIABLE = "RAY_gcs_storage"
REDIS_VARIABLE = "RAY_REDIS_ADDRESS"
HAPROXY_CONFIG_VARIABLE = "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC"
"""Where HAProxy's configuration is, in a folder by the node below that of the file."""
TOKEN_VARIABLE = "RAY_AUTH_TOKEN_PATH"  # noqa: S105 - a name
"""The file with the token, without which Ray answers nobody."""
LATENCY_BUCKETS_MS = "0.5,1,2.5,5,10,25,50,100,250,500,1000,2500,10000"
"""Ray's own begin at 1 ms, end at ten minutes, and lack 25 ms."""


_USUAL = (6379, 8404, 9101, 8500, 9500, 52365, 8090, 10001, 8091, 44227, 44217)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """The TCP ports of one cluster, all on loopback unless said otherwise.

    What is internal has the usual ports, or a row of them from `first` on, but for HAProxy's
    metrics where `proxy_metrics_at` names another one. `prometheus` is where Ray's dashboard looks
    for it, whether or not it runs.
    """

    http: int = 8000
    dashboard: int = 8265
    first: int | None = None
    prometheus: int = 9090
    proxy_metrics_at: int | None = None

    @property
    def gcs(self) -> int:
        """Ray's head, which other nodes and drivers connect to."""
        return self._internal(0)

    @property
    def stats(self) -> int:
        """HAProxy's statistics."""
        return self._internal(1)

    @property
    def proxy_metrics(self) -> int:
        """HAProxy's metrics."""
        return self._internal(2) if self.proxy_metrics_at is None else self.proxy_metrics_at

    @property
    def fallback(self) -> int:
        """Serve's Python proxy."""
        return self._internal(3)

    @property
    def fallback_grpc(self) -> int:
        """Serve's Python proxy, by gRPC."""
        return self._internal(4)

    @property
    def agent(self) -> int:
        """The agent of Ray's dashboard on each node."""
        return self._internal(5)

    @property
    def metrics(self) -> int:
        """The metrics of Ray and of replicas."""
        return self._internal(6)

    @property
    def client(self) -> int:
        """Ray Client."""
        return self._internal(7)

    @property
    def admin(self) -> int:
        """The admin API of gateways."""
        return self._internal(8)

    @property
    def dashboard_metrics(self) -> int:
        """The metrics of Ray's dashboard."""
        return self._internal(9)

    @property
    def autoscaler_metrics(self) -> int:
        """The metrics of Ray's autoscaler."""
        return self._internal(10)

    def _internal(self, place: int) -> int:
        return _USUAL[place] if self.first is None else self.first + place

    def of_every_node(self) -> dict[str, int]:
        """The ports that each node takes, by what they are for."""
        return {
            "HTTP": self.http,
            "HAProxy statistics": self.stats,
            "HAProxy metrics": self.proxy_metrics,
            "Ray dashboard agent": self.agent,
            "Ray metrics": self.metrics,
            "admin API": self.admin,
        }

    def of_the_head(self) -> dict[str, int]:
        """All ports of the node that starts a cluster, by what they are for."""
        return {
            **self.of_every_node(),
            "Ray dashboard": self.dashboard,
            "Ray GCS": self.gcs,
            "fallback proxy": self.fallback,
            "fallback gRPC proxy": self.fallback_grpc,
            "Ray Client": self.client,
            **self._of_the_heads_metrics(),
        }

    def _of_the_heads_metrics(self) -> dict[str, int]:
        """Taken by a cluster with a row of its own; Ray does without where its usual ones are."""
        if self.first is None:
            return {}
        return {
            "Ray dashboard metrics": self.dashboard_metrics,
            "Ray autoscaler metrics": self.autoscaler_metrics,
        }


_ONE_THREAD: Mapping[str, str] = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"
)
"""Many small models share few cores; a thread pool in each only makes them wait."""
_PATIENT = {
    "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "30",
    "RAY_SERVE_PROXY_HEALTH_CHECK_TIMEOUT_S": "30",
    "RAY_SERVE_HAPROXY_STARTUP_TIMEOUT_S": "90",
}
"""Three answers later than this, and Serve kills the manager of HAProxy.

On a machine that is busy starting a cluster, its imports alone may take longer than Serve's 5 s.
"""


def variables(
    *,
    folder: Path,
    home: Path,
    ports: Ports,
    drain_s: float,
    token: Path | None = None,
    head: Path | None = None,
) -> dict[str, str]:
    """What `ray start` and everything below it must find in its environment.

    `folder` holds the cluster's own files; relative paths of configs are taken from `home`; a
    gateway that stops drains for `drain_s` seconds. With the file `token`, Ray takes calls from who
    has what stands in it alone; with a folder `head`, Ray's head keeps there what it knows.
    """
    return {
        HOME_VARIABLE: str(home),
        ADMIN_VARIABLE: str(ports.admin),
        EDGE_VARIABLE: str(folder / TOKEN),
        "RAY_SERVE_ENABLE_HA_PROXY": "1",
        "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
        # HAProxy would write a line per request that Python would have to parse; its own
        # exporter counts the same for nothing.
        "RAY_SERVE_HAPROXY_METRICS_ENABLED": "0",
        "RAY_SERVE_REQUEST_LATENCY_BUCKETS_MS": LATENCY_BUCKETS_MS,
        PROMETHEUS_VARIABLE: f"http://127.0.0.1:{ports.prometheus}",
        **_of_haproxy(folder, ports),
        **_of_metrics(ports),
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": str(drain_s),
        "RAY_SERVE_REPLICA_GRPC_MAX_MESSAGE_LENGTH": str(MESSAGE_BYTES),
        "RAY_max_direct_call_object_size": str(INLINE_BYTES),
        # Nodes that share a machine must not share a port; the head's stands in the config.
        "RAY_SERVE_WORKER_PROXY_HTTP_PORT": str(ports.http),
        "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": "serve_app.serving.edge:middlewares",
        "RAY_SERVE_CONTROLLER_CALLBACK_IMPORT_PATH": "serve_app.serving.edge:plain_messages",
        **_PATIENT,
        **_of_token(token),
        **_of_head(head),
        "RAY_USAGE_STATS_ENABLED": "0",
        # Ray would have gateways and replicas wait for every other process of the machine (15),
        # even for work that gives way to them: that has 10.
        "RAY_worker_niceness": "0",
        # Nobody behind the loopback proxy may say for whom it speaks.
        "FORWARDED_ALLOW_IPS": "",
        **_ONE_THREAD,
        "PYTHONUNBUFFERED": "1",
        # Titles that Ray gives its processes would be written over their environments, by which
        # they are known to be of a cluster.
        "SPT_NOENV": "1",
    }


def _of_token(token: Path | None) -> dict[str, str]:
    """How Ray knows its own processes; without a token it trusts whoever reaches its ports."""
    if token is None:
        return {TOKEN_MODE_VARIABLE: "disabled"}
    return {TOKEN_MODE_VARIABLE: "token", TOKEN_VARIABLE: str(token.resolve())}


def _of_head(folder: Path | None) -> dict[str, str]:
    """Where Ray's head keeps what it knows; without a folder that goes with its process.

    A Redis server that Ray is pointed to is such a place already.
    """
    if folder is None or os.environ.get(REDIS_VARIABLE):
        return {}
    return {HEAD_STORAGE_VARIABLE: "rocksdb", "RAY_gcs_storage_path": str(folder)}


def _of_haproxy(folder: Path, ports: Ports) -> dict[str, str]:
    """How Serve runs HAProxy: its files below `folder`, its ports, one line of log in 1,000."""
    proxy = folder / "p"
    return {
        "RAY_SERVE_HAPROXY_NBTHREAD": str(min(4, max(1, (os.cpu_count() or 1) // 2))),
        "RAY_SERVE_HAPROXY_LOG_TARGET": "127.0.0.1:514 sample 1:1000",
        "RAY_SERVE_HAPROXY_BINARY_PATH": str(folder / "haproxy.sh"),
        HAPROXY_CONFIG_VARIABLE: str(proxy / "haproxy.cfg"),
        "RAY_SERVE_HAPROXY_SOCKET_PATH": str(proxy / "admin.sock"),
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(proxy),
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": str(proxy / "server-state"),
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": str(proxy / "metrics.sock"),
        "RAY_SERVE_HAPROXY_TIMEOUT_SERVER_S": "120",
        # Twice without an answer within this, and a gateway is asked no more. Serve's own 5 s let
        # one that stands still hold requests for longer; one that has much to do may take 2 s.
        "RAY_SERVE_HAPROXY_HEALTH_CHECK_INTER": "3s",
        "RAY_SERVE_HAPROXY_STATS_PORT": str(ports.stats),
        "RAY_SERVE_HAPROXY_METRICS_PORT": str(ports.proxy_metrics),
        "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": str(ports.fallback),
        "RAY_SERVE_FALLBACK_PROXY_GRPC_PORT": str(ports.fallback_grpc),
    }


def _of_metrics(ports: Ports) -> dict[str, str]:
    """Where the head's own metrics are, which clusters of one machine would else share."""
    if ports.first is None:
        return {}
    return {
        "DASHBOARD_METRIC_PORT": str(ports.dashboard_metrics),
        "AUTOSCALER_METRIC_PORT": str(ports.autoscaler_metrics),
    }


def python_path(environment: Mapping[str, str]) -> dict[str, str]:
    """`PYTHONPATH` with whole paths, where it is set: replicas run in folders of Ray's."""
    given = environment.get("PYTHONPATH")
    if not given:
        return {}
    parts = [str(Path(part).resolve()) for part in given.split(os.pathsep) if part]
    return {"PYTHONPATH": os.pathsep.join(parts)}

"""Further nodes of a cluster of tests, all of which share one machine."""

from serve_app.cluster.node import Cluster
from tests.cluster.harness import TestCluster, free_row


def beside(cluster, above):
    """A node with ports of its own, which does not run yet."""
    first = free_row(12, above=above)
    return TestCluster(cluster.home, first, 0, first + 1)


def joining(cluster, node, state, drain_s=1):
    """What is typed where a node is to join."""
    return (
        "cluster", "join", f"127.0.0.1:{cluster.internal_ports}", "--state", state,
        "--cpus", "2", "--drain-s", str(drain_s), "--token-file", "state/ray-token",
        "--http-port", str(node.http_port), "--internal-ports", str(node.internal_ports),
    )  # fmt: skip


def raylet(cluster, state):
    """The process that is a node, for Ray."""
    processes = Cluster(cluster.home / state).processes()
    return next(process for process in processes if process.name() == "raylet")

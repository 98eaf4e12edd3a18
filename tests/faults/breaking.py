"""Ways to break what a cluster needs, each of which mends it again."""

import os
import resource
import signal
import time
from contextlib import contextmanager, suppress

import psutil

from serve_app.cluster.node import Cluster
from tests.cluster.harness import config, until


def small(name="split"):
    """A config with two gateways and two replicas of a model, for two cores."""
    body = config(name)
    for app in body["applications"]:
        (deployment,) = app["deployments"]
        if app["name"] in {"control", "monitor"}:
            continue
        deployment.pop("autoscaling_config")
        deployment["num_replicas"] = 2 if app["name"] in {"gateway", "diagnosis-xgb-1"} else 1
        deployment["ray_actor_options"] = {"num_cpus": 0.1}
    return body


def processes(cluster, name):
    """The cluster's processes of this name, or whose title begins so."""
    matching = []
    for process in Cluster(cluster.home / "state").processes():
        with suppress(psutil.Error):
            if process.name() == name or " ".join(process.cmdline()).startswith(name):
                matching.append(process)
    return matching


def replaced(cluster, name, killed, count):
    """Wait until there are so many replicas, and none of those that were killed."""
    until(
        lambda: len(pids := cluster.replicas(name)) == count and not set(pids) & set(killed),
        timeout_s=90,
        what=f"new replicas of {name}",
    )


def seconds_until(condition, *, since_s, timeout_s=90, what):
    """Wait for something, and tell how long after a moment of `time.perf_counter` it came."""

    def holds():
        # Whoever answers may be what is down.
        with suppress(OSError, AssertionError):
            return condition()
        return False

    until(holds, timeout_s=timeout_s, what=what)
    return time.perf_counter() - since_s


@contextmanager
def stopped(pid):
    """A process that stands still."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


@contextmanager
def few_descriptors(pid, count):
    """A process that may open no more files than so many."""
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (count, before[1]))
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_NOFILE, before)

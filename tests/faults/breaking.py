"""Ways to break what a cluster needs, each of which mends it again."""

import os
import resource
import signal
import subprocess
import time
from contextlib import contextmanager, suppress

import psutil

from serve_app.cluster.node import Cluster
from tests.cluster.harness import application, config, until


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


def two_of_each(cluster):
    """The cluster, started, with two gateways and two replicas of one version."""
    cluster.start()
    cluster.deploy(small())
    until(lambda: len(cluster.replicas("gateway")) == 2, timeout_s=60, what="two gateways")
    until(lambda: len(cluster.replicas("diagnosis-xgb-1")) == 2, timeout_s=60, what="two replicas")
    return cluster


def gateways(body, count):
    """The same config with so many gateways."""
    application(body, "gateway")["deployments"][0]["num_replicas"] = count
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
def small_disk(path, size):
    """A small file system of memory at an empty folder."""
    path.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", str(path)]
    subprocess.run(mount, check=True)
    try:
        yield path
    finally:
        # Whoever still has a file of it open keeps that alone.
        subprocess.run(["umount", "--lazy", str(path)], check=True)
        path.rmdir()


@contextmanager
def moved_to_small_disk(path, size):
    """A folder's content on a small file system of memory, and back on its own in the end."""
    path.mkdir(parents=True, exist_ok=True)
    kept = path.with_name(f"{path.name}.before")
    path.rename(kept)
    with small_disk(path, size):
        try:
            subprocess.run(["cp", "-a", f"{kept}/.", str(path)], check=True)
            yield path
        finally:
            subprocess.run(["cp", "-a", f"{path}/.", str(kept)], check=False)
    kept.rename(path)


@contextmanager
def filled(path):
    """A file system without a byte left."""
    filler = path / "filler"
    try:
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(b"\0" * 4096)
        yield
    finally:
        filler.unlink()


@contextmanager
def read_only(path):
    """A file system of its own that takes no changes."""
    subprocess.run(["mount", "-o", "remount,ro", str(path)], check=True)
    try:
        yield
    finally:
        subprocess.run(["mount", "-o", "remount,rw", str(path)], check=True)


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

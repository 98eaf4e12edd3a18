"""A driver's connection to a cluster, and what of its nodes is free."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ray
import ray._private.worker as driver
from ray._private.state import available_resources_per_node, total_resources_per_node
from ray.exceptions import RayError

from serve_app.engine.room import NodeRoom
from serve_app.errors import NotReady
from serve_app.serving.messages import cause

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
"""A fraction of a CPU is no right to as many threads as the machine has CPUs."""


@contextmanager
def connected(address: str) -> Iterator[None]:
    """Be a driver of the cluster at an address, whose token the environment names.

    Raises:
        NotReady: the cluster does not answer.
    """
    try:
        ray.init(address, log_to_driver=False, configure_logging=False)
    except (RayError, ConnectionError, RuntimeError) as error:
        msg = f"the cluster at {address} does not answer: {cause(str(error))}"
        raise NotReady(msg) from error
    try:
        with errors_on_stderr():
            yield
    finally:
        ray.shutdown()


@contextmanager
def errors_on_stderr() -> Iterator[None]:
    """Keep what Ray says of nodes and workers that die out of the standard output.

    Results go there, which others read. Ray has no option for that.
    """
    usual = driver.print_to_stdstream

    def elsewhere(data: dict[str, Any], ignore_prefix: bool) -> None:
        usual({**data, "is_err": True}, ignore_prefix)

    driver.print_to_stdstream = elsewhere
    try:
        yield
    finally:
        driver.print_to_stdstream = usual


def rooms() -> list[NodeRoom]:
    """What the nodes of the cluster have, and what nobody has reserved."""
    free = available_resources_per_node()  # type: ignore[no-untyped-call]
    return [
        NodeRoom(
            total.get("CPU", 0.0),
            free.get(node, {}).get("CPU", 0.0),
            total.get("memory", 0.0),
            free.get(node, {}).get("memory", 0.0),
        )
        for node, total in total_resources_per_node().items()  # type: ignore[no-untyped-call]
    ]


def own_modules_path() -> dict[str, str]:
    """The variable by which workers import what this process does, where it is set."""
    path = os.environ.get("PYTHONPATH")
    if not path:
        return {}
    whole = [os.path.realpath(part or ".") for part in path.split(os.pathsep)]
    return {"PYTHONPATH": os.pathsep.join(whole)}

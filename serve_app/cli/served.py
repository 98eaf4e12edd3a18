"""Who in the running cluster needs a version, so that it cannot be deleted."""

from __future__ import annotations

from pathlib import Path

from serve_app.cluster import web
from serve_app.cluster.node import Cluster
from serve_app.config import HOME_VARIABLE
from serve_app.errors import ServeError
from serve_app.serving.holders import Holders, of_registry
from serve_app.serving.holders import holders as holders_among


def holders(state: str, registry: str) -> Holders:
    """Everything that needs a version of a registry in the cluster of a state folder, if one runs.

    Raises:
        NotReady: a cluster runs and does not answer, so that nobody can tell.
    """
    running = Cluster(Path(state)).running()
    if running is None:
        return {}
    home = Path(running.environment.get(HOME_VARIABLE, "."))
    configs = of_registry(running.dashboard.serve_details(), registry, home)
    try:
        standing = web.get(f"{running.http_url}/v1/endpoints")["endpoints"] if configs else []
    except ServeError:
        # No gateway answers; what was deployed still says who would.
        standing = []
    return holders_among(configs, standing)

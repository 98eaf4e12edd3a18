"""The cluster as its own processes see it: Serve's controller in place of the dashboard.

Whatever node a process runs on, the controller can be asked, and it can while the dashboard,
which listens on the head alone, is dead.
"""

import os
import tempfile
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any

import pydantic
import ray
from ray._private.worker import get_dashboard_url
from ray.exceptions import RayError
from ray.serve._private.client import ServeControllerClient
from ray.serve.context import _get_global_client
from ray.serve.schema import ServeDeploySchema

from serve_app.cluster import web
from serve_app.cluster.dashboard import Dashboard
from serve_app.cluster.edge.certificate import CERTIFICATE
from serve_app.cluster.environment import MARK_VARIABLE, TOKEN_VARIABLE
from serve_app.cluster.node import LOOPBACK, Running
from serve_app.config import HOME_VARIABLE
from serve_app.errors import ClientError, NotReady
from serve_app.serving.messages import cause


class ControllerDashboard(Dashboard):
    """What the dashboard answers and takes, from and to Serve's controller. Its calls block."""

    def serve_details(self, *, timeout_s: float = web.TIMEOUT_S) -> Any:
        """What Serve tells of itself; raises as the function of this name."""
        return serve_details(timeout_s=timeout_s)

    def put_config(self, config: Mapping[str, Any]) -> None:
        """Hand Serve a config, as `serve deploy` does.

        Raises:
            ClientError: Serve refused it; says why.
        """
        try:
            read = ServeDeploySchema.model_validate(dict(config))
            _controller_client().deploy_apps(read)
        except (pydantic.ValidationError, RayError) as error:
            raise ClientError(cause(str(error))) from error


def serve_details(*, timeout_s: float = web.TIMEOUT_S) -> Any:
    """What Serve tells of its applications and of the config that it was given last. It blocks.

    Raises:
        NotReady: Serve's controller does not answer.
    """
    client = _controller_client()
    try:
        details = ray.get(
            client._controller.get_serve_instance_details.remote(),  # noqa: SLF001 - no other way
            timeout=timeout_s,
        )
    except RayError as error:
        raise NotReady(f"Serve's controller does not answer: {cause(str(error))}") from error
    return _as_in_json(details)


def _as_in_json(value: Any) -> Any:
    """A value with the words of its enums in their place, as the dashboard's answer has them.

    An enum of texts is equal to its word, and yet is printed with the name of its class.
    """
    if isinstance(value, Mapping):
        return {key: _as_in_json(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_as_in_json(one) for one in value]
    return value.value if isinstance(value, Enum) else value


class Inside(Running):
    """The cluster that this process is of."""

    @property
    def dashboard(self) -> Dashboard:
        """The controller, which answers as the dashboard does."""
        token = os.environ.get(TOKEN_VARIABLE)
        return ControllerDashboard(
            self.dashboard_url, self.folder, None if token is None else Path(token)
        )


def dashboard_address() -> str:
    """Where people reach Ray's dashboard, as Ray says it; empty where it has none."""
    address = get_dashboard_url()  # type: ignore[no-untyped-call]
    return f"http://{address}" if address else ""


def inside(environment: Mapping[str, str] = os.environ) -> Running:
    """The cluster that this process is of, by the environment that it was started with.

    Raises:
        NotReady: Serve's controller does not answer.
    """
    http_port = (serve_details().get("http_options") or {}).get("port", 8000)
    dashboard = get_dashboard_url() or ""  # type: ignore[no-untyped-call]
    _, _, dashboard_port = dashboard.rpartition(":")
    folder = environment.get(MARK_VARIABLE)
    return Inside(
        folder=Path(folder or tempfile.gettempdir()),
        # Nodes that share a machine have ports of their own.
        http_port=int(environment.get("RAY_SERVE_WORKER_PROXY_HTTP_PORT", http_port)),
        dashboard_port=int(dashboard_port) if dashboard_port.isdecimal() else 0,
        stats_port=int(environment.get("RAY_SERVE_HAPROXY_STATS_PORT", 0)),
        gcs_port=0,
        node_ip=LOOPBACK,
        environment={HOME_VARIABLE: environment.get(HOME_VARIABLE, str(Path.cwd()))},
        tls=folder is not None and (Path(folder) / CERTIFICATE).exists(),
    )


def request_timeout_s() -> float | None:
    """How long Serve lets a request of HTTP take; none where it does not say. It blocks.

    Raises:
        NotReady: Serve's controller does not run.
    """
    limit_s: float | None = _controller_client().http_config.request_timeout_s
    return limit_s


def _controller_client() -> ServeControllerClient:
    client = _get_global_client(raise_if_no_controller_running=False)
    if client is None:
        raise NotReady("Serve's controller does not run")
    return client

"""A cluster that was started: where it is reached, and what it was started with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from serve_app.cluster import web
from serve_app.cluster.dashboard import Dashboard
from serve_app.cluster.edge.certificate import CERTIFICATE
from serve_app.cluster.environment import ADMIN_VARIABLE, TOKEN_MODE_VARIABLE, TOKEN_VARIABLE
from serve_app.errors import NotReady

LOOPBACK = "127.0.0.1"
TOKENS = (TOKEN_MODE_VARIABLE, TOKEN_VARIABLE)


@dataclass(frozen=True, slots=True)
class Running:
    """A cluster that was started, as its state folder remembers it."""

    folder: Path
    http_port: int
    dashboard_port: int
    stats_port: int
    gcs_port: int
    node_ip: str
    environment: dict[str, str]
    session: int = 0
    tls: bool = False

    def __post_init__(self) -> None:
        if self.tls:
            web.expect_certificate(self.http_port, self.folder / CERTIFICATE)

    @property
    def dashboard(self) -> Dashboard:
        """The Ray dashboard, through which configs are deployed and looked at."""
        token = self.environment.get(TOKEN_VARIABLE)
        return Dashboard(self.dashboard_url, self.folder, None if token is None else Path(token))

    @property
    def of_rays_commands(self) -> dict[str, str]:
        """The variables by which Ray's own commands reach this cluster, and may."""
        token = {name: self.environment[name] for name in TOKENS if name in self.environment}
        return {
            "RAY_DASHBOARD_ADDRESS": self.dashboard_url,
            "RAY_API_SERVER_ADDRESS": self.dashboard_url,
            **token,
        }

    @property
    def http_url(self) -> str:
        """Where clients send their requests."""
        scheme = "https" if self.tls else "http"
        return f"{scheme}://{LOOPBACK}:{self.http_port}"

    @property
    def dashboard_url(self) -> str:
        """The Ray dashboard, to which `serve deploy` sends configs."""
        return f"http://{LOOPBACK}:{self.dashboard_port}"

    @property
    def admin_url(self) -> str:
        """The admin API of its gateways.

        Raises:
            NotReady: the cluster was started by a release that had none.
        """
        port = self.environment.get(ADMIN_VARIABLE)
        if port is None:
            msg = "this cluster was started by an older serve-app; stop it and start it again"
            raise NotReady(msg)
        return f"http://{LOOPBACK}:{port}"

    @property
    def stats_url(self) -> str:
        """HAProxy's statistics."""
        return f"http://{LOOPBACK}:{self.stats_port}/stats;csv"

    @property
    def address(self) -> str:
        """The address that Ray's drivers connect to."""
        return f"{self.node_ip}:{self.gcs_port}"

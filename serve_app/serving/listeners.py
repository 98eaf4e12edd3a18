"""Ports of their own for strict profiles, opened by each gateway replica.

Clients of other systems have a host and a port and no prefix. The replicas of one machine share
such a port (`SO_REUSEPORT`), and the kernel shares connections among them.
"""

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Mapping, Sequence
from typing import Protocol

import psutil
import uvicorn
from starlette.types import ASGIApp

from serve_app.cluster.environment import ADMIN_VARIABLE, MARK_VARIABLE
from serve_app.cluster.processes import belongs
from serve_app.config import AdminSettings, ListenerSettings, Profile
from serve_app.config.tls import TlsSettings
from serve_app.core.ports import Ids
from serve_app.errors import ConfigError
from serve_app.gateway.connections import BoundedHTTP
from serve_app.gateway.middleware import Edge, RequestIds
from serve_app.gateway.own_names import under_own_names
from serve_app.gateway.sockets import listening_socket, port_of
from serve_app.gateway.tls import ServerTls
from serve_app.gateway.uvicorn_server import UnsignalledServer

GRACE_S = 5.0
CERTIFICATES_PERIOD_S = 2.0
"""How often it is looked whether certificates have changed."""
_PLATFORMS: tuple[tuple[Profile, str], ...] = (
    ("sagemaker", "SAGEMAKER_BIND_TO_PORT"),
    ("vertex", "AIP_HTTP_PORT"),
)
logger = logging.getLogger("serve_app.gateway")


class Listening(Protocol):
    """Where something listens, and what it is called in errors and logs."""

    @property
    def host(self) -> str: ...  # noqa: D102
    @property
    def port(self) -> int: ...  # noqa: D102
    @property
    def address(self) -> str: ...  # noqa: D102
    @property
    def profile(self) -> str: ...  # noqa: D102
    @property
    def keep_alive_timeout_s(self) -> int: ...  # noqa: D102
    @property
    def tls(self) -> TlsSettings | None: ...  # noqa: D102


class Listeners:
    """The servers of one replica.

    Those on loopback answer to this machine's own names and to `allowed_hosts`.
    """

    def __init__(self, allowed_hosts: Sequence[str] = ()) -> None:
        self._allowed_hosts = allowed_hosts
        self._servers: list[tuple[UnsignalledServer, asyncio.Task[None]]] = []
        self._tls: list[ServerTls] = []

    async def open(self, app: ASGIApp, settings: Listening, *, ids: Ids) -> None:
        """Serve an application on a port from now on.

        Raises:
            ConfigError: somebody else has the port, or `tls` names no certificate.
        """
        named = under_own_names(app, settings.host, self._allowed_hosts)
        config = uvicorn.Config(
            Edge(RequestIds(named, ids=ids)),
            http=BoundedHTTP,
            ws="none",
            # Its own would close every log of this process, Serve's among them: a replica without
            # log is stopped by a controller that is started anew.
            log_config=None,
            log_level="warning",
            access_log=False,
            lifespan="off",
            server_header=False,
            # Nobody stands before these ports who would know better who asks.
            proxy_headers=False,
            timeout_keep_alive=settings.keep_alive_timeout_s,
            timeout_graceful_shutdown=round(GRACE_S),
        )
        if settings.tls is not None:
            secured = ServerTls(settings.tls)
            config.load()
            config.ssl = secured.context
            self._tls.append(secured)
        server = UnsignalledServer(config)
        await asyncio.to_thread(refuse_strangers, settings.port, settings.address)
        listening = _listening(settings)
        task = asyncio.get_running_loop().create_task(server.serve([listening]))
        self._servers.append((server, task))
        logger.info("listening", extra={"profile": settings.profile, "address": settings.address})

    async def follow_certificates(self) -> None:
        """Show certificates that change from the next connection on, until cancelled."""
        while True:
            await asyncio.sleep(CERTIFICATES_PERIOD_S)
            for one in self._tls:
                await asyncio.to_thread(one.follow)

    async def close(self) -> None:
        """Answer what is on its way, then close."""
        for server, _ in self._servers:
            server.should_exit = True
        await asyncio.gather(*(task for _, task in self._servers), return_exceptions=True)
        self._servers.clear()


def refuse_strangers(port: int, address: str) -> None:
    """Return unless somebody listens on a port who is no gateway of this cluster.

    Processes of one user may share a port unasked: two clusters would each get a part of the
    other's requests, and so would HAProxy and the gateways behind it.

    Raises:
        ConfigError: somebody does; says who.
    """
    folder = os.environ.get(MARK_VARIABLE, "")
    for connection in psutil.net_connections(kind="tcp"):
        listens = connection.status == psutil.CONN_LISTEN and connection.laddr
        if not listens or listens.port != port or connection.pid in {None, os.getpid()}:
            continue
        with contextlib.suppress(psutil.Error, OSError):
            process = psutil.Process(connection.pid)
            if "haproxy" in process.name() or not (folder and belongs(process, folder)):
                msg = (
                    f"the address {address} is taken by process {process.pid} "
                    f"({process.name()}); set another port in the gateway's args"
                )
                raise ConfigError(msg)


def _listening(settings: Listening) -> socket.socket:
    try:
        return listening_socket(settings.host, settings.port, shared=True)
    except OSError as error:
        msg = (
            f"the address {settings.address} of the profile {settings.profile!r} cannot be taken: "
            f"{error.strerror}; set another port under `listeners`"
        )
        raise ConfigError(msg) from error


def of_admin(
    settings: AdminSettings | None, environment: Mapping[str, str]
) -> AdminSettings | None:
    """Where the admin API listens: as the config says, or on the port that the cluster has for it.

    A cluster that something else than serve-app started has none.
    """
    if settings is not None or ADMIN_VARIABLE not in environment:
        return settings
    return AdminSettings(port=int(environment[ADMIN_VARIABLE]))


def of_the_platform(environment: Mapping[str, str]) -> Sequence[ListenerSettings]:
    """The ports on which SageMaker and Vertex AI expect their containers to listen.

    They say so in the environment that the cluster was started in. Whoever sets these variables
    runs a container whose port the platform reaches from outside: no loopback.

    Raises:
        ConfigError: what stands there is no port.
    """
    listeners = []
    for profile, variable in _PLATFORMS:
        if variable in environment:
            port = port_of(environment, variable)
            listeners.append(ListenerSettings(profile=profile, port=port, host="0.0.0.0"))  # noqa: S104
    return listeners

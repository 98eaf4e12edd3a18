"""Serves one process by uvicorn until it is asked to end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import sys
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from serve_app.core.hosts import is_loopback
from serve_app.errors import ConfigError, ServeError
from serve_app.gateway.access import METRICS, protect
from serve_app.gateway.connections import BoundedHTTP
from serve_app.gateway.own_names import under_own_names
from serve_app.gateway.sockets import listening_socket
from serve_app.gateway.uvicorn_server import UnsignalledServer
from serve_app.monitoring.log import JsonLines, TextLines, handle_by
from serve_app.monitoring.log_thread import WrittenByThread
from serve_app.standalone.application import Application
from serve_app.standalone.azure_handler import AzureHandler
from serve_app.standalone.metrics_page import metrics_page
from serve_app.standalone.places import AZURE_FUNCTIONS, Place

KEEP_ALIVE_S = 90
"""Longer than load balancers keep idle connections, or they would meet closed ones."""
_UNGUARDED = frozenset({"this machine", "a container"})
"""Elsewhere the platform knows who asks."""
_UNSAID = (
    "{host} lets other machines ask, and nobody is asked who they are: name a file of keys by "
    "--keys-file (serve-app keys create NAME --scope predict --file keys.json makes one), or "
    "listen on 127.0.0.1; --open, or SERVE_APP_ACCESS=open, says that everybody may ask"
)
logger = logging.getLogger("serve_app.standalone")


async def serve(application: Application, place: Place, metrics_port: int | None = None) -> None:
    """Answer on an address until SIGTERM or SIGINT; then finish what is on its way.

    Models are loaded while requests are answered that it is not ready yet. After SIGTERM it goes
    on for `place.leave_s` seconds, not ready, so that load balancers send elsewhere before it
    closes; the drain ends after `place.drain_s` more. Prometheus is answered on `metrics_port`.

    Raises:
        ConfigError: an address cannot be taken.
        ServeError: a model cannot be loaded.
    """
    with contextlib.ExitStack() as sockets:
        servers = [_server(application, place, sockets)]
        if metrics_port is not None:
            servers.append(_metrics_server(application, place, metrics_port, sockets))

        def stop() -> None:
            for server, _ in servers:
                server.should_exit = True

        def end() -> None:
            application.leave()
            logger.info("ending", extra={"leave_s": place.leave_s, "drain_s": place.drain_s})
            loop.call_later(place.leave_s, stop)

        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, end)
        # Whoever presses Ctrl-C is no load balancer that has to notice first.
        loop.add_signal_handler(signal.SIGINT, stop)
        serving = asyncio.gather(*(server.serve([listening]) for server, listening in servers))
        loading = loop.create_task(application.load())
        both: set[asyncio.Future[Any]] = {serving, loading}
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if loading.done():
                loading.result()
            else:
                loading.cancel()
            await serving
        finally:
            stop()
            await asyncio.gather(serving, return_exceptions=True)
            await application.close()


_Listening = tuple[UnsignalledServer, socket.socket]


def _server(application: Application, place: Place, sockets: contextlib.ExitStack) -> _Listening:
    """What answers on the address of a place.

    Raises:
        ConfigError: the address cannot be taken, or other machines would reach it, nobody is asked
            who they are, and nobody said that this is meant.
    """
    listening = sockets.enter_context(listen(place.host, place.port, option="--port"))
    is_guarded = application.gate is not None or place.platform not in _UNGUARDED
    if not (is_guarded or application.is_open or is_loopback(place.host)):
        raise ConfigError(_UNSAID.format(host=place.host))
    address = {"host": place.host, "port": listening.getsockname()[1]}
    logger.info("listening", extra={**address, "platform": place.platform})
    if not is_guarded and not is_loopback(place.host):
        logger.warning("whoever reaches this may ask: --keys-file says who may", extra=address)
    if place.platform == AZURE_FUNCTIONS:
        # Its host asks, under whichever name the function has.
        return _uvicorn(AzureHandler(application), place.drain_s), listening
    named = under_own_names(application, place.host, application.allowed_hosts)
    return _uvicorn(named, place.drain_s), listening


def _metrics_server(
    application: Application, place: Place, port: int, sockets: contextlib.ExitStack
) -> _Listening:
    """What answers Prometheus, on a port of the same host."""
    listening = sockets.enter_context(listen(place.host, port, option="--metrics-port"))
    address = {"host": place.host, "port": listening.getsockname()[1]}
    logger.info("listening for Prometheus", extra=address)
    page = protect(metrics_page(application.samples), application.gate, METRICS)
    named = under_own_names(page, place.host, application.allowed_hosts)
    return _uvicorn(named, place.drain_s), listening


def _uvicorn(app: ASGIApp, drain_s: float) -> UnsignalledServer:
    return UnsignalledServer(
        uvicorn.Config(
            app,
            http=BoundedHTTP,
            ws="none",
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=max(1, round(drain_s)),
        )
    )


def listen(host: str, port: int, *, option: str) -> socket.socket:
    """A socket on an address; `option` is what chooses another port.

    Raises:
        ConfigError: the address cannot be taken; says why.
    """
    try:
        return listening_socket(host, port)
    except OSError as error:
        reason = error.strerror or str(error)
        msg = f"{host}:{port} cannot be taken: {reason}; choose another by {option}"
        raise ConfigError(msg) from error


def log_to_stdout(log_format: str) -> WrittenByThread:
    """Write what the package logs to standard output, a line each: as JSON or as text.

    Whoever reads that may stand still: no request waits for it.
    """
    lines = JsonLines(component="run") if log_format == "json" else TextLines()
    handler = WrittenByThread(sys.stdout)
    handle_by(handler, lines)
    return handler


def run(application: Application, place: Place, metrics_port: int | None = None) -> None:
    """Serve until asked to end; raises as `serve` does."""
    try:
        asyncio.run(serve(application, place, metrics_port))
    except ServeError as error:
        # The command line has it on standard error; platforms keep the log.
        logger.error("this process cannot answer: %s", error.message)
        raise

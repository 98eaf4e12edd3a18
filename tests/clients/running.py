"""A gateway without Ray that listens while a test runs."""

import asyncio
import contextlib
import socket
import threading

import uvicorn

from serve_app.gateway import rpc
from serve_app.gateway.app import gateway_of
from serve_app.gateway.context import GatewayContext
from serve_app.gateway.middleware import RequestIds

START_S = 20


@contextlib.contextmanager
def gateway(predictor, settings, ids, keep=None, *, door=None, deferral=None, profile=None):
    """The addresses of HTTP and gRPC at which a predictor is asked, as one system's or as ours."""
    # Said to be TCP's, its connections send at once what is written; asyncio sees to that.
    http = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    http.bind(("127.0.0.1", 0))
    http.listen()
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    context = GatewayContext(predictor, settings, keep=keep, jobs=door, deferral=deferral)
    app = gateway_of(context)
    application = RequestIds(app if profile is None else app.mounted[profile], ids=ids)
    server = uvicorn.Server(uvicorn.Config(application, log_level="critical"))
    started = threading.Event()

    async def run():
        service = rpc.InferenceService(predictor, settings, ids=ids)
        listening = await rpc.serve(service, address, settings.max_body_bytes)
        later = None if deferral is None else asyncio.create_task(deferral.run())
        started.set()
        await server.serve([http])
        await listening.stop(None)
        if later is not None:
            later.cancel()
            await asyncio.gather(later, return_exceptions=True)

    thread = threading.Thread(target=asyncio.run, args=[run()])
    thread.start()
    try:
        assert started.wait(START_S)
        yield f"127.0.0.1:{http.getsockname()[1]}", address
    finally:
        server.should_exit = True
        thread.join(START_S)
        http.close()
    assert not thread.is_alive()

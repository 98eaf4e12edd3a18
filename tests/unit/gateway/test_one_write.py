"""Answers in one write are byte by byte those that uvicorn writes, and leave a connection alike."""

import asyncio

import pytest
import uvicorn
from uvicorn.server import ServerState

from serve_app.gateway.one_write import in_one_write

pytest.importorskip("httptools")
BODY = b'{"predictions":[1.0]}'
PLAIN = [(b"content-length", b"%d" % len(BODY)), (b"x-snapshot", b"7")]


class Transport:
    """A connection in memory that keeps what is written."""

    def __init__(self):
        self.writes = []
        self.closed = False

    def write(self, data):
        self.writes.append(data)

    def close(self):
        self.closed = True

    def is_closing(self):
        return self.closed

    def get_extra_info(self, name, default=None):
        return {"sockname": ("127.0.0.1", 1), "peername": ("127.0.0.1", 2)}.get(name, default)

    def pause_reading(self):
        pass

    def resume_reading(self):
        pass


async def exchanged(headers, *, joined, body=BODY, status=200, request=b"", method=b"GET", times=1):
    """What a connection of uvicorn's wrote in answer to a request."""

    async def app(scope, receive, send):
        send = in_one_write(send) if joined else send
        start = {"type": "http.response.start", "status": status, "headers": list(headers)}
        await send(start)
        await send({"type": "http.response.body", "body": body})

    config = uvicorn.Config(
        lambda: app, factory=True, lifespan="off", access_log=False, log_config=None,
        http="httptools",
    )  # fmt: skip
    config.load()
    state = ServerState()
    state.default_headers = [(b"date", b"today"), (b"server", b"uvicorn")]
    loop = asyncio.get_running_loop()
    protocol = config.http_protocol_class(
        config=config, server_state=state, app_state={}, _loop=loop
    )
    transport = Transport()
    protocol.connection_made(transport)
    for _ in range(times):
        protocol.data_received(method + b" / HTTP/1.1\r\nhost: here\r\n" + request + b"\r\n")
        await asyncio.gather(*state.tasks)
    protocol.connection_lost(None)
    return transport, state.total_requests


@pytest.mark.parametrize(
    "said",
    [
        {"headers": PLAIN},
        {"headers": PLAIN, "times": 3},
        {"headers": PLAIN, "status": 422},
        {"headers": PLAIN, "request": b"connection: close\r\n"},
        {"headers": PLAIN, "request": b"expect: 100-continue\r\n"},
        {"headers": PLAIN, "method": b"HEAD"},
        {"headers": [*PLAIN, (b"connection", b"close")]},
        {"headers": [(b"Content-Length", PLAIN[0][1]), (b"X-Snapshot", b"7")]},
        {"headers": PLAIN[1:]},
        {"headers": [(b"content-length", b"0")], "body": b""},
        {"headers": [*PLAIN, *PLAIN[:1]]},
        {"headers": [*PLAIN, (b"x-variant", "größe".encode())]},
    ],
)
async def test_an_answer_is_the_one_of_uvicorn(said):
    usual, usual_count = await exchanged(**said, joined=False)
    once, count = await exchanged(**said, joined=True)
    assert b"".join(once.writes) == b"".join(usual.writes)
    assert (once.closed, count) == (usual.closed, usual_count)
    assert count == said.get("times", 1)


async def test_a_plain_answer_is_one_write():
    transport, _ = await exchanged(PLAIN, joined=True, times=2)
    assert len(transport.writes) == 2


@pytest.mark.parametrize(
    "wrong",
    [(b"x-variant", b"a\r\nx-other: b"), (b"x variant", b"a"), (b"content-length", b"3")],
)
async def test_headers_that_uvicorn_refuses_are_never_written(wrong):
    headers = [*PLAIN[1:], wrong] if wrong[0] == b"content-length" else [*PLAIN, wrong]
    usual, _ = await exchanged(headers, joined=False)
    once, _ = await exchanged(headers, joined=True)
    assert once.closed == usual.closed
    assert b"".join(once.writes)[:60] == b"".join(usual.writes)[:60]
    assert not any(b"x-other" in written for written in once.writes)

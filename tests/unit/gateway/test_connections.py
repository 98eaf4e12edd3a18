"""Heads of requests that do not end, or do not come, do not hold a connection."""

import asyncio
import contextlib
import time

import pytest
import uvicorn
from starlette.responses import PlainTextResponse
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from serve_app.gateway import connections
from serve_app.gateway.sockets import listening_socket
from serve_app.gateway.uvicorn_server import UnsignalledServer

HEAD = b"POST / HTTP/1.1\r\nhost: x\r\n"
DEADLINE_S = 10.0


async def slow(scope, receive, send):
    """Answers after the whole body, on `/slow` after a while, on `/names` with the headers' names.

    On `/early` it answers before the body, on `/size` with the body's length.
    """
    if scope["path"] == "/early":
        await PlainTextResponse("ok")(scope, receive, send)
        return
    more, size = True, 0
    while more:
        message = await receive()
        more = message.get("more_body", False)
        size += len(message.get("body", b""))
    if scope["path"] == "/slow":
        await asyncio.sleep(0.5)
    names = b" ".join(name for name, _ in scope["headers"]).decode()
    text = {"/names": names, "/size": str(size)}.get(scope["path"], "ok")
    await PlainTextResponse(text)(scope, receive, send)


class OverHttptools(connections.Bounds, connections.Framed, HttpToolsProtocol):
    """By the parser in C."""


class OverH11(connections.Bounds, H11Protocol):
    """By the parser in Python, where that in C is not installed."""


@pytest.fixture(params=[OverHttptools, OverH11])
def protocol(request):
    return request.param


@contextlib.asynccontextmanager
async def serving(protocol):
    with listening_socket("127.0.0.1", 0) as listening:
        config = uvicorn.Config(
            slow, http=protocol, ws="none", lifespan="off", log_level="critical"
        )
        server = UnsignalledServer(config)
        task = asyncio.create_task(server.serve([listening]))
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            await task


async def connected(port, *parts):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for part in parts:
        writer.write(part)
        await writer.drain()
    return reader, writer


async def rest(reader):
    """What comes until the server closes."""
    with contextlib.suppress(ConnectionError):
        return await asyncio.wait_for(reader.read(), DEADLINE_S)
    return b""


async def is_closed_amid(endless, reader, writer):
    """Whether the server closes before it has taken very much of something."""
    sent, most = 0, 100 * connections.HEAD_BYTES
    with contextlib.suppress(ConnectionError):
        while not reader.at_eof() and not writer.is_closing() and sent < most:
            writer.write(endless)
            await writer.drain()
            sent += len(endless)
            await asyncio.sleep(0)
    writer.close()
    # What lies in the buffers of both ends is sent as well.
    return sent < most


@pytest.fixture
def soon(monkeypatch):
    monkeypatch.setattr(connections, "HEAD_S", 0.2)


async def test_a_head_that_does_not_end_in_time_is_refused(soon, protocol):
    async with serving(protocol) as port:
        reader, writer = await connected(port, HEAD)
        assert (await rest(reader)).startswith(b"HTTP/1.1 408 ")
        writer.close()


async def test_a_byte_now_and_then_does_not_buy_time(soon, protocol):
    async with serving(protocol) as port:
        reader, writer = await connected(port, HEAD)
        began_s = time.monotonic()
        with contextlib.suppress(ConnectionError):
            while not reader.at_eof() and time.monotonic() < began_s + DEADLINE_S:
                writer.write(b"a: b\r\n")
                await writer.drain()
                await asyncio.sleep(0.02)
        assert time.monotonic() - began_s < DEADLINE_S
        writer.close()


async def test_who_says_nothing_is_closed_without_an_answer(soon, protocol):
    async with serving(protocol) as port:
        reader, writer = await connected(port)
        assert await rest(reader) == b""
        writer.close()


@pytest.mark.parametrize(
    "endless",
    [b"name: value\r\n" * 100, b"a" * 1000],
    ids=["headers", "one header"],
)
async def test_an_endless_head_is_refused_before_it_fills_memory(endless, protocol):
    async with serving(protocol) as port:
        assert await is_closed_amid(endless, *await connected(port, HEAD + b"x: "))


async def test_a_body_may_take_longer_and_be_longer_than_a_head(soon, monkeypatch, protocol):
    monkeypatch.setattr(connections, "HEAD_BYTES", 200)
    async with serving(protocol) as port:
        reader, writer = await connected(port, HEAD + b"content-length: 1000\r\n\r\n")
        for _ in range(10):
            writer.write(b"x" * 100)
            await writer.drain()
            await asyncio.sleep(0.05)
        assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
        writer.close()


async def test_an_answer_is_not_broken_off_by_what_comes_after_its_request(soon, protocol):
    async with serving(protocol) as port:
        whole = b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n"
        reader, writer = await connected(port, whole)
        await asyncio.sleep(0.05)
        writer.write(HEAD)
        answer = await rest(reader)
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert answer.count(b"HTTP/1.1") == 2
        assert b"HTTP/1.1 408 " in answer
        writer.close()


async def test_a_kept_connection_has_time_for_each_request(soon, protocol):
    async with serving(protocol) as port:
        reader, writer = await connected(port)
        for _ in range(6):
            writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            answer = await asyncio.wait_for(reader.readuntil(b"ok"), DEADLINE_S)
            assert answer.startswith(b"HTTP/1.1 200 ")
            await asyncio.sleep(0.1)
        writer.close()


CHUNKED = b"POST /names HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("parts", [1, 2])
async def test_trailers_are_no_headers(protocol, parts):
    async with serving(protocol) as port:
        trailers = b"0\r\nx-api-key: k\r\nx-client-dn: CN=a\r\n\r\n"
        another = b"GET /names HTTP/1.1\r\nhost: x\r\na: b\r\nconnection: close\r\n\r\n"
        sent = [CHUNKED + b"2\r\n{}\r\n", trailers + another]
        reader, writer = await connected(port, *([b"".join(sent)] if parts == 1 else sent))
        answers = (await rest(reader)).split(b"\r\n\r\n")
        assert answers[1].startswith(b"host transfer-encodingHTTP/1.1 200 ")
        assert answers[2] == b"host a connection"
        writer.close()


@pytest.mark.parametrize("path", [b"/names", b"/early"])
@pytest.mark.parametrize(
    ("begins", "endless"),
    [
        (b"2\r\n{}\r\n0\r\n", b"name: value\r\n" * 100),
        (b"2\r\n{}\r\n0\r\nx: ", b"a" * 1000),
        (b"2;x=", b"a" * 1000),
        (b"", b"0" * 1000),
    ],
    ids=["trailers", "one trailer", "extension", "zeros"],
)
async def test_what_stands_around_a_body_is_not_endless(path, begins, endless, protocol):
    async with serving(protocol) as port:
        streams = await connected(port, CHUNKED.replace(b"/names", path) + begins)
        assert await is_closed_amid(endless, *streams)


async def test_a_body_may_come_in_chunks_of_a_byte(monkeypatch, protocol):
    monkeypatch.setattr(connections, "HEAD_BYTES", 400)
    async with serving(protocol) as port:
        reader, writer = await connected(port, CHUNKED)
        for _ in range(50):
            writer.write(b"1\r\nx\r\n" * 50)
            await writer.drain()
            await asyncio.sleep(0)
        writer.write(b"0\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
        writer.close()


OFFER = b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n"


@pytest.mark.parametrize("in_one", [True, False])
@pytest.mark.parametrize(
    ("frame", "body"),
    [
        (b"content-length: 5\r\n", b"12345"),
        (b"transfer-encoding: chunked\r\n", b"3\r\n123\r\n2\r\n45\r\n0\r\n\r\n"),
    ],
    ids=["length", "chunks"],
)
async def test_a_body_behind_an_offer_of_another_protocol_is_read(protocol, frame, body, in_one):
    async with serving(protocol) as port:
        head = b"POST /size HTTP/1.1\r\nhost: x\r\n" + OFFER + frame + b"\r\n"
        another = b"POST /size HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n"
        sent = [head, body, another + b"connection: close\r\n\r\n12"]
        reader, writer = await connected(port, *([b"".join(sent)] if in_one else sent))
        answers = (await rest(reader)).split(b"\r\n\r\n")
        assert [one[:1] for one in answers[1:]] == [b"5", b"2"]
        writer.close()


async def test_many_offers_that_come_at_once_are_answered(protocol):
    async with serving(protocol) as port:
        one = b"POST /size HTTP/1.1\r\nhost: x\r\n" + OFFER + b"content-length: 1\r\n\r\n1"
        last = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        reader, writer = await connected(port, one * 2000 + last)
        assert (await rest(reader)).count(b"HTTP/1.1 200 ") == 2001
        writer.close()

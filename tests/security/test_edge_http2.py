"""Floods of HTTP/2 frames end at HAProxy, and others are served meanwhile and afterwards."""

import contextlib
import struct
import time

import psutil
import pytest

from serve_app.cluster.edge.options import EdgeOptions
from tests.security.edges import guarded, until

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, CONTINUATION = 0, 1, 3, 4, 6, 7, 9
END_STREAM, END_HEADERS = 1, 4
# Indexed fields of HPACK's static table (RFC 7541, appendix A), and the authority as a literal.
GET = b"\x82\x86\x84" + b"\x41\x01x"


def frame(kind, flags, stream, payload=b""):
    """As in RFC 9113, 4.1."""
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def frames(content):
    """The kinds and streams of all frames of an answer."""
    while len(content) >= 9:
        length = int.from_bytes(content[:3], "big")
        kind, _, stream = struct.unpack(">BBI", content[3:9])
        yield kind, stream, content[9 : 9 + length]
        content = content[9 + length :]


@pytest.fixture(scope="module")
def edge(tmp_path_factory):
    with guarded(tmp_path_factory.mktemp("edge"), EdgeOptions()) as one:
        yield one


def flood(edge, content):
    """Send what may be cut off, and give what came back by then."""
    answer = b""
    with contextlib.suppress(ConnectionError, TimeoutError), edge.connect() as one:
        one.settimeout(5)
        with contextlib.suppress(ConnectionError, TimeoutError):
            one.sendall(PREFACE + frame(SETTINGS, 0, 0) + content)
        while part := one.recv(65536):
            answer += part
            if len(answer) > 10_000_000:
                break
    return answer


def is_calm(edge):
    """Whether HAProxy computes next to nothing within some tenths of a second."""
    process = psutil.Process(edge.started[-1].pid)
    before = sum(process.cpu_times()[:2])
    time.sleep(0.3)
    return sum(process.cpu_times()[:2]) - before < 0.05


def test_a_request_is_answered(edge):
    answer = flood(edge, frame(HEADERS, END_HEADERS | END_STREAM, 1, GET))
    assert any(kind == DATA and b'"scheme"' in payload for kind, _, payload in frames(answer))


def requests(count, *, reset):
    for number in range(count):
        stream = 2 * number + 1
        yield frame(HEADERS, END_HEADERS | END_STREAM, stream, GET)
        if reset:
            yield frame(RST_STREAM, 0, stream, struct.pack(">I", 8))


FLOODS = {
    "streams": b"".join(requests(3000, reset=False)),
    "resets": b"".join(requests(10_000, reset=True)),
    "continuations": frame(HEADERS, END_STREAM, 1, GET)
    + b"".join(
        frame(CONTINUATION, 0, 1, b"\x00\x01a\x7f\x80\x07" + b"b" * 255) for _ in range(9999)
    ),
    "empty continuations": frame(HEADERS, END_STREAM, 1, GET) + frame(CONTINUATION, 0, 1) * 100_000,
    "settings": frame(SETTINGS, 0, 0, struct.pack(">HI", 3, 100)) * 50_000,
    "pings": frame(PING, 0, 0, b"12345678") * 50_000,
    "empty data": frame(HEADERS, END_HEADERS, 1, GET) + frame(DATA, 0, 1) * 100_000,
    "a table of 4 GB": frame(SETTINGS, 0, 0, struct.pack(">HI", 1, 2**32 - 1)),
}


@pytest.mark.parametrize("content", FLOODS.values(), ids=FLOODS)
def test_a_flood_harms_nobody_else(edge, content):
    process = psutil.Process(edge.started[-1].pid)
    before_bytes = process.memory_info().rss
    flood(edge, content)
    assert edge.ask("/", source="127.0.0.2").status == 200
    until(lambda: is_calm(edge))
    assert process.memory_info().rss < before_bytes + 50_000_000
    assert edge.started[-1].poll() is None


def test_more_streams_at_once_than_are_allowed_are_refused(edge):
    answer = flood(edge, b"".join(requests(1000, reset=False)))
    settings = next(payload for kind, _, payload in frames(answer) if kind == SETTINGS and payload)
    values = dict(
        struct.unpack(">HI", settings[start : start + 6]) for start in range(0, len(settings), 6)
    )
    assert values[3] == 100


def test_a_header_that_never_ends_closes_the_connection(edge):
    answer = flood(edge, FLOODS["continuations"])
    kinds = {kind for kind, _, _ in frames(answer)}
    assert HEADERS not in kinds
    assert GOAWAY in kinds or not answer

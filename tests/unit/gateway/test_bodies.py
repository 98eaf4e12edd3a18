"""Bodies are read within limits, and only in encodings that can be decoded."""

import asyncio
import gzip
import tracemalloc
import zlib

import pytest

from serve_app.errors import BadEncoding, Overloaded, TooLarge, TooSlow, UnsupportedMedia
from serve_app.gateway import bodies
from serve_app.gateway.bodies import zstd


class Sent:
    """A body that arrives in chunks, with its headers; keeps which messages were taken."""

    def __init__(self, *chunks, disconnect=False, **headers):
        last = len(chunks) - 1
        self._messages = [
            {"type": "http.request", "body": chunk, "more_body": disconnect or i < last}
            for i, chunk in enumerate(chunks)
        ]
        if disconnect:
            self._messages.append({"type": "http.disconnect"})
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.taken = []

    async def receive(self):
        self.taken.append(self._messages[len(self.taken)])
        return self.taken[-1]


async def read(sent, *, max_bytes):
    return await bodies.read(sent.receive, sent.headers, max_bytes=max_bytes)


async def test_chunks_become_one_body():
    assert await read(Sent(b"ab", b"cd"), max_bytes=4) == b"abcd"


async def test_a_declared_length_above_the_limit_is_refused_before_anything_is_read():
    made = Sent(b"x" * 10, content_length="10")
    with pytest.raises(TooLarge, match="limit of 4 bytes"):
        await read(made, max_bytes=4)
    assert made.taken == []


async def test_a_body_that_grows_beyond_the_limit_is_not_read_to_its_end():
    made = Sent(*[b"xx"] * 1000)
    with pytest.raises(TooLarge):
        await read(made, max_bytes=4)
    assert len(made.taken) == 3


async def test_a_client_that_leaves_in_the_middle_is_told_where_it_broke():
    with pytest.raises(BadEncoding, match="ended before"):
        await read(Sent(b"{", disconnect=True), max_bytes=100)


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON; charset=UTF-8", "application/vnd.x+json", ""],
)
async def test_json_is_taken_by_any_of_its_names(content_type):
    assert await read(Sent(b"{}", content_type=content_type), max_bytes=9) == b"{}"


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"content_type": "text/csv"}, "send application/json"),
        ({"content_type": "application/json; charset=latin-1"}, "send UTF-8"),
        ({"content_encoding": "br"}, "send the body plain"),
    ],
)
async def test_other_encodings_are_refused_with_what_to_send(headers, said):
    with pytest.raises(UnsupportedMedia, match=said):
        await read(Sent(b"{}", **headers), max_bytes=9)


def deflated(content, wrapper):
    packer = zlib.compressobj(wbits=wrapper)
    return packer.compress(content) + packer.flush()


CONTENT = b'{"instances": [1, 2, 3]}'
PACKED = [
    ("gzip", gzip.compress(CONTENT, mtime=0)),
    ("x-gzip", gzip.compress(CONTENT, mtime=0)),
    ("GZIP", gzip.compress(CONTENT[:5], mtime=0) + gzip.compress(CONTENT[5:], mtime=0)),
    ("deflate", zlib.compress(CONTENT)),
    ("deflate", deflated(CONTENT, -zlib.MAX_WBITS)),
    ("zstd", zstd.compress(CONTENT)),
    ("zstd", zstd.compress(CONTENT[:5]) + zstd.compress(CONTENT[5:])),
    ("identity", CONTENT),
    ("", CONTENT),
]


@pytest.mark.parametrize(("encoding", "packed"), PACKED)
async def test_compressed_bodies_are_unpacked(encoding, packed):
    sent = Sent(packed, content_encoding=encoding)
    assert await read(sent, max_bytes=100) == CONTENT


@pytest.mark.parametrize(("encoding", "packed"), PACKED[:-2])
async def test_a_compressed_body_that_breaks_off_is_said(encoding, packed):
    with pytest.raises(BadEncoding):
        await read(Sent(packed[:-3], content_encoding=encoding), max_bytes=100)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
async def test_what_is_not_compressed_as_it_says_is_refused(encoding):
    with pytest.raises(BadEncoding, match=f"not {encoding}"):
        await read(Sent(CONTENT, content_encoding=encoding), max_bytes=100)


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("zstd", zstd.compress)],
)
async def test_a_small_body_cannot_grow_beyond_the_limit(encoding, pack):
    packed = pack(b" " * 50_000_000)
    assert len(packed) < 100_000
    tracemalloc.start()
    with pytest.raises(TooLarge, match="limit of 100000 bytes"):
        await read(Sent(packed, content_encoding=encoding), max_bytes=100_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5_000_000


PACKED_NOTHING = [("gzip", gzip.compress(b"", mtime=0)), ("zstd", zstd.compress(b""))]


@pytest.mark.parametrize(("encoding", "member"), PACKED_NOTHING)
async def test_very_many_members_are_refused(encoding, member):
    with pytest.raises(BadEncoding, match="more than 1000 members"):
        await read(Sent(member * 1001, content_encoding=encoding), max_bytes=100_000)


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("zstd", zstd.compress)])
@pytest.mark.parametrize("size", [1, 200, 70_000])
async def test_members_are_one_content(encoding, pack, size):
    members = [bytes([65 + i]) * size for i in range(20)]
    packed = b"".join(map(pack, members))
    assert await read(Sent(packed, content_encoding=encoding), max_bytes=2_000_000) == b"".join(
        members
    )


async def test_zeros_behind_the_last_member_are_no_content():
    # As `gzip.decompress` reads them, which stands for what tools do.
    packed = gzip.compress(b"ab") + bytes(100)
    assert gzip.decompress(packed) == b"ab"
    assert await read(Sent(packed, content_encoding="gzip"), max_bytes=200) == b"ab"
    with pytest.raises(BadEncoding, match="is not gzip"):
        await read(Sent(packed + b"x", content_encoding="gzip"), max_bytes=200)


async def test_content_that_asks_for_very_much_memory_is_refused():
    options = {zstd.CompressionParameter.window_log: 27}
    large = zstd.ZstdCompressor(options=options)
    packed = large.compress(bytes(10)) + large.flush()
    with pytest.raises(BadEncoding, match="is not zstd"):
        await read(Sent(packed, content_encoding="zstd"), max_bytes=100)


class Slow:
    """A client that sends parts, and then nothing more."""

    def __init__(self, *parts):
        self._parts = list(parts)

    async def receive(self):
        if not self._parts:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": self._parts.pop(0), "more_body": True}


@pytest.mark.parametrize("parts", [(), (b"",), (b"{",), (b"x" * 20_000, b"y")])
async def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch, parts):
    monkeypatch.setattr(bodies, "PATIENCE_S", 0.05)
    with pytest.raises(TooSlow, match="the body did not arrive"):
        await bodies.read(Slow(*parts).receive, {}, max_bytes=100_000)
    assert bodies.OF_THIS_PROCESS.kept_bytes == 0


async def test_a_byte_now_and_then_does_not_buy_time(monkeypatch):
    monkeypatch.setattr(bodies, "PATIENCE_S", 0.2)

    async def receive():
        await asyncio.sleep(0.01)
        return {"type": "http.request", "body": b"x", "more_body": True}

    with pytest.raises(TooSlow):
        await bodies.read(receive, {}, max_bytes=100_000)


async def test_a_slow_line_has_time_as_long_as_something_comes(monkeypatch):
    monkeypatch.setattr(bodies, "PATIENCE_S", 0.3)
    monkeypatch.setattr(bodies, "LEAST_BYTES", 2)
    left = [b"xx"] * 10

    async def receive():
        await asyncio.sleep(0.05)
        return {"type": "http.request", "body": left.pop(), "more_body": bool(left)}

    # Longer in all than what is waited for at once.
    assert await bodies.read(receive, {}, max_bytes=100) == b"x" * 20


async def test_many_unfinished_bodies_are_bounded_together(monkeypatch):
    in_flight = bodies.InFlight(limit_bytes=100)
    monkeypatch.setattr(bodies, "OF_THIS_PROCESS", in_flight)
    first = asyncio.create_task(bodies.read(Slow(b"x" * 80).receive, {}, max_bytes=1000))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert in_flight.kept_bytes == 80
    with pytest.raises(Overloaded, match="too many bodies"):
        await bodies.read(Slow(b"x" * 30).receive, {}, max_bytes=1000)
    assert await bodies.read(Sent(b"x" * 10, b"y" * 10).receive, {}, max_bytes=1000)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert in_flight.kept_bytes == 0

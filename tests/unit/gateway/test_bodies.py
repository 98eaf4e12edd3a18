"""Bodies are read within limits, and only in encodings that can be decoded."""

import pytest
from starlette.requests import Request

from serve_app.errors import BadEncoding, TooLarge, UnsupportedMedia
from serve_app.gateway import bodies


def request(*chunks, disconnect=False, **headers):
    """A request whose body arrives in chunks; counts how many were taken."""
    messages = [
        {"type": "http.request", "body": chunk, "more_body": disconnect or i < len(chunks) - 1}
        for i, chunk in enumerate(chunks)
    ]
    if disconnect:
        messages.append({"type": "http.disconnect"})
    taken = []

    async def receive():
        taken.append(messages[len(taken)])
        return taken[-1]

    raw = [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()]
    made = Request({"type": "http", "headers": raw}, receive)
    made.taken = taken
    return made


async def test_chunks_become_one_body():
    assert await bodies.read(request(b"ab", b"cd"), max_bytes=4) == b"abcd"


async def test_a_declared_length_above_the_limit_is_refused_before_anything_is_read():
    made = request(b"x" * 10, content_length="10")
    with pytest.raises(TooLarge, match="limit of 4 bytes"):
        await bodies.read(made, max_bytes=4)
    assert made.taken == []


async def test_a_body_that_grows_beyond_the_limit_is_not_read_to_its_end():
    made = request(*[b"xx"] * 1000)
    with pytest.raises(TooLarge):
        await bodies.read(made, max_bytes=4)
    assert len(made.taken) == 3


async def test_a_client_that_leaves_in_the_middle_is_told_where_it_broke():
    with pytest.raises(BadEncoding, match="ended before"):
        await bodies.read(request(b"{", disconnect=True), max_bytes=100)


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON; charset=UTF-8", "application/vnd.x+json", ""],
)
async def test_json_is_taken_by_any_of_its_names(content_type):
    assert await bodies.read(request(b"{}", content_type=content_type), max_bytes=9) == b"{}"


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
        await bodies.read(request(b"{}", **headers), max_bytes=9)

"""The edge strips what only the inside may set."""

import pytest

from serve_app.gateway.middleware import Edge, RequestIds


async def passed(middleware, headers):
    """The headers that arrive behind a middleware, and those of its answer."""
    seen = {}

    async def app(scope, receive, send):
        seen["headers"] = scope["headers"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    sent = []

    async def send(message):
        sent.append(message)

    await middleware(app)({"type": "http", "headers": headers}, None, send)
    return dict(seen["headers"]), dict(sent[0]["headers"])


@pytest.mark.parametrize(
    "name",
    [b"x-request-timeout-seconds", b"serve_multiplexed_model_id", b"x-session-id"],
)
async def test_headers_that_serve_obeys_are_taken_from_strangers(name):
    headers, _ = await passed(Edge, [(name, b"-1"), (b"accept", b"*/*")])
    assert name not in headers
    assert headers[b"accept"] == b"*/*"


async def test_whether_serve_watches_for_disconnects_is_ours_to_say():
    headers, _ = await passed(Edge, [(b"x-request-disconnect-disabled", b"?0")])
    assert headers[b"x-request-disconnect-disabled"] == b"?1"


@pytest.mark.parametrize("value", [b"a" * 129, b"with space", b"line\nbreak", b""])
async def test_a_request_id_that_does_not_fit_is_dropped(value):
    headers, _ = await passed(Edge, [(b"x-request-id", value)])
    assert b"x-request-id" not in headers


async def test_a_good_request_id_passes():
    headers, _ = await passed(Edge, [(b"x-request-id", b"abc-123")])
    assert headers[b"x-request-id"] == b"abc-123"


async def test_a_request_without_an_id_gets_one_and_so_does_its_answer():
    def identified(app):
        return RequestIds(app, ids=lambda: "new")

    headers, answer = await passed(identified, [])
    assert headers[b"x-request-id"] == answer[b"x-request-id"] == b"new"
    headers, answer = await passed(identified, [(b"x-request-id", b"mine")])
    assert headers[b"x-request-id"] == answer[b"x-request-id"] == b"mine"

"""The edge strips what only the inside may set."""

import pytest

from serve_app.core.edge_token import EdgeToken
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


class Transport:
    """Counts what a server writes to a connection."""

    def __init__(self):
        self.writes = []
        self.closed = False

    def write(self, data):
        assert not self.closed
        self.writes.append(data)

    def close(self):
        self.closed = True


class Cycle:
    """Writes as uvicorn does: the head when it comes, then each part of the body."""

    def __init__(self, *, keep=True):
        self.transport = Transport()
        self._keep = keep

    async def send(self, message):
        if message["type"] == "http.response.start":
            self.transport.write(b"head;")
            return
        if message["body"] == b"wrong":
            raise RuntimeError("too long")
        self.transport.write(message["body"])
        if not message.get("more_body", False) and not self._keep:
            self.transport.close()


async def answered(cycle, *bodies):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for number, body in enumerate(bodies, start=1):
            more = number < len(bodies)
            await send({"type": "http.response.body", "body": body, "more_body": more})

    transport = cycle.transport
    await Edge(app)({"type": "http", "headers": []}, None, cycle.send)
    assert cycle.transport is transport
    return transport


async def test_an_answer_leaves_in_one_write():
    assert (await answered(Cycle(), b"body")).writes == [b"head;body"]


async def test_a_connection_that_closes_is_written_to_first():
    transport = await answered(Cycle(keep=False), b"body")
    assert b"".join(transport.writes) == b"head;body"
    assert transport.closed


async def test_a_long_answer_leaves_part_by_part():
    assert (await answered(Cycle(), b"one", b"two")).writes == [b"head;", b"one", b"two"]


async def test_a_body_that_the_server_refuses_leaves_the_connection_as_it_was():
    cycle = Cycle()
    transport = cycle.transport
    with pytest.raises(RuntimeError):
        await answered(cycle, b"wrong")
    assert cycle.transport is transport


async def scoped(headers, token):
    """The scope that arrives behind the edge."""
    seen = {}

    async def app(scope, receive, send):
        seen.update(scope)

    scope = {"type": "http", "headers": headers, "client": ("127.0.0.1", 9), "scheme": "http"}
    await Edge(app, token=token)(scope, None, None)
    return seen


CLAIMED = [
    (b"x-forwarded-for", b"10.1.2.3"),
    (b"x-forwarded-proto", b"https"),
    (b"x-client-cn", b"batch"),
    (b"forwarded", b"for=10.1.2.3"),
    (b"x-real-ip", b"10.1.2.3"),
]


@pytest.mark.parametrize("shown", [[], [b"guessed"], [b"right", b"guessed"], [b""]])
@pytest.mark.parametrize("token", [None, EdgeToken(b"right")])
async def test_who_does_not_show_the_token_says_nothing_of_its_origin(shown, token):
    edge = [(b"x-serve-app-edge", value) for value in shown]
    scope = await scoped([(b"accept", b"*/*"), *edge, *CLAIMED], token)
    assert scope["client"] == ("127.0.0.1", 9)
    assert scope["scheme"] == "http"
    assert dict(scope["headers"]).keys() == {b"accept", b"x-request-disconnect-disabled"}


async def test_haproxy_says_who_asks_by_the_token_that_nobody_sees_afterwards():
    shown = [*CLAIMED, (b"x-serve-app-edge", b"right")]
    scope = await scoped(shown, EdgeToken(b"right"))
    assert scope["client"] == ("10.1.2.3", 0)
    assert scope["scheme"] == "https"
    assert dict(scope["headers"])[b"x-client-cn"] == b"batch"
    assert b"x-serve-app-edge" not in dict(scope["headers"])


@pytest.mark.parametrize("trailers", [CLAIMED, [(b"x-serve-app-edge", b"guessed"), *CLAIMED]])
async def test_what_is_claimed_behind_the_token_came_in_a_trailer(trailers):
    vouched = [(name, b"https" if name.endswith(b"proto") else b"vouched") for name, _ in CLAIMED]
    shown = [*vouched, (b"x-serve-app-edge", b"right"), (b"x-request-id", b"mine")]
    scope = await scoped([*shown, *trailers], EdgeToken(b"right"))
    assert scope["client"] == ("vouched", 0)
    claimed = [pair for pair in scope["headers"] if pair[0] in dict(CLAIMED)]
    assert claimed == vouched
    assert dict(scope["headers"])[b"x-request-id"] == b"mine"

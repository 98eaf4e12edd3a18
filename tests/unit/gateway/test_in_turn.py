"""In every protocol a request begins in its caller's turn, once its body is here."""

import asyncio

import pytest

from serve_app.config import GatewayArgs
from serve_app.core.offload import LARGE_BYTES
from serve_app.core.sharing import Sharing
from serve_app.errors import DeadlineExceeded, Overloaded
from serve_app.gateway.app import build
from serve_app.gateway.context import Settings
from serve_app.gateway.in_turn import TURN, in_turn, left_of
from serve_app.gateway.overload import sharing_of
from tests.clocks import Clock
from tests.unit.gateway.harness import ROW
from tests.unit.gateway.test_detail import asked, infer
from tests.unit.gateway.test_methods import ASKING
from tests.unit.gateway.test_rpc import Aborted


class Watched(Sharing):
    """Turns that are looked at: whose began, and how many are not over; `full` lets none begin."""

    def __init__(self):
        super().__init__(clock=Clock(), draw=lambda: 0.5)
        self.began, self.sizes, self.full, self.waits_s = [], [], False, 0.0

    async def begin(self, owner, size_bytes=0):
        if self.full:
            raise Overloaded("more requests than are answered", retry_after_s=1.0)
        self.began.append(owner)
        begun = await super().begin(owner, size_bytes)
        return begun._replace(waited_s=self.waits_s)

    def leave(self, owner, since_s, size_bytes):
        self.sizes.append(size_bytes)
        super().leave(owner, since_s, size_bytes)


@pytest.fixture
def sharing(client):
    client.predictor.sharing = Watched()
    client.app = build(client.predictor, Settings(10_000, 50, default_endpoint="risk"))
    return client.predictor.sharing


@pytest.mark.parametrize("dialect", ASKING)
def test_every_dialect_takes_a_turn_and_ends_it(client, sharing, dialect):
    for _ in range(3):
        assert client.send("POST", **ASKING[dialect]("predict")).status_code == 200
    assert sharing.began == ["anonymous"] * 3
    assert len(sharing.sizes) == 3
    sharing.full = True
    assert client.send("POST", **ASKING[dialect]("predict")).status_code == 429


def test_so_do_reasons_graphql_and_grpc(client, sharing):
    query, body = {"query": asked("predictions")}, {"instances": [ROW]}
    assert "errors" not in client.send("POST", "/graphql", json=query).json()
    assert client.send("POST", "/v1/models/risk:explain", json=body).status_code == 200
    assert infer(client).model_name == "risk"
    assert len(sharing.began) == len(sharing.sizes) == 3
    sharing.full = True
    refused = client.send("POST", "/graphql", json=query).json()
    assert refused["errors"][0]["extensions"]["code"] == "overloaded"
    assert client.send("POST", "/v1/models/risk:explain", json=body).status_code == 429
    with pytest.raises(Aborted, match="RESOURCE_EXHAUSTED"):
        infer(client)


def test_a_turn_ends_where_a_request_is_wrong(client, sharing):
    wrong = client.send("POST", "/v1/models/risk:predict", content=b"{", headers={})
    assert wrong.status_code == 400
    assert client.send("POST", "/v1/models/nothing:predict", content=b"{}").status_code == 404
    assert len(sharing.began) == len(sharing.sizes) == 1


def test_pages_take_no_turn(client, sharing):
    assert client.send("GET", "/v1/models/risk").status_code == 200
    assert sharing.began == []


async def test_a_body_that_comes_slowly_has_no_turn_until_it_is_here():
    sharing, parts = Watched(), asyncio.Queue()

    async def receive():
        return await parts.get()

    with sharing.turn("ann") as turn:
        received = in_turn(turn, receive)
        parts.put_nowait({"type": "http.request", "body": b"abc", "more_body": True})
        await received()
        assert not turn.has_begun
        parts.put_nowait({"type": "http.request", "body": b"de", "more_body": False})
        await received()
        assert turn.has_begun
        assert turn.size_bytes == 5
        parts.put_nowait({"type": "http.disconnect"})
        await received()
    assert sharing.began == ["ann"]


def test_callers_take_turns_where_they_are_known_and_unless_a_config_says_otherwise():
    assert sharing_of(GatewayArgs(), Clock(), known=True) is not None
    assert sharing_of(GatewayArgs(), Clock(), known=False) is None
    assert sharing_of(GatewayArgs(in_turns=False), Clock(), known=True) is None


async def test_where_overload_is_refused_nobody_waits_longer_than_that_says():
    args = GatewayArgs.model_validate({"overload": {"most_wait_s": 0.01}})
    sharing = sharing_of(args, Clock(), known=True)
    await sharing.begin("bob")
    await sharing.begin("ann", LARGE_BYTES)
    with pytest.raises(Overloaded, match="ann has more requests"):
        await asyncio.wait_for(sharing.begin("ann", LARGE_BYTES), 10)


class Waited:
    waited_s = 0.5


def test_what_a_request_waited_is_taken_from_the_time_that_its_client_gave():
    assert left_of(None, {TURN: Waited()}) is None
    assert left_of(2.0, {}) == 2.0
    assert left_of(2.0, {TURN: Waited()}) == 1.5
    with pytest.raises(DeadlineExceeded, match=r"turn within 0\.5 s"):
        left_of(0.5, {TURN: Waited()})


def test_a_time_that_is_over_by_then_is_answered_so(client, sharing):
    sharing.waits_s = 0.3
    body, path = {"instances": [ROW]}, "/v1/models/risk:predict"
    assert client.send("POST", path, json=body, headers={"x-timeout-s": "0.2"}).status_code == 504
    assert client.send("POST", path, json=body, headers={"x-timeout-s": "9"}).status_code == 200

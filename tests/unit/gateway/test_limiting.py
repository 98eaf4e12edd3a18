"""What callers send is bounded before it is read, and answers say what is left."""

import asyncio

import pytest
from starlette.responses import PlainTextResponse

from serve_app.config.limits import LimitsSettings
from serve_app.core.caller import Caller
from serve_app.errors import RateLimited
from serve_app.gateway.context import CALLER
from serve_app.gateway.errors import response as refusal
from serve_app.gateway.limiting import HELD_S, MOST_HELD, Limited, limited, limits_of
from serve_app.gateway.rpc_limiting import limited_methods
from serve_app.security.limits import Limit, Limiter, Limits, Rate

ANN = Caller("ann")


class House:
    """An application that reads its body and then waits, behind the layer."""

    def __init__(self, limit, *, rows=0):
        self.now_s, self.slept, self.counted, self.read, self.rows = 0.0, [], [], 0, rows
        self.gate = asyncio.Event()
        self.gate.set()
        self.limiter = Limiter(Limits(limit), clock=lambda: self.now_s)
        self.app = Limited(self._answer, self.limiter, self._count, sleep=self._sleep)

    def _count(self, *what):
        self.counted.append(what)

    async def _sleep(self, seconds):
        self.slept.append(seconds)

    async def _answer(self, scope, receive, send):
        try:
            more = True
            while more:
                message = await receive()
                self.read += len(message["body"])
                more = message["more_body"]
            self.limiter.take_rows(scope[CALLER], "a", self.rows)
        except RateLimited as error:
            await refusal(error, "")(scope, receive, send)
            return
        await self.gate.wait()
        await PlainTextResponse("yes")(scope, receive, send)

    async def ask(self, body=b"", *, chunks=None, caller=ANN):
        headers = [(b"x-request-id", b"one")]
        if chunks is None:
            headers.append((b"content-length", b"%d" % len(body)))
        else:
            headers.append((b"transfer-encoding", b"chunked"))
        parts, sent = [body] if chunks is None else list(chunks), []

        async def receive():
            part = parts.pop(0)
            return {"type": "http.request", "body": part, "more_body": bool(parts)}

        async def send(message):
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/", "headers": headers, CALLER: caller}
        await self.app(scope, receive, send)
        return sent[0]["status"], dict(sent[0]["headers"]), sent[-1]["body"]


async def test_too_many_bytes_are_refused_before_any_is_read():
    house = House(Limit(bytes=Rate(100, 100)))
    assert (await house.ask(b"x" * 100))[0] == 200
    status, headers, body = await house.ask(b"x" * 50)
    assert status == 429
    assert headers[b"retry-after"] == b"1"
    assert b"ann: bytes are limited to 100 a second" in body
    assert house.read == 100
    assert house.counted == [("http", "4xx")]
    house.now_s = 0.5
    assert (await house.ask(b"x" * 50))[0] == 200


async def test_a_body_in_chunks_is_counted_as_it_comes():
    house = House(Limit(bytes=Rate(100, 100)))
    status, _, _ = await house.ask(chunks=[b"x" * 60, b"x" * 60, b"x" * 60])
    assert status == 429
    assert house.read == 60


async def test_requests_at_once_are_bounded_by_caller_and_places_come_back():
    house = House(Limit(in_flight=2))
    house.gate.clear()
    waiting = [asyncio.create_task(house.ask()) for _ in range(2)]
    for _ in range(5):
        await asyncio.sleep(0)
    assert (await house.ask())[0] == 429
    other = asyncio.create_task(house.ask(caller=Caller("bob")))
    house.gate.set()
    assert [status for status, _, _ in await asyncio.gather(*waiting, other)] == [200] * 3
    assert (await house.ask())[0] == 200


async def test_a_place_comes_back_where_a_client_went_away():
    house = House(Limit(in_flight=1))
    house.gate.clear()
    gone = asyncio.create_task(house.ask())
    for _ in range(5):
        await asyncio.sleep(0)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    house.gate.set()
    assert (await house.ask())[0] == 200


async def test_answers_say_what_is_left_and_refusals_as_well():
    house = House(Limit(rows=Rate(10, 20)), rows=15)
    status, headers, _ = await house.ask()
    assert (status, headers[b"ratelimit"]) == (200, b'"rows";r=5;t=2')
    assert headers[b"ratelimit-policy"] == b'"rows";q=20;w=2'
    status, headers, _ = await house.ask()
    assert (status, headers[b"ratelimit"]) == (429, b'"rows";r=5;t=2')


async def test_who_asks_again_at_once_is_held_back_and_others_are_not():
    house = House(Limit(rows=Rate(1, 1)), rows=1)
    assert (await house.ask())[0] == 200
    assert (await house.ask())[0] == 429
    assert house.slept == [HELD_S]
    assert (await house.ask(caller=Caller("bob")))[0] == 200
    assert house.slept == [HELD_S]


async def test_only_so_many_refusals_are_held_back():
    house = House(Limit(in_flight=1))
    house.gate.clear()
    free = asyncio.Event()

    async def sleep(seconds):
        house.slept.append(seconds)
        await free.wait()

    house.app._sleep = sleep
    tasks = [asyncio.create_task(house.ask()) for _ in range(MOST_HELD + 20)]
    for _ in range(10):
        await asyncio.sleep(0)
    assert len(house.slept) == MOST_HELD
    assert sum(task.done() for task in tasks) == 19
    free.set()
    house.gate.set()
    statuses = [status for status, _, _ in await asyncio.gather(*tasks)]
    assert sorted(statuses)[:2] == [200, 429]


def test_without_limits_there_is_no_layer():
    app = object()
    assert limited(app, None, print) is app
    assert limited_methods(app, None, print) is app


def test_what_a_principal_does_not_say_is_as_for_all():
    settings = LimitsSettings.model_validate(
        {
            "default": {"rows_per_s": 10, "in_flight": 8},
            "principals": {"ann": {"rows_per_s": 50, "burst_rows": 60}, "bob": {"bytes_per_s": 5}},
        }
    )
    limits = limits_of(settings)
    assert limits.of("carl") == Limit(rows=Rate(10, 40), in_flight=8)
    assert limits.of("ann") == Limit(rows=Rate(50, 60), in_flight=8)
    assert limits.of("bob") == Limit(rows=Rate(10, 40), bytes=Rate(5, 20), in_flight=8)


@pytest.mark.parametrize("unit", ["rows", "bytes"])
def test_a_burst_without_a_rate_is_refused(unit):
    with pytest.raises(ValueError, match=f"burst_{unit} is how much may come at once"):
        LimitsSettings.model_validate({"default": {f"burst_{unit}": 5}})


class Message:
    def __init__(self, size):
        self._size = size

    def ByteSize(self):  # noqa: N802 - as protobuf calls it
        return self._size


class Aborted(Exception):
    """What ends a call."""


class Context:
    caller = ANN

    async def abort(self, code, words):
        raise Aborted(code.name, words)


async def test_calls_of_grpc_have_the_same_limits(monkeypatch):
    limiter, counted = Limiter(Limits(Limit(bytes=Rate(1, 10))), clock=lambda: 0.0), []
    around = limited_methods(lambda _, method: method, limiter, lambda *one: counted.append(one))

    async def method(request, context):
        return request

    call = around("ModelInfer", method)
    first = Message(10)
    assert await call(first, Context()) is first
    with pytest.raises(Aborted, match="bytes are limited") as caught:
        await call(Message(1), Context())
    assert caught.value.args[0] == "RESOURCE_EXHAUSTED"
    assert counted == [("grpc", "RESOURCE_EXHAUSTED")]

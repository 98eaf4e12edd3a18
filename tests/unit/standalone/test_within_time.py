"""How requests get the time that their platform leaves."""

import asyncio

import pytest

from serve_app.standalone.asgi_call import Call, ask
from serve_app.standalone.within_time import WithinTime


class Noting:
    """Answers 200 at once, and notes the limits that it was given."""

    def __init__(self):
        self.limits = []

    async def __call__(self, scope, receive, send):
        self.limits += [
            value.decode() for name, value in scope["headers"] if name == b"x-timeout-s"
        ]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


async def limit(left_s, given=None):
    """What a request is limited to, in seconds; None where it has no limit."""
    noting = Noting()
    headers = {} if given is None else {"x-timeout-s": given}
    await ask(WithinTime(noting, lambda _: left_s), Call("GET", "/", headers=headers))
    assert len(noting.limits) <= 1
    return noting.limits[0] if noting.limits else None


@pytest.mark.parametrize(
    ("left_s", "given", "expected"),
    [
        (10.2, None, "9.000"),
        (10.2, "2.5", "2.5"),
        (10.2, "60", "9.000"),
        (10.2, "inf", "9.000"),
        (0.0, None, "0.001"),
        (-5.0, "3", "0.001"),
        (None, None, None),
        (None, "7", "7"),
    ],
)
async def test_the_shorter_limit_holds(left_s, given, expected):
    assert await limit(left_s, given) == expected


@pytest.mark.parametrize("given", ["soon", "nan", "-1", "0"])
async def test_what_is_no_time_is_left_to_the_gateway_to_refuse(given):
    assert await limit(10.2, given) == given


async def test_an_answer_that_has_begun_is_not_mended():
    async def half(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await ask(WithinTime(half, lambda _: 0.0), Call("GET", "/"))

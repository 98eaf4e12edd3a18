"""Where only this machine asks, a browser that was led here by a stranger's name is refused."""

import asyncio

import httpx
import pytest
from starlette.responses import PlainTextResponse

from serve_app.gateway.own_names import under_own_names


def status(host, listens="127.0.0.1", allowed=()):
    app = under_own_names(PlainTextResponse("in"), listens, allowed)

    async def asked():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport) as client:
            return await client.get("http://here/", headers={"host": host})

    return asyncio.run(asked()).status_code


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8000", "localhost", "LOCALHOST:1", "[::1]:8000", "127.8.8.8", "a.localhost"]
)
def test_this_machine_has_these_names(host):
    assert status(host) == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhost.evil.example",
     "a/?x=", "169.254.169.254", ""],
)  # fmt: skip
def test_others_are_refused_unless_they_are_listed(host):
    assert status(host) == 403
    assert status(host, "0.0.0.0") == 200
    assert status(host, "10.0.0.7") == 200
    assert status(host, allowed=("*",)) == 200
    assert status(host, allowed=("models.example",)) == 403


def test_listed_names_are_answered():
    assert status("Models.Example:8000", allowed=("models.example",)) == 200

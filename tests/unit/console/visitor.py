"""A browser as far as tests of the console need one: it keeps cookies and fills in forms."""

import asyncio
import re
from html import unescape

import httpx

from serve_app.console.app import Beside, build
from serve_app.console.sources import Sources
from serve_app.gateway.admin.app import build as build_admin
from serve_app.security.sessions import Sessions
from tests.clocks import Clock

TOKEN = re.compile(r'name="token" value="([0-9a-f]{64})"')


def drawn():
    """Bytes that differ from call to call, and are the same in each test."""
    counter = iter(range(1, 1_000_000))
    return lambda size: next(counter).to_bytes(size, "big")


class Visitor:
    """Visits a console over some actions; `ask` is what one request of it comes to."""

    def __init__(self, actions, *, gate=None, changes=True, host="127.0.0.1", **sources):
        self.clock = Clock(1_000_000.0)
        self.sessions = Sessions(b"s" * 32, clock=self.clock, random_bytes=drawn())
        made = Sources(actions, self.sessions, lambda: "drawn", **sources)
        self.app = Beside(
            build_admin(actions, host=host, ids=lambda: "drawn"),
            build(made, host=host, changes=changes, gate=gate),
        )
        self.cookies = httpx.Cookies()

    def ask(self, method, path, *, follow=False, host="127.0.0.1:8091", **more):
        async def sent():
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(
                transport=transport, base_url=f"http://{host}", cookies=self.cookies
            ) as client:
                answer = await client.request(method, path, follow_redirects=follow, **more)
                self.cookies = client.cookies
                return answer

        return asyncio.run(sent())

    def get(self, path, **more):
        return self.ask("GET", path, **more)

    def token(self, path):
        """The token of the forms of a page."""
        return TOKEN.search(self.get(path).text)[1]

    def send(self, page, place, fields, **more):
        """Send a form of a page."""
        return self.ask("POST", place, data={"token": self.token(page), **fields}, **more)


def text_of(answer):
    """What a page says, without its elements."""
    return unescape(" ".join(re.sub(r"<[^>]*>", " ", answer.text).split()))

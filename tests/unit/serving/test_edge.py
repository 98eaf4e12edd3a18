"""What Serve calls of ours before its own code."""

import subprocess
import sys

import httpx
import pytest
from starlette.responses import PlainTextResponse

from serve_app.config import CorsSettings
from serve_app.gateway.access import Gate
from serve_app.serving import edge
from tests.security.callers import Known, key

PAGE = "https://app.example.com"
CODE = """
import ray.exceptions
from serve_app.serving.edge import plain_messages

plain_messages()
try:
    raise ValueError("broken")
except ValueError as error:
    said = "Traceback (most recent):\\nValueError: broken"
    failed = ray.exceptions.RayTaskError("f", said, error)
print(repr(str(failed)))
"""


@pytest.fixture(autouse=True)
def closed_after():
    yield
    edge.open_edge_to(None)


async def answered(method="POST", path="/", headers=None):
    """What Serve itself answers through its edge to a page of another origin."""
    app = PlainTextResponse("Request dropped due to backpressure", 429)
    for middleware in edge.middlewares():
        app = middleware.cls(app, *middleware.args, **middleware.kwargs)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:
        sent = {"origin": PAGE, **(headers or {})}
        return await client.request(method, f"http://gateway{path}", headers=sent)


async def test_a_listed_page_reads_what_serve_itself_answers():
    edge.open_edge_to(CorsSettings(origins=[PAGE]))
    answer = await answered()
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (429, PAGE)


async def test_unless_a_configuration_says_so_no_page_does():
    assert "access-control-allow-origin" not in (await answered()).headers


async def test_strangers_do_not_reach_what_serve_itself_answers_but_its_sign_of_life():
    refused = []
    edge.open_edge_to(
        CorsSettings(origins=[PAGE]), Gate(Known(), lambda *what: refused.append(what))
    )
    answer = await answered()
    # A page of the listed origin reads even this, and a server's own paths are nobody's business.
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (401, PAGE)
    assert refused == [("http", "4xx")]
    assert (await answered(method="GET", path="/-/routes")).status_code == 401
    assert (await answered(method="GET", path="/-/healthz")).status_code == 429
    assert (await answered(headers=key("k-age"))).status_code == 429


def test_errors_of_other_processes_have_no_colours_in_the_controllers_messages():
    done = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, timeout=60, check=True
    )
    assert "ValueError: broken" in done.stdout
    assert "x1b" not in done.stdout

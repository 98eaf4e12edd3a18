"""What Serve calls of ours before its own code."""

import subprocess
import sys

import httpx
import pytest
from starlette.responses import PlainTextResponse

from serve_app.config import CorsSettings
from serve_app.serving import edge

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


async def answered():
    """What Serve itself answers through its edge to a page of another origin."""
    app = PlainTextResponse("Request dropped due to backpressure", 429)
    for middleware in edge.middlewares():
        app = middleware.cls(app, *middleware.args, **middleware.kwargs)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:
        return await client.post("http://gateway/", headers={"origin": PAGE})


async def test_a_listed_page_reads_what_serve_itself_answers():
    edge.open_edge_to(CorsSettings(origins=[PAGE]))
    answer = await answered()
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (429, PAGE)


async def test_unless_a_configuration_says_so_no_page_does():
    assert "access-control-allow-origin" not in (await answered()).headers


def test_errors_of_other_processes_have_no_colours_in_the_controllers_messages():
    done = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, timeout=60, check=True
    )
    assert "ValueError: broken" in done.stdout
    assert "x1b" not in done.stdout

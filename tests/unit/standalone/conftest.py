"""The gateway as one process serves it, without a server before it."""

import asyncio
import itertools

import pytest

from serve_app.gateway.app import build
from serve_app.gateway.context import Settings
from serve_app.gateway.middleware import RequestIds
from tests.unit.gateway.harness import client_of


@pytest.fixture
def app(registry):
    """The endpoints `risk`, `age` and `both`; `age` answers where none is named."""
    numbers = itertools.count(1)
    settings = Settings(max_body_bytes=1_000_000, max_rows=50_000, default_endpoint="age")
    gateway = build(client_of(registry).predictor, settings)
    return RequestIds(gateway, ids=lambda: f"id-{next(numbers)}")


@pytest.fixture
def loop():
    made = asyncio.new_event_loop()
    yield made
    asyncio.set_event_loop(None)
    made.close()

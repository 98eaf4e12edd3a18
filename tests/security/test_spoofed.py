"""What clients claim of themselves counts where the proxy vouches for it, and nowhere else."""

import asyncio

import pytest

from serve_app.core.edge_token import (
    CERTIFICATE_NAME_HEADER,
    CERTIFICATE_SUBJECT_HEADER,
    EDGE_HEADER,
    SOURCE_HEADER,
    EdgeToken,
)
from serve_app.gateway.access import CERTIFICATE, Access, Gate
from serve_app.gateway.context import caller_of, headers_of
from serve_app.gateway.middleware import Edge
from tests.security.callers import AGE, ALL, Known

TOKEN = b"t" * 32
BATCH = {CERTIFICATE_SUBJECT_HEADER: "CN=batch,O=Example"}


def asked(headers, *, token=EdgeToken(TOKEN), certificates=True):  # noqa: B008 - it never changes
    """The status, the caller and the credential of a request through edge and access."""
    known = Known(certificates=["CN=batch,O=Example"])
    reached, sent = [], []

    async def app(scope, receive, send):
        reached.append(scope)
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def send(message):
        sent.append(message)

    gate = Gate(known, lambda *_: None, certificates=certificates)
    scope = {
        "type": "http", "method": "POST", "path": "/", "query_string": b"", "scheme": "http",
        "client": ("10.0.0.7", 1),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }  # fmt: skip
    asyncio.run(Edge(Access(app, gate), token=token)(scope, None, send))
    for one in reached:
        assert EDGE_HEADER not in headers_of(one)
    caller = caller_of(reached[0]) if reached else None
    return sent[0]["status"], caller, known.asked


def test_the_header_is_the_one_that_the_proxy_sets():
    assert CERTIFICATE_SUBJECT_HEADER.encode() == CERTIFICATE


@pytest.mark.parametrize(
    "claims",
    [
        BATCH,
        {**BATCH, EDGE_HEADER: "t" * 31},
        {**BATCH, EDGE_HEADER: "T" * 32},
        {**BATCH, EDGE_HEADER: ""},
        {CERTIFICATE_NAME_HEADER: "admin"},
        {CERTIFICATE_NAME_HEADER: "admin", EDGE_HEADER: "t" * 32},
    ],
)
def test_a_certificate_that_the_proxy_did_not_see_is_none(claims):
    assert asked(claims)[0] == 401


def test_a_certificate_that_the_proxy_saw_says_who_asks():
    through = {**BATCH, EDGE_HEADER: TOKEN.decode()}
    assert asked(through)[:2] == (200, ALL)
    assert asked(through, certificates=False)[0] == 401
    assert asked(through, token=None)[0] == 401
    assert asked({**through, "x-api-key": "k-age"})[1] is AGE


@pytest.mark.parametrize(
    ("headers", "source"),
    [
        ({}, "10.0.0.7"),
        ({SOURCE_HEADER: "9.9.9.9"}, "10.0.0.7"),
        ({"forwarded": "for=9.9.9.9", "x-real-ip": "9.9.9.9"}, "10.0.0.7"),
        ({SOURCE_HEADER: "9.9.9.9", EDGE_HEADER: "wrong"}, "10.0.0.7"),
        ({SOURCE_HEADER: "192.0.2.9", EDGE_HEADER: TOKEN.decode()}, "192.0.2.9"),
    ],
)
def test_failures_count_for_the_true_source(headers, source):
    status, _, credentials = asked({**headers, "x-api-key": "wrong"})
    assert status == 401
    assert [one.source for one in credentials] == [source]

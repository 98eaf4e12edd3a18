"""The layer that knows who asks, around applications that tell what reached them."""

import asyncio

import pytest

from serve_app.gateway.access import (
    MOST_HOSTS,
    PUBLIC,
    Access,
    Gate,
    has_key,
    protect,
    public_paths,
)
from serve_app.gateway.context import caller_of
from tests.security.callers import AGE, ALL, FLOODS, Known

KEY = (b"x-api-key", b"k-age")


class Asked:
    """Asks through the layer, and remembers what came through and what was sent."""

    def __init__(self, *, public=frozenset(), known=None, **certificates):
        self.known = known or Known()
        self.counted = []
        gate = Gate(self.known, lambda *what: self.counted.append(what), **certificates)
        self.app = Access(self._reached, gate, public)
        self.scope = None

    async def _reached(self, scope, receive, send):
        self.scope = scope
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"in"})

    def __call__(self, *headers, **scope):
        sent = []

        async def send(message):
            sent.append(message)

        async def receive():
            raise AssertionError("nobody is to read the body of a stranger")

        whole = {
            "type": "http", "method": "GET", "path": "/", "query_string": b"",
            "client": ("10.0.0.7", 5000), "headers": [(b"host", b"here"), *headers], **scope,
        }  # fmt: skip
        asyncio.run(self.app(whole, receive, send))
        return sent

    def status(self, *headers, **scope):
        return self(*headers, **scope)[0]["status"]


@pytest.mark.parametrize(
    "header",
    [
        KEY,
        (b"api-key", b"k-age"),
        (b"authorization", b"Bearer k-age"),
        (b"authorization", b"ApiKey k-age"),
    ],
)
def test_a_key_says_who_asks_and_goes_no_further(header):
    asked = Asked()
    assert asked.status(header, (b"x-other", b"1")) == 200
    assert caller_of(asked.scope) is AGE
    assert asked.scope["headers"] == [(b"host", b"here"), (b"x-other", b"1")]
    (credential,) = asked.known.asked
    assert (credential.kind, credential.source) == ("key", "10.0.0.7")
    assert asked.counted == []


def test_what_has_a_dot_after_bearer_is_a_token():
    asked = Asked(known=Known(tokens=["a.b.c"]))
    assert asked.status((b"authorization", b"Bearer a.b.c")) == 200
    assert caller_of(asked.scope) is ALL
    assert asked.status((b"x-api-key", b"a.b.c")) == 401
    assert [one.kind for one in asked.known.asked] == ["token", "key"]


ODD = [
    [],
    [(b"x-api-key", b"")],
    [(b"x-api-key", b"k-nobody")],
    [(b"x-api-key", b"K-AGE")],
    [KEY, KEY],
    [KEY, (b"authorization", b"Bearer k-age")],
    [KEY, (b"x-api-key", b"k-all")],
    [KEY, (b"api-key", b"")],
    [(b"authorization", b"bearer k-age")],
    [(b"authorization", b"Bearer")],
    [(b"authorization", b"Bearer ")],
    [(b"authorization", b"Bearer  k-age")],
    [(b"authorization", b"Bearer k-age ")],
    [(b"authorization", b"Bearer k-age, Bearer k-age")],
    [(b"authorization", b"Bearer\tk-age")],
    [(b"authorization", b"k-age")],
    [(b"authorization", b"Basic ay1hZ2U6")],
    [(b"authorization", b"AWS4-HMAC-SHA256 Credential=k-age/1, Signature=00")],
    [(b"authorization", b"Token k-age")],
    [(b"x-api-key", b"k-age\x00")],
    [(b"x-api-key", b"\x00k-age")],
    [(b"x-api-key", b"k-age\xc2\xa0")],
    [(b"x-api-key", b"k-age" * 13_000)],
    [(b"authorization", b"Bearer " + b"a." * 40_000)],
    [(b"x-client-dn", b"CN=batch")],
    [(b"cookie", b"x-api-key=k-age")],
    [(b"x-forwarded-user", b"root")],
]


@pytest.mark.parametrize("headers", ODD, ids=lambda one: str(one)[:60])
def test_whatever_else_is_shown_the_answer_is_the_same_and_nothing_is_logged(headers, caplog):
    caplog.set_level("DEBUG")
    asked, nobody = Asked(known=Known(certificates=["CN=batch"])), Asked()
    answer = asked(*headers)
    assert asked.scope is None
    assert answer == nobody()
    start, body = answer
    assert start["status"] == 401
    assert dict(start["headers"])[b"www-authenticate"].startswith(b"Bearer ")
    assert b"k-age" not in body["body"]
    assert asked.counted == [("http", "4xx")]
    assert "k-age" not in caplog.text


@pytest.mark.parametrize(
    "query",
    [
        b"api_key=k-age",
        b"a=1&API-Key=k-age",
        b"x-api-key=k-age",
        b"api%5Fkey=k-age",
        b"access_token=a.b.c",
        b"authorization=Bearer%20k-age",
        b"subscription-key=k-age",
        b"api_key",
        b"whatever=sa_k1_" + b"x" * 43 + b"_abcdef",
    ],
)
def test_a_key_in_an_address_is_refused_though_another_is_right(query):
    asked = Asked()
    start, body = asked(KEY, query_string=query)
    assert start["status"] == 400
    assert asked.scope is None
    assert asked.known.asked == []
    assert b"k-age" not in body["body"]


@pytest.mark.parametrize("query", [b"key=1", b"limit=3&next_page_token=2", b"token=1", b"sa_=1"])
def test_other_queries_hold_no_key(query):
    assert not has_key(query)
    assert Asked().status(KEY, query_string=query) == 200


def test_who_floods_is_told_when_to_come_again():
    asked = Asked()
    start, _ = asked((b"x-api-key", FLOODS.encode()))
    assert start["status"] == 429
    assert dict(start["headers"])[b"retry-after"] == b"7"
    assert asked.counted == [("http", "4xx")]


def test_a_certificate_counts_where_the_proxy_vouches_for_it_and_no_key_is_shown():
    subject = (b"x-client-dn", b"CN=batch")
    asked = Asked(known=Known(certificates=["CN=batch"]), certificates=True)
    assert asked.status(subject) == 200
    assert caller_of(asked.scope) is ALL
    assert asked.status(subject, KEY) == 200
    assert caller_of(asked.scope) is AGE
    assert asked.status(subject, (b"x-api-key", b"wrong")) == 401
    assert asked.status((b"x-client-dn", b"CN=other")) == 401


def test_a_certificate_that_a_port_has_verified_counts_as_one_of_the_proxy():
    asked = Asked(known=Known(certificates=["CN=batch"]), certificates=True)
    assert asked.status(client_certificate=b"CN=batch") == 200
    assert caller_of(asked.scope) is ALL
    # What a client writes itself does not stand beside what the port knows.
    spoofed = (b"x-client-dn", b"CN=batch")
    assert asked.status(spoofed, client_certificate=b"CN=other") == 401
    unbelieved = Asked(known=Known(certificates=["CN=batch"]))
    assert unbelieved.status(client_certificate=b"CN=batch") == 401


def test_where_a_certificate_must_be_shown_a_key_alone_opens_nothing():
    known = Known(certificates=["CN=batch"])
    asked = Asked(known=known, certificates=True, must_show=True)
    assert asked.status(KEY) == 401
    assert asked.status() == 401
    assert known.asked == [], "a key is not even looked at"
    assert asked.status(client_certificate=b"CN=batch") == 200
    # A certificate of nobody's beside a key: the key says who it is.
    assert asked.status(KEY, client_certificate=b"CN=other") == 200
    assert caller_of(asked.scope) is AGE
    assert asked.status(client_certificate=b"CN=other") == 401


@pytest.mark.parametrize(
    "host",
    [b"a/?x=", b"a#b", b"a@b", b"a\\b", b"a b", b"\xc3\xa9", b"a:1:2", b"[::1", b"a:port",
     b"<script>", b"a" * 300],
)  # fmt: skip
def test_what_is_no_host_is_refused_before_anything_is_looked_at(host):
    asked = Asked()
    start, body = asked(KEY, headers=[(b"host", host), KEY])
    assert start["status"] == 400
    assert b"Host header is no host" in body["body"]
    assert asked.known.asked == []
    assert asked.status(headers=[(b"host", b"a"), (b"host", b"a"), KEY]) == 400


@pytest.mark.parametrize(
    "host", [b"models.example.com", b"a_b:8000", b"127.0.0.1:80", b"[2001:db8::1]:8000", b"", None]
)
def test_any_host_is_answered_for_where_none_is_listed(host):
    named = [] if host is None else [(b"host", host)]
    assert Asked().status(headers=[*named, KEY]) == 200


def test_only_so_many_hosts_are_known_again_and_all_others_are_looked_at():
    asked = Asked()
    for number in range(3 * MOST_HOSTS):
        assert asked.status(headers=[(b"host", b"a%d.example" % number), KEY]) == 200
        assert asked.status(headers=[(b"host", b"a%d/example" % number), KEY]) == 400
    assert len(asked.app._gate._good_hosts) == MOST_HOSTS


def test_where_hosts_are_listed_no_other_is_answered_for():
    asked = Asked(hosts=["models.example.com"], public=frozenset({"/ping"}))
    for host in (b"models.example.com", b"MODELS.example.com:443", b"localhost:8000", b"[::1]"):
        assert asked.status(headers=[(b"host", host), KEY]) == 200
    for host in (b"evil.example", b"models.example.com.evil.example", b"10.0.0.7", b""):
        assert asked.status(headers=[(b"host", host), KEY]) == 400
    # Probes of platforms ask by addresses.
    assert asked.status(path="/ping", headers=[(b"host", b"10.0.0.7:8000")]) == 200
    assert Asked(hosts=["*"]).status(headers=[(b"host", b"evil.example"), KEY]) == 200


def test_everybody_may_look_whether_it_lives_and_has_no_rights_by_that():
    asked = Asked(public=frozenset({"/ping"}))
    for method in ("GET", "HEAD"):
        assert asked.status(path="/ping", method=method) == 200
        caller = caller_of(asked.scope)
        assert not any(caller.grants.show(name) for name in ("risk", "*", ""))
    assert asked.status(KEY, path="/ping") == 200
    assert KEY not in asked.scope["headers"]
    for method in ("POST", "OPTIONS", "DELETE", "TRACE"):
        assert asked.status(path="/ping", method=method) == 401
    for path in ("/ping/", "//ping", "/PING", "/ping/..", "/x/../ping", "/ping\x00", ""):
        assert asked.status(path=path) == 401


def test_other_protocols_do_not_pass():
    asked = Asked()
    assert asked(KEY, type="websocket")[0]["type"] == "websocket.close"
    assert asked.scope is None
    asked.app._app = passed = []

    async def app(scope, receive, send):
        passed.append(scope["type"])

    asked.app._app = app
    assert asked(type="lifespan") == []
    assert passed == ["lifespan"]


def test_who_is_known_is_not_asked_again():
    asked = Asked()
    assert asked.status(caller=AGE) == 200
    assert asked.known.asked == []


def test_without_a_gate_there_is_no_layer():
    app = object()
    assert protect(app, None, "all") is app


def test_the_main_port_has_the_signs_of_life_of_every_profile():
    paths = public_paths("all", "/health-of-vertex")
    for profile, own in PUBLIC.items():
        if profile != "all":
            assert {f"/{profile}{path}" for path in own} <= paths
    assert "/health-of-vertex" in paths
    assert "/" not in paths
    assert public_paths("vertex", "/v") == {"/v"}
    assert public_paths("tfs", "/v") == frozenset()
    assert public_paths("admin") == frozenset()

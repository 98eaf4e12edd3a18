"""Who guesses keys and tokens learns nothing from answers or time, and does no harm to others."""

import asyncio
import hashlib
import json
import random
import secrets
import string
import time

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm
from scipy.stats import mannwhitneyu

from serve_app.config import AccessSettings
from serve_app.control.keys import KeyBook
from serve_app.core.access import NOBODY, KeyOrder
from serve_app.gateway.access import MAIN, Gate, protect
from serve_app.security.authentication import FAILURES_AT_ONCE, authenticator_of
from serve_app.security.authenticators import Credential
from serve_app.security.budget import Budget
from serve_app.security.keys import KeyRing, new_key

TIMES = 2_000
KNOWN_KEYS = 64
ALPHABET = string.ascii_letters + string.digits
GUESSES = 10_000
CONNECTIONS = 32
ISSUER_KEY = ec.generate_private_key(ec.SECP256R1())
STRANGERS_KEY = ec.generate_private_key(ec.SECP256R1())


def token(key, **more):
    body = {"iss": "i", "aud": "a", "exp": time.time() + 600, "sub": "ada", **more}
    return jwt.encode(body, key, "ES256")


class House:
    """A gateway's access layer before an application that answers 200, with one key."""

    def __init__(self, folder):
        kept = {}

        class Store:
            def all(self):
                return list(kept.values())

            def put(self, *records):
                kept.update((one.id, one) for one in records)

        self.now_s = 0.0
        book = KeyBook(
            Store(), clock=time.time, random_bytes=secrets.token_bytes, keep_event=lambda _: None
        )
        self.issued = book.create(KeyOrder("billing", ("predict",)), "ada")
        jwks = folder / "jwks.json"
        jwks.write_text(
            json.dumps({"keys": [ECAlgorithm.to_jwk(ISSUER_KEY.public_key(), as_dict=True)]})
        )
        tokens = {"issuer": "i", "audience": "a", "keys": str(jwks)}
        self.known = authenticator_of(
            AccessSettings.model_validate({"mode": "any", "tokens": tokens}),
            clock=time.time, monotonic=lambda: self.now_s, wanted=lambda: None,
        )  # fmt: skip
        self.known.follow(NOBODY.with_keys(kept.values(), time.time()))

        async def app(scope, receive, send):
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})

        self.app = protect(app, Gate(self.known, lambda *_: None), MAIN)

    async def ask(self, value, source="10.0.0.1", name=b"authorization"):
        sent = []

        async def receive():
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message):
            sent.append(message)

        shown = value.encode() if name == b"x-api-key" else f"Bearer {value}".encode()
        scope = {
            "type": "http", "method": "POST", "path": "/v1/models/risk:predict",
            "raw_path": b"/v1/models/risk:predict", "query_string": b"", "root_path": "",
            "headers": [(name, shown)], "client": (source, 4000), "scheme": "http",
            "http_version": "1.1", "server": ("h", 80),
        }  # fmt: skip
        await self.app(scope, receive, send)
        return sent[0]["status"], b"".join(one.get("body", b"") for one in sent)


@pytest.fixture
def house(tmp_path):
    return House(tmp_path)


@pytest.mark.parametrize("kind", ["keys", "tokens"])
def test_after_its_budget_a_source_is_refused_and_nobody_else(house, kind):
    def made_up(number):
        return new_key(secrets.token_bytes)[1] if kind == "keys" else f"{number}.{number}.a"

    good = token(ISSUER_KEY)
    statuses = []

    async def guess(connection):
        for number in range(GUESSES // CONNECTIONS):
            status, _ = await house.ask(made_up(number * CONNECTIONS + connection))
            statuses.append(status)

    async def everything():
        assert (await house.ask(good))[0] == 200
        await asyncio.gather(*(guess(one) for one in range(CONNECTIONS)))
        others = [
            await house.ask(house.issued.key, name=b"x-api-key"),
            await house.ask(good),
            await house.ask(house.issued.key, source="10.0.0.2"),
            await house.ask(token(ISSUER_KEY, jti="new"), source="10.0.0.2"),
        ]
        assert [status for status, _ in others] == [200] * 4

    asyncio.run(everything())
    allowed = FAILURES_AT_ONCE if kind == "keys" else 200
    assert statuses.count(401) == allowed
    assert statuses.count(429) == len(statuses) - allowed
    assert 200 not in statuses


def test_unknown_mistyped_expired_and_revoked_are_answered_alike(house):
    key = house.issued.key
    shown = [
        new_key(secrets.token_bytes)[1],
        key[:-1] + ("0" if key[-1] != "0" else "1"),
        key[:57],
        token(STRANGERS_KEY),
        token(ISSUER_KEY, exp=time.time() - 90),
        token(ISSUER_KEY, aud="other"),
        "a.b.c",
    ]
    answers = [asyncio.run(house.ask(one, f"10.0.1.{place}")) for place, one in enumerate(shown)]
    house.known.follow(NOBODY)
    answers.append(asyncio.run(house.ask(key, "10.0.2.1")))
    documents = [{**json.loads(body), "request_id": ""} for _, body in answers]
    assert {status for status, _ in answers} == {401}
    assert all(one == documents[0] for one in documents)


def wrong_at(key, place):
    """The key with another letter or digit there."""
    others = [one for one in ALPHABET if one != key[place]]
    return key[:place] + secrets.choice(others) + key[place + 1 :]


def test_time_does_not_tell_how_much_of_a_key_is_right(house):
    """Mann-Whitney's test of 2,000 with the first byte wrong beside as many with the last.

    They are of many keys, in a random order: where in a table the digest of one wrong key
    falls costs a few nanoseconds more or less, for ever the same, which says nothing of it.
    """
    keys = [new_key(secrets.token_bytes)[1] for _ in range(KNOWN_KEYS)]
    ring = KeyRing((), time.time, Budget(burst=1e9, per_s=1.0, clock=time.monotonic))
    (known,) = house.known._keys._known.values()
    ring._known = {hashlib.sha256(key.encode()).digest(): known for key in keys}
    places = {"near": -10, "far": keys[0].index("_", 3) + 1}
    assert ring.known(Credential("key", keys[0], "s")) is known

    def shown(place):
        return Credential("key", wrong_at(secrets.choice(keys), place), "s")

    def p_value():
        # What makes a key leaves its mark on the memory that the next call is given.
        names = random.sample(["near", "far"] * TIMES, 2 * TIMES)
        made = [(name, shown(places[name])) for name in names]
        spent = {"near": [], "far": []}
        for name, credential in made:
            began = time.perf_counter_ns()
            ring.known(credential)
            spent[name].append(time.perf_counter_ns() - began)
        return mannwhitneyu(spent["near"], spent["far"]).pvalue

    # By chance one in a hundred is below: three in a row are not.
    assert max(p_value() for _ in range(3)) > 0.01

"""What a token says of itself opens nothing, by HTTP or gRPC, and nothing of it is looked up."""

import base64
import contextlib
import hashlib
import hmac
import itertools
import json
import socket
import sys
import time

import grpc
import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from serve_app.config import AccessSettings, ListenerSettings
from serve_app.core.access import NOBODY
from serve_app.gateway import rpc
from serve_app.gateway.access import CHALLENGE, MAIN, Gate, protect
from serve_app.gateway.context import Settings
from serve_app.protocols.oip import messages as oip_messages
from serve_app.security.authentication import authenticator_of
from serve_app.serving.listeners import Listeners
from tests.unit.gateway.harness import ROW, client_of

ISSUER, AUDIENCE = "https://id.example", "serve-app"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
STRANGER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PREDICT = "/v1/models/age:predict"
METHOD = f"/{oip_messages.SERVICE}/ServerMetadata"
PLACE = "evil.example"
"""A word that stands in all that tokens name to be looked up."""


@pytest.fixture
def touched():
    """What is opened, asked for by name, or connected to; hooks stay until the process ends."""
    events, watching = [], [True]

    def hook(name, arguments):
        if watching[0] and name in {"open", "socket.connect", "socket.getaddrinfo"}:
            events.append((name, str(arguments)))

    sys.addaudithook(hook)
    yield events
    watching[0] = False


def listed(key, **more):
    return {**RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), **more}


def part(value):
    written = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(written).rstrip(b"=").decode()


def claims(**more):
    body = {"iss": ISSUER, "aud": AUDIENCE, "exp": int(time.time()) + 300, "sub": "ada"}
    return {**body, "scope": "predict read", **more}


def signed(key=KEY, algorithm="RS256", headers=None, **more):
    return jwt.encode(claims(**more), key, algorithm, headers={"kid": "r", **(headers or {})})


def bare(header, signature=b"", **more):
    return f"{part(header)}.{part(claims(**more))}.{part(signature)}"


def by_secret(header, secret, digest=hashlib.sha256):
    """A token with a MAC of one's own, as no library makes it."""
    text = f"{part(header)}.{part(claims())}"
    return f"{text}.{part(hmac.new(secret, text.encode(), digest).digest())}"


def public(encoding, form):
    return KEY.public_key().public_bytes(encoding, form)


PEM = public(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
DER = public(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
OLD_PEM = public(serialization.Encoding.PEM, serialization.PublicFormat.PKCS1)


def forgeries():
    """Tokens by what is wrong with them."""
    good = signed()
    head, body, seal = good.split(".")
    for name in ("none", "None", "NONE", "nOnE", "", None, 0, [], ["RS256"]):
        yield f"algorithm {name!r}", bare({"alg": name, "kid": "r"})
        yield f"algorithm {name!r}, the seal of another", f"{part({'alg': name})}.{body}.{seal}"
    for what, secret in {
        "PEM": PEM, "PEM without its end": PEM.strip(), "DER": DER, "PKCS1": OLD_PEM,
        "JWK": json.dumps(listed(KEY, kid="r")).encode(), "nothing": b"", "a NUL": b"\0",
    }.items():  # fmt: skip
        for size in ("256", "384", "512"):
            digest = getattr(hashlib, f"sha{size}")
            header = {"alg": f"HS{size}", "kid": "r"}
            yield f"HS{size} by the public key: {what}", by_secret(header, secret, digest)
    places = {
        "jku": f"http://{PLACE}/jwks", "x5u": f"https://{PLACE}/cert", "jwk": listed(STRANGER),
        "x5c": ["MIIB"], "crit": ["exp"], "b64": False, "url": f"file:///{PLACE}",
    }  # fmt: skip
    for name, value in places.items():
        yield f"{name} of a stranger", signed(STRANGER, headers={name: value})
    for kid in (
        "../../dev/null", f"/tmp/{PLACE}", f"file:///{PLACE}", f"http://{PLACE}/k", "r\0x", "r\n",
        "' OR 1=1 --", f"| touch /tmp/{PLACE}", "", "R", "r" * 4000,
    ):  # fmt: skip
        yield f"kid {kid[:20]!r}", signed(STRANGER, headers={"kid": kid})
        yield f"kid {kid[:20]!r} by nothing", by_secret({"alg": "HS256", "kid": kid}, b"")
    for name in ("PS256", "RS384", "RS512"):
        yield f"another algorithm of the key: {name}", signed(algorithm=name)
    yield "signatures of zeros", bare({"alg": "ES256", "kid": "r"}, bytes(64))
    yield "an algorithm that stands twice", part(b'{"alg":"RS256","alg":"none"}') + f".{body}."
    yield "five parts", f"{head}.{body}.{seal}.{part(b'x')}.{part(b'y')}"
    yield "two parts", f"{head}.{body}"
    yield "no seal", f"{head}.{body}."
    yield "a longer seal", f"{good}AAAA"
    yield "claims of another", f"{head}.{part(claims(sub='root', scope='*'))}.{seal}"
    yield "a blank within", f"{head}. {body}.{seal}"
    yield "nested", signed(STRANGER, headers={"cty": "JWT"}, token=good)
    yield "a deep header", f"{part(b'[' * 2000)}.{body}.{seal}"
    yield "an endless number", part(b'{"alg":' + b"9" * 5000 + b"}") + f".{body}.{seal}"
    wrong = {
        "iss": [None, [ISSUER], f"{ISSUER}/", ISSUER.upper(), {}],
        "aud": [None, [], "serve-app2", {"serve-app": 1}, True, "SERVE-APP"],
        "exp": [None, 1, "9999999999", True, -1, 1e308, [9999999999]],
        "nbf": [4102444800, "0", {}],
        "sub": [None, "", 7, ["ada"], "a\nb", "a" * 201],
    }
    for name, values in wrong.items():
        for value in values:
            # Signed by the issuer's own key: only what it says is wrong.
            text = f"{part({'alg': 'RS256', 'kid': 'r'})}.{part(claims(**{name: value}))}"
            made = jwt.api_jws._jws_global_obj.get_algorithm_by_name("RS256")
            yield f"{name} {value!r:.30}", f"{text}.{part(made.sign(text.encode(), KEY))}"


@contextlib.asynccontextmanager
async def serving(registry, folder):
    """A gateway on real ports, that knows callers by tokens: of HTTP, and of gRPC."""
    jwks = folder / "jwks.json"
    jwks.write_text(json.dumps({"keys": [listed(KEY, kid="r", alg="RS256")]}))
    tokens = {"issuer": ISSUER, "audience": AUDIENCE, "keys": str(jwks), "algorithms": ["RS256"]}
    known = authenticator_of(
        AccessSettings.model_validate({"mode": "any", "tokens": tokens}),
        # Each look is a second later: so many as these would be slowed down, which is another test.
        clock=time.time, monotonic=itertools.count().__next__, wanted=lambda: None,
    )  # fmt: skip
    known.follow(NOBODY)
    gate = Gate(known, lambda *_: None)
    gateway = client_of(registry)
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("", 0)) as other:
        port, rpc_port = one.getsockname()[1], other.getsockname()[1]
    listeners = Listeners()
    settings = ListenerSettings(profile="all", port=port)
    await listeners.open(protect(gateway.app, gate, MAIN), settings, ids=str)
    service = rpc.InferenceService(gateway.predictor, Settings(10_000, 50), ids=str)
    server = await rpc.serve(service, f"127.0.0.1:{rpc_port}", 1_000_000, gate)
    try:
        yield port, rpc_port
    finally:
        await server.stop(0)
        await listeners.close()


async def test_no_forged_token_lets_anybody_in_or_has_anything_looked_up(
    registry, tmp_path, touched
):
    content = {"instances": [ROW]}
    async with (
        serving(registry, tmp_path) as (port, rpc_port),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client,
        grpc.aio.insecure_channel(f"127.0.0.1:{rpc_port}") as channel,
    ):
        call = channel.unary_unary(METHOD)
        shown = {"authorization": f"Bearer {signed()}"}
        assert (await client.post(PREDICT, json=content, headers=shown)).status_code == 200
        touched.clear()
        refusals, let_in = set(), []
        for wrong, token in forgeries():
            shown = {"authorization": f"Bearer {token}"}
            answer = await client.post(PREDICT, json=content, headers=shown)
            refusals.add(
                (answer.status_code, answer.content, answer.headers.get("www-authenticate"))
            )
            try:
                await call(b"", metadata=tuple(shown.items()))
            except grpc.RpcError as error:
                if error.code() != grpc.StatusCode.UNAUTHENTICATED:
                    let_in.append((wrong, error.code()))
            else:
                let_in.append((wrong, None))
        assert let_in == []
        # Whatever is wrong, all are answered alike.
        assert [(status, shown) for status, _, shown in refusals] == [(401, CHALLENGE.decode())]
        shown = {"authorization": f"Bearer {signed()}"}
        assert (await client.post(PREDICT, json=content, headers=shown)).status_code == 200
    assert not any(PLACE in what or "/dev/null" in what for _, what in touched), touched
    asked = [what for name, what in touched if name != "open"]
    assert all(f"'127.0.0.1', {port}" in one for one in asked), asked

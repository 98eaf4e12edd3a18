"""Tokens count where an issuer's key signed them, and nothing that a token says of itself does."""

import base64
import hashlib
import hmac
import json
import time

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from serve_app.config.access import TokenSettings
from serve_app.errors import ConfigError, Overloaded
from serve_app.security import tokens
from serve_app.security.authenticators import Credential
from serve_app.security.budget import Budget
from serve_app.security.tokens import TokenVerifier

NOW_S = 1_800_000_000
ISSUER, AUDIENCE = "https://id.example", "serve-app"
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()
STRANGER = ec.generate_private_key(ec.SECP256R1())
EVERY = ("RS256", "ES256", "EdDSA", "HS256")


def public(algorithm, key, **more):
    return {**algorithm.to_jwk(key.public_key(), as_dict=True), **more}


JWKS = {
    "keys": [
        public(RSAAlgorithm, RSA, kid="r", alg="RS256"),
        public(ECAlgorithm, EC, kid="e"),
        public(OKPAlgorithm, ED, kid="d", use="sig"),
    ]
}


class Clock:
    def __init__(self):
        self.wall_s = NOW_S
        self.monotonic_s = 50.0

    def passes(self, seconds):
        self.wall_s += seconds
        self.monotonic_s += seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def unknown():
    return []


def made(clock, unknown, burst=1e6, document=JWKS, keys="https://id.example/jwks", **more):
    options = {"algorithms": EVERY, **more}
    verifier = TokenVerifier(
        TokenSettings(issuer=ISSUER, audience=AUDIENCE, keys=keys, **options),
        clock=lambda: clock.wall_s,
        monotonic=lambda: clock.monotonic_s,
        checks=Budget(burst=burst, per_s=1.0, clock=lambda: clock.monotonic_s),
        unknown_key=lambda: unknown.append(1),
    )
    verifier.follow(document)
    return verifier


@pytest.fixture
def verifier(clock, unknown):
    return made(clock, unknown)


def claims(**more):
    body = {
        "iss": ISSUER, "aud": AUDIENCE, "exp": NOW_S + 300, "sub": "ada", "tenant": "acme",
        "scope": "openid predict:churn",
    }  # fmt: skip
    body.update(more)
    return {name: value for name, value in body.items() if value is not None}


def signed(key=EC, algorithm="ES256", kid="e", headers=None, **more):
    named = {} if kid is None else {"kid": kid}
    return jwt.encode(claims(**more), key, algorithm, headers={**named, **(headers or {})})


def asked(verifier, token, source="10.0.0.1"):
    found = verifier.known(Credential("token", token, source))
    return None if found is None else found.caller


def part(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def forged(header, body, secret):
    """A token with a MAC of one's own, as no library makes it."""
    text = f"{part(header)}.{part(body)}"
    mac = hmac.new(secret, text.encode(), hashlib.sha256).digest()
    return f"{text}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


@pytest.mark.parametrize(
    ("key", "algorithm", "kid"),
    [(RSA, "RS256", "r"), (EC, "ES256", "e"), (ED, "EdDSA", "d"), (EC, "ES256", None)],
)
def test_whoever_shows_a_token_of_the_issuer_is_its_subject(verifier, key, algorithm, kid):
    caller = asked(verifier, signed(key, algorithm, kid))
    assert (caller.name, caller.tenant) == ("jwt:ada", "acme")
    assert caller.grants.allow("predict", "churn")
    assert not caller.grants.allow("predict", "risk")
    assert not caller.grants.allow("feedback", "churn")


# RFC 7515, appendix A.3: a JWS by ES256, and the key that signed it.
RFC_KEY = {
    "kty": "EC", "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
}  # fmt: skip
RFC_TOKEN = (
    "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
    "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djx"
    "La8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
)


def test_the_signature_of_the_standards_own_example_is_seen(clock, unknown):
    verifier = made(clock, unknown, document={"keys": [RFC_KEY]})
    keys = tokens.keys_of({"keys": [RFC_KEY]}, EVERY, secret=False)
    body = jwt.decode(
        RFC_TOKEN, keys[0].by_algorithm["ES256"], algorithms=["ES256"],
        options={"verify_exp": False},
    )  # fmt: skip
    assert body["iss"] == "joe"
    # It is of another issuer, of 2011 and for nobody.
    assert asked(verifier, RFC_TOKEN) is None


@pytest.mark.parametrize(
    "token",
    [
        f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(claims())}.",
        f"{part({'alg': 'None', 'kid': 'e'})}.{part(claims())}.",
        forged(
            {"alg": "HS256", "kid": "r"},
            claims(),
            RSA.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            ),
        ),
        forged({"alg": "HS256", "kid": "e"}, claims(), json.dumps(JWKS["keys"][1]).encode()),
        forged({"alg": "HS256", "kid": "../../dev/null"}, claims(), b""),
        signed(STRANGER),
        signed(STRANGER, kid=None),
        signed(STRANGER, headers={"jwk": public(ECAlgorithm, STRANGER)}),
        signed(headers={"jku": "https://evil.example/jwks"}),
        signed(headers={"x5u": "https://evil.example/cert"}),
        signed(headers={"crit": ["exp"], "exp": 1}),
        signed(headers={"crit": []}),
        signed(kid="unknown"),
        signed(kid="../../dev/null"),
        signed(kid="r"),
        signed(RSA, "PS256", "r"),
        signed(RSA, "RS512", "r"),
        signed() + "A",
        signed()[:-2],
        f"{signed()}.x",
        "",
        "..",
        "a.b.c",
        "ü.ü.ü",
        "a" * 9000,
        signed(sub="a" * 9000),
        part([]) + "." + part([]) + ".",
        "[" * 4000,
    ],
)  # fmt: skip
def test_a_forged_token_is_nobodys(verifier, token):
    assert asked(verifier, token) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"iss": "https://evil.example"}, {"iss": None}, {"iss": ISSUER + "/"},
        {"aud": "other"}, {"aud": None}, {"aud": []}, {"aud": {"a": 1}},
        {"exp": None}, {"exp": NOW_S - 31}, {"exp": "soon"}, {"exp": True}, {"exp": 1e300},
        {"nbf": NOW_S + 31}, {"nbf": "x"}, {"iat": NOW_S + 31},
        {"sub": None}, {"sub": ""}, {"sub": "a\nb"}, {"sub": "a" * 201},
        {"tenant": 3}, {"tenant": "a\0"},
    ],
)  # fmt: skip
def test_a_token_of_another_place_time_or_person_is_nobodys(verifier, wrong):
    try:
        token = signed(**wrong)
    except TypeError:
        # A library refuses to write it; somebody else may not.
        text = f"{part({'alg': 'ES256', 'kid': 'e'})}.{part(claims(**wrong))}"
        signature = jwt.get_algorithm_by_name("ES256").sign(text.encode(), EC)
        token = f"{text}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"
    assert asked(verifier, token) is None


def test_clocks_may_differ_by_half_a_minute(verifier):
    assert asked(verifier, signed(exp=NOW_S - 29)) is not None
    assert asked(verifier, signed(nbf=NOW_S + 29)) is not None
    assert asked(verifier, signed(aud=["other", AUDIENCE])) is not None


def test_a_token_that_grants_nothing_of_ours_is_known_and_may_nothing(verifier):
    for scope in ("", "openid email", None, 7, ["predict:churn", 3]):
        caller = asked(verifier, signed(scope=scope))
        assert caller.grants.allow("predict", "churn") == isinstance(scope, list)


def test_scopes_of_a_token_may_mean_others_of_ours(clock, unknown):
    meaning = {"ml.use": ["predict", "explain"], "ml.ops": ["admin:weights"]}
    verifier = made(clock, unknown, scopes=meaning, scope_claim="scp")
    caller = asked(verifier, signed(scp=["ml.use", "predict", "admin"]))
    assert caller.grants.allow("explain", "any")
    assert not caller.grants.allow_everywhere("admin:weights")


def test_a_token_is_remembered_until_it_ends_and_no_longer_than_a_minute(
    verifier, clock, monkeypatch
):
    checks = []
    real = jwt.decode
    monkeypatch.setattr(jwt, "decode", lambda *a, **k: checks.append(1) or real(*a, **k))
    token, short = signed(), signed(exp=NOW_S + 10)
    first = asked(verifier, token)
    assert [asked(verifier, token) is first for _ in range(3)] == [True] * 3
    asked(verifier, short)
    assert len(checks) == 2
    clock.passes(41)
    assert asked(verifier, short) is None
    assert asked(verifier, token) is first
    clock.passes(20)
    checks.clear()
    assert asked(verifier, token) == first
    assert len(checks) == 1
    # A clock that is set back makes nothing valid for longer.
    clock.wall_s += 300
    assert asked(verifier, token) is None


def test_tokens_of_a_key_that_the_issuer_withdrew_count_no_more(verifier):
    token, other = signed(), signed(RSA, "RS256", "r")
    assert asked(verifier, token) is not None
    verifier.follow({"keys": JWKS["keys"][:1]})
    assert asked(verifier, token) is None
    assert asked(verifier, other) is not None
    with pytest.raises(ConfigError, match="no JWKS"):
        verifier.follow({"keys": "none"})
    assert asked(verifier, other) is not None


def test_a_key_that_nobody_knows_is_wanted(verifier, unknown):
    asked(verifier, signed(kid="new"))
    assert unknown == [1]
    verifier.follow({"keys": [public(ECAlgorithm, EC, kid="new")]})
    assert asked(verifier, signed(kid="new")) is not None


def test_what_is_remembered_is_bounded(verifier, monkeypatch):
    monkeypatch.setattr(tokens, "MOST_REMEMBERED", 10)
    for number in range(25):
        asked(verifier, signed(jti=str(number)))
    assert len(verifier._remembered) == 10


def test_made_up_tokens_are_looked_at_as_often_as_a_source_may(clock, unknown):
    verifier = made(clock, unknown, burst=5.0)
    token = signed()
    assert asked(verifier, token) is not None
    outcomes = []
    for number in range(20):
        try:
            outcomes.append(asked(verifier, signed(STRANGER, jti=str(number))))
        except Overloaded:
            outcomes.append("429")
    assert outcomes == [None] * 5 + ["429"] * 15
    # What is remembered costs nothing, and others may still prove who they are.
    assert asked(verifier, token) is not None
    assert asked(verifier, signed(sub="bob"), source="10.0.0.2") is not None


def test_tokens_that_are_in_order_use_up_nothing(clock, unknown):
    verifier = made(clock, unknown, burst=5.0)
    for number in range(20):
        assert asked(verifier, signed(jti=str(number))) is not None


def test_a_shared_secret_counts_from_a_file_alone(clock, unknown, tmp_path):
    secret = b"0123456789abcdef0123456789abcdef"
    document = {"keys": [{"kty": "oct", "k": base64.urlsafe_b64encode(secret).decode()[:-1]}]}
    token = signed(secret, "HS256", None)
    near = made(clock, unknown, document=document, keys=str(tmp_path / "jwks.json"))
    assert asked(near, token).name == "jwt:ada"
    assert asked(made(clock, unknown, document=document), token) is None


@pytest.mark.parametrize(
    "key",
    [
        {**JWKS["keys"][1], "use": "enc"},
        {**JWKS["keys"][1], "key_ops": ["sign"]},
        {**JWKS["keys"][1], "alg": "RS256"},
        {**JWKS["keys"][1], "crv": "P-384"},
        {**JWKS["keys"][1], "d": "AA"},
        {**JWKS["keys"][1], "x": 3},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
        public(RSAAlgorithm, rsa.generate_private_key(public_exponent=65537, key_size=1024)),
        {"kty": []},
        {**JWKS["keys"][1], "key_ops": 3},
        {},
    ],
)
def test_a_key_that_is_for_something_else_or_weak_signs_nothing(key):
    assert tokens.keys_of({"keys": [key]}, EVERY, secret=False) == ()


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda b: b.decode("latin-1")))
def test_whatever_is_shown_is_answered(text):
    assert asked(made(Clock(), []), text) is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(st.integers(0, 10_000), st.characters(min_codepoint=33, max_codepoint=126))
def test_no_letter_of_a_token_can_be_changed(verifier, place, letter):
    token = signed(ED, "EdDSA", "d")
    place %= len(token)
    changed = token[:place] + letter + token[place + 1 :]
    known = asked(verifier, changed)
    if known is not None:
        # The last letters of base64 hold bits that mean nothing.
        pad = "=" * 3
        decoded = [
            [base64.urlsafe_b64decode(one + pad) for one in text.split(".")]
            for text in (token, changed)
        ]
        assert decoded[0] == decoded[1]


def test_times_are_those_of_the_world(unknown):
    clock = Clock()
    clock.wall_s = time.time()
    assert asked(made(clock, unknown), signed(exp=time.time() + 60)) is not None


@pytest.mark.parametrize(
    ("claim", "detail"),
    [({}, None), ({"detail": "top1"}, "top1"), ({"detail": "rounded"}, "rounded(2)")],
)
def test_a_claim_says_how_exactly_answers_are_learnt(verifier, claim, detail):
    caller = asked(verifier, signed(**claim))
    assert (None if caller.detail is None else str(caller.detail)) == detail


@pytest.mark.parametrize("claim", ["everything", 3, ["full"]])
def test_a_detail_that_means_nothing_here_lets_nobody_in(verifier, claim):
    assert asked(verifier, signed(detail=claim)) is None


def test_the_claim_of_the_detail_may_have_another_name(clock, unknown):
    one = made(clock, unknown, detail_claim="precision")
    assert str(asked(one, signed(precision="top1")).detail) == "top1"
    assert asked(one, signed(detail="everything")).detail is None

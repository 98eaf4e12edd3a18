"""What a config says decides which proofs count, and the newest snapshot whose they are."""

import json
import secrets
from dataclasses import replace

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm
from pydantic import ValidationError

from serve_app.config.access import AccessSettings
from serve_app.core.access import Access, KeyRecord
from serve_app.errors import ConfigError, Overloaded
from serve_app.security import authentication
from serve_app.security.authentication import authenticator_of
from serve_app.security.authenticators import Credential
from serve_app.security.keys import digest_of, new_key

NOW_S = 1_800_000_000.0
EC = ec.generate_private_key(ec.SECP256R1())
OTHER = ec.generate_private_key(ec.SECP256R1())
ADDRESS = "https://id.example/jwks.json"
IDENTITY, KEY = new_key(secrets.token_bytes)
RECORD = KeyRecord(IDENTITY, digest_of(KEY), "billing", ("predict",))
BATCH = {"CN=batch": {"name": "batch", "scopes": ["predict"]}}


def jwks(key):
    return {"keys": [ECAlgorithm.to_jwk(key.public_key(), as_dict=True)]}


def token(key=EC):
    body = {"iss": "https://id.example", "aud": "serve-app", "exp": NOW_S + 60, "sub": "ada"}
    return jwt.encode(body, key, "ES256")


def made(mode, keys=ADDRESS, now=lambda: NOW_S, **more):
    of_tokens = {"issuer": "https://id.example", "audience": "serve-app", "keys": str(keys)}
    tokens = {"tokens": of_tokens} if mode in {"tokens", "any"} else {}
    known = authenticator_of(
        AccessSettings.model_validate({"mode": mode, **tokens, **more}),
        clock=lambda: NOW_S, monotonic=now, wanted=lambda: None,
    )  # fmt: skip
    if known is not None:
        known.follow(Access((RECORD,), {ADDRESS: jwks(EC)}))
    return known


def name(known, kind, value):
    caller = known.authenticate(Credential(kind, value, "10.0.0.1"))
    return None if caller is None else caller.name


@pytest.mark.parametrize(
    ("mode", "by_key", "by_token"),
    [("keys", "billing", None), ("tokens", None, "jwt:ada"), ("any", "billing", "jwt:ada")],
)
def test_only_what_the_mode_names_counts(mode, by_key, by_token):
    known = made(mode)
    assert name(known, "key", KEY) == by_key
    assert name(known, "token", token()) == by_token
    # Clients of some systems send every key as a bearer's.
    assert name(known, "token", KEY) == by_key


@pytest.mark.parametrize("mode", ["off", "open"])
def test_where_everybody_may_ask_nothing_knows_anybody(mode):
    assert made(mode) is None


def test_nobody_is_known_before_a_snapshot_was_followed():
    known = authenticator_of(
        AccessSettings(mode="keys"), clock=lambda: NOW_S, monotonic=lambda: 0.0, wanted=int
    )
    assert name(known, "key", KEY) is None


def test_a_key_that_left_the_snapshot_counts_no_more_at_once():
    known = made("any")
    known.follow(Access((), {ADDRESS: jwks(EC)}))
    assert name(known, "key", KEY) is None
    assert name(known, "token", token()) == "jwt:ada"


def test_an_issuers_new_keys_come_with_the_snapshot_and_nonsense_does_not_count():
    known = made("tokens")
    known.follow(Access((), {ADDRESS: {"keys": "none"}}))
    assert name(known, "token", token()) == "jwt:ada"
    known.follow(Access((), {ADDRESS: jwks(OTHER)}))
    assert name(known, "token", token()) is None
    assert name(known, "token", token(OTHER)) == "jwt:ada"
    # Those of another issuer are not looked at.
    known.follow(Access((), {"https://evil.example/": jwks(EC)}))
    assert name(known, "token", token(EC)) is None


def test_an_issuers_keys_in_a_file_are_read_again_when_it_changes(tmp_path):
    now = [0.0]
    place = tmp_path / "jwks.json"
    place.write_text(json.dumps(jwks(EC)))
    known = made("tokens", place, lambda: now[0])
    assert name(known, "token", token()) == "jwt:ada"
    after = tmp_path / "after.json"
    after.write_text(json.dumps(jwks(OTHER)))
    after.replace(place)
    now[0] += 2
    assert name(known, "token", token()) is None
    assert name(known, "token", token(OTHER)) == "jwt:ada"
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    broken.replace(place)
    now[0] += 2
    assert name(known, "token", token(OTHER)) == "jwt:ada"
    place.unlink()
    now[0] += 2
    assert name(known, "token", token(OTHER)) == "jwt:ada"


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"keys": 3}'])
def test_a_file_that_is_none_is_told_at_the_start(tmp_path, content):
    place = tmp_path / "jwks.json"
    if content is not None:
        place.write_text(content)
    with pytest.raises(ConfigError):
        made("tokens", place)


def test_certificates_are_known_by_their_subjects_as_configured():
    known = made("keys", certificates={"principals": BATCH})
    assert name(known, "certificate", "CN=batch") == "batch"
    assert name(known, "certificate", "CN=Batch") is None
    assert name(made("keys"), "certificate", "CN=batch") is None


def test_what_is_never_valid_here_is_bounded_too():
    known = made("keys")
    outcomes = []
    for number in range(50):
        try:
            outcomes.append(name(known, "token", f"{token()}{number}"))
        except Overloaded:
            outcomes.append("429")
    assert outcomes == [None] * 20 + ["429"] * 30


@pytest.mark.parametrize(
    "settings",
    [
        {"mode": "any"},
        {"mode": "tokens"},
        {"mode": "sometimes"},
        {"mode": True},
        {"mode": "open", "certificates": {"principals": BATCH}},
        {"mode": "keys", "certificates": {"principals": {"CN=x": {"name": "x", "scopes": ["no"]}}}},
        {
            "mode": "keys",
            "certificates": {"principals": {"CN=x": {"name": "a b", "scopes": ["*"]}}},
        },
        {"mode": "keys", "more": 1},
    ],
)
def test_settings_that_make_no_sense_are_refused(settings):
    with pytest.raises(ValidationError):
        AccessSettings.model_validate(settings)


def test_the_bare_word_off_of_yaml_is_the_mode():
    assert AccessSettings.model_validate({"mode": False}).mode == "off"


@pytest.mark.parametrize(
    "keys",
    [
        "http://id.example/jwks", "file:///etc/passwd", "gopher://id.example/", "https://",
        "https://user:word@id.example/jwks", "ftp://id.example/jwks", "file:/etc/passwd",
        "HTTP://id.example/", "data:application/json,{}",
    ],
)  # fmt: skip
def test_keys_come_from_a_file_or_an_https_address_alone(keys):
    body = {"issuer": "i", "audience": "a", "keys": keys}
    with pytest.raises(ValidationError, match="https"):
        AccessSettings.model_validate({"mode": "tokens", "tokens": body})


@pytest.mark.parametrize(
    "more", [{"leeway_s": 31}, {"algorithms": []}, {"algorithms": ["none"]}, {"prefix": "a b"},
             {"scopes": {"x": ["anything"]}}],
)  # fmt: skip
def test_tokens_are_never_read_generously(more):
    body = {"issuer": "i", "audience": "a", "keys": ADDRESS, **more}
    with pytest.raises(ValidationError):
        AccessSettings.model_validate({"mode": "tokens", "tokens": body})


def test_a_certificate_says_how_exactly_its_principal_learns_answers():
    batch = {"CN=batch": {**BATCH["CN=batch"], "detail": "rounded"}}
    known = made("keys", certificates={"principals": batch})
    caller = known.authenticate(Credential("certificate", "CN=batch", "10.0.0.1"))
    assert str(caller.detail) == "rounded(2)"


@pytest.mark.parametrize("detail", ["some", "rounded(0)", "Full"])
def test_a_detail_that_is_none_is_no_config(detail):
    for body in ({"default": detail}, {"principals": {"ann": detail}}):
        with pytest.raises(ValidationError, match="write full, rounded"):
            AccessSettings.model_validate({"detail": body})


def shown(value):
    return b"authorization", f"Bearer {value}".encode()


def recalled(known, kind, value):
    """Who is known by a header, once it was looked at."""
    known.authenticate(Credential(kind, value, "10.0.0.1", shown(value)))
    caller = known.recall(shown(value))
    return None if caller is None else caller.name


def test_a_header_that_was_in_order_needs_no_other_look():
    known = made("any")
    assert known.recall(shown(KEY)) is None
    assert recalled(known, "key", KEY) == "billing"
    assert recalled(known, "token", token()) == "jwt:ada"
    # As the header came: the same key elsewhere is another one.
    assert known.recall((b"x-api-key", shown(KEY)[1])) is None
    assert known.recall(shown(KEY.upper())) is None


def test_a_header_that_was_not_in_order_is_never_recalled():
    known = made("any")
    assert recalled(known, "key", new_key(secrets.token_bytes)[1]) is None
    assert recalled(known, "token", token(OTHER)) is None


def test_a_key_that_is_revoked_is_not_recalled_under_the_next_snapshot():
    known = made("keys")
    assert recalled(known, "key", KEY) == "billing"
    known.follow(Access((replace(RECORD, disabled_at_s=NOW_S),), {}))
    assert known.recall(shown(KEY)) is None
    assert recalled(known, "key", KEY) is None


def test_a_key_and_a_token_are_recalled_within_their_time_alone():
    wall, steady = [NOW_S], [0.0]
    known = authenticator_of(
        AccessSettings.model_validate(
            {
                "mode": "any",
                "tokens": {
                    "issuer": "https://id.example", "audience": "serve-app", "keys": ADDRESS
                },
            }
        ),
        clock=lambda: wall[0], monotonic=lambda: steady[0], wanted=lambda: None,
    )  # fmt: skip
    known.follow(Access((replace(RECORD, expires_at_s=NOW_S + 10),), {ADDRESS: jwks(EC)}))
    mine = token()
    assert recalled(known, "key", KEY) == "billing"
    assert recalled(known, "token", mine) == "jwt:ada"
    wall[0] += 10
    assert known.recall(shown(KEY)) is None
    assert known.recall(shown(mine)).name == "jwt:ada"
    steady[0] += 61
    assert known.recall(shown(mine)) is None


def test_a_file_of_an_issuers_keys_that_changes_counts_for_what_is_recalled(tmp_path):
    file, steady = tmp_path / "jwks.json", [0.0]
    file.write_text(json.dumps(jwks(EC)))
    known = made("tokens", keys=file, now=lambda: steady[0])
    mine = token()
    assert recalled(known, "token", mine) == "jwt:ada"
    other = tmp_path / "other.json"
    other.write_text(json.dumps(jwks(OTHER)))
    other.replace(file)
    steady[0] += 1.1
    assert known.recall(shown(mine)) is None
    assert recalled(known, "token", mine) is None


def test_so_many_headers_are_recalled_and_no_more(monkeypatch):
    monkeypatch.setattr(authentication, "MOST_RECALLED", 2)
    known = made("any")
    several = [token() for _ in range(5)]
    for one in several:
        assert recalled(known, "token", one) == "jwt:ada"
    assert sum(known.recall(shown(one)) is not None for one in several) <= 2

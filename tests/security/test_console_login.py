"""People log in to the console at a provider of OpenID Connect, and nobody else does."""

import json
import ssl
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from serve_app.config import AccessSettings, GatewayArgs
from serve_app.config.console_login import OidcSettings
from serve_app.serving.authentication import Knowing
from serve_app.serving.oidc_provider import provider_at
from tests.security.openid_provider import AUDIENCE, CLIENT, SECRET, openid_provider
from tests.unit.console.visitor import Visitor, text_of
from tests.unit.gateway.admin.actions import Actions
from tests.unit.serving.alerting.receivers import certificate

ADDRESS = "http://127.0.0.1:8091"
RETURN = "/console/login/return"
ENDED = "This login has ended, or began in another browser."
MISFIT = "The provider's answer does not fit this login: begin again."


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def provider(tls):
    with openid_provider(tls[0], f"{ADDRESS}{RETURN}") as made:
        yield made


@pytest.fixture
def house(provider, tls, tmp_path):
    """Makes a visitor of a console with this login; `more` are settings of it."""

    def made(tokens=None, **more):
        (tmp_path / "jwks.json").write_text(json.dumps(provider.jwks()))
        access = AccessSettings(
            mode="any",
            tokens={
                "issuer": provider.issuer, "audience": AUDIENCE, "keys": f"{tmp_path}/jwks.json",
                "private_address": True, "ca_file": str(tls[1]), **(tokens or {}),
            },
        )  # fmt: skip
        settings = OidcSettings(
            **{
                "client_id": CLIENT, "client_secret": SECRET, "address": ADDRESS,
                "discovery": f"{provider.issuer}/.well-known/openid-configuration", **more,
            }
        )  # fmt: skip
        knowing = Knowing(access)
        return Visitor(
            Actions(), gate=knowing.gate(lambda *_: None, {}),
            provider=provider_at(settings, access, knowing.claims),
        )  # fmt: skip

    return made


@pytest.fixture
def visitor(house):
    return house()


def at_provider(address, tls):
    """Where a browser that follows to the provider is sent back to."""
    context = ssl.create_default_context(cafile=tls[1])
    answer = httpx.get(address, verify=context)
    assert answer.status_code == 302
    return answer.headers["location"].removeprefix(ADDRESS)


def begin(visitor, tls, following="/console/models"):
    """Begin a login, and give the address with which the browser comes back."""
    answer = visitor.get(f"/console/login/start?{urlencode({'next': following})}")
    assert answer.status_code == 303, answer.text
    return at_provider(answer.headers["location"], tls)


def changed(back, **query):
    """The address of the way back with other values; None is without."""
    parts = urlsplit(back)
    values = {name: one for name, (one,) in parse_qs(parts.query).items()} | query
    kept = {name: one for name, one in values.items() if one is not None}
    return f"{parts.path}?{urlencode(kept)}"


def is_in(visitor):
    return visitor.get("/console").status_code == 200


def test_somebody_logs_in_at_the_provider_and_goes_on_where_they_were(visitor, provider, tls):
    page = visitor.get("/console/login?next=/console/models")
    assert "Log in at 127.0.0.1" in text_of(page)
    back = begin(visitor, tls)
    answer = visitor.get(back)
    assert answer.status_code == 200
    assert '<meta http-equiv="refresh" content="0; url=/console/models">' in answer.text
    assert "jwt:ada" in text_of(visitor.get("/console"))
    fields = {"weight.a@1": "1", "reason": "x"}
    page = "/console/endpoints/risk"
    assert visitor.send(page, f"{page}/weights", fields).status_code == 303
    assert visitor.send(page, "/console/models/a/aliases", fields).status_code == 403
    (exchange,) = provider.exchanges
    assert len(exchange["code_verifier"]) >= 43


def test_the_session_is_strict_and_the_login_that_was_begun_is_gone(visitor, tls):
    started = visitor.get("/console/login/start")
    (begun,) = [x for x in started.headers.get_list("set-cookie") if "serve_app_login" in x]
    for wanted in ("HttpOnly", "SameSite=lax", "Path=/console", "Max-Age=600"):
        assert wanted in begun
    answer = visitor.get(at_provider(started.headers["location"], tls))
    cookies = answer.headers.get_list("set-cookie")
    (session,) = [x for x in cookies if "serve_app_session" in x]
    assert "SameSite=strict" in session
    assert "HttpOnly" in session
    assert any("serve_app_login=" in x and "Max-Age=0" in x for x in cookies)
    assert "eyJ" not in session


def test_an_id_token_may_be_what_counts(house, tls, provider):
    provider.wrong = {"scope": "read"}
    visitor = house({"audience": CLIENT}, credential="id_token")
    visitor.get(begin(visitor, tls))
    assert is_in(visitor)


def test_a_provider_may_be_described_by_a_file(house, tls, provider, tmp_path):
    (tmp_path / "provider.json").write_text(json.dumps(provider.description()))
    visitor = house(discovery=f"{tmp_path}/provider.json")
    visitor.get(begin(visitor, tls))
    assert is_in(visitor)


@pytest.mark.parametrize(
    "wrong",
    [
        {"state": "forged"}, {"state": None}, {"state": "\N{PILE OF POO}"}, {"code": None},
        {"code": "guessed"}, {"iss": "https://evil.example"},
        {"code": None, "error": "access_denied"},
    ],
)  # fmt: skip
def test_an_answer_that_was_changed_lets_nobody_in(visitor, tls, wrong):
    answer = visitor.get(changed(begin(visitor, tls), **wrong))
    assert (answer.status_code, MISFIT in text_of(answer)) == (401, True)
    assert not is_in(visitor)


def test_a_login_that_another_browser_began_lets_nobody_in(visitor, house, tls, provider):
    """Whoever is made to follow somebody else's way back is not logged in as them."""
    back = begin(visitor, tls)
    victim = house()
    answer = victim.get(back)
    assert (answer.status_code, ENDED in text_of(answer)) == (401, True)
    begin(victim, tls)
    assert victim.get(back).status_code == 401
    assert not is_in(victim)
    assert provider.exchanges == []


def test_a_way_back_counts_once(visitor, tls, provider):
    back = begin(visitor, tls)
    kept = dict(visitor.cookies)
    visitor.get(back)
    assert is_in(visitor)
    assert ENDED in text_of(visitor.get(back))
    visitor.cookies = httpx.Cookies({**kept, "serve_app_session": ""})
    assert MISFIT in text_of(visitor.get(back))
    first, second = provider.exchanges
    assert first["code"] == second["code"]
    assert not is_in(visitor)


def test_a_login_ends_after_ten_minutes(visitor, tls):
    back = begin(visitor, tls)
    visitor.clock.now_s += 601
    assert ENDED in text_of(visitor.get(back))


@pytest.mark.parametrize(
    "wrong",
    [
        {"nonce": "another"}, {"nonce": None}, {"aud": "another client"},
        {"aud": [CLIENT, "another"]}, {"azp": "another"}, {"iss": "https://evil.example"},
        {"exp": 1}, {"sub": "eve"}, {"sub": None},
    ],
)  # fmt: skip
def test_an_id_token_that_is_not_of_this_login_lets_nobody_in(visitor, tls, provider, wrong):
    provider.wrong = wrong
    answer = visitor.get(begin(visitor, tls))
    assert (answer.status_code, MISFIT in text_of(answer)) == (401, True)
    assert not is_in(visitor)


@pytest.mark.parametrize("wrong", [{"aud": "another service"}, {"exp": 1}, {"sub": "eve"}])
def test_an_access_token_that_does_not_count_here_lets_nobody_in(visitor, tls, provider, wrong):
    provider.access = wrong
    assert visitor.get(begin(visitor, tls)).status_code == 401
    assert not is_in(visitor)


def test_a_token_that_grants_nothing_shows_nothing(visitor, tls, provider):
    provider.access = {"scope": "openid"}
    visitor.get(begin(visitor, tls))
    assert visitor.get("/console").status_code == 403


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example", "//evil.example", "/console//evil", "/v1/admin", "/console/../x",
     "/console\\evil", "javascript:alert(1)", "/console\"><script>", "/console/x;url=//evil"],
)  # fmt: skip
def test_after_the_login_nobody_is_led_away(visitor, tls, elsewhere):
    page = visitor.get(begin(visitor, tls, following=elsewhere)).text
    (place,) = {line.split("url=")[1].split('"')[0] for line in page.splitlines() if "url=" in line}
    assert place.startswith("/console")
    assert not {"<", '"', ";", "\\"} & set(place)
    assert "//" not in place


def test_a_session_is_no_login_that_was_begun_and_the_other_way_round(visitor, tls):
    back = begin(visitor, tls)
    begun = visitor.cookies["serve_app_login"]
    visitor.cookies.set("serve_app_session", begun)
    assert not is_in(visitor)
    assert visitor.sessions.credential(begun) is None
    visitor.cookies = httpx.Cookies({"serve_app_login": visitor.sessions.seal("key")})
    assert ENDED in text_of(visitor.get(back))


def test_while_the_provider_is_down_people_are_told_so_and_keys_still_count(visitor, provider, tls):
    provider.is_down = True
    answer = visitor.get("/console/login/start")
    assert "The provider does not answer." in text_of(answer)
    provider.is_down = False
    back = begin(visitor, tls)
    provider.is_down = True
    assert "The provider does not answer." in text_of(visitor.get(back))
    assert not is_in(visitor)


def test_a_provider_that_is_another_issuer_is_not_asked(visitor, provider, monkeypatch):
    description = {**provider.description(), "issuer": "https://evil.example"}
    monkeypatch.setattr(provider, "description", lambda: description)
    assert visitor.get("/console/login/start").status_code == 401


def test_a_provider_of_a_private_network_is_not_asked_unless_that_is_said(house):
    visitor = house({"private_address": False})
    assert visitor.get("/console/login/start").status_code == 401


def test_without_a_provider_there_is_the_form_alone():
    visitor = Visitor(Actions(), gate=Knowing(AccessSettings(mode="keys")).gate(print, {}))
    for path in ("/console/login/start", f"{RETURN}?code=x&state=y"):
        answer = visitor.get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, "/console/login")


OIDC = {"client_id": "c", "discovery": "https://id.example/x", "address": "https://ops.example"}
TOKENS = {"issuer": "i", "audience": "a", "keys": "https://id.example/jwks"}


@pytest.mark.parametrize(
    ("access", "oidc", "words"),
    [
        ({"mode": "keys"}, {}, "needs `access: {mode: any, tokens"),
        ({"mode": "any", "tokens": TOKENS}, {"credential": "id_token"}, "is the `client_id`"),
        ({"mode": "any", "tokens": TOKENS}, {"address": "http://ops.example"}, "without a path"),
        ({"mode": "any", "tokens": TOKENS}, {"address": "https://ops.example/x"}, "without a path"),
        ({"mode": "any", "tokens": TOKENS}, {"discovery": "http://id.example"}, "describes itself"),
    ],
)
def test_settings_that_let_nobody_in_are_refused(access, oidc, words):
    with pytest.raises(ValueError, match=words):
        GatewayArgs(access=access, admin={"port": 8091, "oidc": {**OIDC, **oidc}})


def test_settings_that_fit_are_taken_and_show_no_secret(monkeypatch):
    monkeypatch.setenv("CONSOLE_SECRET", "hidden")
    args = GatewayArgs(
        access={"mode": "any", "tokens": TOKENS},
        admin={"port": 8091, "oidc": {**OIDC, "client_secret": {"env": "CONSOLE_SECRET"}}},
    )
    assert args.admin.oidc.client_secret == "hidden"
    assert "hidden" not in repr(args)

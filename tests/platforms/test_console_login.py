"""A login at a provider of another site, in a real Chromium that keeps cookies as it does."""

import json
import shutil

import pytest

from serve_app.config import AccessSettings
from serve_app.config.console_login import OidcSettings
from serve_app.serving.authentication import Knowing
from serve_app.serving.oidc_provider import provider_at
from tests.platforms.browser import browser
from tests.platforms.test_console import served, until
from tests.security.openid_provider import AUDIENCE, CLIENT, SECRET, openid_provider
from tests.unit.console.visitor import Visitor
from tests.unit.gateway.admin.actions import Actions
from tests.unit.serving.alerting.receivers import certificate

pytestmark = [pytest.mark.platforms, pytest.mark.timeout(300)]


class Later:
    """An application that is known after its port is."""

    app = None

    async def __call__(self, scope, receive, send):
        await self.app(scope, receive, send)


def test_a_browser_that_logged_in_elsewhere_comes_back_with_a_session(tmp_path):
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("there is no Chromium")
    context, ca_file = certificate(tmp_path)
    console = Later()
    with served(console) as made:
        address = made.replace("127.0.0.1", "localhost")
        with openid_provider(context, f"{address}/console/login/return") as provider:
            console.app = _console(provider, address, ca_file, tmp_path).app
            with browser(program, tmp_path / "profile") as page:
                page.call("Security.setIgnoreCertificateErrors", ignore=True)
                page.open(f"{address}/console/models/a", width=1280)
                assert page.evaluate("location.pathname") == "/console/login"
                page.evaluate("document.querySelector('a.button').click()")
                until(page, "location.pathname", "/console/models/a")
                until(page, "document.querySelector('header .out span')?.textContent", "jwt:ada")


def _console(provider, address, ca_file, folder):
    (folder / "jwks.json").write_text(json.dumps(provider.jwks()))
    access = AccessSettings(
        mode="tokens",
        tokens={
            "issuer": provider.issuer, "audience": AUDIENCE, "keys": str(folder / "jwks.json"),
            "private_address": True, "ca_file": str(ca_file),
        },
    )  # fmt: skip
    settings = OidcSettings(
        client_id=CLIENT, client_secret=SECRET, address=address,
        discovery=f"{provider.issuer}/.well-known/openid-configuration",
    )  # fmt: skip
    knowing = Knowing(access)
    return Visitor(
        Actions(), gate=knowing.gate(lambda *_: None, {}),
        provider=provider_at(settings, access, knowing.claims),
    )  # fmt: skip

"""One process that answers for signed versions alone."""

import asyncio
import time
from dataclasses import replace

import pytest

from serve_app.cli.key_files import write_key_pair
from serve_app.errors import ArtifactRejected, ConfigError
from serve_app.registry.user import current_user
from serve_app.security.signer import Signer
from serve_app.security.signing import private_key
from serve_app.standalone.application import build
from serve_app.standalone.settings import RunSettings
from tests.contract.registries import at_noon


@pytest.fixture
def keys(tmp_path):
    return tmp_path / "release.pem", str(write_key_pair(tmp_path / "release.pem"))


def sign(registry, keys):
    signer = Signer(private_key(keys[0].read_bytes()), current_user(), at_noon)
    registry.sign("logistic", 1, signer)


def load(settings):
    application = build(replace(settings, endpoints={"churn": "logistic@1"}), clock=time.monotonic)

    async def loaded():
        try:
            await application.load()
        finally:
            await application.close()

    asyncio.run(loaded())
    return application


def test_versions_are_held_against_the_keys_of_the_environment(registry, keys):
    environment = {
        "SERVE_APP_REGISTRY": registry.url,
        "SERVE_APP_TRUSTED_KEYS": keys[1],
        "SERVE_APP_REQUIRE_SIGNED": "true",
    }
    settings = RunSettings.from_environment(environment)
    with pytest.raises((ArtifactRejected, ConfigError), match="logistic@1 is not signed"):
        load(settings)
    sign(registry, keys)
    assert load(settings).is_ready


def test_a_config_says_who_must_sign(registry, keys, tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text(
        f"""
applications:
- import_path: serve_app.app:gateway
  args: {{registry: {{url: ./x, require_signed: true, trusted_keys: [{keys[1]}]}}}}
- import_path: serve_app.app:control
  deployments:
  - user_config: {{endpoints: {{churn: {{route: {{kind: single, model: logistic@1}}}}}}}}
"""
    )
    settings = RunSettings.from_environment({"SERVE_APP_REGISTRY": registry.url})
    settings = replace(settings, config=str(config))
    with pytest.raises((ArtifactRejected, ConfigError), match="logistic@1 is not signed"):
        load(settings)
    sign(registry, keys)
    assert load(settings).is_ready


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"SERVE_APP_REQUIRE_SIGNED": "true"}, "no key is trusted"),
        ({"SERVE_APP_TRUSTED_KEYS": "nowhere.pem"}, "nowhere.pem cannot be read"),
    ],
)
def test_what_cannot_be_checked_is_not_answered(registry, variables, words):
    settings = RunSettings.from_environment({"SERVE_APP_REGISTRY": registry.url, **variables})
    with pytest.raises(ConfigError, match=words):
        load(settings)


def test_a_switch_that_is_neither_on_nor_off_is_refused():
    with pytest.raises(ConfigError, match="'perhaps'; write true or false"):
        RunSettings.from_environment({"SERVE_APP_REQUIRE_SIGNED": "perhaps"})

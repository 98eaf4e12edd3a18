"""One process lets in whoever has a key of its file, and takes up what changes there."""

import secrets

import pytest

from serve_app.config import AccessSettings
from serve_app.control.keys import KeyBook
from serve_app.core.access import KeyOrder
from serve_app.errors import ConfigError
from serve_app.security.authenticators import Credential
from serve_app.standalone.callers import callers_of
from serve_app.storage.keys_file import KeysFile

NOW_S = 1_800_000_000.0


@pytest.fixture
def place(tmp_path):
    return tmp_path / "keys.json"


@pytest.fixture
def book(place):
    return KeyBook(
        KeysFile(place), clock=lambda: NOW_S, random_bytes=secrets.token_bytes,
        keep_event=lambda _: None,
    )  # fmt: skip


def made(place, settings=None, now=lambda: 0.0):
    return callers_of(
        settings or AccessSettings(), None if place is None else str(place),
        clock=lambda: NOW_S, monotonic=now,
    )  # fmt: skip


def name(known, key):
    caller = known.authenticate(Credential("key", key, "10.0.0.1"))
    return None if caller is None else caller.name


def test_a_file_that_changes_is_taken_up_within_a_second(place, book):
    now = [0.0]
    first = book.create(KeyOrder("phone", ("predict",)), "ada")
    known = made(place, now=lambda: now[0])
    assert name(known, first.key) == "phone"
    second = book.create(KeyOrder("tablet", ("predict",)), "ada")
    book.revoke(first.record.id, "ada")
    now[0] = 1.0
    assert name(known, first.key) is None
    assert name(known, second.key) == "tablet"
    place.write_text("{")
    now[0] = 2.0
    assert name(known, second.key) == "tablet"


def test_without_keys_everybody_may_ask(place):
    assert made(None) is None
    assert made(None, AccessSettings(mode="open")) is None


def test_a_file_that_is_missing_or_none_is_told_at_the_start(place):
    with pytest.raises(ConfigError, match="serve-app keys create"):
        made(place)
    place.write_text("[]")
    with pytest.raises(ConfigError, match="is no file of keys"):
        made(place)


def test_a_config_may_name_the_file(place, book):
    key = book.create(KeyOrder("phone", ("predict",)), "ada").key
    settings = AccessSettings(mode="keys", keys_file=str(place))
    assert name(made(None, settings), key) == "phone"


@pytest.mark.parametrize(("mode", "has_file"), [("keys", False), ("open", True)])
def test_settings_and_file_fit_together(place, book, mode, has_file):
    book.create(KeyOrder("phone", ("predict",)), "ada")
    with pytest.raises(ConfigError, match="access"):
        made(place if has_file else None, AccessSettings(mode=mode))


def test_one_process_fetches_nothing():
    tokens = {"issuer": "i", "audience": "a", "keys": "https://id.example/jwks"}
    settings = AccessSettings.model_validate({"mode": "tokens", "tokens": tokens})
    with pytest.raises(ConfigError, match="a file as `keys`"):
        made(None, settings)

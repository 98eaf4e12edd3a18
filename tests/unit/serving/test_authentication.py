"""A gateway knows callers by its newest snapshot, and wants the keys of an issuer that lack."""

import asyncio
import time
from dataclasses import replace

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from serve_app.config import AccessSettings
from serve_app.core.access import NOBODY, KeyRecord
from serve_app.core.snapshot import Snapshot
from serve_app.core.supervisor import Supervisor
from serve_app.errors import ConfigError
from serve_app.security.authenticators import Credential
from serve_app.security.keys import digest_of
from serve_app.serving import authentication, keys_in_file
from serve_app.serving.authentication import Knowing
from serve_app.serving.issuer import Issuer
from serve_app.serving.keys_in_file import KeysInFile
from serve_app.storage.keys_file import KeysFile

KEY = "sa_0123456789_x"
RECORD = KeyRecord("0123456789", digest_of(KEY), "billing", ("predict",))
TOKENS = {"issuer": "i", "audience": "a", "keys": "https://id.example/jwks"}


def snapshot(*records):
    return Snapshot(1, "", access=NOBODY.with_keys(records, time.time()))


@pytest.mark.parametrize("mode", ["off", "open"])
def test_where_everybody_may_ask_there_is_no_gate(mode):
    knowing = Knowing(AccessSettings(mode=mode))
    knowing.follow(snapshot(RECORD))
    assert knowing.gate(lambda *_: None, {}) is None


def test_the_newest_snapshot_says_who_is_known():
    knowing = Knowing(AccessSettings(mode="keys"))
    gate = knowing.gate(lambda *_: None, {})
    shown = Credential("key", KEY, "10.0.0.1")
    assert knowing.authenticator.authenticate(shown) is None
    knowing.follow(snapshot(RECORD))
    assert gate.caller([(b"x-api-key", KEY.encode())], "10.0.0.1").name == "billing"
    knowing.follow(snapshot())
    assert knowing.authenticator.authenticate(shown) is None


@pytest.fixture
def place(tmp_path):
    file = KeysFile(tmp_path / "keys.json")
    file.put(RECORD)
    return file


def test_keys_of_a_file_count_beside_those_that_control_knows(place):
    knowing = Knowing(AccessSettings(mode="keys", keys_file=str(place.path)))
    other = "sa_other_x"
    shown = [Credential("key", one, "10.0.0.1") for one in (KEY, other)]
    known = KeyRecord("other", digest_of(other), "ops", ("admin",))
    for snapshots in ((known,), ()):
        knowing.follow(snapshot(*snapshots))
        callers = [knowing.authenticator.authenticate(one) for one in shown]
        assert [one and one.name for one in callers] == [
            "billing", "ops" if snapshots else None,
        ]  # fmt: skip


async def test_a_file_of_keys_that_changes_counts_as_it_is_then(place, monkeypatch):
    monkeypatch.setattr(keys_in_file, "PERIOD_S", 0.001)
    knowing = Knowing(AccessSettings(mode="keys", keys_file=str(place.path)))
    knowing.follow(snapshot())
    shown = Credential("key", KEY, "10.0.0.1")
    tasks = Supervisor(clock=time.monotonic, words=str)
    knowing.start(tasks, Control())

    async def until_known(name):
        async with asyncio.timeout(20):
            # The work knows of nobody who waits.
            while getattr(knowing.authenticator.authenticate(shown), "name", None) != name:  # noqa: ASYNC110
                await asyncio.sleep(0.001)

    try:
        assert knowing.authenticator.authenticate(shown).name == "billing"
        place.put(replace(RECORD, principal="renamed"))
        await until_known("renamed")
        # What is no file of keys takes nobody's away, and nor does a file that is gone.
        whole = place.path.read_text()
        place.path.write_text("[]")
        assert not KeysInFile.look(knowing._file)
        place.path.unlink()
        assert not KeysInFile.look(knowing._file)
        await until_known("renamed")
        place.path.write_text(whole)
        place.put(RECORD.revoked(time.time()))
        await until_known(None)
    finally:
        await tasks.close()


def test_a_file_of_keys_that_is_missing_is_told_at_the_start(tmp_path):
    with pytest.raises(ConfigError, match="serve-app keys create NAME"):
        Knowing(AccessSettings(mode="keys", keys_file=str(tmp_path / "keys.json")))


@pytest.mark.parametrize("mode", ["off", "open"])
def test_where_nobody_is_asked_no_file_of_keys_can_be_named(mode):
    with pytest.raises(ValueError, match="nobody is asked for the keys of `keys_file`"):
        AccessSettings(mode=mode, keys_file="keys.json")


class Control:
    def __init__(self):
        self.asked = asyncio.Queue()

    async def follow_issuer(self, issuer):
        await self.asked.put(issuer)


async def test_control_is_asked_for_an_issuers_keys_and_again_when_one_is_missing(monkeypatch):
    monkeypatch.setattr(authentication, "SHORTEST_PAUSE_S", 0.0)
    knowing = Knowing(AccessSettings.model_validate({"mode": "tokens", "tokens": TOKENS}))
    tasks, control = Supervisor(clock=time.monotonic, words=str), Control()
    knowing.start(tasks, control)
    try:
        async with asyncio.timeout(10):
            assert await control.asked.get() == Issuer("https://id.example/jwks")
        body = {"iss": "i", "aud": "a", "exp": time.time() + 60, "sub": "ada"}
        key = ec.generate_private_key(ec.SECP256R1())
        token = jwt.encode(body, key, "ES256", headers={"kid": "new"})

        async def wanted():
            while control.asked.empty():
                knowing.authenticator.authenticate(Credential("token", token, "10.0.0.1"))
                await asyncio.sleep(0)
            return await control.asked.get()

        async with asyncio.timeout(10):
            assert await wanted() == Issuer("https://id.example/jwks")
    finally:
        await tasks.close()


async def test_keys_in_a_file_or_none_are_not_asked_for(tmp_path):
    tasks, control = Supervisor(clock=time.monotonic, words=str), Control()
    for settings in (AccessSettings(mode="keys"), AccessSettings()):
        Knowing(settings).start(tasks, control)
    assert tasks.running() == set()
    assert control.asked.empty()

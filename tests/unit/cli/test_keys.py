"""Keys are made, shown once, replaced and revoked, with a cluster and without one."""

import json
import stat

import pytest

from serve_app.core.access import KeyOrder, KeyRevocation, KeyRotation
from serve_app.gateway.admin.actions import Change
from serve_app.security.keys import digest_of, id_in
from serve_app.storage.events import EventLog
from serve_app.storage.keys import KeyStore
from serve_app.storage.keys_file import KeysFile
from tests.unit.gateway.admin import actions as fakes


@pytest.fixture
def actions():
    return fakes.Actions()


@pytest.fixture(params=["state", "file"])
def kept(request, tmp_path, monkeypatch):
    """The options of a place without a cluster, and what is kept there."""
    monkeypatch.chdir(tmp_path)
    if request.param == "state":
        return ("--state", "here"), KeyStore("here")
    return ("--file", "keys.json"), KeysFile(tmp_path / "keys.json")


def made(serve_app, options, *arguments):
    outcome = serve_app("keys", "create", *arguments, *options)
    assert outcome.code == 0, outcome.err
    return outcome.out.strip()


def test_the_first_key_is_made_before_there_is_a_cluster(serve_app, kept):
    options, store = kept
    key = made(serve_app, options, "ops", "--scope", "admin", "--tenant", "acme")
    (record,) = store.all()
    assert record.digest == digest_of(key)
    assert record.id == id_in(key)
    assert (record.principal, record.tenant, record.scopes) == ("ops", "acme", ("admin",))


def test_a_key_is_shown_once_and_listed_without_what_could_be_used(serve_app, kept):
    options, store = kept
    key = made(serve_app, options, "billing", "--scope", "predict", "--endpoint", "churn*")
    for form in ((), ("--json",)):
        listed = serve_app("keys", "list", *options, *form)
        assert listed.code == 0
        assert "billing" in listed.out
        assert "churn*" in listed.out
        assert key[14:57] not in listed.out
        assert store.all()[0].digest not in listed.out


def test_a_key_may_go_to_a_file_that_its_owner_alone_reads(serve_app, kept, tmp_path):
    options, store = kept
    place = tmp_path / "billing.key"
    out = made(serve_app, options, "billing", "--scope", "predict", "--output-file", place)
    key = place.read_text().strip()
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert digest_of(key) == store.all()[0].digest
    assert key not in out
    # A file that is there is somebody's.
    again = serve_app(
        "keys", "create", "other", "--scope", "predict", "--output-file", place, *options
    )
    assert (again.code, len(store.all())) == (2, 1)
    assert place.read_text().strip() == key


def test_a_key_that_is_refused_leaves_no_file(serve_app, kept, tmp_path):
    options, store = kept
    place = tmp_path / "none.key"
    refused = serve_app(
        "keys", "create", "b", "--scope", "anything", "--output-file", place, *options
    )
    assert refused.code == 1
    assert "'anything' is no scope" in refused.err
    assert not place.exists()
    assert store.all() == []


def test_a_key_is_replaced_and_revoked(serve_app, kept):
    options, store = kept
    key = made(serve_app, options, "billing", "--scope", "predict", "--expires-in", "90d")
    replaced = serve_app("keys", "rotate", id_in(key), "--overlap", "1h", *options, "--json")
    following = json.loads(replaced.out)
    assert following["principal"] == "billing"
    assert digest_of(following["key"]) in {one.digest for one in store.all()}
    gone = serve_app("keys", "revoke", id_in(key), "--reason", "lost", *options)
    assert gone.code == 0
    states = json.loads(serve_app("keys", "list", *options, "--json").out)["keys"]
    assert {one["id"]: one["state"] for one in states} == {
        id_in(key): "revoked",
        following["id"]: "valid",
    }
    unknown = serve_app("keys", "revoke", "0" * 10, *options)
    assert (unknown.code, "there is no key" in unknown.err) == (1, True)


def test_what_was_done_with_keys_is_an_event(serve_app, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    key = made(serve_app, ("--state", "here"), "billing", "--scope", "predict")
    serve_app("keys", "revoke", id_in(key), "--reason", "lost", "--state", "here")
    newest = EventLog("here").newest()
    assert [(one.kind, one.subject, one.why) for one in newest] == [
        ("key revoked", "billing", "lost"),
        ("key created", "billing", ""),
    ]


def test_a_server_is_asked_where_one_is_named(ask, actions):
    created = ask("keys", "create", "billing", "--scope", "predict", "--reason", "new")
    assert created.out.strip() == "sa_shown-once"
    ask("keys", "rotate", "0123456789", "--overlap", "1h")
    ask("keys", "revoke", "0123456789")
    assert [order for order, _ in actions.done] == [
        KeyOrder("billing", ("predict",)),
        KeyRotation("0123456789", 3600.0),
        KeyRevocation("0123456789"),
    ]
    assert isinstance(actions.done[0][1], Change)
    assert actions.done[0][1].why == "new"
    assert json.loads(ask("keys", "list", "--json").out)["keys"][0]["state"] == "valid"


@pytest.mark.parametrize("length", ["3", "3w", "-1d", "d", "1.5h", "1d "])
def test_lengths_of_time_have_units(serve_app, tmp_path, length):
    refused = serve_app(
        "keys", "create", "b", "--scope", "predict", "--expires-in", length,
        "--file", tmp_path / "keys.json",
    )  # fmt: skip
    assert refused.code == 2
    assert not (tmp_path / "keys.json").exists()

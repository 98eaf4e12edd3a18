"""Versions that come and go become events, once each, whoever looks and however often."""

import datetime as dt

import pytest

from serve_app.control.registrations import Registrations
from serve_app.engine.registration.register import Candidate, register
from serve_app.errors import RegistryFailed
from serve_app.storage.events import EventLog

AT_S = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC).timestamp()


@pytest.fixture
def log(tmp_path):
    return EventLog(str(tmp_path))


@pytest.fixture
def fresh(registry, models):
    """Register another version of a model at noon, by ada."""
    registry._now = lambda: dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
    registry._user = "ada"
    return lambda name="line": register(registry, Candidate(name, *models[name]))


def seen(registry, log, url="memory://x"):
    return Registrations(registry, url, log, clock=lambda: 9.0)


def told(log):
    return [(one.kind, one.subject, one.who) for one in log.newest()]


def test_what_stood_at_first_is_one_event(registry, log):
    looking = seen(registry, log)
    looking.look()
    looking.look()
    (first,) = log.newest()
    assert (first.kind, first.at_s, first.why) == (
        "registry seen", 9.0, "6 versions were registered before",
    )  # fmt: skip


def test_a_version_that_comes_is_told_with_who_and_when(registry, log, fresh):
    looking = seen(registry, log)
    looking.look()
    fresh()
    looking.look()
    looking.look()
    event, _ = log.newest()
    assert (event.kind, event.subject, event.who) == ("registered", "line@2", "ada")
    assert (event.at_s, event.after) == (AT_S, "regression")


def test_one_that_came_while_nobody_looked_is_told_once(registry, log, fresh):
    seen(registry, log).look()
    fresh()
    seen(registry, log).look()
    seen(registry, log).look()
    assert told(log) == [
        ("registered", "line@2", "ada"),
        ("registry seen", told(log)[1][1], "control"),
    ]


def test_two_who_look_at_once_tell_it_once(registry, log, fresh):
    first, second = seen(registry, log), seen(registry, log)
    first.look()
    second.look()
    fresh()
    first.look()
    second.look()
    assert [kind for kind, *_ in told(log)] == ["registered", "registry seen"]


def test_one_that_goes_is_told(registry, log):
    looking = seen(registry, log)
    looking.look()
    registry.delete("line", 1)
    looking.look()
    looking.look()
    assert told(log)[0] == ("deleted", "line@1", "unknown")
    assert len(told(log)) == 2


def test_a_number_without_a_version_is_none_yet(registry, log, fresh):
    looking = seen(registry, log)
    looking.look()
    registry._numbers.claim("line")
    looking.look()
    assert len(log.newest()) == 1
    fresh()
    looking.look()
    assert told(log)[0][:2] == ("registered", "line@3")


def test_an_event_that_cannot_be_kept_is_kept_by_the_next_look(registry, log, fresh, monkeypatch):
    looking = seen(registry, log)
    looking.look()
    fresh()

    def full(_):
        raise RegistryFailed("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(log, "append_once", full)
        with pytest.raises(RegistryFailed):
            looking.look()
    looking.look()
    assert told(log)[0][:2] == ("registered", "line@2")


def test_another_registry_is_seen_anew(registry, log):
    seen(registry, log).look()
    seen(registry, log, "s3://models").look()
    assert [kind for kind, *_ in told(log)] == ["registry seen"] * 2
    assert "s3" not in str(told(log))


def test_object_stores_are_listed_less_often(registry, log):
    assert seen(registry, log, "s3://models").pause_s == 30
    assert seen(registry, log, "./registry").pause_s == 3
    assert seen(registry, log, "file:///registry").pause_s == 3

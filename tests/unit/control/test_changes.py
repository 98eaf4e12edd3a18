"""What happened is told as events: by whom, to what, from where and where to."""

from dataclasses import replace

from serve_app.control import changes
from serve_app.core.signature import Output, Signature
from serve_app.core.snapshot import Endpoint, RouteSpec, Snapshot, Variant


def snapshot(number, declaration="d"):
    variants = (Variant(f"m@{number}", alias="champion"),)
    signature = Signature((), Output("regression"))
    endpoint = Endpoint("e", RouteSpec("single", variants), signature, 1.0, 0.8)
    return Snapshot(number, declaration, {"e": endpoint})


def test_an_endpoint_that_answers_with_another_version_since_its_alias_moved_is_an_event():
    (event,) = changes.followed(5.0, snapshot(1), snapshot(2))
    assert (event.who, event.kind, event.subject) == ("control", "alias followed", "e")
    assert (event.before, event.after) == ({"m@champion": "m@1"}, {"m@champion": "m@2"})
    assert list(changes.followed(5.0, snapshot(2), snapshot(2))) == []
    assert list(changes.followed(5.0, Snapshot(0, "d"), snapshot(2))) == []
    # A declaration has an event of its own.
    assert list(changes.followed(5.0, snapshot(1), snapshot(2, "other"))) == []


def waiting(number, declaration="d", **waits):
    return replace(snapshot(number, declaration), waiting=waits)


def test_an_endpoint_that_stands_once_its_versions_answered_is_an_event():
    first = Snapshot(1, "d", waiting={"e": ("m@1",)})
    (event,) = changes.in_effect(5.0, first, snapshot(1))
    assert (event.who, event.kind, event.subject) == ("control", "in effect", "e")
    assert (event.before, event.after) == (None, {"m@1": 1.0})
    (event,) = changes.in_effect(5.0, waiting(1, e=("m@2",)), snapshot(1))
    assert (event.before, event.after) == ({"m@1": 1.0}, {"m@1": 1.0})


def test_what_waits_still_or_is_told_otherwise_is_no_event_of_taking_effect():
    assert list(changes.in_effect(5.0, waiting(1, e=("m@2",)), waiting(1, e=("m@2",)))) == []
    assert list(changes.in_effect(5.0, snapshot(1), snapshot(1))) == []
    # Aliases that moved, declarations, and endpoints that went have events of their own.
    assert list(changes.in_effect(5.0, waiting(1, e=("m@2",)), snapshot(2))) == []
    assert list(changes.in_effect(5.0, waiting(1, e=("m@2",)), snapshot(1, "other"))) == []
    assert list(changes.in_effect(5.0, waiting(1, e=("m@2",)), Snapshot(2, "d"))) == []


def test_an_endpoint_that_does_not_follow_is_an_event_until_the_reason_changes():
    (event,) = changes.held(5.0, {}, {"e": "it lacks a column"})
    assert (event.kind, event.subject, event.why) == (
        "alias not followed", "e", "it lacks a column",
    )  # fmt: skip
    assert list(changes.held(5.0, {"e": "why"}, {"e": "why"})) == []
    assert list(changes.held(5.0, {"e": "why"}, {})) == []

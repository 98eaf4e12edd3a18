"""Which versions answered when, from the events that are kept."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from serve_app.control.changes import DECLARED, FOLLOWED, IN_EFFECT, WEIGHTS_SET
from serve_app.control.places import places
from serve_app.control.traffic import (
    ROLLOUT,
    answers_since,
    events_of,
    of_model,
    traffic_at,
    traffic_changes,
)
from serve_app.core.events import Event
from serve_app.serving import rollout_work

EVENTS = [
    Event(10, "deployment", DECLARED, "d1", after={"risk": {"a@1": 1.0}, "size": {"c@1": 1.0}}),
    Event(15, "ada", "alias moved", "a@champion", before=1, after=2),
    Event(20, "ada", WEIGHTS_SET, "risk", "try it", {"a@1": 1.0}, {"a@1": 0.5, "b@1": 0.5}),
    Event(30, "control", FOLLOWED, "risk", before={"a@best": "a@1"}, after={"a@best": "a@2"}),
    Event(40, "control", ROLLOUT, "risk",
          before={"phase": "running", "share": 0.5, "candidate": "b@1"},
          after={"phase": "running", "share": 0.75, "candidate": "b@1"}),
    Event(50, "deployment", DECLARED, "d2", after={"risk": {"a@2": 1.0}}),
]  # fmt: skip


def test_the_kinds_of_events_are_those_that_are_kept() -> None:
    assert rollout_work.KIND == ROLLOUT


def test_every_change_of_weights_is_one_of_its_endpoint_by_whom_and_why() -> None:
    changes = traffic_changes(EVENTS)
    assert [(one.at_s, one.endpoint, dict(one.weights), one.who) for one in changes] == [
        (10, "risk", {"a@1": 1.0}, "deployment"),
        (10, "size", {"c@1": 1.0}, "deployment"),
        (20, "risk", {"a@1": 0.5, "b@1": 0.5}, "ada"),
        (30, "risk", {"a@2": 0.5, "b@1": 0.5}, "control"),
        (40, "risk", {"a@2": 0.25, "b@1": 0.75}, "control"),
        (50, "risk", {"a@2": 1.0}, "deployment"),
        (50, "size", {}, "deployment"),
    ]
    assert changes[2].why == "try it"


def test_an_endpoint_that_waited_for_its_versions_answers_from_when_they_did() -> None:
    events = [
        Event(10, "deployment", DECLARED, "d1", after={}),
        Event(14, "control", IN_EFFECT, "risk", after={"a@1": 1.0}),
        Event(20, "deployment", DECLARED, "d2", after={"risk": {"a@1": 1.0}}),
        Event(25, "control", IN_EFFECT, "risk", before={"a@1": 1.0}, after={"a@2": 1.0}),
    ]
    changes = traffic_changes(events)
    assert [(one.at_s, dict(one.weights)) for one in changes] == [
        (14, {"a@1": 1.0}),
        (25, {"a@2": 1.0}),
    ]


def test_what_stood_at_a_time_is_what_changed_last_before_it() -> None:
    changes = traffic_changes(EVENTS)

    def stood(at_s: float) -> dict[str, Any]:
        return {name: dict(one.weights) for name, one in traffic_at(changes, at_s).items()}

    assert stood(9.9) == {}
    assert stood(10) == stood(19.9) == {"risk": {"a@1": 1.0}, "size": {"c@1": 1.0}}
    assert stood(35)["risk"] == {"a@2": 0.5, "b@1": 0.5}
    assert stood(60) == {"risk": {"a@2": 1.0}}


def test_of_a_model_its_own_changes_count_and_the_one_with_which_it_went() -> None:
    changes = traffic_changes(EVENTS)
    assert [one.at_s for one in of_model(changes, "b")] == [20, 30, 40, 50]
    assert [(one.at_s, one.endpoint) for one in of_model(changes, "c")] == [
        (10, "size"), (50, "size"),
    ]  # fmt: skip
    assert of_model(changes, "nobody") == []


def test_a_version_answers_since_the_last_time_that_it_had_no_weight() -> None:
    back = Event(60, "bob", WEIGHTS_SET, "risk", after={"a@1": 0.0, "b@1": 1.0})
    changes = traffic_changes([*EVENTS, back])
    for version, at_s in (("b@1", 60), ("a@1", None), ("a@2", None)):
        since = answers_since(changes, "risk", version)
        assert (None if since is None else since.at_s) == at_s
    since = answers_since(traffic_changes(EVENTS), "risk", "a@2")
    assert since is not None
    assert (since.at_s, since.who) == (30, "control")
    assert answers_since(changes, "nobody", "a@2") is None


def test_what_happened_before_the_first_event_that_is_known_is_not_made_up() -> None:
    changes = traffic_changes(EVENTS[3:])
    assert [(one.at_s, dict(one.weights)) for one in changes] == [(50, {"a@2": 1.0})]


names = st.sampled_from(["risk", "size"])
versions = st.sampled_from(["a@1", "a@2", "b@1"])
weights = st.dictionaries(versions, st.sampled_from([0.0, 0.5, 1.0]), min_size=1, max_size=3)
declared = st.builds(
    lambda after: (DECLARED, "d", after), st.dictionaries(names, weights, max_size=2)
)
set_by_hand = st.builds(lambda name, after: (WEIGHTS_SET, name, after), names, weights)


@given(st.lists(declared | set_by_hand, max_size=12), st.integers(-1, 13))
def test_at_any_time_it_is_what_replaying_the_events_until_then_gives(
    steps: list[tuple[str, str, Any]], until: int
) -> None:
    events = [
        Event(float(at), "ada", kind, subject, after=after)
        for at, (kind, subject, after) in enumerate(steps)
    ]
    standing: dict[str, Any] = {}
    for at, (kind, subject, after) in enumerate(steps):
        if at > until:
            break
        standing = dict(after) if kind == DECLARED else {**standing, subject: after}
    stood = traffic_at(traffic_changes(events), until)
    assert {name: one.weights for name, one in stood.items()} == standing


def test_events_of_the_admin_api_are_put_into_their_order() -> None:
    rows = [{**asdict(one), "id": at} for at, one in enumerate(EVENTS, 1)]
    assert traffic_changes(events_of(reversed(rows))) == traffic_changes(EVENTS)


ENDPOINTS: list[dict[str, Any]] = [
    {
        "name": "risk",
        "variants": [{"version": "a@2", "weight": 1.0}],
        "follows": {"a@best": "a@2", "b@last": "b@1"},
        "fallback": "b@1",
        "preprocess": {"version": "p@1", "placement": "inline"},
        "shadows": [{"version": "a@3", "sample": 0.1}],
    },
    {
        "name": "stack",
        "variants": [{"version": "b@1", "weight": 0.0}],
        "follows": {},
        "fallback": None,
        "preprocess": None,
        "meta": {"version": "a@2"},
    },
]


def test_a_version_is_where_an_endpoint_asks_it_whatever_it_is_there() -> None:
    changes = traffic_changes(EVENTS)

    def where(wanted: str) -> list[tuple[Any, ...]]:
        return [
            (one.endpoint, one.version, one.role, one.weight, one.reference, one.since_s)
            for one in places(ENDPOINTS, changes, wanted)
        ]

    assert where("a@2") == [
        ("risk", "a@2", "variant", 1.0, "a@best", 30),
        ("stack", "a@2", "meta", None, "a@2", None),
    ]
    assert where("a") == [
        ("risk", "a@3", "shadow", None, "a@3", None),
        ("risk", "a@2", "variant", 1.0, "a@best", 30),
        ("stack", "a@2", "meta", None, "a@2", None),
    ]
    assert where("b@1") == [
        ("risk", "b@1", "fallback", None, "b@last", None),
        ("stack", "b@1", "variant", 0.0, "b@1", None),
    ]
    assert where("p@1") == [("risk", "p@1", "preprocess", None, "p@1", None)]
    assert where("a@1") == where("nobody") == []

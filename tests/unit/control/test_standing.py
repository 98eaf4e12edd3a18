"""What has not been kept has never happened, and what changed last is known by its version."""

import pytest

from serve_app.control import standing
from serve_app.control.declare import Declaration, Problem
from serve_app.control.snapshots import Snapshots
from serve_app.control.standing import Refusal, State
from serve_app.core.signature import Column, Output, Signature
from serve_app.core.snapshot import Endpoint, RouteSpec, Snapshot, Variant
from serve_app.errors import InvalidInput, RegistryFailed

SIGNATURE = Signature((Column("x", "float64"),), Output("regression"))


def split(name="e", width=1, **weights):
    variants = tuple(Variant(f"{model}@1", weight) for model, weight in weights.items())
    signature = Signature(SIGNATURE.inputs * width, SIGNATURE.output)
    return Endpoint(name, RouteSpec("split", variants), signature, 1.0, 0.8)


class Store:
    """A state store in memory that fails while it is told to."""

    def __init__(self):
        self.kept = []
        self.fails = False

    def save(self, version, declaration, body):
        if self.fails:
            raise RegistryFailed("the disk is full")
        self.kept.append(body)

    def latest(self):
        return self.kept[-1] if self.kept else None


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def snapshots(store):
    """Two endpoints of the same two versions, which stand."""
    made = Snapshots(store)
    made.declare("first", {"e": split(a=90, b=10), "f": split("f", a=1, b=1)})
    made.ready("a@1")
    made.ready("b@1")
    return made


def weights(snapshot, name="e"):
    return snapshot.endpoints[name].route.weights


CHANGES = {
    "weights": lambda s: s.set_weights("e", {"a@1": 0}),
    "aliases": lambda s: s.set_aliases({"a": {"champion": 1}}),
    "a declaration": lambda s: s.declare("second", {"e": split(a=1)}),
    "an answer": lambda s: s.ready("c@1"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_a_store_refuses_has_not_happened_and_does_not_come_with_the_next_event(
    snapshots, store, change
):
    if change == "an answer":
        snapshots.declare("waits", {"e": split(a=90, b=10), "g": split("g", c=1)})
    before, kept = snapshots.current, len(store.kept)
    store.fails = True
    with pytest.raises(RegistryFailed, match="disk is full"):
        CHANGES[change](snapshots)
    assert snapshots.current is before
    store.fails = False
    snapshots.set_aliases({"b": {"candidate": 1}})
    after = snapshots.current
    assert weights(after) == {"a@1": 90, "b@1": 10}
    assert (after.declaration, after.overrides) == (before.declaration, {})
    assert after.aliases == {"b": {"candidate": 1}}
    assert after.endpoints.keys() == before.endpoints.keys()
    assert len(store.kept) == kept + 1
    # Asked again, it happens.
    CHANGES[change](snapshots)
    assert snapshots.current.version == after.version + 1


def test_a_state_is_never_changed_by_what_follows_from_it():
    first = State.of(Snapshot(0, ""))
    second = standing.answered(standing.declared(first, "d", {"e": split(a=1)}), "a@1")
    third = standing.weights_set(
        standing.declared(second, "d", {"e": split(a=1, b=0)}), "e", {"b@1": 0.0}
    )
    assert first == State.of(Snapshot(0, ""))
    assert weights(second.current) == {"a@1": 1}
    assert third.overrides == {"e": {"b@1": 0.0}}
    with pytest.raises(InvalidInput, match="nobody would answer"):
        standing.weights_set(third, "e", {"a@1": 0.0})


def test_an_event_that_changes_nothing_gives_the_same_state():
    state = standing.declared(State.of(Snapshot(0, "")), "d", {"e": split(a=1)})
    state = standing.answered(state, "a@1")
    assert standing.aliases_read(state, {}).current is state.current
    assert standing.declared(state, "d", {"e": split(a=1)}).current is state.current


def test_the_epoch_of_an_endpoint_grows_with_its_own_weights_alone(snapshots):
    before = dict(snapshots.current.epochs)
    snapshots.set_aliases({"a": {"champion": 1}})
    assert snapshots.current.epochs == before
    snapshots.set_weights("e", {"b@1": 20})
    assert snapshots.current.epochs["f"] == before["f"]
    assert snapshots.current.epochs["e"] == snapshots.current.version > before["e"]
    snapshots.set_weights("f", {"b@1": 20})
    assert snapshots.current.epochs["e"] == snapshots.current.version - 1


def test_weights_that_come_back_have_another_epoch(snapshots):
    first = snapshots.current.epochs["e"]
    snapshots.set_weights("e", {"b@1": 20})
    snapshots.set_weights("e", {"b@1": 10})
    assert weights(snapshots.current) == {"a@1": 90, "b@1": 10}
    assert snapshots.current.epochs["e"] > first + 1


def test_descriptions_stand_since_they_changed_last(snapshots):
    since = snapshots.current.description
    snapshots.set_weights("e", {"b@1": 20})
    snapshots.set_aliases({"a": {"champion": 1}})
    snapshots.declare("second", {"e": split(a=1, b=1), "f": split("f", a=1, b=1)})
    assert snapshots.current.description == since
    snapshots.declare("third", {"e": split(a=1, b=1, width=2), "f": split("f", a=1, b=1)})
    assert snapshots.current.description == snapshots.current.version
    snapshots.declare("fourth", {"e": split(a=1, b=1, width=2)})
    assert snapshots.current.description == snapshots.current.version


def test_what_has_not_changed_stays_the_same_object(snapshots):
    before = snapshots.current.endpoints
    snapshots.declare("second", {"e": split(a=1, b=1), "f": split("f", a=1, b=1)})
    assert snapshots.current.endpoints["f"] is before["f"]
    assert snapshots.current.endpoints["e"].signature is not before["e"].signature
    changed = snapshots.current.endpoints["e"]
    snapshots.set_weights("e", {"a@1": 5})
    assert snapshots.current.endpoints["e"].signature is changed.signature
    assert snapshots.current.endpoints["f"] is before["f"]


def test_a_declaration_that_cannot_be_served_leaves_the_last_one_and_is_told(snapshots, store):
    before = snapshots.current
    problem = Problem(("endpoints", "e", "route", "model"), "no model 'nobody' is registered")
    snapshots.take(Declaration("second", {}, (problem,)))
    assert snapshots.current is before
    assert snapshots.refused == ("endpoints.e.route.model: no model 'nobody' is registered",)
    assert snapshots.refusal == Refusal("second", snapshots.refused)
    assert snapshots.refusal.to_json() == {
        "declaration": "second",
        "problems": ["endpoints.e.route.model: no model 'nobody' is registered"],
    }
    # What stands can be steered all the same, and its weights are still those of run time.
    snapshots.set_weights("e", {"b@1": 50})
    assert weights(snapshots.current) == {"a@1": 90, "b@1": 50}
    assert snapshots.current.declaration == "first"
    snapshots.take(Declaration("third", {"e": split(a=1)}, ()))
    assert snapshots.refused == ()
    assert snapshots.refusal is None
    assert weights(snapshots.current) == {"a@1": 1}


def test_control_that_starts_under_a_refused_declaration_goes_on_with_the_last_good_one(
    snapshots, store
):
    again = Snapshots(store)
    again.take(Declaration("second", {}, (Problem(("endpoints",), "no"),)))
    assert again.current == snapshots.current
    assert again.needed_by_handle() == {"a@1", "b@1"}

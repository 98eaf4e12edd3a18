"""What has not been kept has never happened, and what changed last is known by its version."""

import dataclasses

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


def following(number, name="e", alias="champion", **more):
    """An endpoint of a version that an alias chose."""
    variants = (Variant(f"a@{number}", 1.0, alias=alias),)
    return Endpoint(name, RouteSpec("single", variants), SIGNATURE, 1.0, 0.8, **more)


def of(number, name="e", hash_="d", **more):
    return Declaration(hash_, {name: following(number, name, **more)}, ())


def standing_version(snapshots, name="e"):
    (variant,) = snapshots.current.endpoints[name].variants
    return variant.version


@pytest.fixture
def moved(store):
    """An endpoint of `a@champion` that stands on a@1, in the application of the alias."""
    made = Snapshots(store)
    made.take(of(1))
    made.set_applications(frozenset({"a-champion", "control"}))
    made.ready("a@1")
    assert made.current.applications == {"a@1": "a-champion"}
    return made


def test_the_former_version_serves_until_the_one_that_the_alias_names_now_answers(moved):
    moved.follow(of(2))
    assert standing_version(moved) == "a@1"
    assert moved.current.waiting == {"e": ("a@2",)}
    assert moved.placed() == {"a@2": "a-champion"}
    assert moved.current.placed() == {"a@1": "a-champion"}
    moved.ready("a@2")
    assert standing_version(moved) == "a@2"
    assert moved.current.applications == {"a@2": "a-champion"}
    assert moved.current.declaration == "d"


def test_a_move_back_needs_the_version_to_answer_again(moved):
    for number in (2, 1):
        moved.follow(of(number))
        assert moved.awaited() == {f"a@{number}"}
        moved.ready(f"a@{number}")
    assert standing_version(moved) == "a@1"


def test_the_same_declaration_undoes_no_move(moved):
    moved.follow(of(2))
    moved.ready("a@2")
    before = moved.current
    moved.take(of(2))
    assert moved.current is before


def test_control_that_starts_anew_in_the_middle_of_a_move_goes_on_with_it(moved, store):
    moved.follow(of(2))
    again = Snapshots(store)
    assert standing_version(again) == "a@1"
    assert again.current.placed() == {"a@1": "a-champion"}
    again.take(of(2))
    assert again.awaited() == {"a@2"}
    again.set_applications(frozenset({"a-champion"}))
    again.ready("a@2")
    assert standing_version(again) == "a@2"
    # And once more after the move.
    third = Snapshots(store)
    third.take(of(2))
    third.set_applications(frozenset({"a-champion"}))
    assert third.current.version == again.current.version


def test_weights_set_at_run_time_stay_with_the_variant_whose_alias_moves(store):
    def described(number):
        variants = (Variant(f"a@{number}", 9.0, alias="champion"), Variant("b@1", 1.0))
        route = RouteSpec("split", variants)
        return Declaration("d", {"e": Endpoint("e", route, SIGNATURE, 1.0, 0.8)}, ())

    made = Snapshots(store)
    made.take(described(1))
    made.ready("a@1")
    made.ready("b@1")
    made.set_weights("e", {"a@1": 5.0})
    assert made.current.overrides == {"e": {"a@champion": 5.0}}
    made.follow(described(2))
    made.ready("a@2")
    assert weights(made.current) == {"a@2": 5.0, "b@1": 1.0}
    made.set_weights("e", {"a@champion": 7.0})
    assert weights(made.current) == {"a@2": 7.0, "b@1": 1.0}


def test_a_version_named_by_number_is_asked_in_its_own_application(moved):
    numbered = Endpoint("f", RouteSpec("single", (Variant("a@1"),)), SIGNATURE, 1.0, 0.8)
    moved.take(Declaration("d2", {"e": following(1), "f": numbered}, ()))
    assert moved.placed() == {"a@1": "a-1"}
    # It has not answered there yet, so that whoever stands is asked where it was.
    assert moved.current.waiting == {"e": ("a@1",), "f": ("a@1",)}
    assert moved.current.placed() == {"a@1": "a-champion"}
    moved.ready("a@1")
    assert moved.current.placed() == {"a@1": "a-1"}


def test_an_alias_without_application_chooses_among_those_of_versions(store):
    made = Snapshots(store)
    made.take(of(1))
    made.set_applications(frozenset({"a-1", "a-2"}))
    made.ready("a@1")
    assert made.current.placed() == {"a@1": "a-1"}
    made.follow(of(2))
    assert made.placed() == {"a@2": "a-2"}


def test_an_endpoint_whose_alias_is_gone_keeps_its_version_and_others_follow(moved, store):
    both = {"e": following(1), "f": following(1, "f", "stable", inline=True)}
    moved.take(Declaration("d2", both, ()))
    problem = Problem(("endpoints", "e", "route", "model"), "model 'a' has no alias 'champion'")
    moved.follow(Declaration("d2", {"f": following(2, "f", "stable", inline=True)}, (problem,)))
    assert moved.held == {"e": "model 'a' has no alias 'champion'; it keeps a@1"}
    assert standing_version(moved) == "a@1"
    assert moved.awaited() == {"a@2"}
    # A control that starts anew learns the same, and refuses nothing.
    again = Snapshots(store)
    again.take(Declaration("d2", {"f": following(2, "f", "stable", inline=True)}, (problem,)))
    assert again.refusal is None
    assert again.held == moved.held
    assert standing_version(again) == "a@1"
    again.follow(Declaration("d2", both, ()))
    assert again.held == {}


def test_a_declaration_that_is_new_is_refused_where_its_alias_names_nothing(moved):
    problem = Problem(("endpoints", "e", "route", "model"), "model 'a' has no alias 'champion'")
    moved.take(Declaration("new", {}, (problem,)))
    assert moved.refusal is not None
    assert standing_version(moved) == "a@1"
    # What was declared before goes on following, and the refusal stays.
    moved.follow(of(2))
    moved.ready("a@2")
    assert standing_version(moved) == "a@2"
    assert moved.refusal is not None


def test_what_another_declaration_would_follow_changes_nothing(moved):
    before = moved.current
    moved.follow(of(2, hash_="other"))
    assert moved.current is before
    assert moved.awaited() == frozenset()


def test_it_is_known_whether_aliases_name_others_than_endpoints_ask(moved):
    moved.set_aliases({"a": {"champion": 1}})
    assert not moved.is_behind()
    moved.set_aliases({"a": {"champion": 2}})
    assert moved.is_behind()
    moved.set_aliases({"a": {}})
    assert moved.is_behind()


def test_a_version_that_moves_from_the_gateway_to_replicas_must_answer_there(store):
    made = Snapshots(store)
    made.take(of(1, inline=True))
    made.ready("a@1")
    made.take(of(1, hash_="apart"))
    assert made.awaited() == {"a@1"}


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


def with_history(declared, *, course):
    """The snapshots of an endpoint whose weights were set again and again."""
    made = Snapshots(Store())
    made.declare("first", {"e": declared})
    for version in declared.needs():
        made.ready(version)
    yield made.current
    for weights_ in course:
        made.set_weights("e", weights_)
        yield made.current


def test_gateways_know_the_weights_that_stood_before_however_they_came_to_know():
    course = [{"a@1": 4.0, "b@1": 3.0}, {"b@1": 9.0}, {"c@1": 5.0}]
    snapshots_ = list(with_history(split(a=1, b=1, c=1), course=course))
    last = snapshots_[-1].endpoints["e"].route
    assert list(last.former) == [
        {"a@1": 1.0, "b@1": 1.0, "c@1": 1.0},
        {"a@1": 4.0, "b@1": 3.0, "c@1": 1.0},
        {"a@1": 4.0, "b@1": 9.0, "c@1": 1.0},
    ]
    whole = Snapshot.from_json(snapshots_[-1].to_json())
    assert whole.endpoints["e"].route.former == last.former
    for seen in snapshots_[:-1]:
        news = snapshots_[-1].since(seen.version)
        assert "endpoints" not in news
        assert Snapshot.from_json(news, seen).endpoints["e"].route.former == last.former


def test_a_declaration_with_other_weights_is_a_change_of_weights():
    made = Snapshots(Store())
    made.declare("first", {"e": split(a=1, b=1)})
    made.ready("a@1")
    made.ready("b@1")
    made.declare("second", {"e": split(a=3, b=1)})
    assert made.current.endpoints["e"].route.former == ({"a@1": 1.0, "b@1": 1.0},)
    made.declare("third", {"e": dataclasses.replace(split(a=3, b=1), timeout_s=2.0)})
    assert made.current.endpoints["e"].route.former == ({"a@1": 1.0, "b@1": 1.0},)


def test_the_history_outlives_control(store):
    made = Snapshots(store)
    made.declare("first", {"e": split(a=1, b=1)})
    made.ready("a@1")
    made.ready("b@1")
    made.set_weights("e", {"a@1": 3.0})
    again = Snapshots(store)
    again.set_weights("e", {"a@1": 5.0})
    assert again.current.endpoints["e"].route.former == ({"a@1": 1.0, "b@1": 1.0},)
    again.set_weights("e", {"a@1": 1.0})
    assert again.current.endpoints["e"].route.former == ()

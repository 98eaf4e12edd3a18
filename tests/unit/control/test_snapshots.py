"""A snapshot stands only when its versions answer, and survives whoever holds it."""

import pytest

from serve_app.control.snapshots import Snapshots
from serve_app.core.signature import Column, Output, Signature
from serve_app.core.snapshot import Endpoint, RouteSpec, Snapshot, Variant
from serve_app.errors import Conflict, InvalidInput, NotFound
from serve_app.storage.snapshots import SnapshotStore

SIGNATURE = Signature((Column("x", "float64"),), Output("regression"))


def split(**weights):
    variants = tuple(Variant(f"{name}@1", weight) for name, weight in weights.items())
    route = RouteSpec("split", variants)
    return Endpoint("e", route, SIGNATURE, timeout_s=1.0, variant_timeout_s=0.8)


def weights(snapshot):
    return {v.version: v.weight for v in snapshot.endpoints["e"].variants}


@pytest.fixture
def store(tmp_path):
    return SnapshotStore(str(tmp_path))


@pytest.fixture
def standing(store):
    """Snapshots with one endpoint of two variants that stands."""
    snapshots = Snapshots(store)
    snapshots.declare("first", {"e": split(a=90, b=10)})
    snapshots.ready("a@1")
    snapshots.ready("b@1")
    return snapshots


def test_a_declared_endpoint_stands_once_all_its_versions_answer(store):
    snapshots = Snapshots(store)
    snapshots.declare("first", {"e": split(a=90, b=10)})
    assert "e" not in snapshots.current.endpoints
    assert snapshots.awaited() == {"a@1", "b@1"}
    snapshots.ready("a@1")
    assert "e" not in snapshots.current.endpoints
    snapshots.ready("b@1")
    assert weights(snapshots.current) == {"a@1": 90, "b@1": 10}
    assert snapshots.awaited() == frozenset()


def test_a_variant_of_weight_zero_holds_nobody_up(store):
    snapshots = Snapshots(store)
    snapshots.declare("first", {"e": split(a=1, b=0)})
    snapshots.ready("a@1")
    assert weights(snapshots.current) == {"a@1": 1, "b@1": 0}


def test_changed_weights_stand_at_once_because_their_versions_serve_already(standing):
    before = standing.current.version
    standing.declare("second", {"e": split(a=10, b=90)})
    assert weights(standing.current) == {"a@1": 10, "b@1": 90}
    assert standing.current.version == before + 1


def test_the_former_description_serves_until_a_new_version_answers(standing):
    standing.declare("second", {"e": split(c=1)})
    assert weights(standing.current) == {"a@1": 90, "b@1": 10}
    assert standing.current.waiting == {"e": ("c@1",)}
    standing.ready("c@1")
    assert weights(standing.current) == {"c@1": 1}
    assert standing.current.waiting == {}


def test_one_endpoint_that_waits_holds_up_no_other(standing):
    standing.declare("second", {"e": split(a=1, b=1), "f": split(missing=1)})
    assert weights(standing.current) == {"a@1": 1, "b@1": 1}
    assert set(standing.current.endpoints) == {"e"}


def test_an_endpoint_that_is_no_longer_declared_is_gone(standing):
    standing.declare("second", {})
    assert standing.current.endpoints == {}


def test_the_same_declaration_makes_no_new_snapshot(standing):
    before = standing.current
    standing.declare("first", {"e": split(a=90, b=10)})
    assert standing.current is before


def test_weights_set_at_run_time_survive_the_death_of_control(standing, store):
    standing.set_weights("e", {"b@1": 50})
    again = Snapshots(store)
    again.declare("first", {"e": split(a=90, b=10)})
    assert weights(again.current) == {"a@1": 90, "b@1": 50}
    assert again.current.version == standing.current.version


def test_a_new_declaration_supersedes_weights_set_at_run_time(standing):
    standing.set_weights("e", {"b@1": 50})
    standing.declare("second", {"e": split(a=80, b=20)})
    assert weights(standing.current) == {"a@1": 80, "b@1": 20}


def test_an_ensemble_never_falls_below_its_quorum(store):
    members = tuple(Variant(f"{name}@1", 1.0) for name in "abc")
    route = RouteSpec("ensemble", members, {"combine": "mean", "quorum": 2})
    ensemble = Endpoint("e", route, SIGNATURE, 1.0, 0.8)
    snapshots = Snapshots(store)
    snapshots.declare("first", {"e": ensemble})
    snapshots.set_weights("e", {"a@1": 0})
    with pytest.raises(InvalidInput, match="quorum of 'e' is 2, but only 1 variants"):
        snapshots.set_weights("e", {"b@1": 0})


@pytest.mark.parametrize(
    ("endpoint", "wanted", "kind", "said"),
    [
        ("nowhere", {"a@1": 1}, NotFound, "endpoints: e"),
        ("e", {"z@1": 1}, NotFound, "it has a@1, b@1"),
        ("e", {"a@1": -1}, InvalidInput, "0 or more"),
        ("e", {"a@1": float("nan")}, InvalidInput, "0 or more"),
        ("e", {"a@1": 0, "b@1": 0}, InvalidInput, "nobody would answer"),
    ],
)
def test_weights_that_do_not_fit_are_refused_and_change_nothing(
    standing, endpoint, wanted, kind, said
):
    before = standing.current
    with pytest.raises(kind, match=said):
        standing.set_weights(endpoint, wanted)
    assert standing.current is before


def test_two_controls_that_overlap_never_write_one_version_twice(standing, store):
    other = Snapshots(store)
    standing.set_weights("e", {"a@1": 1})
    other.declare("second", {"e": split(a=2, b=2)})
    assert other.current.version == standing.current.version + 1


def test_aliases_that_move_make_a_new_snapshot_and_others_none(standing, store):
    before = standing.current.version
    assert standing.models() == {"a", "b"}
    standing.set_aliases({"a": {"champion": 1}, "b": {}})
    assert standing.current.version == before + 1
    assert standing.current.aliases == {"a": {"champion": 1}, "b": {}}
    standing.set_aliases({"a": {"champion": 1}, "b": {}})
    assert standing.current.version == before + 1
    assert Snapshots(store).current.aliases == {"a": {"champion": 1}, "b": {}}
    standing.set_weights("e", {"a@1": 50})
    assert standing.current.aliases["a"] == {"champion": 1}


def test_a_snapshot_survives_json(standing):
    assert Snapshot.from_json(standing.current.to_json()) == standing.current


def test_the_store_refuses_a_version_that_is_there(store):
    store.save(1, "d", {"version": 1})
    with pytest.raises(Conflict):
        store.save(1, "d", {"version": 1})
    assert store.latest() == {"version": 1}


def test_the_store_forgets_what_is_long_past(store):
    for version in range(1, 260):
        store.save(version, "d", {"version": version})
    assert store.latest() == {"version": 259}


def test_a_version_that_was_away_is_waited_for_again(standing):
    standing.declare("second", {"e": split(b=1)})
    standing.declare("third", {"e": split(a=1)})
    assert standing.current.waiting == {"e": ("a@1",)}
    assert weights(standing.current) == {"b@1": 1}
    assert standing.serving_by_handle() == {"b@1"}
    standing.ready("a@1")
    assert weights(standing.current) == {"a@1": 1}


class TestLostState:
    """Gateways go on under a snapshot of a state that is gone, with its database and its copy."""

    def test_what_stands_becomes_newer_than_what_a_gateway_has_seen(self, standing, store):
        former = standing.current.version
        standing.outnumber(former + 40)
        current = standing.current
        assert current.version == former + 41
        assert weights(current) == {"a@1": 90, "b@1": 10}
        assert store.latest()["version"] == current.version
        # Numbers of the lost state say nothing: the gateway is sent all of it.
        assert Snapshot.from_json(current.since(former + 40)) == current

    def test_who_has_seen_no_more_changes_nothing(self, standing):
        before = standing.current
        standing.outnumber(before.version)
        assert standing.current is before

    def test_what_a_gateway_has_is_left_to_it_until_the_versions_answer(self, store):
        fresh = Snapshots(store)
        fresh.declare("first", {"e": split(a=90, b=10)})
        fresh.outnumber(40)
        assert fresh.current.version < 40
        fresh.ready("a@1")
        fresh.ready("b@1")
        fresh.outnumber(40)
        assert fresh.current.version == 41

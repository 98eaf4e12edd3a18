"""An experiment begins, stops and comes back after a death; another one begins anew."""

from dataclasses import replace

import pytest

from serve_app.control import experiments
from serve_app.control.snapshots import Snapshots
from serve_app.core.signature import Column, Output, Signature
from serve_app.core.snapshot import Endpoint, RouteSpec, Snapshot, Variant
from serve_app.errors import Conflict, NotFound, RegistryFailed
from tests.unit.control.test_standing import Store

SIGNATURE = Signature((Column("x", "float64"),), Output("regression"))
SETTINGS = {"name": "prices", "start": "by hand", "alpha": 0.05, "metrics": []}


def split(versions=("a@1", "b@1"), **changed):
    route = RouteSpec("split", tuple(Variant(one, 1.0) for one in versions))
    return Endpoint("e", route, SIGNATURE, 1, 0.8, experiment={**SETTINGS, **changed})


@pytest.fixture
def store():
    return Store()


def declared(store, endpoint, declaration="first"):
    made = Snapshots(store)
    made.declare(declaration, {"e": endpoint})
    for version in ("a@1", "b@1", "b@2"):
        made.ready(version)
    return made


def acted(made, action, now_s=1000.0):
    after = experiments.acted(
        made.experiment("e"), action, by="ada", why="why", now_s=now_s, endpoint="e"
    )
    made.move_experiment("e", experiments.in_effect(after, now_s))


def test_it_waits_for_a_person_unless_it_is_to_begin_at_once(store):
    assert declared(store, split()).experiment("e").phase == "ready"
    at_once = declared(Store(), split(start="at once")).experiment("e")
    assert (at_once.phase, at_once.started_s) == ("running", None)
    assert experiments.in_effect(at_once, 7.0).started_s == 7.0


def test_what_it_has_come_to_outlives_the_process(store):
    made = declared(store, split())
    acted(made, "start", 1000.0)
    acted(made, "stop", 2000.0)
    again = Snapshots(store)
    assert again.experiment("e") == made.experiment("e")
    known = again.experiment("e")
    assert (known.phase, known.started_s, known.stopped_s) == ("stopped", 1000.0, 2000.0)
    assert (known.by, known.why) == ("ada", "why")


def test_what_cannot_be_kept_has_not_happened(store):
    made = declared(store, split())
    store.fails = True
    with pytest.raises(RegistryFailed):
        acted(made, "start")
    assert made.experiment("e").phase == "ready"


def test_the_same_goes_on_when_it_is_declared_again(store):
    made = declared(store, split())
    acted(made, "start")
    made.declare("second", {"e": replace(split(), timeout_s=5)})
    assert made.experiment("e").started_s == 1000.0
    made.declare("third", {"e": split(alpha=0.01)})
    assert (made.experiment("e").phase, made.experiment("e").started_s) == ("ready", None)


def test_other_variants_make_another_experiment(store):
    made = declared(store, split())
    acted(made, "start")
    made.declare("second", {"e": split(("a@1", "b@2"))})
    assert made.experiment("e").phase == "ready"


def test_weights_are_no_part_of_it(store):
    made = declared(store, split())
    acted(made, "start")
    made.set_weights("e", {"a@1": 9.0})
    assert made.experiment("e").phase == "running"


def test_one_that_is_not_declared_any_more_is_gone(store):
    made = declared(store, split())
    made.declare("second", {"e": replace(split(), experiment=None)})
    with pytest.raises(NotFound, match=r"has no experiment.*endpoints with one: none"):
        made.experiment("e")


def test_what_cannot_be_done_changes_nothing_and_says_what_can(store):
    made = declared(store, split())
    with pytest.raises(Conflict, match="has not been started; it can be started"):
        acted(made, "stop")
    acted(made, "start")
    with pytest.raises(Conflict, match="running already, and an endpoint has one at a time"):
        acted(made, "start", 3000.0)
    assert made.experiment("e").started_s == 1000.0
    acted(made, "stop")
    with pytest.raises(Conflict, match="is stopped already"):
        acted(made, "stop")
    acted(made, "start", 4000.0)
    assert (made.experiment("e").started_s, made.experiment("e").stopped_s) == (4000.0, None)


def test_a_snapshot_says_it_and_an_endpoint_without_one_says_nothing(store):
    made = declared(store, split())
    assert Snapshot.from_json(made.current.to_json()) == made.current
    since = Snapshot.from_json(made.current.since(made.current.version), made.current)
    assert since.experiments == made.current.experiments
    alone = replace(split(), experiment=None)
    assert "experiment" not in alone.to_json()
    assert Endpoint.from_json(split().to_json()) == split()

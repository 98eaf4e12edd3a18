"""What routes learn steers them, whatever is declared, and survives whoever dies."""

import json

import pytest

from serve_app.control.snapshots import Snapshots
from serve_app.core.signature import Column, Output, Signature
from serve_app.core.snapshot import Endpoint, RouteSpec, Snapshot, Variant
from serve_app.engine.assemble import Assembler
from serve_app.engine.local import LocalModels
from serve_app.errors import InvalidInput, RegistryFailed
from serve_app.routing.bandits.arms import Arm
from tests.unit.control.test_standing import Store

SIGNATURE = Signature((Column("x", "float64"),), Output("classification", labels=("n", "y")))


def bandit(name="e", timeout_s=1.0, arms="ab", policy="thompson"):
    variants = tuple(Variant(f"{arm}@1") for arm in arms)
    route = RouteSpec("bandit", variants, {"policy": policy, "floor": 0.01})
    return Endpoint(name, route, SIGNATURE, timeout_s, timeout_s)


def earned(**arms):
    return {"features": [], "arms": {f"{k}@1": Arm(*v).to_json() for k, v in arms.items()}}


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def snapshots(store):
    made = Snapshots(store)
    made.declare("first", {"e": bandit()})
    for arm in "abc":
        made.ready(f"{arm}@1")
    return made


def weights(snapshots):
    return snapshots.current.endpoints["e"].route.weights


def test_what_is_learned_becomes_shares_under_a_new_epoch(snapshots):
    before = snapshots.current
    snapshots.learn({"e": earned(a=(100, 20), b=(100, 60))})
    after = snapshots.current
    assert weights(snapshots)["b@1"] > 0.95
    assert after.epochs["e"] == after.version == before.version + 1
    assert after.description == before.description
    snapshots.learn({"e": earned(a=(100, 20), b=(100, 60))})
    assert snapshots.current is after


def test_gateways_are_sent_the_shares_alone_and_know_the_same(snapshots):
    known = Snapshot.from_json(snapshots.current.to_json())
    snapshots.learn({"e": earned(a=(100, 20), b=(100, 60))})
    body = json.loads(json.dumps(snapshots.current.since(known.version)))
    assert "endpoints" not in body
    assert Snapshot.from_json(body, known) == snapshots.current
    assert Snapshot.from_json(snapshots.current.to_json()) == snapshots.current


def test_gateways_build_nothing_but_the_router_anew(snapshots):
    models = LocalModels({}, clock=lambda: 0.0)
    assembler = Assembler(replicas=models, inline=models, clock=lambda: 0.0)
    first = assembler.stages(snapshots.current).endpoints["e"]
    snapshots.learn({"e": earned(a=(100, 20), b=(100, 60))})
    then = assembler.stages(snapshots.current).endpoints["e"]
    assert then.router is not first.router
    assert then.schema is first.schema


def test_a_new_declaration_keeps_what_was_learned_of_arms_that_stay(snapshots):
    snapshots.learn({"e": earned(a=(100, 20), b=(100, 60))})
    learned = weights(snapshots)
    snapshots.declare("second", {"e": bandit(timeout_s=2.0)})
    assert weights(snapshots) == learned
    snapshots.declare("third", {"e": bandit(arms="abc")})
    assert weights(snapshots) == learned
    snapshots.ready("c@1")
    assert weights(snapshots)["c@1"] > 0.1
    assert weights(snapshots)["a@1"] < 0.05


def test_another_policy_takes_what_was_learned(snapshots):
    snapshots.learn({"e": earned(a=(1000, 20), b=(1000, 60))})
    snapshots.declare("second", {"e": bandit(policy="epsilon_greedy")})
    assert weights(snapshots)["a@1"] == pytest.approx(0.01 + 0.98 * 0.05)


def test_control_that_was_killed_knows_the_shares_again(snapshots, store):
    snapshots.learn({"e": earned(a=(100, 20), b=(100, 60))})
    learned = weights(snapshots)
    again = Snapshots(store)
    assert weights(again) == learned
    again.declare("first", {"e": bandit()})
    assert weights(again) == learned
    assert again.current.version == snapshots.current.version


def test_what_cannot_be_kept_is_not_learned(snapshots, store):
    before = snapshots.current
    store.fails = True
    with pytest.raises(RegistryFailed):
        snapshots.learn({"e": earned(a=(100, 20), b=(100, 60))})
    assert snapshots.current is before
    store.fails = False
    snapshots.learn({"e": earned(a=(100, 20), b=(100, 60))})
    assert weights(snapshots)["b@1"] > 0.95


def test_what_is_learned_of_who_is_not_there_changes_nothing(snapshots):
    before = snapshots.current
    snapshots.learn({"nobody": earned(a=(100, 20))})
    assert snapshots.current is before


def test_nobody_sets_its_weights(snapshots):
    with pytest.raises(InvalidInput, match="rewards decide"):
        snapshots.set_weights("e", {"a@1": 5.0})


def test_a_split_in_its_place_has_the_weights_that_it_declares(snapshots):
    snapshots.learn({"e": earned(a=(100, 20), b=(100, 60))})
    variants = (Variant("a@1", 3.0), Variant("b@1", 1.0))
    snapshots.declare("second", {"e": Endpoint("e", RouteSpec("split", variants), SIGNATURE, 1, 1)})
    assert weights(snapshots) == {"a@1": 3.0, "b@1": 1.0}

"""A rollout goes on, ends, is taken back and comes back after a death, with weights to match."""

from dataclasses import replace

import pytest

from serve_app.control import rollouts
from serve_app.control.declare import Declaration
from serve_app.control.gates import Evidence, MetricMean
from serve_app.control.rollout_decisions import decided, moved
from serve_app.control.snapshots import Snapshots
from serve_app.core.arms import ArmCounts
from serve_app.core.messages import Payload, Request
from serve_app.core.rollout import Rollout
from serve_app.core.signature import Column, Output, Signature
from serve_app.core.snapshot import Endpoint, RouteSpec, Snapshot, Variant
from serve_app.errors import Conflict, InvalidInput, NotFound, RegistryFailed
from serve_app.routing.canary import Canary
from tests.unit.control.test_standing import Store

SIGNATURE = Signature((Column("x", "float64"),), Output("regression"))
STEPS = [{"weight": 0.1, "for_s": 60, "requests": 100}, {"weight": 0.5, "for_s": 60, "requests": 0}]
SETTINGS = {
    "steps": STEPS,
    "gates": {"errors": {"margin": 0.0}, "latency": None, "quality": []},
    "alpha": 0.05,
    "interval_s": 10,
    "on_loss": "roll back",
    "start": "at once",
}
GOOD = Evidence(ArmCounts(9000, 90), ArmCounts(1000, 10))
BAD = Evidence(ArmCounts(9000, 90), ArmCounts(1000, 200))


def canary(**changed):
    variants = (Variant("m@1", 1.0), Variant("m@2", 0.0))
    return Endpoint("e", RouteSpec("canary", variants, {**SETTINGS, **changed}), SIGNATURE, 1, 0.8)


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def snapshots(store):
    made = Snapshots(store)
    made.declare("first", {"e": canary()})
    made.ready("m@1")
    return made


def weights(snapshots):
    return snapshots.current.endpoints["e"].route.weights


def running(step=0, since_s=1000.0):
    return Rollout("m@1", "m@2", (0.1, 0.5), "running", step, 900.0, since_s)


def test_all_requests_are_the_stable_versions_until_the_candidate_answers():
    made = Snapshots(Store())
    made.declare("first", {"e": canary(start="by hand")})
    made.ready("m@1")
    assert weights(made) == {"m@1": 1.0, "m@2": 0.0}
    made.move_rollout("e", rollouts.acted(made.rollout("e"), "start", "", endpoint="e"))
    assert made.current.waiting == {"e": ("m@2",)}
    assert weights(made) == {"m@1": 1.0, "m@2": 0.0}
    made.ready("m@2")
    assert weights(made) == {"m@1": 0.9, "m@2": 0.1}


def test_one_that_begins_at_once_waits_for_both(snapshots):
    assert snapshots.rollout("e").phase == "running"
    assert snapshots.current.waiting == {"e": ("m@2",)}
    snapshots.ready("m@2")
    assert weights(snapshots) == {"m@1": 0.9, "m@2": 0.1}


def test_a_step_is_a_new_epoch_and_its_time_is_not(snapshots):
    snapshots.ready("m@2")
    epoch = snapshots.current.epochs["e"]
    snapshots.move_rollout("e", rollouts.in_effect(snapshots.rollout("e"), 5.0))
    assert snapshots.current.epochs["e"] == epoch
    snapshots.move_rollout("e", moved(running(), decided(running(), SETTINGS, GOOD, 2000.0)))
    assert snapshots.current.epochs["e"] > epoch
    assert weights(snapshots) == {"m@1": 0.5, "m@2": 0.5}


def test_after_a_death_it_is_where_it_was(snapshots, store):
    snapshots.ready("m@2")
    snapshots.move_rollout("e", running(step=1, since_s=7.0))
    again = Snapshots(store)
    assert again.rollout("e") == running(step=1, since_s=7.0)
    assert weights(again) == {"m@1": 0.5, "m@2": 0.5}
    again.declare("first", {"e": canary()})
    assert again.rollout("e") == running(step=1, since_s=7.0)


def test_what_cannot_be_kept_has_not_moved(snapshots, store):
    snapshots.ready("m@2")
    before = snapshots.current
    store.fails = True
    with pytest.raises(RegistryFailed):
        snapshots.move_rollout("e", running(step=1))
    assert snapshots.current is before
    assert snapshots.rollout("e").step == 0
    store.fails = False
    snapshots.set_aliases({"m": {"champion": 1}})
    assert weights(snapshots) == {"m@1": 0.9, "m@2": 0.1}


@pytest.mark.parametrize(
    ("changed", "goes_on"),
    [
        ({"alpha": 0.01}, True),
        ({"gates": {"errors": None, "latency": None, "quality": []}}, True),
        ({"steps": [*STEPS[:1], {**STEPS[1], "for_s": 5}]}, True),
        ({"steps": STEPS[:1]}, False),
    ],
)
def test_another_declaration_of_the_same_steps_goes_on(snapshots, changed, goes_on):
    snapshots.ready("m@2")
    snapshots.move_rollout("e", running(step=1))
    snapshots.declare("second", {"e": canary(**changed)})
    assert (snapshots.rollout("e") == running(step=1)) is goes_on


def test_weights_are_not_set_beside_a_rollout(snapshots):
    with pytest.raises(InvalidInput, match="rollout"):
        snapshots.set_weights("e", {"m@2": 1.0})


def test_an_endpoint_without_one_says_so(snapshots):
    with pytest.raises(NotFound, match=r"route of kind canary.*endpoints with one: e"):
        snapshots.rollout("f")


def test_a_snapshot_carries_rollouts_to_gateways(snapshots):
    body = snapshots.current.to_json()
    assert Snapshot.from_json(body) == snapshots.current
    steering = snapshots.current.since(snapshots.current.version - 1)
    assert Snapshot.from_json(steering, snapshots.current).rollouts == snapshots.current.rollouts


@pytest.mark.parametrize(
    ("phase", "action", "after"),
    [
        ("ready", "start", "running"),
        ("rolled back", "start", "running"),
        ("running", "pause", "paused"),
        ("paused", "resume", "running"),
        ("held", "resume", "running"),
        ("held", "promote", "promoted"),
        ("promoted", "roll back", "rolled back"),
    ],
)
def test_people_move_it(phase, action, after):
    one = Rollout("m@1", "m@2", (0.1, 0.5), phase, 1, 1.0, 2.0)
    done = rollouts.acted(one, action, "why", endpoint="e")
    assert (done.phase, done.why) == (after, "why")
    if action == "start":
        assert (done.step, done.since_s) == (0, None)
    assert sum(done.weights.values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("phase", "action", "can"),
    [
        ("running", "start", "pause or promote or roll back"),
        ("promoted", "pause", "roll back"),
        ("rolled back", "promote", "start"),
        ("ready", "resume", "start"),
    ],
)
def test_what_cannot_be_done_says_what_can(phase, action, can):
    one = Rollout("m@1", "m@2", (0.1,), phase)
    with pytest.raises(Conflict, match=f"'e' to m@2 is {phase}, and cannot {action}; it can {can}"):
        rollouts.acted(one, action, "", endpoint="e")


@pytest.mark.parametrize(
    ("rollout", "evidence", "now_s", "outcome", "words"),
    [
        (running(), GOOD, 1060.0, "advance", "0.5 of the requests"),
        (running(), GOOD, 1030.0, "wait", "30 s more"),
        (running(), Evidence(ArmCounts(900), ArmCounts(40)), 1e6, "wait", "60 more requests"),
        (running(step=1), GOOD, 1060.0, "promote", "no gate was lost"),
        (running(), BAD, 1001.0, "roll back", "errors: the candidate is worse by 0.19"),
        (running(step=1), BAD, 1001.0, "roll back", "errors"),
        (running(since_s=None), GOOD, 1e6, "wait", "m@2 does not answer yet"),
        (running(), Evidence(), 1e6, "wait", "100 more requests"),
    ],
)
def test_what_is_counted_decides(rollout, evidence, now_s, outcome, words):
    decision = decided(rollout, SETTINGS, evidence, now_s)
    assert decision.outcome == outcome
    assert words in decision.why
    after = moved(rollout, decision)
    shares = {"wait": rollout.share, "advance": 0.5, "promote": 1.0, "roll back": 0.0}
    assert after.share == shares[outcome]


def test_a_lost_gate_may_hold_instead():
    decision = decided(running(), {**SETTINGS, "on_loss": "hold"}, BAD, 1001.0)
    held = moved(running(), decision)
    assert (held.phase, held.share) == ("held", 0.1)
    assert decided(held, SETTINGS, BAD, 1e6).outcome == "wait"


def test_a_metric_of_labels_is_waited_for_and_judged():
    gate = {"metric": "accuracy", "margin": 0.02, "labels": 200}
    settings = {**SETTINGS, "gates": {"errors": None, "latency": None, "quality": [gate]}}

    def after(candidate):
        quality = {"accuracy": (MetricMean(9000, 0.9, 0.09 / 9000), candidate)}
        return decided(running(), settings, Evidence(GOOD.stable, GOOD.candidate, quality), 1e6)

    assert "200 more labels for accuracy" in after(None).why
    assert "50 more labels" in after(MetricMean(150, 0.9, 0.09 / 150)).why
    assert after(MetricMean(2000, 0.9, 0.09 / 2000)).outcome == "advance"
    worse = after(MetricMean(2000, 0.8, 0.16 / 2000))
    assert worse.outcome == "roll back"
    assert "accuracy: the candidate is worse by 0.1" in worse.why
    # A loss is better the smaller it is.
    gate["metric"] = "log_loss"
    quality = {"log_loss": (MetricMean(9000, 0.9, 1e-4), MetricMean(2000, 0.5, 1e-4))}
    better = decided(running(), settings, Evidence(GOOD.stable, GOOD.candidate, quality), 1e6)
    assert better.outcome == "advance"


def by_aliases(champion, challenger):
    """A canary from one alias to another, as it is described for what they name."""
    variants = (
        Variant(f"m@{champion}", 1.0, alias="champion"),
        Variant(f"m@{challenger}", 0.0, alias="challenger"),
    )
    route = Canary.describe("canary", SETTINGS, variants)
    return Declaration("by alias", {"e": Endpoint("e", route, SIGNATURE, 1, 0.8)}, ())


@pytest.fixture
def following(store):
    made = Snapshots(store)
    made.take(by_aliases(1, 2))
    made.ready("m@1")
    made.ready("m@2")
    return made


def test_one_version_under_both_aliases_answers_all_and_has_nothing_to_roll_out(store):
    made = Snapshots(store)
    made.take(by_aliases(1, 1))
    made.ready("m@1")
    assert weights(made) == {"m@1": 1.0}
    assert made.follows() == {"m@champion": "m@1", "m@challenger": "m@1"}
    assert Snapshot.from_json(made.current.to_json()) == made.current
    router = Canary(made.current.endpoints["e"].route).router(salt="s", epoch=1, draw=lambda: 0.5)
    assert router.plan(Request("e", Payload({}, 1), "id")).variants == ("m@1",)
    for action in ("start", "pause", "promote", "roll back"):
        with pytest.raises(Conflict, match="stable and candidate name the same version, m@1"):
            rollouts.acted(made.rollout("e"), action, "", endpoint="e")
    made.set_aliases({"m": {"champion": 1, "challenger": 2}})
    assert made.is_behind()
    made.follow(by_aliases(1, 2))
    made.ready("m@2")
    assert (made.rollout("e").phase, weights(made)) == ("running", {"m@1": 0.9, "m@2": 0.1})


@pytest.mark.parametrize(
    ("phase", "answers"), [("promoted", 2), ("rolled back", 1)], ids=["promoted", "rolled back"]
)
def test_a_rollout_that_is_over_stays_while_aliases_name_who_answers(following, phase, answers):
    over = Rollout("m@1", "m@2", (0.1, 0.5), phase, 1, 900.0, 1000.0, "gates")
    following.move_rollout("e", over)
    before = following.current.endpoints["e"]
    for take in (following.follow, following.take):
        take(by_aliases(answers, answers))
        assert following.rollout("e") == over
        assert following.current.endpoints["e"] == before
        assert following.held == {}
    changed = by_aliases(answers, answers)
    following.take(replace(changed, hash="another"))
    assert following.rollout("e").rests
    assert weights(following) == {f"m@{answers}": 1.0}


def test_a_rollout_under_way_ends_where_both_aliases_come_to_name_one_version(following):
    following.move_rollout("e", running())
    following.follow(by_aliases(1, 1))
    assert following.rollout("e").rests
    assert weights(following) == {"m@1": 1.0}

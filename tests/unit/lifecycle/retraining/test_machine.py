"""The state machine: who dies at any moment leaves nothing stuck and nothing done twice."""

import sqlite3

import pytest

from serve_app.errors import Conflict, NotPermitted, NotReady
from serve_app.lifecycle.gates import Gate
from serve_app.lifecycle.retraining import decisions, leases
from serve_app.lifecycle.retraining.ledger import Change
from serve_app.lifecycle.retraining.machine import MOST_ATTEMPTS
from serve_app.lifecycle.retraining.states import FOLLOWING, TERMINAL
from tests.unit.lifecycle.retraining.fakes import (
    APPROVED,
    ENDPOINT,
    FAILED,
    MODEL,
    Dies,
    House,
    World,
)

DAY_S = 86_400.0
EFFECTS = ("snapshot", "search", "evaluate", "register", "inspect", "deploy", "promote")
POINTS = [
    *(f"{name}: {moment}" for name in EFFECTS for moment in ("intended", "done", "settled")),
    *(
        f"{state}: entered"
        for state in (
            "SNAPSHOT", "TRAINING", "EVALUATING", "REGISTERING", "DEPLOYING", "CANARY",
            "PROMOTING", "PROMOTED",
        )
    ),
]  # fmt: skip


@pytest.fixture
def house(tmp_path):
    return House(tmp_path)


def dies_at(*points):
    left = list(points)

    def fault(point):
        if left and point == left[0]:
            left.pop(0)
            raise Dies(point)

    return fault


def author(house, who="ann", why=""):
    return decisions.Author(who, why, house.clock())


def test_every_state_is_an_end_or_leads_to_one():
    assert not TERMINAL & set(FOLLOWING)
    for state in FOLLOWING:
        reached, frontier = set(), {state}
        while frontier:
            reached |= frontier
            frontier = {then for one in frontier for then in FOLLOWING.get(one, ())} - reached
        assert reached & TERMINAL, state


def test_a_run_whose_gates_pass_becomes_champion(house):
    house.trigger(body=ENDPOINT)
    run = house.work()
    assert (run.state, run.champion, run.challenger) == ("PROMOTED", 1, 2)
    assert house.world.champion(MODEL) == 2
    states = [one.after for one in house.ledger.events(run=run.id) if one.after is not None]
    assert states == [
        "QUEUED", "SNAPSHOT", "TRAINING", "EVALUATING", "REGISTERING", "DEPLOYING", "CANARY",
        "PROMOTING", "PROMOTED",
    ]  # fmt: skip


@pytest.mark.parametrize("point", POINTS)
def test_a_process_that_dies_anywhere_leaves_nothing_stuck_or_done_twice(house, point):
    house.trigger(body=ENDPOINT)
    with pytest.raises(Dies):
        house.process(dies_at(point)).work()
    house.work()
    run = house.newest()
    assert run.state == "PROMOTED"
    assert list(house.world.registered.values()) == [2]
    assert [version for version, _ in house.world.champions] == [1, 2]
    promoted = [one for one in house.ledger.events() if one.after == "PROMOTED"]
    assert len(promoted) == 1


@pytest.mark.parametrize(("body", "state"), [(ENDPOINT, "ROLLED_BACK"), ({}, "FAILED")])
def test_a_promotion_that_is_refused_leaves_no_request_with_the_challenger(house, body, state):
    house.world.raises["promote"] = [NotPermitted("moves of aliases must be signed")]
    house.trigger(body=body)
    run = house.work()
    assert run.state == state
    assert (house.world.challenger, house.world.champion(MODEL)) == (None, 1)
    assert "must be signed" in str([one.why for one in house.ledger.events(run=run.id)])


@pytest.mark.parametrize("name", ["undo: intended", "undo: done", "undo: settled"])
def test_a_process_that_dies_while_it_goes_back_is_finished_by_the_next(house, name):
    house.world.canary = "rolled back"
    house.trigger(body=ENDPOINT)
    with pytest.raises(Dies):
        house.process(dies_at(name)).work()
    run = house.work()
    assert run.state == "ROLLED_BACK"
    assert house.world.challenger is None
    assert house.world.champion(MODEL) == 1


def test_processes_that_die_one_after_the_other_at_all_points_come_to_the_same(house):
    house.trigger(body=ENDPOINT)
    for point in ("snapshot: done", "search: intended", "search: done", "register: done",
                  "promote: intended", "promote: done", "PROMOTED: entered"):  # fmt: skip
        with pytest.raises(Dies):
            house.process(dies_at(point)).work()
    assert house.newest().state == "PROMOTED"
    assert len(house.world.registered) == 1
    assert len(house.world.champions) == 2


def test_what_kills_its_process_each_time_fails_in_the_end(house):
    house.trigger()
    for _ in range(MOST_ATTEMPTS):
        with pytest.raises(Dies):
            house.process(dies_at("search: intended")).work()
    run = house.work()
    assert run.state == "FAILED"
    assert "its process died each time" in run.error


def test_a_process_that_slept_cannot_change_what_another_one_took_over(house):
    house.trigger(body=ENDPOINT)
    slept = house.process()
    queued = house.newest()
    house.process().work()
    champions = list(house.world.champions)
    with pytest.raises(Conflict, match="another process works on churn"):
        slept.step(queued)
    with pytest.raises(Conflict):
        slept.ledger.move(queued, Change("SNAPSHOT"), slept.lease, house.clock())
    assert house.world.champions == champions
    assert house.newest().state == "PROMOTED"


def test_a_process_that_slept_before_it_promoted_promotes_nothing_again(house):
    """It wakes up in the middle of its effect, which another process has done meanwhile."""
    house.trigger(body=ENDPOINT)
    slept = house.process()

    def overtaken(point):
        if point == "promote: intended":
            house.process().work()
            # Somebody has gone back since; that must stand.
            house.world.champions.append((1, "by hand again"))

    with pytest.raises(Conflict):
        type(slept)(slept.ledger, slept.effects, slept.lease, slept.clock, overtaken).work()
    assert house.world.champion(MODEL) == 1
    assert [version for version, _ in house.world.champions] == [1, 2, 1]


def test_a_lease_is_one_owner_s_until_it_runs_out(house):
    one = leases.acquire(house.database, MODEL, "one", 100.0)
    assert leases.acquire(house.database, MODEL, "one", 120.0) == one
    with pytest.raises(Conflict, match="one works on churn and may for 30 s more"):
        leases.acquire(house.database, MODEL, "two", 120.0)
    assert leases.acquire(house.database, MODEL, "two", 151.0).epoch == 2
    leases.release(house.database, one)
    with pytest.raises(Conflict):
        leases.acquire(house.database, MODEL, "three", 152.0)


@pytest.mark.parametrize(
    ("gates", "inspected", "state", "words"),
    [
        ([FAILED], [], "REJECTED", "champion failed"),
        ([Gate("champion", None, 0.0, 9, "inconclusive", "it saw them")], [], "REJECTED",
         "it saw them"),
        ([], [], "REJECTED", "no gates"),
        (None, [Gate("latency", 1.5, 1.2, 0, "failed")], "REJECTED", "latency failed"),
    ],
)  # fmt: skip
def test_what_does_not_pass_every_gate_is_rejected(house, gates, inspected, state, words):
    if gates is not None:
        house.world.gates = gates
    house.world.inspected = inspected
    house.trigger()
    run = house.work()
    assert run.state == state
    assert words in run.error
    assert house.world.champion(MODEL) == 1


def test_what_is_away_for_a_while_is_waited_for_and_then_given_up(house):
    house.world.raises["promote"] = [NotReady("the registry is away")] * 99
    house.trigger(body={"retrain": {"deadline": "1h"}})
    for _ in range(2 * MOST_ATTEMPTS):
        assert house.work().state == "PROMOTING"
    house.clock.now_s += 3600
    run = house.work()
    assert run.state == "FAILED"
    assert "PROMOTING took longer than 3600 s: the registry is away" in run.error


def test_a_canary_that_comes_to_nothing_is_rolled_back(house):
    house.world.canary = "waiting"
    house.trigger(body={"retrain": {"endpoint": "churn", "canary_deadline": "1d"}})
    assert house.work().state == "CANARY"
    house.clock.now_s += DAY_S
    assert house.work().state == "ROLLED_BACK"
    assert house.world.challenger is None


def test_a_deploy_of_something_else_is_not_fought(house):
    house.world.canary = "superseded"
    house.trigger(body=ENDPOINT)
    assert house.work().state == "SUPERSEDED"
    assert "undo" not in house.world.calls


@pytest.mark.parametrize(("body", "state"), [({}, "SUPERSEDED"), (ENDPOINT, "ROLLED_BACK")])
def test_a_champion_that_others_moved_is_left_alone(house, body, state):
    house.trigger(body=body)
    with pytest.raises(Dies):
        house.process(dies_at("PROMOTING: entered")).work()
    house.world.champions.append((7, "a person"))
    assert house.work().state == state
    assert house.world.champion(MODEL) == 7


def test_an_error_of_training_fails_the_run_with_its_words(house):
    house.world.raises["search"] = [ValueError("no column age")]
    house.trigger()
    run = house.work()
    assert (run.state, run.error) == ("FAILED", "ValueError: no column age")


def test_only_what_may_follow_follows(house):
    house.trigger()
    process = house.process()
    with pytest.raises(ValueError, match="PROMOTED does not follow QUEUED"):
        process.ledger.move(house.newest(), Change("PROMOTED"), process.lease, house.clock())


def test_the_database_itself_holds_that_a_model_has_one_run(house):
    house.trigger()
    with pytest.raises(sqlite3.IntegrityError), house.database.writing() as db:
        db.execute(
            "INSERT INTO run (id, model, pipeline, body, trigger_id, state, version, epoch, "
            "created_s, entered_s) SELECT 'other', model, pipeline, body, trigger_id, state, 1, "
            "0, 0, 0 FROM run"
        )


def test_a_run_waits_for_a_person_who_agrees_to_what_was_judged(house):
    house.trigger(body=APPROVED)
    run = house.work()
    assert run.state == "APPROVAL"
    with pytest.raises(Conflict, match="waits for the approval of"):
        decisions.decide(house.ledger, run, author(house), approved=True, digest="0" * 8)
    for too_short in ("", run.facts["digest"][:7]):
        with pytest.raises(Conflict, match="at least 8 digits"):
            decisions.decide(house.ledger, run, author(house), approved=True, digest=too_short)
    decisions.decide(
        house.ledger, run, author(house), approved=True, digest=run.facts["digest"][:8]
    )
    with pytest.raises(Conflict, match="decided"):
        decisions.decide(house.ledger, run, author(house), approved=False)
    # A new process begins 31 s later; the approval was in time.
    assert house.work().state == "PROMOTED"


def test_what_changed_after_it_was_approved_is_rejected(house):
    house.trigger(body=APPROVED)
    run = house.work()
    decisions.decide(house.ledger, run, author(house), approved=True)
    house.world.digests[run.challenger] = "another one"
    assert house.work().state == "REJECTED"
    assert house.world.champion(MODEL) == 1


def test_an_approval_ends_with_its_time_with_a_no_or_with_another_champion(tmp_path):
    late, refused, moved = (House(tmp_path / name, World()) for name in ("a", "b", "c"))
    for house in (late, refused, moved):
        house.trigger(body=APPROVED)
        assert house.work().state == "APPROVAL"
    late.clock.now_s += 61
    assert late.work().state == "EXPIRED"
    decisions.decide(
        refused.ledger, refused.newest(), author(refused, why="too odd"), approved=False
    )
    assert refused.work().error == "rejected by ann: too odd"
    moved.world.champions.append((9, "by hand"))
    assert moved.work().state == "SUPERSEDED"


def test_who_began_a_run_does_not_approve_it_where_another_has_to(house):
    body = {"retrain": {"approval": {"required": True, "by_another": True}}}
    house.trigger(body=body)
    run = house.work()
    with pytest.raises(Exception, match="another person has to approve"):
        decisions.decide(house.ledger, run, author(house, "ann"), approved=True)
    decisions.decide(house.ledger, run, author(house, "bob"), approved=True)
    assert house.work().state == "PROMOTED"


def test_frozen_nothing_goes_on_but_going_back(house):
    house.world.canary = "waiting"
    house.trigger(body=ENDPOINT)
    assert house.work().state == "CANARY"
    decisions.freeze(house.database, MODEL, author(house, "bob", "holidays"))
    house.world.canary = "promoted"
    assert house.work().state == "CANARY"
    assert house.world.held
    assert house.trigger("2").guard == "freeze"
    house.world.champions.insert(0, (5, "long ago"))
    words = decisions.roll_back(house.database, house.world, MODEL, 5, author(house))
    assert (words, house.world.champion(MODEL)) == ("churn@5 is champion", 5)
    house.clock.now_s += 30 * DAY_S
    assert decisions.unfreeze(house.database, MODEL, author(house))
    assert not decisions.unfreeze(house.database, MODEL, author(house))
    # Its whole time begins anew; the champion is another one by now.
    assert house.work().state == "ROLLED_BACK"
    assert house.world.champion(MODEL) == 5


def test_a_rollback_that_was_interrupted_is_finished_once(house):
    house.world.champions.append((2, "by a run"))
    house.world.raises["promote"] = [Dies()]
    with pytest.raises(Dies):
        decisions.roll_back(house.database, house.world, MODEL, 1, author(house, why="worse"))
    house.work()
    house.work()
    assert [version for version, _ in house.world.champions] == [1, 2, 1]
    (one,) = decisions.rollbacks(house.database)
    assert one["result"] == "churn@1 is champion"
    assert [event.what for event in house.ledger.events()] == [
        "roll back to churn@1", "rolled back",
    ]  # fmt: skip
    with pytest.raises(Conflict, match="is champion already"):
        decisions.roll_back(house.database, house.world, MODEL, 1, author(house))


@pytest.mark.parametrize(("body", "state"), [(APPROVED, "CANCELLED"), (ENDPOINT, "ROLLED_BACK")])
def test_a_run_is_cancelled_before_it_is_live_or_rolled_back(house, body, state):
    house.world.canary = "waiting"
    house.trigger(body=body)
    run = house.work()
    decisions.cancel(house.ledger, run, author(house, why="wrong data"))
    done = house.work()
    assert done.state == state
    assert house.world.champion(MODEL) == 1
    assert "cancelled by ann: wrong data" in [event.why for event in house.ledger.events()]
    with pytest.raises(Conflict, match="cannot be cancelled"):
        decisions.cancel(house.ledger, done, author(house))


def test_the_same_reason_in_another_ledger_is_another_run(tmp_path):
    world = World()
    for name in ("one", "two"):
        house = House(tmp_path / name, world)
        house.clock.now_s += len(name) if name == "one" else 100.0
        house.trigger()
        assert house.work().state == "PROMOTED"
    assert [version for version, _ in world.champions] == [1, 2, 3]

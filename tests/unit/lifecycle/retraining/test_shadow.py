"""A challenger is shown requests before it answers any, and what is odd then never does."""

import pytest
from pydantic import ValidationError

from serve_app.config.retraining import RetrainSettings, ShadowSettings
from serve_app.lifecycle.retraining import decisions
from serve_app.lifecycle.retraining.effects import Shown
from serve_app.lifecycle.retraining.live import shadow_problem
from tests.unit.lifecycle.retraining.fakes import MODEL, Dies, House
from tests.unit.lifecycle.retraining.test_machine import author, dies_at

SHADOW = {"rows": 100, "lasts": "60s", "agreement": 0.8, "failed": 0.02}
BODY = {"retrain": {"endpoint": "churn", "shadow": SHADOW}}
GOOD = Shown(rows=150, failed=0.0, agreement=0.9, agreement_upper=0.94)


@pytest.fixture
def house(tmp_path):
    made = House(tmp_path)
    made.trigger(body=BODY)
    assert made.work().state == "SHADOW"
    return made


def states(house):
    return [one.after for one in house.ledger.events(run=house.newest().id) if one.after]


def test_it_has_a_share_once_it_was_shown_enough_for_long_enough(house):
    house.world.seen = Shown(rows=99, failed=0.0, agreement=0.9, agreement_upper=0.95)
    house.clock.now_s += 3600
    assert house.work().state == "SHADOW"
    assert "start" not in house.world.calls
    house.world.seen = GOOD
    run = house.work()
    assert run.state == "PROMOTED"
    assert house.world.calls.count("start") == 1
    assert states(house)[5:8] == ["DEPLOYING", "SHADOW", "CANARY"]
    assert run.facts["shadow"] == {"rows": 150, "failed": 0.0, "agreement": 0.9}


def test_rows_that_come_at_once_do_not_shorten_it(house):
    run = house.newest()
    house.world.seen = GOOD
    machine = house.process()
    house.clock.now_s = run.entered_s + 59.0
    assert machine.step(run) is None
    house.clock.now_s = run.entered_s + 60.0
    assert machine.step(run).state == "CANARY"


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (Shown(150, 0.1, 0.9, 0.94), "it failed at 10.00% of the requests"),
        (Shown(150, 0.0, 0.7, 0.81), "it agrees on 70.00% of 150 rows"),
        (Shown(20, 0.0, 0.3, 0.5), "it agrees on 30.00% of 20 rows"),
        (Shown(150, 0.0), "agreement is of classes"),
    ],
)
def test_what_is_odd_goes_back_before_it_answers_anybody(house, seen, words):
    house.world.seen = seen
    run = house.work()
    assert run.state == "ROLLED_BACK"
    assert "start" not in house.world.calls
    (why,) = [one.why for one in house.ledger.events(run=run.id) if one.after == "ROLLING_BACK"]
    assert words in why
    assert house.world.challenger is None


def test_with_few_rows_only_what_is_certain_counts():
    settings = ShadowSettings.model_validate(SHADOW)
    assert shadow_problem(settings, Shown(20, 0.5, 0.6, 0.85)) == ""
    assert shadow_problem(settings, Shown()) == ""
    lenient = ShadowSettings.model_validate({**SHADOW, "agreement": None})
    assert shadow_problem(lenient, Shown(150, 0.02, 0.1, 0.2)) == ""


@pytest.mark.parametrize(
    "point",
    ["SHADOW: entered", "start: intended", "start: done", "start: settled", "CANARY: entered"],
)
def test_a_process_that_dies_at_its_begin_or_end_leaves_one_share(tmp_path, point):
    house = House(tmp_path)
    house.trigger(body=BODY)
    house.world.seen = GOOD
    fault = dies_at(point)

    def work():
        for _ in range(4):
            run = house.process(fault).work()
        return run

    with pytest.raises(Dies):
        work()
    assert work() is None
    assert house.newest().state == "PROMOTED"
    assert states(house).count("CANARY") == 1
    assert house.world.seen.has_share


def test_a_freeze_keeps_it_a_shadow_and_a_cancel_ends_it(house):
    decisions.freeze(house.database, MODEL, author(house))
    house.world.seen = GOOD
    assert house.work().state == "SHADOW"
    decisions.unfreeze(house.database, MODEL, author(house))
    decisions.cancel(house.ledger, house.newest(), author(house, why="no time"))
    assert house.work().state == "ROLLED_BACK"
    assert "start" not in house.world.calls


def test_who_moves_the_alias_by_hand_ends_it(house):
    house.world.seen = Shown(superseded="churn@challenger was moved by somebody")
    assert house.work().state == "SUPERSEDED"


def test_one_that_is_shown_nothing_goes_back_at_its_deadline(house):
    house.clock.now_s += 8 * 86_400
    run = house.work()
    assert run.state == "ROLLED_BACK"


def test_a_shadow_needs_an_endpoint():
    with pytest.raises(ValidationError, match="shadow needs an endpoint"):
        RetrainSettings.model_validate({"shadow": {}})

"""Triggers and guards: each reason once, and every reason that came to nothing with its guard."""

import datetime as dt
import hashlib
import hmac
import json
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.config.retraining import (
    EstimateTrigger,
    GuardSettings,
    QualityTrigger,
    RetrainSettings,
    ScheduleTrigger,
)
from serve_app.errors import ConfigError, InvalidInput, Unauthenticated
from serve_app.lifecycle.retraining.conditions import (
    DriftFinding,
    EstimateWindow,
    QualityWindow,
    of_drift,
    of_estimate,
    of_labels,
    of_quality,
)
from serve_app.lifecycle.retraining.guards import Standing, cool_down_s, refusal
from serve_app.lifecycle.retraining.intake import COUNTED_AGAIN_S
from serve_app.lifecycle.retraining.schedule import scheduled
from serve_app.lifecycle.retraining.trigger import Trigger
from serve_app.lifecycle.retraining.webhook import of_webhook
from tests.unit.lifecycle.retraining.fakes import FAILED, House

SECRET = "a secret of enough letters"
GUARDS = GuardSettings()


def at(text, zone="UTC"):
    return dt.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def planned(cron, after, now, zone="Europe/Zurich"):
    settings = ScheduleTrigger(cron=cron, zone=zone)
    trigger = scheduled("churn", settings, at(after, zone), at(now, zone))
    return None if trigger is None else trigger.evidence["planned"]


def test_a_planned_time_is_that_of_its_zone():
    # Zurich is two hours ahead of UTC in July, and one in January.
    assert planned("0 4 * * 1", "2026-07-01", "2026-07-06T04:00") == "2026-07-06T02:00+00:00"
    assert planned("0 4 * * 1", "2026-01-01", "2026-01-05T04:00") == "2026-01-05T03:00+00:00"
    assert planned("0 4 * * 1", "2026-07-01", "2026-07-06T03:59") is None


def test_what_was_missed_is_one_run():
    assert planned("0 * * * *", "2026-07-01", "2026-07-06T04:30") == "2026-07-06T02:00+00:00"
    assert planned("0 * * * *", "2026-07-06T04:00", "2026-07-06T04:30") is None


def test_clocks_that_change_skip_no_run_and_double_none():
    # On 29 March 2026 there is no 02:30 in Zurich, on 25 October there are two.
    in_spring = {planned("30 2 * * *", "2026-03-28T12:00", f"2026-03-29T{hour:02}:59")
                 for hour in range(3, 24)}  # fmt: skip
    assert len(in_spring) == 1
    assert None not in in_spring
    begin = at("2026-10-24T12:00", "Europe/Zurich")
    settings = ScheduleTrigger(cron="30 2 * * *", zone="Europe/Zurich")
    after, keys = begin, set()
    for minute in range(0, 24 * 60, 10):
        trigger = scheduled("churn", settings, after, begin + 60 * minute)
        if trigger is not None:
            keys.add(trigger.dedupe_key)
            after = begin + 60 * minute
    assert len(keys) == 1


@pytest.mark.parametrize("cron", ["61 * * * *", "a b c d e"])
def test_a_schedule_that_is_none_is_refused(cron):
    with pytest.raises(ConfigError, match="is no schedule"):
        scheduled("churn", ScheduleTrigger(cron=cron), 0.0, 1e9)
    with pytest.raises(ValueError, match="is no time zone"):
        ScheduleTrigger(cron="0 4 * * 1", zone="Europe/Zurichh")
    with pytest.raises(ValueError, match="minute, hour, day, month and weekday"):
        ScheduleTrigger(cron="0 4 * *")


def quality(end_s, upper, rows=500, lower=0.5, mature=True, metric="accuracy"):
    return QualityWindow(metric, end_s, (lower + upper) / 2, lower, upper, rows, mature)


@pytest.mark.parametrize(
    ("windows", "key"),
    [
        ([quality(100, 0.79)], "quality:accuracy:100"),
        ([quality(100, 0.81)], None),
        ([quality(100, 0.79), quality(200, 0.9)], None),  # it has recovered
        ([quality(100, 0.79), quality(990, 0.9, mature=False)], "quality:accuracy:100"),
        ([quality(100, 0.79, mature=False)], None),
        ([quality(100, 0.79, metric="f1")], None),
        ([quality(100, 0.79, rows=99)], None),
        ([], None),
    ],
)
def test_quality_fires_by_its_bound_in_windows_whose_labels_are_in(windows, key):
    settings = QualityTrigger(floor=0.8)
    trigger = of_quality("churn", settings, windows, 1_000.0)
    assert (trigger and trigger.dedupe_key) == key


def test_of_losses_more_is_worse():
    settings = QualityTrigger(metric="brier", floor=0.3)
    for lower, fires in ((0.31, True), (0.29, False)):
        windows = [quality(100, 0.6, lower=lower, metric="brier")]
        assert (of_quality("churn", settings, windows, 1e3) is not None) is fires


@pytest.mark.parametrize(
    ("values", "fires"),
    [
        ([0.9, 0.7, 0.7, 0.7], True),
        ([0.7, 0.7, 0.9, 0.7], True),
        ([0.7, 0.7, 0.7, 0.9], False),
        ([0.7, 0.7, 0.7, 0.9, 0.9, 0.9, 0.7], False),
        ([0.7, 0.7], False),
    ],
)
def test_an_estimate_fires_where_it_was_low_in_enough_windows(values, fires):
    windows = [EstimateWindow("accuracy", 100.0 * k, value) for k, value in enumerate(values)]
    settings = EstimateTrigger(floor=0.8, windows=3, of=4)
    assert (of_estimate("churn", settings, windows, 1e4) is not None) is fires


def test_labels_fire_once_for_each_bucket_of_a_champion():
    assert of_labels("churn", 100, 3, 99, 0.0) is None
    first = of_labels("churn", 100, 3, 100, 0.0)
    assert of_labels("churn", 100, 3, 199, 9.0).dedupe_key == first.dedupe_key
    assert of_labels("churn", 100, 3, 200, 9.0).dedupe_key != first.dedupe_key
    assert of_labels("churn", 100, 4, 100, 0.0).dedupe_key != first.dedupe_key


def test_drift_is_only_written_down_unless_it_trains(tmp_path):
    house = House(tmp_path)
    finding = DriftFinding("columns", 100.0, "age has drifted")
    for _ in range(2):
        (trigger,) = of_drift("churn", [finding], house.clock(), trains=False)
        recorded = house.intake.take(trigger, "churn", {}, GUARDS)
    assert (recorded.outcome, recorded.run, recorded.is_new) == ("recorded", None, False)
    assert len(house.intake.triggers()) == 1
    assert house.ledger.runs() == []


def call(body=b'{"reason": "new data"}', call_id="c-1", sent_s=1_000, secret=SECRET):
    """Signed by the standard library alone."""
    message = f"churn.{call_id}.{sent_s}.".encode() + body
    given = hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()
    return {"webhook-id": call_id, "webhook-timestamp": str(sent_s), "webhook-signature": given}


def test_a_signed_call_is_a_trigger_once(tmp_path):
    house = House(tmp_path)
    body = b'{"reason": "new data"}'
    for _ in range(3):
        trigger = of_webhook("churn", SECRET, call(body), body, 1_100.0)
        recorded = house.intake.take(trigger, "churn", {}, GUARDS)
    assert (trigger.reason, recorded.outcome, recorded.run) == ("new data", "started", "churn-r1")
    assert len(house.ledger.runs()) == 1


@pytest.mark.parametrize(
    ("headers", "body", "now_s", "error"),
    [
        (call(secret="another secret, as long"), b'{"reason": "new data"}', 1_000, Unauthenticated),
        (call(), b'{"reason": "other data"}', 1_000, Unauthenticated),
        (call(), b'{"reason": "new data"}', 1_301, Unauthenticated),
        (call(), b'{"reason": "new data"}', 699, Unauthenticated),
        ({**call(), "webhook-id": "c-2"}, b'{"reason": "new data"}', 1_000, Unauthenticated),
        ({**call(), "webhook-timestamp": "1200"}, b'{"reason": "new data"}', 1_200,
         Unauthenticated),
        ({**call(), "webhook-signature": ""}, b'{"reason": "new data"}', 1_000, InvalidInput),
        (call(b"[]"), b"[]", 1_000, InvalidInput),
        (call(sent_s="nan"), b'{"reason": "new data"}', 1_000, InvalidInput),
    ],
)  # fmt: skip
def test_a_call_that_others_made_changed_or_kept_is_refused(headers, body, now_s, error):
    with pytest.raises(error):
        of_webhook("churn", SECRET, headers, body, float(now_s))


def test_a_signed_body_that_nobody_can_read_is_refused_and_half_a_character_is_none():
    def trigger(body, now_s=1_000.0):
        return of_webhook("churn", SECRET, call(body), body, now_s)

    with pytest.raises(InvalidInput, match="no JSON"):
        trigger(b"[" * 30_000)
    assert trigger(b'{"reason": "\\ud800 drift"}').reason == "? drift"
    with pytest.raises(Unauthenticated, match="400 s ahead of the clock here"):
        trigger(b"{}", now_s=600.0)


def test_a_secret_that_is_too_short_signs_nothing():
    with pytest.raises(Unauthenticated, match="fewer than 16"):
        of_webhook("churn", "", call(secret=""), b'{"reason": "new data"}', 1_000.0)


def trigger(**more):
    return Trigger("churn", "manual", "somebody wants it", "1", 0.0, **more)


@pytest.mark.parametrize(
    ("standing", "forced", "guard"),
    [
        (Standing(), False, None),
        (Standing(active_run="churn-r1"), False, "one run"),
        (Standing(active_run="churn-r1"), True, "one run"),
        (Standing(frozen_by="ann"), True, "freeze"),
        (Standing(rejections=1, rejected_s=9_000.0), False, "cool-down"),
        (Standing(rejections=1, rejected_s=9_000.0), True, None),
        (Standing(rejections=1, rejected_s=6_300.0), False, None),
        (Standing(rejections=2, rejected_s=6_300.0), False, "cool-down"),
        (Standing(began_s=(9_000.0,) * 4), False, "budget"),
        (Standing(began_s=(9_000.0,) * 3), False, None),
        (Standing(new_rows=99), False, "new rows"),
        (Standing(new_rows=100), False, None),
    ],
)
def test_each_guard_keeps_away_what_it_is_for(standing, forced, guard):
    settings = GuardSettings(cool_down="1h", runs_per_day=4, new_rows=100)
    seen = refusal(trigger(forced=forced), standing, settings, 10_000.0)
    assert (seen and seen.guard) == guard


@given(st.integers(0, 5_000), st.floats(1, 1e5), st.floats(1, 1e6))
def test_a_cool_down_grows_up_to_its_longest(rejections, first_s, longest_s):
    settings = GuardSettings(cool_down=f"{first_s:.3f}s", longest_cool_down=f"{longest_s:.3f}s")
    now_s, then_s = (cool_down_s(settings, count) for count in (rejections, rejections + 1))
    assert 0 <= now_s <= then_s <= settings.longest_cool_down
    if now_s > 0 and then_s < settings.longest_cool_down:
        assert then_s == pytest.approx(2 * now_s)


def test_why_nothing_happened_is_kept_with_its_guard(tmp_path):
    house = House(tmp_path)
    house.world.gates = [FAILED]
    assert house.trigger("1").outcome == "started"
    assert house.trigger("2").guard == "one run"
    assert house.work().state == "REJECTED"
    dropped = house.trigger("3")
    assert (dropped.outcome, dropped.guard, dropped.run) == ("dropped", "cool-down", None)
    assert house.trigger("3").is_new is False
    assert house.trigger("4", forced=True).outcome == "started"
    house.work()
    house.clock.now_s += 2 * 3600
    assert house.trigger("5").outcome == "started"
    whats = [one.what for one in house.ledger.events() if one.what.startswith("trigger dropped")]
    assert whats == [
        "trigger dropped by the guard one run", "trigger dropped by the guard cool-down",
    ]  # fmt: skip


def test_rows_are_counted_only_where_a_guard_wants_to_know(tmp_path):
    house = House(tmp_path)
    counted = []

    def count(model, body):
        counted.append(model)
        return 5

    house.intake._count_new_rows = count
    assert house.trigger("1", guards=GuardSettings(new_rows=6)).guard == "new rows"
    assert counted == ["churn"]
    assert house.trigger("2").outcome == "started"
    assert counted == ["churn"]


def test_a_reason_that_came_before_its_labels_begins_one_run_once_they_are_there(tmp_path):
    house, rows = House(tmp_path), [5]
    counted = []

    def count(model, _):
        counted.append(rows[0])
        return rows[0]

    house.intake._count_new_rows = count

    def look(after_s=0.0):
        house.clock.now_s += after_s
        return house.trigger("drift", kind="drift", guards=GuardSettings(new_rows=100))

    first = look()
    assert (first.guard, first.is_new) == ("new rows", True)
    rows[0] = 150
    assert look(COUNTED_AGAIN_S - 1).guard == "new rows"
    assert counted == [5]
    rows[0] = 60
    again = look(1)
    assert (again.guard, again.is_new) == ("new rows", False)
    assert again.words == "60 rows are new, and 100 have to be"
    rows[0] = 150
    began = look(COUNTED_AGAIN_S)
    assert (began.outcome, began.run, began.guard, began.is_new) == (
        "started", "churn-r1", None, True,
    )  # fmt: skip
    assert look(10 * COUNTED_AGAIN_S).is_new is False
    assert len(house.ledger.runs()) == 1
    assert house.newest().trigger == first.id
    assert house.work().state == "PROMOTED"


def test_settings_survive_being_written_and_read():
    given_ = {
        "endpoint": "churn",
        "triggers": {
            "schedule": {"cron": "0 4 * * 1", "zone": "Europe/Zurich"},
            "quality": {"floor": 0.8, "window": "30d"},
            "labels": 500,
        },
        "guards": {"cool_down": "2h"},
        "approval": {"required": True, "within": "2d"},
        "version": {"schema": False, "latency": 1.2},
    }
    settings = RetrainSettings.model_validate(given_)
    body = json.loads(json.dumps(settings.model_dump(mode="json", by_alias=True)))
    assert RetrainSettings.model_validate(body) == settings
    assert settings.guards.cool_down == 7_200.0

"""From what a gateway recorded to what is known of it: kept, joined with labels, judged."""

import itertools
import json
import re

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score

from serve_app.config import ControlSettings, MonitorArgs
from serve_app.control.declare import declare
from serve_app.core.feedback import Feedback
from serve_app.core.snapshot import Snapshot
from serve_app.engine.assemble import Assembler
from serve_app.engine.load import load, profile_of
from serve_app.engine.local import LocalModels
from serve_app.engine.registration.register import Candidate, register
from serve_app.errors import NotFound, RecordsFailed
from serve_app.registry.store import Registry
from serve_app.security.audit import AuditLog
from serve_app.security.audit_reading import all_events
from serve_app.serving import monitoring_work
from serve_app.serving.monitoring_work import ARRIVED_S, MonitoringWork
from serve_app.storage.feedback import FeedbackStore
from serve_app.storage.records.compaction import Compactor
from serve_app.storage.records.files import Files
from serve_app.storage.records.reader import Query, query
from serve_app.storage.snapshots import SnapshotStore
from tests.unit.serving.monitor_house import NOON_S, House, people


@pytest.fixture
def house(tmp_path):
    return House(tmp_path)


def recorded(house):
    table = query(Files(house.args.records), Query("risk", NOON_S, NOON_S + 3600)).read_all()
    return table.sort_by("key").to_pylist() if table.num_rows else []


def test_what_was_asked_and_answered_is_kept_without_what_is_redacted(house):
    work, frame = house.monitor(), people(3, 1)
    response = house.ask(frame)
    house.deliver(work)
    for step in (work.save, work.compact, work.tidy):
        step()
        rows = recorded(house)
        assert [row["key"] for row in rows] == ["o-0", "o-1", "o-2"]
        assert [row["feature_age"] for row in rows] == frame["age"].tolist()
        assert {row["prediction_id"] for row in rows} == {response.prediction_id}
        assert [row["value"] for row in rows] == response.answer.prediction.values.tolist()
        assert not any("feature_dose" in row for row in rows)


@pytest.mark.parametrize("is_compacted", [False, True])
def test_labels_find_predictions_by_id_and_by_key(house, is_compacted):
    work = house.monitor()
    response = house.ask(people(2, 1))
    other = house.ask(people(1, 2))
    house.deliver(work)
    if is_compacted:
        work.compact()
    house.now_s += 100
    given = [
        Feedback("risk", response.prediction_id, truth_json='["ill", "well"]'),
        Feedback("risk", key="o-2", truth_json='"ill"'),
        Feedback("risk", key="o-9", truth_json='"ill"'),
    ]
    assert work.keep(given) == ["stored"] * 3
    house.now_s += ARRIVED_S
    work.match()
    store = FeedbackStore(house.args.state)
    assert [one["state"] for one in store.all("risk")] == ["matched", "matched", "pending"]
    labelled = list(store.labelled("risk", NOON_S, NOON_S + 60))
    truths = {(one.prediction.prediction_id, one.prediction.row): one.truth for one in labelled}
    assert truths == {
        (response.prediction_id, 0): "ill",
        (response.prediction_id, 1): "well",
        (other.prediction_id, 0): "ill",
    }
    assert {one.prediction.variants for one in labelled} == {("risk@1",)}
    assert {one.delay_s for one in labelled} == {100.0}
    samples = {(one.metric.name, *one.labels): one.value for one in work.samples()}
    assert samples["serve_app_feedback_items", "risk", "matched"] == 2


def test_answers_are_as_good_as_their_labels_say(house):
    work, frame = house.monitor(), people(400, 5)
    response = house.ask(frame)
    house.deliver(work)
    house.now_s += 3600
    right = np.where(frame["age"] + 5 * frame["dose"] > 50, "ill", "well").tolist()
    right[:40] = ["ill" if one == "well" else "well" for one in right[:40]]
    given = [
        Feedback("risk", response.prediction_id, row=row, truth_json=json.dumps(truth))
        for row, truth in enumerate(right[:300])
    ]
    work.keep([*given, Feedback("risk", response.prediction_id, reward=2.5)])
    house.now_s += ARRIVED_S
    work.match()
    (one,) = work.watch("quality").report("risk", 86_400)
    said = response.answer.prediction
    assert (one["variants"], one["labelled"], one["left_out"]) == (["risk@1"], 300, 0)
    assert one["coverage"] == 0.75
    metrics = {name: value["value"] for name, value in one["metrics"].items()}
    ill = [truth == "ill" for truth in right[:300]]
    assert metrics["accuracy"] == pytest.approx(accuracy_score(right[:300], said.values[:300]))
    # The second of two classes is the positive one.
    well = [truth == "well" for truth in right[:300]]
    shares = said.probabilities[:300, 1]
    # Scores are ranked in bins, so that results of many windows can be added up.
    assert metrics["auc"] == pytest.approx(roc_auc_score(well, shares), abs=1e-2)
    assert metrics["log_loss"] == pytest.approx(log_loss(well, shares), abs=1e-6)
    assert 0 < sum(ill) < 300
    work.watch("quality").run()
    samples = {(one.metric.name, *one.labels): one.value for one in work.samples()}
    assert samples["serve_app_label_coverage_ratio", "risk", "risk@1"] == 0.75
    # All labels came an hour after their predictions.
    for quantile in ("0.5", "0.95"):
        named = ("serve_app_label_delay_seconds", "risk", "risk@1", quantile)
        assert samples[named] == pytest.approx(3600)
    named = ("serve_app_realised_metric", "risk", "risk@1", "accuracy")
    assert samples[*named, "value"] == metrics["accuracy"]
    assert samples[*named, "low"] < metrics["accuracy"] < samples[*named, "high"]
    assert work.watch("quality").report("nobody", 86_400) == []
    (nothing,) = work.watch("quality").report("risk", ARRIVED_S + 1)
    assert (nothing["labelled"], nothing["metrics"]) == (0, {})


def test_rows_that_are_not_as_those_of_training_are_an_alarm_and_survive_a_kill(house):
    work = house.monitor()
    for minute in range(4):
        house.ask(people(2_000, minute + 10, shift=12.0))
        house.deliver(work)
        house.now_s += 60
    work = house.monitor()
    house.now_s += 31
    work.watch("drift").run()
    (series,) = drift(work)
    assert (series["endpoint"], series["version"], series["rows"]) == ("risk", "risk@1", 2_000)
    assert {"name": "age", "what": "distribution"} in series["alarms"]
    assert {"name": "dose", "what": "distribution"} not in series["alarms"]
    subjects = {(one.kind, one.variants, one.subject) for one in work.findings()}
    assert ("drift", "risk@1", "age: distribution") in subjects
    assert ("drift", "risk@1", "dose: distribution") not in subjects
    json.dumps(series)
    samples = {(one.metric.name, *one.labels): one.value for one in work.samples()}
    assert samples["serve_app_feature_drift_score", "risk", "risk@1", "age"] > 1
    assert samples["serve_app_feature_drift_score", "risk", "risk@1", "dose"] < 1
    assert samples["serve_app_window_rows", "risk", "risk@1"] == 2_000
    again = house.monitor()
    again.watch("drift").run()
    assert [one["alarms"] for one in drift(again)] == [series["alarms"]]


def test_rows_as_those_of_training_are_no_alarm(house):
    work = house.monitor()
    for minute in range(4):
        house.ask(people(2_000, minute + 20))
        house.deliver(work)
        house.now_s += 60
    work.watch("drift").run()
    assert [one["alarms"] for one in drift(work)] == [[]]


def test_a_monitor_of_a_cluster_without_endpoints_has_nothing_to_say(tmp_path):
    args = MonitorArgs(
        registry=str(tmp_path / "r"), state=str(tmp_path / "s"), records=str(tmp_path / "f")
    )
    work = MonitoringWork(args, Registry(args.registry), clock=lambda: NOON_S)
    work.restore()
    for step in (
        work.follow,
        work.match,
        work.save,
        work.watch("drift").run,
        work.compact,
        work.tidy,
    ):
        step()
    assert drift(work) == []


def test_old_records_go_where_there_is_no_room_to_merge(house, monkeypatch):
    work = house.monitor()
    house.ask(people(2, 1))
    house.deliver(work)
    work.compact()
    house.now_s += 31 * 86_400

    def full(*_):
        raise RecordsFailed("no space left on device")

    monkeypatch.setattr(Compactor, "merge", full)
    with pytest.raises(RecordsFailed):
        work.tidy()
    assert recorded(house) == []


def test_what_is_let_go_is_in_the_audit_log(house, tmp_path):
    log = AuditLog(tmp_path / "audit", "monitor", house.clock)
    work = MonitoringWork(house.args, house.registry, clock=house.clock, audit=log)
    work.restore()
    house.ask(people(2, 1))
    house.deliver(work)
    work.compact()
    work.tidy()
    assert all_events(tmp_path / "audit") == []
    house.now_s += 31 * 86_400
    work.tidy()
    log.close()
    (line,) = all_events(tmp_path / "audit")
    assert (line["action"], line["result"], line["actor"]) == ("retain", "done", "monitor")
    assert re.fullmatch(r"records of [1-9]\d* bytes, older or more than is kept", line["object"])


def test_labels_after_the_horizon_are_late_while_their_predictions_are_kept(house):
    house.settle(feedback_horizon_days=2, retention_days=30)
    work = house.monitor()
    house.ask(people(1, 1))
    house.deliver(work)
    house.now_s += 3 * 86_400
    work.keep([Feedback("risk", key="o-0", truth_json='"ill"')])
    house.now_s += ARRIVED_S
    work.match()
    counts = FeedbackStore(house.args.state).counts("risk")
    assert (counts["matched"], counts["late"]) == (1, 1)


def test_feedback_by_key_is_about_the_newest_prediction_though_that_comes_later(house):
    work = house.monitor()
    house.ask(people(1, 1))
    house.deliver(work)
    house.now_s += 60
    house.orders = itertools.count()
    newest = house.ask(people(1, 2))
    work.keep([Feedback("risk", key="o-0", truth_json='"ill"')])
    work.match()
    house.now_s += 1
    house.deliver(work)
    house.now_s += ARRIVED_S
    work.match()
    (labelled,) = FeedbackStore(house.args.state).labelled("risk", NOON_S, NOON_S + 90)
    assert labelled.prediction.prediction_id == newest.prediction_id


def test_alarms_end_with_the_version_that_its_endpoint_asks_no_more(house):
    work = house.monitor()
    for minute in range(4):
        frame = people(2_000, minute + 30, shift=12.0)
        house.ask(frame)
        house.deliver(work)
        house.now_s += 60
    house.now_s += 31
    work.watch("drift").run()
    assert shown(work)["serve_app_drift_alarms", "risk", "risk@1"] > 0
    fitted = LogisticRegression().fit(people(100, 1), np.arange(100) % 2)
    register(house.registry, Candidate("risk", fitted, people(100, 1)), compile="never")
    other = {"risk": {"route": {"kind": "single", "model": "risk@2"}}}
    declared = ControlSettings.model_validate({"endpoints": other})
    snapshot = Snapshot(2, "other", declare(declared, house.registry.manifest).checked())
    SnapshotStore(house.args.state).save(2, "other", snapshot.to_json())
    work.follow()
    work.watch("drift").run()
    assert drift(work) == []
    ended = shown(work)
    assert ended["serve_app_drift_alarms", "risk", "risk@1"] == 0
    assert np.isnan(ended["serve_app_feature_drift_score", "risk", "risk@1", "age"])
    assert ("serve_app_drift_alarms", "risk", "risk@1") not in shown(work)
    assert drift(house.monitor()) == []


def test_a_profile_that_could_not_be_read_once_is_read_again(house, monkeypatch):
    profiles = {"risk@1": None}
    monkeypatch.setattr(monitoring_work, "profiles_of", lambda *_: profiles.get)
    work = house.monitor()
    house.ask(people(2_000, 1))
    house.deliver(work)
    house.now_s += 100
    work.watch("drift").run()
    assert drift(work) == []
    profiles["risk@1"] = profile_of(house.registry, "risk", 1)
    work.watch("drift").run()
    assert [one["rows"] for one in drift(work)] == [2_000]


def shown(work):
    return {(one.metric.name, *one.labels): one.value for one in work.samples()}


def test_an_ensemble_is_judged_by_the_rows_of_each_of_its_versions(house):
    frame = people(4_000, 0)
    label = np.where(frame["age"] > 50, "ill", "well")
    fitted = LogisticRegression().fit(frame, label)
    register(house.registry, Candidate("risk", fitted, frame), compile="never")
    variants = [{"model": "risk@1"}, {"model": "risk@2"}]
    settings = {"risk": {"route": {"kind": "ensemble", "variants": variants}}}
    settings["risk"]["monitoring"] = {"key": "order_id"}
    declared = ControlSettings.model_validate({"endpoints": settings})
    snapshot = Snapshot(2, "other", declare(declared, house.registry.manifest).checked())
    SnapshotStore(house.args.state).save(2, "other", snapshot.to_json())
    house.packing.follow(snapshot)
    loaded = {f"risk@{n}": load(house.registry, "risk", n).model for n in (1, 2)}
    models = LocalModels(loaded, clock=house.clock)
    assembler = Assembler(replicas=models, inline=models, clock=house.clock)
    house.predictor.swap(assembler.stages(snapshot))
    work = house.monitor()
    house.ask(people(2_000, 1))
    house.deliver(work)
    house.now_s += 100
    work.watch("drift").run()
    judged = {one["version"]: [f["name"] for f in one["features"]] for one in drift(work)}
    assert judged == {"risk@1": ["age", "dose"], "risk@2": ["age", "dose"]}
    assert all(one["predictions"] == [] for one in drift(work))


def test_a_kind_that_nothing_watches_is_named(house):
    with pytest.raises(NotFound, match="no watch over 'weather'; there are drift, quality"):
        house.monitor().watch("weather")


def drift(work):
    """What the last judged windows say."""
    return list(work.watch("drift").report(None, 0))

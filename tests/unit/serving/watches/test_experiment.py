"""What requests and feedback make of an experiment, from the gateway's part to the report."""

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from serve_app.config import ControlSettings
from serve_app.control import experiments
from serve_app.control.declare import declare
from serve_app.core.events import Event
from serve_app.core.feedback import Feedback
from serve_app.core.messages import Payload, Request
from serve_app.core.snapshot import Snapshot
from serve_app.engine.assemble import Assembler
from serve_app.engine.load import load
from serve_app.engine.local import LocalModels
from serve_app.engine.registration.register import register
from serve_app.errors import InvalidInput, ModelFailed, NotReady
from serve_app.monitoring.experiment.document import ExperimentReport
from serve_app.serving.monitoring_work import ARRIVED_S
from serve_app.serving.watches import experiment as watches
from serve_app.storage.events import EventLog
from serve_app.storage.snapshots import SnapshotStore
from tests.unit.serving.monitor_house import House, of_people

SETTINGS = {
    "name": "risks",
    "primary": {"metric": "conversion"},
    "guardrails": [{"metric": "error_rate", "margin": 0.05}],
    "effect": 0.2,
    "units": 500,
    "start": "by hand",
}
ROUTE = {
    "kind": "split",
    "key": "patient",
    "variants": [{"model": "risk@1"}, {"model": "other@1"}],
}


class Failing:
    """Models of which one fails while `fails` says so."""

    def __init__(self, models):
        self.models, self.fails = models, False

    async def ask(self, version, task, columns, deadline):
        if self.fails and version == "other@1":
            raise ModelFailed("no")
        return await self.models.ask(version, task, columns, deadline)


class ExperimentHouse(House):
    """The house, whose endpoint splits subjects between two versions of one mind."""

    def __init__(self, folder, settings=SETTINGS):
        super().__init__(folder)
        register(self.registry, replace(of_people(), name="other"), compile="never")
        loaded = {f"{name}@1": load(self.registry, name, 1).model for name in ("risk", "other")}
        self.models = Failing(LocalModels(loaded, clock=self.clock))
        self.assembler = Assembler(replicas=self.models, inline=self.models, clock=self.clock)
        body = {"route": ROUTE, "experiment": settings}
        declared = ControlSettings.model_validate({"endpoints": {"risk": body}})
        endpoints = declare(declared, self.registry.manifest).checked()
        self.snapshot = Snapshot(2, "split", endpoints, epochs={"risk": 2})
        self.stand(experiments.planned(endpoints["risk"]))
        self.follow(self.snapshot)
        self.serve()

    def stand(self, experiment):
        version = self.snapshot.version + 1
        self.snapshot = replace(self.snapshot, version=version, experiments={"risk": experiment})
        SnapshotStore(self.args.state).save(version, "split", self.snapshot.to_json())

    def act(self, action):
        experiment = self.snapshot.experiments["risk"]
        after = experiments.acted(
            experiment, action, by="ada", why="so", now_s=self.now_s, endpoint="risk"
        )
        self.stand(experiments.in_effect(after, self.now_s))

    def ask_about(self, patient, **columns):
        """One row of a patient: its id, and who answered."""
        given = {"age": [50.0], "dose": [1.0], **columns}
        self.now_s += 1
        request = Request("risk", Payload(given, 1, {"patient": patient}), f"r-{self.now_s}")
        response = asyncio.run(self.predictor.predict(request))
        return response.prediction_id, response.answer.variants[0]

    def settle_all(self, work, feedback=()):
        self.deliver(work)
        work.keep(feedback)
        self.now_s += ARRIVED_S
        work.match()
        self.now_s += watches.FRESH_S


def report_of(work):
    (body,) = work.watch("experiment").report("risk", 0.0)
    return ExperimentReport.from_json(body)


@pytest.fixture
def house(tmp_path):
    return ExperimentHouse(tmp_path)


def test_subjects_are_compared_by_what_feedback_says_since_the_start(house):
    work, rng = house.monitor(), np.random.default_rng(5)
    assert report_of(work).decision.outcome == "not started"
    house.ask_about("before the start")
    house.now_s += 1
    EventLog(house.args.state).append(Event(house.now_s, "ada", "experiment", "risk", "so"))
    house.act("start")
    arms, rewards, feedback = {}, {}, []
    for number in range(800):
        patient = f"p-{number % 400}"
        prediction_id, arms[patient] = house.ask_about(patient)
        share = 0.7 if arms[patient] == "other@1" else 0.2
        reward = float(rng.random() < share)
        rewards[patient] = max(reward, rewards.get(patient, 0.0))
        feedback.append(Feedback("risk", prediction_id, reward=reward))
    house.settle_all(work, feedback)
    report = report_of(work)
    assert (report.state, report.unit, report.key) == ("running", "subject", "patient")
    by_arm = {name: [p for p, arm in arms.items() if arm == name] for name in report.variants}
    traffic = {one.variant: one for one in report.traffic}
    assert {name: one.units for name, one in traffic.items()} == {
        name: len(patients) for name, patients in by_arm.items()
    }
    assert sum(one.requests for one in report.traffic) == 800
    assert sum(one.labelled for one in report.traffic) == 800
    means = {name: np.mean([rewards[p] for p in patients]) for name, patients in by_arm.items()}
    (primary, guardrail) = report.metrics
    assert {one.variant: one.value for one in primary.arms} == pytest.approx(means)
    (one,) = primary.comparisons
    assert one.effect == pytest.approx(means["other@1"] - means["risk@1"])
    assert one.low > 0
    assert guardrail.arms[0].value == 0.0
    assert not report.ratio.mismatch
    assert (report.decision.outcome, report.decision.variant) == ("ship", "other@1")
    assert [line.who for line in report.history] == ["ada"]
    assert work.watch("experiment").findings() == []


def test_who_fails_is_worse_though_another_one_answers(house):
    work = house.monitor()
    house.act("start")
    house.models.fails = True
    for number in range(400):
        assert house.ask_about(f"p-{number}")[1] == "risk@1"
    house.settle_all(work)
    report = report_of(work)
    other = next(one for one in report.traffic if one.variant == "other@1")
    assert other.errors == other.requests > 150
    assert not report.ratio.mismatch
    assert (report.decision.outcome, report.decision.variant) == ("roll back", "other@1")
    work.watch("experiment").run()
    (finding,) = work.watch("experiment").findings()
    assert (finding.endpoint, finding.variants, finding.severity) == ("risk", "other@1", "critical")
    assert finding.text.startswith("experiment risks: roll back other@1: error_rate")


def test_who_named_a_version_or_sent_nonsense_does_not_count(house):
    work = house.monitor()
    house.act("start")
    house.ask_about("p-1")
    named = Request("risk", Payload({"age": [50.0], "dose": [1.0]}, 1), "named", "other@1")
    asyncio.run(house.predictor.predict(named))
    with pytest.raises(InvalidInput):
        house.ask_about("p-2", age=["old"])
    house.settle_all(work)
    assert sum(one.requests for one in report_of(work).traffic) == 1


def test_what_was_read_once_is_not_read_again_and_the_newest_is(house, monkeypatch):
    work = house.monitor()
    house.act("start")
    house.ask_about("p-1")
    house.settle_all(work)
    assert sum(one.requests for one in report_of(work).traffic) == 1
    house.now_s += 3 * watches.STEP_S
    house.ask_about("p-2")
    house.settle_all(work)
    assert sum(one.requests for one in report_of(work).traffic) == 2
    wanted = []
    read = watches.exposures

    def seen(files, query, compared):
        wanted.append(query.since_s)
        return read(files, query, compared)

    monkeypatch.setattr(watches, "exposures", seen)
    house.now_s += watches.FRESH_S
    assert sum(one.requests for one in report_of(work).traffic) == 2
    assert min(wanted) >= house.now_s - watches.SETTLED_S - watches.FRESH_S - 2 * ARRIVED_S
    again = house.monitor()
    assert sum(one.requests for one in report_of(again).traffic) == 2


def test_after_the_stop_nothing_counts_that_came_later(house):
    work = house.monitor()
    house.act("start")
    house.ask_about("p-1")
    house.now_s += 1
    house.act("stop")
    house.ask_about("p-2")
    house.settle_all(work)
    report = report_of(work)
    assert (report.state, sum(one.units for one in report.traffic)) == ("stopped", 1)
    assert report.decision.words.startswith("stopped undecided")


def test_of_very_many_requests_those_of_a_part_of_the_units_are_analysed(house, monkeypatch):
    monkeypatch.setattr(watches, "MOST_ROWS", 60)
    work = house.monitor()
    house.act("start")
    for number in range(200):
        house.ask_about(f"p-{number % 100}")
    house.settle_all(work)
    report = report_of(work)
    units = sum(one.units for one in report.traffic)
    # All requests of those who are chosen, and none of anybody else's.
    assert sum(one.requests for one in report.traffic) == 2 * units <= 60
    assert "one of" in report.notes[0]


def test_without_scipy_it_says_so(house, monkeypatch):
    monkeypatch.setattr(watches, "_has_scipy", lambda: False)
    work = house.monitor()
    with pytest.raises(NotReady, match="pip install 'serve-app"):
        work.watch("experiment").report("risk", 0.0)
    work.watch("experiment").run()

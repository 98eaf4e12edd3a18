"""What shadows said is compared with what was answered, from the request to the monitor."""

import asyncio
import json

import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import cohen_kappa_score, confusion_matrix

from serve_app.config import ControlSettings
from serve_app.control.declare import declare
from serve_app.core.feedback import Feedback
from serve_app.core.messages import Payload, Request
from serve_app.core.snapshot import Snapshot
from serve_app.engine.assemble import Assembler
from serve_app.engine.load import load
from serve_app.engine.local import LocalModels
from serve_app.engine.mirroring import Mirroring, MirrorLimits
from serve_app.engine.registration.register import Candidate, register
from serve_app.errors import ModelFailed
from serve_app.serving.monitoring_work import ARRIVED_S
from serve_app.storage.snapshots import SnapshotStore
from tests.unit.serving.monitor_house import House, people

HOUR_S = 3_600.0
ILL = ["ill", "well"]


class Failing:
    """Models of which the shadow fails while `fails` says so."""

    def __init__(self, models):
        self.models, self.fails = models, False

    async def ask(self, version, task, columns, deadline):
        if self.fails and version == "other@1":
            raise ModelFailed("no")
        return await self.models.ask(version, task, columns, deadline)


class ShadowedHouse(House):
    """The house, whose endpoint has a shadow that was trained by another rule."""

    def __init__(self, folder):
        super().__init__(folder)
        frame = people(4_000, 3)
        label = np.where(frame["age"] + 9 * frame["dose"] > 52, "ill", "well")
        self.direct = LogisticRegression().fit(frame, label)
        register(self.registry, Candidate("other", self.direct, frame), compile="never")
        loaded = {f"{name}@1": load(self.registry, name, 1).model for name in ("risk", "other")}
        self.models = Failing(LocalModels(loaded, clock=self.clock))
        self.mirroring = Mirroring(
            clock=self.clock, recorder=self.recording, inline=self.models, limits=MirrorLimits()
        )
        self.assembler = Assembler(
            replicas=self.models, inline=self.models, clock=self.clock, mirroring=self.mirroring
        )
        body = {
            **self.settings["risk"],
            "shadows": [{"model": "other@1"}],
            "monitoring": {"segments": ["plan"]},
        }
        settings = ControlSettings.model_validate({"endpoints": {"risk": body}})
        self.snapshot = Snapshot(2, "shadowed", declare(settings, self.registry.manifest).checked())
        SnapshotStore(self.args.state).save(2, "shadowed", self.snapshot.to_json())
        self.follow(self.snapshot)
        self.serve()

    def ask(self, frame):
        """The answer, once the shadow is done with the rows, which have plans by turns."""
        columns = {name: frame[name].tolist() for name in frame}
        columns["plan"] = ["free", "pro"] * (len(frame) // 2)
        request = Request("risk", Payload(columns, len(frame)), "request")

        async def mirrored():
            running = asyncio.create_task(self.mirroring.run())
            response = await self.predictor.predict(request)
            async with asyncio.timeout(10):
                while self.mirroring.waits:  # noqa: ASYNC110 - nothing tells when
                    await asyncio.sleep(0.001)
            running.cancel()
            return response

        return asyncio.run(mirrored())


@pytest.fixture
def house(tmp_path):
    return ShadowedHouse(tmp_path)


def test_a_shadow_is_compared_row_by_row_and_by_segment(house):
    work, frame = house.monitor(), people(1_000, 5)
    given = house.ask(frame).answer.prediction
    house.deliver(work)
    (one,) = work.watch("shadow").report("risk", HOUR_S)
    shadow, shares = house.direct.predict(frame), house.direct.predict_proba(frame)
    assert (one["endpoint"], one["shadow"], one["not_judged"]) == ("risk", "other@1", None)
    assert (one["rows"], one["requests"]["both_answered"]) == (1_000, 1)
    assert one["table"] == confusion_matrix(given.values, shadow, labels=ILL).tolist()
    assert one["kappa"] == pytest.approx(cohen_kappa_score(given.values, shadow))
    change = shares[:, 1] - given.probabilities[:, 1]
    assert one["score_difference"]["mean"] == pytest.approx(change.mean())
    apart = stats.ks_2samp(given.probabilities[:, 1], shares[:, 1]).statistic
    assert one["score_distance"]["ks"] == pytest.approx(apart)
    assert one["score_distance"]["psi"] > 0
    assert one["labelled"]["rows"] == 0
    by_segment = {(part["column"], part["value"]): part for part in one["segments"]}
    assert list(by_segment) == [("answered by", "risk@1"), ("plan", "free"), ("plan", "pro")]
    expected = cohen_kappa_score(given.values[::2], shadow[::2])
    assert by_segment["plan", "free"]["kappa"] == pytest.approx(expected)
    apart = stats.ks_2samp(given.probabilities[::2, 1], shares[::2, 1]).statistic
    assert by_segment["plan", "free"]["score_distance"]["ks"] == pytest.approx(apart)


def test_labelled_rows_say_who_was_right(house):
    work, frame = house.monitor(), people(1_000, 5)
    response = house.ask(frame)
    house.deliver(work)
    house.now_s += 600
    truth = np.where(frame["age"] + 5 * frame["dose"] > 50, "ill", "well")
    labelled = [
        Feedback("risk", response.prediction_id, row=place, truth_json=json.dumps(value))
        for place, value in enumerate(truth.tolist())
        if place % 4
    ]
    work.keep(labelled)
    house.now_s += ARRIVED_S
    work.match()
    known = work.watch("shadow").report("risk", HOUR_S)[0]["labelled"]
    answered, shadow = response.answer.prediction.values, house.direct.predict(frame)
    right = [(one == truth)[np.arange(1_000) % 4 > 0] for one in (answered, shadow)]
    (both, only_answer), (only_shadow, none) = confusion_matrix(*right, labels=[True, False])
    assert known["rows"] == 750
    assert (known["both_right"], known["both_wrong"]) == (both, none)
    assert known["only_answer_right"] == only_answer
    assert known["only_shadow_right"] == only_shadow
    exact = stats.binomtest(int(only_answer), int(only_answer + only_shadow)).pvalue
    assert known["mcnemar"]["exact_p_value"] == pytest.approx(exact)
    # The answers follow the rule by which the truth was made, and the shadow another one.
    loss = known["loss_difference"]
    assert loss["low"] < loss["mean"] < loss["high"]
    assert loss["mean"] > 0


def test_failures_are_compared_beside_answers_of_the_same_time(house):
    work, frame = house.monitor(), people(10, 6)
    house.ask(frame)
    house.models.fails = True
    house.ask(frame)
    house.deliver(work)
    (one,) = work.watch("shadow").report(None, HOUR_S)
    requests = one["requests"]
    assert (requests["both_answered"], requests["only_answer"]) == (1, 1)
    assert requests["error_rate_difference"] == 0.5
    assert one["rows"] == 10
    # Segments of the log hold both forms as well.
    work.compact()
    assert work.watch("shadow").report(None, HOUR_S)[0]["requests"] == requests


def test_the_newest_hour_is_a_metric_and_never_a_finding(house):
    work, frame = house.monitor(), people(200, 7)
    response = house.ask(frame)
    house.deliver(work)
    watch = work.watch("shadow")
    assert list(watch.samples()) == []
    watch.run()
    assert watch.findings() == ()
    (sample,) = watch.samples()
    assert sample.labels == ("risk", "other@1")
    agreed = np.mean(response.answer.prediction.values == house.direct.predict(frame))
    assert sample.value == pytest.approx(agreed)
    house.now_s += 2 * HOUR_S
    watch.run()
    assert list(watch.samples()) == []


def test_a_shadow_that_was_shown_nothing_says_so(house):
    work = house.monitor()
    (one,) = work.watch("shadow").report("risk", HOUR_S)
    assert (one["shadow"], one["rows"]) == ("other@1", 0)
    assert "no row was shown to it" in one["not_judged"]
    assert work.watch("shadow").report("another", HOUR_S) == []


def test_only_rows_of_the_time_in_question_count(house):
    work = house.monitor()
    house.ask(people(10, 1))
    house.deliver(work)
    house.now_s += 3 * HOUR_S
    house.ask(people(6, 2))
    house.deliver(work)
    rows = [work.watch("shadow").report("risk", hours * HOUR_S)[0]["rows"] for hours in (1, 24)]
    assert rows == [6, 16]

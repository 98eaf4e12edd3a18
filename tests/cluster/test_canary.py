"""A good candidate takes over and a bad one goes back, by itself, with no failed request."""

import json
import shutil
import sys
import threading
import time

import numpy as np
import pandas as pd
import pytest
import skops.io

from benchmarks.load import build_request
from tests.cluster.harness import application, config, endpoints, until
from tests.cluster.load import Load

MODULE = """
import time

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin


class Moody(ClassifierMixin, BaseEstimator):
    def __init__(self, mood="good"):
        self.mood = mood

    def fit(self, x, y):
        self.classes_ = np.unique(y)
        self.n_features_in_ = x.shape[1]
        return self

    def predict_proba(self, x):
        values = np.asarray(x, dtype=float)
        yes = (values[:, 0] > 3).astype(float)
        # Nothing of this was in the data that it was registered with.
        if values.max() > 50:
            if self.mood == "failing":
                raise RuntimeError("it cannot")
            if self.mood == "slow":
                time.sleep(0.3)
            if self.mood == "wrong":
                yes = 1 - yes
        return np.column_stack([1 - yes, yes])

    def predict(self, x):
        return self.classes_[self.predict_proba(x).argmax(axis=1)]
"""
MOODS = ("good", "better", "failing", "slow", "wrong")
NUMBERS = {mood: number for number, mood in enumerate(MOODS, start=1)}
STEPS = [{"weight": 0.2, "for_s": 2, "requests": 50}, {"weight": 0.5, "for_s": 2, "requests": 50}]
LATENCY = {"above_ms": 250, "margin": 0.05}
RATE = 60.0


@pytest.fixture(scope="module")
def moody(cluster):
    """A cluster, and five versions that are alike until a value above 50 comes."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.uniform(1, 5, size=(60, 2)), columns=["a", "b"])
    target = np.where(frame["a"] > 3, "yes", "no")
    frame.assign(y=target).to_csv(cluster.home / "train.csv", index=False)
    code = cluster.home / "code"
    code.mkdir()
    (code / "moody.py").write_text(MODULE)
    sys.path.insert(0, str(code))
    try:
        import moody as module

        for mood in MOODS:
            fitted = module.Moody(mood).fit(frame, target)
            (cluster.home / f"{mood}.skops").write_bytes(skops.io.dumps(fitted))
    finally:
        sys.path.remove(str(code))
        sys.modules.pop("moody", None)
    for mood in MOODS:
        cluster.run(
            "register", "moody", f"{mood}.skops", "--data", "train.csv", "--target", "y",
            "--code", "code/moody.py",
        )  # fmt: skip
    shutil.rmtree(code)
    cluster.start()
    return cluster


def declared(candidate, stable="good", **gates):
    """A config of one canary."""
    body = config("local")
    body["applications"] = [
        *(application(body, name) for name in ("gateway", "control", "monitor")),
        *(
            {
                "name": f"moody-{NUMBERS[mood]}",
                "route_prefix": None,
                "import_path": "serve_app.app:model",
                "args": {"model": "moody", "version": NUMBERS[mood], "registry": "./registry"},
                "deployments": [{"name": "Model", "ray_actor_options": {"num_cpus": 0.1}}],
            }
            for mood in (stable, candidate)
        ),
    ]
    known = endpoints(body)
    known.clear()
    known["mood"] = {
        "route": {
            "kind": "canary",
            "stable": f"moody@{NUMBERS[stable]}",
            "candidate": f"moody@{NUMBERS[candidate]}",
            "steps": STEPS,
            "gates": gates,
            "interval_s": 1,
        }
    }
    return body


REQUESTS = [
    build_request(
        "POST",
        "/v1/models/mood:predict",
        {"content-type": "application/json", "host": "127.0.0.1"},
        json.dumps({"instances": [{"a": 1.0 + number % 5, "b": 60.0}]}).encode(),
    )
    for number in range(10)
]


def rollout(cluster):
    (one,) = json.loads(cluster.run("rollout", "status", "mood", "--json"))["rollouts"]
    return one


def ended(cluster, timeout_s=90):
    return until(
        lambda: (one := rollout(cluster))["phase"] in {"promoted", "rolled back"} and one,
        timeout_s=timeout_s,
        what="the end of the rollout",
    )


def weights(cluster):
    (one,) = cluster.request("/v1/endpoints").json()["endpoints"]
    return {variant["version"]: variant["weight"] for variant in one["variants"]}


def test_a_good_candidate_is_promoted_under_load_and_taken_back_by_hand(moody):
    moody.deploy(declared("better", latency=LATENCY))
    with Load(moody, REQUESTS, connections=8, rate_per_s=RATE) as load:
        one = ended(moody)
        assert one["phase"] == "promoted"
        assert weights(moody) == {"moody@1": 0.0, "moody@2": 1.0}
        refused = moody.run("rollout", "start", "mood", code=1)
        assert "'mood' to moody@2 is promoted, and cannot start; it can roll back" in refused
        moody.run("rollout", "rollback", "mood", "--reason", "we liked the old one")
        until(lambda: weights(moody)["moody@1"] == 1.0, timeout_s=2, what="the old weights")
    assert load.report.failed == 0
    events = json.loads(moody.run("events", "--kind", "rollout", "--json"))
    assert [event["after"]["phase"] for event in events] == ["rolled back", "promoted", "running"]
    assert events[0]["why"] == "we liked the old one"


@pytest.mark.parametrize(
    ("mood", "gates", "lost"),
    [
        ("failing", {}, "errors"),
        pytest.param("slow", {"latency": LATENCY}, "requests above 250 ms", marks=pytest.mark.long),
    ],
)
def test_a_bad_candidate_is_rolled_back_and_no_client_notices(moody, mood, gates, lost):
    with Load(moody, REQUESTS, connections=8, rate_per_s=RATE) as load:
        moody.deploy(declared(mood, **gates))
        one = ended(moody)
    assert one["phase"] == "rolled back"
    assert one["why"].startswith(f"{lost}: the candidate is worse by")
    assert weights(moody) == {"moody@1": 1.0, f"moody@{NUMBERS[mood]}": 0.0}
    assert load.report.failed == 0


class Shares:
    """The candidate's share of requests as gateways have it, looked at all the time."""

    def __init__(self, cluster, version):
        self._cluster, self._version = cluster, version
        self._seen, self._stop = [], threading.Event()
        self._looking = threading.Thread(target=self._look)

    def __enter__(self):
        self._looking.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._looking.join(30)

    def _look(self):
        while not self._stop.is_set():
            share = weights(self._cluster)[self._version]
            self._seen.append((time.monotonic(), share))
            time.sleep(0.02)

    def begun(self):
        """When it had a share first, if it ever had one."""
        return next((at_s for at_s, share in self._seen if share > 0), None)

    def lasted_s(self):
        """From then until it had none any more."""
        since_s = self.begun()
        return next(at_s for at_s, share in self._seen if at_s > since_s and share == 0) - since_s


def failing_by_hand(interval_s):
    body = declared("failing")
    endpoints(body)["mood"]["route"] |= {
        "start": "by hand",
        "interval_s": interval_s,
        "steps": [{"weight": 0.5, "for_s": 600, "requests": 50}],
    }
    return body


# Every answer of it is bad, so that the first one comes no sooner than its share does.
@pytest.mark.long
def test_from_its_first_bad_answer_a_candidate_is_gone_within_an_interval_and_two_seconds(
    moody, record_property
):
    moody.deploy(failing_by_hand(interval_s=2))
    version = f"moody@{NUMBERS['failing']}"
    with (
        Load(moody, REQUESTS, connections=8, rate_per_s=RATE) as load,
        Shares(moody, version) as shares,
    ):
        moody.run("rollout", "start", "mood")
        one = ended(moody)
    assert (one["phase"], load.report.failed) == ("rolled back", 0)
    record_property("rollback_s", round(shares.lasted_s(), 2))
    assert shares.lasted_s() <= 2 + 2


@pytest.mark.long
def test_it_is_gone_as_soon_though_control_is_killed_in_the_middle(moody, record_property):
    moody.deploy(failing_by_hand(interval_s=2))
    version = f"moody@{NUMBERS['failing']}"
    (control,) = moody.replicas("control")
    with (
        Load(moody, REQUESTS, connections=8, rate_per_s=RATE) as load,
        Shares(moody, version) as shares,
    ):
        moody.run("rollout", "start", "mood")
        until(shares.begun, timeout_s=30, what="the candidate's first requests")
        moody.kill(control)
        one = until(
            lambda: control not in moody.replicas("control") and ended(moody),
            timeout_s=90,
            what="a rollback by the next control",
        )
    assert (one["phase"], load.report.failed) == ("rolled back", 0)
    record_property("rollback_s", round(shares.lasted_s(), 2))
    assert shares.lasted_s() <= 2 + 2


def test_it_is_rolled_back_though_control_is_killed_in_the_middle(moody):
    moody.deploy(failing_by_hand(interval_s=1))
    assert rollout(moody)["phase"] in {"ready", "rolled back"}
    (control,) = moody.replicas("control")
    with Load(moody, REQUESTS, connections=8, rate_per_s=RATE) as load:
        moody.run("rollout", "start", "mood")
        moody.kill(control)
        one = until(
            lambda: control not in moody.replicas("control") and ended(moody),
            timeout_s=90,
            what="a rollback by the next control",
        )
    assert (one["phase"], load.report.failed) == ("rolled back", 0)


@pytest.mark.long
def test_what_is_right_less_often_is_rolled_back_once_labels_say_so(moody):
    gate = {"metric": "accuracy", "margin": 0.05, "labels": 100}
    moody.deploy(declared("wrong", errors=None, quality=[gate]))
    stop = threading.Event()

    def clients():
        """Predict, and say of each prediction what was right."""
        while not stop.is_set():
            items = []
            for number in range(20):
                value = 1.0 + number % 5
                answer = moody.predict("mood", [{"a": value, "b": 60.0}])
                truth = "yes" if value > 3 else "no"
                items.append({"prediction_id": answer["prediction_id"], "truth": truth})
            answer = moody.request("/v1/models/mood:feedback", {"feedback": items})
            assert answer.status < 300, answer.content
            time.sleep(0.05)

    thread = threading.Thread(target=clients)
    thread.start()
    try:
        one = ended(moody, timeout_s=150)
    finally:
        stop.set()
        thread.join(30)
    assert one["phase"] == "rolled back"
    assert one["why"].startswith("accuracy: the candidate is worse by")


def test_what_cannot_be_is_refused_and_changes_nothing(moody):
    def stands():
        # Records of requests that were answered before may still come in.
        return {name: value for name, value in rollout(moody).items() if name != "requests"}

    before = stands()
    body = declared("better")
    endpoints(body)["mood"]["route"]["candidate"] = "moody@99"
    assert "'moody' has no version 99" in moody.run("deploy", moody.write(body).name, code=1)
    assert "no rollout" in moody.run("rollout", "pause", "nobody", code=1)
    assert stands() == before

"""Shadows on a real cluster: whatever they do, answers are the same, and the monitor compares."""

import json
import sys

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression

from benchmarks.wire import build_request
from serve_app.examples.datasets import breast_cancer
from tests.cluster.harness import config, endpoints, until
from tests.cluster.load import Load

pytestmark = pytest.mark.long

MODULE = """
import os, time
from pathlib import Path
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression

class Moody(ClassifierMixin, BaseEstimator):
    '''Answers well unless a file says otherwise.'''

    def __init__(self, mood=""):
        self.mood = mood

    def fit(self, x, y):
        self.inner_ = LogisticRegression().fit(x, y)
        self.classes_ = self.inner_.classes_
        self.n_features_in_ = self.inner_.n_features_in_
        return self

    def _mood(self):
        path = Path(self.mood)
        return path.read_text() if path.is_file() else "well"

    def predict_proba(self, x):
        mood = self._mood()
        if mood == "raises":
            raise ZeroDivisionError("moody")
        if mood == "dies":
            os._exit(1)
        while mood == "hangs" and self._mood() == mood:
            time.sleep(0.02)
        if mood == "slow":
            time.sleep(0.2)
        shares = self.inner_.predict_proba(x)
        if mood == "mutates":
            try:
                x[:] = 0.0
            except (TypeError, ValueError):
                pass
        return shares

    def predict(self, x):
        return self.classes_[self.predict_proba(x).argmax(axis=1)]
"""
ROWS = np.random.default_rng(4).normal(size=(40, 2)).tolist()
CONNECTIONS = 4


@pytest.fixture(scope="module")
def mood(cluster):
    """The file that says how the shadow behaves."""
    return cluster.home / "mood"


@pytest.fixture(scope="module")
def churn(cluster, mood):
    """A model that answers and a moody one, both registered from files."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(200, 2)), columns=["a", "b"])
    label = np.where(frame["a"] + frame["b"] > 0, "stays", "leaves")
    frame.assign(y=label).to_csv(cluster.home / "train.csv", index=False)
    code = cluster.home / "code"
    code.mkdir()
    (code / "own_moody.py").write_text(MODULE)
    sys.path.insert(0, str(code))
    try:
        import own_moody

        moody = own_moody.Moody(str(mood)).fit(frame, np.where(frame["a"] > 0, "stays", "leaves"))
        (cluster.home / "moody.skops").write_bytes(skops.io.dumps(moody))
    finally:
        sys.path.remove(str(code))
        sys.modules.pop("own_moody", None)
    steady = LogisticRegression().fit(frame, label)
    (cluster.home / "steady.skops").write_bytes(skops.io.dumps(steady))
    given = ("--data", "train.csv", "--target", "y")
    cluster.run("register", "steady", "steady.skops", *given)
    cluster.run("register", "moody", "moody.skops", *given, "--code", "code/own_moody.py")
    return moody


def declared():
    body = config("shadow")
    body["applications"] += [
        {
            "name": f"{name}-1",
            "route_prefix": None,
            "import_path": "serve_app.app:model",
            "args": {"model": name, "version": 1, "registry": "./registry"},
            "deployments": [{"name": "Model", "ray_actor_options": {"num_cpus": 0.1}}],
        }
        for name in ("steady", "moody")
    ]
    made = endpoints(body)
    made["forest"] = {
        "preprocess": made["diagnosis"]["preprocess"],
        "route": {"kind": "single", "model": "diagnosis-forest@1"},
    }
    made["churn"] = {
        "route": {"kind": "single", "model": "steady@1"},
        "shadows": [{"model": "moody@1", "timeout_s": 0.3}],
    }
    return body


@pytest.fixture(scope="module")
def served(cluster, churn):
    cluster.start()
    cluster.deploy(declared())
    return cluster


@pytest.fixture(scope="module")
def expected(served):
    """What is answered while the shadow is well, to the last digit."""
    return answers(served)


def answers(cluster):
    said = cluster.predict("churn", ROWS)
    return {name: said[name] for name in ("predictions", "probabilities", "classes", "variants")}


def compared(cluster, endpoint, shadow):
    """What the monitor knows of a shadow; None before it has heard of it."""
    every = json.loads(cluster.run("monitor", "shadow", endpoint, "--json"))
    return next((one for one in every if one["shadow"] == shadow), None)


def counted(cluster, endpoint, shadow, rows):
    """The comparison, once it has so many rows."""
    return until(
        lambda: (one := compared(cluster, endpoint, shadow)) and one["rows"] >= rows and one,
        timeout_s=60,
        what=f"{rows} rows of {shadow}",
    )


def test_the_example_compares_two_shadows(served):
    frame = breast_cancer().frame.head(200)
    rows = json.loads(frame.to_json(orient="records"))
    answered = [served.predict("diagnosis", [row]) for row in rows]
    assert {tuple(one["variants"]) for one in answered} == {("diagnosis-xgb@1",)}
    forest = counted(served, "diagnosis", "diagnosis-forest@1", 200)
    assert forest["requests"]["both_answered"] == 200
    # Asked by itself, the forest says what it said as a shadow.
    alone = [served.predict("forest", [row])["predictions"][0] for row in rows]
    agreed = np.mean(
        [one["predictions"][0] == other for one, other in zip(answered, alone, strict=True)]
    )
    assert forest["agreement"]["value"] == pytest.approx(agreed)
    assert forest["kappa"] > 0.8
    assert sum(map(sum, forest["table"])) == 200
    logistic = compared(served, "diagnosis", "diagnosis-logistic@1")
    assert 60 <= logistic["requests"]["shown"] <= 140
    shown = " ".join(served.run("monitor", "shadow", "diagnosis").split())
    assert "diagnosis-forest@1" in shown
    assert "kappa" in shown


def test_the_comparison_is_that_of_the_models_themselves(served, churn, expected):
    one = counted(served, "churn", "moody@1", len(ROWS))
    shadow = churn.predict(pd.DataFrame(ROWS, columns=["a", "b"]))
    agreed = np.mean(np.array(expected["predictions"]) == shadow)
    assert one["agreement"]["value"] == pytest.approx(agreed)


@pytest.mark.parametrize(
    ("behaviour", "outcome"),
    [
        ("raises", "only_answer"),
        ("mutates", "both_answered"),
        ("slow", "both_answered"),
        ("hangs", "timed_out"),
        ("dies", "only_answer"),
    ],
)
def test_whatever_a_shadow_does_under_load_no_answer_is_another_or_fails(
    served, expected, mood, behaviour, outcome
):
    before = compared(served, "churn", "moody@1")["requests"]

    def came_of_it():
        # A gateway that is busy shows a shadow nothing: it is asked until it does.
        return compared(served, "churn", "moody@1")["requests"][outcome] > before[outcome]

    body = json.dumps({"instances": ROWS[:1]}).encode()
    headers = {"content-type": "application/json"}
    request = build_request("POST", "/v1/models/churn:predict", headers, body)
    mood.write_text(behaviour)
    try:
        with Load(served, [request], connections=CONNECTIONS, rate_per_s=40.0) as load:
            for _ in range(30):
                assert answers(served) == expected
            until(came_of_it, timeout_s=60, what=f"{outcome} at the shadow")
        assert load.report.failed_by == {}
        assert load.report.ok > 0
    finally:
        mood.write_text("well")


def test_a_shadow_that_comes_back_is_shown_requests_again(served, expected):
    before = compared(served, "churn", "moody@1")["rows"]

    def shown():
        assert answers(served) == expected
        return compared(served, "churn", "moody@1")["rows"] > before

    until(shown, timeout_s=90, what="rows of the shadow that died")

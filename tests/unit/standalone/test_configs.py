"""Configs of the project answer in one process what their models say."""

import time

import pandas as pd
import pytest

from serve_app.engine.load import load
from serve_app.examples.datasets import breast_cancer
from serve_app.models.frames import to_columns
from serve_app.registry.store import Registry
from serve_app.standalone.application import build
from tests.cluster.harness import CONFIGS
from tests.unit.standalone.test_application import asked, settings


def test_a_stack_answers_by_what_its_members_say(home):
    registry = Registry(str(home / "registry"))
    application = build(settings(registry, config=str(CONFIGS / "stack.yaml")), clock=time.time)
    frame = breast_cancer().frame
    body = {"instances": frame.to_dict(orient="records")}
    (answer,) = asked(application, ("POST", "/v1/models/diagnosis-stack:predict", {"json": body}))
    features = load(registry, "diagnosis-features", 1).model.transform(to_columns(frame))
    members = ("diagnosis-xgb", "diagnosis-forest", "diagnosis-logistic")
    given = {
        f"{name}@1:malignant": load(registry, name, 1).model.predict(features).probabilities[:, 1]
        for name in members
    }
    meta = load(registry, "diagnosis-stacker", 1).model
    expected = meta.predict(to_columns(pd.DataFrame(given))).probabilities
    assert answer.json()["variants"] == [f"{name}@1" for name in members]
    assert answer.json()["probabilities"] == pytest.approx(expected, abs=1e-9)

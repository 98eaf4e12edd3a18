"""The report of an experiment is the same after a trip through JSON."""

from __future__ import annotations

import json

import pytest

from serve_app.monitoring.experiment.document import (
    Decision,
    EpochRatio,
    ExperimentReport,
    SampleRatio,
)

REPORT = ExperimentReport(
    endpoint="diagnosis",
    name="forest against XGBoost",
    state="running",
    route="split",
    unit="subject",
    key="patient_id",
    baseline="forest@1",
    variants=("forest@1", "xgb@1"),
    method="always valid",
    alpha=0.05,
    looked_s=1000.0,
    decision=Decision("keep running", "keep running: 41 % of the needed sample", progress=0.41),
    ratio=SampleRatio(
        0.4, 0.001, mismatch=False,
        epochs=(EpochRatio(3, 10.0, {"forest@1": 40, "xgb@1": 44}, {"forest@1": 0.5}),),
    ),
)  # fmt: skip


def test_it_is_the_same_after_a_trip_through_json() -> None:
    assert ExperimentReport.from_json(json.loads(json.dumps(REPORT.to_json()))) == REPORT


def test_another_schema_is_refused() -> None:
    with pytest.raises(ValueError, match="schema 2"):
        ExperimentReport.from_json({**REPORT.to_json(), "schema": 2})


def test_what_does_not_fit_is_refused_with_its_place() -> None:
    body = REPORT.to_json()
    body["ratio"]["epochs"][0]["counts"] = ["forest@1"]
    with pytest.raises(ValueError, match=r"counts must be an object"):
        ExperimentReport.from_json(body)

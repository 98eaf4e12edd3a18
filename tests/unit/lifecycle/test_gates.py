"""Gates: each with its value and bound, and no verdict where nobody can know."""

from dataclasses import replace

import pytest

from serve_app.config.pipeline import GateSettings
from serve_app.lifecycle.comparison import Paired
from serve_app.lifecycle.gates import Evidence, all_passed, judged
from serve_app.models.training.metrics import METRICS

EVIDENCE = Evidence(
    holdout_rows=500,
    rarest_class_rows=40,
    metric=METRICS["roc_auc"],
    baseline=Paired(0.3, 0.25, 500),
    champion=Paired(0.01, -0.005, 500),
    unseen=True,
    slices=[
        {"column": "town", "slice": "a", "rows": 300, "challenger": 0.8, "champion": 0.82},
        {"column": "town", "slice": "b", "rows": 150, "challenger": 0.5, "champion": 0.9},
    ],
    leaks=(),
    shared_ids=0,
)


def verdict(gates, **evidence):
    (gate,) = judged(GateSettings.model_validate(gates), replace(EVIDENCE, **evidence))
    return gate.verdict


@pytest.mark.parametrize(
    ("gates", "evidence", "expected"),
    [
        ({"min_rows": 500}, {}, "passed"),
        ({"min_rows": 501}, {}, "failed"),
        ({"min_class_rows": 41}, {}, "failed"),
        ({"fresh": "2d"}, {"newest_row_age_s": 172_800.0}, "passed"),
        ({"fresh": "2d"}, {"newest_row_age_s": 172_801.0}, "failed"),
        ({"fresh": "2d"}, {}, "inconclusive"),
        ({"beats_baseline": True}, {}, "passed"),
        ({"beats_baseline": True}, {"baseline": Paired(0.1, -0.01, 500)}, "failed"),
        ({"champion": {"epsilon": 0.01}}, {}, "passed"),
        ({"champion": {"epsilon": 0.001}}, {}, "failed"),
        ({"champion": {"epsilon": 0.5}}, {"champion": Paired(-0.001, -0.01, 500)}, "failed"),
        ({"champion": {"superior": True}}, {}, "failed"),
        ({"champion": {"superior": True}}, {"champion": Paired(0.1, 0.01, 500)}, "passed"),
        ({"champion": {"epsilon": 0.01}}, {"unseen": None}, "inconclusive"),
        ({"champion": {"epsilon": 0.01}}, {"unseen": False}, "inconclusive"),
        ({"champion": {}}, {"champion": None}, "passed"),
        ({"slices": 0.05}, {}, "passed"),
        ({"slices": 0.01}, {}, "failed"),
        ({"slices": 0.05, "slice_rows": 100}, {}, "failed"),
        ({"no_leak": True}, {}, "passed"),
        ({"calibration": 0.05}, {"calibration": 0.04}, "passed"),
        ({"calibration": 0.05}, {"calibration": 0.06}, "failed"),
        ({"calibration": 0.05}, {"calibration": None}, "inconclusive"),
        ({"distance": 0.1}, {"distance": 0.1}, "passed"),
        ({"distance": 0.1}, {"distance": 0.2}, "failed"),
        ({"distance": 0.1}, {"distance": None}, "inconclusive"),
        ({"distance": 0.1}, {"champion": None, "distance": None}, "passed"),
        ({"no_leak": True}, {"leaks": ("outcome",)}, "failed"),
        ({"no_leak": True}, {"shared_ids": 2}, "failed"),
    ],
)
def test_each_gate_holds_what_was_seen_against_its_bound(gates, evidence, expected):
    assert verdict(gates, **evidence) == expected


def test_what_nobody_knows_is_no_pass():
    gates = judged(
        GateSettings.model_validate({"champion": {"epsilon": 1.0}, "min_rows": 1}),
        replace(EVIDENCE, unseen=None),
    )
    assert not all_passed(gates)
    assert "may have been trained on" in gates[-1].reason


@pytest.mark.parametrize(("rows", "expected"), [(29, "inconclusive"), (30, "passed")])
def test_a_gain_on_a_handful_of_rows_is_no_evidence(rows, expected):
    gates = judged(
        GateSettings.model_validate({"champion": {"epsilon": 0.01}, "beats_baseline": True}),
        replace(EVIDENCE, holdout_rows=rows),
    )
    assert [gate.verdict for gate in gates] == [expected, expected]
    assert all_passed(gates) == (expected == "passed")


def test_without_gates_nothing_is_refused():
    assert judged(GateSettings(), EVIDENCE) == []
    assert all_passed([])

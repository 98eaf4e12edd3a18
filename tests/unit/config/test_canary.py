"""What a canary may say: steps that rise, gates that are there once, two versions."""

import pytest
from pydantic import ValidationError

from serve_app.config import EndpointSettings
from serve_app.config.canary import STEPS


def route(**more):
    body = {"kind": "canary", "stable": "m@1", "candidate": "m@2", **more}
    return EndpointSettings.model_validate({"route": body}).route


def test_two_versions_are_all_that_must_be_said():
    settings = route()
    assert settings.steps == STEPS
    assert [step.weight for step in settings.steps] == [0.01, 0.05, 0.25, 0.5]
    assert settings.gates.errors.margin == 0.0
    assert (settings.gates.latency, settings.gates.quality) == (None, ())
    assert (settings.on_loss, settings.start) == ("roll back", "at once")


def test_all_requests_are_the_stable_version_s_at_first():
    targets = route().targets()
    assert [(one.path, one.variant.model, one.variant.weight) for one in targets] == [
        (("stable",), "m@1", 1.0), (("candidate",), "m@2", 0.0),
    ]  # fmt: skip


def test_a_gate_can_be_taken_out():
    assert route(gates={"errors": None}).gates.errors is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"candidate": "m@1"}, "candidate: m@1 is the stable version"),
        ({"candidate": "m"}, "write model@number"),
        ({"steps": []}, "at least 1 item"),
        ({"steps": [{"weight": 0.5}, {"weight": 0.5}]}, "the weight 0.5 follows 0.5"),
        ({"steps": [{"weight": 0.5}, {"weight": 0.1}]}, "the weight 0.1 follows 0.5"),
        ({"steps": [{"weight": 0}]}, "greater than 0"),
        ({"steps": [{"weight": 1.5}]}, "less than or equal to 1"),
        ({"steps": [{"weight": float("nan")}]}, "steps.0.weight"),
        ({"steps": [{"weight": 0.1, "for_s": -1}]}, "steps.0.for_s"),
        ({"steps": [{"weight": 0.1, "requests": -1}]}, "steps.0.requests"),
        ({"gates": {"errors": {"margin": 1}}}, "less than 1"),
        ({"gates": {"latency": {}}}, "above_ms"),
        ({"gates": {"latency": {"above_ms": 0}}}, "greater than 0"),
        ({"gates": {"quality": [{"metric": "auc"}]}}, "gates.quality.0.metric"),
        (
            {"gates": {"quality": [{"metric": "mae"}, {"metric": "mae", "margin": 1}]}},
            "mae stands twice among the gates of quality",
        ),
        ({"alpha": 0}, "alpha"),
        ({"alpha": 0.5}, "alpha"),
        ({"interval_s": 0.5}, "interval_s"),
        ({"on_loss": "stop"}, "on_loss"),
        ({"variants": []}, "Extra inputs are not permitted"),
    ],
)
def test_what_no_canary_can_be_is_refused_in_words(changes, words):
    with pytest.raises(ValidationError, match=words):
        route(**changes)

"""Requests are counted by the version that was chosen, where versions are compared."""

import pytest

from serve_app.core.arms import ArmCounts
from serve_app.core.messages import Answer, Failure, Payload, Prediction, Request
from serve_app.core.plan import Assignment, Plan
from serve_app.core.record import Record
from serve_app.core.signature import Column, Output, Signature
from serve_app.core.snapshot import Endpoint, RouteSpec, Variant
from serve_app.errors import InvalidInput, ModelFailed, Overloaded
from serve_app.monitoring.arm_counting import ArmCounting

SIGNATURE = Signature((Column("x", "float64"),), Output("regression"))
VALID = object()
REQUEST = Request("e", Payload({"x": [1.0]}, 1, {}), "r")


def endpoint(kind="canary", **gates):
    variants = (Variant("m@1", 0.9), Variant("m@2", 0.1))
    return Endpoint("e", RouteSpec(kind, variants, {"gates": gates}), SIGNATURE, 1.0, 0.8)


def record(chosen="m@2", *, epoch=3, took_s=0.01, by="m@2", error=None, columns=VALID, plan=...):
    made = Plan((chosen, "m@1"), assignment=Assignment("random", "e"), epoch=epoch)
    failures = () if by == chosen else (Failure(chosen, "model_failed"),)
    answer = None if error else Answer(Prediction([1.0]), (by,), failures)
    return Record(
        REQUEST, "e", 7, 0.0, took_s, None, made if plan is ... else plan, columns, answer,
        error=error,
    )  # fmt: skip


def outside(algorithm):
    """The plan of somebody outside of a layer's part."""
    return Plan(("m@2",), propensity=1.0, assignment=Assignment(algorithm, "layer"), epoch=3)


@pytest.fixture
def counting():
    made = ArmCounting()
    made.keep({"e": endpoint(latency={"above_ms": 50})})
    return made


def counted(counting):
    return {version: counts for arms in counting.arms().values()
            for version, counts in arms.counts.items()}  # fmt: skip


def test_each_version_has_its_requests(counting):
    counting.record(record())
    counting.record(record("m@1", by="m@1"))
    counting.record(record(took_s=0.06))
    assert counting.arms()["e"].epoch == 3
    assert counted(counting) == {"m@2": ArmCounts(2, 0, 1), "m@1": ArmCounts(1)}


def test_who_could_not_answer_failed_though_another_one_did(counting):
    counting.record(record(by="m@1"))
    counting.record(record(error=ModelFailed("broken")))
    assert counted(counting) == {"m@2": ArmCounts(2, 2)}


@pytest.mark.parametrize(
    "other",
    [
        record(plan=None, error=InvalidInput("no")),
        record(plan=Plan(("m@2",))),
        record(columns=None, error=InvalidInput("no such column")),
        record(error=Overloaded("busy")),
        record(error=GeneratorExit()),
        record(epoch=2),
        record(plan=outside("excluded")),
        record(plan=outside("holdout")),
    ],
    ids=["nobody", "named", "refused", "overload", "cancelled", "before", "excluded", "held out"],
)
def test_what_says_nothing_of_a_version_is_not_counted(counting, other):
    counting.record(record())
    counting.record(other)
    assert counted(counting) == {"m@2": ArmCounts(1)}


def test_other_weights_begin_anew(counting):
    counting.record(record())
    counting.record(record(epoch=4))
    assert counting.arms()["e"].epoch == 4
    assert counted(counting) == {"m@2": ArmCounts(1)}


def test_what_is_not_compared_is_not_counted():
    counting = ArmCounting()
    counting.keep({"e": endpoint("split")})
    counting.record(record())
    assert counting.arms() == {}


def test_counts_stay_while_the_endpoint_does(counting):
    counting.record(record())
    counting.keep({"e": endpoint(latency={"above_ms": 50}), "f": endpoint()})
    assert counted(counting) == {"m@2": ArmCounts(1)}
    counting.keep({})
    assert counting.arms() == {}

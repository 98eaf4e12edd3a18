"""A moved alias changes who answers an endpoint, never what its clients know of it."""

from dataclasses import replace

import pytest

from serve_app.control.declare import Declaration, Problem
from serve_app.control.following import followed, misfit
from serve_app.core.signature import Column, Output, Signature, Target
from serve_app.core.snapshot import Endpoint, RouteSpec, Variant

AGE = Column("age", "int32", minimum=0.0, maximum=90.0)
DOSE = Column("dose", "float64", nullable=True)
CLASSES = Output("classification", ("ill", "well"), probabilities=True, scores_width=1)


def endpoint(number, inputs=(AGE, DOSE), output=CLASSES, alias="champion"):
    variants = (Variant(f"m@{number}", alias=alias),)
    return Endpoint("e", RouteSpec("single", variants), Signature(inputs, output), 1.0, 0.8)


FITTING = {
    "other bounds": {"inputs": (replace(AGE, maximum=120.0), DOSE)},
    "a column that may be absent now": {"inputs": (replace(AGE, nullable=True), DOSE)},
    "wider numbers": {"inputs": (replace(AGE, dtype="int64"), DOSE)},
    "classes in another order": {"output": replace(CLASSES, labels=("well", "ill"))},
}
MISFITTING = {
    "a further column": ({"inputs": (AGE, DOSE, Column("x", "bool"))}, "would need the column 'x'"),
    "a column less": ({"inputs": (AGE,)}, "no longer take the column 'dose'"),
    "another order": ({"inputs": (DOSE, AGE)}, "in another order"),
    "narrower numbers": ({"inputs": (replace(AGE, dtype="int8"), DOSE)}, "'age' would be int8"),
    "another type": ({"inputs": (replace(AGE, dtype="string"), DOSE)}, "string and not int32"),
    "another zone": ({"inputs": (replace(AGE, zone="UTC"), DOSE)}, "'age' would be"),
    "a column that must be there": (
        {"inputs": (AGE, replace(DOSE, nullable=False))},
        "'dose' could no longer be absent",
    ),
    "numbers": ({"output": Output("regression")}, "would give regression and not classification"),
    "other classes": ({"output": replace(CLASSES, labels=("ill", "dead"))}, "classes would be"),
    "other targets": ({"output": replace(CLASSES, targets=(Target("t", (0, 1)),))}, "targets"),
    "more values": ({"output": replace(CLASSES, width=2)}, "values of a row"),
    "no probabilities": ({"output": replace(CLASSES, probabilities=False)}, "no probabilities"),
    "no raw scores": ({"output": replace(CLASSES, scores_width=0)}, "no raw scores"),
}


@pytest.mark.parametrize("changes", FITTING.values(), ids=FITTING)
def test_what_clients_need_not_know_fits(changes):
    assert misfit(endpoint(1), endpoint(2, **changes)) is None


@pytest.mark.parametrize(("changes", "words"), MISFITTING.values(), ids=MISFITTING)
def test_what_would_surprise_clients_does_not_fit(changes, words):
    found = misfit(endpoint(1), endpoint(2, **changes))
    assert found.startswith("m@champion names m@2, with which ")
    assert words in found


@pytest.mark.parametrize(("changes", "words"), MISFITTING.values(), ids=MISFITTING)
def test_what_is_declared_otherwise_without_a_move_is_no_misfit(changes, words):
    assert misfit(endpoint(1), endpoint(1, **changes)) is None


def test_an_endpoint_that_does_not_fit_keeps_its_former_description():
    former = {"e": endpoint(1)}
    found = followed(former, Declaration("d", {"e": endpoint(2, inputs=(AGE,))}, ()))
    assert found.endpoints == former
    assert found.held["e"].endswith("; it keeps m@1")
    assert found.problems == ()


def test_endpoints_that_name_numbers_have_problems_and_keep_nothing():
    former = {"e": endpoint(1, alias=None)}
    problem = Problem(("endpoints", "e", "route", "model"), "there is no model 'm'")
    found = followed(former, Declaration("d", {}, (problem,)))
    assert found.problems == (problem,)
    assert found.held == {}

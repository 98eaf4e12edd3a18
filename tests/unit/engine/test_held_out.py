"""Weights of ensembles are learned from held-out rows, and held against what they replace."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import log_loss, mean_squared_error

from serve_app.control.declare import read
from serve_app.core.columns import Columns
from serve_app.core.snapshot import Variant
from serve_app.engine.held_out import learned_weights
from serve_app.engine.load import load
from serve_app.errors import InvalidInput
from tests.conftest import made

FRAME, TRUTH = made()
COLUMNS = Columns.of({name: FRAME[name].to_numpy() for name in FRAME})


def spec_of(registry, *models, kind="ensemble", combine="mean", **more):
    variants = [{"model": model} for model in models]
    route = {"kind": kind, "variants": variants}
    if kind == "ensemble":
        route["combine"] = combine
    body = {"endpoints": {"e": {"route": route, **more}}}
    return read(body, registry.manifest).checked()["e"]


def learned(registry, spec, truth=TRUTH, columns=COLUMNS):
    def model_of(version):
        return load(registry, version.partition("@")[0], 1).model

    return learned_weights(spec, columns, list(truth), model_of)


def test_classes_are_weighed_by_log_loss(registry):
    spec = spec_of(registry, "logistic@1", "other@1")
    given = learned(registry, spec)
    assert given.loss == "log_loss"
    assert sum(given.weights.values()) == pytest.approx(1)
    shares = [
        load(registry, name, 1).model.model.predict(COLUMNS).probabilities
        for name in ("logistic", "other")
    ]
    labels = ["ill", "well"]
    for name, share in zip(("logistic@1", "other@1"), shares, strict=True):
        assert given.alone[name] == pytest.approx(log_loss(TRUTH, share, labels=labels))
    mixed = np.average(shares, axis=0, weights=list(given.weights.values()))
    assert given.after == pytest.approx(log_loss(TRUTH, mixed, labels=labels))
    assert given.before == pytest.approx(log_loss(TRUTH, np.mean(shares, axis=0), labels=labels))
    assert given.after <= min(given.before, *given.alone.values()) + 1e-6
    assert given.cross_validated >= given.after - 1e-6


def test_the_weights_of_now_are_those_that_the_route_looks_at(registry):
    def variants(*weights):
        names = ("logistic@1", "other@1")
        labels = ("ill", "well")
        return tuple(Variant(n, w, labels) for n, w in zip(names, weights, strict=True))

    spec = spec_of(registry, "logistic@1", "other@1", combine="weighted")
    only = replace(spec, route=replace(spec.route, variants=variants(1.0, 0.0)))
    given = learned(registry, only)
    assert given.before == pytest.approx(given.alone["logistic@1"])


def test_numbers_are_weighed_by_squared_error(registry):
    truth = FRAME["age"] + 1
    given = learned(registry, spec_of(registry, "line@1"), truth)
    assert (given.loss, given.weights) == ("squared_error", {"line@1": 1.0})
    values = load(registry, "line", 1).model.model.predict(COLUMNS).values
    assert given.after == pytest.approx(mean_squared_error(truth, values))


def test_rows_are_prepared_as_the_endpoint_prepares_them(registry):
    spec = spec_of(registry, "other@1", preprocess={"model": "scaler@1"})
    given = learned(registry, spec)
    scaled = load(registry, "scaler", 1).model.transform(COLUMNS)
    share = load(registry, "other", 1).model.model.predict(scaled).probabilities
    assert given.after == pytest.approx(log_loss(TRUTH, share, labels=["ill", "well"]))


@pytest.mark.parametrize(
    ("versions", "more", "truth", "words"),
    [
        (["logistic@1"], {"kind": "split"}, TRUTH, "'e' is a split"),
        (["logistic@1"], {}, ["sick"] * 120, "'sick', which is no class; those are ill, well"),
        (["line@1"], {}, ["x"] * 120, "no number"),
        (["line@1"], {}, [np.nan] * 120, "the target of row 0"),
    ],
)
def test_what_weights_cannot_be_learned_of_is_refused(registry, versions, more, truth, words):
    with pytest.raises(InvalidInput, match=words):
        learned(registry, spec_of(registry, *versions, **more), truth)


def test_few_rows_are_refused(registry):
    with pytest.raises(InvalidInput, match="29 rows say too little"):
        learned(registry, spec_of(registry, "logistic@1"), TRUTH[:29], COLUMNS.slice(0, 29))

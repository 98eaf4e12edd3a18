"""A flavour of models is one file and a line of a table: this one adds one, and nothing else.

Its models are tables of thresholds that no library knows: they have neither `predict` nor
`transform`, know their columns themselves, and are a compiled form already.
"""

import json
from dataclasses import dataclass

import numpy as np
import pytest

from serve_app.core.columns import Columns
from serve_app.core.messages import Prediction
from serve_app.core.signature import Column, Output, Signature
from serve_app.engine.load import load
from serve_app.engine.registration.register import Candidate, register
from serve_app.errors import ArtifactRejected, InvalidInput
from serve_app.models import FLAVOURS, owner
from serve_app.models.flavour import Flavour, Stored
from serve_app.models.frames import empty_frame
from serve_app.models.mlflow_columns import Spec, table
from serve_app.registry.store import Registry


@dataclass(frozen=True)
class Thresholds:
    """How many of the columns are above their thresholds; `seen` is what rows have shown."""

    above: dict
    seen: int | None = None


class ToyModel:
    def __init__(self, above):
        self._above = above

    def predict(self, columns):
        above = [columns[name] > threshold for name, threshold in self._above.items()]
        return Prediction(np.sum(above, axis=0).astype(np.float64))


class ToyFlavour(Flavour):
    """Implements the `Flavour` port."""

    is_compiled = True
    knows_columns = True

    def columns(self, estimator):
        return tuple((name, "float64") for name in estimator.above)

    def takes_by_name(self, estimator):
        return True

    def examined(self, estimator, frame, labels):
        return Thresholds(estimator.above, len(frame))

    def signature(self, estimator, frame, labels):
        if labels:
            raise InvalidInput("counts have no labels")
        inputs = tuple(Column(name, dtype) for name, dtype in self.columns(estimator))
        return Signature(inputs, Output("regression"))

    def owns(self, estimator):
        return isinstance(estimator, Thresholds)

    def dump(self, estimator, *, trust, allow_pickle):
        content = json.dumps(estimator.above).encode()
        return Stored("toy", {"above.json": content}, {}, parameters={"seen": estimator.seen})

    def answers(self, estimator, rows, signature):
        found = [sum(row[n] > t for n, t in estimator.above.items()) for _, row in rows.iterrows()]
        return Prediction(np.array(found, dtype=np.float64))

    def load(self, files, *, format, trusted_types, signature, allow_pickle, device="cpu"):  # noqa: A002
        return ToyModel(json.loads(files["above.json"]))


MODEL = Thresholds({"age": 50.0, "dose": 2.0})


@pytest.fixture(autouse=True)
def table_line(monkeypatch):
    monkeypatch.setitem(FLAVOURS, "toy", f"{__name__}:ToyFlavour")


@pytest.fixture
def store(tmp_path):
    return Registry(str(tmp_path))


def test_a_model_is_registered_proven_and_served(store, frame):
    manifest = register(store, Candidate("counts", MODEL, frame))
    assert (manifest.flavour, manifest.compiled) == ("toy", None)
    assert manifest.parameters["seen"] == len(frame)
    assert manifest.signature.names == ("age", "dose")
    loaded = load(store, "counts", 1)
    rows = Columns.of({"age": np.array([40.0, 60.0]), "dose": np.array([1.0, 3.0])})
    assert loaded.model.predict(rows).values.tolist() == [0.0, 2.0]


def test_a_model_that_knows_its_columns_needs_no_rows(store):
    name, flavour = owner(MODEL)
    assert name == "toy"
    without = empty_frame(flavour.columns(MODEL))
    manifest = register(store, Candidate("counts", MODEL, without))
    assert manifest.sample is None
    assert [column.dtype for column in manifest.signature.inputs] == ["float64", "float64"]
    described = table(MODEL, [Spec("dose", "float64", False), Spec("age", "float64", False)], None)
    assert [column.name for column in described.inputs] == ["age", "dose"]


def test_a_model_that_answers_otherwise_once_it_is_stored_is_refused(store, frame, monkeypatch):
    monkeypatch.setattr(ToyModel, "predict", lambda self, rows: Prediction(np.zeros(rows.rows)))
    with pytest.raises(ArtifactRejected):
        register(store, Candidate("counts", MODEL, frame))
    assert store.models() == []


def test_its_own_refusals_are_told(store, frame):
    with pytest.raises(InvalidInput, match="counts have no labels"):
        register(store, Candidate("counts", MODEL, frame, labels=("few", "many")))

"""What is registered answers like the estimator, and what is loaded like what was registered."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from serve_app.engine.load import load
from serve_app.engine.register import Candidate, register
from serve_app.errors import ArtifactRejected, InvalidInput, NotFound
from serve_app.models.frames import to_columns
from serve_app.registry.store import Registry


@pytest.fixture
def on_disk(tmp_path, models):
    """A registry in a folder with one model, and the folder of its version."""
    store = Registry(str(tmp_path))
    register(store, Candidate("logistic", *models["logistic"]))
    return store, tmp_path / "logistic" / "1"


def test_a_loaded_version_answers_like_the_estimator(registry, models, frame):
    estimator, _ = models["logistic"]
    prediction = load(registry, "logistic", 1).model.predict(to_columns(frame))
    assert prediction.probabilities.tobytes() == estimator.predict_proba(frame).tobytes()
    assert prediction.values.tolist() == estimator.predict(frame).tolist()


def test_a_version_takes_its_own_columns_in_its_own_order(registry, frame):
    model = load(registry, "logistic", 1).model
    turned = to_columns(frame[["dose", "age"]].assign(more=1.0))
    direct = model.predict(to_columns(frame))
    assert model.predict(turned).probabilities.tobytes() == direct.probabilities.tobytes()


def test_the_manifest_says_what_the_version_is_and_was_made_of(registry):
    manifest = registry.manifest("logistic", 1)
    assert manifest.flavour == "sklearn"
    assert {"scikit-learn", "skops", "numpy"} <= set(manifest.libraries)
    assert [(c.name, c.dtype) for c in manifest.signature.inputs] == [
        ("age", "float64"),
        ("dose", "float64"),
    ]
    assert manifest.training.rows == 120
    assert len(manifest.training.fingerprint) == 64
    assert len(manifest.sample.inputs["age"]) == len(manifest.sample.expected["values"]) > 1
    assert manifest.parameters["estimator"] == "Pipeline"


def test_class_numbers_get_the_names_that_labels_give(registry, frame):
    fitted = LogisticRegression().fit(frame, (frame["age"] > 50).astype(int))
    register(registry, Candidate("named", fitted, frame, labels=("young", "old")))
    loaded = load(registry, "named", 1)
    assert loaded.manifest.signature.output.labels == ("young", "old")
    expected = np.where(fitted.predict(frame) == 1, "old", "young").tolist()
    values = loaded.model.predict(to_columns(frame)).values.tolist()
    assert values == expected


def test_the_wrong_number_of_labels_is_refused(registry, models):
    with pytest.raises(InvalidInput):
        register(registry, Candidate("named", *models["logistic"], labels=("a", "b", "c")))
    assert registry.versions("named") == []


def test_a_version_that_is_not_there_is_said(registry):
    with pytest.raises(NotFound, match="it has 1"):
        load(registry, "logistic", 2)


def test_a_changed_byte_is_rejected_by_the_name_of_its_file(on_disk):
    store, folder = on_disk
    (path,) = [p for p in folder.iterdir() if p.name.startswith("model")]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ArtifactRejected, match=path.name) as caught:
        load(store, "logistic", 1)
    assert caught.value.details["file"] == path.name


def test_another_output_than_the_registered_one_is_rejected_by_its_row(on_disk):
    store, folder = on_disk
    path = folder / "manifest.json"
    body = json.loads(path.read_text())
    body["sample"]["expected"]["probabilities"][2][0] += 0.25
    path.write_text(json.dumps(body))
    with pytest.raises(ArtifactRejected, match="row 2"):
        load(store, "logistic", 1)


def test_what_cannot_be_stored_as_it_answers_gets_no_number(registry, frame):
    class Fickle(LogisticRegression):
        """Answers otherwise than what skops can restore of it."""

        def predict_proba(self, X):  # noqa: N803
            return np.full((len(X), 2), 0.5)

    fitted = Fickle().fit(frame, frame["age"] > 50)
    with pytest.raises((ArtifactRejected, InvalidInput)):
        register(registry, Candidate("fickle", fitted, frame))
    assert registry.versions("fickle") == []


def test_columns_can_be_corrected_at_registration(registry, models):
    estimator, frame = models["logistic"]
    inferred = registry.manifest("logistic", 1).signature.inputs
    inputs = (dataclasses.replace(inferred[0], maximum=200.0), inferred[1])
    register(registry, Candidate("wide", estimator, frame, inputs=inputs))
    assert registry.manifest("wide", 1).signature.inputs[0].maximum == 200.0


def test_an_object_that_is_no_model_is_refused(registry):
    with pytest.raises(InvalidInput):
        register(registry, Candidate("dict", {"not": "a model"}, pd.DataFrame({"x": [1.0]})))

"""What is registered answers like the estimator, and what is loaded like what was registered."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.ensemble import BaggingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.semi_supervised import LabelPropagation
from xgboost import XGBClassifier

from serve_app.core.columns import concatenate
from serve_app.engine.load import load
from serve_app.engine.registration.register import Candidate, register
from serve_app.errors import ArtifactRejected, InvalidInput, NotFound
from serve_app.models.frames import to_columns
from serve_app.models.row_blocks import RowBlocks
from serve_app.registry.store import Registry


@pytest.fixture
def on_disk(tmp_path, models):
    """A registry in a folder with one model, and the folder of its version."""
    store = Registry(str(tmp_path))
    register(store, Candidate("logistic", *models["logistic"]))
    return store, tmp_path / "logistic" / "1"


def test_a_loaded_version_answers_like_the_estimator(registry, models, frame):
    estimator, _ = models["logistic"]
    direct = estimator.predict_proba(frame)
    native = load(registry, "logistic", 1, native=True).model.predict(to_columns(frame))
    assert native.probabilities.tobytes() == direct.tobytes()
    compiled = load(registry, "logistic", 1).model.predict(to_columns(frame))
    assert compiled.probabilities == pytest.approx(direct, rel=1e-14)
    assert compiled.values.tolist() == native.values.tolist() == estimator.predict(frame).tolist()


def test_the_compiled_form_alone_is_read_where_there_is_one(on_disk):
    store, folder = on_disk
    (folder / "model.skops").unlink()
    assert load(store, "logistic", 1).manifest.compiled.served
    with pytest.raises(ArtifactRejected, match=r"model\.skops"):
        load(store, "logistic", 1, native=True)


@pytest.mark.parametrize("native", [False, True])
def test_threads_share_the_rows_of_trees_and_no_bit_changes(tmp_path, frame, native):
    store = Registry(str(tmp_path))
    trees = XGBClassifier(n_estimators=30, n_jobs=1).fit(frame, frame["age"] > 50)
    register(store, Candidate("trees", trees, frame), compile="required")
    loaded = load(store, "trees", 1, native=native)
    shared = loaded.in_threads(3)
    assert isinstance(shared.model.model, RowBlocks)
    assert (shared.manifest, shared.compiled) == (loaded.manifest, loaded.compiled)
    assert loaded.in_threads(1).model.model is loaded.model.model
    columns = concatenate([to_columns(frame)] * (5000 // len(frame)))
    wanted = loaded.model.predict(columns).probabilities.tobytes()
    for _ in range(3):
        assert shared.model.predict(columns).probabilities.tobytes() == wanted


def test_products_of_matrices_stay_in_one_thread(registry):
    for native in (False, True):
        loaded = load(registry, "logistic", 1, native=native)
        assert loaded.in_threads(3).model.model is loaded.model.model


@pytest.mark.parametrize("native", [False, True])
def test_raw_scores_are_those_of_the_estimator(registry, models, frame, native):
    estimator, _ = models["logistic"]
    loaded = load(registry, "logistic", 1, native=native)
    assert loaded.manifest.signature.output.raw_scores
    said = loaded.model.predict_with_scores(to_columns(frame))
    assert said.scores == pytest.approx(estimator.decision_function(frame), rel=1e-12)
    assert said.values.tolist() == estimator.predict(frame).tolist()


def test_what_the_compiled_form_cannot_give_is_not_promised(registry, frame):
    label = frame["age"] > 50
    bags = BaggingClassifier(LogisticRegression(), 3, random_state=0).fit(frame, label)
    manifest = register(registry, Candidate("bags", bags, frame))
    assert manifest.compiled.served
    assert not manifest.signature.output.raw_scores
    with pytest.raises(InvalidInput, match="no raw scores"):
        load(registry, "bags", 1).model.predict_with_scores(to_columns(frame))
    plain = register(registry, Candidate("bags", bags, frame), compile="never")
    assert plain.signature.output.raw_scores
    scores = load(registry, "bags", 2).model.predict_with_scores(to_columns(frame)).scores
    assert scores.tobytes() == bags.decision_function(frame).tobytes()


def test_compiling_can_be_forbidden(registry, models):
    manifest = register(registry, Candidate("plain", *models["logistic"]), compile="never")
    assert manifest.compiled is None
    assert [file.path for file in manifest.files] == ["model.skops", "profile.json"]
    assert load(registry, "plain", 1).model.model.__class__.__name__ == "SklearnModel"


def test_what_must_be_compiled_and_cannot_be_is_refused_with_the_reason(registry, frame):
    near = LabelPropagation().fit(frame, frame["age"] > 50)
    with pytest.raises(InvalidInput, match="no compiled form of LabelPropagation"):
        register(registry, Candidate("near", near, frame), compile="required")
    assert registry.versions("near") == []


def test_what_cannot_be_compiled_is_served_by_its_library_and_says_why(registry, frame):
    near = LabelPropagation().fit(frame, frame["age"] > 50)
    manifest = register(registry, Candidate("near", near, frame))
    assert not manifest.compiled.served
    assert manifest.compiled.reason == "there is no compiled form of LabelPropagation"
    values = load(registry, "near", 1).model.predict(to_columns(frame)).values
    assert values.tolist() == near.predict(frame).tolist()


def test_a_pickle_with_a_compiled_form_is_served_without_consent(registry, frame, monkeypatch):
    def unstorable(estimator):
        raise TypeError("not today")

    monkeypatch.setattr(skops.io, "dumps", unstorable)
    fitted = LogisticRegression().fit(frame, frame["age"] > 50)
    manifest = register(registry, Candidate("pickled", fitted, frame), allow_pickle=True)
    assert manifest.pickle
    assert not manifest.needs_consent
    values = load(registry, "pickled", 1).model.predict(to_columns(frame)).values
    assert values.tolist() == fitted.predict(frame).tolist()
    with pytest.raises(ArtifactRejected, match="allow_pickle"):
        load(registry, "pickled", 1, native=True)


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


@pytest.mark.parametrize(("file", "native"), [("compiled.npz", False), ("model.skops", True)])
def test_a_changed_byte_is_rejected_by_the_name_of_its_file(on_disk, file, native):
    store, folder = on_disk
    path = folder / file
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ArtifactRejected, match=path.name) as caught:
        load(store, "logistic", 1, native=native)
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

"""Versions as ONNX files: the same answers, or a reason why not."""

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
import xgboost
from sklearn.compose import make_column_transformer
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from serve_app.engine.registration.register import Candidate, register
from serve_app.errors import ConfigError
from serve_app.export import onnx as export
from serve_app.export.onnx import export_onnx
from serve_app.models.onnx_graph import read_graph
from serve_app.registry.store import Registry


def table(rows=240):
    rng = np.random.default_rng(4)
    frame = pd.DataFrame(
        {
            "age": rng.normal(50, 10, rows),
            "visits": rng.integers(0, 9, rows),
            "plan": rng.choice(["basic", "gold", "none"], rows),
        }
    )
    frame.loc[::11, "age"] = np.nan
    return frame


def label(frame):
    return (frame["age"].fillna(50) + 3 * frame["visits"] > 62).to_numpy().astype(int)


def prepared(estimator):
    numbers = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
    words = OneHotEncoder(handle_unknown="ignore")
    columns = make_column_transformer((numbers, ["age", "visits"]), (words, ["plan"]))
    return make_pipeline(columns, estimator)


ESTIMATORS = {
    "linear": LogisticRegression(),
    "forest": RandomForestClassifier(12, random_state=0),
    "gradients": GradientBoostingClassifier(n_estimators=8),
    "boosted": xgboost.XGBClassifier(n_estimators=8),
    "three classes": xgboost.XGBClassifier(n_estimators=8),
    "numbers": LinearRegression(),
}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return Registry(str(tmp_path_factory.mktemp("store") / "registry"))


@pytest.fixture(scope="module", params=ESTIMATORS)
def version(request, store):
    """A fitted pipeline, what it learned from, and the file that its version was made into."""
    frame = table()
    target = (
        label(frame) + (frame["visits"] > 5) if request.param == "three classes" else label(frame)
    )
    pipeline = prepared(ESTIMATORS[request.param]).fit(frame, target)
    manifest = register(store, Candidate("zoo", pipeline, frame))
    return pipeline, frame, export_onnx(store, "zoo", manifest.version)


def asked(content, frame):
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    given = {name: frame[[name]].to_numpy() for name in frame}
    names = [one.name for one in session.get_outputs()]
    return dict(zip(names, session.run(names, given), strict=True))


def test_the_graph_says_what_scikit_learn_says(version):
    pipeline, frame, exported = version
    answers = asked(exported.content, frame)
    if "values" in answers:
        np.testing.assert_allclose(answers["values"], pipeline.predict(frame), rtol=1e-9)
        return
    assert answers["label"].tolist() == pipeline.predict(frame).tolist()
    np.testing.assert_allclose(
        answers["probabilities"], pipeline.predict_proba(frame), rtol=0, atol=1e-6
    )


def test_other_runtimes_can_read_it(version):
    *_, exported = version
    model = onnx.load_from_string(exported.content)
    onnx.checker.check_model(model, full_check=True)
    assert model.ir_version <= 10
    assert {one.domain: one.version for one in model.opset_import} == {"": 17, "ai.onnx.ml": 3}
    assert not any(one.external_data for one in model.graph.initializer)


def test_it_says_how_near_it_was_held(version):
    *_, exported = version
    assert exported.details["compared_rows"] >= 10_000
    assert exported.details["largest_difference"] <= 1e-6


def test_two_exports_give_the_same_bytes(version, store):
    *_, exported = version
    again = export_onnx(store, "zoo", exported.manifest.version)
    assert again.content == exported.content


def test_a_step_without_a_form_is_named(store):
    frame = table()[["visits"]].astype(float)
    estimator = KNeighborsClassifier().fit(frame, label(table()))
    manifest = register(store, Candidate("near", estimator, frame))
    with pytest.raises(ConfigError, match=r"near@1 cannot be an ONNX file: the step \w+ \("):
        export_onnx(store, "near", manifest.version)


def test_a_graph_that_answers_otherwise_is_not_written(registry, monkeypatch):
    graph_of = export.graph_of

    def other(*arguments):
        model = onnx.load_from_string(graph_of(*arguments))
        weights = next(one for one in model.graph.initializer if list(one.dims) == [2, 1])
        weights.raw_data = (np.frombuffer(weights.raw_data) * 1.01).tobytes()
        return model.SerializeToString()

    monkeypatch.setattr(export, "graph_of", other)
    with pytest.raises(
        ConfigError, match=r"logistic@1 is not exported, since its ONNX graph gives"
    ):
        export_onnx(registry, "logistic", 1)


def test_a_transformer_gives_its_columns(registry, models, frame):
    exported = export_onnx(registry, "scaler", 1)
    answers = asked(exported.content, frame)
    wanted = models["scaler"][0].transform(frame)
    np.testing.assert_allclose(answers["values"], wanted.to_numpy(), rtol=1e-12)


def test_what_was_registered_as_a_graph_is_written_as_it_is(store):
    frame = table()[["visits"]].astype(np.float32)
    given = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [None, 1])
    made = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [None, 1])
    node = onnx.helper.make_node("Neg", ["x"], ["y"])
    graph = onnx.helper.make_graph([node], "g", [given], [made])
    opset = [onnx.helper.make_opsetid("", 17)]
    model = onnx.helper.make_model(graph, opset_imports=opset, ir_version=9)
    manifest = register(store, Candidate("graph", read_graph(model.SerializeToString()), frame))
    exported = export_onnx(store, "graph", manifest.version)
    assert exported.content == store.read("graph", manifest.version).files["model.onnx"]

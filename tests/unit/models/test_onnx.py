"""ONNX graphs are served as they are, and answer like ONNX Runtime itself."""

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
from onnx import helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from serve_app.core.columns import Columns
from serve_app.engine.load import load
from serve_app.engine.registration.register import Candidate, register
from serve_app.errors import InvalidInput, ModelFailed
from serve_app.models.frames import empty_frame, to_columns
from serve_app.models.onnx_graph import read_graph
from serve_app.registry.store import Registry

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 3)).astype(np.float32)
FRAME = pd.DataFrame(X, columns=["a", "b", "c"])
WORDS = np.where(X[:, 0] > 0, "yes", np.where(X[:, 1] > 0, "no", "well"))


def exported(estimator, **options):
    return to_onnx(estimator, X[:1], target_opset=17, **options).SerializeToString()


def served(graph, frame, **more):
    store = Registry(f"memory://onnx-{RNG.integers(1 << 60)}")
    manifest = register(store, Candidate("m", graph, frame, **more))
    return manifest, load(store, "m", 1).model


@pytest.mark.parametrize("zipmap", [True, False], ids=["maps", "matrix"])
@pytest.mark.parametrize("target", [WORDS, (X[:, 0] > 0).astype(int)], ids=["words", "numbers"])
def test_a_classifier_answers_like_the_runtime(zipmap, target):
    fitted = LogisticRegression().fit(X, target)
    content = exported(fitted, options={"zipmap": zipmap})
    manifest, model = served(read_graph(content), FRAME)
    assert manifest.flavour == "onnx"
    assert manifest.signature.output.labels == tuple(fitted.classes_.tolist())
    prediction = model.predict(to_columns(FRAME))
    plain = exported(fitted, options={"zipmap": False})
    label, shares = onnxruntime.InferenceSession(plain).run(None, {"X": X})
    assert prediction.values.tolist() == label.tolist()
    assert prediction.probabilities.tobytes() == shares.tobytes()


def test_a_regressor_answers_like_the_runtime():
    content = exported(LinearRegression().fit(X, X[:, 0] * 3))
    manifest, model = served(read_graph(content), FRAME)
    assert manifest.signature.output.kind == "regression"
    (direct,) = onnxruntime.InferenceSession(content).run(None, {"X": X})
    assert model.predict(to_columns(FRAME)).values.tobytes() == direct[:, 0].tobytes()


def test_several_targets_are_several_values():
    content = exported(LinearRegression().fit(X, X[:, :2] * 3))
    manifest, model = served(read_graph(content), FRAME)
    assert manifest.signature.output.width == 2
    assert model.predict(to_columns(FRAME)).values.shape == (80, 2)
    assert model.predict(to_columns(FRAME).slice(0, 0)).values.shape == (0, 2)


def test_one_input_per_column_is_one_column_each():
    frame = pd.DataFrame({"age": X[:, 0], "city": np.where(X[:, 1] > 0, "Rome", "Oslo")})
    pipeline = make_pipeline(
        make_column_transformer((StandardScaler(), ["age"]), (OneHotEncoder(), ["city"])),
        LogisticRegression(),
    ).fit(frame, WORDS)
    types = [("age", FloatTensorType([None, 1])), ("city", StringTensorType([None, 1]))]
    content = to_onnx(pipeline, initial_types=types, target_opset=17).SerializeToString()
    manifest, model = served(read_graph(content), frame)
    assert [(c.name, c.dtype) for c in manifest.signature.inputs] == [
        ("age", "float32"),
        ("city", "string"),
    ]
    prediction = model.predict(to_columns(frame))
    assert prediction.values.tolist() == pipeline.predict(frame).tolist()
    assert prediction.probabilities == pytest.approx(pipeline.predict_proba(frame), abs=1e-5)


def test_without_data_the_schema_is_that_of_the_inputs():
    graph = read_graph(exported(LogisticRegression().fit(X, WORDS)))
    manifest, model = served(graph, empty_frame(graph.columns))
    assert [(c.name, c.dtype) for c in manifest.signature.inputs] == [
        ("x0", "float32"),
        ("x1", "float32"),
        ("x2", "float32"),
    ]
    assert (manifest.training, manifest.sample) == (None, None)
    rows = Columns.from_block(("x0", "x1", "x2"), X)
    assert (
        model.predict(rows).values.tolist()
        == LogisticRegression().fit(X, WORDS).predict(X).tolist()
    )


def test_a_graph_of_trees_is_served_too():
    fitted = RandomForestClassifier(10, random_state=0).fit(X, WORDS)
    _, model = served(read_graph(exported(fitted)), FRAME)
    prediction = model.predict(to_columns(FRAME))
    assert prediction.probabilities == pytest.approx(fitted.predict_proba(X), abs=1e-5)


def bare(output, kind):
    """A graph that gives the probability of a sum of its three columns."""
    nodes = [
        helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=1),
        helper.make_node("Sigmoid", ["sum"], [output]),
    ]
    graph = helper.make_graph(
        nodes,
        "sum",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [None, 3])],
        [helper.make_tensor_value_info(output, kind, [None, 1])],
    )
    versions = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=versions, ir_version=8).SerializeToString()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"no graph at all", "no ONNX model"),
        (b"", "no ONNX model"),
    ],
)
def test_what_is_no_graph_is_refused(content, said):
    with pytest.raises(InvalidInput, match=said):
        read_graph(content)


def test_classes_without_names_must_be_named():
    graph = read_graph(bare("probability", onnx.TensorProto.FLOAT))
    with pytest.raises(InvalidInput, match="--labels"):
        served(graph, FRAME)


def test_data_of_other_columns_is_refused():
    graph = read_graph(exported(LinearRegression().fit(X, X[:, 0])))
    with pytest.raises(InvalidInput, match="takes 3 columns, but the data has 2"):
        served(graph, FRAME[["a", "b"]])
    with pytest.raises(InvalidInput, match="'c' holds string"):
        served(graph, FRAME.assign(c="word"))


def test_rows_that_the_runtime_refuses_are_a_failure_of_the_model():
    _, model = served(read_graph(exported(LinearRegression().fit(X, X[:, 0]))), FRAME)
    with pytest.raises(ModelFailed):
        model.model.predict(Columns.of({"a": np.zeros(2, np.float32)}))

"""What an ONNX graph puts out is told by its nodes and by rows, and never by its place."""

import json

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
from onnx import helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.cluster import KMeans
from sklearn.compose import make_column_transformer
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    Perceptron,
    RidgeClassifier,
    SGDClassifier,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

from serve_app.core.columns import Columns
from serve_app.engine.load import load
from serve_app.engine.registration.register import Candidate, register
from serve_app.errors import InvalidInput, ModelFailed, RowsRefused
from serve_app.models.frames import empty_frame, to_columns
from serve_app.models.onnx import OnnxFlavour
from serve_app.models.onnx_graph import read_graph
from serve_app.registry.store import Registry

RNG = np.random.default_rng(1)
X = RNG.normal(size=(80, 4)).astype(np.float32)
FRAME = pd.DataFrame(X, columns=list("abcd"))
TWO = (X[:, 0] > 0).astype(int)
THREE = np.where(X[:, 0] > 0.3, "hi", np.where(X[:, 1] > 0, "mid", "lo"))
SEVERAL = (X[:, :3] > 0).astype(int)
COLUMNS = to_columns(FRAME)


def exported(fitted, **options):
    found = {"target_opset": 17, **({"options": options} if options else {})}
    return read_graph(to_onnx(fitted, X[:1], **found).SerializeToString())


def served(graph, frame=FRAME, **more):
    store = Registry(f"memory://onnx-{RNG.integers(1 << 60)}")
    manifest = register(store, Candidate("m", graph, frame, **more))
    return manifest.signature, load(store, "m", 1).model


@pytest.mark.parametrize("data", [True, False], ids=["data", "none"])
@pytest.mark.parametrize("target", [TWO, THREE], ids=["two", "three"])
@pytest.mark.parametrize(
    "estimator",
    [LinearSVC(), RidgeClassifier(), SVC(), SGDClassifier(random_state=0), Perceptron()],
    ids=lambda one: type(one).__name__,
)
@pytest.mark.filterwarnings("ignore")
def test_decision_scores_are_raw_scores_and_no_probabilities(estimator, target, data):
    fitted = estimator.fit(X, target)
    graph = exported(fitted)
    signature, model = served(graph, FRAME if data else empty_frame(graph.columns))
    wanted = fitted.decision_function(X)
    assert (signature.output.kind, signature.output.probabilities) == ("classification", False)
    assert signature.output.scores_width == (1 if wanted.ndim == 1 else 3)
    rows = COLUMNS if data else Columns.from_block(signature.names, X)
    plain, scored = model.predict(rows), model.predict_with_scores(rows)
    assert (plain.probabilities, plain.scores, scored.probabilities) == (None, None, None)
    assert plain.values.tolist() == scored.values.tolist() == fitted.predict(X).tolist()
    assert scored.scores == pytest.approx(wanted, abs=1e-3)


def test_scores_behind_maps_are_raw_scores_too():
    graph = exported(OneVsRestClassifier(LinearSVC()).fit(X, TWO))
    signature, model = served(graph)
    assert not signature.output.probabilities
    label, scores = onnxruntime.InferenceSession(graph.content).run(None, {"X": X})
    said = model.predict(COLUMNS)
    assert (said.values.tolist(), said.probabilities) == (label.tolist(), None)
    assert said.tensors["output_probability"].tolist() == scores.tolist()


@pytest.mark.parametrize("zipmap", [True, False, "columns"], ids=["maps", "matrix", "columns"])
@pytest.mark.parametrize("target", [TWO, THREE], ids=["two", "three"])
@pytest.mark.parametrize(
    "estimator",
    [
        LogisticRegression(),
        RandomForestClassifier(3, random_state=0),
        GradientBoostingClassifier(n_estimators=3),
        MLPClassifier((4,), max_iter=20, random_state=0),
        KNeighborsClassifier(),
        GaussianNB(),
        SVC(probability=True, random_state=0),
    ],
    ids=lambda one: type(one).__name__,
)
@pytest.mark.filterwarnings("ignore")
def test_probabilities_are_those_of_the_library(estimator, target, zipmap):
    fitted = estimator.fit(X, target)
    signature, model = served(exported(fitted, zipmap=zipmap))
    assert signature.output.labels == tuple(fitted.classes_.tolist())
    prediction = model.predict(COLUMNS)
    assert prediction.values.tolist() == fitted.predict(X).tolist()
    assert prediction.probabilities == pytest.approx(fitted.predict_proba(X), abs=1e-4)


@pytest.mark.parametrize("rows", [1, 2, 3, 7])
@pytest.mark.parametrize(
    "estimator",
    [
        RandomForestClassifier(3, random_state=0),
        MultiOutputClassifier(LogisticRegression()),
        OneVsRestClassifier(LogisticRegression()),
        KNeighborsClassifier(),
    ],
    ids=lambda one: type(one).__name__,
)
@pytest.mark.filterwarnings("ignore")
def test_several_labels_are_as_many_answers_as_rows(estimator, rows):
    fitted = estimator.fit(X, SEVERAL)
    signature, model = served(exported(fitted, zipmap=False))
    assert signature.output.kind == "tensors"
    said = model.predict(COLUMNS.slice(0, rows))
    assert len(said.values) == rows
    assert said.tensors["label"].tolist() == fitted.predict(X)[:rows].tolist()
    wanted = np.asarray(fitted.predict_proba(X))
    wanted = wanted[:rows] if wanted.ndim == 2 else np.moveaxis(wanted, 1, 0)[:rows]
    assert said.tensors["probabilities"] == pytest.approx(wanted, abs=1e-4)


def test_targets_of_other_numbers_of_classes_are_outputs_of_their_own():
    target = np.column_stack([TWO, np.digitize(X[:, 1], [-0.5, 0.5])])
    fitted = MultiOutputClassifier(LogisticRegression()).fit(X, target)
    _, model = served(exported(fitted, zipmap=False))
    said = model.predict(COLUMNS.slice(0, 5)).tensors
    two, three = fitted.predict_proba(X[:5])
    assert said["probabilities_0"] == pytest.approx(two, abs=1e-5)
    assert said["probabilities_1"] == pytest.approx(three, abs=1e-5)


def test_clusters_and_distances_are_served_as_they_are():
    fitted = KMeans(3, n_init=1, random_state=0).fit(X)
    signature, model = served(exported(fitted))
    assert signature.output.kind == "tensors"
    said = model.predict(COLUMNS).tensors
    assert said["label"].tolist() == fitted.predict(X).tolist()
    assert said["scores"] == pytest.approx(fitted.transform(X), abs=1e-3)


def named(frame, target):
    columns = list(frame.columns)
    pipeline = make_pipeline(
        make_column_transformer((StandardScaler(), columns[:2]), ("passthrough", columns[2:])),
        LogisticRegression(max_iter=10_000),  # one column is not scaled
    ).fit(frame, target)
    return pipeline, read_graph(to_onnx(pipeline, frame[:1], target_opset=17).SerializeToString())


def test_named_inputs_find_their_columns_in_any_order():
    frame = pd.DataFrame(X * [1, 50, 3, 1000], columns=["age", "my income", "b-c", "debt"])
    frame = frame.astype(np.float32)
    pipeline, graph = named(frame, THREE)
    other = frame[["debt", "b-c", "age", "my income"]]
    signature, model = served(graph, other)
    assert signature.names == tuple(other.columns)
    assert not signature.by_position
    assert model.predict(to_columns(other)).values.tolist() == pipeline.predict(frame).tolist()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"c": "wrong"}, "takes a column 'c', which the data does not have; it has wrong"),
        ({"c": None}, "takes a column 'c'"),
        ({"besides": 1.0}, "has the column 'besides', which the graph does not take"),
    ],
)
def test_names_that_do_not_fit_are_refused(change, said):
    _, graph = named(FRAME, TWO)
    ((name, to),) = change.items()
    if name not in FRAME:
        frame = FRAME.assign(**change)
    else:
        frame = FRAME.drop(columns=name) if to is None else FRAME.rename(columns=change)
    with pytest.raises(InvalidInput, match=said):
        served(graph, frame)


def test_columns_of_a_matrix_and_names_that_nobody_knows_go_by_position():
    assert served(exported(LogisticRegression().fit(X, TWO)))[0].by_position
    _, graph = named(FRAME.rename(columns={c: f"f{j}" for j, c in enumerate("abcd")}), TWO)
    assert served(graph)[0].by_position


def made(nodes, inputs, outputs, constants=()):
    kinds = {"f": onnx.TensorProto.FLOAT, "i": onnx.TensorProto.INT64, "n": onnx.TensorProto.INT32}
    ends = [
        [helper.make_tensor_value_info(name, kinds[kind], shape) for name, kind, shape in some]
        for some in (inputs, outputs)
    ]
    graph = helper.make_graph(nodes, "made", *ends, initializer=list(constants))
    versions = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=versions, ir_version=8)
    return read_graph(model.SerializeToString())


def sigmoid(name="probability"):
    return made(
        [
            helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=1),
            helper.make_node("Sigmoid", ["sum"], [name]),
        ],
        [("x", "f", [None, 4])],
        [(name, "f", [None, 1])],
    )


def test_one_probability_becomes_two_where_two_classes_are_named():
    signature, model = served(sigmoid(), labels=("stays", "leaves"))
    wanted = 1 / (1 + np.exp(-X.sum(axis=1)))
    prediction = model.predict(COLUMNS)
    assert signature.output.labels == ("stays", "leaves")
    assert prediction.probabilities == pytest.approx(
        np.column_stack([1 - wanted, wanted]), abs=1e-5
    )
    assert prediction.values.tolist() == np.where(wanted > 0.5, "leaves", "stays").tolist()
    assert prediction.tensors["probability"][:, 0] == pytest.approx(wanted, abs=1e-5)


def test_one_number_that_leaves_0_to_1_is_a_number_whatever_it_is_called():
    graph = made(
        [helper.make_node("ReduceSum", ["x"], ["probability"], keepdims=1)],
        [("x", "f", [None, 4])],
        [("probability", "f", [None, 1])],
    )
    signature, model = served(graph)
    assert signature.output.kind == "regression"
    assert model.predict(COLUMNS).values == pytest.approx(X.sum(axis=1), abs=1e-5)
    with pytest.raises(InvalidInput, match="neither 2 classes nor their probabilities"):
        served(graph, labels=("a", "b"))


def test_numbers_that_look_like_probabilities_on_the_data_alone_are_none():
    graph = made(
        [
            helper.make_node("ReduceSum", ["x"], ["second"], keepdims=1),
            helper.make_node("Sub", ["one", "second"], ["first"]),
            helper.make_node("Concat", ["first", "second"], ["probabilities"], axis=1),
        ],
        [("x", "f", [None, 4])],
        [("probabilities", "f", [None, 2])],
        [helper.make_tensor("one", onnx.TensorProto.FLOAT, [1], [1.0])],
    )
    frame = pd.DataFrame(np.abs(X) / np.abs(X).sum(axis=1, keepdims=True) / 2, columns=list("abcd"))
    assert served(graph, frame.astype(np.float32))[0].output.kind == "regression"


def test_rows_that_change_each_other_are_refused():
    graph = made(
        [
            helper.make_node("ReduceMean", ["x"], ["mean"], axes=[0], keepdims=1),
            helper.make_node("Sub", ["x", "mean"], ["y"]),
        ],
        [("x", "f", [None, 4])],
        [("y", "f", [None, 4])],
    )
    with pytest.raises(InvalidInput, match="depends on the rows beside it"):
        served(graph)


def test_rows_that_are_quantised_by_the_range_of_a_batch_are_answered_one_by_one():
    graph = made(
        [
            helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "scale", "zero"]),
            helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["y"]),
        ],
        [("x", "f", [None, 4])],
        [("y", "f", [None, 4])],
    )
    rows = (X / np.abs(X).max(axis=1, keepdims=True) + 2).astype(np.float32)
    _, model = served(graph, pd.DataFrame(rows, columns=list("abcd")))
    run = onnxruntime.InferenceSession(graph.content).run
    wanted = [run(None, {"x": rows[at : at + 1]})[0][0].tolist() for at in range(5)]
    assert model.predict(Columns.from_block(COLUMNS.names, rows[:5])).values.tolist() == wanted


def test_a_graph_that_takes_one_row_at_once_answers_them_one_by_one():
    fitted = LinearRegression().fit(X, X[:, 0] * 3)
    types = [("X", FloatTensorType([1, 4]))]
    graph = read_graph(to_onnx(fitted, initial_types=types, target_opset=17).SerializeToString())
    _, model = served(graph)
    assert model.predict(COLUMNS).values == pytest.approx(fitted.predict(X), abs=1e-4)


def test_one_answer_to_all_rows_becomes_one_to_each():
    graph = made(
        [helper.make_node("ReduceSum", ["x"], ["total"], keepdims=0)],
        [("x", "f", [None, 4])],
        [("total", "f", [])],
    )
    _, model = served(graph)
    assert model.predict(COLUMNS).values == pytest.approx(X.sum(axis=1), abs=1e-4)


def test_rows_that_a_graph_does_not_answer_one_by_one_fail():
    """An output that lost rows after registration is nobody's answer."""
    graph = made(
        [
            helper.make_node("ReduceMax", ["x"], ["most"], axes=[1], keepdims=0),
            helper.make_node("Less", ["most", "limit"], ["kept"]),
            helper.make_node("Compress", ["x", "kept"], ["y"], axis=0),
        ],
        [("x", "f", [None, 4])],
        [("y", "f", [None, 4])],
        [helper.make_tensor("limit", onnx.TensorProto.FLOAT, [1], [1e6])],
    )
    _, model = served(graph)
    assert model.predict(COLUMNS).values.tolist() == X.tolist()
    with pytest.raises((ModelFailed, RowsRefused), match=r"an answer of shape \[.*\] to \d+ rows"):
        model.predict(Columns.from_block(COLUMNS.names, X * np.float32(2e6)))


def test_values_that_an_input_cannot_hold_are_refused_by_their_column():
    graph = made(
        [helper.make_node("Add", ["a", "b"], ["sum"])],
        [("a", "n", [None]), ("b", "n", [None])],
        [("sum", "n", [None])],
    )
    frame = pd.DataFrame({"b": [1, 2, 3], "a": [10, 20, 30]})
    _, model = served(graph, frame)
    assert model.predict(to_columns(frame)).tensors["sum"].tolist() == [11, 22, 33]
    for wrong in (np.nan, 1.5, 2.0**40):
        with pytest.raises(RowsRefused, match="column 'a'"):
            model.predict(Columns.of({"b": np.array([1.0]), "a": np.array([wrong])}))
    with pytest.raises(InvalidInput, match="column 'b'"):
        served(graph, frame.assign(b=[0.5, 1.0, 2.0]))


def test_an_embedding_beside_label_and_probabilities_is_kept():
    fitted = LogisticRegression().fit(X, THREE)
    model = onnx.load_from_string(exported(fitted, zipmap=False).content)
    model.graph.node.append(helper.make_node("Tanh", ["X"], ["embedding"]))
    model.graph.output.append(
        helper.make_tensor_value_info("embedding", onnx.TensorProto.FLOAT, [None, 4])
    )
    signature, loaded = served(read_graph(model.SerializeToString()))
    said = loaded.predict(COLUMNS)
    assert said.probabilities == pytest.approx(fitted.predict_proba(X), abs=1e-5)
    assert set(said.tensors) == {"embedding"}
    assert said.tensors["embedding"] == pytest.approx(np.tanh(X), abs=1e-5)
    assert [(c.name, c.dtype, c.shape) for c in signature.output.columns] == [
        ("label", "string", ()),
        ("probabilities", "float32", (3,)),
        ("embedding", "float32", (4,)),
    ]


def test_tensors_of_any_rank_are_one_column_each():
    graph = made(
        [
            helper.make_node("Add", ["p", "q"], ["sum"]),
            helper.make_node("Sub", ["p", "q"], ["less"]),
        ],
        [("p", "n", [None, 2, 3]), ("q", "n", [None, 2, 3])],
        [("sum", "n", [None, 2, 3]), ("less", "n", [None, 2, 3])],
    )
    signature, model = served(graph, empty_frame(graph.columns))
    assert [(c.name, c.dtype, c.shape) for c in signature.inputs] == [
        ("p", "int32", (2, 3)),
        ("q", "int32", (2, 3)),
    ]
    p, q = RNG.integers(0, 9, size=(2, 5, 2, 3)).astype(np.int32)
    said = model.predict(Columns.of({"p": p, "q": q})).tensors
    assert said["sum"].tolist() == (p + q).tolist()
    assert said["less"].tolist() == (p - q).tolist()
    empty = model.predict(Columns.of({"p": p[:0], "q": q[:0]})).tensors
    assert empty["sum"].shape == (0, 2, 3)


def test_a_former_version_answers_as_it_did():
    graph = exported(LogisticRegression().fit(X, TWO), zipmap=False)
    signature, _ = served(graph)
    former = {
        "inputs": [["X", "float32", 4]],
        "roles": {"label": "label", "probabilities": "probabilities"},
        "classes": [0, 1],
    }
    files = {"model.onnx": graph.content, "settings.json": json.dumps(former).encode()}
    model = OnnxFlavour().load(
        files, format="onnx", trusted_types=(), signature=signature, allow_pickle=False
    )
    label, shares = onnxruntime.InferenceSession(graph.content).run(None, {"X": X})
    said = model.predict(COLUMNS)
    assert (said.values.tolist(), said.probabilities.tolist()) == (label.tolist(), shares.tolist())

"""Hostile `.skops` files: refused in words before skops or scikit-learn makes anything of them."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
import xgboost
from scipy import sparse
from sklearn.cluster import BisectingKMeans, KMeans
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    BaggingClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
    StackingClassifier,
)
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, SplineTransformer
from sklearn.svm import SVC, SVR, OneClassSVM
from sklearn.tree import DecisionTreeClassifier

from serve_app.errors import InvalidInput
from serve_app.models.files import read_model
from serve_app.models.inspect import skops as skops_files

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(120, 4))
CLASSES = (ROWS[:, 0] + ROWS[:, 1] > 0).astype(int) + (ROWS[:, 2] > 1)


def _balls(metric: str, **parameters: Any) -> Any:
    given = {"metric": metric, "metric_params": parameters, "p": 3}
    return KNeighborsClassifier(algorithm="ball_tree", **given)


MODELS: dict[str, Callable[[], Any]] = {
    "tree": lambda: DecisionTreeClassifier(random_state=0),
    "forest": lambda: RandomForestClassifier(n_estimators=3, random_state=0),
    "isolation": lambda: IsolationForest(
        n_estimators=3, max_features=0.5, random_state=np.random.RandomState(0)
    ),
    "boosted": lambda: GradientBoostingClassifier(n_estimators=2, random_state=0),
    "hist": lambda: HistGradientBoostingClassifier(max_iter=2, categorical_features=[3]),
    "kd": lambda: KNeighborsClassifier(algorithm="kd_tree"),
    "ball": lambda: KNeighborsClassifier(algorithm="ball_tree"),
    "scaled": lambda: _balls("seuclidean", V=np.arange(1.0, 5.0)),
    "weighted": lambda: _balls("minkowski", w=np.arange(1.0, 5.0)),
    "slanted": lambda: _balls("mahalanobis", VI=np.eye(4)),
    "spline": lambda: make_pipeline(SplineTransformer(), LogisticRegression()),
    "svm": lambda: SVC(kernel="linear"),
    "sparse svm": lambda: make_pipeline(OneHotEncoder(handle_unknown="ignore"), SVC()),
    "kernel svm": lambda: SVC(kernel="precomputed"),
    "svr": SVR,
    "one class": OneClassSVM,
    "means": lambda: KMeans(3, n_init=1),
    "brute": lambda: KNeighborsClassifier(algorithm="brute", metric="manhattan"),
    "nearest": lambda: NearestNeighbors(algorithm="brute"),
    "one-hot": lambda: make_pipeline(
        OneHotEncoder(min_frequency=20, handle_unknown="infrequent_if_exist"), LogisticRegression()
    ),
    "one-hot without": lambda: make_pipeline(OneHotEncoder(drop="first"), LogisticRegression()),
    "one-hot of two": lambda: make_pipeline(
        OneHotEncoder(drop="if_binary", min_frequency=20), LogisticRegression()
    ),
    "one-hot of columns": lambda: make_pipeline(
        make_column_transformer((OneHotEncoder(handle_unknown="ignore"), [3])),
        DecisionTreeClassifier(),
    ),
    "parted": lambda: BisectingKMeans(4, random_state=0),
    "sparse": lambda: KNeighborsClassifier(algorithm="brute"),
    "bagging": lambda: BaggingClassifier(DecisionTreeClassifier(), max_features=0.5),
    "stacking": lambda: StackingClassifier(
        [("a", DecisionTreeClassifier())], RandomForestClassifier(n_estimators=2), passthrough=True
    ),
    "xgboost": lambda: xgboost.XGBClassifier(n_estimators=2, max_depth=2),
}


@cache
def honest(name: str) -> bytes:
    rows = np.column_stack([ROWS[:, :3], RNG.integers(0, 9, len(ROWS))])
    if name == "sparse":
        rows = OneHotEncoder().fit_transform(rows[:, 3:])
    if name == "kernel svm":
        rows = rows @ rows.T
    content: bytes = skops.io.dumps(MODELS[name]().fit(rows, CLASSES))
    return content


def files_of(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(files: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _objects(value: Any) -> Any:
    if isinstance(value, dict):
        if "__class__" in value:
            yield value
        for inner in value.values():
            yield from _objects(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _objects(inner)


def _number(value: Any) -> dict[str, Any]:
    return {
        "__class__": "int", "__module__": "builtins", "__loader__": "JsonNode",
        "content": json.dumps(value),
    }  # fmt: skip


class Edit:
    """The objects and arrays of a file, to be changed in place."""

    def __init__(self, content: bytes) -> None:
        self.files = files_of(content)
        self.schema = json.loads(self.files["schema.json"])

    def object(self, *names: str) -> Any:
        """The first object of a class."""
        return next(one for one in _objects(self.schema) if one["__class__"] in names)

    def array(self, node: Any, change: Callable[[Any], Any]) -> None:
        """Change the array of a node."""
        array = np.load(io.BytesIO(self.files[node["file"]]))
        changed = change(array)
        buffer = io.BytesIO()
        np.save(buffer, array if changed is None else changed)
        # Equal arrays share no file: this one is the node's own from now on.
        node["file"] = f"changed-{node['file']}"
        self.files[node["file"]] = buffer.getvalue()

    def state(self, owner: str, key: str) -> Any:
        """A part of the state of the first object of a class."""
        return self.object(owner)["content"]["content"][key]

    def number(self, owner: str, key: str, value: Any) -> None:
        part = self.state(owner, key)
        part.clear()
        part.update(_number(value))

    def content(self) -> bytes:
        return zipped({**self.files, "schema.json": json.dumps(self.schema).encode()})


def _nodes(owner: str, field: str, value: int, at: int = 0) -> Callable[[Edit], None]:
    def edit(file: Edit) -> None:
        def change(array: Any) -> None:
            array[field][at] = value

        file.array(file.state(owner, "nodes"), change)

    return edit


def _tuple(
    owner: tuple[str, ...], place: int, change: Callable[[Any], Any]
) -> Callable[[Edit], None]:
    def edit(file: Edit) -> None:
        file.array(file.object(*owner)["content"]["content"][place], change)

    return edit


def _item(owner: tuple[str, ...], place: int, value: Any) -> Callable[[Edit], None]:
    def edit(file: Edit) -> None:
        file.object(*owner)["content"]["content"][place] = _number(value)

    return edit


def _put(field: str | None, at: int, value: Any) -> Callable[[Any], None]:
    def change(array: Any) -> None:
        if field is None:
            array[at] = value
        else:
            array[field][at] = value

    return change


def _arrays(owner: str, key: str, change: Callable[[Any], Any]) -> Callable[[Edit], None]:
    return lambda file: file.array(file.state(owner, key), change)


def _outputs(file: Edit) -> None:
    file.object("Tree")["__reduce__"]["args"]["content"][2] = _number(10**9)


def _as_loss(file: Edit) -> None:
    file.object("Tree")["__loader__"] = "LossNode"


def _foreign_features(file: Edit) -> None:
    """A forest's second tree says that it is of more features than the forest's rows have."""
    inner = [one for one in _objects(file.schema) if one["__class__"] == "DecisionTreeClassifier"]
    tree = inner[-1]["content"]["content"]
    tree["n_features_in_"] = _number(999_999)
    state = tree["tree_"]
    state["__reduce__"]["args"]["content"][0] = dict(tree["n_features_in_"])
    file.array(state["content"]["content"]["nodes"], _put("feature", 0, 500_000))


def _fewer_columns(file: Edit) -> None:
    file.number("GradientBoostingClassifier", "n_trees_per_iteration_", 1)


def _groups(change: Callable[[Any], Any]) -> Callable[[Edit], None]:
    def edit(file: Edit) -> None:
        groups = file.state("OneHotEncoder", "_default_to_infrequent_mappings")["content"]
        file.array(next(one for one in groups if "file" in one), change)

    return edit


def _fewer_places(file: Edit) -> None:
    file.state("OneHotEncoder", "_n_features_outs")["content"][0] = _number(1)


def _narrow(file: Edit) -> None:
    """Sparse points of two features."""
    name = file.state("KNeighborsClassifier", "_fit_X")["file"]
    buffer = io.BytesIO()
    sparse.save_npz(buffer, sparse.load_npz(io.BytesIO(file.files[name]))[:, :2])
    file.files[name] = buffer.getvalue()


def _fewer_weights(file: Edit) -> None:
    """Of a sparse matrix of weights one entry is left."""
    name = file.state("SVC", "_dual_coef_")["file"]
    whole = sparse.load_npz(io.BytesIO(file.files[name]))
    buffer = io.BytesIO()
    sparse.save_npz(buffer, sparse.csr_matrix(([1.0], ([0], [0])), whole.shape))
    file.files[name] = buffer.getvalue()


def _position(file: Edit) -> None:
    state = file.object("RandomState")["content"]["content"]["state"]
    state["content"]["pos"] = _number(10**6)


def _distance(place: int, change: Callable[[Any], Any]) -> Callable[[Edit], None]:
    def edit(file: Edit) -> None:
        distance = file.object(*SPACE)["content"]["content"][11]
        file.array(distance["content"]["content"][place], change)

    return edit


SPACE = ("KDTree", "BallTree")
KNN, NN = "KNeighborsClassifier", "NearestNeighbors"
HOSTILE: dict[str, tuple[str, Callable[[Edit], None], str]] = {
    "child": ("tree", _nodes("Tree", "left_child", 2 * 10**8), "tree 0, node 0: its left child 2"),
    "negative child": ("tree", _nodes("Tree", "right_child", -9), "its right child -9"),
    "cycle": ("tree", _nodes("Tree", "left_child", 0), "the child of several"),
    "feature": ("tree", _nodes("Tree", "feature", 10**9), "it asks for feature 1000000000"),
    "negative feature": ("tree", _nodes("Tree", "feature", -2), "it asks for feature -2"),
    "count": ("tree", lambda f: f.number("Tree", "node_count", 10**9), "and says 1000000000"),
    "depth": ("tree", lambda f: f.number("Tree", "max_depth", 0), "levels deep and says 0"),
    "outputs": ("tree", _outputs, "n_classes are not those of 1000000000|no number of things"),
    "as a loss": ("tree", _as_loss, "as if that were a loss"),
    "values": ("tree", _arrays("Tree", "values", lambda a: a[:1]), "its values have the shape"),
    "fewer nodes": ("tree", _arrays("Tree", "nodes", lambda a: a[:2]), "has 2 nodes and says"),
    "no nodes": ("tree", _arrays("Tree", "nodes", lambda a: np.zeros(len(a))), "no nodes of a"),
    "in a forest": ("forest", _nodes("Tree", "left_child", 10**6), "tree 2, node 0|tree 0, node 0"),
    "another's features": ("forest", _foreign_features, "asks for feature 500000, and there are 4"),
    "isolation": ("isolation", _nodes("Tree", "left_child", 10**6), "its left child 1000000"),
    "boosted": ("boosted", _nodes("Tree", "feature", 77), "asks for feature 77"),
    "columns of trees": ("boosted", _fewer_columns, "for 1 outputs"),
    "hist child": ("hist", _nodes("TreePredictor", "left", 10**8), "its left child 100000000"),
    "hist cycle": ("hist", _nodes("TreePredictor", "right", 0), "the child of several"),
    "hist feature": ("hist", _nodes("TreePredictor", "feature_idx", 99), "asks for feature 99"),
    "kd end": ("kd", _tuple(SPACE, 2, _put("idx_end", 0, 10**9)), "node 0: it holds points"),
    "kd start": ("kd", _tuple(SPACE, 2, _put("idx_start", 1, -5)), "node 1: it holds points"),
    "kd leaf": ("kd", _tuple(SPACE, 2, _put("is_leaf", -1, 0)), "it holds points or children"),
    "kd order": ("kd", _tuple(SPACE, 1, _put(None, 0, 10**9)), "names points that there are not"),
    "kd counts": ("kd", _item(SPACE, 6, 10**9), "nodes and says 1000000000"),
    "kd levels": ("kd", _item(SPACE, 5, 60), "nodes and says"),
    "ball end": ("ball", _tuple(SPACE, 2, _put("idx_end", 0, 10**9)), "node 0: it holds points"),
    "ball bounds": ("ball", _tuple(SPACE, 3, lambda a: a[:, :1]), "bounds of its nodes"),
    "ball sides": ("ball", _tuple(SPACE, 3, lambda a: np.repeat(a, 2, axis=0)), "bounds of its"),
    "kd bounds": ("kd", _tuple(SPACE, 3, lambda a: a[:1]), "bounds of its nodes"),
    "scales": ("scaled", _distance(1, lambda a: a[:2]), "are not those of 4 columns"),
    "weights": ("weighted", _distance(1, lambda a: a[:2]), "are not those of 4 columns"),
    "matrix": ("slanted", _distance(2, lambda a: a[:, :2]), "are not those of 4 columns"),
    "random": ("isolation", _position, "stands at word 1000000 of 624"),
    "knots": ("spline", _arrays("BSpline", "_t", lambda a: a[:5]), "has 5 knots for degree 3"),
    "coefficients": ("spline", _arrays("BSpline", "_c", lambda a: a[:2]), "has 2 coefficients"),
    "knots in no order": ("spline", _arrays("BSpline", "_t", lambda a: a[::-1].copy()), "degree 3"),
    "degree": ("spline", lambda f: f.number("BSpline", "k", 10**6), "for degree 1000000"),
    "vectors": ("svm", _arrays("SVC", "support_vectors_", lambda a: a[:2]), "2 support vectors"),
    "counts": ("svm", _arrays("SVC", "_n_support", lambda a: a * 1000), "do not share out"),
    "intercepts": ("svm", _arrays("SVC", "_intercept_", lambda a: a[:1]), "has 1 of 3 entries"),
    "no intercepts": ("svm", _arrays("SVC", "_intercept_", lambda a: a[:0]), "has 0 of 3 entries"),
    "weights of two": ("svr", _arrays("SVR", "dual_coef_", lambda a: a[:0]), "of 2 classes"),
    "one count": ("svr", _arrays("SVR", "_n_support", lambda a: a[:1]), "do not share out"),
    "intercept": ("one class", _arrays("OneClassSVM", "_intercept_", lambda a: a[:0]), "0 of 1"),
    "sparse intercepts": ("sparse svm", _arrays("SVC", "_intercept_", lambda a: a[:1]), "1 of 3"),
    "sparse counts": ("sparse svm", _arrays("SVC", "_n_support", lambda a: a * 9), "do not share"),
    "sparse weights": ("sparse svm", _fewer_weights, "are not those of 3 classes"),
    "kernel rows": ("kernel svm", _arrays("SVC", "support_", lambda a: a + 99), "there are not"),
    "parted centres": ("parted", _arrays("_BisectingTree", "center", lambda a: a[:2]), r"\(1, 2\)"),
    "places": ("one-hot", _groups(lambda a: a + 10**6), "its column 0 has places for"),
    "negative places": ("one-hot", _groups(lambda a: a - 9), "its column 0 has places for"),
    "fewer places": ("one-hot without", _fewer_places, "its column 0 has places for 1 of"),
    "neighbours": ("brute", _arrays(KNN, "_fit_X", lambda a: a[:, :2]), "its points have"),
    "targets": ("brute", _arrays(KNN, "_y", lambda a: a[:2]), "not one target"),
    "of no class": ("brute", _arrays(KNN, "_y", lambda a: a + 9), "classes that"),
    "without targets": ("nearest", _arrays(NN, "_fit_X", lambda a: a[:, :2]), "for 4 features"),
    "sparse neighbours": ("sparse", _narrow, "for 9 features"),
    "centres": ("means", _arrays("KMeans", "cluster_centers_", lambda a: a[:, :1]), "the shape"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_in_words(name: str, tmp_path: Path) -> None:
    model, edit, words = HOSTILE[name]
    file = Edit(honest(model))
    edit(file)
    path = tmp_path / "model.skops"
    path.write_bytes(file.content())
    with pytest.raises(InvalidInput, match=words) as caught:
        read_model(path)
    assert str(path) in caught.value.message


@pytest.mark.parametrize("model", MODELS)
def test_what_skops_writes_passes(model: str, tmp_path: Path) -> None:
    path = tmp_path / "model.skops"
    path.write_bytes(honest(model))
    read_model(path)


@pytest.mark.parametrize("change", [{"left_children": [10**6]}, {"split_indices": [10**6]}])
def test_a_hostile_booster_inside_is_refused(change: dict[str, Any], tmp_path: Path) -> None:
    files = files_of(honest("xgboost"))
    name = next(name for name in files if name.endswith(".bin"))
    (key, (value,)) = next(iter(change.items()))
    mark = key.encode() + b"[$l#L" + (3).to_bytes(8, "big")
    places = files[name].find(mark)
    at = places + len(mark)
    assert places > 0
    files[name] = files[name][:at] + value.to_bytes(4, "big") + files[name][at + 4 :]
    path = tmp_path / "model.skops"
    path.write_bytes(zipped(files))
    with pytest.raises(InvalidInput, match=r"Booster: tree \d+, node 0: its left|asks for feature"):
        read_model(path)


@pytest.mark.parametrize("reads", ["filename", "file"])
def test_a_vectoriser_that_reads_files_is_refused(reads: str, tmp_path: Path) -> None:
    vectoriser = CountVectorizer().fit(["a text", "another text"])
    vectoriser.input = reads
    path = tmp_path / "model.skops"
    skops.io.dump(make_pipeline(vectoriser, LogisticRegression()), path)
    with pytest.raises(InvalidInput, match="reads files by name"):
        read_model(path)


def test_matrices_whose_indices_lie_outside_are_refused(tmp_path: Path) -> None:
    matrix = sparse.csr_matrix(np.eye(3))
    matrix.indices[0] = 10**6
    path = tmp_path / "model.skops"
    path.write_bytes(skops.io.dumps(matrix))
    with pytest.raises(InvalidInput, match="entries outside of its shape"):
        read_model(path)


def _object(content: Any, **more: Any) -> dict[str, Any]:
    return {
        "__class__": "list", "__module__": "builtins", "__loader__": "ListNode",
        "content": content, "protocol": 2, **more,
    }  # fmt: skip


def _shared(levels: int) -> dict[str, Any]:
    """Each list holds the one before twice: 2 to the power of `levels` of them."""
    inner = _object([], __id__=1)
    for number in range(2, levels + 2):
        inner = _object([inner, {"__id__": number - 1}], __id__=number)
    return inner


def _deep(levels: int) -> dict[str, Any]:
    inner = _object([])
    for _ in range(levels):
        inner = _object([inner])
    return inner


BOMBS: dict[str, tuple[Callable[[], bytes], str]] = {
    "zeros": (
        lambda: zipped({"schema.json": b"{}", "a.npy": bytes(40 * 2**20)}, zipfile.ZIP_DEFLATED),
        "times its own size",
    ),
    "schema of zeros": (
        lambda: zipped({"schema.json": bytes(40 * 2**20)}, zipfile.ZIP_DEFLATED),
        "times its own size",
    ),
    "members": (
        lambda: zipped({f"{n}": b"" for n in range(200_001)} | {"schema.json": b"{}"}),
        "holds 200002 files",
    ),
    "outside": (lambda: zipped({"schema.json": b"{}", "../x": b""}), "leads out of it"),
    "absolute": (lambda: zipped({"schema.json": b"{}", "/etc/x": b""}), "leads out of it"),
    "backslash": (lambda: zipped({"schema.json": b"{}", "..\\x": b""}), "leads out of it"),
    "shared": (lambda: zipped({"schema.json": json.dumps(_shared(60)).encode()}), "by sharing"),
    "deep": (lambda: zipped({"schema.json": json.dumps(_deep(150)).encode()}), "stand in each"),
    "brackets": (lambda: zipped({"schema.json": b"[" * 10**6}), "cannot be read|without end"),
    "named often": (
        lambda: zipped(
            {
                "schema.json": json.dumps(
                    _object(
                        [
                            {"__class__": "bytes", "__module__": "builtins",
                             "__loader__": "BytesNode", "file": "a.bin", "__id__": n + 1}
                            for n in range(2000)
                        ]
                    )
                ).encode(),
                "a.bin": bytes(2**20),
            }
        ),
        "name files of 2000 MiB",
    ),
    "array of another size": (
        lambda: zipped(
            {
                "schema.json": json.dumps(
                    {"__class__": "ndarray", "__module__": "numpy", "__loader__": "NdArrayNode",
                     "type": "numpy", "file": "a.npy", "protocol": 2}
                ).encode(),
                "a.npy": _npy_of(10**12),
            }
        ),
        "says that it holds 8000000000000 bytes",
    ),
    "no zip": (lambda: b"no zip", "no whole zip"),
    "pickle": (lambda: b"\x80\x04\x95\x00.", "no whole zip"),
}  # fmt: skip


def _npy_of(count: int) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        buffer, {"descr": "<f8", "fortran_order": False, "shape": (count,)}
    )
    return buffer.getvalue()


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_before_they_unpack(name: str, tmp_path: Path) -> None:
    make, words = BOMBS[name]
    path = tmp_path / "model.skops"
    path.write_bytes(make())
    with pytest.raises(InvalidInput, match=words):
        read_model(path)


def test_a_link_is_refused() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("schema.json", b"{}")
        link = zipfile.ZipInfo("out")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(InvalidInput, match="holds the link 'out'"):
        skops_files.check(buffer.getvalue())


def test_gadgets_stay_refused(tmp_path: Path) -> None:
    """A reduce node of any class, and a type text that differs from what is called."""
    schema = {
        "__class__": "system", "__module__": "posix", "__loader__": "LossNode", "protocol": 2,
        "__reduce__": {"args": _object(["touch hacked"])}, "content": _object([]),
    }  # fmt: skip
    path = tmp_path / "model.skops"
    path.write_bytes(zipped({"schema.json": json.dumps(schema).encode()}))
    with pytest.raises(InvalidInput):
        read_model(path)
    assert not Path("hacked").exists()


def test_boosting_that_starts_from_fewer_classes_than_it_has_is_refused(tmp_path: Path) -> None:
    file = Edit(honest("boosted"))
    shares = file.object("DummyClassifier")["content"]["content"]["class_prior_"]
    file.array(shares, lambda array: array[:1])
    path = tmp_path / "model.skops"
    path.write_bytes(file.content())
    with pytest.raises(InvalidInput, match=r"starts from shares of \(1,\) classes"):
        read_model(path)


@pytest.mark.parametrize("marks", [[], [1], [0, 0, 0, 0], [1, 0, 0, 0, 0]])
def test_categories_of_columns_that_have_none_are_refused(marks: list[int]) -> None:
    kinds = np.arange(len(ROWS)) % 9
    rows = np.column_stack([ROWS[:, :3], kinds])
    model = HistGradientBoostingClassifier(max_iter=2, categorical_features=[3])
    skops_files.check(skops.io.dumps(model.fit(rows, kinds % 2)))
    assert model._bin_mapper.is_categorical_.tolist() == [1, 0, 0, 0]
    model._bin_mapper.is_categorical_ = np.array(marks, np.uint8)
    with pytest.raises(InvalidInput, match=r"HistGradientBoostingClassifier: (a tree|it does not)"):
        skops_files.check(skops.io.dumps(model))

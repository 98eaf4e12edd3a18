"""Directories as MLflow writes them are registered without MLflow, and answer alike."""

import json

import catboost
import cloudpickle
import lightgbm
import numpy as np
import pandas as pd
import pytest
import skops.io
import xgboost
import yaml
from skl2onnx import to_onnx
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from serve_app.core.policy import Policy
from serve_app.core.schema import Schema
from serve_app.engine.load import load
from serve_app.engine.registration.register import Candidate, register
from serve_app.errors import InvalidInput
from serve_app.models.frames import to_columns
from serve_app.models.mlflow_directory import MlflowDirectory
from serve_app.registry.store import Registry

RNG = np.random.default_rng(5)
X = RNG.normal(size=(120, 3))
NUMBERS = pd.DataFrame(X, columns=["a", "b", "c"])
MIXED = pd.DataFrame(
    {
        "age": RNG.integers(18, 90, 120),
        "dose": X[:, 0],
        "city": pd.Series(RNG.choice(["Oslo", "Rome", "Bern"], 120), dtype=object),
        "smokes": X[:, 1] > 0,
    }
)
ILL = np.where(MIXED["age"] + 20 * X[:, 0] > 50, "ill", "well")
SIGNED = [
    {"type": "long", "name": "age", "required": True},
    {"type": "double", "name": "dose", "required": False},
    {"type": "string", "name": "city", "required": True},
    {"type": "boolean", "name": "smokes", "required": True},
]
DOUBLES = [{"type": "double", "name": name, "required": True} for name in "abc"]
MATRIX = [{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 3]}}]
FRAME_EXAMPLE = {
    "artifact_path": "input_example.json",
    "pandas_orient": "split",
    "serving_input_path": "serving_input_example.json",
    "type": "dataframe",
}
ARRAY_EXAMPLE = {
    "artifact_path": "input_example.json",
    "serving_input_path": "serving_input_example.json",
    "type": "ndarray",
}
BOOSTER = {"data": "model.ubj", "model_class": "xgboost.core.Booster", "model_format": "ubj"}


def split(frame):
    return {"columns": list(frame.columns), "data": frame.astype(object).to_numpy().tolist()}


def written(path, flavour, settings, files, *, inputs=None, example=None, **more):
    """What MLflow's `save_model` leaves in a folder, as MLflow 3.17 writes it."""
    path.mkdir()
    body = {
        "flavors": {
            "python_function": {
                "env": {"conda": "conda.yaml", "virtualenv": "python_env.yaml"},
                "loader_module": f"mlflow.{flavour}",
                "python_version": "3.11.7",
            },
            flavour: {"code": None, **settings},
        },
        "is_signature_from_type_hint": False,
        "mlflow_version": "3.17.2",
        "model_id": None,
        "model_size_bytes": 4149,
        "model_uuid": "306cf3772f434a3f904fd201245690e9",
        "prompts": None,
        "type_hint_from_example": False,
        "utc_time_created": "2026-11-21 18:37:00.199971",
    }
    if inputs is not None:
        outputs = '[{"type": "tensor", "tensor-spec": {"dtype": "str", "shape": [-1]}}]'
        body["signature"] = {"inputs": json.dumps(inputs), "outputs": outputs, "params": None}
    if example is not None:
        info = FRAME_EXAMPLE if isinstance(example, dict) else ARRAY_EXAMPLE
        body["saved_input_example_info"] = info
        (path / "input_example.json").write_text(json.dumps(example))
    for name, content in files.items():
        (path / name).write_bytes(content)
    (path / "MLmodel").write_text(yaml.safe_dump(body | more))
    return path


def sklearn(path, estimator, kind="skops", **more):
    name = "model.skops" if kind == "skops" else "model.pkl"
    content = skops.io.dumps(estimator) if kind == "skops" else cloudpickle.dumps(estimator)
    settings = {
        "pickled_model": name,
        "serialization_format": kind,
        "sklearn_version": "1.9.1",
        "skops_trusted_types": ["numpy.dtype"] if kind == "skops" else None,
    }
    return written(path, "sklearn", settings, {name: content}, **more)


def boosted(path, estimator, kind="ubj", **more):
    model = type(estimator)
    settings = {
        "data": f"model.{kind}",
        "model_class": f"{model.__module__}.{model.__name__}",
        "model_format": kind,
        "xgb_version": xgboost.__version__,
    }
    written(path, "xgboost", settings, {}, **more)
    # A name that says nothing is stored as UBJSON, of which XGBoost warns.
    estimator.save_model(path / f"model.{'json' if kind == 'json' else 'ubj'}")
    if kind == "xgb":
        (path / "model.ubj").rename(path / "model.xgb")
    return path


def graph(path, rows=X, **more):
    fitted = LogisticRegression().fit(rows, ILL)
    content = to_onnx(fitted, rows[:1].astype(np.float32), target_opset=17).SerializeToString()
    settings = {"data": "model.onnx", "onnx_version": "1.23.2", "providers": ["CPUExecution"]}
    return written(path, "onnx", settings, {"model.onnx": content}, **more), fitted


def served(path, **options):
    directory = MlflowDirectory(path)
    estimator = directory.estimator(**options)
    table = directory.table(estimator)
    store = Registry(f"memory://mlflow-{RNG.integers(1 << 60)}")
    candidate = Candidate(
        "m", estimator, table.frame, inputs=table.inputs, example=True, origin=directory.origin
    )
    return register(store, candidate, **options), load(store, "m", 1, **options).model


def asked(manifest, model, frame):
    """What a version says of rows as clients send them."""
    raw = {str(name): frame[name].tolist() for name in frame}
    return model.predict(Schema(manifest.signature.inputs, Policy()).validate(raw, len(frame))[0])


def edited(path, change):
    body = yaml.safe_load((path / "MLmodel").read_text())
    change(body)
    (path / "MLmodel").write_text(yaml.safe_dump(body))
    return path


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "model"


@pytest.fixture
def pipeline():
    columns = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), ["age", "dose"]),
        (OneHotEncoder(handle_unknown="ignore"), ["city", "smokes"]),
    )
    return make_pipeline(columns, LogisticRegression()).fit(MIXED, ILL)


@pytest.mark.parametrize("kind", ["skops", "pickle", "cloudpickle"])
def test_scikit_learn_answers_alike_however_it_was_stored(folder, pipeline, kind):
    sklearn(folder, pipeline, kind, inputs=SIGNED, example=split(MIXED.head(5)))
    manifest, model = served(folder, **({} if kind == "skops" else {"allow_pickle": True}))
    prediction = asked(manifest, model, MIXED)
    assert prediction.values.tolist() == pipeline.predict(MIXED).tolist()
    assert prediction.probabilities == pytest.approx(pipeline.predict_proba(MIXED), rel=1e-12)
    assert manifest.compiled.served


def test_the_signature_decides_on_the_columns_and_the_example_on_nothing_but_rows(folder, pipeline):
    sklearn(folder, pipeline, inputs=SIGNED, example=split(MIXED.head(5)))
    manifest, _ = served(folder)
    assert [column.to_json() for column in manifest.signature.inputs] == [
        {"name": "age", "dtype": "int64", "nullable": False, "frame_dtype": "int64"},
        {"name": "dose", "dtype": "float64", "nullable": True, "frame_dtype": "float64"},
        {"name": "city", "dtype": "string", "nullable": False, "frame_dtype": "object"},
        {"name": "smokes", "dtype": "bool", "nullable": False, "frame_dtype": "bool"},
    ]
    assert manifest.training is None
    assert manifest.sample.inputs["age"] == MIXED["age"].head(5).tolist()


def test_categories_that_no_row_of_the_example_has_are_probed_all_the_same(folder, pipeline):
    example = MIXED[MIXED["city"] == "Oslo"].head(2)
    sklearn(folder, pipeline, inputs=SIGNED, example=split(example))
    manifest, model = served(folder)
    assert manifest.compiled.served
    assert asked(manifest, model, MIXED).probabilities == pytest.approx(
        pipeline.predict_proba(MIXED), rel=1e-12
    )


def test_gaps_in_text_and_numbers_are_those_of_files(folder):
    gaps = MIXED.assign(city=MIXED["city"].where(X[:, 2] > -0.5, np.nan))
    gaps["dose"] = gaps["dose"].where(X[:, 2] < 0.5, np.nan)
    columns = make_column_transformer(
        (SimpleImputer(), ["age", "dose"]), (OneHotEncoder(), ["city", "smokes"])
    )
    fitted = make_pipeline(columns, LogisticRegression(max_iter=1000)).fit(gaps, ILL)
    inputs = [{**one, "required": one["name"] in {"age", "smokes"}} for one in SIGNED]
    # MLflow writes NaN for gaps in numbers and null for gaps in text.
    rows = gaps.head(20)
    body = split(rows.assign(city=rows["city"].where(rows["city"].notna(), None)))
    sklearn(folder, fitted, inputs=inputs, example=body)
    assert "NaN" in (folder / "input_example.json").read_text()
    manifest, model = served(folder)
    assert [column.nullable for column in manifest.signature.inputs] == [False, True, True, False]
    sent = gaps.assign(city=gaps["city"].where(gaps["city"].notna(), None))
    sent["dose"] = sent["dose"].astype(object).where(sent["dose"].notna(), None)
    values = asked(manifest, model, sent).values.tolist()
    assert values == fitted.predict(gaps).tolist()


@pytest.mark.parametrize("kind", ["ubj", "json", "xgb"])
def test_xgboost_is_read_by_the_class_that_is_named(folder, kind):
    fitted = xgboost.XGBClassifier(n_estimators=3).fit(NUMBERS, ILL == "ill")
    boosted(folder, fitted, kind, inputs=DOUBLES, example=split(NUMBERS.head(5)))
    manifest, model = served(folder)
    assert manifest.parameters["estimator"] == "XGBClassifier"
    assert asked(manifest, model, NUMBERS).probabilities == pytest.approx(
        fitted.predict_proba(NUMBERS), abs=1e-6
    )


def test_a_booster_stays_a_booster_also_where_old_directories_name_no_class(folder):
    data = xgboost.DMatrix(NUMBERS, label=X[:, 0])
    fitted = xgboost.train({"objective": "reg:squarederror"}, data, 3)
    boosted(folder, fitted, inputs=DOUBLES, example=split(NUMBERS.head(5)))
    edited(folder, lambda body: body["flavors"]["xgboost"].pop("model_class"))
    manifest, model = served(folder)
    assert manifest.parameters["estimator"] == "Booster"
    assert asked(manifest, model, NUMBERS).values == pytest.approx(fitted.predict(data), rel=1e-6)


@pytest.mark.parametrize(
    "named", ["xgboost.dask.DaskXGBRanker", "os.system", "xgboost.sklearn.Booster", None]
)
def test_classes_that_are_none_of_xgboosts_own_are_refused(folder, named):
    fitted = xgboost.XGBRegressor(n_estimators=1).fit(X, X[:, 0])
    boosted(folder, fitted, inputs=MATRIX, example=X[:2].tolist())
    edited(folder, lambda body: body["flavors"]["xgboost"].update(model_class=named))
    with pytest.raises(InvalidInput, match=f"class {named}, which cannot be served"):
        MlflowDirectory(folder).estimator()


def test_another_class_than_the_file_holds_is_refused_in_one_line(folder):
    boosted(folder, xgboost.XGBRegressor(n_estimators=1).fit(X, X[:, 0]))
    change = {"model_class": "xgboost.sklearn.XGBClassifier"}
    edited(folder, lambda body: body["flavors"]["xgboost"].update(change))
    with pytest.raises(InvalidInput, match=r"cannot be read as xgboost\.sklearn\.XGBClassifier"):
        MlflowDirectory(folder).estimator()


CITIES = MIXED[["age", "dose"]].assign(city=pd.Categorical(MIXED["city"]))


@pytest.mark.parametrize("kind", ["booster", "skops", "cloudpickle"])
def test_lightgbm_is_read_with_its_categories(folder, kind):
    fitted = lightgbm.LGBMClassifier(n_estimators=3, verbose=-1).fit(CITIES, ILL)
    settings = {"data": "model.lgb", "lgb_version": lightgbm.__version__}
    if kind == "booster":
        content = fitted.booster_.model_to_string().encode()
        named = "lightgbm.basic.Booster"
    else:
        content = skops.io.dumps(fitted) if kind == "skops" else cloudpickle.dumps(fitted)
        named = "lightgbm.sklearn.LGBMClassifier"
    settings |= {"model_class": named, "serialization_format": kind}
    example = split(CITIES.head(20))
    written(
        folder, "lightgbm", settings, {"model.lgb": content}, inputs=SIGNED[:3], example=example
    )
    _, model = served(folder, allow_pickle=True)
    said = model.predict(to_columns(CITIES))
    assert said.probabilities == pytest.approx(fitted.predict_proba(CITIES), abs=1e-12)


def test_catboost_is_read_by_the_class_that_is_named(folder, tmp_path):
    fitted = catboost.CatBoostRegressor(
        iterations=3, loss_function="Poisson", verbose=0, allow_writing_files=False
    ).fit(NUMBERS, np.arange(120))
    fitted.save_model(tmp_path / "saved.cbm")
    settings = {
        "catboost_version": catboost.__version__,
        "data": "model.cb",
        "model_type": "CatBoostRegressor",
        "save_format": "cbm",
    }
    files = {"model.cb": (tmp_path / "saved.cbm").read_bytes()}
    written(folder, "catboost", settings, files, inputs=DOUBLES, example=split(NUMBERS.head(5)))
    _, model = served(folder)
    said = model.predict(to_columns(NUMBERS)).values
    assert said == pytest.approx(fitted.predict(NUMBERS), rel=1e-9)
    edited(folder, lambda body: body["flavors"]["catboost"].update(model_type="Popen"))
    with pytest.raises(InvalidInput, match=r"the class Popen.*CatBoostClassifier"):
        MlflowDirectory(folder).estimator()


def test_an_old_binary_of_xgboost_is_refused_without_a_stack_trace(folder):
    written(folder, "xgboost", BOOSTER, {"model.ubj": b"binf" + bytes(200)})
    with pytest.raises(InvalidInput, match=r"saved as model\.ubj") as caught:
        MlflowDirectory(folder).estimator()
    assert "\n" not in caught.value.message


def test_categories_of_pandas_that_the_file_holds_are_served(folder):
    frame = MIXED[["age", "city"]].astype({"city": "category"})
    fitted = xgboost.XGBClassifier(n_estimators=2, enable_categorical=True).fit(frame, ILL == "ill")
    boosted(folder, fitted, inputs=[SIGNED[0], SIGNED[2]], example=split(frame.head(3)))
    manifest, model = served(folder)
    said = asked(manifest, model, frame).probabilities
    np.testing.assert_allclose(said, fitted.predict_proba(frame), atol=1e-6)


def test_categories_of_pandas_that_it_does_not_hold_need_the_data(folder):
    frame = MIXED[["age", "city"]].astype({"city": "category"})
    # XGBoost cuts words short that are not ASCII.
    frame["city"] = frame["city"].cat.rename_categories(lambda city: f"{city}, où")
    fitted = xgboost.XGBClassifier(n_estimators=2, enable_categorical=True).fit(frame, ILL == "ill")
    inputs = [SIGNED[0], SIGNED[2]]
    boosted(folder, fitted, inputs=inputs, example=split(frame.head(3)))
    with pytest.raises(InvalidInput, match=r"'city' is one of categories.*--data"):
        served(folder)


@pytest.mark.parametrize("example", [None, X[:4].tolist()], ids=["alone", "with rows"])
@pytest.mark.parametrize("inputs", [None, MATRIX, DOUBLES], ids=["unsigned", "tensor", "named"])
def test_a_graph_is_served_with_what_is_known_of_it(folder, inputs, example):
    path, fitted = graph(folder, inputs=inputs, example=example)
    manifest, model = served(path)
    names = ["a", "b", "c"] if inputs is DOUBLES else ["x0", "x1", "x2"]
    dtype = "float32" if inputs is None else "float64"
    found = [(column.name, column.dtype) for column in manifest.signature.inputs]
    assert found == [(name, dtype) for name in names]
    assert (manifest.sample is None) == (example is None)
    rows = pd.DataFrame(X, columns=names)
    assert asked(manifest, model, rows).values.tolist() == fitted.predict(X).tolist()


def test_inputs_of_a_graph_are_found_by_name(folder):
    frame = pd.DataFrame({"low": X[:, 0], "high": X[:, 1] * 3}).astype(np.float32)
    fitted = LinearRegression().fit(frame, 5 * frame["low"] + frame["high"])
    types = make_column_transformer(("passthrough", ["low", "high"]))
    content = to_onnx(make_pipeline(types, fitted).fit(frame, X[:, 2]), frame[:1], target_opset=17)
    inputs = [{"type": "float", "name": name, "required": True} for name in ("high", "low")]
    settings = {"data": "model.onnx", "onnx_version": "1.23.2"}
    files = {"model.onnx": content.SerializeToString()}
    written(folder, "onnx", settings, files, inputs=inputs, example=split(frame.head(3)))
    manifest, _ = served(folder)
    assert manifest.signature.names == ("low", "high")
    assert manifest.sample.inputs["low"] == frame["low"].head(3).tolist()
    edited(folder, lambda body: body["signature"].update(inputs=json.dumps(DOUBLES[:2])))
    edited(folder, lambda body: body.pop("saved_input_example_info"))
    with pytest.raises(InvalidInput, match="takes the columns low, high, but here they are a, b"):
        MlflowDirectory(folder).table(MlflowDirectory(folder).estimator())


@pytest.mark.parametrize("learned", [False, True], ids=["numbered", "learned"])
def test_an_array_gets_the_names_that_the_model_learned_or_numbers(folder, learned):
    fitted = LogisticRegression().fit(NUMBERS if learned else X, ILL)
    sklearn(folder, fitted, inputs=MATRIX, example=X[:4].tolist())
    manifest, model = served(folder)
    assert manifest.signature.names == (("a", "b", "c") if learned else ("x0", "x1", "x2"))
    frame = pd.DataFrame(X, columns=list(manifest.signature.names))
    wanted = fitted.predict(frame if learned else X).tolist()
    assert model.predict(to_columns(frame)).values.tolist() == wanted


def test_the_run_and_the_model_are_told(folder, pipeline):
    more = {"run_id": "baf3c83b56f5", "model_id": "m-135ee9f3e0cc"}
    sklearn(folder, pipeline, inputs=SIGNED, example=split(MIXED.head(3)), **more)
    manifest, _ = served(folder)
    assert manifest.origin == f"MLflow directory {folder}, run baf3c83b56f5, model m-135ee9f3e0cc"


def test_what_mlflow_2_and_1_left_out_is_not_missed(folder):
    fitted = LogisticRegression().fit(X, ILL)
    inputs = [{"type": "double"}, {"type": "double"}, {"type": "double"}]
    sklearn(folder, fitted, "pickle", inputs=inputs, example={"inputs": X[:4].tolist()})

    def older(body):
        for key in ("is_signature_from_type_hint", "model_id", "prompts", "type_hint_from_example"):
            del body[key]
        del body["flavors"]["sklearn"]["serialization_format"]
        body["saved_input_example_info"] = {
            "artifact_path": "input_example.json",
            "format": "tf-serving",
            "type": "ndarray",
        }

    manifest, _ = served(edited(folder, older), allow_pickle=True)
    assert manifest.signature.names == ("x0", "x1", "x2")
    assert len(manifest.sample.inputs["x0"]) == 4


def test_a_model_that_refuses_its_own_example_is_refused(folder):
    columns = make_column_transformer((OneHotEncoder(), ["city"]))
    fitted = make_pipeline(columns, LogisticRegression()).fit(MIXED[["city"]], ILL)
    strange = pd.DataFrame({"city": ["Atlantis"]})
    sklearn(folder, fitted, inputs=[SIGNED[2]], example=split(strange))
    with pytest.raises(InvalidInput, match="does not answer the rows that were given with it"):
        served(folder)


def module_of_nobody(rows):
    return rows


def test_a_pickle_that_needs_a_module_says_which(folder, monkeypatch):
    fitted = make_pipeline(FunctionTransformer(module_of_nobody), LogisticRegression()).fit(X, ILL)
    sklearn(folder, fitted, "pickle", inputs=MATRIX, example=X[:2].tolist())
    content = (folder / "model.pkl").read_bytes()
    name = module_of_nobody.__module__
    other = "z" * len(name)
    assert name.encode() in content
    (folder / "model.pkl").write_bytes(content.replace(name.encode(), other.encode()))
    with pytest.raises(InvalidInput, match="needs the module 'z"):
        MlflowDirectory(folder).estimator(allow_pickle=True)


def test_a_pickle_needs_consent_and_skops_types_need_trust(folder, tmp_path):
    fitted = LogisticRegression().fit(X, ILL)
    sklearn(folder, fitted, "cloudpickle")
    with pytest.raises(InvalidInput, match="--allow-pickle"):
        MlflowDirectory(folder).estimator()
    transformer = FunctionTransformer(np.fliplr)
    path = sklearn(tmp_path / "own", make_pipeline(transformer, LinearRegression()).fit(X, X[:, 0]))
    # What MLflow was told to trust is no word of who registers.
    trusted = {"skops_trusted_types": ["numpy.fliplr"]}
    edited(path, lambda body: body["flavors"]["sklearn"].update(trusted))
    with pytest.raises(InvalidInput, match=r"--trust numpy\.fliplr"):
        MlflowDirectory(path).estimator()
    assert MlflowDirectory(path).estimator(trust=["numpy.fliplr"]).predict(X[:1]).shape == (1,)


@pytest.mark.parametrize("kind", ["joblib", None, 3])
def test_another_way_of_storing_is_refused_by_name(folder, kind):
    sklearn(folder, LinearRegression().fit(X, X[:, 0]))
    change = {"serialization_format": kind}
    edited(folder, lambda body: body["flavors"]["sklearn"].update(change))
    with pytest.raises(InvalidInput, match=f"written as {kind!r}"):
        MlflowDirectory(folder).estimator(allow_pickle=True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("flavors: [", "MLmodel cannot be read"),
        ("flavors: {a: 2024-99-99}", "MLmodel cannot be read"),
        ("[" * 5000, "MLmodel cannot be read"),
        ("!!python/object/apply:os.getcwd []", "MLmodel cannot be read"),
        ("\x00", "MLmodel cannot be read"),
        ("", "no keys and values"),
        ("- a", "no keys and values"),
        ("run_id: a", "does not say which flavours"),
        ("flavors: 3", "does not say which flavours"),
        (
            "flavors: {}",
            "flavours none; those that can be registered are onnx, sklearn, xgboost, lightgbm",
        ),
        ("flavors: {python_function: {}, pytorch: {}}", "flavours python_function, pytorch;"),
        ("flavors: {sklearn: }", "flavours sklearn;"),
        ("flavors: {sklearn: {}}", r"does not name the file \(flavors.sklearn.pickled_model\)"),
        ("flavors: {onnx: {data: 3}}", "'3', which is not there"),
        ("flavors: {onnx: {data: .}}", "'.', which is not there"),
    ],
)
def test_a_damaged_or_foreign_mlmodel_is_refused_with_what_is_wrong(folder, text, said):
    folder.mkdir()
    (folder / "MLmodel").write_text(text)
    with pytest.raises(InvalidInput, match=said):
        MlflowDirectory(folder).estimator()


def test_a_folder_without_mlmodel_is_said(tmp_path):
    with pytest.raises(InvalidInput, match="a directory without a file MLmodel"):
        MlflowDirectory(tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        "../model.ubj",
        "a/../../model.ubj",
        "/etc/hostname",
        "..",
        "C:\\model",
        "..\\m",
        "out",
        "a\0",
    ],
)
@pytest.mark.parametrize("which", ["model", "example"])
def test_files_outside_of_the_directory_are_refused(folder, name, which):
    fitted = xgboost.XGBRegressor(n_estimators=1).fit(X, X[:, 0])
    boosted(folder, fitted, inputs=MATRIX, example=X[:2].tolist())
    (folder.parent / "model.ubj").write_bytes((folder / "model.ubj").read_bytes())
    (folder / "out").symlink_to(folder.parent / "model.ubj")

    def change(body):
        where = body["flavors"]["xgboost"] if which == "model" else body["saved_input_example_info"]
        where["data" if which == "model" else "artifact_path"] = name

    directory = MlflowDirectory(edited(folder, change))
    with pytest.raises(InvalidInput, match="not inside of the directory"):
        directory.table(directory.estimator())


def test_a_link_that_stays_inside_is_followed(folder):
    boosted(folder, xgboost.XGBRegressor(n_estimators=1).fit(X, X[:, 0]))
    (folder / "model.ubj").rename(folder / "other")
    (folder / "model.ubj").symlink_to("other")
    assert MlflowDirectory(folder).estimator().model.n_features_in_ == 3


def test_a_damaged_example_is_refused_by_name(folder):
    fitted = xgboost.XGBRegressor(n_estimators=1).fit(X, X[:, 0])
    boosted(folder, fitted, inputs=MATRIX, example=X[:2].tolist())
    directory = MlflowDirectory(folder)
    for content in (b"[[1.0,", b"\xff\xfe\x00", b"[" * 100_000):
        (folder / "input_example.json").write_bytes(content)
        with pytest.raises(InvalidInput, match=r"input_example\.json is no JSON"):
            directory.table(fitted)
    (folder / "input_example.json").unlink()
    with pytest.raises(InvalidInput, match=r"'input_example\.json', which is not there"):
        directory.table(fitted)

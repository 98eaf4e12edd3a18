"""Models are registered, listed, shown, verified and named from the command line."""

import json
import shutil
import sys

import catboost
import joblib
import lightgbm
import numpy as np
import pandas as pd
import pytest
import skops.io
import xgboost
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def churn(folder):
    """Training data and a fitted pipeline, stored in every way that people store them."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"age": rng.integers(18, 90, 200), "visits": rng.normal(5, 2, 200)})
    churned = (frame["visits"] < 4).astype(int)
    fitted = make_pipeline(StandardScaler(), LogisticRegression()).fit(frame, churned)
    (folder / "model.skops").write_bytes(skops.io.dumps(fitted))
    joblib.dump(fitted, folder / "model.joblib")
    boosted = xgboost.XGBClassifier(n_estimators=3).fit(frame, churned)
    boosted.save_model(folder / "model.ubj")
    boosted.save_model(folder / "model.json")
    light = lightgbm.LGBMClassifier(n_estimators=3, verbose=-1).fit(frame, churned)
    light.booster_.save_model(folder / "model.txt")
    cats = catboost.CatBoostClassifier(iterations=3, verbose=0, allow_writing_files=False)
    cats.fit(frame, churned)
    cats.save_model(str(folder / "model.cbm"))
    cats.save_model(str(folder / "cats.json"), format="json")
    frame.assign(churned=churned).to_csv(folder / "train.csv", index=False)
    return folder


REGISTER = ["--data", "train.csv", "--target", "churned"]


@pytest.mark.parametrize(
    ("file", "flavour"),
    [("model.txt", "lightgbm"), ("model.cbm", "catboost"), ("cats.json", "catboost")],
)
def test_files_of_lightgbm_and_catboost_are_told_by_name_and_content(
    serve_app, churn, file, flavour
):
    said = serve_app("register", "churn", file, *REGISTER, "--labels", "stays,leaves")
    assert "registered churn@1 (classification)" in said.out
    manifest = json.loads(serve_app("models", "show", "churn", "--json").out)
    assert manifest["flavour"] == flavour
    assert manifest["signature"]["output"]["labels"] == ["stays", "leaves"]


@pytest.mark.parametrize(
    ("content", "said"),
    [("age,visits\n1,2\n", "begins with `tree`"), ("tree\nversion=v4\n", "breaks off")],
)
def test_another_text_is_no_model_of_lightgbms(serve_app, churn, content, said):
    (churn / "other.txt").write_text(content)
    assert said in serve_app("register", "churn", "other.txt", *REGISTER).err


@pytest.mark.parametrize(
    ("file", "library"), [("model.txt", "lightgbm"), ("model.cbm", "catboost")]
)
def test_a_file_whose_library_is_not_installed_says_what_to_install(
    serve_app, churn, monkeypatch, file, library
):
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.delitem(sys.modules, f"serve_app.models.{library}", raising=False)
    said = serve_app("register", "churn", file, *REGISTER).err
    assert f'{library} is not installed here: pip install "serve-app[{library}]"' in said
    # And no other library is in its way.
    assert "registered churn@1" in serve_app("register", "churn", "model.skops", *REGISTER).out


def test_what_a_model_gives_is_shown(churn, serve_app):
    serve_app("register", "churn", "model.skops", *REGISTER)
    assert "classification, probabilities, raw scores" in serve_app("models", "show", "churn").out


def test_a_version_says_what_its_profile_was_made_of(churn, serve_app):
    serve_app("register", "churn", "model.skops", *REGISTER)
    shown = " ".join(serve_app("models", "show", "churn").out.split())
    assert "2 columns in 200 rows of train.csv" in shown
    assert "predictions of 50 rows that a clone was not fitted on" in shown
    body = json.loads(serve_app("models", "show", "churn", "--json").out)
    assert body["profile"] == {
        "rows": 200,
        "features": 2,
        "skipped": 0,
        "source": "train.csv",
        "scores_from": "held_out",
        "scored_rows": 50,
    }


@pytest.mark.parametrize("columns", [["age", "visits", "churned"], ["visits", "age"]])
def test_a_profile_can_be_made_of_other_rows(churn, serve_app, columns):
    rows = pd.read_csv("train.csv").head(60)[columns]
    rows.to_parquet("later.parquet")
    got = serve_app(
        "register", "churn", "model.skops", *REGISTER, "--profile-data", "later.parquet", "--json"
    )
    profile = json.loads(got.out)["profile"]
    assert (profile["rows"], profile["source"]) == (60, "later.parquet")
    assert profile["scores_from"] == "profile_data"
    shown = " ".join(serve_app("models", "show", "churn").out.split())
    assert "predictions of 60 rows of these" in shown


def test_rows_for_a_profile_without_a_column_are_refused(churn, serve_app):
    pd.read_csv("train.csv")[["age"]].to_csv("later.csv", index=False)
    got = serve_app("register", "churn", "model.skops", *REGISTER, "--profile-data", "later.csv")
    assert got.code
    assert "lacks the column 'visits'; it has age" in got.err


@pytest.mark.parametrize("file", ["model.skops", "model.ubj", "model.json"])
def test_a_trained_model_gets_the_next_number(serve_app, churn, file):
    first = serve_app("register", "churn", file, *REGISTER)
    assert "registered churn@1 (classification)" in first.out
    said = serve_app("register", "churn", file, *REGISTER, "--alias", "champion", "--json")
    manifest = json.loads(said.out)
    assert manifest["version"] == 2
    assert manifest["training"]["rows"] == 200
    assert manifest["metrics"]["held_out"]["accuracy"] > manifest["metrics"]["baseline"]["accuracy"]
    assert [c["name"] for c in manifest["signature"]["inputs"]] == ["age", "visits"]
    shown = json.loads(serve_app("models", "show", "churn@champion", "--json").out)
    assert shown["version"] == 2


def test_a_pickle_needs_consent_and_the_manifest_says_so(serve_app, churn):
    refused = serve_app("register", "churn", "model.joblib", *REGISTER)
    assert refused.code == 1
    assert "--allow-pickle" in refused.err
    said = serve_app("register", "churn", "model.joblib", *REGISTER, "--allow-pickle")
    assert said.code == 0
    # What skops can store is stored by skops, whatever it was read from.
    assert json.loads(serve_app("models", "show", "churn", "--json").out)["format"] == "skops"


@pytest.fixture
def mlflow(churn):
    """The same pipeline as MLflow keeps it: with its signature and three rows of input."""
    folder = churn / "mlruns" / "artifacts"
    folder.mkdir(parents=True)
    shutil.copy(churn / "model.joblib", folder / "model.pkl")
    rows = pd.read_csv(churn / "train.csv").drop(columns="churned").head(3)
    example = {"columns": list(rows), "data": rows.astype(object).to_numpy().tolist()}
    (folder / "input_example.json").write_text(json.dumps(example))
    (folder / "MLmodel").write_text(
        """
flavors:
  python_function: {loader_module: mlflow.sklearn, model_path: model.pkl}
  sklearn: {pickled_model: model.pkl, serialization_format: cloudpickle}
run_id: c2ec30169d68
saved_input_example_info: {artifact_path: input_example.json, type: dataframe}
signature:
  inputs: '[{"type": "long", "name": "age", "required": true}, {"type": "double",
    "name": "visits", "required": false}]'
"""
    )
    return str(folder.relative_to(churn))


MLFLOW = ["--allow-pickle", "--json"]


def test_an_mlflow_directory_needs_no_data(serve_app, mlflow):
    refused = serve_app("register", "churn", mlflow)
    assert refused.code == 1
    assert "model.pkl is a pickle" in refused.err
    body = json.loads(serve_app("register", "churn", mlflow, *MLFLOW).out)
    assert body["origin"] == f"MLflow directory {mlflow}, run c2ec30169d68"
    assert (body["training"], body["metrics"]) == (None, None)
    assert body["signature"]["inputs"] == [
        {"name": "age", "dtype": "int64", "nullable": False, "frame_dtype": "int64"},
        {"name": "visits", "dtype": "float64", "nullable": True, "frame_dtype": "float64"},
    ]
    assert body["compiled"]["speedup"].keys() == {"1", "1000"}
    shown = serve_app("models", "show", "churn").out
    assert "run c2ec30169d68" in shown


def test_data_counts_more_than_what_mlflow_says(serve_app, mlflow):
    body = json.loads(serve_app("register", "churn", mlflow, *REGISTER, *MLFLOW).out)
    assert body["origin"].startswith("MLflow directory")
    assert (body["training"]["rows"], body["training"]["source"]) == (200, "train.csv")
    assert [column["nullable"] for column in body["signature"]["inputs"]] == [False, False]
    assert "maximum" in body["signature"]["inputs"][0]
    assert body["metrics"] is not None


def test_a_schema_corrects_what_mlflow_says(serve_app, mlflow, churn):
    (churn / "schema.json").write_text('{"age": {"maximum": 120}}')
    more = ["--schema", "schema.json", *MLFLOW]
    body = json.loads(serve_app("register", "churn", mlflow, *more).out)
    assert body["signature"]["inputs"][0]["maximum"] == 120


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([".", "--json"], "a directory without a file MLmodel"),
        (["mlruns/artifacts", *MLFLOW, "--quantise", "int8"], "--quantise needs --target"),
        (
            ["mlruns/artifacts", *MLFLOW, "--quantise", "int8", "--target", "churned"],
            "--quantise needs --data or --held-out",
        ),
    ],
)
def test_what_a_directory_does_not_say_is_asked_for(serve_app, mlflow, arguments, said):
    got = serve_app("register", "churn", *arguments)
    assert got.code != 0
    assert said in got.err
    assert "Traceback" not in got.err


def test_a_lack_of_rows_asks_for_data(serve_app, mlflow, churn):
    file = churn / mlflow / "MLmodel"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(line for line in lines if not line.startswith("saved_input")))
    got = serve_app("register", "churn", mlflow, *MLFLOW)
    assert got.code == 1
    assert "give --data" in got.err


def test_labels_and_a_schema_can_be_given(serve_app, churn):
    (churn / "schema.json").write_text('{"age": {"minimum": 0, "maximum": 120}}')
    more = ["--labels", "stays,leaves", "--schema", "schema.json", "--no-evaluate", "--json"]
    body = json.loads(serve_app("register", "churn", "model.ubj", *REGISTER, *more).out)
    assert body["signature"]["output"]["labels"] == ["stays", "leaves"]
    assert body["signature"]["inputs"][0]["maximum"] == 120
    assert body["metrics"] is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["model.skops", "--data", "train.csv", "--target", "churn"], "age, visits, churned"),
        (["model.skops", "--data", "train.csv"], "churned"),
        (["train.csv", *REGISTER], ".skops, .ubj"),
        (["model.skops", *REGISTER, "--labels", "a,b,c"], "2 classes"),
        (["broken.skops", *REGISTER], "broken.skops: it is no whole zip file"),
        (["broken.json", *REGISTER], "broken.json: the file has no 'learner'"),
        (["model.skops", *REGISTER, "--schema", "wrong.json"], "agee"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(serve_app, churn, arguments, said):
    (churn / "broken.skops").write_bytes(b"not a zip")
    (churn / "broken.json").write_text("{}")
    (churn / "wrong.json").write_text('{"agee": {"maximum": 1}}')
    got = serve_app("register", "churn", *arguments)
    assert got.code == 1
    assert said in got.err
    assert "Traceback" not in got.err
    assert not (churn / "registry" / "churn").exists()


def test_a_name_that_cannot_be_one_is_refused(serve_app, churn):
    said = serve_app("register", "Churn Model", "model.skops", *REGISTER)
    assert said.code == 1
    assert "lower-case" in said.err


class TestRegistered:
    @pytest.fixture(autouse=True)
    def copied(self, folder, trained_home):
        shutil.copytree(trained_home / "registry", folder / "registry")

    def test_models_are_listed(self, serve_app):
        listed = json.loads(serve_app("models", "list", "--json").out)
        assert [model["model"] for model in listed] == [
            "cultivar-forest", "diagnosis-features", "diagnosis-forest", "diagnosis-logistic",
            "diagnosis-millimetres", "diagnosis-stacker", "diagnosis-xgb", "progression-xgb",
        ]  # fmt: skip
        table = serve_app("models", "list").out
        assert "diagnosis-xgb" in table
        assert "roc_auc" in table

    def test_a_version_is_shown_with_its_metrics_beside_the_baselines(self, serve_app):
        said = serve_app("models", "show", "diagnosis-xgb").out
        assert "diagnosis-xgb@1" in said
        assert "baseline" in said
        assert "426 rows" in said

    @pytest.mark.parametrize("wrong", ["diagnosis-gxb", "diagnosis-xgb@9", "diagnosis-xgb@best"])
    def test_what_is_not_there_is_said_with_what_is(self, serve_app, wrong):
        said = serve_app("models", "show", wrong)
        assert said.code == 1
        assert "diagnosis-xgb" in said.err

    def test_aliases_move_and_keep_their_history(self, serve_app):
        serve_app("models", "alias", "diagnosis-xgb@1", "best", "--reason", "the first")
        serve_app("models", "alias", "diagnosis-xgb@1", "best", "--reason", "again")
        moves = json.loads(serve_app("models", "alias", "diagnosis-xgb", "--json").out)
        assert [(m["version"], m["previous"], m["reason"]) for m in moves] == [
            (1, None, "the first"),
            (1, 1, "again"),
        ]
        said = serve_app("models", "alias", "diagnosis-xgb@7", "best")
        assert said.code == 1

    def test_versions_are_verified_byte_by_byte(self, serve_app, folder):
        # Other tests of the process may have registered further ones.
        versions = list((folder / "registry").glob("[!_]*/[0-9]*"))
        assert len(versions) >= 8
        assert serve_app("models", "verify").out.count("as registered") == len(versions)
        path = folder / "registry" / "diagnosis-xgb" / "1" / "model.ubj"
        content = bytearray(path.read_bytes())
        content[100] ^= 1
        path.write_bytes(content)
        said = serve_app("models", "verify", "diagnosis-xgb")
        assert said.code == 1
        assert "model.ubj of diagnosis-xgb@1" in said.err

    def test_an_empty_registry_says_what_to_try(self, serve_app):
        said = serve_app("models", "list", "--registry", "./nothing")
        assert "train-examples" in said.out

    def test_examples_that_are_registered_are_left_as_they_are(self, serve_app):
        said = serve_app("train-examples", "cultivar", "progression", "--json")
        assert [model["version"] for model in json.loads(said.out)] == [1, 1]


@pytest.fixture
def several(churn):
    """A forest of two targets, and its data with a column for each."""
    frame = pd.read_csv(churn / "train.csv")
    frame["visitor"] = (frame["visits"] > frame["visits"].median()).astype(int)
    frame["churned"] = frame["churned"].astype(int)
    frame.to_csv(churn / "both.csv", index=False)
    forest = RandomForestClassifier(5, max_depth=3, random_state=0)
    forest.fit(frame[["age", "visits"]], frame[["churned", "visitor"]])
    (churn / "both.skops").write_bytes(skops.io.dumps(forest))
    return churn


def test_several_targets_are_named_with_commas_between(serve_app, several):
    more = ["--data", "both.csv", "--target", "churned,visitor"]
    said = serve_app("register", "both", "both.skops", *more)
    assert "registered both@1 (multilabel)" in said.out
    assert "several things" in said.out
    shown = serve_app("models", "show", "both").out
    assert "multilabel of churned, visitor, probabilities" in shown
    metrics = json.loads(serve_app("models", "show", "both", "--json").out)["metrics"]["held_out"]
    assert set(metrics) == {"subset_accuracy", "mean_f1", "f1 churned", "f1 visitor"}


@pytest.mark.parametrize(
    ("target", "words"),
    [("churned,gone", "no column 'gone'"), ("churned,churned", "twice")],
)
def test_targets_that_are_no_columns_are_refused(serve_app, several, target, words):
    said = serve_app("register", "both", "both.skops", "--data", "both.csv", "--target", target)
    assert said.code == 1
    assert words in said.err


def test_a_target_that_cannot_be_learned_from_a_part_is_not_evaluated_with_a_word(
    serve_app, several
):
    frame = pd.read_csv("both.csv")
    frame["visitor"] = [1, *[0] * (len(frame) - 1)]
    frame.to_csv("rare.csv", index=False)
    each = MultiOutputClassifier(LogisticRegression())
    each.fit(frame[["age", "visits"]], frame[["churned", "visitor"]])
    (several / "each.skops").write_bytes(skops.io.dumps(each))
    more = ["--data", "rare.csv", "--target", "churned,visitor"]
    said = serve_app("register", "rare", "each.skops", *more)
    assert said.code == 0, said.err
    assert "not evaluated" in said.err
    assert "registered rare@1 (multilabel)" in said.out


def test_types_of_the_training_data_are_declared(folder, serve_app):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "zip": rng.choice(["00501", "10001", "NA"], 60),
            "store": pd.Categorical(rng.choice([10, 20, 30], 60)),
            "when": pd.to_datetime("2024-01-01") + pd.to_timedelta(rng.integers(0, 90, 60), "D"),
        }
    )
    target = (frame["zip"] == "NA") | (frame["store"] == 20)
    words = ColumnTransformer(
        [
            ("words", OneHotEncoder(), ["zip"]),
            ("stores", OneHotEncoder(), make_column_selector(dtype_include="category")),
        ]
    )
    fitted = make_pipeline(words, LogisticRegression()).fit(frame, target)
    joblib.dump(fitted, folder / "model.joblib")
    frame.assign(bought=target).to_csv(folder / "train.csv", index=False)
    (folder / "types.yaml").write_text("dtypes:\n  store: category\n  when: datetime\n")
    register = ["register", "shop", "model.joblib", "--allow-pickle"]
    register += ["--data", "train.csv", "--target", "bought"]

    asked = serve_app(*register)
    assert asked.code == 1
    assert "column 'zip'" in asked.err
    unknown = serve_app(*register, "--dtypes", "zipp=string")
    assert "no column 'zipp'; it has 'zip', 'store', 'when', 'bought'" in unknown.err
    said = serve_app(*register, "--dtypes", "zip=string", "--dtypes", "types.yaml", "--json")
    inputs = {c["name"]: c for c in json.loads(said.out)["signature"]["inputs"]}
    assert inputs["zip"]["categories"] == ["00501", "10001", "NA"]
    assert (inputs["store"]["dtype"], inputs["store"]["categories"]) == ("int64", [10, 20, 30])
    assert inputs["when"]["dtype"].startswith("datetime64")
    dashes = (folder / "train.csv").read_text().replace("NA", "-")
    (folder / "dashes.csv").write_text(dashes)
    named = [*register[:-4], "--data", "dashes.csv", "--target", "bought", "--na-values", "-"]
    gaps = serve_app(*named, "--dtypes", "zip=string", "--dtypes", "types.yaml", "--no-evaluate")
    assert gaps.code == 1  # the model never saw a gap
    assert "Found unknown categories" in gaps.err


def test_the_rows_that_judge_a_quantised_version_have_the_declared_types_too(folder, serve_app):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"zip": rng.choice(["00501", "10001"], 80), "x": rng.normal(size=80)})
    target = (frame["zip"] == "00501") & (frame["x"] > 0)
    encoded = ColumnTransformer([("zip", OneHotEncoder(), ["zip"])], remainder="passthrough")
    fitted = make_pipeline(encoded, RandomForestClassifier(5, random_state=0)).fit(frame, target)
    (folder / "model.skops").write_bytes(skops.io.dumps(fitted))
    frame.assign(hit=target).to_csv(folder / "train.csv", index=False)
    arguments = ["--data", "train.csv", "--held-out", "train.csv", "--target", "hit"]
    arguments += ["--quantise", "int8", "--tolerance", "1", "--no-evaluate"]
    assert "column 'zip'" in serve_app("register", "shop", "model.skops", *arguments).err
    said = serve_app("register", "shop", "model.skops", *arguments, "--dtypes", "zip=string")
    assert "registered shop@1" in said.out

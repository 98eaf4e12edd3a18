"""The examples are real data, and their models have learned something from it."""

import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, log_loss

from serve_app.engine.load import load
from serve_app.errors import ModelFailed
from serve_app.examples.datasets import breast_cancer, diabetes, wine
from serve_app.examples.frames import MEMBERS, diagnosis_members
from serve_app.examples.pipelines import pipeline_of_example
from serve_app.examples.trained import EXAMPLES, FEATURES, Place, train_example
from serve_app.models.frames import to_columns
from serve_app.registry.store import Registry


@pytest.mark.parametrize(
    ("load", "rows", "columns", "labels"),
    [
        (breast_cancer, 569, 30, ("benign", "malignant")),
        (diabetes, 442, 10, ()),
        (wine, 178, 13, ("cultivar_1", "cultivar_2", "cultivar_3")),
    ],
)
def test_a_dataset_is_whole_and_its_columns_have_plain_names(load, rows, columns, labels):
    data = load()
    assert data.frame.shape == (rows, columns)
    assert len(data.target) == rows
    assert data.labels == labels
    assert all(name.isidentifier() and name == name.lower() for name in data.frame.columns)
    assert not data.frame.isna().any().any()


def test_the_malignant_are_those_with_large_nuclei():
    data = breast_cancer()
    named = data.named_target
    assert (named == "malignant").sum() == 212
    radius = data.frame["mean_radius"]
    assert radius[named == "malignant"].mean() > 1.3 * radius[named == "benign"].mean()


@pytest.mark.parametrize("load", [breast_cancer, diabetes, wine])
def test_a_quarter_is_held_out_and_no_row_is_in_both_parts(load):
    data = load()
    fitted_on, held_out = data.parts()
    assert len(held_out.target) == -(-len(data.target) // 4)
    places = [*fitted_on.frame.index, *held_out.frame.index]
    assert sorted(places) == list(data.frame.index)
    assert np.array_equal(data.target[held_out.frame.index], held_out.target)


@pytest.fixture
def store(trained_home):
    return Registry(str(trained_home / "registry"))


def answers(store, name, rows):
    return load(store, name, 1).model.predict(to_columns(rows))


def features(store, frame):
    """What the transformer gives for rows as clients send them."""
    return frame[list(store.manifest("diagnosis-xgb", 1).signature.names)]


def test_what_a_manifest_says_of_held_out_rows_is_true_of_the_model_that_is_served(store):
    _, held_out = breast_cancer().parts()
    rows = features(store, held_out.frame)
    for name in ("diagnosis-forest", "diagnosis-logistic", "diagnosis-xgb"):
        stated = store.manifest(name, 1).metrics.held_out["accuracy"]
        given = answers(store, name, rows).values
        assert accuracy_score(held_out.named_target, given) == pytest.approx(stated)


def test_a_model_of_other_units_evaluates_well_and_is_wrong_about_rows_as_they_come(store):
    _, held_out = breast_cancer().parts()
    metrics = store.manifest("diagnosis-millimetres", 1).metrics
    assert metrics.held_out["accuracy"] > 0.93
    given = answers(store, "diagnosis-millimetres", features(store, held_out.frame)).values
    assert set(given) == {"benign"}
    assert accuracy_score(held_out.named_target, given) < 0.65


def test_the_meta_model_of_a_stack_is_as_right_as_its_best_member_of_rows_that_none_has_seen(store):
    _, held_out = breast_cancer().parts()
    rows = features(store, held_out.frame)
    stacker = store.manifest("diagnosis-stacker", 1)
    assert list(stacker.signature.names) == [f"{name}@1:malignant" for name in MEMBERS]
    said = np.column_stack([answers(store, name, rows).probabilities[:, 1] for name in MEMBERS])
    truth = held_out.named_target == "malignant"
    given = pd.DataFrame(said, columns=list(stacker.signature.names))
    stacked = answers(store, "diagnosis-stacker", given).probabilities[:, 1]
    losses = [log_loss(truth, one) for one in said.T]
    assert log_loss(truth, stacked) < 1.2 * min(losses)
    assert stacker.training.rows == len(breast_cancer().target) - len(truth)


def test_members_of_the_stack_are_fitted_as_the_versions_that_it_stands_on_are(store):
    frame = diagnosis_members()
    _, held_out = breast_cancer().parts()
    rows = features(store, held_out.frame)
    for name in MEMBERS:
        later = frame.loc[frame["held_out"], f"{name}@1:malignant"].to_numpy()
        served = answers(store, name, rows).probabilities[:, 1]
        assert served == pytest.approx(later, abs=1e-6)


@pytest.mark.parametrize(
    "name", ["diagnosis-xgb", "diagnosis-forest", "diagnosis-logistic", "cultivar-forest"]
)
def test_a_classifier_beats_its_baseline_by_far(store, name):
    metrics = store.manifest(name, 1).metrics
    assert metrics.cross_validated["roc_auc"] > 0.97
    assert metrics.baseline_cross_validated["roc_auc"] == pytest.approx(0.5)
    scores, baseline = metrics.held_out, metrics.baseline
    assert scores["roc_auc"] > 0.97
    assert baseline["roc_auc"] == pytest.approx(0.5)
    assert scores["accuracy"] > baseline["accuracy"] + 0.25
    assert scores["log_loss"] < baseline["log_loss"] * 0.6


def test_the_regression_beats_its_baseline(store):
    metrics = store.manifest("progression-xgb", 1).metrics
    assert metrics.cross_validated["r2"] > 0.3
    assert metrics.baseline_cross_validated["r2"] < 0.05


def test_the_transformer_gives_what_the_classifiers_take(store):
    given = [c.name for c in store.manifest("diagnosis-features", 1).signature.output.columns]
    assert len(given) == 15
    for name in ("diagnosis-xgb", "diagnosis-forest", "diagnosis-logistic"):
        signature = store.manifest(name, 1).signature
        assert list(signature.names) == given
        assert signature.output.labels == ("benign", "malignant")


def test_every_model_comes_from_a_run_of_its_pipeline_on_the_rows_of_training(store):
    for load_data, model in ((wine, "cultivar-forest"), (diabetes, "progression-xgb")):
        fitted_on, held_out = load_data().parts()
        manifest = store.manifest(model, 1)
        assert manifest.lineage.run_id == f"{model}-1"
        assert manifest.training.rows == len(fitted_on.target)
        assert manifest.lineage.dataset("holdout").rows == len(held_out.target)
    files = {path.stem for path in (Path(__file__).parents[3] / "pipelines/demo").glob("*.yaml")}
    assert files == {model for models in EXAMPLES.values() for model in models} - {FEATURES}


def test_training_twice_gives_the_same_model(store, tmp_path):
    place = Place(Registry(str(tmp_path / "registry")), tmp_path / "runs", time.time, lambda _: 0)
    train_example("cultivar-forest", place)
    first, again = (
        answers(one, "cultivar-forest", wine().frame) for one in (store, place.registry)
    )
    assert np.array_equal(first.probabilities, again.probabilities)


def test_a_pipeline_of_this_folder_comes_before_that_of_the_package(tmp_path, monkeypatch):
    packaged = pipeline_of_example("cultivar-forest")
    (tmp_path / "pipelines/demo").mkdir(parents=True)
    text = (Path(__file__).parents[3] / "pipelines/demo/cultivar-forest.yaml").read_text()
    own = tmp_path / "pipelines/demo/cultivar-forest.yaml"
    own.write_text(text.replace("seed: 20", "seed: 21"))
    monkeypatch.chdir(tmp_path)
    assert (packaged.search.seed, pipeline_of_example("cultivar-forest").search.seed) == (20, 21)


def test_an_example_that_does_not_pass_its_gates_is_not_registered(tmp_path, monkeypatch):
    (tmp_path / "pipelines/demo").mkdir(parents=True)
    text = (Path(__file__).parents[3] / "pipelines/demo/cultivar-forest.yaml").read_text()
    gate = text.replace("beats_baseline: true", "min_rows: 1000")
    (tmp_path / "pipelines/demo/cultivar-forest.yaml").write_text(gate)
    monkeypatch.chdir(tmp_path)
    place = Place(Registry("registry"), Path("runs"), time.time, lambda progress: None)
    with pytest.raises(ModelFailed, match="run cultivar-forest-1 is REJECTED"):
        train_example("cultivar-forest", place)
    assert place.registry.models() == []

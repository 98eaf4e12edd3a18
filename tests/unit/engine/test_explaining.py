"""What a loaded version needs to explain itself is read when it is first asked, and not before."""

import logging

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OutputCodeClassifier
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC
from xgboost import XGBClassifier, XGBRegressor

from serve_app.engine.load import load
from serve_app.engine.registration.coarser import Coarser
from serve_app.engine.registration.register import Candidate, register
from serve_app.errors import InvalidInput
from serve_app.models.frames import to_columns
from serve_app.registry.store import Registry
from serve_app.tasks import task_named

EXPLAIN, ORIGINS = task_named("explain"), task_named("origins")


@pytest.fixture
def store(tmp_path):
    return Registry(str(tmp_path))


def rows(frame):
    return to_columns(frame.iloc[:5])


def test_a_compiled_version_reads_its_library_s_form_when_it_is_first_explained(
    store, tmp_path, frame, monkeypatch
):
    trees = XGBClassifier(n_estimators=9).fit(frame, frame["age"] > 50)
    register(store, Candidate("trees", trees, frame), compile="required")
    loaded = load(store, "trees", 1)
    read = []
    monkeypatch.setattr(
        store, "files_of", lambda *a, _read=store.files_of, **k: (read.append(k), _read(*a, **k))[1]
    )
    loaded.model.predict(rows(frame))
    assert read == []
    first = loaded.model.ask(EXPLAIN, rows(frame))
    assert first.methods == ("tree_shap",)
    count = len(read)
    assert count > 0
    again = loaded.model.ask(EXPLAIN, rows(frame))
    assert again.contributions.tolist() == first.contributions.tolist()
    assert len(read) == count


def test_where_that_form_cannot_be_read_the_compiled_one_is_asked(store, tmp_path, frame, caplog):
    model = LogisticRegression().fit(frame, frame["age"] > 50)
    register(store, Candidate("line", model, frame), compile="required")
    (tmp_path / "line" / "1" / "model.skops").unlink()
    loaded = load(store, "line", 1)
    with caplog.at_level(logging.WARNING, "serve_app.explain"):
        explanation = loaded.model.ask(EXPLAIN, rows(frame))
    assert (explanation.methods, explanation.space) == (("shap_sampled",), "probability")
    assert explanation.outputs[:, 0] == pytest.approx(
        loaded.model.predict(rows(frame)).probabilities[:, 1]
    )
    assert "its own cannot be read" in caplog.text


def test_a_quantised_version_is_explained_by_what_is_left_of_it(store, frame):
    truth = (frame["age"] > 50).to_numpy().astype(int)
    trees = RandomForestClassifier(50, random_state=0).fit(frame, truth)
    wish = Coarser("float16", frame, truth, tolerance=0.5)
    register(store, Candidate("coarse", trees, frame), coarser=wish)
    loaded = load(store, "coarse", 1)
    explanation = loaded.model.ask(EXPLAIN, rows(frame))
    assert explanation.methods == ("shap_sampled",)
    assert explanation.outputs[:, 0] == pytest.approx(
        loaded.model.predict(rows(frame)).probabilities[:, 1]
    )


def test_trees_need_no_data_to_be_explained(store):
    draw = np.random.default_rng(0)
    frame = pd.DataFrame(draw.normal(size=(60, 2)), columns=["a", "b"])
    trees = XGBClassifier(n_estimators=9).fit(frame, frame["a"] > 0)
    register(store, Candidate("bare", trees, frame.head(0)))
    model, columns = load(store, "bare", 1).model, to_columns(frame.head(5))
    explanation = model.ask(EXPLAIN, columns)
    assert (explanation.methods, explanation.space) == (("tree_shap",), "raw_score")
    assert explanation.outputs[:, 0] == pytest.approx(
        model.predict_with_scores(columns).scores, rel=1e-5
    )


def test_a_version_of_whose_data_nothing_is_known_says_that_it_needs_some(store):
    draw = np.random.default_rng(0)
    frame = pd.DataFrame(draw.normal(size=(60, 2)), columns=["a", "b"])
    line = XGBRegressor(booster="gblinear").fit(frame, frame["a"])
    register(store, Candidate("line", line, frame.head(0)))
    with pytest.raises(InvalidInput, match=r"line@1: .* register it again with its data"):
        load(store, "line", 1).model.ask(EXPLAIN, to_columns(frame.head(2)))


def test_classes_without_any_number_cannot_be_explained(store, frame):
    three = np.digitize(frame["age"], [45, 55])
    model = OutputCodeClassifier(LinearSVC(), random_state=0).fit(frame, three)
    register(store, Candidate("codes", model, frame))
    with pytest.raises(InvalidInput, match="without probabilities or raw scores"):
        load(store, "codes", 1).model.ask(EXPLAIN, rows(frame))


def test_own_columns_in_another_order_and_among_others_are_taken(registry, frame):
    model = load(registry, "logistic", 1).model
    straight = model.ask(EXPLAIN, rows(frame))
    turned = frame.assign(more=1.0)[["more", "dose", "age"]]
    again = model.ask(EXPLAIN, rows(turned))
    assert again.features == straight.features
    assert again.contributions.tolist() == straight.contributions.tolist()


def test_a_transformer_tells_of_which_columns_its_features_are_made(store):
    draw = np.random.default_rng(0)
    frame = pd.DataFrame({"town": draw.choice(["a", "b"], 60), "age": draw.normal(size=60)})
    steps = make_column_transformer((StandardScaler(), ["age"]), (OneHotEncoder(), ["town"]))
    steps.set_output(transform="default")
    register(store, Candidate("steps", steps.fit(frame), frame))
    model, columns = load(store, "steps", 1).model, to_columns(frame.head(1))
    names = load(store, "steps", 1).manifest.signature.output.columns
    origins = model.ask(ORIGINS, columns)
    assert origins.columns == dict(
        zip([one.name for one in names], ["age", "town", "town"], strict=True)
    )


def test_a_transformer_that_mixes_columns_says_that_it_cannot_tell(store, frame):
    register(store, Candidate("mix", PCA(2).fit(frame), frame))
    with pytest.raises(InvalidInput, match="nobody knows"):
        load(store, "mix", 1).model.ask(ORIGINS, rows(frame))

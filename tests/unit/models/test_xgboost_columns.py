"""Columns of data become those that a model of XGBoost's was trained on, or are refused."""

import numpy as np
import pandas as pd
import pytest
import xgboost

from serve_app.core.signature import Column
from serve_app.engine.load import load
from serve_app.engine.registration.register import Candidate, register
from serve_app.errors import InvalidInput
from serve_app.models.frames import to_columns
from serve_app.models.xgboost_columns import (
    as_trained,
    columns_as_trained,
    known_names,
    stored_categories,
)
from serve_app.models.xgboost_trained import Trained
from serve_app.registry.store import Registry

ROWS = 90
RNG = np.random.default_rng(3)
NUMBERS = pd.DataFrame(RNG.normal(size=(ROWS, 3)), columns=["age", "income", "debt"])
STORES = RNG.choice([10, 20, 30, 70], ROWS)
Y = (3 * NUMBERS["age"] - NUMBERS["debt"] + STORES % 7).to_numpy()


def booster_on(frame, **more):
    return xgboost.train({"max_depth": 4}, xgboost.DMatrix(frame, Y, **more), 4)


def answers(estimator, frame, folder):
    registry = Registry(str(folder / "registry"))
    manifest = register(registry, Candidate("m", estimator, frame))
    given = to_columns(as_trained(estimator, frame))
    return [
        load(registry, "m", manifest.version, native=native).model.predict(given).values
        for native in (False, True)
    ]


def with_stores(dtype="int64"):
    index = pd.Index([10, 20, 30, 70], dtype=dtype)
    return NUMBERS[["age"]].assign(store=pd.Categorical(STORES.astype(dtype), categories=index))


def test_columns_in_another_order_are_put_right(tmp_path):
    booster = booster_on(NUMBERS)
    wanted = booster.predict(xgboost.DMatrix(NUMBERS))
    for got in answers(booster, NUMBERS[["debt", "income", "age"]], tmp_path):
        np.testing.assert_allclose(got, wanted, rtol=1e-5)


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (NUMBERS.rename(columns={"debt": "debts"}), "trained on the column 'debt'"),
        (NUMBERS.drop(columns="debt"), "trained on the column 'debt'"),
        (NUMBERS.assign(target=Y), "the column 'target', which the model was not trained on"),
    ],
)
def test_columns_of_other_names_are_refused(frame, words):
    with pytest.raises(InvalidInput, match=words):
        as_trained(booster_on(NUMBERS), frame)


@pytest.mark.parametrize("names", [None, ["f0", "f1", "f2"]])
def test_a_model_of_arrays_goes_by_position(names, tmp_path):
    booster = booster_on(NUMBERS.to_numpy(), feature_names=names)
    assert known_names(booster) is None
    wanted = booster.predict(xgboost.DMatrix(NUMBERS.to_numpy(), feature_names=names))
    for got in answers(booster, NUMBERS, tmp_path):
        np.testing.assert_allclose(got, wanted, rtol=1e-5)
    with pytest.raises(InvalidInput, match="takes 3 columns, but the data has 2"):
        as_trained(booster, NUMBERS[["age", "debt"]])


def test_default_names_count_where_the_data_has_them():
    named = NUMBERS.set_axis(["f0", "f1", "f2"], axis=1)
    found = as_trained(booster_on(named), named[["f2", "f0", "f1"]])
    assert list(found.columns) == ["f0", "f1", "f2"]


def test_the_offset_is_known_by_name_and_comes_last():
    booster = booster_on(NUMBERS)
    assert known_names(booster) == ("age", "income", "debt")
    assert known_names(Trained(booster, offset="log_hours"))[-1] == "log_hours"


@pytest.mark.parametrize("dtype", ["int64", "int32", "int8"])
@pytest.mark.parametrize("wrapped", [False, True])
def test_integers_become_the_categories_that_the_file_holds(dtype, wrapped, tmp_path):
    frame = with_stores(dtype)
    if wrapped:
        model = xgboost.XGBRegressor(n_estimators=4, enable_categorical=True).fit(frame, Y)
        wanted = model.predict(frame)
    else:
        model = booster_on(frame, enable_categorical=True)
        wanted = model.predict(xgboost.DMatrix(frame, enable_categorical=True))
    as_read = NUMBERS[["age"]].assign(store=STORES)
    direct = model.get_booster() if wrapped else model
    # What the library says of bare numbers, which it takes for codes.
    wrong = direct.predict(xgboost.DMatrix(as_read))
    assert np.abs(wrong - wanted).max() > 0.5
    for got in answers(model, as_read, tmp_path):
        np.testing.assert_allclose(got, wanted, rtol=1e-5)


def test_words_become_the_categories_that_the_file_holds(tmp_path):
    words = np.array(["zurich", "", "bern"])[RNG.integers(0, 3, ROWS)]
    frame = NUMBERS[["age"]].assign(
        town=pd.Categorical(words, categories=["zurich", "", "bern", "a"])
    )
    booster = booster_on(frame, enable_categorical=True)
    assert stored_categories(booster)[1].tolist() == ["zurich", "", "bern", "a"]
    wanted = booster.predict(xgboost.DMatrix(frame, enable_categorical=True))
    for got in answers(booster, frame.assign(town=words), tmp_path):
        np.testing.assert_allclose(got, wanted, rtol=1e-5)


def test_integers_with_gaps_are_still_integers():
    booster = booster_on(with_stores(), enable_categorical=True)
    stores = STORES.astype(float)
    stores[:5] = np.nan
    found = as_trained(booster, NUMBERS[["age"]].assign(store=stores))
    assert found["store"].cat.categories.tolist() == [10, 20, 30, 70]
    assert found["store"].isna().sum() == 5


@pytest.mark.parametrize(
    ("stores", "words"),
    [
        (np.where(STORES == 10, 11, STORES), "holds 11, which the model does not know"),
        (STORES.astype(str), "whole numbers"),
        (STORES + 0.5, r"holds 10\.5"),
    ],
)
def test_what_is_none_of_the_files_categories_is_refused(stores, words):
    booster = booster_on(with_stores(), enable_categorical=True)
    with pytest.raises(InvalidInput, match=words):
        as_trained(booster, NUMBERS[["age"]].assign(store=stores))


def test_words_that_xgboost_cuts_short_are_not_taken_from_its_file(tmp_path):
    words = np.array(["zürich", "genève", "bern"])[RNG.integers(0, 3, ROWS)]
    frame = NUMBERS[["age"]].assign(town=pd.Categorical(words))
    booster = booster_on(frame, enable_categorical=True)
    with pytest.raises(InvalidInput, match="--dtypes town=category"):
        as_trained(booster, frame.assign(town=words))
    wanted = booster.predict(xgboost.DMatrix(frame, enable_categorical=True))
    for got in answers(booster, frame, tmp_path):
        np.testing.assert_allclose(got, wanted, rtol=1e-5)


class TestOfFilesWithoutCategories:
    """Models that were trained on codes, or by XGBoost before 3.1."""

    @staticmethod
    def booster():
        codes = NUMBERS[["age"]].assign(store=with_stores()["store"].cat.codes).to_numpy(float)
        booster = booster_on(codes, feature_names=["age", "store"], feature_types=["float", "c"])
        assert not stored_categories(booster)
        return booster

    def test_bare_numbers_are_refused(self):
        with pytest.raises(InvalidInput, match="--dtypes store=category"):
            as_trained(self.booster(), NUMBERS[["age"]].assign(store=STORES))

    def test_categories_of_the_data_are_taken(self, tmp_path):
        booster = self.booster()
        wanted = booster.predict(xgboost.DMatrix(with_stores(), enable_categorical=True))
        for got in answers(booster, with_stores(), tmp_path):
            np.testing.assert_allclose(got, wanted, rtol=1e-5)

    def test_codes_without_a_hole_are_taken(self, tmp_path):
        booster = self.booster()
        codes = NUMBERS[["age"]].assign(store=with_stores()["store"].cat.codes.astype(int))
        wanted = booster.predict(xgboost.DMatrix(codes))
        for got in answers(booster, codes, tmp_path):
            np.testing.assert_allclose(got, wanted, rtol=1e-5)


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (pd.Categorical(STORES), "is one of categories"),
        (STORES.astype(str), "holds text"),
    ],
)
@pytest.mark.parametrize("named", [True, False])
def test_numbers_of_training_are_neither_categories_nor_text(column, words, named):
    frame = NUMBERS[["age"]].assign(store=STORES)
    booster = booster_on(frame if named else frame.to_numpy())
    with pytest.raises(InvalidInput, match=words):
        as_trained(booster, frame.assign(store=column))


def test_a_description_follows_the_data_and_keeps_its_corrections():
    frame = with_stores()[["store", "age"]]
    given = [Column("age", "float64", maximum=120, frame_dtype="float64"),
             Column("store", "int64", nullable=True, minimum=10, frame_dtype="int64")]  # fmt: skip
    store, age = columns_as_trained(given, frame)
    assert (age.maximum, store.nullable, store.minimum) == (120, True, None)
    assert store.categories == (10, 20, 30, 70)

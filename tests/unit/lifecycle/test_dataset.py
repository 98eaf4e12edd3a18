"""Data is read once; what is not known yet, or not in all files, is not taken for known."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from serve_app.config.pipeline import DataSettings, PipelineSettings
from serve_app.errors import InvalidInput
from serve_app.lifecycle.dataset import (
    dataset_of,
    read_snapshot,
    read_source,
    stray_words,
    usable_rows,
    write_snapshot,
)
from serve_app.models.fingerprint import fingerprint

DAYS = pd.date_range("2026-01-01", periods=10, freq="D")


def frame():
    return pd.DataFrame(
        {
            "day": DAYS.strftime("%Y-%m-%d"),
            "id": range(10),
            "x": np.arange(10.0),
            "town": pd.Categorical(["a", "b"] * 5),
            "churned": ["no", "yes"] * 5,
        }
    )


def settings(**data):
    given = {"source": "*.csv", "target": "churned", "id": "id", "time": "day", **data}
    return PipelineSettings.model_validate({"pipeline": "churn", "model": "churn", "data": given})


def test_files_are_put_together_in_order_with_a_digest_each(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    frame().head(4).to_csv("b.csv", index=False)
    frame().tail(6).to_csv("a.csv", index=False)
    source = read_source(DataSettings(source="*.csv", target="churned"))
    assert source.frame["id"].tolist() == [4, 5, 6, 7, 8, 9, 0, 1, 2, 3]
    assert list(source.files) == ["a.csv", "b.csv"]
    content = Path("a.csv").read_bytes()
    wanted = {"sha256": hashlib.sha256(content).hexdigest(), "size_bytes": len(content)}
    assert source.files["a.csv"] == wanted


@pytest.mark.parametrize(
    ("columns", "reason"),
    [(["id", "other"], "the same columns: 'other'"), (["x", "id"], "the order of columns")],
)
def test_files_with_other_columns_are_refused(tmp_path, monkeypatch, columns, reason):
    monkeypatch.chdir(tmp_path)
    pd.DataFrame([[1, 2]], columns=["id", "x"]).to_csv("a.csv", index=False)
    pd.DataFrame([[1, 2]], columns=columns).to_csv("b.csv", index=False)
    with pytest.raises(InvalidInput, match=reason):
        read_source(DataSettings(source=("a.csv", "b.csv"), target="x"))


def test_a_pattern_that_matches_nothing_says_where_it_was_looked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidInput, match=f"no file matches 'x/.*seen from {tmp_path}"):
        read_source(DataSettings(source="x/*.csv", target="y"))


@pytest.mark.parametrize(
    ("place", "reason"),
    [("nowhere_at_all:data", "ModuleNotFoundError"), ("builtins:dict", "gives a dict, not a")],
)
def test_a_function_that_gives_no_frame_is_refused(place, reason):
    with pytest.raises(InvalidInput, match=reason):
        read_source(DataSettings.model_validate({"import": place, "target": "y"}))


def test_rows_without_a_label_and_rows_that_are_too_young_are_left_out():
    source = frame()
    source.loc[1, "churned"] = None
    data = settings(label_delay="3d").data
    rows, left_out = usable_rows(source, data)
    # The newest is 10 January; labels of rows after the 7th are not known yet.
    assert rows["day"].tolist() == [f"2026-01-0{day}" for day in (1, 3, 4, 5, 6, 7)]
    assert left_out == {"without_label": 1, "label_not_mature": 3}


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([0, 1, None] + [0, 1] * 3 + [1], "i"),
        ([3, 7, None] + [3, 7] * 3 + [7], "i"),
        ([0.5, 1, None] + [0, 1] * 3 + [1], "f"),
        ([np.inf, 1, None] + [0, 1] * 3 + [1], "f"),
        ([2.0**60, 1, None] + [0, 1] * 3 + [1], "f"),
    ],
)
def test_labels_that_are_missing_in_some_rows_leave_the_others_what_they_are(values, kind):
    rows, left_out = usable_rows(frame().assign(churned=values), settings().data)
    assert left_out["without_label"] == 1
    assert rows["churned"].dtype.kind == kind
    assert rows["churned"].tolist() == [value for value in values if value is not None]


def test_a_label_that_is_no_number_is_named_where_there_are_too_many_classes():
    many = pd.concat([frame()] * 6, ignore_index=True)
    many["churned"] = [f"{row}.5" for row in range(59)] + ["n/a?"]
    with pytest.raises(
        InvalidInput, match=r"60 classes in 60 rows.*1 of its 60 .*: 'n/a\?' in row 59"
    ):
        dataset_of(many, settings())
    with pytest.raises(InvalidInput, match=r"holds no numbers.*'n/a\?' in row 59"):
        dataset_of(many, settings().model_copy(update={"task": "regression"}))


@pytest.mark.parametrize(
    ("values", "stray"),
    [
        (
            ["1", "2.5", "1e3", *map(str, range(30)), "oops"],
            "1 of its 34 values is no number: 'oops' in row 33",
        ),
        (
            [*map(str, range(30)), None, "-", "-"],
            "2 of its 33 values are no numbers, the first '-' in row 31",
        ),
        ([*map(str, range(30))], None),
        ([str(row) for row in range(5)] + ["a", "b"], None),
        (["a", "b"], None),
        ([1.0, 2.0], None),
        ([None, None], None),
    ],
)
def test_a_word_among_numbers_is_seen(values, stray):
    assert stray_words(pd.Series(values)) == stray


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"day": None}, "column 'day' has no time in row 3"),
        ({"day": "soon"}, "column 'day' holds no times"),
    ],
)
def test_a_row_without_a_time_is_refused(change, reason):
    source = frame()
    for name, value in change.items():
        source.loc[3, name] = value
    with pytest.raises(InvalidInput, match=reason):
        usable_rows(source, settings().data)


def test_a_column_that_is_missing_is_named_with_those_that_are_there():
    with pytest.raises(InvalidInput, match="no column 'churned'; it has 'day', 'id'"):
        usable_rows(frame().drop(columns="churned"), settings().data)


def test_a_snapshot_is_read_as_it_was_written(tmp_path):
    written = write_snapshot(frame(), tmp_path)
    again = read_snapshot(tmp_path)
    pd.testing.assert_frame_equal(again, frame())
    assert written == {"rows": 10, "columns": 5, "fingerprint": fingerprint(again)}


def test_time_id_and_target_are_no_features_and_classes_are_numbered_in_order():
    data = dataset_of(frame(), settings(drop=["x"]))
    assert list(data.features.columns) == ["town"]
    assert data.target.tolist() == [0, 1] * 5
    assert (data.labels, data.named, data.classes) == (("no", "yes"), True, 2)
    assert data.facts.times_ns.tolist() == DAYS.as_unit("ns").asi8.tolist()


@pytest.mark.parametrize(
    ("values", "task", "labels", "named"),
    [
        ([0, 1] * 5, None, (0, 1), False),
        ([True, False] * 5, None, (False, True), True),
        ([3, 7] * 5, None, (3, 7), True),
        (np.arange(10.0), None, (), False),
        ([0.0, 1.0] * 5, "classification", (0.0, 1.0), False),
        ([0, 1] * 5, "regression", (), False),
    ],
)
def test_the_target_says_whether_it_is_a_class_or_a_number(values, task, labels, named):
    source = frame().assign(churned=values)
    given = settings().model_copy(update={"task": task})
    data = dataset_of(source, given)
    assert (data.labels, data.named) == (labels, named)


@pytest.mark.parametrize(
    ("values", "task", "reason"),
    [
        (["a"] * 10, None, "one value in all rows"),
        (["a", "b"] * 5, "regression", "holds no numbers"),
    ],
)
def test_a_target_of_which_nothing_can_be_learned_is_refused(values, task, reason):
    source = frame().assign(churned=values)
    with pytest.raises(InvalidInput, match=reason):
        dataset_of(source, settings().model_copy(update={"task": task}))


def held_out_by(values):
    given = PipelineSettings.model_validate(
        {
            "pipeline": "churn", "model": "churn", "window": {"held_out": "later"},
            "data": {"source": "*.csv", "target": "churned", "id": "id", "time": "day"},
        }
    )  # fmt: skip
    return dataset_of(frame().assign(later=values), given)


@pytest.mark.parametrize("values", [[False] * 6 + [True] * 4, [0] * 6 + [1] * 4])
def test_a_column_says_which_rows_are_held_out_and_is_no_feature(values):
    dataset = held_out_by(values)
    assert list(dataset.features.columns) == ["x", "town"]
    assert np.flatnonzero(dataset.facts.held_out).tolist() == [6, 7, 8, 9]


@pytest.mark.parametrize("values", [["no", "yes"] * 5, [0.0] * 9 + [np.nan], [0, 2] * 5])
def test_a_column_of_anything_but_yes_and_no_holds_nothing_out(values):
    with pytest.raises(InvalidInput, match="column 'later' has to be true or false"):
        held_out_by(values)


def test_columns_that_name_a_series_are_features_too():
    seen = dataset_of(frame(), settings(series=["town"]))
    assert seen.facts.series.tolist() == [0, 1] * 5
    assert "town" in seen.features.columns
    with pytest.raises(InvalidInput, match="no column 'shop'"):
        usable_rows(frame(), settings(series=["shop"]).data)


def test_series_need_times():
    with pytest.raises(ValueError, match="series names columns, and needs time"):
        settings(series=["town"], time=None)

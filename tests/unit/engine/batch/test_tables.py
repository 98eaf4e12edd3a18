"""The columns of output, by what a version says."""

import fsspec
import numpy as np
import pytest

from serve_app.core.messages import Prediction
from serve_app.core.signature import Output, Target
from serve_app.engine.batch.tables import check_names, nothing_predicted, predicted, spread
from serve_app.errors import InvalidInput
from tests.unit.engine.batch.conftest import read, rows

YES_NO = (Target("late", (0, 1)), Target("lost", (0, 1)))
OF_EACH = (Target("size", ("s", "l")), Target("floor", (1, 2, 3)))


@pytest.mark.parametrize(
    ("output", "prediction", "expected"),
    [
        (
            Output("regression", width=2),
            Prediction(np.array([[1.0, 2.0]])),
            {"prediction_0": [1.0], "prediction_1": [2.0]},
        ),
        (
            Output("multilabel", targets=YES_NO, width=2, probabilities=True),
            Prediction(np.array([[0, 1]]), np.array([[0.1, 0.9]])),
            {
                "prediction_late": [0],
                "prediction_lost": [1],
                "probability_late": [0.1],
                "probability_lost": [0.9],
            },
        ),
        (
            Output("multioutput", targets=OF_EACH, width=2, probabilities=True),
            Prediction(np.array([["l", 3]], dtype=object), np.array([[0.25, 0.75, 0.1, 0.2, 0.7]])),
            {
                "prediction_size": ["l"],
                "prediction_floor": [3],
                "probability_size_s": [0.25],
                "probability_size_l": [0.75],
                "probability_floor_1": [0.1],
                "probability_floor_2": [0.2],
                "probability_floor_3": [0.7],
            },
        ),
    ],
    ids=["numbers", "yes or no", "a class of each"],
)
def test_each_thing_that_is_said_of_a_row_has_a_column(output, prediction, expected):
    columns = predicted(prediction, output)
    assert {name: values.tolist() for name, values in columns.items()} == expected
    assert list(nothing_predicted(output)) == list(expected)
    if output.kind == "multioutput":
        assert columns["prediction_floor"].dtype == np.int64


def test_a_column_that_is_kept_may_not_hide_one_that_is_written():
    output = Output("classification", labels=("no", "yes"), probabilities=True)
    for name in ("prediction", "probability_yes", "_row", "model_version"):
        with pytest.raises(InvalidInput, match=f"has a column '{name}' of its own"):
            check_names(("age", name), output)


def test_floats_of_32_bits_keep_the_digits_that_answers_have():
    assert spread(np.array([0.1, 2.5], dtype=np.float32), [0, 2], 3) == [0.1, None, 2.5]


def test_files_may_stand_wherever_fsspec_reads(desk):
    content = rows().to_csv(index=False).encode()
    for name in ("a.csv", "more/b.csv"):
        with fsspec.open(f"memory://batch-inputs/{name}", "wb") as file:
            file.write(content)
    status, out = desk.done("memory://batch-inputs", ids=("id",))
    assert (status.state, status.rows_ok) == ("SUCCEEDED", 80)
    table = read(out)
    assert table["id"].tolist() == rows()["id"].tolist() * 2
    assert sorted(set(table["_file"])) == [
        "memory:///batch-inputs/a.csv", "memory:///batch-inputs/more/b.csv",
    ]  # fmt: skip


def test_a_row_of_json_without_a_column_is_told_from_one_with_a_null(desk, tmp_path):
    (tmp_path / "rows.jsonl").write_text(
        '{"age": 40, "dose": 1.5, "extra": [1]}\n[41, 2.5]\n{"age": 42}\n{"age": 43, "dose": null}'
        '\n[1]\n"text"\n{"age": 44, "dose": 1\n'
    )
    status, out = desk.done(tmp_path / "rows.jsonl", on_error="null")
    assert (status.rows_ok, status.rows_bad) == (2, 5)
    errors = read(out)["_error"].tolist()[2:]
    words = ["missing: expected a number", "nan: expected a number, not null", "2 values, one per"]
    words += ["an object or a list", "parse"]
    assert all(word in error for word, error in zip(words, errors, strict=True))

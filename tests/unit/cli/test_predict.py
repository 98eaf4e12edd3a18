"""Rows are read from the files that people have."""

import json

import pytest

from serve_app.cli.predict import prediction_heads, prediction_rows, read_rows
from serve_app.errors import BadEncoding

TWO = (
    '{"age": 31, "city": "Rome", "member": true}',
    '{"age": null, "city": null, "member": false}',
)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("rows.csv", "age,city,member\n31,Rome,True\n,,False\n"),
        ("rows.json", f"[{', '.join(TWO)}]"),
        ("rows.json", f'{{"instances": [{", ".join(TWO)}], "parameters": {{}}}}'),
        ("rows.jsonl", "\n\n".join(TWO)),
    ],
)
def test_rows_come_from_csv_json_and_json_lines_and_an_empty_cell_is_null(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text)
    assert read_rows(path) == [
        {"age": 31, "city": "Rome", "member": True},
        {"age": None, "city": None, "member": False},
    ]


def test_rows_of_a_csv_can_be_sent_as_json(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("whole,part,text\n1,0.5,a\n2,,b\n")
    assert json.loads(json.dumps(read_rows(path))) == [
        {"whole": 1, "part": 0.5, "text": "a"},
        {"whole": 2, "part": None, "text": "b"},
    ]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rows.json", b"[{]"),
        ("rows.json", b'{"rows": []}'),
        ("rows.json", b"17"),
        ("rows.json", b"\xff\xfe\x00"),
        ("rows.jsonl", b'{"a": 1}\n{"a"\n'),
        ("rows.csv", b""),
        ("rows.csv", b"a,b\n1,2\n1,2,3\n"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(BadEncoding, match=name):
        read_rows(path)


def test_predictions_stand_beside_their_probabilities():
    answer = {"predictions": ["a", "b"], "probabilities": [[0.75, 0.25], [0.1, 0.9]]}
    assert prediction_rows(answer) == [[0, "a", "0.7500", "0.2500"], [1, "b", "0.1000", "0.9000"]]
    assert prediction_rows({"predictions": [1.23456789]}) == [[0, "1.23457"]]


def test_several_targets_have_a_column_each_and_their_probabilities_too():
    flags = {"predictions": [[1, 0]], "probabilities": [[0.9, 0.25]], "targets": ["ill", "old"]}
    assert prediction_heads(flags, "prediction") == ["ill", "old", "p(ill)", "p(old)"]
    assert prediction_rows(flags) == [[0, "1", "0", "0.9000", "0.2500"]]
    words = {
        "predictions": [["Rome", 3]],
        "probabilities": [[[0.25, 0.75], [1.0]]],
        "targets": ["city", "n"],
        "classes": [["Paris", "Rome"], [3]],
    }
    heads = ["city", "n", "p(city=Paris)", "p(city=Rome)", "p(n=3)"]
    assert prediction_heads(words, "prediction") == heads
    assert prediction_rows(words) == [[0, "Rome", "3", "0.2500", "0.7500", "1.0000"]]
    scores = {"predictions": [[1.5, -2.0]], "targets": ["ill", "old"]}
    assert prediction_heads(scores, "raw score") == ["raw score ill", "raw score old"]

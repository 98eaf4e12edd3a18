"""The part of JSONPath that transform jobs know; the examples are those of AWS's documentation."""

import pytest

from serve_app.batch.json_path import JsonPath
from serve_app.errors import InvalidInput

RECORD = {"id": 7, "features": [1, 2, 3], "a": {"b": {"c": 4}}, "SageMakerOutput": {"p": 0.5}}


@pytest.mark.parametrize(
    ("path", "value", "taken"),
    [
        ("$", RECORD, RECORD),
        ("$.features", RECORD, [1, 2, 3]),
        ("$['features']", RECORD, [1, 2, 3]),
        ('$["features"][1]', RECORD, 2),
        ("$.a.b.c", RECORD, 4),
        ("$.a.['b']", RECORD, {"c": 4}),
        ("$['id','SageMakerOutput']", RECORD, {"id": 7, "SageMakerOutput": {"p": 0.5}}),
        ("$.a.*", RECORD, [{"c": 4}]),
        ("$[1:]", [1, 2, 3], [2, 3]),
        ("$[:2]", [1, 2, 3], [1, 2]),
        ("$[::2]", [1, 2, 3], [1, 3]),
        ("$[0]", [1, 2, 3], 1),
        ("$[-1]", [1, 2, 3], 3),
        ("$[0, -1]", [1, 2, 3], [1, 3]),
        ("$[0,5:]", [0, 1, 2, 3, 4, 5, 6], [0, 5, 6]),
        ("$[*]", [1, 2], [1, 2]),
        ("$['it''s']", {"it": 1}, None),
    ],
)
def test_a_path_takes_the_same_as_anywhere(path, value, taken):
    if taken is None:
        with pytest.raises(InvalidInput, match="cannot be read at"):
            JsonPath(path)
    else:
        assert JsonPath(path).of(value) == taken
        assert JsonPath(path).is_whole is (path == "$")


@pytest.mark.parametrize(
    "path",
    [
        "", "id", "$.", "$..id", "$[", "$[]", "$[a]", "$[?(@.id)]", "$.id)", "$[1;2]", "$['']",
        "$[1:2:0]", "$[(@.length-1)]", "$" + ".a" * 40,
    ],
)  # fmt: skip
def test_what_is_no_path_is_refused_when_it_is_given(path):
    with pytest.raises(InvalidInput):
        JsonPath(path)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("$.id", [1], "no 'id' among 1 values"),
        ("$.id", {"x": 1}, "no 'id' among 'x'"),
        ("$[3]", [1, 2], "no 3 among 2 values"),
        ("$[-3]", [1, 2], "no -3 among"),
        ("$[0]", {"x": 1}, "no 0 among"),
        ("$.a.b", {"a": 1}, "there is nothing within '1'"),
    ],
)
def test_what_is_not_there_is_said(path, value, words):
    with pytest.raises(InvalidInput, match=words):
        JsonPath(path).of(value)

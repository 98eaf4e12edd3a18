"""Numbers for which JSON has no word are null, wherever they stand."""

import math

from serve_app.core.json_values import finite


def test_numbers_that_json_has_not_are_null_and_all_else_stays():
    value = {"a": [1, 0.5, math.inf, (-math.inf, "NaN")], "b": {"c": math.nan}, "d": True}
    assert finite(value) == {"a": [1, 0.5, None, [None, "NaN"]], "b": {"c": None}, "d": True}

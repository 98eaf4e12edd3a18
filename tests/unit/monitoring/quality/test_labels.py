"""The same label is the same text, wherever it comes from."""

import numpy as np
import pytest

from serve_app.monitoring.quality.labels import label_text


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        ([1, 1.0, "1", np.int64(1), np.float32(1.0)], "1"),
        ([True, np.True_, "true"], "true"),
        (["yes", np.str_("yes")], "yes"),
        ([1.5, "1.5"], "1.5"),
        ([None, "None"], "None"),
        ([float("inf")], "inf"),
    ],
)
def test_a_label_has_one_text(labels, text):
    assert {label_text(label) for label in labels} == {text}

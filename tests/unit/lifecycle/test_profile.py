"""What is odd about columns is said before anything is fitted."""

import numpy as np
import pandas as pd
import pytest

from serve_app.config.pipeline import PipelineSettings
from serve_app.lifecycle.dataset import dataset_of
from serve_app.lifecycle.profile import profile

ROWS = 80
SETTINGS = PipelineSettings.model_validate(
    {"pipeline": "p", "model": "m", "data": {"source": "*.csv", "target": "y"}}
)


@pytest.mark.parametrize(
    ("values", "warning"),
    [
        ([np.nan] * ROWS, "column 'odd' has no value in any row; leave it out with data.drop"),
        ([3] * ROWS, "column 'odd' has one value in all rows; leave it out with data.drop"),
        ([f"u{row}" for row in range(ROWS)], "column 'odd' has another word in almost every row"),
        (
            [*map(str, range(ROWS - 2)), "oops", "?"],
            "column 'odd' is taken for words, since 2 of its 80 values are no numbers",
        ),
    ],
)
def test_a_column_that_helps_nobody_is_warned_of(values, warning):
    frame = pd.DataFrame({"x": np.tile([0.0, 0.0, 1.0, 1.0], ROWS // 4), "odd": values})
    frame["y"] = np.tile([0, 1], ROWS // 2)
    (found,) = profile(dataset_of(frame, SETTINGS)).warnings
    assert found.startswith(warning)
    assert ("the first 'oops' in row 78" in found) == ("oops" in values)


def test_a_number_of_two_values_may_have_been_meant_as_a_class():
    frame = pd.DataFrame({"x": np.arange(8.0), "y": np.tile([0.0, 1.0], 4)})
    data = dataset_of(frame, SETTINGS)
    (warning,) = profile(data).warnings
    assert "write task: classification" in warning
    assert profile(data, task_is_given=True).warnings == ()

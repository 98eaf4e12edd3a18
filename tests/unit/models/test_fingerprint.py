"""Two frames have one fingerprint when they are the same data, and only then."""

import subprocess
import sys

import pandas as pd
import pytest

from serve_app.models.fingerprint import fingerprint

FRAME = pd.DataFrame({"a": [1, 2], "b": ["x", None]})


def test_the_same_data_has_the_same_fingerprint_whatever_its_index():
    moved = FRAME.set_axis([7, 9])
    assert fingerprint(FRAME) == fingerprint(FRAME.copy()) == fingerprint(moved)


@pytest.mark.parametrize(
    "other",
    [
        FRAME.assign(a=[1, 3]),
        FRAME.assign(a=[1.0, 2.0]),
        FRAME.rename(columns={"a": "c"}),
        FRAME[["b", "a"]],
        FRAME[::-1],
        FRAME[:1],
        FRAME.assign(c=0),
    ],
)
def test_any_change_changes_it(other):
    assert fingerprint(other) != fingerprint(FRAME)


def test_it_is_the_same_in_another_process():
    code = (
        "import pandas as pd; from serve_app.models.fingerprint import fingerprint; "
        "print(fingerprint(pd.DataFrame({'a': [1, 2], 'b': ['x', None]})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == fingerprint(FRAME)

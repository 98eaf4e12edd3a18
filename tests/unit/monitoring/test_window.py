"""Windows take few bytes, and come back from them as they were."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.monitoring.window import Key, Series, Window, packed

KEY = Key(Series("diagnosis", "diagnosis-xgb@1", "ab" * 32), 1_700_000_040, 60)
vectors = st.lists(
    st.just(0) | st.integers(0, 3) | st.integers(0, 70_000) | st.integers(0, 2**53), max_size=80
)


@given(vectors)
def test_a_window_comes_back_from_its_bytes(values):
    window = Window(KEY, packed(np.array(values, dtype=np.int64)))
    again = Window.decode(window.encode())
    assert again.key == KEY
    assert again.vector.tolist() == values
    assert again.vector.dtype == np.int64
    assert again.encode() == window.encode()


@pytest.mark.parametrize(
    ("values", "nbytes"),
    [
        ([255] * 100, 100),
        ([256] * 100, 200),
        ([65_536] * 100, 400),
        ([2**32] * 100, 800),
        ([0] * 99 + [7], 2),
        ([0] * 999 + [7], 3),
    ],
)
def test_counts_take_the_least_bytes(values, nbytes):
    assert packed(np.array(values, dtype=np.int64)).nbytes == nbytes


@given(st.data())
def test_a_window_that_was_changed_is_refused(data):
    content = Window(KEY, packed(np.array([1, 0, 500], dtype=np.int64))).encode()
    place = data.draw(st.integers(0, len(content) - 1))
    turned = bytes([content[place] ^ data.draw(st.integers(1, 255))])
    with pytest.raises(ValueError, match="window of counts"):
        Window.decode(content[:place] + turned + content[place + 1 :])
    with pytest.raises(ValueError, match="window of counts"):
        Window.decode(content[: data.draw(st.integers(0, len(content) - 1))])


def test_bytes_of_something_else_are_refused():
    for content in (b"", b"PAR1" + bytes(40), b"\x80\x04."):
        with pytest.raises(ValueError, match="window of counts"):
            Window.decode(content)

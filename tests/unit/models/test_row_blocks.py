"""Large batches are shared by rows, and nothing else changes."""

import threading

import numpy as np
import pytest

from serve_app.core.columns import Columns
from serve_app.core.messages import Prediction
from serve_app.errors import ModelFailed
from serve_app.models.row_blocks import ALIGNED_ROWS, WORTH_S, RowBlocks, in_threads


class Doubles:
    """Doubles its only column, and notes how many rows came in which thread."""

    row_by_row = True

    def __init__(self, refuses=()):
        self.refuses = refuses
        self.asked = []

    def predict(self, columns):
        said = columns["x"]
        self.asked.append((columns.rows, threading.get_ident()))
        wrong = [place for place, value in enumerate(said) if value in self.refuses]
        if wrong:
            msg = f"rows {wrong} are wrong"
            raise ModelFailed(msg)
        return Prediction(said * 2, np.column_stack([said, -said]), tensors={"t": said + 1})

    def predict_with_scores(self, columns):
        prediction = self.predict(columns)
        return Prediction(prediction.values, scores=prediction.values / 4)

    def transform(self, columns):
        self.asked.append((columns.rows, threading.get_ident()))
        return Columns.from_block(("y",), columns["x"][:, np.newaxis] * 3)


class Clock:
    """A clock that goes forward by the same step whenever it is looked at."""

    def __init__(self, step):
        self.step, self.now = step, 0.0

    def __call__(self):
        self.now += self.step
        return self.now


def rows(count):
    return Columns.of({"x": np.arange(count, dtype=np.float64)})


def shared(model, threads=2, step=10 * WORTH_S):
    """A model whose every call seems to take so long, and that has computed once."""
    made = RowBlocks(model, threads, Clock(step))
    made.predict(rows(256))
    model.asked.clear()
    return made


@pytest.mark.parametrize("threads", [2, 3, 4])
@pytest.mark.parametrize("count", [256, 257, 383, 1000, 4096])
def test_a_large_batch_is_computed_in_blocks_and_answered_whole_in_order(threads, count):
    model = Doubles()
    prediction = shared(model, threads).predict(rows(count))
    wanted = np.arange(count, dtype=np.float64)
    assert prediction.values.tolist() == (wanted * 2).tolist()
    assert prediction.probabilities.tolist() == np.column_stack([wanted, -wanted]).tolist()
    assert prediction.tensors["t"].tolist() == (wanted + 1).tolist()
    assert prediction.scores is None
    sizes = sorted(size for size, _ in model.asked)
    assert len(sizes) == min(threads, count // ALIGNED_ROWS)
    assert sum(sizes) == count
    assert min(sizes) >= ALIGNED_ROWS
    assert sum(size % ALIGNED_ROWS != 0 for size in sizes) <= 1


def test_the_callers_thread_computes_a_block_itself():
    model = Doubles()
    shared(model).predict(rows(1000))
    callers = [size for size, thread in model.asked if thread == threading.get_ident()]
    assert len(model.asked) == 2
    assert len(callers) == 1


def test_scores_and_features_are_shared_too():
    model = Doubles()
    made = shared(model)
    scored = made.predict_with_scores(rows(300))
    assert scored.scores.tolist() == (np.arange(300) / 2).tolist()
    assert made.transform(rows(300))["y"].tolist() == (np.arange(300) * 3.0).tolist()
    assert len(model.asked) == 4


def test_few_rows_are_never_shared_however_long_they_take():
    model = Doubles()
    made = shared(model, step=100.0)
    for count in (0, 1, 64, 255):
        assert made.predict(rows(count)).values.tolist() == (np.arange(count) * 2.0).tolist()
    assert [size for size, _ in model.asked] == [0, 1, 64, 255]


def test_what_is_soon_computed_is_not_shared_until_it_is_long_enough():
    # 256 rows in a tenth of what is worth it: shared from 2560 rows on.
    model = Doubles()
    made = shared(model, step=WORTH_S / 10)
    made.predict(rows(2500))
    assert len(model.asked) == 1
    model = Doubles()
    made = shared(model, step=WORTH_S / 10)
    made.predict(rows(2600))
    assert len(model.asked) == 2


def test_a_slow_first_call_is_forgotten_once_rows_turn_out_cheap():
    model = Doubles()
    made = shared(model, step=WORTH_S * 2)
    made.predict(rows(20_000))
    model.asked.clear()
    made.predict(rows(1000))
    assert len(model.asked) == 1


@pytest.mark.parametrize("refuses", [{5}, {900}, {5, 900}])
def test_a_failure_is_told_as_of_the_whole_batch(refuses):
    model = Doubles(refuses)
    made = RowBlocks(model, 2, Clock(1.0))
    made.predict(Columns.of({"x": np.full(256, -1.0)}))
    with pytest.raises(ModelFailed) as caught:
        made.predict(rows(1000))
    assert caught.value.message == f"rows {sorted(refuses)} are wrong"


def test_only_models_that_say_so_are_shared_and_only_between_several_threads():
    class Silent(Doubles):
        row_by_row = False

    silent, doubles = Silent(), Doubles()
    assert in_threads(silent, 4) is silent
    assert in_threads(object(), 4).__class__ is object
    assert in_threads(doubles, 1) is doubles
    assert isinstance(in_threads(doubles, 2), RowBlocks)

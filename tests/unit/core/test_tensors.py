"""Tensors, one per row, on their way from the schema to answers."""

import asyncio
import pickle

import numpy as np
import pytest

from serve_app.core.cache import CacheLimits, RowCache, row_keys
from serve_app.core.columns import Columns, concatenate
from serve_app.core.messages import Answer, Prediction
from serve_app.core.plan import Plan
from serve_app.core.policy import Policy
from serve_app.core.schema import Schema
from serve_app.core.signature import Column
from serve_app.engine.coalesced import CoalescedModels, Limits
from serve_app.errors import InvalidInput
from serve_app.tasks import task_named

SCHEMA = Schema((Column("x", "int32", shape=(2,)), Column("w", "string", shape=(None,))), Policy())
X = np.arange(8).reshape(4, 2)
WORDS = np.array([["a", "b", "c"]] * 4, dtype=object)


def columns(x, words=WORDS):
    return Columns.of({"x": np.asarray(x, np.int32), "w": words[: len(x)]})


@pytest.mark.parametrize("as_lists", [True, False])
def test_lists_and_arrays_become_one_array_per_column(as_lists):
    given = {"x": X.tolist(), "w": WORDS.tolist()} if as_lists else {"x": X, "w": WORDS}
    found, warnings = SCHEMA.validate(given, 4)
    assert (found, warnings) == (columns(X), ())
    assert found["x"].dtype == np.int32


@pytest.mark.parametrize(
    ("change", "row"),
    [
        ({"x": [[0, 1], [2]]}, 1),
        ({"x": [[0, 1], [2, "3"]]}, 1),
        ({"x": [[0, 1], [2, None]]}, 1),
        ({"x": [[0, 1.5], [2, 3]]}, 0),
        ({"x": [[0, True], [True, 1]]}, 0),
        ({"x": [[0, 2**31], [2, 3]]}, 0),
        ({"x": [0, 1]}, 0),
        ({"w": [["a"], [1]]}, 1),
        ({"w": [["a"], ["a", "b"]]}, 0),
    ],
)
def test_what_is_no_tensor_of_the_column_is_refused_with_its_row(change, row):
    given = {"x": [[0, 1], [2, 3]], "w": [["a"], ["b"]], **change}
    with pytest.raises(InvalidInput) as refused:
        SCHEMA.validate(given, 2)
    first = refused.value.details["violations"][0]
    assert (first["row"], first["column"], first["rule"]) == (row, next(iter(change)), "type")


def test_a_column_that_is_not_there_is_refused():
    with pytest.raises(InvalidInput, match="a list of shape \\[2\\] of int32"):
        SCHEMA.validate({"w": [["a"]]}, 1)


@pytest.mark.parametrize("shape", [(1,), (None,)])
def test_one_value_may_stand_for_a_list_of_one(shape):
    schema = Schema(
        (Column("x", "float32", shape=shape), Column("w", "string", shape=shape)), Policy()
    )
    found, _ = schema.validate({"x": [1.5, 2.5], "w": ["a", "b"]}, 2)
    assert found["x"].tolist() == [[1.5], [2.5]]
    assert found["w"].tolist() == [["a"], ["b"]]


def test_no_rows_have_their_shape():
    found, _ = SCHEMA.validate({"x": [], "w": []}, 0)
    assert (found["x"].shape, found["w"].shape) == ((0, 2), (0, 0))


def test_columns_of_tensors_are_cut_stacked_compared_and_pickled():
    whole = columns(X)
    assert concatenate([whole.slice(0, 1), whole.slice(1, 4)]) == whole
    assert pickle.loads(pickle.dumps(whole)) == whole
    assert whole.take([1, 3])["x"].tolist() == X[[1, 3]].tolist()
    assert whole != columns(X + 1)
    assert whole != columns(X, WORDS[:, :2])
    assert whole.nbytes > X.astype(np.int32).nbytes


def test_keys_of_rows_tell_values_and_shapes_apart():
    keys = row_keys(columns([[0, 1], [0, 1], [1, 0]]))
    assert keys[0] == keys[1] != keys[2]
    wide, flat = np.zeros((1, 2, 3)), np.zeros((1, 3, 2))
    assert row_keys(Columns.of({"x": wide})) != row_keys(Columns.of({"x": flat}))


def test_a_cache_gives_back_the_tensors_of_each_row():
    cache = RowCache(CacheLimits(9, 9.0), clock=lambda: 0.0)
    plan = Plan(("m@1",))
    first = cache.find(plan, columns(X[:2]))
    said = Prediction(np.array([None, None], dtype=object), tensors={"y": X[:2] * 10})
    cache.complete(first, Answer(said, ("m@1",)))
    second = cache.find(plan, columns(X[[1, 2, 0]]))
    assert second.missing is not None
    fresh = Prediction(np.array([None], dtype=object), tensors={"y": X[2:3] * 10})
    answer, cached = cache.complete(second, Answer(fresh, ("m@1",)))
    assert cached == 2
    assert answer.prediction.tensors["y"].tolist() == (X[[1, 2, 0]] * 10).tolist()


class Doubling:
    """Models that double tensors, and remember how many rows came at once."""

    def __init__(self):
        self.rows = []

    async def ask(self, version, task, given, deadline):
        self.rows.append(given.rows)
        nothing = np.full(given.rows, None, dtype=object)
        return Prediction(nothing, tensors={"y": given["x"] * 2})


def test_requests_that_go_together_get_their_own_rows_and_other_shapes_go_apart():
    models = Doubling()
    coalesced = CoalescedModels(
        models,
        clock=lambda: 0.0,
        limits=Limits(max_rows=99, max_calls=1, max_waiting_rows=99, slow_call_s=9.0),
    )

    async def asked():
        given = [X[:1], X[1:3], X[:2, :1], X[3:]]
        said = await asyncio.gather(
            *[coalesced.ask("m@1", task_named("predict"), Columns.of({"x": x}), 1.0) for x in given]
        )
        return [(x * 2).tolist() for x in given], [one.tensors["y"].tolist() for one in said]

    wanted, got = asyncio.run(asked())
    assert got == wanted
    assert sorted(models.rows) == [2, 4]

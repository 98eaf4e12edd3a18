"""A cache gives back what the same versions said of the same row, and nothing else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.core.cache import CacheLimits, NoCache, RowCache, row_keys
from serve_app.core.columns import Columns
from serve_app.core.messages import Answer, Failure, Prediction
from serve_app.core.plan import Plan


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class Model:
    """Says of a row which model it is and what the row was; counts the rows it was asked for."""

    def __init__(self, version="a@1", probabilities=True):
        self.version = version
        self.probabilities = probabilities
        self.asked = 0

    def __call__(self, columns):
        self.asked += columns.rows
        x = columns["x"]
        shares = np.column_stack([x, 1 - x]) if self.probabilities else None
        return Answer(Prediction(x * 10, shares), (self.version,))


def rows(*values):
    return Columns.from_block(("x",), np.array(values, dtype=float)[:, np.newaxis])


def ask(cache, model, columns, plan=None):
    found = cache.find(plan or Plan((model.version,)), columns)
    return cache.complete(found, None if found.missing is None else model(found.missing))


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def cache(clock):
    return RowCache(CacheLimits(rows=100, ttl_s=10.0), clock=clock)


def test_a_row_that_one_tenant_asked_is_unknown_to_another(cache):
    plan = Plan(("a@1",))
    for tenant, known in (("a", False), ("a", True), ("b", False), ("", False), ("b", True)):
        found = cache.find(plan, rows(1.0), tenant)
        assert (found.missing is None) == known, tenant
        cache.complete(found, None if known else Model()(found.missing))


def test_a_known_row_is_not_asked_for_again(cache):
    model = Model()
    first, cached = ask(cache, model, rows(1.0))
    assert cached == 0
    again, cached = ask(cache, model, rows(1.0))
    assert (cached, model.asked) == (1, 1)
    assert again.prediction.values.tolist() == first.prediction.values.tolist()
    assert again.variants == ("a@1",)


def test_of_a_batch_only_the_unknown_rows_are_asked_for(cache):
    model = Model()
    ask(cache, model, rows(1.0, 3.0))
    answer, cached = ask(cache, model, rows(1.0, 2.0, 3.0, 4.0))
    assert (cached, model.asked) == (2, 4)
    assert answer.prediction.values.tolist() == [10.0, 20.0, 30.0, 40.0]
    assert answer.prediction.probabilities[:, 0].tolist() == [1.0, 2.0, 3.0, 4.0]


@given(
    batches=st.lists(st.lists(st.sampled_from([0.0, -0.0, 1.0, np.nan, 2.5]), max_size=6)),
    versions=st.lists(st.sampled_from(["a@1", "b@1", "a@2"]), min_size=1),
)
def test_a_cache_changes_no_answer(batches, versions):
    cache = RowCache(CacheLimits(rows=3, ttl_s=10.0), clock=Clock())
    for number, values in enumerate(batches):
        model = Model(versions[number % len(versions)])
        columns = rows(*values)
        answer, _ = ask(cache, model, columns)
        direct = model(columns)
        assert answer.prediction.values.tobytes() == direct.prediction.values.tobytes()
        assert answer.variants == direct.variants
        assert len(cache) <= 3


def test_versions_never_share_an_answer(cache):
    ask(cache, Model("a@1"), rows(1.0))
    model = Model("b@1")
    assert ask(cache, model, rows(1.0))[0].variants == ("b@1",)
    assert model.asked == 1


def test_what_another_than_the_planned_version_answered_is_not_remembered(cache):
    plan = Plan(("a@1", "b@1"))
    ask(cache, Model("b@1"), rows(1.0), plan)
    model = Model("a@1")
    ask(cache, model, rows(1.0), plan)
    assert model.asked == 1


def test_rows_that_are_known_stand_beside_what_another_version_says_of_the_rest(cache):
    plan = Plan(("a@1", "b@1"))
    ask(cache, Model("a@1"), rows(1.0, 3.0), plan)
    answer, cached = ask(cache, Model("b@1"), rows(1.0, 2.0, 3.0), plan)
    assert cached == 2
    assert answer.variants == ("a@1", "b@1")
    assert answer.prediction.values.tolist() == [10.0, 20.0, 30.0]


@pytest.mark.parametrize(
    "spoiled", [{"fallback": True}, {"left_out": (Failure("c@1", "not_ready"),)}]
)
def test_an_answer_in_need_is_not_remembered(cache, spoiled):
    found = cache.find(Plan(("a@1",)), rows(1.0))
    cache.complete(found, Answer(Prediction(np.array([5.0])), ("a@1",), **spoiled))
    assert len(cache) == 0


def test_all_members_of_an_ensemble_are_in_its_key(cache):
    both, one = Plan(("a@1", "b@1"), together=True), Plan(("a@1",))
    found = cache.find(both, rows(1.0))
    cache.complete(found, Answer(Prediction(np.array([7.0])), ("a@1", "b@1")))
    assert cache.find(one, rows(1.0)).missing is not None
    assert cache.find(both, rows(1.0)).missing is None


def test_a_row_is_forgotten_after_its_time(cache, clock):
    model = Model()
    ask(cache, model, rows(1.0))
    clock.now = 9.9
    ask(cache, model, rows(1.0))
    assert model.asked == 1
    clock.now = 10.0
    ask(cache, model, rows(1.0))
    assert model.asked == 2


def test_the_least_recently_used_row_leaves_first(clock):
    cache = RowCache(CacheLimits(rows=2, ttl_s=10.0), clock=clock)
    model = Model(probabilities=False)
    for value in (1.0, 2.0, 1.0, 3.0):
        ask(cache, model, rows(value))
    asked = model.asked
    ask(cache, model, rows(1.0))
    assert model.asked == asked
    ask(cache, model, rows(2.0))
    assert model.asked == asked + 1


def test_hits_are_counted(cache):
    ask(cache, Model(), rows(1.0, 2.0))
    ask(cache, Model(), rows(1.0, 3.0))
    assert (cache.hits, cache.rows) == (1, 4)


def test_no_rows_are_no_hit(cache):
    answer, cached = ask(cache, Model(), rows())
    assert (len(answer.prediction.values), cached) == (0, 0)


def test_rows_of_mixed_types_are_told_apart():
    columns = Columns.of(
        {
            "n": np.array([1, 1, 1, 2]),
            "x": np.array([0.0, -0.0, 0.0, 0.0]),
            "t": np.array(["a", "a", None, "a"], dtype=object),
        }
    )
    assert len(set(row_keys(columns))) == 4
    assert row_keys(columns) == row_keys(columns.slice(0, 4))


def test_equal_bytes_of_different_types_are_different_rows():
    whole = Columns.of({"x": np.array([0], dtype=np.int64)})
    real = Columns.of({"x": np.array([0.0])})
    assert row_keys(whole) != row_keys(real)


def test_without_a_cache_everything_is_asked_for():
    model = Model()
    answer, cached = ask(NoCache(), model, rows(1.0))
    assert (cached, model.asked) == (None, 1)
    assert answer.variants == ("a@1",)

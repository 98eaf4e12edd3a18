"""First come, first served, alike with alike, and nobody lost or served twice."""

import itertools
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.core.columns import Columns
from serve_app.core.waiting import BatchQueue, Item, kind_of


@dataclass
class Waiting:
    """A queue, and a way to let items wait in it that are numbered as they come."""

    queue: BatchQueue
    numbers: itertools.count

    def add(self, rows, kind="k", nbytes=0, flow=None):
        sized = SimpleNamespace(rows=rows, nbytes=nbytes)
        number = next(self.numbers)
        item = Item(sized, 0.0, number, kind=(kind,), future=None, flow=flow)
        self.queue.add(item)
        return item


def waiting(max_rows=1000):
    return Waiting(BatchQueue(max_rows), itertools.count())


def numbers(batch):
    return [item.number for item in batch]


def drained(queue, max_rows):
    return list(iter(lambda: queue.take(max_bytes=10**9, max_rows=max_rows), []))


def test_nobody_waits_in_a_new_queue():
    queue = waiting().queue
    assert queue.rows == 0
    assert queue.take(max_bytes=10**9, max_rows=10) == []
    assert queue.clear() == []


def test_a_batch_is_of_the_kind_of_whoever_waits_longest():
    here = waiting()
    for kind in "abab":
        here.add(1, kind)
    assert [numbers(batch) for batch in drained(here.queue, 10)] == [[0, 2], [1, 3]]


def test_a_kind_whose_oldest_has_left_gives_way_to_the_next_oldest():
    here = waiting()
    first, *_ = [here.add(1, kind) for kind in "aba"]
    here.queue.discard(first)
    assert [numbers(batch) for batch in drained(here.queue, 10)] == [[1], [2]]


def test_a_batch_ends_before_the_first_that_no_longer_fits_and_nobody_overtakes():
    here = waiting()
    for rows in (2, 3, 1):
        here.add(rows)
    assert [numbers(batch) for batch in drained(here.queue, 4)] == [[0], [1, 2]]


def test_whoever_is_larger_than_any_batch_goes_alone():
    here = waiting()
    for rows in (1, 9, 1):
        here.add(rows)
    assert [numbers(batch) for batch in drained(here.queue, 4)] == [[0], [1], [2]]


def test_those_without_rows_go_along():
    here = waiting()
    for rows in (0, 4, 0, 0):
        here.add(rows)
    assert [numbers(batch) for batch in drained(here.queue, 4)] == [[0, 1, 2, 3]]


@pytest.mark.parametrize(("rows", "fits"), [(0, True), (3, True), (4, False)])
def test_there_is_room_up_to_the_last_row(rows, fits):
    here = waiting(max_rows=5)
    here.add(2)
    assert here.queue.has_room(rows) is fits


def test_the_first_always_has_room():
    here = waiting(max_rows=5)
    assert here.queue.has_room(50)
    item = here.add(50)
    assert not here.queue.has_room(1)
    here.queue.discard(item)
    assert here.queue.has_room(50)


def test_whoever_left_or_was_taken_cannot_leave_again():
    here = waiting()
    left, taken, stays = here.add(1), here.add(2), here.add(4)
    here.queue.discard(left)
    assert numbers(here.queue.take(max_bytes=10**9, max_rows=2)) == [1]
    for item in (left, taken):
        here.queue.discard(item)
        assert not item.waits
    assert here.queue.rows == 4
    assert stays.waits


def test_clearing_takes_everybody_out():
    here = waiting()
    for kind in "aba":
        here.add(2, kind)
    assert sorted(numbers(here.queue.clear())) == [0, 1, 2]
    assert here.queue.rows == 0
    assert here.queue.take(max_bytes=10**9, max_rows=10) == []
    here.add(1)
    assert numbers(here.queue.take(max_bytes=10**9, max_rows=10)) == [3]


COMES = st.tuples(st.just("comes"), st.integers(0, 6), st.sampled_from("abc"))
LEAVES = st.tuples(st.just("leaves"), st.integers(0, 40))
TAKES = st.tuples(st.just("takes"), st.integers(1, 8))


@given(st.lists(st.one_of(COMES, COMES, LEAVES, TAKES), max_size=60))
def test_everybody_is_taken_once_in_turn_with_their_kind_unless_they_left(happenings):
    here, everybody, still = waiting(), [], []
    for what, *how in happenings:
        if what == "comes":
            everybody.append(here.add(*how))
            still.append(everybody[-1])
        elif what == "leaves" and everybody:
            item = everybody[how[0] % len(everybody)]
            here.queue.discard(item)
            still = [other for other in still if other is not item]
        elif what == "takes":
            batch = here.queue.take(max_bytes=10**9, max_rows=how[0])
            alike = [item for item in still if item.kind == still[0].kind]
            assert numbers(batch) == numbers(alike[: len(batch)])
            assert bool(batch) == bool(still)
            assert len(batch) <= 1 or sum(item.columns.rows for item in batch) <= how[0]
            more = alike[len(batch) : len(batch) + 1]
            assert all(
                sum(item.columns.rows for item in [*batch, following]) > how[0]
                for following in more
            )
            still = [item for item in still if item not in batch]
        assert here.queue.rows == sum(item.columns.rows for item in still)
    assert sorted(numbers(here.queue.clear())) == numbers(still)


def block(*names, dtype=float, rows=1):
    return Columns.from_block(names, np.zeros((rows, len(names)), dtype=dtype))


def apart(**dtypes):
    return Columns.of({name: np.zeros(1, dtype=dtype) for name, dtype in dtypes.items()})


def test_rows_of_the_same_names_and_types_are_alike_however_many():
    assert kind_of(block("a", "b")) == kind_of(block("a", "b", rows=7))
    assert kind_of(apart(a=float, b=object)) == kind_of(apart(a=float, b=object))


KINDS = [
    block("a", "b"),
    block("b", "a"),
    block("a"),
    block("a", "b", dtype=np.float32),
    block("a", "b", dtype=object),
    apart(a=float, b=float),
    apart(a=float, b=np.float32),
    apart(a=np.float32, b=float),
    apart(a=float, b=object),
    apart(a=int, b=float),
]


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(KINDS, 2)))
def test_other_names_types_or_shapes_are_of_another_kind(one, other):
    assert kind_of(one) != kind_of(other)


def test_a_batch_ends_before_too_many_bytes_and_what_is_larger_goes_alone():
    here = waiting()
    for nbytes in (60, 40, 1, 500, 10):
        here.add(1, nbytes=nbytes)
    batches = [numbers(here.queue.take(max_rows=100, max_bytes=100)) for _ in range(3)]
    assert batches == [[0, 1], [2], [3]]


def test_the_bytes_of_columns_are_about_those_of_their_values():
    block = Columns.from_block(("a", "b"), np.zeros((3, 2)))
    assert block.nbytes == 48
    text = np.array(["four", None], dtype=object)
    mixed = Columns.of({"n": np.zeros(2, np.int32), "t": text})
    assert mixed.nbytes == 8 + 16 + 4


def test_a_flow_that_floods_waits_for_itself_and_not_before_others():
    here = waiting()
    for _ in range(50):
        here.add(10, flow="flood")
    late = here.add(1, flow="polite")
    batches = [here.queue.take(max_rows=10, max_bytes=10**9) for _ in range(2)]
    assert any(late in batch for batch in batches)


FLOWS = st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 9)), min_size=2, max_size=60)


@given(FLOWS)
def test_flows_that_both_wait_are_served_alike_but_for_their_largest_items(items):
    """Theorem 1 of Goyal, Vin and Cheng (1996), with equal weights."""
    here = waiting(max_rows=10**6)
    largest, left, served = dict.fromkeys("abc", 0), dict.fromkeys("abc", 0), {}
    for flow, rows in items:
        here.add(rows, flow=flow)
        largest[flow] = max(largest[flow], rows)
        left[flow] += 1
    served = dict.fromkeys("abc", 0)
    while here.queue.items:
        (item,) = here.queue.take(max_rows=0, max_bytes=0)
        served[item.flow] += item.columns.rows
        left[item.flow] -= 1
        waiting_still = [flow for flow, many in left.items() if many]
        for one, other in itertools.combinations(waiting_still, 2):
            assert abs(served[one] - served[other]) <= largest[one] + largest[other]


def test_a_flow_that_was_away_has_saved_up_nothing():
    here = waiting()
    for _ in range(6):
        here.add(5, flow="a")
    for _ in range(3):
        here.queue.take(max_rows=5, max_bytes=10**9)
    for _ in range(6):
        here.add(5, flow="b")
    order = [batch[0].flow for batch in drained(here.queue, 5)]
    assert sorted(order[:4]) == ["a", "a", "b", "b"]


def test_who_floods_makes_room_for_another_flow_with_what_came_last():
    here = waiting(max_rows=10)
    flood = [here.add(3, flow="flood") for _ in range(3)]
    assert not here.queue.has_room(2)
    assert here.queue.displaced(2, "polite") == [flood[-1]]
    assert here.queue.has_room(2)
    assert here.queue.rows == 6


@pytest.mark.parametrize(
    ("rows", "flow"),
    [(2, "flood"), (6, "other"), (99, "other")],
    ids=["its own flow", "it would have more itself", "more than there is"],
)
def test_nobody_leaves_where_that_would_not_be_fair(rows, flow):
    here = waiting(max_rows=10)
    for _ in range(3):
        here.add(3, flow="flood")
    assert here.queue.displaced(rows, flow) == []
    assert here.queue.rows == 9


def test_places_of_those_who_left_are_given_up():
    here = waiting(max_rows=10**6)
    stays = here.add(1)
    for _ in range(1000):
        here.queue.discard(here.add(1, flow=object()))
    held = sum(len(alike) for alike in here.queue._kinds.values())
    assert held < 100
    assert here.queue.take(max_rows=10, max_bytes=10**9) == [stays]


def test_flows_that_are_owed_nothing_are_forgotten():
    here = waiting(max_rows=10**6)
    for number in range(5000):
        here.add(0, flow=number)
        here.queue.take(max_rows=0, max_bytes=10**9)
        here.add(0, flow="stays")
    assert len(here.queue._flows) < 2000

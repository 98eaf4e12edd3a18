"""Deltas of many replicas become windows, each counted once, whatever the order and the clock."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.core.columns import Columns
from serve_app.monitoring.binning import Binner, Counts
from serve_app.monitoring.profile.build import profile_of_rows
from serve_app.monitoring.window import Series, Window
from serve_app.monitoring.windows import Delta, Limits, Merged

NOON = 1_700_000_000 // 86_400 * 86_400 + 43_200.0
ONE = Series("diagnosis", "diagnosis-xgb@1", "p1")
OTHER = Series("diagnosis", "diagnosis-xgb@2", "p2")
LENGTHS = (60, 300, 3_600, 86_400)


class Clock:
    """A clock of the world, and one that never jumps."""

    def __init__(self):
        self.now_s, self.steady_s = NOON, 50.0

    def __call__(self):
        return self.now_s

    def steady(self):
        return self.steady_s

    def pass_time(self, seconds):
        self.now_s += seconds
        self.steady_s += seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def merged(clock):
    return Merged(clock, clock.steady)


def delta(at_s, *numbers, series=ONE):
    return Delta(series, at_s, np.array(numbers, dtype=np.int64))


def shown(merged, length_s, series=ONE):
    return {w.key.start_s - NOON: w.vector.tolist() for w in merged.windows(series, length_s)}


def test_a_delta_is_in_the_window_of_every_length(merged):
    assert merged.take("a", 0, [delta(NOON + 61, 1, 2), delta(NOON + 59, 1, 0)])
    assert merged.take("b", 0, [delta(NOON + 100, 5, 5)])
    assert shown(merged, 60) == {0: [1, 0], 60: [6, 7]}
    assert shown(merged, 300) == shown(merged, 3_600) == {0: [7, 7]}
    assert shown(merged, 86_400) == {-43_200: [7, 7]}
    assert merged.series() == [ONE]


def test_a_delivery_that_comes_again_counts_once(merged):
    assert merged.take("a", 0, [delta(NOON, 1)])
    assert not merged.take("a", 0, [delta(NOON, 1)])
    assert merged.take("a", 1, [delta(NOON, 1)])
    assert shown(merged, 60) == {0: [2]}
    assert merged.tally.repeated == 1


def test_windows_are_asked_for_by_time(merged):
    merged.take("a", 0, [delta(NOON + 60 * at, 1) for at in range(-3, 1)])
    asked = merged.windows(ONE, 60, NOON - 120, NOON)
    assert [w.key.start_s for w in asked] == [NOON - 120, NOON - 60]
    assert merged.windows(OTHER, 60) == merged.windows(ONE, 61) == []


def test_late_counts_are_added_and_counted_as_late(clock, merged):
    merged.take("a", 0, [delta(NOON, 1)])
    clock.pass_time(600)
    merged.take("a", 1, [delta(NOON + 600, 1)])
    assert merged.tally.late == 0
    merged.take("a", 2, [delta(NOON + 1, 4)])
    assert merged.tally.late == 1
    assert shown(merged, 60) == {0: [5], 600: [1]}
    assert shown(merged, 3_600) == {0: [6]}


def test_old_windows_go_and_coarser_ones_stay(clock, merged):
    merged.take("a", 0, [delta(NOON, 1)])
    for hours, there in [(1, LENGTHS), (3, LENGTHS[1:]), (14, LENGTHS[2:]), (24 * 20, LENGTHS[3:])]:
        clock.pass_time(NOON + hours * 3_600 - clock.now_s)
        merged.take("a", hours, [delta(clock.now_s, 1)])
        kept = [
            length for length in LENGTHS if NOON // length * length - NOON in shown(merged, length)
        ]
        assert tuple(kept) == there
    clock.pass_time(402 * 86_400)
    merged.take("a", 1000, [delta(clock.now_s, 1, series=OTHER)])
    assert merged.series() == [OTHER]


def test_counts_older_than_what_is_kept_are_in_the_coarser_windows_alone(merged):
    merged.take("a", 0, [delta(NOON, 1), delta(NOON - 5 * 3_600, 1), delta(NOON - 500 * 86_400, 1)])
    assert shown(merged, 60) == {0: [1]}
    assert shown(merged, 300) == {0: [1], -5 * 3_600: [1]}
    assert (merged.tally.late, merged.tally.expired) == (2, 1)


def test_counts_from_the_future_are_counted_now(merged):
    merged.take("a", 0, [delta(NOON + 100, 1), delta(NOON + 10_000_000, 1), delta(-5.0, 1)])
    assert shown(merged, 60) == {0: [1], 60: [1]}
    assert (merged.tally.future, merged.tally.expired) == (1, 1)


def test_a_clock_that_jumps_a_year_ahead_costs_nothing(clock, merged):
    merged.take("a", 0, [delta(NOON, 1)])
    clock.now_s += 365 * 86_400
    for at in range(1, 200):
        merged.take("a", at, [delta(clock.now_s + at, 1)])
    assert shown(merged, 60)[0] == [1]
    clock.now_s = NOON + 60
    clock.steady_s += 60
    merged.take("a", 200, [delta(NOON + 60, 1)])
    assert {0: [1], 60: [1]}.items() <= shown(merged, 60).items()
    assert merged.tally.expired == 0


def test_a_clock_that_starts_in_1970_and_is_put_right_does_not_fill_the_memory(clock):
    clock.now_s = 100.0
    merged = Merged(clock, clock.steady)
    clock.now_s = NOON
    for at in range(500):
        clock.pass_time(60)
        merged.take("a", at, [delta(clock.now_s, 1)])
    assert len(merged.windows(ONE, 60)) <= 120 + 60 + 2


def test_a_clock_that_goes_back_loses_nothing(clock, merged):
    merged.take("a", 0, [delta(NOON, 1)])
    clock.now_s -= 1800
    merged.take("a", 1, [delta(NOON - 1800, 1)])
    assert shown(merged, 60) == {0: [1], -1800: [1]}


@pytest.mark.parametrize(
    ("odd", "words"),
    [
        (delta(NOON, 1, 2, 3), "3 numbers, and were 2 before"),
        (delta(NOON, 1, -2), "negative"),
        (delta(NOON, 2**60, 1), "more than can be"),
        (delta(float("nan"), 1, 2), "no time"),
        (Delta(ONE, NOON, np.array([1.0, 2.0])), "no vector of integers"),
        (Delta(ONE, NOON, np.array([[1, 2]])), "no vector of integers"),
        (Delta(ONE, NOON, np.array(1)), "no vector of integers"),
    ],
)
def test_of_a_delivery_that_is_wrong_somewhere_nothing_is_counted(merged, odd, words):
    with pytest.raises(ValueError, match=words):
        merged.take("a", 0, [delta(NOON, 1, 2), odd])
    assert merged.series() == []
    assert merged.take("a", 0, [delta(NOON, 1, 2)])


def test_there_are_only_so_many_series(clock):
    merged = Merged(clock, clock.steady, Limits(series=1))
    merged.take("a", 0, [delta(NOON, 1), delta(NOON, 1, series=OTHER), delta(NOON, 1)])
    assert merged.series() == [ONE]
    assert shown(merged, 60) == {0: [2]}
    assert merged.tally.refused == 1


def test_what_is_over_is_packed_and_still_added_to(clock, merged):
    merged.take("a", 0, [delta(NOON, *([1] * 1000))])
    before = merged.nbytes
    clock.pass_time(86_400)
    merged.tend()
    assert merged.nbytes < before / 7
    merged.take("a", 1, [delta(NOON, *([1] * 1000))])
    assert merged.windows(ONE, 3_600)[0].vector.tolist() == [2] * 1000


deltas = st.lists(
    st.tuples(
        st.sampled_from([ONE, OTHER]),
        st.floats(-6_000, 100),
        st.lists(st.integers(0, 1000), min_size=3, max_size=3),
    ),
    max_size=12,
)


@given(deltas, st.integers(1, 3), st.randoms(use_true_random=False))
def test_any_order_with_repeats_and_a_restart_gives_the_same_windows(made, replicas, order):
    deliveries = [
        (f"r{place % replicas}", place // replicas, [delta(NOON + at, *numbers, series=series)])
        for place, (series, at, numbers) in enumerate(made)
    ]
    clock = Clock()
    once = Merged(clock, clock.steady)
    once.take("all", 0, [one for *_, delivery in deliveries for one in delivery])
    arriving = deliveries + order.sample(deliveries, len(deliveries) // 2)
    order.shuffle(arriving)
    merged, stored = Merged(clock, clock.steady), {}
    restart = order.randint(0, len(arriving))
    for place, delivery in enumerate(arriving):
        merged.take(*delivery)
        if place == restart:
            changed, gone = merged.changes()
            stored.update({window.key: window.encode() for window in changed})
            assert not gone
            state, merged = merged.state(), Merged(clock, clock.steady)
            merged.restore(map(Window.decode, stored.values()), state)
    assert merged.series() == once.series()
    for series in once.series():
        for length in LENGTHS:
            assert shown(merged, length, series) == shown(once, length, series)
        minutes = [window.vector for window in merged.windows(series, 60)]
        days = [window.vector for window in merged.windows(series, 86_400)]
        assert np.sum(minutes, axis=0).tolist() == np.sum(days, axis=0).tolist()


def test_changes_are_those_since_the_last_time(clock, merged):
    merged.take("a", 0, [delta(NOON, 1)])
    assert len(merged.changes()[0]) == 4
    assert merged.changes() == ([], [])
    clock.pass_time(3 * 3_600)
    merged.take("a", 1, [delta(clock.now_s, 1)])
    changed, gone = merged.changes()
    assert [(w.key.length_s, w.key.start_s - NOON) for w in changed if w.key.length_s < 3_600] == [
        (60, 10_800),
        (300, 10_800),
    ]
    assert [(key.length_s, key.start_s - NOON) for key in gone] == [(60, 0)]


def test_windows_of_one_series_that_differ_in_size_are_not_restored(clock, merged):
    merged.take("a", 0, [delta(NOON, 1)])
    one = merged.changes()[0]
    other = Merged(clock, clock.steady)
    other.take("a", 0, [delta(NOON, 1, 2)])
    with pytest.raises(ValueError, match="differ in how many numbers"):
        Merged(clock, clock.steady).restore([*one, *other.changes()[0]], merged.state())


def test_rows_that_gateways_count_are_those_of_one_pass(clock, merged):
    rng = np.random.default_rng(0)
    columns = Columns.of({"x": rng.normal(size=900), "y": rng.integers(0, 5, 900)})
    binner = Binner(profile_of_rows(columns, None))
    series = Series("e", "m@1", binner.layout.digest)
    for place in range(9):
        part = binner.count(columns.slice(100 * place, 100 * place + 100))
        merged.take(f"gateway {place % 3}", place // 3, [Delta(series, NOON + place, part.vector)])
    (hour,) = merged.windows(series, 3_600)
    counts = Counts(binner.layout, hour.vector)
    assert counts.vector.tolist() == binner.count(columns).vector.tolist()
    assert counts.rows == 900

"""Recorded rows, read once for several watches."""

import pytest

from serve_app.errors import NotFound
from serve_app.monitoring.sum_windows import Part
from serve_app.serving.watches import recent_rows
from serve_app.serving.watches.recent_rows import MOST_ROWS
from tests.unit.serving.monitor_house import NOON_S
from tests.unit.serving.watches.whole_people import home, minutes, people


@pytest.fixture
def house(tmp_path):
    return home(tmp_path)


def recent(work):
    return work.watch("multivariate")._recent


def lengths(blocks):
    return [(one.start_s - NOON_S, 0 if one.rows is None else len(one.rows)) for one in blocks]


def test_blocks_follow_each_other_up_to_what_has_surely_come(house):
    work = house.monitor()
    minutes(house, work, [people(10, minute) for minute in range(12)])
    blocks = list(recent(work).since({"risk": NOON_S}, 3_600))
    assert lengths(blocks) == [(0, 50), (300, 50)]
    assert list(recent(work).since({"risk": NOON_S + 600}, 3_600)) == []
    assert lengths(recent(work).since({"risk": NOON_S + 660}, 60)) == [(660, 10)]
    assert list(recent(work).since({"risk": NOON_S}, 3_600, among=())) == []


def test_at_first_and_after_a_long_stop_two_hours_are_read(house):
    work = house.monitor()
    minutes(house, work, [people(10, 1)])
    for positions in ({}, {"risk": NOON_S - 30 * 86_400}):
        blocks = lengths(recent(work).since(positions, 3_600))
        assert blocks[0][0] == -7_200
    # The clock was set back: nothing is read twice, and reading goes on.
    assert lengths(recent(work).since({"risk": NOON_S + 9_999}, 3_600)) == []


def test_a_block_is_read_once_and_only_where_something_was_counted(house, monkeypatch):
    work = house.monitor()
    minutes(house, work, [people(10, minute) for minute in range(6)])
    real, read = recent_rows.recorded_rows, []

    def counted(files, wanted, **how):
        read.append(wanted.since_s)
        return real(files, wanted, **how)

    monkeypatch.setattr(recent_rows, "recorded_rows", counted)
    for _ in range(2):
        list(recent(work).since({"risk": NOON_S - 3_600}, 3_600))
    assert read == [NOON_S]


def test_of_a_block_so_many_rows_are_read_at_most(house):
    work = house.monitor()
    minutes(house, work, [people(MOST_ROWS + 100, 1)] + [people(1, 2)] * 5)
    ((_, rows),) = lengths(recent(work).since({"risk": NOON_S}, 3_600))
    assert rows == MOST_ROWS


def test_rows_are_held_against_the_version_that_answered(house):
    work = house.monitor()
    minutes(house, work, [people(10, minute) for minute in range(6)])
    (block,) = recent(work).since({"risk": NOON_S}, 3_600)
    ((part, reference, rows),) = recent(work).parts(block)
    assert part == Part("risk", "risk@1")
    assert reference.whole is reference.profile.whole_rows
    assert len(rows) == 50
    gone = block._replace(endpoint="gone")
    assert list(recent(work).parts(gone)) == []


def test_a_row_has_its_values_as_long_as_they_are_kept(house):
    work = house.monitor()
    frame = people(3, 1)
    minutes(house, work, [frame])
    blocks = recent(work).since({"risk": NOON_S}, 60)
    ids = next(iter(blocks)).rows.prediction_ids
    values = recent(work).values("risk", ids[1], 1)
    assert values == {name: frame[name].iloc[1] for name in frame}
    assert recent(work).values("risk", ids[1], 7) == {}
    assert recent(work).values("risk", "0" * 32, 0) == {}


def test_watches_that_are_not_there_are_not_found(house):
    with pytest.raises(NotFound, match="multivariate"):
        house.monitor().watch("nothing")

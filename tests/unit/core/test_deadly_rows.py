"""Rows that ended two replicas are known by their values, for ten minutes."""

import pytest

from serve_app.core import deadly_rows
from serve_app.core.deadly_rows import REFUSED_S, DeadlyRows
from serve_app.errors import RowsRefused
from tests.clocks import Clock


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def rows(clock):
    return DeadlyRows("m@1", clock=clock)


A, B, C = ("d", b"a"), ("d", b"b"), ("d", b"c")


def test_a_row_that_was_alone_is_refused_in_whichever_request_it_comes(rows):
    assert "m@1" in rows.condemn([A]).message
    with pytest.raises(RowsRefused, match="these rows have ended two replicas of m@1"):
        rows.require_harmless([A])
    with pytest.raises(RowsRefused, match="row 1 has ended") as caught:
        rows.require_harmless([B, A])
    assert caught.value.details == {"row": 1}
    rows.require_harmless([B])


def test_of_several_rows_the_request_is_known_and_none_of_them_alone(rows):
    rows.condemn([A, B])
    with pytest.raises(RowsRefused):
        rows.require_harmless([A, B])
    for harmless in ([A], [B], [B, A], [A, B, C]):
        rows.require_harmless(harmless)


def test_after_ten_minutes_they_may_be_tried_again(rows, clock):
    rows.condemn([A])
    clock.now_s = REFUSED_S - 1
    assert rows.refused == 1
    with pytest.raises(RowsRefused):
        rows.require_harmless([A])
    clock.now_s = REFUSED_S
    rows.require_harmless([A])
    assert rows.refused == 0


def test_a_request_is_suspected_as_long_as_one_of_its_copies_is_tried(rows):
    with rows.suspecting([A]):
        with rows.suspecting([A]):
            assert rows.suspects([A])
        assert rows.suspects([A])
        assert rows.suspects([B, A])
        assert not rows.suspects([B])
        assert not rows.is_empty
    assert not rows.suspects([A])
    assert rows.is_empty


def test_the_oldest_is_forgotten_where_there_would_be_too_many(rows, monkeypatch):
    monkeypatch.setattr(deadly_rows, "MOST_REFUSED", 2)
    for key in (A, B, C):
        rows.condemn([key])
    rows.require_harmless([A])
    for key in (B, C):
        with pytest.raises(RowsRefused):
            rows.require_harmless([key])

"""Sums in windows of time, and alarms of which they are the reason."""

import json

import pytest

from serve_app.monitoring.sum_windows import Closed, Part, SumWindows

A, B = Part("risk", "risk@1"), Part("fraud", "fraud@2")


def windows():
    return SumWindows(60, alarm_windows=2, of_windows=3)


def test_a_window_closes_once_all_of_its_rows_are_read():
    sums = windows()
    sums.add(A, 60, (2.0, 3.0))
    sums.add(A, 119.9, (1.0, 0.5))
    sums.add(B, 61, (7.0, 7.0))
    sums.add(A, 120, (9.0, 9.0))
    assert sums.close({"risk": 119, "fraud": 100}) == []
    assert sums.close({"risk": 120, "fraud": 100}) == [Closed(A, 60, (3.0, 3.5))]
    assert sums.close({"risk": 180, "fraud": 120}) == [
        Closed(B, 60, (7.0, 7.0)), Closed(A, 120, (9.0, 9.0)),
    ]  # fmt: skip
    assert sums.close({"risk": 500, "fraud": 500}) == []


def test_windows_of_endpoints_that_are_gone_go():
    sums = windows()
    sums.add(A, 60, (2.0,))
    assert sums.close({}) == []
    assert sums.close({"risk": 500}) == []


def test_an_alarm_stands_while_two_of_the_last_three_windows_were_unusual():
    sums = windows()
    stood = []
    for unusual in (True, False, True, False, False, True, True, True):
        sums.note(A, is_unusual=unusual)
        stood.append(sums.stands(A))
    assert stood == [False, False, True, False, False, False, True, True]
    assert not sums.stands(B)
    sums.keep({B})
    assert not sums.stands(A)


@pytest.mark.parametrize("length_s", [60, 300])
def test_another_process_goes_on_unless_windows_are_of_another_length(length_s):
    sums = windows()
    sums.add(A, 60, (2.0, 3.0))
    sums.note(A, is_unusual=True)
    sums.note(A, is_unusual=True)
    again = SumWindows(length_s, alarm_windows=2, of_windows=3)
    again.restore(json.loads(json.dumps(sums.to_json())))
    assert again.stands(A) is (length_s == 60)
    again.add(A, 70, (1.0, 1.0))
    (closed,) = again.close({"risk": 400})
    assert closed.sums == ((3.0, 4.0) if length_s == 60 else (1.0, 1.0))

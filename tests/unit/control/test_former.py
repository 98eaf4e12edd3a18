"""The version that an alias named before is known by the moves of the alias."""

import datetime as dt

import pytest

from serve_app.control.former import former_versions
from serve_app.registry.aliases import AliasMove


def moves(*numbers):
    """One move at each full minute of an hour in 2026, the first at its beginning."""
    former, made = None, []
    for minute, number in enumerate(numbers):
        at = dt.datetime(2026, 5, 1, 12, minute, tzinfo=dt.UTC).isoformat()
        made.append(AliasMove(number, former, at, "ada"))
        former = number
    return made


NOON_S = dt.datetime(2026, 5, 1, 12, tzinfo=dt.UTC).timestamp()


@pytest.mark.parametrize(
    ("numbers", "former"),
    [
        ([], None),
        ([1], None),
        ([1, 2], 1),
        ([1, 2, 2], 1),
        ([1, 2, 3], 2),
        ([1, 2, 1], 2),
        ([1, None, 2], 1),
        ([1, 2, None], None),
    ],
)
def test_it_is_the_last_one_that_is_not_named_now(numbers, former):
    kept = former_versions(["m@champion"], {"m": {"champion": moves(*numbers)}}, NOON_S, 3600.0)
    assert kept == ({} if former is None else {"m@champion": f"m@{former}"})


def test_it_is_kept_for_so_long_since_it_was_replaced():
    histories = {"m": {"champion": moves(1, 2, 2)}}
    kept = {"m@champion": "m@1"}
    assert former_versions(["m@champion"], histories, NOON_S + 60 + 299, 300.0) == kept
    assert former_versions(["m@champion"], histories, NOON_S + 60 + 300, 300.0) == {}
    assert former_versions(["m@champion"], histories, NOON_S, 0.0) == kept
    assert former_versions(["m@champion"], histories, NOON_S + 60, 0.0) == {}


def test_a_move_whose_moment_nobody_can_read_keeps_nothing():
    histories = {"m": {"champion": [*moves(1), AliasMove(2, 1, "yesterday", "ada")]}}
    assert former_versions(["m@champion"], histories, NOON_S, 3600.0) == {}

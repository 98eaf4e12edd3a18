"""What is guaranteed of assignment holds, with fewer users than the full simulation has."""

import pytest

from benchmarks.simulate.__main__ import main
from benchmarks.simulate.assignment import rows, total_variation


def test_every_guarantee_holds():
    measured = rows(users=10_000, seeds=200)
    assert len(measured) == 23
    assert [row for row in measured if not row.ok] == []


@pytest.mark.parametrize(
    ("old", "new", "least"),
    [([50, 50], [60, 40], 0.1), ([9, 1], [1, 1], 0.4), ([1, 1, 1, 1], [4, 3, 2, 1], 0.2)],
)
def test_the_least_that_has_to_move_is_the_total_variation_distance(old, new, least):
    assert total_variation(old, new) == pytest.approx(least)


def test_it_is_simulated_with_all_other_guarantees(capsys):
    assert main(["--only", "assignment", "--effort", "0.1"]) == 0
    assert "users in two experiments of a layer" in capsys.readouterr().out

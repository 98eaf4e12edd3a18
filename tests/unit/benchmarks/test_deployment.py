"""Figures that several cases of a test keep."""

from benchmarks.deployment import largest


def test_of_several_figures_of_one_name_the_largest_stands():
    assert largest([("rebuild_s", 9.0), ("layer_mb", 3.0), ("rebuild_s", 4.0)]) == {
        "rebuild_s": 9.0,
        "layer_mb": 3.0,
    }

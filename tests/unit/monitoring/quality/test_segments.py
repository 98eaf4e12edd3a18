"""Segments are a short list, and what is not on it is counted."""

import pytest

from serve_app.errors import ConfigError
from serve_app.monitoring.quality.segments import (
    Segment,
    SegmentRule,
    segment_rule,
    segment_text,
)


def test_a_row_belongs_to_the_segments_on_the_list():
    rule = SegmentRule.checked({"region": ["north", "south"], "age": [1, 2]})
    assert rule.of({"region": "north", "age": "2"}) == (
        Segment("region", "north"),
        Segment("age", "2"),
    )
    assert rule.of({"region": "west", "age": "1"}) == (
        Segment("region", "other"),
        Segment("age", "1"),
    )


def test_a_missing_value_is_in_no_segment():
    rule = SegmentRule.checked({"region": ["None"]})
    assert rule.of({}) == ()


def test_of_columns_without_values_all_count():
    rule = segment_rule(["region", "age"])
    assert rule.of({"region": "anywhere"}) == (Segment("region", "anywhere"),)
    assert segment_rule({"age": [1, True]}).to_json() == {"age": ["1", "true"]}


def test_values_are_told_apart_as_labels_are():
    assert [segment_text(one) for one in (1, 1.0, "1", True, 0.5)] == ["1", "1", "1", "true", "0.5"]
    assert len(segment_text("x" * 1000)) == 100


def test_as_many_as_are_allowed_are_taken():
    rule = SegmentRule.checked({f"c{i}": range(10) for i in range(5)})
    assert len(rule.to_json()) == 5


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({f"c{i}": ["a"] for i in range(6)}, "6 columns"),
        ({"region": range(11)}, "'region' names 11 values"),
        ({"region": []}, "'region' names no values"),
        ({"region": ["1", 1]}, "'region' names '1' twice"),
    ],
)
def test_more_is_refused(columns, words):
    with pytest.raises(ConfigError, match=words):
        SegmentRule.checked(columns)


def test_columns_are_few_and_each_comes_once():
    with pytest.raises(ConfigError, match="6 columns"):
        segment_rule([f"c{i}" for i in range(6)])
    with pytest.raises(ConfigError, match="'plan' is named twice"):
        segment_rule(["plan", "plan"])

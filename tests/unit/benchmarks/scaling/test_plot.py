"""Places in the picture, and that it is one."""

import xml.etree.ElementTree as ET

import pytest

from benchmarks.scaling.figures import Count, Sample
from benchmarks.scaling.plot import drawn
from benchmarks.scaling.timeline import Second
from benchmarks.svg import Scale, powers, ticks

SVG = "{http://www.w3.org/2000/svg}"


def test_values_lie_between_the_ends_of_their_scale() -> None:
    scale = Scale(0, 200, 100, 500)
    assert [scale.at(value) for value in (0, 50, 200)] == [100, 200, 500]
    assert (scale.at(-1), scale.at(900)) == (100, 500)


def test_powers_of_ten_are_equally_far_apart_and_up_is_less() -> None:
    scale = Scale(1, 1000, 300, 0, log=True)
    assert [scale.at(value) for value in (1, 10, 100, 1000)] == [300, 200, 100, 0]
    assert scale.at(0) == 300


@pytest.mark.parametrize(
    ("high", "expected"),
    [
        (2, [0, 0.5, 1, 1.5, 2]),
        (58, [0, 20, 40, 60]),
        (200, [0, 50, 100, 150, 200]),
        (1234, [0, 500, 1000, 1500]),
        (0, [0]),
    ],
)
def test_ticks_are_round_and_reach_the_highest_value(high: float, expected: list[float]) -> None:
    assert ticks(high) == pytest.approx(expected)


def test_powers_of_ten_surround_all_values() -> None:
    assert powers(3, 700) == [1, 10, 100, 1000]
    assert powers(10, 10) == [10, 100]


def picture() -> ET.Element:
    seconds = [Second(at_s, 10, 9, 1, 5.0, None if at_s == 2 else 50.0) for at_s in range(6)]
    samples = [
        Sample(float(at_s), {"a&b": Count(1 + (at_s > 3), 1 + (at_s > 1)), "still": Count(1, 1)}, 1)
        for at_s in range(6)
    ]
    return ET.fromstring(drawn("<a title>", seconds, samples, [(2.0, "3 of capacity")]))


def test_the_picture_says_what_its_lines_are() -> None:
    words = ["".join(text.itertext()) for text in picture().iter(f"{SVG}text")]
    for expected in ("offeredanswered", "99th percentilemedian", "3 of capacity", "latency, ms"):
        assert expected in words
    # Deployments whose replicas never change would only hide the others.
    assert "a&b" in words
    assert not any("still" in word for word in words)


def test_a_second_without_answers_leaves_a_gap() -> None:
    paths = [path.get("d", "") for path in picture().iter(f"{SVG}path")]
    # Load, wanted and running replicas, the percentile in two pieces, the median.
    assert len(paths) == 2 + 2 + 2 + 1
    assert all(path.startswith("M") for path in paths)


def test_the_picture_follows_the_readers_colours_and_width_and_fetches_nothing() -> None:
    text = ET.tostring(picture(), encoding="unicode")
    assert "prefers-color-scheme: dark" in text
    assert "max-width" in text
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")


def test_nothing_to_show_is_a_picture_all_the_same() -> None:
    assert ET.fromstring(drawn("empty", [], [])).tag == f"{SVG}svg"

"""The frame of case studies: pages that say what was measured, pictures, folders of runs."""

import itertools
import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples.case_study import page
from examples.case_study.plot import (
    Axis,
    Band,
    Boxes,
    Dots,
    Line,
    Mark,
    Panel,
    picture,
    round_values,
)
from examples.case_study.session import CaseStudyError, Session, emptied

PAGE = """# Scores

<!-- measured: scores -->

| a |

<!-- /measured -->

Words.

<!-- measured: rows -->

12 rows

<!-- /measured -->
"""
SVG = "{http://www.w3.org/2000/svg}"


def test_blocks_of_a_page_are_replaced_and_nothing_else():
    blocks = {"scores": "| b |\n| c |", "rows": "13 rows"}
    changed = page.rewritten(PAGE, blocks)
    assert page.measured(changed) == blocks
    assert page.rewritten(changed, page.measured(PAGE)) == PAGE


@pytest.mark.parametrize("blocks", [{"scores": "x"}, {"scores": "x", "rows": "y", "more": "z"}])
def test_a_page_has_the_blocks_that_are_measured(blocks):
    with pytest.raises(ValueError, match=r"the same blocks: (rows|more)"):
        page.rewritten(PAGE, blocks)


@pytest.mark.parametrize(
    ("expected", "actual", "is_equal"),
    [
        ("0.981 of 1,200", "0.982 of 1,200", True),
        ("0.981 of 1,200", "0.983 of 1,200", False),
        ("0.981 of 1,200", "0.981 of 1,201", True),
        ("0.981 of 1,200", "0.981 of 1,202", False),
        ("0.981", "-0.981", False),
        ("forest 3", "linear 3", False),
        ("a\nb", "a", False),
    ],
)
def test_figures_may_differ_by_one_in_their_last_digit(expected, actual, is_equal):
    assert (page.differences(expected, actual) == []) is is_equal


def test_a_table_is_one_of_markdown():
    assert page.table(["a", "b"], [[1, "x"]]) == "| a | b |\n| --- | --- |\n| 1 | x |"


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.integers(3, 8))
def test_round_values_lie_within_bounds_and_evenly(low, width, count):
    values = round_values(low, low + width, count)
    slack = 1e-6 * max(abs(low), width)
    assert all(low - slack <= value <= low + width + slack for value in values)
    steps = [b - a for a, b in itertools.pairwise(values)]
    assert len(values) <= count + 2
    assert all(step == pytest.approx(steps[0], rel=1e-6, abs=slack) for step in steps)


def drawn():
    shapes = (
        Band("80 %", [(0, 1, 3), (10, 2, 4)]),
        Boxes("sold", [(1, 2, 0, 4)], colour=1),
        Line("demand", [(0, 0), (5, 10), (10, 5)], colour=2),
        Dots("seen <3>", [(5, 5)], colour=3),
    )
    axes = Axis("day", 0, 10), Axis("pieces", 0, 10)
    return ET.fromstring(
        picture("Demand & stock", "a line", [Panel("a shop", *axes, shapes, (Mark(5, "today"),))])
    )


def test_a_picture_places_values_by_its_axes():
    path = next(one for one in drawn().iter(f"{SVG}path") if one.get("stroke") == "var(--c2)"
                and len(re.findall("[ML]", one.get("d"))) == 3)  # fmt: skip
    (x0, y0), (x1, y1), (x2, y2) = re.findall(r"([\d.]+),([\d.]+)", path.get("d"))
    left, floor, right, top = map(float, (x0, y0, x2, y1))
    assert (float(x1), float(y2)) == ((left + right) / 2, (top + floor) / 2)
    dot = list(drawn().iter(f"{SVG}circle"))[-1]
    assert (float(dot.get("cx")), float(dot.get("cy"))) == (float(x1), float(y2))


def test_a_picture_names_what_it_draws_and_loads_nothing():
    root = drawn()
    words = [text.text for text in root.iter(f"{SVG}text")]
    assert {"a shop", "day", "pieces", "80 %", "sold", "demand", "seen <3>", "today"} <= set(words)
    text = ET.tostring(root, encoding="unicode")
    assert "prefers-color-scheme: dark" in text
    assert not re.search(r"href|@import|url\(|<script", text)


def test_a_logarithmic_axis_is_even_by_powers():
    axis = Axis("cost", 1, 100, log=True)
    assert [axis.share(value) for value in (1, 10, 100, 1000)] == [0, 0.5, 1, 1]
    assert axis.ticks() == [(1, "1"), (10, "10"), (100, "100")]


def test_only_a_folder_of_case_studies_is_emptied(tmp_path):
    folder = emptied(tmp_path / "mine")
    (folder / "left.csv").write_text("a")
    assert [path.name for path in emptied(folder).iterdir()] == [".case-study"]
    (tmp_path / "other.txt").write_text("a")
    with pytest.raises(CaseStudyError, match="is not empty and was not made by a case study"):
        emptied(tmp_path)
    assert (tmp_path / "other.txt").exists()


def test_a_command_that_fails_says_what_it_printed(tmp_path):
    shown = []
    with Session(tmp_path, 0, shown.append) as session:
        with pytest.raises(CaseStudyError, match=r"ended with 1:\nerror: .*none") as caught:
            session.serve_app("models", "show", "none")
        assert "Traceback" not in str(caught.value)
    assert shown == ["$ serve-app models show none"]


def test_gates_are_a_table_with_how_the_run_ended():
    gates = [
        {"name": "min_rows", "value": 5981.0, "threshold": 200.0, "verdict": "passed"},
        {"name": "champion", "value": -0.012345, "threshold": 0.0, "verdict": "failed"},
        {"name": "loads", "value": None, "threshold": None, "verdict": "passed"},
    ]
    run = {"model": "m", "challenger": 3, "state": "REJECTED", "facts": {"gates": gates}}
    assert page.gates(run).splitlines()[2:] == [
        "| min_rows | 5,981 | 200 | passed |",
        "| champion | -0.0123 | 0 | failed |",
        "| loads |  |  | passed |",
        "",
        "It ended as `REJECTED`: `m@3`.",
    ]

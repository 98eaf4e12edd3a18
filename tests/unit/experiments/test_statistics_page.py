"""What the page says is printed is what is printed."""

import contextlib
import io
import re

import pytest

from serve_app.experiments.effect import difference
from serve_app.experiments.estimate import unadjusted
from serve_app.experiments.group_sequential import classical_design
from serve_app.experiments.plans import AlwaysValidPlan, GroupSequentialPlan
from serve_app.experiments.power import sample_price
from tests.papers import DOCS

PAGE = (DOCS / "statistics.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", PAGE, re.DOTALL)


def test_every_example_has_its_output():
    assert len(EXAMPLES) == PAGE.count("```python") >= 4


@pytest.mark.parametrize(("code", "output"), EXAMPLES)
def test_examples_print_what_the_page_says(code, output):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(code, {})
    assert printed.getvalue() == output


def test_the_price_of_looking_is_that_of_the_page():
    expected = difference(unadjusted(14_748, 0.1, 0.09), unadjusted(14_748, 0.11, 0.0979))
    prices = [
        sample_price(expected, GroupSequentialPlan(classical_design(kind, looks)))
        for kind in ("obrien-fleming", "pocock")
        for looks in (5, 10)
    ]
    watched = sample_price(expected, AlwaysValidPlan(tightest_at=29_496, looks=100))
    cells = [f"{price:.2f}" for price in (*prices, watched)]
    assert f"O'Brien-Fleming | {cells[0]}, {cells[1]} |" in PAGE
    assert f"Pocock | {cells[2]}, {cells[3]} |" in PAGE
    assert f"always valid | {cells[4]} |" in PAGE

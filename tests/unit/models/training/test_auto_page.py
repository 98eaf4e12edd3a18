"""The page says of each estimator of `auto` what is searched, and within which bounds."""

import re
from pathlib import Path

from serve_app.config.pipeline_search import AUTO
from serve_app.models.training.estimators import SPACES

PAGE = (Path(__file__).parents[4] / "docs/training.md").read_text()
SEARCHED = PAGE.partition("What is searched, beside their own defaults")[2].partition(
    "A column of"
)[0]


def stated():
    """Parameters by estimator, each with its bounds and whether they are by order of magnitude."""
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", SEARCHED, re.MULTILINE))
    space = {}
    for name, text in rows.items():
        whole = text.endswith("all by order of magnitude")
        for part in re.split(r", (?=`)", text):
            names = re.findall(r"`(\w+)`[^`]*?", part)
            bounds = re.findall(r"([\d.]+) to ([\d.]+)", part)
            log = whole or "by order of magnitude" in part
            for place, parameter in enumerate(names):
                low, high = map(float, bounds[min(place, len(bounds) - 1)])
                space[name, parameter] = (low, high, log)
    return space


def test_every_parameter_stands_on_the_page_with_its_bounds():
    wanted = {}
    for name, by_task in SPACES.items():
        for space in by_task.values():
            for parameter, given in space.items():
                low, high = given.get("float") or given["int"]
                log = bool(given.get("log"))
                wanted[name, parameter] = (float(low), float(high), log)
    assert stated() == wanted
    assert set(AUTO) == set(SPACES) == {name for name, _ in wanted}

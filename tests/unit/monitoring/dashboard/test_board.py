"""The dashboard: every panel explains itself, and the file is what the code gives."""

import json
import os

import pytest

from serve_app.monitoring.dashboard.board import ROWS, dashboard, written
from serve_app.monitoring.dashboard.panel import WIDTH
from tests.promql import ROOT, known, metric_names

FILE = ROOT / "deployments" / "monitoring" / "grafana" / "dashboards" / "serve-app.json"
BOARD = dashboard()
PANELS = [panel for panel in BOARD["panels"] if panel["type"] != "row"]
UNITS = {"percentunit", "s", "short", "reqps"}
"""Of Grafana's list of units (packages/grafana-data/src/valueFormats/categories.ts)."""


def title(panel):
    return panel["title"]


def test_the_file_is_what_the_code_gives():
    if os.environ.get("GOLDEN") == "write":
        FILE.write_text(written())
    assert json.loads(FILE.read_text()) == BOARD


def test_there_are_few_enough_panels_to_look_at():
    assert 0 < len(PANELS) <= 29
    rows = [panel for panel in BOARD["panels"] if panel["type"] == "row"]
    assert len(rows) == len(ROWS)


def test_no_number_and_no_title_stands_twice():
    numbers = [panel["id"] for panel in BOARD["panels"]]
    assert numbers == list(range(1, len(numbers) + 1))
    titles = [panel["title"] for panel in PANELS]
    assert len(titles) == len(set(titles))


def test_panels_stand_beside_each_other_and_not_on_each_other():
    taken = set()
    for panel in BOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < WIDTH
        taken |= cells


@pytest.mark.parametrize("panel", PANELS, ids=title)
def test_every_panel_has_a_unit_a_description_and_a_page_of_the_runbook(panel):
    assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
    assert panel["description"].endswith(".")
    (link,) = panel["links"]
    assert link["url"].startswith("${runbook}#")
    assert link["url"].partition("#")[2] == link["url"].partition("#")[2].lower()


@pytest.mark.parametrize("panel", PANELS, ids=title)
def test_every_panel_asks_the_chosen_datasource_for_metrics_that_exist(panel):
    assert panel["datasource"]["uid"] == "${datasource}"
    assert panel["targets"]
    for target in panel["targets"]:
        assert target["datasource"]["uid"] == "${datasource}"
        assert metric_names(target["expr"]) <= known()
        assert target["legendFormat"]


@pytest.mark.parametrize(
    ("name", "metric", "unit"),
    [
        ("Rows with a label, and how late labels come", "_seconds", "s"),
        ("Mean reward of each arm", "_decisions", "short"),
    ],
)
def test_what_has_another_unit_than_its_panel_has_an_axis_of_its_own(name, metric, unit):
    panel = next(one for one in PANELS if title(one) == name)
    (override,) = panel["fieldConfig"]["overrides"]
    assert override["matcher"]["id"] == "byFrameRefID"
    letter = override["matcher"]["options"]
    (target,) = (one for one in panel["targets"] if one["refId"] == letter)
    assert metric in target["expr"]
    properties = {one["id"]: one["value"] for one in override["properties"]}
    assert properties == {"unit": unit, "custom.axisPlacement": "right"}
    # A bound of the panel would hold for the other unit too.
    assert "max" not in panel["fieldConfig"]["defaults"]


def test_queries_name_no_machine_and_no_series_of_one_process():
    for panel in PANELS:
        for target in panel["targets"]:
            assert "WorkerId" not in target["expr"]
            assert "instance=" not in target["expr"]


def test_what_can_be_chosen_and_noted_exists():
    (note,) = BOARD["annotations"]["list"]
    assert metric_names(note["expr"]) <= known()
    variables = {one["name"]: one for one in BOARD["templating"]["list"]}
    assert set(variables) == {"datasource", "endpoint", "runbook"}
    assert metric_names(variables["endpoint"]["query"].split("(")[1].split(",")[0]) <= known()


def test_nobody_gets_into_grafana_without_a_name():
    files = [*FILE.parents[1].rglob("*.yml"), *FILE.parents[1].rglob("*.ini")]
    assert files
    assert not any("anonymous" in path.read_text() for path in files)

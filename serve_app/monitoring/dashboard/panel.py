"""Panels and rows of a dashboard, and what Grafana calls them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any, Literal

WIDTH = 24
"""Columns of Grafana's grid."""
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
Kind = Literal["stat", "timeseries", "state-timeline"]


@dataclass(frozen=True, slots=True)
class Query:
    """An expression, and what its series are called: `{{endpoint}}` stands for a label.

    What has a `unit` of its own, another than its panel, is drawn by an axis on the right.
    """

    expression: str
    legend: str
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Panel:
    """What one panel shows, in which of Grafana's units, and what to read about it.

    `runbook` is an anchor of the runbook. From each value of `thresholds` on it is shown in that
    color.
    """

    title: str
    description: str
    queries: tuple[Query, ...]
    unit: str
    runbook: str
    kind: Kind = "timeseries"
    height: int = 8
    thresholds: Mapping[float, str] | None = None
    least: float | None = 0
    most: float | None = None

    def to_json(self, number: int, place: Mapping[str, int]) -> dict[str, Any]:
        """The panel as Grafana reads it."""
        return {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.description,
            "datasource": DATASOURCE,
            "gridPos": dict(place),
            "links": [_runbook(self.runbook)],
            "targets": [self._target(letter, query) for letter, query in self._lettered()],
            "fieldConfig": {"defaults": self._defaults(), "overrides": self._overrides()},
            "options": self._options(),
        }

    def _lettered(self) -> Iterator[tuple[str, Query]]:
        return zip(ascii_uppercase, self.queries, strict=False)

    def _overrides(self) -> list[dict[str, Any]]:
        """The units and axes of queries that have other units than the panel."""
        return [
            {
                "matcher": {"id": "byFrameRefID", "options": letter},
                "properties": [
                    {"id": "unit", "value": query.unit},
                    {"id": "custom.axisPlacement", "value": "right"},
                ],
            }
            for letter, query in self._lettered()
            if query.unit is not None
        ]

    def _target(self, letter: str, query: Query) -> dict[str, Any]:
        return {
            "refId": letter,
            "datasource": DATASOURCE,
            "expr": query.expression,
            "legendFormat": query.legend,
            "instant": self.kind == "stat",
            "range": self.kind != "stat",
        }

    def _defaults(self) -> dict[str, Any]:
        steps: list[dict[str, Any]] = [{"value": None, "color": "green"}]
        for value, color in (self.thresholds or {}).items():
            steps.append({"value": value, "color": color})
        bounds = {"min": self.least, "max": self.most}
        return {
            "unit": self.unit,
            "thresholds": {"mode": "absolute", "steps": steps},
            "color": {"mode": "palette-classic" if self.kind == "timeseries" else "thresholds"},
            **{name: value for name, value in bounds.items() if value is not None},
        }

    def _options(self) -> dict[str, Any]:
        if self.kind == "stat":
            return {
                "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
                "textMode": "auto",
                "colorMode": "background",
                "graphMode": "none",
            }
        below = {"displayMode": "list", "placement": "bottom", "showLegend": True}
        if self.kind == "state-timeline":
            return {
                "legend": below,
                "tooltip": {"mode": "single", "sort": "none"},
                "mergeValues": True,
                "showValue": "never",
                "alignValue": "left",
                "rowHeight": 0.9,
            }
        return {"legend": below, "tooltip": {"mode": "multi", "sort": "desc"}}


def _runbook(anchor: str) -> dict[str, Any]:
    """A link to a page of the runbook, with all that Grafana's schema asks of one."""
    return {
        "title": "Runbook",
        "type": "link",
        "icon": "doc",
        "url": f"${{runbook}}#{anchor}",
        "tooltip": "",
        "targetBlank": True,
        "asDropdown": False,
        "includeVars": False,
        "keepTime": False,
        "tags": [],
    }


@dataclass(frozen=True, slots=True)
class Row:
    """A question, and the panels side by side that answer it."""

    title: str
    panels: tuple[Panel, ...]

    def to_json(self, number: int, top: int) -> list[dict[str, Any]]:
        """The row and its panels, numbered from `number` on, from line `top` of the grid on."""
        width = WIDTH // len(self.panels)
        head = {"x": 0, "y": top, "w": WIDTH, "h": 1}
        row = {"type": "row", "title": self.title, "collapsed": False, "panels": []}
        return [
            {**row, "id": number, "gridPos": head},
            *(
                panel.to_json(
                    number + 1 + index,
                    {"x": index * width, "y": top + 1, "w": width, "h": panel.height},
                )
                for index, panel in enumerate(self.panels)
            ),
        ]

    @property
    def height(self) -> int:
        """Lines of the grid that it takes."""
        return 1 + max(panel.height for panel in self.panels)

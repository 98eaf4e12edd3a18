"""The dashboard as Grafana reads it: its rows one below the other, and what can be chosen."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from serve_app.monitoring.catalogue import MODEL_INFO, REQUESTS
from serve_app.monitoring.dashboard import model_rows, rows
from serve_app.monitoring.dashboard.panel import DATASOURCE, Row

ROWS: Sequence[Callable[[], Row]] = (
    rows.verdict,
    rows.requests,
    rows.saturation,
    rows.latency,
    model_rows.data,
    model_rows.quality,
    model_rows.bandits,
    model_rows.training,
    rows.watching,
)
SCHEMA_VERSION = 39
"""Of Grafana 11; later ones read it too."""
RUNBOOK = "docs/runbook.md"


def dashboard() -> dict[str, Any]:
    """The dashboard as JSON values."""
    panels: list[dict[str, Any]] = []
    top = 0
    for row in (make() for make in ROWS):
        panels += row.to_json(len(panels) + 1, top)
        top += row.height
    return {
        "uid": "serve-app",
        "title": "serve-app",
        "description": "What runs, from the verdict to who watches. Made by serve-app from code.",
        "tags": ["serve-app"],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "timezone": "browser",
        "annotations": {"list": [_versions_that_came()]},
        "templating": {"list": _variables()},
        "links": [],
        "panels": panels,
    }


def written() -> str:
    """The file that is shipped."""
    return json.dumps(dashboard(), indent=2) + "\n"


def _versions_that_came() -> dict[str, Any]:
    name = MODEL_INFO.exported
    now, before = (f"count by (version) ({one})" for one in (name, f"{name} offset 1m"))
    return {
        "name": "Versions that came",
        "datasource": DATASOURCE,
        "enable": True,
        "iconColor": "blue",
        "expr": f"{now} unless {before}",
        "step": "60s",
        "titleFormat": "{{version}}",
    }


def _variables() -> list[dict[str, Any]]:
    """What can be chosen: where the numbers are, whose they are, where the runbook is."""
    return [
        {"name": "datasource", "label": "Data", "type": "datasource", "query": "prometheus"},
        {
            "name": "endpoint",
            "label": "Endpoint",
            "type": "query",
            "datasource": DATASOURCE,
            "query": f"label_values({REQUESTS.exported}, endpoint)",
            "refresh": 2,
            "multi": True,
            "includeAll": True,
            "allValue": ".*",
            "current": {"text": "All", "value": "$__all"},
            "sort": 1,
        },
        {
            "name": "runbook",
            "label": "Runbook",
            "type": "textbox",
            "query": RUNBOOK,
            "current": {"text": RUNBOOK, "value": RUNBOOK},
            "hide": 2,
        },
    ]

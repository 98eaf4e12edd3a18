"""Nodes are counted where they are all that there will be, and nowhere else."""

from pathlib import Path

import pytest

from serve_app.cluster import web
from serve_app.cluster.dashboard import Dashboard
from serve_app.cluster.node_totals import fixed_nodes
from serve_app.errors import NotReady

# As Ray 2.60's dashboard answers.
ALONE = {"data": {"clusterStatus": {"autoscalerReport": {"nodeTypeMapping": {"ab": "node_ab"}}}}}
GROWS = {"data": {"clusterStatus": {"autoscalerReport": {
    "nodeTypeMapping": {"fake-head": "ray.head.default"}}}}}  # fmt: skip
SILENT = {"data": {"autoscalingStatus": None, "clusterStatus": None}}
NODES = {"data": {"result": {"total": 2, "result": [
    {"node_id": "ab", "state": "ALIVE", "resources_total": {"CPU": 2.0, "memory": 5.0}},
    {"node_id": "cd", "state": "DEAD", "resources_total": {"CPU": 64.0}},
]}}}  # fmt: skip

RAY = Dashboard("http://x", Path("/nowhere"))


@pytest.fixture
def dashboard(monkeypatch):
    """Lets the dashboard answer with a status, and the nodes above."""

    def set_up(status):
        def get(url, **_):
            if isinstance(status, Exception):
                raise status
            return status if url.endswith("/api/cluster_status") else NODES

        monkeypatch.setattr(web, "get", get)

    return set_up


def test_nodes_that_live_are_told_with_what_they_have_in_all(dashboard):
    dashboard(ALONE)
    assert fixed_nodes(RAY) == ({"CPU": 2.0, "memory": 5.0},)


@pytest.mark.parametrize("status", [GROWS, SILENT, {}, NotReady("nobody there")])
def test_where_other_nodes_may_come_or_nobody_knows_nothing_is_said(dashboard, status):
    dashboard(status)
    assert fixed_nodes(RAY) is None

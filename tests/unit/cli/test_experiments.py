"""`serve-app experiments` starts, stops, shows and writes pages, and says what cannot be done."""

import json

import numpy as np
import pytest

from serve_app.gateway.admin.actions import Change
from serve_app.monitoring.experiment.analysis import analysed
from serve_app.registry.user import current_user
from tests.unit.gateway.admin.actions import Actions
from tests.unit.monitoring.experiment import simulated


@pytest.fixture
def actions():
    return Actions()


@pytest.fixture
def report(monkeypatch):
    """What the server says of an experiment whose second variant is better."""
    rng = np.random.default_rng(1)
    arm = rng.integers(0, 2, 2_000)
    reward = (rng.random(2_000) < np.take([0.2, 0.4], arm)) * 1.0
    primary = {"metric": "conversion", "window_s": 5}
    spec = simulated.endpoint({"primary": primary, "effect": 0.05})
    known = simulated.recorded(simulated.exposures(arm), simulated.rewarded(reward))
    made = analysed(spec, simulated.running(), known)

    async def experiment(self, endpoint):
        return made.to_json()

    monkeypatch.setattr(Actions, "experiment", experiment)
    return made


def test_it_is_started_and_stopped_with_a_reason(ask, actions):
    said = ask("experiments", "start", "risk", "--reason", "all is ready")
    assert said.out == "risk: the experiment prices is running since 1970-01-01 00:00:05\n"
    assert json.loads(ask("experiments", "stop", "risk", "--json").out)["name"] == "prices"
    by = current_user()
    assert actions.done == [
        ("risk", "start", Change(by, "all is ready")),
        ("risk", "stop", Change(by, "")),
    ]
    refused = ask("experiments", "start", "running")
    assert (refused.code, "it is running already" in refused.err) == (1, True)


def test_all_are_listed_with_what_is_decided(ask):
    said = ask("experiments", "list")
    assert "keep running: 41 % of the needed sample" in said.out
    (one,) = json.loads(ask("experiments", "list", "--json").out)["experiments"]
    assert one["decision"]["progress"] == 0.41


def test_one_is_shown_with_its_metrics_traffic_and_plan(ask, report):
    said = ask("experiments", "show", "e").out
    assert said.startswith("ship b@1: conversion of b@1 is better")
    assert "times the units of one look" in said
    assert " ".join(said.split()).count("b@1") >= 4
    assert json.loads(ask("experiments", "show", "e", "--json").out) == json.loads(
        json.dumps(report.to_json())
    )


def test_its_page_is_one_file(ask, report, tmp_path):
    place = tmp_path / "page.html"
    said = ask("experiments", "report", "e", "--out", place)
    assert said.out.startswith("ship b@1")
    page = place.read_text()
    assert "</html>" in page
    assert "conversion" in page
    printed = ask("experiments", "report", "e", "--json")
    assert json.loads(printed.out)["decision"]["outcome"] == "ship"
    assert [one.name for one in tmp_path.iterdir()] == ["page.html"]


def test_who_has_none_is_told_so(ask):
    said = ask("experiments", "show", "nobody")
    assert (said.code, "has no experiment" in said.err) == (1, True)


def test_without_a_cluster_it_says_whom_it_would_ask(serve_app, tmp_path):
    said = serve_app("experiments", "list", "--state", tmp_path)
    assert said.code == 1
    assert "experiments are asked of the admin API" in said.err

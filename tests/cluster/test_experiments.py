"""An experiment on a real cluster: from its start over feedback and the decision to its page."""

import json

import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from serve_app.engine.registration.register import Candidate, register
from serve_app.registry.store import Registry
from tests.cluster.harness import application, config, endpoints, until

ENDPOINT = "area"
SETTINGS = {
    "placement": "inline",
    "route": {
        "kind": "split",
        "key": "visitor",
        "variants": [{"model": "area@1"}, {"model": "area@2"}],
    },
    "experiment": {
        "name": "larger-areas",
        "primary": "conversion",
        "guardrails": ["error_rate"],
        "effect": 0.1,
        "units": 300,
        "start": "by hand",
    },
}
VISITORS = 300


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    """Two versions of `area`, of which the second gives twice as much."""
    home = tmp_path_factory.mktemp("registry")
    frame = pd.DataFrame({"height": [float(n % 17) for n in range(500)], "width": 1.0})
    frame["width"] += frame["height"] ** 0.5
    for factor in (1.0, 2.0):
        fitted = LinearRegression().fit(frame, factor * frame.sum(axis=1))
        register(Registry(str(home)), Candidate("area", fitted, frame))
    return home


@pytest.fixture(scope="module")
def running(cluster):
    body = config("bandit")
    application(body, "monitor")["args"].update(segment_s=3)
    named = endpoints(body)
    named.clear()
    named[ENDPOINT] = SETTINGS
    cluster.start()
    cluster.deploy(body)
    return cluster


def shown(running):
    return json.loads(running.run("experiments", "show", ENDPOINT, "--json"))


def visited(running, number):
    """Who answered a visitor; the second version is liked by 80 %, the first by 20 %."""
    answer = running.predict(
        ENDPOINT, [{"height": 3.0, "width": 1.0}], parameters={"visitor": f"v-{number}"}
    )
    (version,) = answer["variants"]
    liked = number % 5 < (4 if version == "area@2" else 1)
    body = {"prediction_id": answer["prediction_id"], "reward": float(liked)}
    assert running.request(f"/v1/models/{ENDPOINT}:feedback", body).status == 200
    return version, liked


def test_an_experiment_from_its_start_to_its_page(running, tmp_path):
    visited(running, -1)
    assert shown(running)["decision"]["outcome"] == "not started"
    assert "has not been started" in running.run("experiments", "stop", ENDPOINT, code=1)
    running.run("experiments", "start", ENDPOINT, "--reason", "all is ready")
    assert "one at a time" in running.run("experiments", "start", ENDPOINT, code=1)
    seen = [visited(running, number) for number in range(VISITORS)]
    means = {
        name: sum(liked for version, liked in seen if version == name)
        / sum(version == name for version, _ in seen)
        for name in ("area@1", "area@2")
    }
    report = until(
        lambda: (one := shown(running))["metrics"][0]["matured"] == VISITORS and one,
        timeout_s=90,
        what="the labels of all visitors",
    )
    assert sum(one["units"] for one in report["traffic"]) == VISITORS
    values = {one["variant"]: one["value"] for one in report["metrics"][0]["arms"]}
    assert values == pytest.approx(means)
    assert (report["decision"]["outcome"], report["decision"]["variant"]) == ("ship", "area@2")
    assert [line["why"] for line in report["history"]][-1] == "all is ready"
    page = tmp_path / "page.html"
    running.run("experiments", "report", ENDPOINT, "--out", str(page))
    assert "larger-areas" in page.read_text()
    running.run("experiments", "stop", ENDPOINT, "--reason", "enough is known")
    (listed,) = json.loads(running.run("experiments", "list", "--json"))["experiments"]
    assert (listed["phase"], listed["decision"]["outcome"]) == ("stopped", "ship")
    events = json.loads(running.run("events", "--kind", "experiment", "--json"))
    assert [one["after"]["phase"] for one in events] == ["stopped", "running", "ready"]
    assert [one["why"] for one in events[:2]] == ["enough is known", "all is ready"]

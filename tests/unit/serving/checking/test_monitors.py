"""A monitor that could not work, or that gateways would not find, is named with its line."""

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.linear_model import LogisticRegression

from serve_app.engine.registration.register import Candidate, register
from serve_app.monitoring.telemetry import extra
from serve_app.registry.store import Registry
from serve_app.serving.checking.validate import validate_text
from serve_app.serving.deploying.declaration import with_base


@pytest.fixture
def config(tmp_path):
    return with_base({"applications": []}, str(tmp_path / "r"), str(tmp_path / "s"), 8000)


@pytest.fixture
def churn(tmp_path):
    """A registered version that an endpoint can name."""
    frame = pd.DataFrame({"age": np.arange(40.0)})
    fitted = LogisticRegression().fit(frame, np.arange(40) % 2)
    register(Registry(str(tmp_path / "r")), Candidate("churn", fitted, frame), compile="never")


def monitor_of(config):
    return next(one for one in config["applications"] if one["name"] == "monitor")


def findings(config):
    text = yaml.safe_dump(config, sort_keys=False)
    lines = text.splitlines()
    return [
        (one.key.split(".", 2)[-1], lines[one.line - 1].strip().removeprefix("- "), one.message)
        for one in validate_text(text).findings
    ]


def test_a_monitor_as_it_is_written_for_people_is_valid(config):
    assert findings(config) == []


@pytest.mark.parametrize(
    ("drift", "key", "message"),
    [
        ({"number_distance": "psy"}, "args.drift.number_distance", "unknown distance 'psy'"),
        ({"category_distance": "wasserstein"}, "args.drift.category_distance", "does not apply"),
        ({"thresholds": {"kl": 0.1}}, "args.drift.thresholds", "unknown distance 'kl'"),
        ({"of_windows": 1}, "args.drift.of_windows", "of_windows must be at least alarm_windows"),
        ({"alarm_windows": 5, "of_windows": 4}, "args.drift", "5 of the last 4 windows"),
    ],
)
def test_drift_that_cannot_be_is_named_with_its_key(config, drift, key, message):
    monitor_of(config)["args"]["drift"] = drift
    ((found, line, words),) = findings(config)
    assert found == key
    assert message in words
    assert line.startswith(key.rpartition(".")[2])


@pytest.mark.parametrize(
    ("concept", "key", "message"),
    [
        ({"detectors": ["kswin"]}, "args.concept.detectors", "no drift detector 'kswin'"),
        ({"detectors": ["adwin", "adwin"]}, "args.concept.detectors", "'adwin' is named twice"),
        ({"settings": {"ddm": {}}}, "args.concept.settings.ddm", "'ddm' is not among"),
        ({"settings": {"adwin": {"size": 3}}}, "args.concept.settings.adwin", "no setting size"),
        ({"stands_s": 0}, "args.concept.stands_s", "greater than 0"),
    ],
)  # fmt: skip
def test_detectors_that_cannot_be_are_named_with_their_key(config, concept, key, message):
    monitor_of(config)["args"]["concept"] = concept
    ((place, line, words),) = findings(config)
    assert place == key
    assert message in words
    assert line.startswith(key.rpartition(".")[2])


def test_chosen_detectors_with_settings_are_valid(config):
    chosen = {"detectors": ["ddm", "adwin"], "settings": {"adwin": {"delta": 0.01}}}
    monitor_of(config)["args"]["concept"] = {**chosen, "labels_within_s": 86400}
    monitor_of(config)["args"]["estimate"] = {"window_s": 300, "deviations": 4}
    assert findings(config) == []


def test_windows_of_estimates_that_cannot_be_are_named(config):
    monitor_of(config)["args"]["estimate"] = {"alarm_windows": 5}
    ((place, _, words),) = findings(config)
    assert place == "args.estimate"
    assert "alarm_windows 5 is above of_windows 3" in words


def test_alarms_of_more_windows_than_by_default_are_valid(config):
    monitor_of(config)["args"]["drift"] = {"alarm_windows": 4, "of_windows": 6}
    assert findings(config) == []


def endpoint_rules(config, drift):
    """The same config with an endpoint that has rules of drift of its own."""
    control = next(one for one in config["applications"] if one["name"] == "control")
    route = {"kind": "single", "model": "churn@1"}
    settings = {"endpoints": {"churn": {"route": route, "monitoring": {"drift": drift}}}}
    deployments = control.setdefault("deployments", [{"name": "Control"}])
    deployments[0]["user_config"] = settings


def of_drift(config):
    return [(key, words) for key, _, words in findings(config) if ".drift" in key]


@pytest.mark.parametrize(
    ("monitor", "endpoint", "key", "message"),
    [
        ({}, {"number_distance": "psy"}, "number_distance", "unknown distance 'psy'"),
        ({"alarm_windows": 3}, {"of_windows": 2}, "of_windows", "3 of the last 2 windows"),
        ({}, {"window_s": 60}, "window_s", ""),
    ],
)
def test_rules_of_an_endpoint_that_cannot_be_are_named(
    config, churn, monitor, endpoint, key, message
):
    monitor_of(config)["args"]["drift"] = monitor
    endpoint_rules(config, endpoint)
    ((name, words),) = of_drift(config)
    assert name.endswith(f"endpoints.churn.monitoring.drift.{key}")
    assert message in words


def test_rules_of_an_endpoint_may_rest_on_those_of_the_monitor(config, churn):
    monitor_of(config)["args"]["drift"] = {"alarm_windows": 1}
    endpoint_rules(config, {"of_windows": 1, "thresholds": {"psi": 0.3}})
    assert of_drift(config) == []


def test_rules_of_the_monitor_that_cannot_be_are_named_once(config, churn):
    monitor_of(config)["args"]["drift"] = {"number_distance": "psy"}
    endpoint_rules(config, {"alpha": 0.001})
    assert [key for key, _ in of_drift(config)] == ["args.drift.number_distance"]


def test_a_monitor_of_another_name_would_not_be_found(config):
    monitor_of(config)["name"] = "watcher"
    assert findings(config) == [
        ("name", "name: watcher",
         "'watcher' keeps records, so gateways look for it under the name 'monitor'"),
    ]  # fmt: skip


def test_two_monitors_would_write_the_same(config):
    config["applications"].append({**monitor_of(config), "name": "second"})
    found = findings(config)
    assert [key for key, _, _ in found] == ["name", "import_path"]
    assert "there is a monitor already" in found[1][2]


@pytest.mark.parametrize(
    "scaling", [{"num_replicas": 2}, {"autoscaling_config": {"min_replicas": 1, "max_replicas": 2}}]
)
def test_a_monitor_has_one_replica(config, scaling):
    deployment = monitor_of(config)["deployments"][0]
    deployment.pop("num_replicas")
    deployment.update(scaling)
    (name,) = scaling
    ((key, line, message),) = findings(config)
    assert (key, line.partition(":")[0]) == (f"deployments.0.{name}", name)
    assert "one replica" in message


def test_a_monitor_of_another_state_would_know_of_no_endpoints(config, tmp_path):
    monitor_of(config)["args"]["state"] = f"sqlite:///{tmp_path}/secret.db"
    found = findings(config)
    assert {key for key, _, _ in found} == {"args.state"}
    assert all("another than that of" in message for _, _, message in found)
    assert not any("secret" in message for _, _, message in found)


@pytest.mark.parametrize("name", ["gateway", "control", "monitor"])
def test_telemetry_without_its_extra_is_named(config, monkeypatch, name):
    one = next(one for one in config["applications"] if one["name"] == name)
    one["args"]["telemetry"] = {"endpoint": "http://127.0.0.1:4318"}
    assert findings(config) == []
    monkeypatch.setattr(extra, "_PACKAGE", "opentelemetry.exporter.nothing")
    ((key, _, message),) = findings(config)
    assert key == "args.telemetry"
    assert "pip install 'serve-app[otel]'" in message


def test_subjects_need_a_monitor_that_has_a_secret(config, churn):
    endpoints = {
        "churn": {
            "route": {"kind": "single", "model": "churn@1"},
            "placement": "inline",
            "privacy": {"subject": "customer_id"},
        }
    }
    control = next(one for one in config["applications"] if one["name"] == "control")
    control["deployments"][0].setdefault("user_config", {})["endpoints"] = endpoints
    ((_, line, words),) = findings(config)
    assert line == "subject: customer_id"
    assert "its args need a `privacy: {secret: FILE}`" in words
    monitor_of(config)["args"]["privacy"] = {"secret": "./keys/privacy.secret"}
    assert findings(config) == []

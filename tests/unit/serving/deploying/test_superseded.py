"""What was deployed by other means in between is noticed, whatever it changes."""

import copy
from pathlib import Path

import pytest
import yaml
from ray.serve.schema import ServeApplicationSchema, ServeDeploySchema

from serve_app.errors import Conflict
from serve_app.serving.deploying.superseded import differences, require_standing

CONFIGS = sorted((Path(__file__).parents[4] / "configs").glob("*.yaml"))
LOCAL = yaml.safe_load((CONFIGS[0].parent / "local.yaml").read_text())


def kept_by_serve(config):
    """The states of a config's applications, as Serve's controller and REST API make them."""
    read = ServeDeploySchema.model_validate(config)
    states = {}
    for application in read.applications:
        if application.logging_config is None and read.logging_config:
            application.logging_config = read.logging_config
        stored = application.model_dump(exclude_unset=True)
        shown = ServeApplicationSchema.model_validate(stored).model_dump(
            mode="json", exclude_unset=True
        )
        states[application.name] = {"status": "DEPLOYING", "deployed_app_config": shown}
    return states


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_a_config_is_known_again_in_what_serve_makes_of_it(path):
    config = yaml.safe_load(path.read_text())
    states = kept_by_serve(config)
    assert differences(states, config) == []
    again = {"applications": [state["deployed_app_config"] for state in states.values()]}
    assert differences(kept_by_serve(again), again) == []
    require_standing(states, config)


def changed(edit):
    config = copy.deepcopy(LOCAL)
    edit(config["applications"])
    return config


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda apps: apps.pop(-2), "application progression-xgb-1 is gone"),
        (lambda apps: apps.append({**apps[-1], "name": "new"}), "application new was added"),
        (lambda apps: apps[-2]["args"].update(version=2), "progression-xgb-1 has other args"),
        (
            lambda apps: apps[0]["deployments"][0].update(max_ongoing_requests=7),
            "application gateway has other deployments",
        ),
    ],
)
def test_what_another_deploy_changed_is_said(edit, words):
    with pytest.raises(Conflict) as caught:
        require_standing(kept_by_serve(changed(edit)), LOCAL)
    assert words in caught.value.message
    assert "another deploy came after this one" in caught.value.message


def test_applications_that_only_end_are_no_difference():
    states = {**kept_by_serve(LOCAL), "old-1": {"status": "DELETING", "deployed_app_config": None}}
    assert differences(states, LOCAL) == []


def test_logging_for_all_is_kept_with_each():
    config = {**LOCAL, "logging_config": {"log_level": "ERROR", "encoding": "JSON"}}
    states = kept_by_serve(config)
    assert differences(states, config) == []
    other = {**config, "logging_config": {"log_level": "INFO", "encoding": "JSON"}}
    assert differences(states, other)[0].endswith("has other logging_config")

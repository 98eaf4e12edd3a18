"""`serve-app status` says what runs, and the end of why something does not."""

import json

import pytest

from serve_app.serving.deploying.in_effect import held

LONG = "\x1b[36mthe beginning\x1b[39m " + "and so on " * 200 + "for want of a nail"


def application(status, message, **deployment):
    held = {"status": status, "message": message, "replicas": [{"state": "RUNNING"}], **deployment}
    return {"status": "RUNNING", "deployments": {"Model": held}, "deployed_app_config": {}}


@pytest.fixture
def running(world):
    """A cluster with an application that scales, one that does not and one that fails."""
    scaling = {"autoscaling_config": {"min_replicas": 1, "max_replicas": 4}}
    world.applications = {
        "churn-1": application("HEALTHY", "", deployment_config=scaling),
        "churn-2": application("HEALTHY", "", deployment_config={"num_replicas": 2}),
        "churn-3": application("UNHEALTHY", LONG),
    }
    world.applications["churn-3"]["status"] = "DEPLOY_FAILED"
    return world


def test_json_has_numbers_and_no_escape_codes(serve_app, running):
    said = serve_app("status", "--json")
    body = json.loads(said.out)
    assert "\x1b" not in said.out
    assert "\\u001b" not in said.out
    first, second, third = body["applications"]
    assert (first["min_replicas"], first["max_replicas"], first["replicas"]) == (1, 4, 1)
    assert (second["min_replicas"], second["max_replicas"]) == (2, 2)
    assert third["message"].startswith("the beginning")
    assert third["message"].endswith("for want of a nail")
    (missing,) = body["not_in_effect"]
    assert missing.startswith("application churn-3 is DEPLOY_FAILED: the beginning")
    assert missing.endswith("for want of a nail")


def test_people_see_the_end_of_a_long_message(serve_app, running):
    said = serve_app("status")
    assert said.code == 0
    assert "nail" in said.out
    assert "1-4" in said.out
    assert "fixed" in said.out
    assert "\x1b" not in said.out


def test_without_a_gateway_the_applications_are_shown_all_the_same(serve_app, running):
    running.endpoints = None
    said = serve_app("status", "--json")
    assert said.code == 0
    assert json.loads(said.out)["endpoints"] == []


def test_versions_are_shown_with_the_aliases_that_chose_them(serve_app, running):
    running.endpoints = [
        {
            "name": "churn",
            "route": "split",
            "variants": [{"version": "churn@2", "weight": 90}, {"version": "churn@1", "weight": 1}],
            "preprocess": {"version": "scaler@4", "placement": "inline"},
            "fallback": "churn@1",
            "follows": {"churn@champion": "churn@2", "scaler@champion": "scaler@4"},
        }
    ]
    shown = serve_app("status").out
    assert "churn@champion → 2" in shown
    assert "scaler@champion → 4 (inline)" in shown
    assert "churn@1 " in shown


def test_a_gateway_that_requests_reach_by_serves_way_is_named_with_why(serve_app, running):
    quiet = {"log_level": "WARNING", "enable_access_log": False}
    body = application("HEALTHY", "", deployment_config={"num_replicas": 1})
    body["deployed_app_config"] = {"import_path": "serve_app.app:gateway", "logging_config": quiet}
    running.applications["front"] = body
    assert "front: requests" not in serve_app("status").out
    del body["deployed_app_config"]["logging_config"]
    said = serve_app("status").out
    assert "front: requests take Serve's way: `logging_config` leaves Serve's access log on" in said
    assert list(json.loads(serve_app("status", "--json").out)["request_ways"]) == ["front"]


def test_an_endpoint_that_does_not_follow_its_alias_is_not_in_effect():
    assert held({"held": {"churn": "it would need the column 'x'; it keeps churn@1"}}) == [
        "endpoint churn: it would need the column 'x'; it keeps churn@1"
    ]
    # A control of a former version tells nothing of it.
    assert held({}) == []


@pytest.mark.parametrize("applications", [3, [], {"churn-1": 7}, {"churn-1": {}}, None])
def test_a_dashboard_that_is_none_is_said_to_be_one(serve_app, world, applications):
    world.applications = applications
    said = serve_app("status")
    assert said.code == 1
    assert "in an unknown form" in said.err
    assert "Traceback" not in said.err

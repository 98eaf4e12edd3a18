"""Configs are changed as values: what goes in comes out, and nothing else moves."""

import copy
from pathlib import Path

import pytest
import yaml

from serve_app.errors import ConfigError, NotFound
from serve_app.serving.deploying import declaration

CONFIGS = Path(__file__).parents[4] / "configs"
LOCAL = yaml.safe_load((CONFIGS / "local.yaml").read_text())
REPLICAS = {"route": {"kind": "single", "model": "churn@2"}, "fallback": "churn@1"}


def details(config):
    """What Serve's REST API tells of itself once a config was deployed."""
    logging = config.get("logging_config")
    return {
        "http_options": {**config["http_options"], "root_path": "", "request_timeout_s": None},
        "target_capacity": None,
        "applications": {
            one["name"]: {"deployed_app_config": {**one, "logging_config": logging}}
            for one in config["applications"]
        },
    }


def names(config):
    return [one["name"] for one in config["applications"]]


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_what_serve_was_given_is_read_back(path):
    given = yaml.safe_load(path.read_text())
    found = declaration.from_serve(details(given))
    assert names(found) == names(given)
    assert found["http_options"] == given["http_options"]
    control = next(one for one in given["applications"] if one["name"] == "control")
    assert declaration.endpoints(found) == control["deployments"][0]["user_config"]["endpoints"]


def test_what_serve_settled_when_it_started_is_read_back_too():
    settled = {
        "proxy_location": "HeadOnly",
        "grpc_options": {"port": 9001, "grpc_servicer_functions": ["a.b"], "request_timeout_s": 2},
        "target_capacity": 50.0,
    }
    found = declaration.from_serve({**details(LOCAL), **settled})
    assert {key: found[key] for key in settled} == settled
    usual = {"proxy_location": "EveryNode", "grpc_options": {"grpc_servicer_functions": []}}
    assert not set(usual) & set(declaration.from_serve({**details(LOCAL), **usual}))


def test_an_application_that_no_config_deployed_is_none_of_ours():
    applications = {"theirs": {"deployed_app_config": None}}
    assert declaration.from_serve({"applications": applications}) == {"applications": []}


def test_where_nothing_runs_there_are_a_gateway_control_and_a_monitor():
    made = declaration.with_base({"applications": []}, "./registry", "./a state", 8110)
    assert names(made) == ["gateway", "control", "monitor"]
    assert made["http_options"] == {"host": "127.0.0.1", "port": 8110}
    assert [one["args"]["state"] for one in made["applications"]] == ["./a state"] * 3
    assert declaration.endpoints(made) == {}


def test_what_runs_already_stays_as_it_is():
    assert declaration.with_base(LOCAL, "elsewhere", "elsewhere", 1) == LOCAL
    renamed = copy.deepcopy(LOCAL)
    renamed["applications"][0]["name"] = "front"
    assert declaration.with_base(renamed, "elsewhere", "elsewhere", 1) == renamed


def test_an_endpoint_comes_with_an_application_for_each_version_that_it_asks():
    before = copy.deepcopy(LOCAL)
    made = declaration.with_endpoint(LOCAL, "churn", REPLICAS, "./r", ["churn@1"])
    assert before == LOCAL
    assert names(made) == [*names(LOCAL), "churn-1", "churn-2"]
    assert declaration.endpoints(made) == {**declaration.endpoints(LOCAL), "churn": REPLICAS}
    consent = [one["args"].get("allow_pickle", False) for one in made["applications"][-2:]]
    assert consent == [True, False]
    assert names(declaration.with_endpoint(made, "again", REPLICAS, "./r")) == names(made)


def test_an_endpoint_that_follows_an_alias_comes_with_an_application_of_the_alias():
    settings = {"route": {"kind": "single", "model": "churn@champion"}}
    made = declaration.with_endpoint(LOCAL, "churn", settings, "./r")
    (added,) = made["applications"][len(LOCAL["applications"]) :]
    assert added["name"] == "churn-champion"
    assert added["args"] == {"model": "churn", "version": "champion", "registry": "./r"}
    weighted = {"kind": "split", "variants": [{"model": "churn@champion"}, {"model": "churn@1"}]}
    split = declaration.with_endpoint(LOCAL, "churn", {"route": weighted}, "./r")
    reweighted = declaration.with_weights(split, {"churn": {"churn@champion": 5.0}})
    variants = declaration.endpoints(reweighted)["churn"]["route"]["variants"]
    assert variants[0] == {"model": "churn@champion", "weight": 5.0}


def test_an_endpoint_inside_the_gateway_needs_no_application():
    made = declaration.with_endpoint(LOCAL, "churn", {**REPLICAS, "placement": "inline"}, "./r")
    assert names(made) == names(LOCAL)


def test_new_applications_log_as_the_others_do():
    running = declaration.from_serve(details(LOCAL))
    made = declaration.with_endpoint(running, "churn", REPLICAS, "./r")
    assert made["applications"][-1]["logging_config"] == LOCAL["logging_config"]


def test_what_an_endpoint_asked_goes_with_it_unless_others_ask_it_too():
    versions = declaration.versions_of(declaration.endpoints(LOCAL)["diagnosis"])
    assert versions == {"diagnosis-xgb@1", "diagnosis-forest@1", "diagnosis-logistic@1"}
    left = declaration.without_endpoint(LOCAL, "diagnosis")
    assert names(left) == names(LOCAL)
    assert names(declaration.without_idle(left, versions)) == names(LOCAL)
    none_left = declaration.without_endpoint(left, "diagnosis-ensemble")
    assert names(declaration.without_idle(none_left, versions)) == [
        "gateway", "control", "progression-xgb-1", "monitor",
    ]  # fmt: skip


def test_a_shadow_has_an_application_where_variants_have():
    settings = {**REPLICAS, "shadows": [{"model": "churn@9", "sample": 0.5}]}
    assert "churn@9" in declaration.versions_of(settings)
    made = declaration.with_endpoint(LOCAL, "churn", settings, "./r")
    assert "churn-9" in names(made)
    assert "churn@9" not in declaration.versions_of({**settings, "placement": "inline"})


def test_a_transformer_in_replicas_is_asked_too():
    preprocess = {"model": "features@1", "placement": "replicas"}
    settings = {**REPLICAS, "placement": "inline", "preprocess": preprocess}
    assert declaration.versions_of(settings) == {"features@1"}


def test_a_meta_model_needs_an_application_where_it_computes_apart():
    route = {
        "kind": "ensemble", "combine": "stack", "meta": "stacker@2",
        "variants": [{"model": "churn@1"}, {"model": "churn@2"}],
    }  # fmt: skip
    assert declaration.versions_of({"route": route}) == {"churn@1", "churn@2", "stacker@2"}
    inside = {"route": {**route, "meta_placement": "inline"}}
    assert declaration.versions_of(inside) == {"churn@1", "churn@2"}
    apart = {"route": {**route, "meta_placement": "replicas"}, "placement": "inline"}
    assert declaration.versions_of(apart) == {"stacker@2"}


def test_only_what_an_endpoint_needs_concerns_it():
    concerned = declaration.concerning(LOCAL, "progression")
    assert names(concerned) == ["gateway", "control", "progression-xgb-1", "monitor"]
    assert names(declaration.concerning(LOCAL, "gone")) == ["gateway", "control", "monitor"]


def test_weights_that_were_set_at_run_time_become_declared_ones():
    weights = {"diagnosis": {"diagnosis-xgb@1": 25.0}, "gone": {"x@1": 1.0}}
    variants = declaration.endpoints(declaration.with_weights(LOCAL, weights))["diagnosis"]["route"]
    assert [one["weight"] for one in variants["variants"]] == [25.0, 10]


def test_where_nothing_declares_endpoints_none_can_be_added():
    with pytest.raises(NotFound, match="nothing declares endpoints here"):
        declaration.with_endpoint({"applications": []}, "churn", REPLICAS, "./r")


@pytest.mark.parametrize("text", ["./registry", "s3://b/r", "a: b", "it's, here", "{x}", "#1"])
def test_paths_stand_in_yaml_as_they_are(text):
    written = declaration.model_text("churn@3", text, allow_pickle=True)
    (application,) = yaml.safe_load(written)
    assert application["args"] == {
        "model": "churn", "version": 3, "registry": text, "allow_pickle": True,
    }  # fmt: skip


def test_settings_that_are_none_are_said():
    with pytest.raises(ConfigError, match=r"route\.single\.model: 'churn' does not name a version"):
        declaration.versions_of({"route": {"kind": "single", "model": "churn"}})

"""A service that would not start, or would lose what it counted, is known before."""

import pytest
import yaml

from serve_app.platforms.kubernetes import service_rules as rules

CLUSTER = "spec/rayClusterConfig"
HEAD = f"{CLUSTER}/headGroupSpec"
RAY = f"{HEAD}/template/spec/containers/0"


@pytest.mark.parametrize("rule", rules.RULES)
def test_a_good_one_breaks_no_rule(production, small, rule):
    assert list(rule(production)) == []
    assert list(rule(small)) == []


BROKEN = [
    (rules.images, {f"{RAY}/image": "serve-app:latest"}, "has no digest"),
    (rules.images, {f"{RAY}/image": f"b@sha256:{'1' * 64}"}, "all nodes run one image"),
    (rules.ray_versions, {f"{CLUSTER}/rayVersion": "2.58.0"}, "runs on Ray 2.60.0"),
    (rules.the_head_serves_nobody, {f"{HEAD}/rayStartParams/num-cpus": "2"}, "no model runs"),
    (rules.the_head_serves_nobody, {"spec/excludeHeadPodFromServeSvc": False}, "excludeHeadPod"),
    (
        rules.secrets,
        {f"{RAY}/env/0": {"name": "DB_PASSWORD", "value": "hunter2"}},
        "valueFrom.secretKeyRef",
    ),
    (
        rules.secrets,
        {f"{CLUSTER}/gcsFaultToleranceOptions/redisPassword": {"value": "x"}},
        "valueFrom.secretKeyRef",
    ),
    (rules.secrets, {"metadata/annotations": {"a": "AKIAIOSFODNN7EXAMPLE"}}, "access key of AWS"),
    (rules.line_breaks, {f"{CLUSTER}/workerGroupSpecs/0/groupName": "a\nb"}, "line break"),
    (rules.line_breaks, {"metadata/labels": {"a\nb": "c"}}, "line break"),
    (rules.line_breaks, {f"{CLUSTER}/authOptions/secretName": "a\n"}, "line break"),
    (
        rules.secrets_that_may_be_missing,
        {
            f"{CLUSTER}/workerGroupSpecs/0/template/spec/volumes/0": {
                "name": "keys",
                "secret": {"secretName": "keys", "optional": True},
            }
        },
        "nobody sees that it is missing",
    ),
    (rules.configs, {"spec/serveConfigV2": "http_options: {host: 127.0.0.1}"}, "http_options"),
    (rules.configs, {"spec/serveConfigV2": ""}, "http_options"),
    (
        rules.keys_files,
        {f"{CLUSTER}/workerGroupSpecs/0/template/spec/containers/0/volumeMounts": []},
        "no pod that serves has a volume at /var/lib/serve-app/keys",
    ),
]


@pytest.mark.parametrize(("rule", "changes", "words"), BROKEN)
def test_what_would_go_wrong_is_said(spoiled, rule, changes, words):
    assert any(words in line for line in spoiled(rule, changes))


def test_every_rule_is_broken_once():
    assert {rule for rule, _, _ in BROKEN} | {rules.one_writer} == set(rules.RULES)


@pytest.mark.parametrize("kind", ["NewCluster", None])
def test_two_clusters_do_not_write_one_volume(spoiled, small, kind):
    changes = {"spec/upgradeStrategy/type": kind}
    (line,) = spoiled(rules.one_writer, changes, small)
    assert "a second cluster would write too" in line


@pytest.mark.parametrize("installer", ["pip", "uv", "conda"])
def test_nothing_is_installed_when_a_node_starts(production, installer):
    config = yaml.safe_load(production["spec"]["serveConfigV2"])
    config["applications"][0]["runtime_env"] = {installer: ["x"]}
    options = config["applications"][1]["deployments"][0]["ray_actor_options"]
    options["runtime_env"] = {installer: ["x"]}
    production["spec"]["serveConfigV2"] = yaml.dump(config)
    found = [path for path, message in rules.configs(production) if "into the image" in message]
    assert [path[2:4] for path in found] == [("applications", 1), ("applications", 0)]


def test_what_the_config_wants_some_group_has(small):
    assert "control" in small["spec"]["serveConfigV2"]
    small["spec"]["rayClusterConfig"]["headGroupSpec"]["rayStartParams"]["resources"] = '"{}"'
    assert {message.split(";")[0] for _, message in rules.configs(small)} == {
        "no group of the cluster has 'control'"
    }

"""Each check of the operator is made before the operator makes it."""

import pytest

from serve_app.platforms.kubernetes import operator_rules as rules

CLUSTER = "spec/rayClusterConfig"
HEAD = f"{CLUSTER}/headGroupSpec"
GROUP = f"{CLUSTER}/workerGroupSpecs/0"
STEPS = {"gatewayClassName": "x", "stepSizePercent": 10, "intervalSeconds": 5}


@pytest.mark.parametrize("rule", rules.RULES)
def test_a_good_one_breaks_no_rule(production, small, rule):
    assert list(rule(production)) == []
    assert list(rule(small)) == []


BROKEN = [
    (rules.names, {"metadata/name": "a" * 48}, "cannot name a RayService"),
    (rules.names, {"metadata/name": "1a"}, "a letter first"),
    (rules.names, {f"{HEAD}/headService": {"metadata": {"name": "x"}}}, "must not be set"),
    (rules.versions, {"apiVersion": "ray.io/v1alpha1"}, "write ray.io/v1"),
    (rules.versions, {"spec/deploymentUnhealthySecondThreshold": 3}, "deprecated"),
    (rules.containers, {f"{HEAD}/template/spec/containers": []}, "the head has no container"),
    (rules.replicas, {f"{GROUP}/minReplicas": 9}, "is 9, more than maxReplicas, 8"),
    (rules.replicas, {f"{GROUP}/minReplicas": -1}, "is -1"),
    (rules.replicas, {f"{GROUP}/replicas": 9}, "not within 2 to 8"),
    (
        rules.replicas,
        {f"{CLUSTER}/enableInTreeAutoscaling": False, f"{GROUP}/maxReplicas": None},
        "needs minReplicas and maxReplicas",
    ),
    (rules.autoscaler, {f"{HEAD}/template/spec/restartPolicy": "Always"}, "it is Never"),
    (
        rules.autoscaler,
        {f"{CLUSTER}/autoscalerOptions/version": "v1", f"{GROUP}/idleTimeoutSeconds": 5},
        "autoscalerOptions.version: v2",
    ),
    (rules.autoscaler, {f"{GROUP}/suspend": True}, "feature gate"),
    (
        rules.autoscaler,
        {f"{HEAD}/template/spec/containers/0/env/0/name": "RAY_enable_autoscaler_v2"},
        "say autoscalerOptions.version: v2 instead",
    ),
    (rules.tokens, {f"{CLUSTER}/authOptions": None}, "else anybody calls Ray"),
    (rules.tokens, {f"{CLUSTER}/authOptions/mode": "disabled"}, "mode: token"),
    (rules.tokens, {f"{CLUSTER}/authOptions/enableK8sTokenAuth": True}, "not for a RayService"),
    (rules.tokens, {f"{CLUSTER}/rayVersion": None}, "lacks rayVersion"),
    (rules.tokens, {f"{CLUSTER}/rayVersion": "2.51.0"}, "needs 2.52"),
    (rules.redis, {f"{HEAD}/rayStartParams/redis-password": "x"}, "gcsFaultToleranceOptions"),
    (rules.redis, {"metadata/annotations": {"ray.io/ft-enabled": "true"}}, "deprecated"),
    (
        rules.redis,
        {f"{HEAD}/template/spec/containers/0/env/0/name": "RAY_REDIS_ADDRESS"},
        "belongs into gcsFaultToleranceOptions",
    ),
    (rules.redis, {f"{CLUSTER}/gcsFaultToleranceOptions/backend": "rocksdb"}, "behind the gate"),
    (rules.redis, {f"{CLUSTER}/gcsFaultToleranceOptions/storage": {}}, "backend rocksdb"),
    (rules.gates, {f"{CLUSTER}/networkPolicy": {}}, "RayClusterNetworkPolicy"),
    (rules.gates, {f"{CLUSTER}/historyServerOptions": {}}, "RayClusterHistoryServer"),
    (rules.gates, {f"{CLUSTER}/upgradeStrategy": {"type": "None"}}, "spec.upgradeStrategy"),
    (rules.start_parameters, {f"{HEAD}/resources": {"CPU": "1"}}, "one of both"),
    (rules.start_parameters, {f"{GROUP}/rayStartParams/labels": "a=b"}, "labels of the group"),
    (rules.upgrades, {"spec/upgradeStrategy/type": "NewClusters"}, "Did you mean 'NewCluster'?"),
    (rules.upgrades, {"spec/rayClusterDeletionDelaySeconds": -1}, "write 0 or more"),
    (
        rules.upgrades,
        {"spec/upgradeStrategy/type": "NewClusterWithIncrementalUpgrade"},
        "lacks gatewayClassName",
    ),
    (
        rules.upgrades,
        {
            "spec/upgradeStrategy/type": "NewClusterWithIncrementalUpgrade",
            "spec/upgradeStrategy/clusterUpgradeOptions": {**STEPS, "maxSurgePercent": 5},
        },
        "within 0 and maxSurgePercent",
    ),
    (
        rules.upgrades,
        {
            "spec/upgradeStrategy/type": "NewClusterWithIncrementalUpgrade",
            "spec/upgradeStrategy/clusterUpgradeOptions": STEPS,
            f"{CLUSTER}/enableInTreeAutoscaling": False,
        },
        "to move in steps",
    ),
]


@pytest.mark.parametrize(("rule", "changes", "words"), BROKEN)
def test_what_the_operator_refuses_is_said(spoiled, rule, changes, words):
    assert any(words in line for line in spoiled(rule, changes))


def test_every_rule_is_broken_once():
    assert {rule for rule, _, _ in BROKEN} == set(rules.RULES)


def test_two_groups_have_two_names(production):
    groups = production["spec"]["rayClusterConfig"]["workerGroupSpecs"]
    groups.append(groups[0])
    assert any("two groups" in message for _, message in rules.names(production))


def test_steps_that_fit_are_fine(spoiled):
    changes = {
        "spec/upgradeStrategy/type": "NewClusterWithIncrementalUpgrade",
        "spec/upgradeStrategy/clusterUpgradeOptions": STEPS,
    }
    assert spoiled(rules.upgrades, changes) == []

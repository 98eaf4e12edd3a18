"""Pods that would serve slowly, lose requests or have too many rights are known before."""

import pytest

from serve_app.platforms.kubernetes import pod_rules as rules

HEAD = "spec/rayClusterConfig/headGroupSpec/template/spec"
POD = "spec/rayClusterConfig/workerGroupSpecs/0/template/spec"
RAY = f"{POD}/containers/0"


@pytest.mark.parametrize("rule", rules.RULES)
def test_a_good_one_breaks_no_rule(production, small, rule):
    assert list(rule(production)) == []
    assert list(rule(small)) == []


BROKEN = [
    (rules.environments, {f"{RAY}/env": []}, "lacks FORWARDED_ALLOW_IPS"),
    (rules.environments, {f"{HEAD}/containers/0/env/0/value": "*"}, "FORWARDED_ALLOW_IPS is '*'"),
    (rules.environments, {f"{RAY}/env/0/name": "FORWARDED_ALLOWED_IPS"}, "Did you mean"),
    (rules.environments, {f"{RAY}/env/0/name": "RAY_AUTH_MODE"}, "comes from authOptions"),
    (
        rules.environments,
        {f"{HEAD}/containers/0/env/0": {"name": "RAY_SERVE_LOG_TO_STDERR", "value": "0"}},
        "RAY_SERVE_LOG_TO_STDERR is None here and '0' on the head",
    ),
    (rules.drains, {f"{POD}/terminationGracePeriodSeconds": None}, "is 30, but ending takes"),
    (rules.drains, {f"{POD}/terminationGracePeriodSeconds": 114}, "up to 115 s: 65 to hand over"),
    (rules.drains, {f"{RAY}/lifecycle": None}, "lacks lifecycle.preStop"),
    (rules.shared_memory, {f"{POD}/volumes/1/emptyDir": {}}, "medium: Memory"),
    (rules.shared_memory, {f"{RAY}/volumeMounts/1": None}, "lacks a volume of memory"),
    (rules.shared_memory, {f"{POD}/volumes/1/emptyDir/sizeLimit": "199Mi"}, "holds 199Mi"),
    (
        rules.shared_memory,
        {f"{HEAD.removesuffix('/template/spec')}/rayStartParams/object-store-memory": None},
        "lacks object-store-memory",
    ),
    (rules.shared_memory, {f"{RAY}/volumeMounts/0/name": "x"}, "no volume is named 'x'"),
    (rules.probes, {f"{RAY}/startupProbe": None}, "lacks startupProbe"),
    (rules.probes, {f"{RAY}/livenessProbe/httpGet/path": "/-/healthz"}, "waits behind clients"),
    (rules.probes, {f"{RAY}/readinessProbe/httpGet/path": "/v1/endpoints"}, "behind clients"),
    (rules.probes, {f"{RAY}/readinessProbe/httpGet/path": "/api/healthz"}, "before its proxy"),
    (
        rules.rights,
        {
            f"{POD}/securityContext/runAsNonRoot": False,
            f"{RAY}/securityContext/runAsNonRoot": False,
        },
        "runAsNonRoot",
    ),
    (rules.rights, {f"{RAY}/securityContext/readOnlyRootFilesystem": False}, "readOnlyRoot"),
    (rules.rights, {f"{RAY}/securityContext/capabilities": {}}, "drop: [ALL]"),
    (rules.rights, {f"{RAY}/securityContext/privileged": True}, "gives the machine away"),
    (rules.rights, {f"{POD}/securityContext/seccompProfile": None}, "RuntimeDefault"),
    (rules.rights, {f"{POD}/hostNetwork": True}, "shares what is the machine's"),
    (rules.rights, {f"{POD}/volumes/0": {"name": "tmp", "hostPath": {"path": "/x"}}}, "folder of"),
    (rules.rights, {f"{POD}/automountServiceAccountToken": None}, "only the head needs it"),
    (rules.sizes, {f"{RAY}/resources/limits/memory": "9Gi"}, "same memory"),
    (rules.sizes, {f"{RAY}/resources/limits/cpu": "1500m"}, "whole number"),
]


@pytest.mark.parametrize(("rule", "changes", "words"), BROKEN)
def test_what_would_go_wrong_is_said(spoiled, rule, changes, words):
    assert any(words in line for line in spoiled(rule, changes))


def test_every_rule_is_broken_once():
    assert {rule for rule, _, _ in BROKEN} == set(rules.RULES)


def test_a_longer_drain_wants_a_longer_grace(spoiled):
    index = [one["name"] for one in _env(spoiled)].index(rules.DRAIN_VARIABLE)
    head = f"{HEAD}/containers/0/env/{index}/value"
    (line,) = spoiled(rules.drains, {head: "90"})
    assert "up to 140 s: 90" in line


def _env(spoiled):
    body = {}
    spoiled(lambda given: body.update(given) or (), {})
    cluster = body["spec"]["rayClusterConfig"]
    return cluster["headGroupSpec"]["template"]["spec"]["containers"][0]["env"]

"""Pods have what Ray needs, and nothing beside."""

import pytest
import yaml

from serve_app.platforms.kubernetes.groups import groups


@pytest.fixture(params=["head", "serving"])
def group(request, production):
    head, serving = groups(production)
    return head if request.param == "head" else serving


def test_no_root_and_nothing_written_but_volumes(group):
    assert group.pod["securityContext"]["runAsUser"] == 10001
    assert group.container["securityContext"] == {
        "runAsNonRoot": True,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    mounts = {one["mountPath"] for one in group.container["volumeMounts"]}
    assert {"/tmp", "/dev/shm", "/var/lib/serve-app"} <= mounts


def test_the_registry_is_read_and_records_are_written(group):
    mounts = {one["name"]: one for one in group.container["volumeMounts"]}
    assert mounts["registry"] == {
        "name": "registry", "mountPath": "/var/lib/serve-app/registry", "readOnly": True,
    }  # fmt: skip
    assert mounts["records"] == {"name": "records", "mountPath": "/var/lib/serve-app/records"}


def test_orphans_are_ended_by_the_first_process_of_the_pod(group):
    assert group.pod["shareProcessNamespace"] is True


def test_every_mount_has_its_volume(group):
    volumes = {one["name"] for one in group.pod["volumes"]}
    assert {one["name"] for one in group.container["volumeMounts"]} == volumes


def test_gateways_read_who_may_ask_and_the_head_does_not(production):
    head, serving = groups(production)
    mount = {"name": "keys", "mountPath": "/var/lib/serve-app/keys", "readOnly": True}
    assert mount in serving.container["volumeMounts"]
    assert {"name": "keys", "secret": {"secretName": "serve-app-keys"}} in serving.pod["volumes"]
    assert "keys" not in {one["name"] for one in head.pod["volumes"]}
    config = yaml.safe_load(production["spec"]["serveConfigV2"])
    (gateway,) = (one for one in config["applications"] if one["name"] == "gateway")
    access = gateway["args"]["access"]
    assert access == {"mode": "keys", "keys_file": f"{mount['mountPath']}/keys.json"}


def test_clients_are_sent_to_pods_whose_proxy_answers(production):
    head, serving = groups(production)
    assert serving.container["readinessProbe"]["httpGet"] == {"path": "/-/healthz", "port": "serve"}
    assert {"name": "serve", "containerPort": 8000} in serving.container["ports"]
    assert head.container["readinessProbe"]["httpGet"]["path"] == "/api/healthz"


def test_only_the_head_of_a_small_one_has_the_volume_with_the_state(small):
    head, serving = groups(small)
    claim = {"name": "state", "persistentVolumeClaim": {"claimName": "serve-app-state"}}
    assert claim in head.pod["volumes"]
    assert "state" not in {one["name"] for one in serving.pod["volumes"]}


def test_pods_that_serve_are_spread(production, small):
    (spread,) = groups(production)[1].pod["topologySpreadConstraints"]
    assert spread["topologyKey"] == "topology.kubernetes.io/zone"
    labels = production["spec"]["rayClusterConfig"]["workerGroupSpecs"][0]["template"]["metadata"]
    assert spread["labelSelector"]["matchLabels"] == labels["labels"]
    assert groups(small)[1].pod["topologySpreadConstraints"][0]["topologyKey"].endswith("hostname")

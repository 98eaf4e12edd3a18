"""What is committed is what the commands write; what cannot be is refused."""

import pytest
import yaml

from serve_app.errors import InvalidInput
from serve_app.platforms.kubernetes.installation import differing, manifest, setting, values
from tests.unit.platforms.kubernetes.installations import INSTALLATIONS, PLAIN, installation


@pytest.mark.parametrize("size", INSTALLATIONS)
def test_the_committed_file_is_written_by_the_command(size):
    assert (PLAIN / f"{size}.yaml").read_text() == manifest(INSTALLATIONS[size])


def test_every_committed_file_is_one_of_them():
    assert {path.stem for path in PLAIN.glob("*.yaml")} == set(INSTALLATIONS)


def documents(one):
    return {body["kind"]: body for body in yaml.safe_load_all(manifest(one))}


def test_a_small_one_has_one_writer_of_its_database():
    made = documents(installation("small"))
    assert set(made) == {"PersistentVolumeClaim", "RayService"}
    assert made["RayService"]["spec"]["upgradeStrategy"] == {"type": "None"}


def test_for_production_there_is_everything_around_it():
    assert set(documents(installation("production"))) == {
        "RayService", "PodDisruptionBudget", "NetworkPolicy", "PodMonitor", "Ingress",
    }  # fmt: skip


def test_no_object_names_a_namespace():
    for one in INSTALLATIONS.values():
        assert "namespace:" not in manifest(one)


def test_names_and_values_reach_the_file():
    one = installation(name="churn", chosen={"workers.maxReplicas": 12, "drainSeconds": 5})
    service = documents(one)["RayService"]
    cluster = service["spec"]["rayClusterConfig"]
    assert service["metadata"]["name"] == "churn"
    (group,) = cluster["workerGroupSpecs"]
    assert group["maxReplicas"] == 12
    pod = group["template"]["spec"]
    # preStop may take the drain and 35 s, ending the same 35 s again, and 15 s are spare.
    assert pod["terminationGracePeriodSeconds"] == 5 + 35 + 35 + 15
    assert pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][-1] == "--timeout-s=40"


def test_the_operator_gets_resources_as_its_shell_has_to_see_them():
    cluster = documents(installation())["RayService"]["spec"]["rayClusterConfig"]
    parameters = cluster["headGroupSpec"]["rayStartParams"]
    assert parameters["resources"] == r'"{\"control\": 1}"'
    assert parameters["num-cpus"] == "0"


def test_a_runtime_for_kserve_runs_without_ray():
    chosen = {"servingRuntime.enabled": True, "servingRuntime.image": f"edge@sha256:{'1' * 64}"}
    runtime = documents(installation(chosen=chosen))["ServingRuntime"]["spec"]
    assert runtime["protocolVersions"] == ["v1", "v2"]
    (container,) = runtime["containers"]
    assert container["args"] == ["run", "--host", "0.0.0.0", "--port", "8080"]
    mount = "/var/lib/serve-app/keys"
    assert container["env"] == [
        {"name": "SERVE_APP_REGISTRY", "value": "/mnt/models"},
        {"name": "SERVE_APP_KEYS_FILE", "value": f"{mount}/keys.json"},
        {"name": "SERVE_APP_ACCESS", "value": "open"},
    ]
    assert {"name": "keys", "mountPath": mount, "readOnly": True} in container["volumeMounts"]
    assert {"name": "keys", "secret": {"secretName": "serve-app-keys"}} in runtime["volumes"]


def test_without_a_secret_of_keys_nothing_is_mounted():
    without = {"access.existingSecret": "", "servingRuntime.existingSecret": ""}
    runtime = {"servingRuntime.enabled": True, "servingRuntime.image": f"edge@sha256:{'1' * 64}"}
    text = manifest(installation(chosen={**without, **runtime}))
    assert "mountPath: /var/lib/serve-app/keys" not in text
    assert "SERVE_APP_KEYS_FILE" not in text
    assert "serve-app keys create" not in text


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ({"worker.maxReplicas": 3}, "did you mean workers.maxReplicas"),
        ({"workers.cpu": "0.5"}, "workers.cpu"),
        ({"image": "serve-app:latest"}, "image"),
        ({"priorityClassName": "a\nb"}, "priorityClassName"),
        ({"workers.nodeSelector": {"a": "b\nc"}}, "nodeSelector"),
        ({"networkPolicy.clients": []}, "networkPolicy.clients"),
        ({"auth.existingSecret": ""}, "auth.existingSecret"),
    ],
)
def test_values_that_cannot_be_are_refused(chosen, words):
    with pytest.raises(InvalidInput, match=words):
        values(installation(chosen=chosen))


@pytest.mark.parametrize("name", ["Churn", "1churn", "a" * 48, "a.b", "a\nb", "a-"])
def test_names_that_kubernetes_refuses_are_refused(name):
    with pytest.raises(InvalidInput, match="cannot name a RayService"):
        installation(name=name)


def test_no_password_stands_in_the_file():
    with pytest.raises(InvalidInput, match="holds a password"):
        installation("production", database="postgresql+psycopg://serve:secret@db/serve")


def test_only_what_differs_stands_in_a_file_of_values():
    own = differing(installation("local"))
    assert own["autoscaling.enabled"] is False
    assert "drainSeconds" not in own


def test_a_value_is_yaml_behind_its_path():
    assert setting("workers.nodeSelector={disk: ssd}") == (
        "workers.nodeSelector", {"disk": "ssd"},
    )  # fmt: skip
    for wrong in ("workers", "a=["):
        with pytest.raises(InvalidInput):
            setting(wrong)

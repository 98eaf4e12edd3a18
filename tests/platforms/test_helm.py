"""The chart as the real helm reads it, and manifests against Kubernetes' own schemas."""

import re

import pytest
import yaml

from serve_app.platforms.kubernetes.chart import values_file
from serve_app.platforms.kubernetes.installation import manifest
from tests.platforms import helm
from tests.unit.platforms.kubernetes.installations import (
    CHART,
    IMAGE,
    INSTALLATIONS,
    PLAIN,
    installation,
)

pytestmark = pytest.mark.platforms

KUBERNETES = "1.34"
SIZES = list(INSTALLATIONS)
OF_OPERATORS = ("ray.io/", "monitoring.coreos.com/", "serving.kserve.io/")


def rendered(size, *more, name="serve-app"):
    text = helm.run(
        "helm", "template", name, CHART, "-f", CHART / f"ci/{size}-values.yaml",
        "--kube-version", f"{KUBERNETES}.0", *more,
    )  # fmt: skip
    return [one for one in yaml.safe_load_all(text) if one]


def is_hook(body):
    return "helm.sh/hook" in body["metadata"].get("annotations", {})


def by_kind(bodies):
    return {(one["kind"], one["metadata"]["name"]): one for one in bodies}


@pytest.mark.parametrize("size", SIZES)
def test_lint_has_nothing_to_say(size):
    helm.run("helm", "lint", "--strict", CHART, "-f", CHART / f"ci/{size}-values.yaml")


@pytest.mark.parametrize("size", SIZES)
def test_the_plain_file_is_what_helm_makes(size):
    made = by_kind(one for one in rendered(size) if not is_hook(one))
    plain = by_kind(yaml.safe_load_all((PLAIN / f"{size}.yaml").read_text()))
    for one in plain.values():
        # What put it there is all that differs.
        assert one["metadata"]["labels"].pop("app.kubernetes.io/managed-by") == "serve-app"
    for one in made.values():
        assert one["metadata"]["labels"].pop("app.kubernetes.io/managed-by") == "Helm"
    assert made == plain


CHOSEN = {
    "everything": {
        "nameOverride": "other",
        "imagePullSecrets": [{"name": "pull"}],
        "priorityClassName": "high",
        "head.nodeSelector": {"disk": "ssd", "on": "yes"},
        "workers.tolerations": [{"key": "spot", "operator": "Exists", "effect": "NoSchedule"}],
        "state.enabled": True,
        "state.storageClassName": "fast",
        "servingRuntime.enabled": True,
        "servingRuntime.image": IMAGE,
        "networkPolicy.egress": [{"ipBlock": {"cidr": "10.1.0.0/16", "except": ["10.1.2.0/24"]}}],
    },
    "as little as can be": {
        "faultTolerance.existingSecret": "",
        "registry.existingClaim": "",
        "records.existingClaim": "",
        "workers.topologyKey": "",
        "autoscaling.enabled": False,
        "database.enabled": False,
        "ingress.className": "",
        "ingress.existingTlsSecret": "",
        "networkPolicy.egress": [],
        "podMonitors.release": "",
    },
    "numbers": {"drainSeconds": 0, "deletionDelaySeconds": 1_000_000, "workers.maxReplicas": 12345},
}


@pytest.mark.parametrize("chosen", CHOSEN.values(), ids=CHOSEN)
def test_other_values_make_the_same_of_the_chart_and_of_the_plain_file(tmp_path, chosen):
    one = installation("production", chosen=chosen)
    (tmp_path / "values.yaml").write_text(values_file(one))
    text = helm.run("helm", "template", one.name, CHART, "-f", tmp_path / "values.yaml")
    made = by_kind(body for body in yaml.safe_load_all(text) if body and not is_hook(body))
    plain = by_kind(yaml.safe_load_all(manifest(one)))
    for body in (*made.values(), *plain.values()):
        del body["metadata"]["labels"]["app.kubernetes.io/managed-by"]
    assert made == plain


def pods(bodies):
    """Each description of a pod, as the pod that would be made of it."""
    for body in bodies:
        if body["kind"] == "RayService":
            cluster = body["spec"]["rayClusterConfig"]
            for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
                yield {"apiVersion": "v1", "kind": "Pod", **group["template"]}
        elif body["kind"] == "Pod":
            yield body


@pytest.mark.parametrize("size", SIZES)
def test_core_kinds_and_pods_pass_kubernetes_own_schemas(size):
    import kubernetes_validate

    bodies = rendered(size)
    core = [one for one in bodies if not one["apiVersion"].startswith(OF_OPERATORS)]
    checked = [*core, *pods(bodies)]
    assert len(checked) >= 4
    for body in checked:
        kubernetes_validate.validate(body, KUBERNETES, strict=True)


@pytest.mark.parametrize("size", SIZES)
def test_kustomize_takes_the_plain_file(tmp_path, size):
    (tmp_path / "all.yaml").write_text((PLAIN / f"{size}.yaml").read_text())
    (tmp_path / "kustomization.yaml").write_text("namespace: models\nresources: [all.yaml]\n")
    made = [one for one in yaml.safe_load_all(helm.run("kubectl", "kustomize", tmp_path)) if one]
    assert {one["metadata"]["namespace"] for one in made} == {"models"}
    service = next(one for one in made if one["kind"] == "RayService")
    plain = yaml.safe_load_all((PLAIN / f"{size}.yaml").read_text())
    before = next(one for one in plain if one["kind"] == "RayService")
    assert service["spec"] == before["spec"]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--set", "workers.maxReplica=3"), "maxReplica"),
        (("--set", "image=serve-app:latest"), "image"),
        (("--set", "drainSeconds=long"), "drainSeconds"),
        (("--set", "auth.existingSecret="), "existingSecret"),
    ],
)
def test_helm_refuses_values_that_the_schema_refuses(more, words):
    said = helm.refusal("helm", "template", "x", CHART, "-f", CHART / "ci/small-values.yaml", *more)
    assert words in said


def test_a_name_that_no_service_can_have_is_refused_in_words():
    line = ("helm", "template", "1churn", CHART, "-f", CHART / "ci/small-values.yaml")
    assert "cannot name a RayService" in helm.refusal(*line)


def test_a_long_name_is_cut_so_that_names_of_services_fit():
    made = rendered("small", name="a" * 53)
    service = next(one for one in made if one["kind"] == "RayService")
    assert service["metadata"]["name"] == "a" * 47


def test_without_values_helm_says_what_is_needed():
    said = helm.refusal("helm", "template", "x", CHART)
    assert {"image", "serveConfigV2"} <= set(re.findall(r"\w+", said))


def test_packaging_leaves_the_test_values_out(tmp_path):
    made = helm.run("helm", "package", CHART, "-d", tmp_path)
    (archive,) = tmp_path.glob("serve-app-*.tgz")
    assert str(archive) in made
    assert helm.run("helm", "show", "chart", archive).count("apiVersion: v2") == 1


def test_notes_say_how_to_ask_for_the_first_prediction():
    said = helm.run(
        "helm", "install", "churn", CHART, "-f", CHART / "ci/small-values.yaml",
        "--dry-run=client",
    )  # fmt: skip
    assert "port-forward svc/churn-serve-svc 8000" in said
    assert "churn is on its way" in said

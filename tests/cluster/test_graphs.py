"""The other graphs: preprocessing apart, and endpoints some of whose models are missing."""

import numpy as np
import pytest

from serve_app.engine.load import load
from serve_app.examples.datasets import breast_cancer, wine
from serve_app.models.frames import to_columns
from serve_app.registry.store import Registry
from tests.cluster.harness import application, config, endpoints, until

FOREST, XGB, LOGISTIC = "diagnosis-forest-1", "diagnosis-xgb-1", "diagnosis-logistic-1"


@pytest.fixture(scope="module")
def started(cluster):
    cluster.start()
    return cluster


@pytest.fixture(scope="module")
def rows():
    return breast_cancer().frame.head(20).to_dict(orient="records")


def without(body, *names):
    """The graph without some of its model applications, which stay declared."""
    left = [app for app in body["applications"] if app["name"] not in names]
    return {**body, "applications": left}


def undeploy(cluster, body, *names):
    cluster.serve_deploy(without(body, *names))
    until(lambda: not set(names) & set(cluster.applications()), timeout_s=60, what="their end")


def test_preprocessing_in_replicas_of_its_own_gives_the_same_answers(started, rows):
    started.deploy(config("preprocess-apart"))
    assert started.replicas("diagnosis-features-1")
    path = "/v1/models/diagnosis/versions/diagnosis-xgb@1:predict"
    answer = started.request(path, {"instances": rows}).json()
    registry = Registry(str(started.home / "registry"))
    columns = load(registry, "diagnosis-features", 1).model.transform(
        to_columns(breast_cancer().frame.head(20))
    )
    direct = load(registry, "diagnosis-xgb", 1).model.predict(columns).probabilities
    served = np.array(answer["probabilities"], dtype=direct.dtype)
    assert served.tobytes() == np.ascontiguousarray(direct).tobytes()


def test_an_ensemble_answers_without_a_member_and_names_it(started, rows):
    body = config("ensemble")
    endpoints(body)["diagnosis-ensemble"]["variant_timeout_s"] = 1.0
    started.deploy(body)
    whole = started.predict("diagnosis-ensemble", rows)
    assert len(whole["variants"]) == 3
    undeploy(started, body, FOREST)
    answer = started.predict("diagnosis-ensemble", rows)
    assert set(answer["variants"]) == {"diagnosis-xgb@1", "diagnosis-logistic@1"}
    assert [member["variant"] for member in answer["left_out"]] == ["diagnosis-forest@1"]
    undeploy(started, body, FOREST, XGB)
    refused = started.request("/v1/models/diagnosis-ensemble:predict", {"instances": rows})
    assert refused.status in {503, 504}
    started.deploy(body)
    again = until(
        lambda: len(started.predict("diagnosis-ensemble", rows)["variants"]) == 3,
        timeout_s=20,
        what="all three members",
    )
    assert again


def test_the_fallback_answers_when_no_variant_can_and_says_so(started, rows):
    body = config("split")
    endpoints(body)["diagnosis"]["variant_timeout_s"] = 1.0
    started.deploy(body)
    undeploy(started, body, XGB)
    pinned = "/v1/models/diagnosis/versions/diagnosis-xgb@1:predict"
    assert started.request(pinned, {"instances": rows}).status in {200, 503, 504}
    undeploy(started, body, XGB, FOREST)
    answer = started.request("/v1/models/diagnosis:predict", {"instances": rows})
    headers = {name.lower(): value for name, value in answer.headers.items()}
    assert answer.status == 200, answer.content
    assert headers["x-fallback"] == "true"
    assert headers["x-variant"] == "diagnosis-logistic@1"
    assert answer.json()["fallback"] is True


def test_three_classes_are_told_apart(started):
    data = wine()
    body = config("split")
    endpoints(body).clear()
    endpoints(body)["cultivar"] = {"route": {"kind": "single", "model": "cultivar-forest@1"}}
    model = application(body, XGB)
    model["name"], model["args"]["model"] = "cultivar-forest-1", "cultivar-forest"
    started.deploy(without(body, FOREST, LOGISTIC))
    answer = started.predict("cultivar", data.frame.to_dict(orient="records"))
    assert answer["classes"] == ["cultivar_1", "cultivar_2", "cultivar_3"]
    right = np.mean(np.array(answer["predictions"]) == data.named_target)
    assert right > 0.95
    gone = started.request("/v1/models/diagnosis:predict", {"instances": []})
    assert gone.status == 404
    assert "cultivar" in gone.json()["error"]

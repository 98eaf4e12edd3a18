"""One document tells what runs, out of what Serve, a gateway and control say."""

import pytest

from serve_app.errors import ServerFault
from serve_app.serving.overview import NOTHING_STANDS, applications, overview, scaling

SCALED = {"autoscaling_config": {"min_replicas": 1, "max_replicas": 4}}
MODEL = {
    "status": "HEALTHY",
    "message": "",
    "replicas": [{"state": "RUNNING", "replica_id": "r", "pid": 7, "node_ip": "10.0.0.1"}],
    "target_num_replicas": 2,
    "deployment_config": SCALED,
}
DETAILS = {
    "applications": {
        "b-1": {"status": "DEPLOY_FAILED", "message": "it is broken", "deployments": {}},
        "a-1": {"status": "RUNNING", "message": "", "deployments": {"Model": MODEL}},
    }
}
CHANGE = {"at_s": 1.0, "from": 1, "to": 2, "why": "busy"}
EFFECT = {
    "scaling": {"a-1/Model": {"wanted": 2, "why": "busy", "changes": [CHANGE]}},
    "cpus": 4.0,
    "cpus_free": 1.0,
    "failing": ["follow the aliases fails"],
}


def test_rows_are_by_application_with_why_there_are_as_many_replicas():
    body = overview(DETAILS, NOTHING_STANDS, EFFECT)
    first, second = body["applications"]
    assert (first["application"], first["replicas"], first["target_replicas"]) == ("a-1", 1, 2)
    assert (first["min_replicas"], first["max_replicas"]) == (1, 4)
    assert (first["why"], first["changes"]) == ("wants 2 (busy)", [CHANGE])
    assert (second["status"], second["message"]) == ("DEPLOY_FAILED", "it is broken")
    assert body["not_in_effect"] == ["application b-1 is DEPLOY_FAILED: it is broken"]
    assert body["failing"] == ["control: follow the aliases fails"]
    assert (body["snapshot"], body["endpoints"]) == (0, [])


def test_replicas_and_scaling_stand_by_name():
    listed = applications(DETAILS)
    assert list(listed) == ["a-1", "b-1"]
    assert listed["a-1"]["deployments"]["Model"]["replicas"] == [
        {"id": "r", "state": "RUNNING", "node": "10.0.0.1", "process": 7}
    ]
    assert scaling(EFFECT)["deployments"] == EFFECT["scaling"]
    assert scaling({}) == {"deployments": {}, "cpus": None, "cpus_free": None}


def test_what_is_no_answer_of_serve_s_is_said_to_be_none():
    with pytest.raises(ServerFault, match="in an unknown form"):
        overview({"applications": 3}, NOTHING_STANDS, {})

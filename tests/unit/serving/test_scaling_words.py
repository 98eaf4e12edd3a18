"""How replicas stand, in the words of `serve-app status`."""

import pytest

from serve_app.serving.scaling_words import last_changes, scaling_of, why


def deployment(*states, target, most=4, cpus=1.0):
    """What Serve's REST API says of replicas in these states; of some no node is known."""
    return {
        "target_num_replicas": target,
        "deployment_config": {
            "autoscaling_config": {"min_replicas": 1, "max_replicas": most},
            "ray_actor_options": {"num_cpus": cpus},
        },
        "replicas": [
            {"state": state, "node_id": None if node == "?" else node}
            for state, _, node in (one.partition("@") for one in states)
        ],
    }


def said(body, record=None, free=0.2, cpus=2.0):
    return why(scaling_of(body, record or {}), free, cpus)


def test_what_has_no_room_is_said_with_what_there_is():
    body = deployment("RUNNING@a", "STARTING@?", "STARTING@?", target=3)
    assert said(body) == "wants 3, has room for 1: 0.2 CPU free of 2"
    busy = {"wanted": 3, "why": "busy 0.93 (target 0.7)"}
    assert said(body, busy).endswith("(busy 0.93 (target 0.7))")


@pytest.mark.parametrize(
    ("body", "free"),
    [
        (deployment("RUNNING@a", "STARTING@a", target=2), 0.2),  # has its place already
        (deployment("RUNNING@a", "STARTING@?", target=2), 1.5),  # will have it in a moment
        (deployment("RUNNING@a", "STARTING@?", target=2), None),  # nobody knows
    ],
)
def test_a_replica_that_is_starting_is_not_out_of_room(body, free):
    assert said(body, free=free) == "wants 2"


def test_bounds_are_named_where_they_hold_back():
    record = {"wanted": 4, "why": "wait 28 ms (target 5 ms)"}
    body = deployment("RUNNING@a", "RUNNING@a", target=2, most=2)
    assert said(body, record) == "wants 4, at most 2 (wait 28 ms (target 5 ms))"


def test_what_is_well_is_told_plainly():
    record = {"wanted": 1, "why": "busy 0.20, wait 0 ms, 0.3 ongoing requests"}
    assert said(deployment("RUNNING@a", target=1), record) == record["why"]
    assert said(deployment("RUNNING@a", target=1)) == ""


def test_the_newest_changes_stand_first_and_gone_deployments_not_at_all():
    records = {
        "gateway/Gateway": {"changes": [{"at_s": 10.0, "from": 1, "to": 2, "why": "busy"}]},
        "m-1/Model": {
            "changes": [
                {"at_s": 5.0 + n, "from": n, "to": n + 1, "why": "wait"} for n in range(1, 9)
            ]
        },
        "gone-1/Model": {"changes": [{"at_s": 99.0, "from": 1, "to": 2, "why": "busy"}]},
    }
    lines = last_changes(records, ["m-1/Model", "gateway/Gateway", "new-1/Model"])
    assert [line.partition(" ")[2] for line in lines] == [
        "m-1/Model: 8 -> 9 replicas: wait",
        "m-1/Model: 7 -> 8 replicas: wait",
        "m-1/Model: 6 -> 7 replicas: wait",
        "m-1/Model: 5 -> 6 replicas: wait",
        "gateway/Gateway: 1 -> 2 replicas: busy",
    ]

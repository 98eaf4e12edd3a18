"""Descriptions of clusters, of which Ray's autoscaler would tell its log and nobody else."""

import pytest
import yaml

from serve_app.cluster.description import check_description
from serve_app.cluster.environment import Ports
from serve_app.cluster.node import Cluster, NodeOptions
from serve_app.errors import InvalidInput

# As in Ray's own examples for `ray up`.
AWS = {
    "cluster_name": "default",
    "max_workers": 2,
    "provider": {"type": "aws", "region": "us-west-2"},
    "available_node_types": {
        "ray.head.default": {"resources": {}, "node_config": {"InstanceType": "m5.large"}},
        "ray.worker.default": {"resources": {}, "node_config": {"InstanceType": "m5.large"}},
    },
    "head_node_type": "ray.head.default",
}
EXTERNAL = {
    **AWS,
    "provider": {"type": "external", "module": "machines.Machines"},
    "cluster_synced_files": [],
    "setup_commands": [],
    "head_setup_commands": [],
    "worker_setup_commands": [],
}


def written(tmp_path, body):
    path = tmp_path / "machines.yaml"
    path.write_text(body if isinstance(body, str) else yaml.safe_dump(body))
    return path


@pytest.mark.parametrize("body", [AWS, EXTERNAL], ids=["aws", "external"])
def test_whole_descriptions_pass(tmp_path, body):
    check_description(written(tmp_path, body))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("a: [", "cannot be read"),
        ("- 1", "describes no cluster"),
        ("", "describes no cluster"),
        ({**AWS, "cluster_name": None}, "cluster_name is missing"),
        ({**AWS, "provider": "aws"}, "provider.type is missing"),
        ({**AWS, "available_node_types": {}}, "available_node_types is missing"),
        (
            {**AWS, "head_node_type": "head"},
            "must be one of available_node_types: ray.head.default, ray.worker.default",
        ),
        ({**EXTERNAL, "provider": {"type": "external"}}, "provider.module is missing"),
        (
            {**AWS, "provider": EXTERNAL["provider"]},
            "cluster_synced_files, setup_commands, head_setup_commands, worker_setup_commands",
        ),
    ],
)
def test_what_lacks_something_is_refused_with_what_is_missing_and_where(tmp_path, body, said):
    with pytest.raises(InvalidInput) as caught:
        check_description(written(tmp_path, body))
    assert "machines.yaml" in caught.value.message
    assert said in caught.value.message


def test_a_cluster_of_a_description_that_ray_could_not_use_is_not_started(tmp_path):
    path = written(tmp_path, {**AWS, "head_node_type": "head"})
    cluster = Cluster(tmp_path / "state")
    options = NodeOptions(ports=Ports(), home=tmp_path, autoscaling_config=path)
    with pytest.raises(InvalidInput):
        cluster.start(options)
    assert not list(cluster.processes())

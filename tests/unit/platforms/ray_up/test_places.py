"""Machines that a provider lends are closed to everybody but the cluster."""

import pytest

from serve_app.platforms.ray_up.description import Description
from tests.unit.platforms.ray_up.clusters import AWS, AZURE, GCP, IMAGE, ON_PREMISES

CLUSTER = Description(image=IMAGE, min_workers=1, max_workers=3)


@pytest.mark.parametrize("place", [AWS, GCP, AZURE], ids=lambda one: one.type)
def test_a_cloud_gives_no_public_address_and_keeps_no_machine(place):
    section = place.provider()
    assert section["use_internal_ips"] is True
    assert section["cache_stopped_nodes"] is False
    types = place.node_types(CLUSTER)
    assert list(types) == ["head", "worker"]
    assert (types["worker"]["min_workers"], types["worker"]["max_workers"]) == (1, 3)
    assert "min_workers" not in types["head"]


def test_machines_of_google_have_no_way_in_from_outside_and_an_account_each():
    types = GCP.node_types(CLUSTER)
    for one in types.values():
        (interface,) = one["node_config"]["networkInterfaces"]
        assert "accessConfigs" not in interface
        assert one["node_config"]["tags"] == {"items": ["serve-app"]}
    # Ray gives the head the account that starts machines.
    assert "serviceAccounts" not in types["head"]["node_config"]


def test_the_two_types_can_be_changed_apart():
    types = AZURE.node_types(CLUSTER)
    types["head"]["resources"]["CPU"] = 99
    types["head"]["node_config"]["azure_arm_parameters"]["vmSize"] = "small"
    assert types["worker"]["resources"] == {"CPU": 4}
    assert types["worker"]["node_config"]["azure_arm_parameters"]["vmSize"] == "Standard_D4s_v5"


def test_machines_that_are_there_are_named_by_address():
    assert ON_PREMISES.provider() == {
        "head_ip": "10.0.0.1",
        "worker_ips": ["10.0.0.2", "10.0.0.3"],
    }
    assert ON_PREMISES.node_types(CLUSTER) == {}
    assert ON_PREMISES.head_needs() == ()

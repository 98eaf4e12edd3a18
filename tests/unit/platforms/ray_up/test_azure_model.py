"""What a machine of Azure takes is what Ray's template has, less what Ray sets itself."""

from serve_app.platforms.ray_up.azure_model import node_config_schema
from serve_app.platforms.ray_up.ray_files import AZURE_TEMPLATE, ray_json


def test_every_parameter_is_known_but_those_of_ray():
    known = set(node_config_schema()["properties"]["azure_arm_parameters"]["properties"])
    template = set(ray_json(AZURE_TEMPLATE)["parameters"])
    assert known - template == {"availability_zone"}
    assert {"vmSize", "imageSku", "osDiskSize", "priority"} <= known
    assert not {"adminUsername", "vmName", "subnet"} & known

"""Libraries of the clouds, from which their models are read."""

import json

import pytest

from serve_app.platforms.ray_up import aws_model, gcp_model
from tests.clients import foreign

INSTANCE = {
    "schemas": {
        "Instance": {
            "type": "object",
            "properties": {
                "machineType": {"type": "string"},
                "disks": {"type": "array", "items": {"$ref": "Disk"}},
                "networkInterfaces": {"type": "array", "items": {"$ref": "Interface"}},
                "tags": {"type": "object", "properties": {"items": {"type": "array", "items": {}}}},
                "shieldedInstanceConfig": {"type": "object", "additionalProperties": {}},
                "scheduling": {
                    "type": "object",
                    "properties": {"preemptible": {"type": "boolean"}},
                },
            },
        },
        "Disk": {
            "type": "object",
            "properties": {
                "boot": {"type": "boolean"},
                "autoDelete": {"type": "boolean"},
                "type": {"type": "string", "enum": ["PERSISTENT", "SCRATCH"]},
                "initializeParams": {"type": "object", "additionalProperties": {}},
            },
        },
        "Interface": {"type": "object", "properties": {"subnetwork": {"type": "string"}}},
    }
}
"""As Google describes Compute Engine, but the parts alone that our file uses."""


@pytest.fixture(autouse=True)
def amazon(monkeypatch):
    """Amazon's library, of the environment of clients: its pins exclude ours."""
    folders = list((foreign.ENVIRONMENT / "lib").glob("python*/site-packages/botocore"))
    if not folders:
        pytest.fail(f"there is no botocore in {foreign.ENVIRONMENT.name}; run `make setup-dev`")
    monkeypatch.setattr(aws_model, "package_folder", lambda _: folders[0])
    aws_model.node_config_schema.cache_clear()
    yield
    aws_model.node_config_schema.cache_clear()


@pytest.fixture(autouse=True)
def google(tmp_path_factory, monkeypatch):
    """A folder with a description of instances, instead of Google's library, which has 110 MB."""
    folder = tmp_path_factory.mktemp("google")
    documents = folder / "discovery_cache" / "documents"
    documents.mkdir(parents=True)
    (documents / "compute.v1.json").write_text(json.dumps(INSTANCE))
    monkeypatch.setattr(gcp_model, "package_folder", lambda _: folder)
    gcp_model.node_config_schema.cache_clear()
    yield
    gcp_model.node_config_schema.cache_clear()

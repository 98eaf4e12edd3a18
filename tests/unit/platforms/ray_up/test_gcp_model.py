"""The description of Compute Engine as a schema of what people write below `node_config`."""

from serve_app.platforms.ray_up.gcp_model import instance_schema, node_config_schema

DOCUMENT = {
    "schemas": {
        "Instance": {
            "type": "object",
            "properties": {
                "id": {"type": "string", "format": "uint64"},
                "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                "disk": {"$ref": "Disk"},
                "any": {"type": "any"},
            },
        },
        "Disk": {"type": "object", "properties": {"source": {"$ref": "Disk"}}},
        "Unused": {"type": "object"},
    }
}


def test_long_numbers_may_be_text_and_maps_take_any_key():
    schema = instance_schema(DOCUMENT)
    assert schema["properties"]["id"] == {"type": ["string", "integer"]}
    assert schema["properties"]["labels"]["additionalProperties"] == {"type": "string"}
    assert schema["properties"]["any"] == {}
    assert schema["additionalProperties"] is False


def test_only_what_an_instance_is_made_of_is_translated():
    defined = instance_schema(DOCUMENT)["$defs"]
    assert set(defined) == {"Instance", "Disk"}
    assert defined["Disk"]["properties"]["source"] == {"$ref": "#/$defs/Disk"}


def test_a_template_may_be_named_beside_the_instance():
    assert node_config_schema()["properties"]["sourceInstanceTemplate"] == {"type": "string"}

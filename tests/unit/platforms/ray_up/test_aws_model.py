"""The model of EC2 as a schema of what people write below `node_config`."""

import gzip
import json

from serve_app.platforms.ray_up import aws_model


def test_kinds_of_machines_are_not_listed_since_there_are_more_every_month():
    defined = aws_model.node_config_schema()["$defs"]
    assert defined["InstanceType"] == {"type": "string"}
    assert defined["HttpTokensState"]["enum"] == ["optional", "required"]


def test_a_shape_that_holds_itself_is_translated_once(tmp_path, monkeypatch):
    model = {
        "operations": {"RunInstances": {"input": {"shape": "Run"}}},
        "shapes": {
            "Run": {
                "type": "structure",
                "required": ["MinCount"],
                "members": {"MinCount": {"shape": "Int"}, "Tree": {"shape": "Tree"}},
            },
            "Tree": {"type": "structure", "members": {"Trees": {"shape": "Trees"}}},
            "Trees": {"type": "list", "member": {"shape": "Tree"}},
            "Int": {"type": "integer"},
        },
    }
    folder = tmp_path / "data" / "ec2" / "2016-11-15"
    folder.mkdir(parents=True)
    (folder / "service-2.json.gz").write_bytes(gzip.compress(json.dumps(model).encode()))
    monkeypatch.setattr(aws_model, "package_folder", lambda _: tmp_path)
    aws_model.node_config_schema.cache_clear()
    schema = aws_model.node_config_schema()
    # Ray sets the numbers of machines itself, and takes several subnets.
    assert set(schema["properties"]) == {"Tree", "SubnetIds"}
    assert schema["$defs"]["Tree"]["properties"]["Trees"] == {"$ref": "#/$defs/Trees"}

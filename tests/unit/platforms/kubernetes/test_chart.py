"""The committed chart is what the command writes; its schema lets nothing unknown in."""

import json
from itertools import pairwise

import jsonschema
import pytest
import yaml

from serve_app.platforms.kubernetes.chart import chart, values_file, values_path
from tests.unit.platforms.kubernetes.installations import CHART, INSTALLATIONS


def committed():
    paths = [path for path in CHART.rglob("*") if path.is_file()]
    return {str(path.relative_to(CHART)): path.read_text() for path in paths}


def test_the_committed_chart_is_written_by_the_command():
    values = {values_path(size): values_file(one) for size, one in INSTALLATIONS.items()}
    assert committed() == {**chart(), **values}


def merged(size):
    defaults = yaml.safe_load(chart()["values.yaml"])
    for key, one in yaml.safe_load(values_file(INSTALLATIONS[size])).items():
        defaults[key] = {**defaults[key], **one} if isinstance(one, dict) else one
    return defaults


@pytest.mark.parametrize("size", INSTALLATIONS)
def test_the_schema_takes_the_values(size):
    jsonschema.Draft7Validator(json.loads(chart()["values.schema.json"])).validate(merged(size))


def mappings(schema):
    if isinstance(schema, dict):
        if "properties" in schema:
            yield schema
        for below in schema.values():
            yield from mappings(below)
    elif isinstance(schema, list):
        for below in schema:
            yield from mappings(below)


def test_no_mapping_takes_keys_that_nobody_knows():
    schema = json.loads(chart()["values.schema.json"])
    jsonschema.Draft7Validator.check_schema(schema)
    found = list(mappings(schema))
    assert len(found) > 10
    assert all(one["additionalProperties"] is False for one in found)


def test_every_value_says_what_it_is_for():
    lines = chart()["values.yaml"].splitlines()
    for above, line in pairwise(lines):
        if ":" in line and not line.lstrip().startswith("#") and not line.endswith(":"):
            assert above.lstrip().startswith("# "), line


def test_the_chart_as_it_is_lacks_an_image_and_a_config():
    schema = json.loads(chart()["values.schema.json"])
    defaults = yaml.safe_load(chart()["values.yaml"])
    wrong = {one.path[0] for one in jsonschema.Draft7Validator(schema).iter_errors(defaults)}
    assert wrong == {"image", "rayVersion", "serveConfigV2"}


def test_secrets_are_named_and_never_written():
    for text in chart().values():
        assert "kind: Secret\n" not in text

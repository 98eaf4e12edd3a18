"""The schema knows what the operator knows, and nothing else."""

import jsonschema
import pytest

from serve_app.platforms.kubernetes.fields import SHAPES, schema


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(schema())


def test_good_services_pass(production, small):
    jsonschema.Draft202012Validator(schema()).validate(production)
    jsonschema.Draft202012Validator(schema()).validate(small)


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_is_closed(name):
    assert schema()["$defs"][name]["additionalProperties"] is False


def test_a_field_is_of_its_kind(production):
    production["spec"]["excludeHeadPodFromServeSvc"] = "yes"
    (error,) = jsonschema.Draft202012Validator(schema()).iter_errors(production)
    assert list(error.absolute_path) == ["spec", "excludeHeadPodFromServeSvc"]

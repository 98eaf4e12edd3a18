"""What a schema refuses is named where it stands."""

import pytest
import yaml

from serve_app.documents.json_schema import documents, dotted, refused

SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "maxLength": 5},
        "replicas": {"type": "integer", "minimum": 1},
        "groups": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "properties": {"maxReplicas": {"type": "integer"}},
                "patternProperties": {"^x-": {}},
            },
        },
        "size": {"anyOf": [{"type": "integer"}, {"type": "string", "pattern": "^[0-9]+Gi$"}]},
    },
}


def findings(text):
    ((body, positions),) = documents(text)
    return [(one.line, one.key, one.message) for one in refused(body, positions, SCHEMA)]


def test_a_good_document_has_none():
    assert findings("name: a\nreplicas: 2\nsize: 3Gi\ngroups:\n- {maxReplicas: 2, x-a: 1}\n") == []


def test_an_unknown_key_has_its_line_and_the_nearest_name():
    (one,) = findings("name: a\ngroups:\n- maxReplicas: 1\n- max_replica: 2\n")
    assert one == (
        4,
        "groups[1].max_replica",
        "there is no key 'max_replica' here. Did you mean 'maxReplicas'?",
    )


def test_an_unknown_key_that_is_near_none_is_told_which_there_are():
    (one,) = findings("name: a\nzzz: 1\n")
    assert one[2].endswith("Known are: groups, name, replicas, size")


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        ("replicas: 2\n", 1, ""),
        ("name: a\nreplicas: 0\n", 2, "replicas"),
        ("name: a\nreplicas: two\n", 2, "replicas"),
        ("name: longer\n", 1, "name"),
        ("name: a\nsize: 3 Gi\n", 2, "size"),
        ("name: a\nname: b\n", 2, "name"),
    ],
)
def test_what_else_is_wrong_has_its_line(text, line, key):
    (one,) = findings(text)
    assert one[:2] == (line, key)


def test_a_part_of_a_document_is_named_from_its_top():
    ((body, positions),) = documents("a:\n  b:\n    nam: x\n")
    (lacks, unknown) = sorted(refused(body["a"]["b"], positions, SCHEMA, at=("a", "b")))
    assert (lacks.line, lacks.key) == (2, "a.b")
    assert (unknown.line, unknown.key) == (3, "a.b.nam")


def test_every_document_of_a_file_keeps_its_lines():
    parts = documents("---\nname: a\n---\n---\nname: b\nreplicas: 0\n")
    assert [body["name"] for body, _ in parts] == ["a", "b"]
    (one,) = refused(*parts[1], SCHEMA)
    assert one.line == 6


def test_what_is_no_yaml_is_the_loaders_error():
    with pytest.raises(yaml.YAMLError):
        documents("a: [")


def test_paths_are_written_as_people_do():
    assert dotted(("spec", 0, "a", "b", 1)) == "spec[0].a.b[1]"

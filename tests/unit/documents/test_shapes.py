"""A line for each shape says which fields there are, and nothing else is let through."""

import pytest

from serve_app.documents.json_schema import documents, refused
from serve_app.documents.shapes import schema_of

SHAPES = {
    "Document": "name:s size:i ratio:n ready:b mode:fast|slow parts:[Part by_name:{Part limit:q "
    "port:port share:share step:2..6/2 least:1.. ways:[in|out",
    "Part": "key:s",
}
SCHEMA = schema_of("Document", SHAPES, {"Part": ("key",)})


def words(text):
    ((body, positions),) = documents(text)
    return [(one.line, one.message) for one in refused(body, positions, SCHEMA)]


def test_fields_of_their_kinds_are_right():
    text = "{name: a, size: 1, ratio: 0.5, ready: true, mode: fast, parts: [{key: a}], limit: 1}"
    assert words(text) == []
    assert words("by_name: {any: {key: a}, other: {key: b}}") == []
    assert words("{port: 65535, share: 50%, step: 4, least: 9, ways: [in, out]}") == []


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("naem: a", "Did you mean 'name'?"),
        ("size: 1.5", "not of type 'integer'"),
        ("ratio: a", "not of type 'number'"),
        ("mode: slo", "not one of"),
        ("parts: [{kye: a, key: b}]", "Did you mean 'key'?"),
        ("by_name: {any: {kye: a, key: b}}", "Did you mean 'key'?"),
        ("parts: [{}]", "lacks 'key'"),
        ("mode: Fast", "Did you mean 'fast'?"),
        ("port: 65536", "maximum of 65535"),
        ("port: 0", "minimum of 1"),
        ("share: half", "not a whole number, or a share such as 50%"),
        ("step: 3", "not a multiple of 2"),
        ("step: 8", "maximum of 6"),
        ("least: 0", "minimum of 1"),
        ("ways: [in, uot]", "Did you mean 'out'?"),
    ],
)
def test_others_are_refused_in_words(text, part):
    ((line, message),) = words(text)
    assert line == 1
    assert part in message

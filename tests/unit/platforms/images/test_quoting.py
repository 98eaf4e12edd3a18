"""Values of other people stay one value, and name what they seem to name."""

import pytest

from serve_app.errors import InvalidInput
from serve_app.platforms.images.quoting import image_reference, labels, quoted

DIGEST = f"sha256:{'a1' * 32}"


@pytest.mark.parametrize(
    "name",
    ["python", "python:3.11-slim-bookworm", "localhost:5000/base", "ghcr.io/a-team/serve__app:1.0"],
)
def test_an_image_with_its_digest_is_taken_as_it_is(name):
    assert image_reference(f"{name}@{DIGEST}", "the base") == f"{name}@{DIGEST}"


def test_a_tag_alone_is_refused_with_the_way_to_a_digest():
    with pytest.raises(InvalidInput, match=r"the base 'python:3\.11' has no digest.*skopeo"):
        image_reference("python:3.11", "the base")


@pytest.mark.parametrize(
    "given",
    [
        f"python\nRUN evil@{DIGEST}",
        f"python {DIGEST}@{DIGEST}",
        f"../python@{DIGEST}",
        f"Python@{DIGEST}",
        f"@{DIGEST}",
        "python@sha256:abc",
        f"python@{DIGEST}\n",
        f"python@{DIGEST.upper()}",
    ],
)
def test_what_is_no_image_is_refused(given):
    with pytest.raises(InvalidInput, match="is no name of an image"):
        image_reference(given, "the base")


def test_nothing_is_left_for_a_builder_to_replace():
    assert quoted('a "b" $HOME ${X} \\', "a label") == '"a \\"b\\" \\$HOME \\${X} \\\\"'


@pytest.mark.parametrize("value", ["a\nRUN evil", "a\rb", "a\0b", "a\u2028b", "\x1b[2J"])
def test_control_characters_are_refused(value):
    with pytest.raises(InvalidInput, match="line break or another control character"):
        labels({"team": value})


@pytest.mark.parametrize("key", ["", "Team", "a b", "a=b", "a\nb", ".a", "a..b"])
def test_a_label_has_a_plain_key(key):
    with pytest.raises(InvalidInput, match="is no key"):
        labels({key: "x"})


def test_labels_are_in_order_of_their_keys():
    assert labels({"b": "2", "a": "1"}) == ['LABEL a="1"', 'LABEL b="2"']

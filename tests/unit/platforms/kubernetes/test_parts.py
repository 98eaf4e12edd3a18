"""The parts of an installation are each there when a value says so."""

import pytest

from serve_app.platforms.kubernetes.parts import PARTS, documents
from serve_app.platforms.kubernetes.tree import Release
from serve_app.platforms.kubernetes.values import defaults, nested


def kinds(**chosen):
    values = nested({**defaults(), **{key.replace("__", "."): one for key, one in chosen.items()}})
    return [one["kind"] for one in documents(Release("churn", "Helm", values))]


def test_alone_there_is_the_service():
    assert kinds() == ["RayService"]


@pytest.mark.parametrize(
    "part", [one for one in PARTS if one.given and one.plain], ids=lambda one: one.file
)
def test_a_part_comes_with_its_value(part):
    assert part.tree["kind"] in kinds(**{part.given.replace(".", "__"): True})


def test_the_helm_test_stands_in_no_plain_file():
    assert [one.file for one in PARTS if not one.plain] == ["tests/first-answer.yaml"]

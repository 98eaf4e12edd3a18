"""A file is known by what stands in it."""

import pytest

from serve_app.platforms.kinds import KINDS, kind_of
from tests.unit.platforms.ray_up.clusters import FILES


@pytest.mark.parametrize("name", FILES)
def test_a_cluster_of_ray_up_is_one(name):
    assert kind_of(FILES[name]) is KINDS["ray up"]


@pytest.mark.parametrize("text", ["applications: []", "- 1", "", "a: [", "text"])
def test_anything_else_is_none_of_them(text):
    assert kind_of(text) is None

"""A number, an alias or the name alone says which version is meant."""

import pytest

from serve_app.errors import NotFound
from serve_app.registry.named import named


def test_a_name_alone_means_the_newest_version(registry):
    name = registry.models()[0]
    registry.set_alias(name, "champion", 1, by="me")
    assert named(registry, name) == named(registry, f"{name}@champion") == (name, 1)
    assert named(registry, f"{name}@7") == (name, 7)


def test_a_model_that_is_none_is_said_with_those_that_are(registry):
    with pytest.raises(NotFound, match=f"no model 'nobody'; models: .*{registry.models()[0]}"):
        named(registry, "nobody")
    with pytest.raises(NotFound, match="no model 'nobody'"):
        named(registry, "nobody@champion")

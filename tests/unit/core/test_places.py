"""Tables name what they hold by its place."""

import collections

import pytest

from serve_app.core.places import standing_at


def test_what_stands_at_a_place_is_imported():
    assert standing_at("collections:OrderedDict") is collections.OrderedDict


@pytest.mark.parametrize(
    ("place", "error"), [("no_such_module:A", ImportError), ("collections:Nothing", AttributeError)]
)
def test_a_place_where_nothing_stands_raises_as_importing_does(place, error):
    with pytest.raises(error):
        standing_at(place)

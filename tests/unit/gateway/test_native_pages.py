"""What a gateway says of the endpoints that it answers."""

from types import SimpleNamespace

import pytest

from serve_app.core.signature import Output, Signature
from serve_app.core.snapshot import Endpoint, RouteSpec, Variant
from serve_app.gateway.native_pages import standing

VARIANTS = (Variant("m@1", 0.0, alias="champion"), Variant("m@2", 1.0, alias="challenger"))


@pytest.mark.parametrize(
    ("aliases", "follows"),
    [
        # A rollout that is over keeps both versions, and both aliases name one of them.
        ({"champion": 2, "challenger": 2}, {"m@champion": "m@2", "m@challenger": "m@2"}),
        ({"champion": 1, "challenger": 2}, {"m@champion": "m@1", "m@challenger": "m@2"}),
        # Until the next one answers, the former one does.
        ({"champion": 1, "challenger": 3}, {"m@champion": "m@1", "m@challenger": "m@2"}),
        ({}, {"m@champion": "m@1", "m@challenger": "m@2"}),
    ],
)
def test_aliases_are_said_to_name_what_they_name_where_that_answers(aliases, follows):
    spec = Endpoint(
        "e", RouteSpec("split", VARIANTS), Signature((), Output("regression")), 1.0, 0.5
    )
    stages = SimpleNamespace(
        version=3, endpoints={"e": SimpleNamespace(spec=spec)}, aliases={"m": aliases},
        waiting={}, overrides={},
    )  # fmt: skip
    (listed,) = standing(stages)["endpoints"]
    assert listed["follows"] == follows

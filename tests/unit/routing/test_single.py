"""One version answers everything."""

import pytest

from serve_app.core.messages import Payload, Request
from serve_app.core.plan import Plan
from serve_app.core.snapshot import RouteSpec, Variant
from serve_app.errors import ConfigError
from serve_app.routing.single import Single


def single_of(*versions):
    variants = tuple(Variant(version) for version in versions)
    return Single(RouteSpec("single", variants)).router(salt="care", epoch=0, draw=no_chance)


def no_chance():
    raise AssertionError("a single route leaves nothing to chance")


def test_every_request_is_the_only_versions_and_without_chance():
    single = single_of("a@1")
    for user in range(5):
        request = Request("care", Payload({"x": [1.0]}, 1, {"user": user}), f"r{user}")
        assert single.plan(request) == Plan(("a@1",), together=False)


@pytest.mark.parametrize(
    ("versions", "listed"), [(("a@1", "b@2"), "has 2 (a@1, b@2)"), ((), "has 0 (none)")]
)
def test_any_other_number_of_variants_is_refused_with_what_to_write(versions, listed):
    with pytest.raises(ConfigError) as caught:
        single_of(*versions)
    assert "endpoint 'care'" in caught.value.message
    assert listed in caught.value.message
    assert "write kind: split or ensemble" in caught.value.message


def test_a_version_without_a_name_is_refused():
    with pytest.raises(ConfigError, match=r"write one, such as diagnosis-xgb@1"):
        single_of("")

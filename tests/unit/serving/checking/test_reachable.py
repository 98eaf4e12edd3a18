"""What endpoints ask by handle must be held by an application of the same file."""

import pytest

from serve_app.core.signature import Output, Signature
from serve_app.core.snapshot import Endpoint, RouteSpec, Variant
from serve_app.serving.checking.reachable import follows, problems


def endpoint(*variants, **more):
    route = RouteSpec("split", variants)
    return Endpoint("e", route, Signature((), Output("regression")), 1.0, 0.8, **more)


FOLLOWING = Variant("m@2", alias="champion")


@pytest.mark.parametrize("application", ["m-2", "m-champion"])
def test_a_version_of_an_alias_may_be_in_its_own_application_or_in_the_aliass(application):
    assert list(problems(endpoint(FOLLOWING), [application])) == []


def test_what_is_missing_is_said_with_both_ways_of_adding_it():
    (words,) = problems(endpoint(FOLLOWING), ["m-1"])
    assert words.startswith("asks m@champion, which is m@2 now, but no application holds it")
    assert "`name: m-2`" in words
    assert "`args: {model: m, version: 2}`" in words
    assert "`name: m-champion` and `version: champion`" in words


def test_a_version_that_is_named_by_number_needs_its_own_application():
    spec = endpoint(Variant("n@1"), FOLLOWING, fallback=Variant("m@2"))
    (first, second) = problems(spec, ["m-champion"])
    assert first.startswith("asks m@2, but no application holds it")
    assert "champion" not in first
    assert second.startswith("asks n@1, but")


def test_what_computes_in_the_gateway_needs_no_application():
    assert list(problems(endpoint(FOLLOWING, inline=True), [])) == []


def test_aliases_are_shown_with_what_they_name():
    assert follows([endpoint(FOLLOWING), endpoint(FOLLOWING)]) == ("m@champion → 2",)

"""What kinds of routes decide without a request: weights, keys, and what is told of them."""

import pytest

from serve_app.core.signature import Output
from serve_app.core.snapshot import RouteSpec, Variant
from serve_app.errors import ConfigError, InvalidInput, NotFound
from serve_app.routing import KINDS, kind_named, route_of

VARIANTS = (Variant("a@1", 90.0), Variant("b@1", 10.0), Variant("c@1", 0.0))


def spec(kind, **settings):
    return RouteSpec(kind, VARIANTS, settings)


SPLIT = spec("split", key="user")
ENSEMBLE = spec("ensemble", combine="mean", quorum=2)


def test_a_kind_that_nobody_knows_is_refused_with_those_there_are():
    with pytest.raises(ConfigError, match=rf"'spilt' is no kind.*{', '.join(KINDS)}"):
        route_of(spec("spilt"))


def test_a_description_says_nothing_of_settings_that_say_nothing():
    assert kind_named("split").describe("split", {"key": None}, VARIANTS).settings == {}
    assert kind_named("split").describe("split", {"key": "user"}, VARIANTS) == SPLIT


def test_an_ensemble_without_a_quorum_needs_more_than_half_of_those_with_weights():
    for quorum, needed in ((None, 2), (1, 1)):
        settings = {"combine": "mean", "quorum": quorum}
        described = kind_named("ensemble").describe("ensemble", settings, VARIANTS)
        assert described.settings == {"combine": "mean", "quorum": needed}
        assert route_of(described).needed == needed


@pytest.mark.parametrize("route", [SPLIT, ENSEMBLE], ids=lambda one: one.kind)
def test_weights_of_some_variants_change_and_nothing_else(route):
    changed = route_of(route).with_weights({"c@1": 5.0}, endpoint="e")
    assert changed.weights == {"a@1": 90.0, "b@1": 10.0, "c@1": 5.0}
    assert (changed.kind, changed.settings) == (route.kind, route.settings)


@pytest.mark.parametrize(
    ("route", "weights", "error", "words"),
    [
        (SPLIT, {"z@1": 1}, NotFound, "'z@1' is no variant of 'e'; it has a@1, b@1, c@1"),
        (SPLIT, {"a@1": -1}, InvalidInput, "must be 0 or more, got -1"),
        (SPLIT, {"a@1": float("inf")}, InvalidInput, "must be 0 or more, got inf"),
        (SPLIT, {"a@1": 0, "b@1": 0}, InvalidInput, "all weights of 'e' would be 0"),
        (ENSEMBLE, {"a@1": 0}, InvalidInput, "the quorum of 'e' is 2, but only 1 variants"),
        (spec("single"), {"a@1": 1}, InvalidInput, "has one variant and no weights"),
    ],
)
def test_weights_that_do_not_fit_are_refused_by_the_kind(route, weights, error, words):
    with pytest.raises(error, match=words):
        route_of(route).with_weights(weights, endpoint="e")


@pytest.mark.parametrize(
    ("route", "summary", "key", "combine", "quorum"),
    [
        (SPLIT, "split by user", "user", None, None),
        (spec("split"), "split", None, None, None),
        (ENSEMBLE, "ensemble: mean", None, "mean", 2),
        (spec("single"), "single", None, None, None),
    ],
)
def test_every_kind_is_listed_under_the_same_keys(route, summary, key, combine, quorum):
    assert route_of(route).listed() == {
        "route": route.kind,
        "key": key,
        "combine": combine,
        "quorum": quorum,
        "settings": dict(route.settings),
        "summary": summary,
        "rewards": {},
    }


def test_a_key_that_names_nothing_is_a_problem_of_the_declaration():
    ((key, words),) = route_of(spec("split", key="header:")).problems(Output("regression"))
    assert key == "key"
    assert "names nothing" in words


def test_a_way_of_combining_may_not_fit_what_variants_give():
    vote = route_of(spec("ensemble", combine="vote", quorum=1))
    ((key, words),) = vote.problems(Output("regression"))
    assert key == "combine"
    assert "a vote needs classes" in words
    assert not list(route_of(SPLIT).problems(Output("regression")))

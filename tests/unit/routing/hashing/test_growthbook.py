"""GrowthBook's own cases, and the ways of JavaScript with text."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.core.messages import Payload, Request
from serve_app.core.snapshot import RouteSpec, Variant
from serve_app.routing import route_of
from serve_app.routing.hashing import growthbook

CASES = json.loads(
    (Path(__file__).parents[3] / "golden/assignment/growthbook.json").read_text("utf-8")
)


@pytest.mark.parametrize(("seed", "value", "version", "expected"), CASES["hash"])
def test_hashes_are_the_published_ones(seed, value, version, expected):
    assert growthbook.hash_value(seed, value, version) == expected


@pytest.mark.parametrize(("name", "given_", "expected"), CASES["getBucketRange"])
def test_ranges_are_the_published_ones(name, given_, expected):
    ranges = growthbook.bucket_ranges(*given_)
    assert [end for one in ranges for end in one] == pytest.approx(
        [end for one in expected for end in one], abs=1e-12
    )


@pytest.mark.parametrize(("name", "value", "ranges", "expected"), CASES["chooseVariation"])
def test_variations_are_the_published_ones(name, value, ranges, expected):
    assert growthbook.choose_variation(value, ranges) == expected


@pytest.mark.parametrize(("name", "value", "namespace", "expected"), CASES["inNamespace"])
def test_namespaces_are_the_published_ones(name, value, namespace, expected):
    assert growthbook.in_namespace(value, *namespace) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    # RFC 9923 and the reference's test suite (isthe.com/chongo/src/fnv/test_fnv.c).
    [("", 0x811C9DC5), ("a", 0xE40C292C), ("b", 0xE70C2DE5), ("foobar", 0xBF9CF968)],
)
def test_fnv_1a_gives_the_numbers_of_its_authors(text, expected):
    assert growthbook.fnv1a_32(text) == expected


@given(st.text(st.characters(min_codepoint=0x10000, max_codepoint=0x10FFFF), min_size=1))
def test_a_character_beyond_the_basic_plane_counts_as_its_two_surrogates(text):
    units = text.encode("utf-16-be")
    halves = "".join(chr(units[at] << 8 | units[at + 1]) for at in range(0, len(units), 2))
    assert growthbook.fnv1a_32(text) == growthbook.fnv1a_32(halves)


@pytest.mark.parametrize("case", CASES["run"], ids=lambda case: case[0])
def test_experiments_give_the_published_variations(case):
    _, context, experiment, value, is_in, _ = case
    arms = len(experiment["variations"])
    weights = experiment.get("weights", [1 / arms] * arms)
    variants = tuple(Variant(f"m@{arm}", weight) for arm, weight in enumerate(weights))
    settings = {
        "key": experiment.get("hashAttribute", "id"),
        "assignment": {
            "hash": f"growthbook-v{experiment.get('hashVersion', 1)}",
            "seed": experiment.get("seed", experiment["key"]),
            "coverage": experiment.get("coverage", 1.0),
        },
    }
    if "namespace" in experiment:
        name, start, end = experiment["namespace"]
        part = {"name": "n", "seed": f"__{name}", "hash": "growthbook-v1", "holdout": 0.0}
        settings["layer"] = {**part, "from": start, "to": end}
    route = route_of(RouteSpec("split", variants, settings))
    router = route.router(salt="e", epoch=1, draw=lambda: 0.5)
    attributes = context.get("attributes", {})
    plan = router.plan(Request("e", Payload({}, 1, attributes), "r"))
    assert (plan.variants[0], plan.assignment.algorithm != "excluded") == (f"m@{value}", is_in)

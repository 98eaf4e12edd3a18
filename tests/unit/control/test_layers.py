"""Parts of layers exist and do not overlap, and gateways know all that they need of them."""

import pytest

from serve_app.control.declare import read


def experiment(start, end, layer="ranking", **more):
    route = {
        "kind": "split",
        "key": "user_id",
        "variants": [{"model": "logistic@1"}, {"model": "other@1"}],
        "layer": {"name": layer, "from": start, "to": end},
        **more,
    }
    return {"placement": "inline", "route": route}


def declaration(registry, layers, **endpoints):
    body = {"endpoints": endpoints, "layers": layers}
    return read(body, registry.manifest, registry.resolve)


def problems(registry, layers, **endpoints):
    found = declaration(registry, layers, **endpoints).problems
    return {".".join(map(str, one.path)): one.message for one in found}


def test_gateways_get_the_seed_the_hash_and_the_holdout_of_a_layer(registry):
    layers = {"ranking": {"holdout": 0.05, "hash": "growthbook-v2"}}
    made = declaration(registry, layers, e=experiment(0.2, 0.6)).checked()
    assert made["e"].route.settings["layer"] == {
        "name": "ranking",
        "from": 0.2,
        "to": 0.6,
        "seed": "ranking",
        "hash": "growthbook-v2",
        "holdout": 0.05,
    }


def test_parts_that_touch_are_two_experiments(registry):
    found = problems(registry, {"ranking": {}}, e=experiment(0, 0.5), f=experiment(0.5, 1))
    assert found == {}


@pytest.mark.parametrize(
    "parts",
    [{"e": (0, 0.6), "f": (0.5, 1)}, {"e": (0, 1), "f": (0.2, 0.3)}, {"e": (0, 1), "f": (0, 1)}],
)
def test_parts_that_overlap_are_refused_with_both_names(registry, parts):
    endpoints = {name: experiment(*ends) for name, ends in parts.items()}
    ((path, message),) = problems(registry, {"ranking": {}}, **endpoints).items()
    assert path == "endpoints.f.route.layer"
    assert message.startswith("e has the layer 'ranking' from 0.0 to ")
    assert "f from" in message


def test_one_part_may_overlap_with_several(registry):
    three = {"e": experiment(0, 1), "f": experiment(0.1, 0.2), "g": experiment(0.5, 0.6)}
    assert problems(registry, {"ranking": {}}, **three).keys() == {
        "endpoints.f.route.layer",
        "endpoints.g.route.layer",
    }


def test_parts_of_different_layers_may_overlap(registry):
    both = {"e": experiment(0, 1, "ranking"), "f": experiment(0, 1, "price")}
    assert problems(registry, {"ranking": {}, "price": {}}, **both) == {}


def test_a_layer_that_is_not_declared_is_named_with_the_nearest_one(registry):
    ((path, message),) = problems(registry, {"ranking": {}}, e=experiment(0, 1, "rankin")).items()
    assert path == "endpoints.e.route.layer"
    assert message == "there is no layer 'rankin'; layers: ranking. Did you mean 'ranking'?"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"key": None}, "layer needs a key to know subjects by"),
        ({"layer": {"name": "ranking", "from": 0.5, "to": 0.5}}, "holds nobody"),
        ({"layer": {"name": "ranking", "to": 1.5}}, "less than or equal to 1"),
        ({"assignment": {"hash": "sha1"}}, "growthbook-v2"),
        ({"assignment": {"coverage": 1.01}}, "less than or equal to 1"),
        ({"assignment": {"coverage": -0.1}}, "greater than or equal to 0"),
        ({"assignment": {"coverage": float("nan")}}, "finite"),
        ({"assignment": {"seed": ""}}, "at least 1 character"),
        ({"baseline": "third@1"}, "third@1 is no variant of this route"),
        ({"layer": None, "key": None, "baseline": "other@1"}, "add assignment or layer"),
    ],
)
def test_what_cannot_be_is_refused_in_words(registry, changes, words):
    body = experiment(0, 1)
    body["route"] |= changes
    found = problems(registry, {"ranking": {}}, e=body)
    assert any(words in message for message in found.values()), found


@pytest.mark.parametrize(
    "layer", [{"holdout": 1.0}, {"holdout": -0.1}, {"hash": "md5"}, {"size": 1}]
)
def test_what_no_layer_can_be_is_refused(registry, layer):
    assert problems(registry, {"ranking": layer}, e=experiment(0, 1))


KINDS = {
    "split": {"variants": [{"model": "logistic@1"}, {"model": "other@1"}]},
    "canary": {"stable": "logistic@1", "candidate": "other@1"},
    "bandit": {
        "policy": "thompson",
        "variants": [{"model": "logistic@1"}, {"model": "other@1"}],
    },
    "rules": {
        "rules": [{"when": 'share("half") < 0.5', "model": "other@1"}],
        "otherwise": "logistic@1",
    },
}


def of_kind(kind, **more):
    return {"placement": "inline", "route": {"kind": kind, **KINDS[kind], **more}}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_that_assigns_by_chance_takes_a_part_of_a_layer(registry, kind):
    layers = {"ranking": {"holdout": 0.1}}
    part = {"name": "ranking", "to": 0.5}
    made = declaration(registry, layers, e=of_kind(kind, key="user_id", layer=part)).checked()
    assert made["e"].route.settings["layer"] == {
        "name": "ranking",
        "from": 0.0,
        "to": 0.5,
        "seed": "ranking",
        "hash": "blake2b",
        "holdout": 0.1,
    }


@pytest.mark.parametrize("kind", KINDS)
def test_parts_that_overlap_are_refused_whatever_the_kinds(registry, kind):
    parts = {
        "e": experiment(0, 0.6),
        "f": of_kind(kind, key="user_id", layer={"name": "ranking", "from": 0.5}),
    }
    assert problems(registry, {"ranking": {}}, **parts).keys() == {"endpoints.f.route.layer"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_layer_needs_a_key_whatever_the_kind(registry, kind):
    found = problems(registry, {"ranking": {}}, e=of_kind(kind, layer={"name": "ranking"}))
    assert ["layer needs a key to know subjects by" in one for one in found.values()] == [True]


@pytest.mark.parametrize(
    "route",
    [
        {"kind": "single", "model": "logistic@1"},
        {"kind": "ensemble", "variants": [{"model": "logistic@1"}, {"model": "other@1"}]},
        {
            "kind": "cascade",
            "stages": [{"model": "logistic@1", "sure": 0.9}, {"model": "other@1"}],
        },
    ],
)
def test_who_assigns_nobody_by_chance_has_no_place_in_a_layer(registry, route):
    body = {"placement": "inline", "route": {**route, "layer": {"name": "ranking"}}}
    ((path, message),) = problems(registry, {"ranking": {}}, e=body).items()
    assert path == "endpoints.e.route"
    assert f"kind {route['kind']} assigns nobody by chance" in message


def test_a_canary_in_a_layer_leaves_the_stable_version_to_those_outside(registry):
    steps = [{"weight": 0.1}, {"weight": 1}]
    route = of_kind("canary", key="user_id", layer={"name": "ranking"}, steps=steps)
    found = problems(registry, {"ranking": {}}, e=route)
    assert ["no step has the weight 1" in one for one in found.values()] == [True]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"baseline": "third@1"}, "third@1 is no variant of this route"),
        ({"layer": None, "baseline": "other@1"}, "add a layer"),
    ],
)
def test_the_baseline_of_a_bandit_is_an_arm_of_it(registry, changes, words):
    route = of_kind("bandit", key="user_id", **{"layer": {"name": "ranking"}, **changes})
    found = problems(registry, {"ranking": {}}, e=route)
    assert [words in one for one in found.values()] == [True]

"""An experiment of a config, asked as clients do: pages and models give one subject one arm."""

import json
import time
from pathlib import Path

import yaml

from serve_app.standalone.application import build
from tests.unit.gateway.harness import ROW
from tests.unit.standalone.test_application import asked, settings

GOLDEN = json.loads((Path(__file__).parents[2] / "golden/assignment/sdks.json").read_text("utf-8"))
ARMS = ("logistic@1", "other@1")


def experiment(**more):
    variants = [{"model": one, "weight": 50} for one in ARMS]
    return {"route": {"kind": "split", "key": "user_id", "variants": variants, **more}}


def variants_of(registry, tmp_path, endpoints, subjects, layers):
    """By endpoint, the variants that answer each subject."""
    file = tmp_path / "config.yaml"
    declared = {"endpoints": endpoints, "layers": layers}
    control = {"name": "Control", "user_config": declared}
    application = {"import_path": "serve_app.app:control", "deployments": [control]}
    file.write_text(yaml.safe_dump({"applications": [application]}))
    bodies = [{"instances": [ROW], "parameters": {"user_id": one}} for one in subjects]
    answers = asked(
        build(settings(registry, config=str(file)), clock=time.time),
        *(
            ("POST", f"/v1/models/{name}:predict", {"json": body})
            for name in endpoints
            for body in bodies
        ),
    )
    assert {answer.status_code for answer in answers} == {200}
    variants = [answer.json()["variants"][0] for answer in answers]
    each = len(subjects)
    return {name: variants[at * each : (at + 1) * each] for at, name in enumerate(endpoints)}


def test_users_get_the_arm_that_growthbook_shows_them(registry, tmp_path):
    case = next(one for one in GOLDEN["cases"] if one["hash"] == "growthbook-v2")
    assignment = {"hash": "growthbook-v2", "seed": case["seed"]}
    endpoints = {"checkout": experiment(assignment=assignment)}
    seen = variants_of(registry, tmp_path, endpoints, GOLDEN["ids"], {})
    assert seen["checkout"] == [ARMS[int(arm)] for arm in case["arms"]]


def test_who_is_in_one_experiment_of_a_layer_gets_the_baseline_of_the_other(registry, tmp_path):
    endpoints = {
        "first": experiment(layer={"name": "ranking", "to": 0.5}, baseline=ARMS[1]),
        "second": experiment(layer={"name": "ranking", "from": 0.5}, baseline=ARMS[1]),
    }
    subjects = [f"user-{number}" for number in range(120)]
    seen = variants_of(registry, tmp_path, endpoints, subjects, {"ranking": {"holdout": 0.1}})
    # Whoever gets the first arm is in that experiment, since it is nobody's baseline.
    treated = {
        name: {s for s, one in zip(subjects, variants, strict=True) if one == ARMS[0]}
        for name, variants in seen.items()
    }
    assert all(treated.values())
    assert not treated["first"] & treated["second"]


def test_experiments_of_other_kinds_share_a_layer_and_nobody(registry, tmp_path):
    part = {"name": "ranking", "from": 0.0, "to": 0.3}
    canary = {"kind": "canary", "stable": ARMS[1], "candidate": ARMS[0], "start": "by hand"}
    rules = [{"when": 'share("half") < 0.5', "model": ARMS[0]}]
    bandit = {
        "kind": "bandit",
        "policy": "thompson",
        "variants": [{"model": one} for one in ARMS],
        "baseline": ARMS[1],
    }
    endpoints = {
        "first": {"route": {**bandit, "key": "user_id", "layer": part}},
        "second": {
            "route": {
                "kind": "rules",
                "key": "user_id",
                "rules": rules,
                "otherwise": ARMS[1],
                "layer": {**part, "from": 0.3, "to": 0.7},
            }
        },
        "third": experiment(layer={**part, "from": 0.7, "to": 1.0}, baseline=ARMS[1]),
        "fourth": {"route": {**canary, "key": "user_id", "layer": {"name": "other"}}},
    }
    subjects = [f"user-{number}" for number in range(120)]
    layers = {"ranking": {}, "other": {}}
    seen = variants_of(registry, tmp_path, endpoints, subjects, layers)
    treated = {
        name: {s for s, one in zip(subjects, variants, strict=True) if one == ARMS[0]}
        for name, variants in seen.items()
    }
    assert not treated["fourth"]
    assert treated["first"]
    assert treated["second"]
    assert treated["third"]
    assert not treated["first"] & treated["second"]
    assert not treated["second"] & treated["third"]
    assert not treated["first"] & treated["third"]

"""What is wrong with a bandit is told where it stands, before anything changes."""

import pytest
import yaml

from serve_app.control.declare import read
from serve_app.engine.registration.register import Candidate, register
from serve_app.registry.store import Registry
from serve_app.routing import route_of

YAML = """
endpoints:
  risk:
    route:
      kind: bandit
      policy: thompson
      variants: [{model: logistic@1}, {model: other@1}]
"""


@pytest.fixture(scope="module")
def registry(models, tmp_path_factory):
    store = Registry(str(tmp_path_factory.mktemp("registry")))
    for name in ("logistic", "other", "line"):
        register(store, Candidate(name, *models[name]), compile="never")
    register(store, Candidate("slope", *models["line"]), compile="never")
    return store


def declared(registry, change):
    body = yaml.safe_load(YAML)
    body["endpoints"]["risk"]["route"].update(change)
    return read(body, registry.manifest)


def test_a_bandit_is_described_with_what_its_policy_needs(registry):
    made = declared(
        registry, {"policy": "linucb", "features": ["age"], "alpha": 0.5, "floor": 0.02}
    )
    assert made.problems == ()
    settings = made.endpoints["risk"].route.settings
    assert settings["reward"]["kind"] == "correct"
    assert (settings["features"], settings["alpha"], settings["floor"]) == (["age"], 0.5, 0.02)
    assert settings["update_every_s"] == 10.0
    assert "epsilon" not in settings
    assert route_of(made.endpoints["risk"].route).learns


@pytest.mark.parametrize(
    ("change", "path", "words"),
    [
        ({"policy": "thomson"}, "policy", "'epsilon_greedy', 'linucb' or 'vowpal_wabbit'"),
        ({"policy": "epsilon_greedy", "epsilon": -0.1}, "epsilon", "greater than or equal to 0"),
        ({"epsilon": 0.1}, "", "epsilon belongs to policy: epsilon_greedy"),
        ({"policy": "ucb1", "features": ["age"]}, "", "features belongs to policy: linucb"),
        ({"policy": "linucb"}, "", "linucb needs features"),
        ({"policy": "linucb", "features": ["age", "age"]}, "", "age stands twice"),
        ({"policy": "linucb", "features": ["aeg"]}, "features", "no column 'aeg'; columns of num"),
        ({"policy": "linucb", "features": ["age"], "alpha": -1}, "alpha", "greater than or equal"),
        ({"floor": 0.6}, "", "2 arms, which would need 120% of the requests; write at most 0.5"),
        ({"floor": -0.1}, "floor", "greater than or equal to 0"),
        ({"variants": [{"model": "logistic@1"}]}, "", "two arms or more"),
        (
            {"variants": [{"model": "logistic@1"}, {"model": "other@1", "weight": 0}]},
            "",
            "two arms or more",
        ),
        ({"reward": {"kind": "error"}}, "reward", "needs a scale"),
        ({"reward": {"kind": "error", "scale": 2}}, "reward", "kind: correct for a class"),
        ({"reward": {"kind": "error", "scale": 0}}, "reward.scale", "greater than 0"),
        ({"reward": {"kind": "value", "low": 3, "high": 1}}, "reward", "must be below high"),
        ({"reward": {"kind": "correct", "low": 3}}, "reward", "belong to kind: value"),
        ({"reward": {"kind": "happy"}}, "reward.kind", "'correct', 'value' or 'error'"),
        ({"key": " "}, "key", "names nothing"),
        ({"update_every_s": 0}, "update_every_s", "greater than or equal to 1"),
        ({"window_days": 0}, "window_days", "greater than 0"),
        ({"polcy": "ucb1"}, "polcy", "Extra inputs"),
        ({"variants": [{"model": "nobody@1"}, {"model": "other@1"}]}, "variants.0.model", "nobody"),
    ],
)
def test_what_does_not_fit_is_told_where_it_stands(registry, change, path, words):
    problems = declared(registry, change).problems
    found = {".".join(map(str, problem.path)): problem.message for problem in problems}
    place = ".".join(part for part in ("endpoints.risk.route", path) if part)
    assert words in found[place]


def test_a_feature_that_is_never_kept_cannot_be_learned_from(registry):
    body = yaml.safe_load(YAML)
    body["endpoints"]["risk"]["route"].update(policy="linucb", features=["age"])
    body["endpoints"]["risk"]["monitoring"] = {"redact": ["age"]}
    (problem,) = read(body, registry.manifest).problems
    assert problem.path == ("endpoints", "risk", "monitoring", "redact")
    assert problem.message == "the route learns from 'age', which is not kept: `redact` names it"


def test_a_number_is_not_rewarded_as_a_class(registry):
    lines = {"variants": [{"model": "line@1"}, {"model": "slope@1"}]}
    (problem,) = declared(registry, lines).problems
    assert problem.path == ("endpoints", "risk", "route", "reward")
    assert "kind: error with a scale" in problem.message
    assert declared(registry, {**lines, "reward": {"kind": "error", "scale": 5}}).problems == ()

"""What is wrong with an experiment is told where it stands, before anything changes."""

import pytest
import yaml

from serve_app.control.declare import read
from serve_app.engine.registration.register import Candidate, register
from serve_app.registry.store import Registry

YAML = """
endpoints:
  risk:
    route:
      kind: split
      key: patient_id
      variants: [{model: logistic@1}, {model: other@1}]
    experiment:
      name: risk-2026
      hypothesis: the other one is right more often
      primary: {metric: accuracy, window_s: 3600}
      secondary: [log_loss, {metric: quantile, of: latency, at: 0.95}]
      guardrails:
      - {metric: error_rate, margin: 0.005}
      - {metric: latency, margin: 5}
      effect: 0.01
"""


@pytest.fixture(scope="module")
def registry(models, tmp_path_factory):
    store = Registry(str(tmp_path_factory.mktemp("registry")))
    for name in ("logistic", "other", "line"):
        register(store, Candidate(name, *models[name]), compile="never")
    register(store, Candidate("slope", *models["line"]), compile="never")
    return store


def declared(registry, change=(), **more):
    body = yaml.safe_load(YAML)
    endpoint = body["endpoints"]["risk"]
    endpoint["experiment"].update(change)
    endpoint.update(more)
    return read(body, registry.manifest)


def test_an_experiment_is_described_with_everything_that_it_means(registry):
    made = declared(registry)
    assert made.problems == ()
    endpoint = made.endpoints["risk"]
    assert endpoint.records.key == "patient_id"
    settings = endpoint.experiment
    assert (settings["name"], settings["baseline"]) == ("risk-2026", "logistic@1")
    assert (settings["method"], settings["alpha"], settings["power"]) == ("always valid", 0.05, 0.8)
    metrics = {one["name"]: one for one in settings["metrics"]}
    assert list(metrics) == ["accuracy", "log_loss", "latency p95", "error_rate", "latency"]
    assert [one["role"] for one in settings["metrics"]] == [
        "primary", "secondary", "secondary", "guardrail", "guardrail",
    ]  # fmt: skip
    assert metrics["accuracy"]["better"] == "higher"
    assert {metrics[n]["better"] for n in ("log_loss", "latency p95", "error_rate")} == {"lower"}
    assert metrics["accuracy"]["test"] == "superiority"
    assert metrics["latency"]["test"] == "non-inferiority"


def test_the_baseline_may_be_another(registry):
    made = declared(registry, {"baseline": "other@1"})
    assert made.endpoints["risk"].experiment["baseline"] == "other@1"


def test_a_canary_and_rules_with_shares_assign_by_chance_too(registry):
    canary = {"kind": "canary", "stable": "logistic@1", "candidate": "other@1"}
    assert declared(registry, route=canary).problems == ()
    rules = {
        "kind": "rules",
        "rules": [{"when": 'share("new") < 0.5', "model": "other@1"}],
        "otherwise": "logistic@1",
    }
    assert declared(registry, route=rules).problems == ()
    bandit = {
        "kind": "bandit",
        "policy": "thompson",
        "variants": [{"model": "logistic@1"}, {"model": "other@1"}],
    }
    (problem,) = declared(registry, route=bandit).problems
    assert problem.path == ("endpoints", "risk", "experiment", "secondary", 1, "metric")
    assert "those of a bandit change all the time" in problem.message
    assert declared(registry, {"secondary": ["log_loss"]}, route=bandit).problems == ()


@pytest.mark.parametrize(
    ("change", "path", "words"),
    [
        ({"primary": "acuracy"}, "primary.metric", "'accuracy'"),
        ({"primary": "rmse"}, "primary.metric", "measured of regression; these versions give cla"),
        ({"primary": {"metric": "reward", "margin": -1}}, "primary.margin", "greater than or eq"),
        (
            {"primary": {"metric": "reward", "margin": float("nan")}},
            "primary.margin",
            "finite",
        ),
        ({"primary": {"metric": "reward", "window_s": 0}}, "primary.window_s", "greater than 0"),
        ({"primary": {"metric": "quantile"}}, "primary", "metric: quantile needs of"),
        ({"primary": {"metric": "ratio", "numerator": "reward"}}, "primary", "needs denominator"),
        ({"primary": {"metric": "reward", "at": 0.5}}, "primary", "at belongs to metric: quant"),
        ({"primary": {"metric": "latency", "window_s": 5}}, "primary", "latency needs none"),
        ({"primary": {"metric": "precision", "class": "maybe"}}, "primary.metric", "'maybe' is no"),
        ({"secondary": ["accuracy"]}, "secondary.0.metric", "is the primary metric already"),
        (
            {"guardrails": ["latency", "latency"]},
            "guardrails.1.metric",
            "among the guardrail metrics already",
        ),
        ({"alpha": 0}, "alpha", "greater than 0"),
        ({"alpha": 0.5}, "alpha", "less than 0.5"),
        ({"power": 1}, "power", "less than 1"),
        ({"effect": 0}, "effect", "greater than 0"),
        ({"effect": float("inf")}, "effect", "finite"),
        ({"method": "sequential"}, "method", "'always valid' or 'group sequential'"),
        ({"method": "group sequential"}, "", "group sequential needs units"),
        ({"looks": 5}, "", "looks belong to method: group sequential"),
        ({"baseline": "othr@1"}, "baseline", "has logistic@1, other@1. Did you mean 'other@1'?"),
        ({"covariate": {}}, "covariate", "either a column, or before_s"),
        ({"covariate": {"column": "aeg"}}, "covariate.column", "no column 'aeg'. Did you mean"),
        ({"name": ""}, "name", "pattern"),
        ({"primry": "reward"}, "primry", "Extra inputs"),
    ],
)
def test_what_does_not_fit_is_told_where_it_stands(registry, change, path, words):
    problems = declared(registry, change).problems
    known = {".".join(map(str, problem.path)): problem.message for problem in problems}
    place = ".".join(part for part in ("endpoints.risk.experiment", path) if part)
    assert words in known[place]


def test_a_variant_that_is_not_there_is_told_once(registry):
    route = {"kind": "split", "variants": [{"model": "logistic@1"}, {"model": "other@9"}]}
    (problem,) = declared(registry, route=route).problems
    assert problem.path == ("endpoints", "risk", "route", "variants", 1, "model")
    assert "no version 9" in problem.message


def test_a_number_has_no_auc_and_a_class_no_error(registry):
    route = {"kind": "split", "variants": [{"model": "line@1"}, {"model": "slope@1"}]}
    settings = {"name": "x", "primary": "auc"}
    (problem,) = declared(registry, experiment=settings, route=route).problems
    assert problem.path == ("endpoints", "risk", "experiment", "primary", "metric")
    assert problem.message == "auc is measured of classification; these versions give regression"
    assert (
        declared(registry, experiment={"name": "x", "primary": "mae"}, route=route).problems == ()
    )


@pytest.mark.parametrize(
    ("route", "words"),
    [
        ({"kind": "single", "model": "logistic@1"}, "kind single leaves nothing to chance"),
        (
            {"kind": "ensemble", "variants": [{"model": "logistic@1"}, {"model": "other@1"}]},
            "kind ensemble leaves nothing to chance",
        ),
        (
            {
                "kind": "rules",
                "rules": [{"when": "age > 50", "model": "other@1"}],
                "otherwise": "logistic@1",
            },
            "kind rules leaves nothing to chance",
        ),
        ({"kind": "split", "variants": [{"model": "logistic@1"}]}, "compares two at least"),
    ],
)
def test_a_route_that_leaves_nothing_to_chance_has_no_experiment(registry, route, words):
    (problem,) = declared(registry, route=route).problems
    assert problem.path == ("endpoints", "risk", "experiment")
    assert words in problem.message


def test_it_must_be_kept_of_whom_requests_are(registry):
    (problem,) = declared(registry, monitoring={"key": "order_id"}).problems
    assert problem.path == ("endpoints", "risk", "monitoring", "key")
    assert "'patient_id', the key of the route, and what is kept of requests is" in problem.message
    assert declared(registry, monitoring={"key": "patient_id"}).problems == ()


def test_a_subject_before_needs_a_key(registry):
    route = {"kind": "split", "variants": [{"model": "logistic@1"}, {"model": "other@1"}]}
    change = {"covariate": {"before_s": 3600}}
    (problem,) = declared(registry, change, route=route).problems
    assert problem.path == ("endpoints", "risk", "experiment", "covariate", "before_s")
    assert declared(registry, change).problems == ()

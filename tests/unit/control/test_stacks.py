"""A declared stack names a meta-model whose columns its members give, or stands nowhere."""

import json

import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from serve_app.control.declare import read
from serve_app.control.following import followed
from serve_app.core.snapshot import Endpoint
from serve_app.engine.registration.register import Candidate, register
from serve_app.errors import InvalidInput
from serve_app.routing import route_of
from tests.conftest import made

FRAME, TRUTH = made()
MEMBERS = ["logistic@1", "other@1"]


def stacker(registry, *names, estimator=None, name="stacker", truth=TRUTH):
    """Register a meta-model of columns of these names; what it learned does not matter here."""
    rows = pd.DataFrame(dict.fromkeys(names, FRAME["age"] / 100))
    fitted = (estimator or LogisticRegression()).fit(rows, truth)
    return register(registry, Candidate(name, fitted, rows), compile="never")


def declaration(
    registry, *, meta="stacker@1", placed=None, members=MEMBERS, with_columns=None, **more
):
    route = {
        "kind": "ensemble",
        "combine": "stack",
        "meta": meta,
        "meta_placement": placed,
        "variants": [{"model": model} for model in members],
        "with_columns": with_columns,
    }
    body = {"endpoints": {"e": {"route": route, **more}}}
    return read(body, registry.manifest, registry.resolve)


def problems(declared):
    return {".".join(map(str, one.path)): one.message for one in declared.problems}


@pytest.fixture
def fitting(registry):
    stacker(registry, "logistic@1:well", "other@1:well")
    return registry


def test_the_description_says_where_each_column_comes_from(fitting):
    endpoint = declaration(fitting).checked()["e"]
    assert [one.feature for one in endpoint.meta.sources] == ["logistic@1:well", "other@1:well"]
    assert endpoint.signature.names == ("age", "dose")
    assert endpoint.signature.output.labels == ("ill", "well")
    assert not endpoint.signature.output.raw_scores
    assert endpoint.route.settings["quorum"] == 2
    assert Endpoint.from_json(json.loads(json.dumps(endpoint.to_json()))) == endpoint


@pytest.mark.parametrize(
    ("placed", "placement", "needs", "loads"),
    [
        (None, "replicas", {*MEMBERS, "stacker@1"}, set()),
        (None, "inline", set(), {*MEMBERS, "stacker@1"}),
        ("inline", "replicas", {*MEMBERS}, {"stacker@1"}),
        ("replicas", "inline", {"stacker@1"}, {*MEMBERS}),
    ],
)
def test_it_computes_where_it_is_placed(fitting, placed, placement, needs, loads):
    endpoint = declaration(fitting, placed=placed, placement=placement).checked()["e"]
    assert (endpoint.needs(), endpoint.loads()) == (needs, loads)
    assert endpoint.asks() == {*MEMBERS, "stacker@1"}


@pytest.mark.parametrize(
    ("names", "more", "words"),
    [
        (("logistic@2:well", "other@1:well"), {}, "'logistic@2:well', which no member gives"),
        (("logistic@1:well", "age"), {}, "add with_columns: [age]"),
        (("logistic@1:well",), {"with_columns": ["height"]}, "'height', which members are not"),
    ],
)
def test_columns_that_do_not_fit_are_a_problem_of_the_meta_model(registry, names, more, words):
    stacker(registry, *names)
    found = problems(declaration(registry, **more))
    assert found.keys() == {"endpoints.e.route.meta"}
    assert words in found["endpoints.e.route.meta"]
    assert found["endpoints.e.route.meta"].startswith("stacker@1: ")


def test_a_meta_model_that_is_not_there_is_a_problem(registry):
    assert "stacker" in problems(declaration(registry))["endpoints.e.route.meta"]


def test_a_meta_model_gives_what_the_members_give(registry):
    stacker(registry, "logistic@1:well", "other@1:well", estimator=LinearRegression(),
            truth=FRAME["age"])  # fmt: skip
    found = problems(declaration(registry))
    assert found["endpoints.e.route.meta"] == (
        "stacker@1 gives regression, but logistic@1 gives classification"
    )


def test_columns_of_the_rows_are_those_that_members_are_shown(registry):
    stacker(registry, "logistic@1:well", "other@1:well", "age")
    endpoint = declaration(
        registry, with_columns=["age"], preprocess={"model": "scaler@1"}
    ).checked()["e"]
    assert endpoint.meta.sources[-1].part == "column"


def test_weights_of_a_stack_are_refused_in_words(fitting):
    endpoint = declaration(fitting).checked()["e"]
    route = route_of(endpoint.route)
    with pytest.raises(InvalidInput, match="the meta-model of 'e' weighs its members"):
        route.with_weights({"other@1": 0.0}, endpoint="e")
    assert route.summary() == "ensemble: stack by stacker@1"


def test_a_meta_model_follows_an_alias_while_its_columns_fit(fitting):
    registry = fitting
    registry.set_alias("stacker", "champion", 1, by="test")
    former = declaration(registry, meta="stacker@champion").checked()
    assert former["e"].follows() == {"stacker@champion": "stacker@1"}
    stacker(registry, "logistic@1:ill", "other@1:well")
    registry.set_alias("stacker", "champion", 2, by="test")
    now = followed(former, declaration(registry, meta="stacker@champion"))
    assert now.endpoints["e"].meta.version == "stacker@2"
    stacker(registry, "renamed@1:ill", "other@1:well")
    registry.set_alias("stacker", "champion", 3, by="test")
    held = followed(former, declaration(registry, meta="stacker@champion"))
    assert held.endpoints["e"].meta.version == "stacker@1"
    assert "stacker@3: it takes the column 'renamed@1:ill', which no member gives" in held.held["e"]


def test_a_member_that_moves_on_is_held_back_by_the_meta_model(fitting, models):
    registry = fitting
    registry.set_alias("other", "champion", 1, by="test")
    members = ["logistic@1", "other@champion"]
    former = declaration(registry, members=members).checked()
    register(registry, Candidate("other", *models["other"]), compile="never")
    registry.set_alias("other", "champion", 2, by="test")
    held = followed(former, declaration(registry, members=members))
    assert held.endpoints["e"].asks() == {"logistic@1", "other@1", "stacker@1"}
    assert "'other@1:well', which no member gives" in held.held["e"]

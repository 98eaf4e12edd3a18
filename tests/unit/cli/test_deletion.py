"""Versions are deleted from the command line, unless somebody needs them."""

import io
import json

import pytest

from serve_app.core.signature import Output, Signature
from serve_app.registry.manifest import Draft
from serve_app.registry.store import Registry


@pytest.fixture
def store(tmp_path, monkeypatch):
    """Three versions of a model, and one of another, in ./registry."""
    monkeypatch.chdir(tmp_path)
    registry = Registry("./registry")
    for name in ("churn", "churn", "churn", "risk"):
        signature = Signature((), Output("regression"))
        draft = Draft(name=name, flavour="xgboost", format="ubj", signature=signature)
        registry.register(draft, {})
    return registry


def declared(registry="./registry", **endpoint):
    control = {"name": "Control", "user_config": {"endpoints": {"leave": endpoint}}}
    config = {"args": {"registry": registry}, "deployments": [control]}
    return {"control": {"deployed_app_config": config}}


def test_a_version_is_deleted(serve_app, store):
    said = serve_app("models", "delete", "churn@2")
    assert (said.code, said.out) == (0, "deleted churn@2\n")
    assert store.versions("churn") == [1, 3]


def test_what_was_deleted_is_said_in_json(serve_app, store):
    said = serve_app("models", "delete", "churn", "--yes", "--json")
    assert json.loads(said.out) == {"deleted": ["churn@1", "churn@2", "churn@3"]}
    assert store.models() == ["risk"]


def test_a_whole_model_is_not_deleted_where_nobody_can_be_asked(serve_app, store):
    said = serve_app("models", "delete", "churn")
    assert said.code == 2
    assert "churn has 3 versions" in said.err
    assert "--yes" in said.err
    assert store.versions("churn") == [1, 2, 3]


@pytest.mark.parametrize(("answer", "left"), [("y\n", []), ("n\n", [1, 2, 3])])
def test_at_a_terminal_a_whole_model_is_deleted_after_a_yes(
    serve_app, store, monkeypatch, answer, left
):
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    said = serve_app("models", "delete", "churn")
    assert said.code == (0 if not left else 1)
    assert "Delete churn with 3 versions" in said.err
    assert store.versions("churn") == left


class Terminal(io.StringIO):
    """What somebody types."""

    def isatty(self):
        """It is one."""
        return True


def test_an_aliased_version_is_not_deleted_until_the_alias_is_removed(serve_app, store):
    assert serve_app("models", "alias", "churn@2", "champion").code == 0
    for reference in (["churn@2"], ["churn@champion"], ["churn", "--yes"]):
        said = serve_app("models", "delete", *reference)
        assert said.code == 1
        assert "churn@2 is not deleted" in said.err
        assert "'champion'" in said.err
        assert store.versions("churn") == [1, 2, 3]
    assert serve_app("models", "alias", "churn", "champion", "--remove").code == 0
    assert serve_app("models", "delete", "churn@2").code == 0
    assert store.versions("churn") == [1, 3]


@pytest.mark.parametrize("reference", ["churn@champion", "churn champion"])
def test_an_alias_is_removed_by_either_spelling_and_remembered(serve_app, store, reference):
    serve_app("models", "alias", "churn@2", "champion")
    said = serve_app("models", "alias", *reference.split(), "--remove", "--json")
    assert json.loads(said.out)["version"] is None
    (set_, removed) = json.loads(serve_app("models", "alias", "churn", "--json").out)
    assert (set_["version"], removed["version"], removed["previous"]) == (2, None, 2)


@pytest.mark.parametrize(
    ("endpoint", "role"),
    [
        ({"route": {"kind": "single", "model": "churn@2"}}, "endpoint leave"),
        (
            {
                "route": {
                    "kind": "split",
                    "variants": [{"model": "churn@1", "weight": 0}, {"model": "churn@2"}],
                }
            },
            "endpoint leave",
        ),
        (
            {"route": {"kind": "single", "model": "risk@1"}, "fallback": "churn@2"},
            "endpoint leave as its fallback",
        ),
        (
            {"route": {"kind": "single", "model": "risk@1"}, "preprocess": {"model": "churn@2"}},
            "endpoint leave for its preprocessing",
        ),
        (
            {"route": {"kind": "single", "model": "risk@1"}, "shadows": [{"model": "churn@2"}]},
            "endpoint leave as a shadow",
        ),
    ],
)
def test_what_is_declared_is_not_deleted(serve_app, store, world, endpoint, role):
    world.applications = declared(**endpoint)
    world.endpoints = None
    for reference in (["churn@2"], ["churn", "--yes"]):
        said = serve_app("models", "delete", *reference)
        assert said.code == 1
        assert role in said.err
    assert store.versions("churn") == [1, 2, 3]
    assert serve_app("models", "delete", "churn@3").code == 0


def test_what_an_application_holds_is_not_deleted(serve_app, store, world):
    args = {"model": "churn", "version": 2, "registry": "./registry"}
    world.applications = {"churn-2": {"deployed_app_config": {"args": args}}}
    said = serve_app("models", "delete", "churn@2")
    assert (said.code, "application churn-2" in said.err) == (1, True)
    assert store.versions("churn") == [1, 2, 3]


def test_what_was_put_into_an_endpoint_at_run_time_is_not_deleted(serve_app, store, world):
    world.applications = declared()
    variants = [{"version": "churn@3", "weight": 1.0}]
    world.endpoints = [{"name": "added", "variants": variants, "signature": {}, "fallback": None}]
    said = serve_app("models", "delete", "churn@3")
    assert (said.code, "endpoint added" in said.err) == (1, True)


def test_what_is_served_from_another_registry_holds_nothing_of_this(
    serve_app, store, world, tmp_path
):
    other = str(tmp_path / "other")
    world.applications = declared(other, route={"kind": "single", "model": "churn@2"})
    world.endpoints = [{"name": "leave", "variants": [{"version": "churn@2"}]}]
    assert serve_app("models", "delete", "churn@2").code == 0


def test_unknown_versions_and_models_are_named(serve_app, store):
    said = serve_app("models", "delete", "churn@9")
    assert (said.code, "no version 9; it has 1, 2, 3" in said.err) == (1, True)
    said = serve_app("models", "delete", "chrun", "--yes")
    assert (said.code, "did you mean 'churn'?" in said.err) == (1, True)


def test_models_are_listed_as_plain_json(serve_app, store):
    store.set_alias("churn", "champion", 2, by="ada")
    first, second = json.loads(serve_app("models", "list", "--json").out)
    assert first == {
        "model": "churn",
        "versions": [1, 2, 3],
        "newest": 3,
        "flavour": "xgboost",
        "gives": "regression",
        "metrics": {},
        "aliases": {"champion": 2},
    }
    assert second["versions"] == [1]
    assert "champion=2" in serve_app("models", "list").out

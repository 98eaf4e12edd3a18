"""A kind of route is one file and a line of a table: this one adds one, and nothing else."""

import itertools
from typing import Annotated, Literal

import pytest
import yaml
from pydantic import Field

from serve_app.config import Reference, RouteSettings, Target, VariantSettings
from serve_app.control.declare import read
from serve_app.control.snapshots import Snapshots
from serve_app.core.plan import Assignment, Plan
from serve_app.core.snapshot import Snapshot
from serve_app.engine.assemble import Assembler
from serve_app.engine.load import load
from serve_app.engine.local import LocalModels
from serve_app.engine.predict import Predictor
from serve_app.engine.registration.register import Candidate, register
from serve_app.errors import InvalidInput
from serve_app.registry.store import Registry
from serve_app.routing import KINDS, keys
from serve_app.routing.route import Route
from serve_app.serving.checking.shapes import Spot, shape_of_config, spots
from tests.unit.gateway.harness import ROW, Client

ASKED = []
"""The plans that were asked in the way of this kind."""


class FirstLetterSettings(RouteSettings):
    """Those whose field begins with one of some letters ask one version, all others another."""

    kind: Literal["first_letter"]
    field: str
    letters: Annotated[str, Field(pattern="^[a-z]+$")]
    those: Reference
    others: Reference

    def targets(self):
        those, others = VariantSettings(model=self.those), VariantSettings(model=self.others)
        return (Target(("those",), those), Target(("others",), others))

    def own(self):
        return {"field": self.field, "letters": self.letters}


class FirstLetter(Route):
    """Who answers by the first letter of a field."""

    settings = f"{__name__}:FirstLetterSettings"

    @property
    def key(self):
        return self.spec.settings["field"]

    def router(self, *, salt, epoch, draw):
        return FirstLetterRouter(self.spec, salt, epoch)

    def ask(self, ways):
        usual = ways.in_turn()

        async def ask(plan, columns, deadline):
            ASKED.append(plan)
            return await usual(plan, columns, deadline)

        return ask

    def problems(self, output):
        if not output.probabilities:
            yield "letters", "letters decide among classes with probabilities only"

    def with_weights(self, weights, *, endpoint):
        raise InvalidInput(f"letters decide at {endpoint!r}, and no weights")

    def summary(self):
        return f"first letter of {self.key} in {self.spec.settings['letters']}"


class FirstLetterRouter:
    def __init__(self, spec, salt, epoch):
        those, others = spec.variants
        how = Assignment("first_letter", salt)
        orders = (those.version, others.version), (others.version, those.version)
        self._those, self._others = (Plan(o, assignment=how, epoch=epoch) for o in orders)
        self._settings = spec.settings

    def plan(self, request):
        found = keys.find(request, self._settings["field"]) or ""
        those = found[:1].lower() in set(self._settings["letters"])
        return self._those if those else self._others


YAML = """
endpoints:
  risk:
    route: {kind: first_letter, field: name, letters: abc, those: logistic@1, others: other@1}
"""


@pytest.fixture(autouse=True)
def table(monkeypatch):
    monkeypatch.setitem(KINDS, "first_letter", f"{__name__}:FirstLetter")
    ASKED.clear()


@pytest.fixture
def registry(models, tmp_path):
    store = Registry(str(tmp_path))
    for name in ("logistic", "other", "line"):
        register(store, Candidate(name, *models[name]), compile="never")
    return store


@pytest.fixture
def declaration(registry):
    made = read(yaml.safe_load(YAML), registry.manifest)
    assert made.problems == ()
    return made


class Store:
    def save(self, version, declaration, body):
        pass

    def latest(self):
        return None


@pytest.fixture
def snapshots(declaration):
    made = Snapshots(Store())
    made.take(declaration)
    made.ready("logistic@1")
    made.ready("other@1")
    return made


@pytest.fixture
def client(registry, snapshots):
    loaded = {f"{name}@1": load(registry, name, 1).model for name in ("logistic", "other")}
    models = LocalModels(loaded, clock=lambda: 0.0)
    numbers = itertools.count(1)
    predictor = Predictor(clock=lambda: 0.0, ids=lambda: f"id-{next(numbers)}")
    assembler = Assembler(replicas=models, inline=models, clock=lambda: 0.0)
    standing = Snapshot.from_json(snapshots.current.to_json())
    assert standing == snapshots.current
    predictor.swap(assembler.stages(standing))
    return Client(predictor, models)


@pytest.mark.parametrize(
    ("name", "version"),
    [("Anna", "logistic@1"), ("cleo", "logistic@1"), ("Zoe", "other@1"), (None, "other@1")],
)
def test_it_is_planned_and_asked_in_its_own_way(client, name, version):
    keys_of_body = {} if name is None else {"name": name}
    answer = client.predict("risk", ROW, body=keys_of_body)
    assert answer.json()["variants"] == [version]
    (plan,) = ASKED
    assert plan.variants[0] == version
    assert plan.assignment == Assignment("first_letter", "risk")


def test_the_field_may_be_a_column_that_models_do_not_know(client):
    answer = client.predict("risk", {**ROW, "name": "Bert"})
    assert answer.json()["variants"] == ["logistic@1"]


def test_lists_of_endpoints_tell_of_it(client):
    (listed,) = client.get("/v1/endpoints").json()["endpoints"]
    assert (listed["route"], listed["key"]) == ("first_letter", "name")
    assert listed["summary"] == "first letter of name in abc"
    assert listed["settings"] == {"field": "name", "letters": "abc"}
    assert [one["version"] for one in listed["variants"]] == ["logistic@1", "other@1"]
    (documented,) = client.get("/openapi.json").json()["x-endpoints"]
    assert documented["route"] == "first_letter"
    assert client.get("/docs").status_code == 200
    assert client.get("/v2/models/risk/ready").status_code == 200


def test_graphql_tells_of_it_and_takes_its_key(client):
    query = """{
      endpoint(name: "risk") {route key}
      predict{risk(rows: [{age: 61, dose: 2.5}], key: "Anna") {variants}}
    }"""
    answer = client.send("POST", "/graphql", json={"query": query}).json()
    assert answer["data"]["endpoint"] == {"route": "first_letter", "key": "name"}
    assert answer["data"]["predict"]["risk"] == {"variants": ["logistic@1"]}


def test_it_refuses_weights_in_its_own_words(snapshots):
    with pytest.raises(InvalidInput, match="letters decide at 'risk', and no weights"):
        snapshots.set_weights("risk", {"logistic@1": 2})


@pytest.mark.parametrize(
    ("change", "path", "words"),
    [
        ({"those": "nobody@1"}, "endpoints.risk.route.those", "nobody"),
        ({"those": "line@1", "others": "line@1"}, "endpoints.risk.route.letters", "probabilities"),
        ({"letters": "1"}, "endpoints.risk.route.letters", "pattern"),
        ({"letter": "a"}, "endpoints.risk.route.letter", "Extra inputs"),
        ({"kind": "first_lettre"}, "endpoints.risk.route", "'first_letter'"),
    ],
)
def test_what_does_not_fit_is_told_where_it_stands(registry, change, path, words):
    body = yaml.safe_load(YAML)
    body["endpoints"]["risk"]["route"].update(change)
    problems = read(body, registry.manifest).problems
    found = {".".join(map(str, problem.path)): problem.message for problem in problems}
    assert words in found[path]


def test_a_file_that_is_checked_may_hold_its_keys():
    config = {
        "applications": [
            {
                "name": "control",
                "import_path": "serve_app.app:control",
                "deployments": [{"name": "Control", "user_config": yaml.safe_load(YAML)}],
            }
        ]
    }

    def below(spot):
        for one in spots(spot):
            yield one
            yield from below(one)

    (route,) = (s for s in below(Spot((), config, shape_of_config())) if s.path[-1] == "route")
    assert set(route.shape.keys) == {"kind", "field", "letters", "those", "others"}

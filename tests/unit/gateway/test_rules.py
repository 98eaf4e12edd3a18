"""Rules from the config to the answer, as clients see them."""

import itertools

import pytest
import yaml

from serve_app.control.declare import read
from serve_app.core.snapshot import Snapshot
from serve_app.engine.assemble import Assembler
from serve_app.engine.load import load
from serve_app.engine.local import LocalModels
from serve_app.engine.predict import Predictor
from tests.unit.gateway.harness import ROW, Client, answered, offered

YAML = """
endpoints:
  risk:
    placement: inline
    route:
      kind: rules
      key: patient_id
      rules:
      - {name: old, when: age > 60 and dose > 2, model: logistic@1}
      - {when: header("x-tier") == "gold", model: other@1}
      - {when: share("ramp") < 0.5, model: other@1}
      otherwise: logistic@1
"""


def declared(registry, **changes):
    body = yaml.safe_load(YAML)
    body["endpoints"]["risk"]["route"].update(changes)
    return read(body, registry.manifest, registry.resolve)


def problems(registry, **changes):
    found = declared(registry, **changes).problems
    return {".".join(map(str, one.path)): one.message for one in found}


@pytest.fixture
def records():
    return []


@pytest.fixture
def client(registry, records):
    class Recorder:
        def record(self, record):
            records.append(record)

    made = declared(registry)
    assert made.problems == ()
    loaded = {f"{name}@1": load(registry, name, 1).model for name in ("logistic", "other")}
    models = LocalModels(loaded, clock=lambda: 0.0)
    numbers = itertools.count(1)
    predictor = Predictor(clock=lambda: 0.0, ids=lambda: f"id-{next(numbers)}", recorder=Recorder())
    assembler = Assembler(replicas=models, inline=models, clock=lambda: 0.0)
    snapshot = Snapshot.from_json(Snapshot(1, "d", made.endpoints).to_json())
    predictor.swap(assembler.stages(snapshot))
    return Client(predictor, models)


def test_a_request_is_answered_by_whom_its_rule_names(client, records):
    young = {"age": 20.0, "dose": 2.5}
    assert client.predict("risk", ROW).json()["variants"] == ["logistic@1"]
    gold = client.predict("risk", young, headers={"X-Tier": "gold"})
    assert gold.json()["variants"] == ["other@1"]
    assert [record.plan.assignment.rule for record in records] == ["old", "rule-2"]
    assert [record.plan.assignment.bucket for record in records] == [0, 1]


def test_the_key_may_be_a_column_that_models_do_not_know(client, records):
    for patient in range(20):
        row = {"age": 20.0, "dose": 2.5, "patient_id": patient}
        assert client.predict("risk", row).status_code == 200
    ramp = [record.plan.propensity for record in records]
    assert ramp == [0.5] * 20 or set(ramp) == {1.0}
    assert {record.answer.variants for record in records} == {("other@1",), ("logistic@1",)}


def test_rows_that_would_go_different_ways_are_refused_with_the_column(client):
    answer = client.predict("risk", ROW, {"age": 20.0, "dose": 2.5})
    assert answer.status_code == 400
    assert "'age', 'dose'" in answer.json()["error"]
    assert "rule 'old' holds for row 0 and not for row 1" in answer.json()["error"]


def test_rows_that_do_not_fit_are_refused_as_they_are_without_rules(client):
    answer = client.predict("risk", {"age": "old", "dose": 2.5})
    assert answer.status_code in {400, 422}
    assert "age" in answer.text
    assert client.predict("risk", {"dose": 2.5}).status_code in {400, 422}


def test_lists_of_endpoints_tell_of_them(client):
    (listed,) = client.get("/v1/endpoints").json()["endpoints"]
    assert (listed["route"], listed["key"], listed["summary"]) == (
        "rules",
        "patient_id",
        "rules: 3",
    )
    assert listed["settings"]["rules"][0]["when"] == "age > 60 and dose > 2"
    asked = offered(client)
    assert [path for path, _ in asked if "risk" not in path] == ["/azureml/score"]
    for path, body in asked:
        assert answered(client, path, body) == 200, path


def test_each_version_is_one_variant_however_often_it_is_named(registry):
    (spec,) = declared(registry).endpoints.values()
    assert [one.version for one in spec.variants] == ["logistic@1", "other@1"]


@pytest.mark.parametrize(
    ("rules", "path", "words"),
    [
        ([{"when": "agee > 1", "model": "other@1"}], "rules.0.when", "did you mean 'age'"),
        ([{"when": "age > 60 and age < 50", "model": "other@1"}], "rules.0.when", "no request"),
        (
            [{"when": True, "model": "other@1"}, {"when": "age > 1", "model": "logistic@1"}],
            "rules.1.when",
            "never reached",
        ),
        ([{"when": "age > 1", "model": "nobody@1"}], "rules.0.model", "nobody"),
        (
            [{"when": "age > 9", "model": "other@1"}, {"when": "age > 1", "model": "line@1"}],
            "rules.1.model",
            "gives regression",
        ),
        ([{"when": "age > 1"}], "rules.0.model", "Field required"),
        ([], "rules", "0 given, and at least 1 needed"),
        (
            [{"when": "age > 1", "model": "other@1", "name": "x"}] * 2,
            "",
            "two rules are named 'x'",
        ),
    ],
)
def test_what_does_not_fit_is_told_where_it_stands(registry, rules, path, words):
    found = problems(registry, rules=rules)
    assert words in found[f"endpoints.risk.route.{path}".rstrip(".")]

"""A cascade from the config to the answer, as clients see it."""

import itertools

import numpy as np
import pytest

from serve_app.control.declare import read
from serve_app.core.columns import Columns
from serve_app.core.snapshot import Snapshot
from serve_app.engine.assemble import Assembler
from serve_app.engine.load import load
from serve_app.engine.local import LocalModels
from serve_app.engine.predict import Predictor
from serve_app.monitoring.catalogue import CASCADE_ROWS, CASCADE_SECONDS
from tests.unit.gateway.harness import Client

STAGES = [
    {"model": "other@1", "sure": {"ill": 0.9, "well": 0.95}},
    {"model": "logistic@1"},
]
AGES, DOSES = [20.0, 48.0, 55.0, 90.0], [1.0, 2.0, 2.0, 2.0]
ROWS = [{"age": age, "dose": dose} for age, dose in zip(AGES, DOSES, strict=True)]


def declared(registry, stages=STAGES, **more):
    route = {"kind": "cascade", "stages": stages}
    body = {"endpoints": {"risk": {"placement": "inline", "route": route, **more}}}
    return read(body, registry.manifest, registry.resolve)


def problems(registry, *args, **more):
    found = declared(registry, *args, **more).problems
    return {".".join(map(str, one.path)): one.message for one in found}


@pytest.fixture
def client(registry):
    made = declared(registry)
    assert made.problems == ()
    loaded = {f"{name}@1": load(registry, name, 1).model for name in ("logistic", "other")}
    models = LocalModels(loaded, clock=lambda: 0.0)
    numbers = itertools.count(1)
    predictor = Predictor(clock=lambda: 0.0, ids=lambda: f"id-{next(numbers)}")
    assembler = Assembler(replicas=models, inline=models, clock=lambda: 0.0)
    predictor.swap(assembler.stages(Snapshot.from_json(Snapshot(1, "d", made.endpoints).to_json())))
    return Client(predictor, models)


def said(registry, name):
    """The probabilities that a version itself gives, by class."""
    model = load(registry, name, 1).model
    given = model.model.predict(Columns.of({"age": np.array(AGES), "dose": np.array(DOSES)}))
    return given.probabilities


def test_each_row_has_the_answer_of_the_stage_that_was_sure_of_it(client, registry):
    cheap, dear = said(registry, "other"), said(registry, "logistic")
    sure = (cheap[:, 0] >= 0.9) | (cheap[:, 1] >= 0.95)
    assert 0 < sure.sum() < len(sure)
    answer = client.predict("risk", *ROWS).json()
    assert answer["variants"] == ["other@1", "logistic@1"]
    expected = np.where(sure[:, None], cheap, dear)
    assert np.array(answer["probabilities"]).tolist() == expected.tolist()
    for row, is_sure in zip(ROWS, sure, strict=True):
        alone = client.predict("risk", row).json()
        assert alone["variants"] == (["other@1"] if is_sure else ["logistic@1"])


def test_what_stages_did_is_counted(client, registry):
    cheap = said(registry, "other")
    sure = int(((cheap[:, 0] >= 0.9) | (cheap[:, 1] >= 0.95)).sum())
    client.predict("risk", *ROWS)
    client.predict("risk", *ROWS)
    samples = list(client.predictor.counting.samples())
    rows = {one.labels[1:]: one.value for one in samples if one.metric is CASCADE_ROWS}
    assert rows == {
        ("other@1", "asked"): 8,
        ("other@1", "answered"): 2 * sure,
        ("logistic@1", "asked"): 8 - 2 * sure,
        ("logistic@1", "answered"): 8 - 2 * sure,
    }
    waited = {one.labels for one in samples if one.metric is CASCADE_SECONDS}
    assert waited == {("risk", "other@1"), ("risk", "logistic@1")}


def test_a_version_that_a_client_names_answers_alone(client):
    path = "/v1/models/risk/versions/other@1:predict"
    answer = client.send("POST", path, json={"instances": ROWS}).json()
    assert answer["variants"] == ["other@1"]


def test_raw_scores_do_not_compare_between_stages_and_are_refused(client):
    body = {"inputs": {"age": AGES, "dose": DOSES}, "signature_name": "raw_scores"}
    answer = client.send("POST", "/v1/models/risk:predict", json=body)
    assert answer.status_code == 400
    assert "other@1, logistic@1" in answer.json()["error"]


def test_why_is_told_of_rows_that_one_stage_answered(client):
    path = "/v1/models/risk:explain"
    mixed = client.send("POST", path, json={"instances": ROWS})
    assert mixed.status_code == 400
    assert "explain them in requests of their own" in mixed.json()["error"]
    alone = client.send("POST", path, json={"instances": ROWS[:1]})
    assert alone.status_code == 200


def test_lists_of_endpoints_tell_of_it(client):
    (listed,) = client.get("/v1/endpoints").json()["endpoints"]
    assert (listed["route"], listed["summary"]) == ("cascade", "cascade: other@1, logistic@1")
    page = client.get("/docs")
    assert page.status_code == 200
    assert "% of requests" not in page.text


@pytest.mark.parametrize(
    ("stages", "path", "words"),
    [
        (
            [{"model": "line@1", "sure": 0.9}, {"model": "line@1"}],
            "route",
            "line@1 stands twice among the stages",
        ),
        ([{"model": "other@1"}, {"model": "logistic@1"}], "route", "so it needs `sure`"),
        (
            [{"model": "other@1", "sure": 0.9}, {"model": "logistic@1", "sure": 0.9}],
            "route",
            "is the last stage",
        ),
        ([{"model": "other@1"}], "route.stages", "1 given, and at least 2 needed"),
        (
            [{"model": "other@1", "sure": 1.5}, {"model": "logistic@1"}],
            "route.stages.0.sure",
            "less than or equal to 1",
        ),
        (
            [{"model": "other@1", "sure": {"sick": 0.9}}, {"model": "logistic@1"}],
            "route.stages.0.sure",
            "there is no class 'sick'; there are ill, well",
        ),
        (
            [{"model": "other@1", "sure": 0.4}, {"model": "logistic@1"}],
            "route.stages.0.sure",
            "sure of every row",
        ),
        ([{"model": "other@1", "sure": 0.9}, {"model": "nobody@1"}], "route.stages.1.model", "nob"),
    ],
)
def test_what_does_not_fit_is_told_where_it_stands(registry, stages, path, words):
    found = problems(registry, stages)
    matching = [message for place, message in found.items() if f"risk.{path}" in place]
    assert any(words in message for message in matching), found


def test_numbers_are_refused_in_words(registry):
    body = {"kind": "cascade", "stages": [{"model": "line@1", "sure": 0.9}, {"model": "other@1"}]}
    made = read({"endpoints": {"e": {"route": body}}}, registry.manifest, registry.resolve)
    words = " ".join(problem.message for problem in made.problems)
    assert "a cascade needs classes" in words
    assert "give regression" in words


def test_a_cache_is_refused_since_it_would_mix_stages(registry):
    found = problems(registry, cache={"rows": 10})
    assert "which a cache does not tell apart" in found["endpoints.risk.cache"]

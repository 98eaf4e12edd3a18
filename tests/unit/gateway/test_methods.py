"""Predictions, probabilities and raw scores can be asked for in every dialect that has a place."""

import io
import json

import pyarrow as pa
import pytest

from serve_app.gateway.app import build
from serve_app.gateway.context import Settings
from serve_app.protocols.dialects import arrow
from tests.unit.gateway.harness import ROW

LIST = [ROW["age"], ROW["dose"]]
TENSORS = [
    {"name": name, "shape": [1], "datatype": "FP64", "data": [value]} for name, value in ROW.items()
]


def posted(path, body, **headers):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return {"path": path, "content": content, "headers": headers}


def arrow_stream(method):
    schema = pa.schema([(name, pa.float64()) for name in ROW])
    schema = schema.with_metadata({"predict_method": method})
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, schema) as writer:
        writer.write_table(pa.table({name: [value] for name, value in ROW.items()}, schema))
    return sink.getvalue()


def parameters(method):
    return {"predict_method": method}


ASKING = {
    "native": lambda m: posted(
        "/v1/models/risk:predict", {"instances": [ROW], "signature_name": m}
    ),
    "tf_serving": lambda m: posted(
        "/tfs/v1/models/risk:predict", {"inputs": [LIST], "signature_name": m}
    ),
    "kserve_v1": lambda m: posted(
        "/kserve/v1/models/risk:predict", {"instances": [LIST], "parameters": parameters(m)}
    ),
    "oip_v2": lambda m: posted(
        "/v2/models/risk/infer", {"inputs": TENSORS, "outputs": [{"name": m}]}
    ),
    "torchserve": lambda m: posted(
        "/predictions/risk", {"instances": [ROW], "parameters": parameters(m)}
    ),
    "mlflow": lambda m: posted(
        "/endpoints/risk/invocations", {"dataframe_records": [ROW], "params": parameters(m)}
    ),
    "sagemaker": lambda m: posted(
        "/endpoints/risk/invocations",
        b"61.0,2.5",
        **{
            "content-type": "text/csv",
            "accept": "application/json",
            "x-amzn-sagemaker-custom-attributes": f"trace=a=b, predict_method={m}",
        },
    ),
    "vertex": lambda m: posted(
        "/v1/projects/p/locations/l/endpoints/risk:predict",
        {"instances": [ROW], "parameters": parameters(m)},
    ),
    "azure_ml": lambda m: posted(
        "/score", {"Inputs": {"data": [ROW]}, "GlobalParameters": {"method": m}}
    ),
    "arrow": lambda m: posted(
        "/v1/models/risk:predict", arrow_stream(m), **{"content-type": arrow.MEDIA_TYPE}
    ),
}


@pytest.fixture
def client(client):
    client.app = build(client.predictor, Settings(10_000, 50, default_endpoint="risk"))
    return client


def said(dialect, answer):
    """What the answer gives for the only row."""
    assert answer.status_code == 200, answer.text
    if dialect == "arrow":
        table = pa.ipc.open_stream(answer.content).read_all()
        return table.column("prediction").to_pylist()[0]
    body = answer.json()
    if dialect == "oip_v2":
        (output,) = body["outputs"]
        return output["data"][0] if output["shape"] == [1] else output["data"]
    if isinstance(body, dict):
        body = body.get("predictions", body.get("outputs", body.get("Results")))
    return body[0]


@pytest.mark.parametrize("dialect", ASKING)
@pytest.mark.parametrize("method", ["predict", "predict_proba", "raw_scores", "decision_function"])
def test_each_method_can_be_asked_for(client, models, frame, dialect, method):
    estimator = models["logistic"][0]
    row = frame.head(1).assign(**ROW)[list(ROW)]
    library = {"raw_scores": "decision_function"}.get(method, method)
    wanted = getattr(estimator, library)(row)[0].tolist()
    got = said(dialect, client.send("POST", **ASKING[dialect](method)))
    assert got == wanted if method == "predict" else got == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize("dialect", ASKING)
def test_a_method_that_there_is_not_is_refused(client, dialect):
    answer = client.send("POST", **ASKING[dialect]("apply"))
    assert answer.status_code == 400
    assert "raw_scores" in answer.text


def asked(client, endpoint, **more):
    return client.predict(endpoint, ROW, body={"signature_name": "raw_scores"}, **more)


def test_a_model_without_raw_scores_says_so_by_its_version(client):
    answer = asked(client, "age")
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("line@1: this version has no raw scores")


def test_scores_of_an_ensemble_do_not_exist_but_those_of_its_variants_do(client):
    answer = asked(client, "both")
    assert answer.status_code == 400
    assert "logistic@1, other@1" in answer.json()["error"]
    body = {"instances": [ROW], "signature_name": "raw_scores"}
    one = client.send("POST", "/v1/models/both/versions/logistic@1:predict", json=body)
    assert one.json()["variants"] == ["logistic@1"]
    assert one.json()["predictions"] == asked(client, "risk").json()["predictions"]


def test_scores_come_beside_everything_else_where_several_outputs_are_asked_for(client):
    outputs = [{"name": name} for name in ("raw_scores", "predict", "predict_proba")]
    body = {"inputs": TENSORS, "outputs": outputs}
    said = client.send("POST", "/v2/models/risk/infer", json=body).json()["outputs"]
    assert [(one["name"], one["datatype"], one["shape"]) for one in said] == [
        ("raw_scores", "FP64", [1]),
        ("predict", "BYTES", [1]),
        ("predict_proba", "FP64", [1, 2]),
    ]


def test_outputs_that_nobody_names_are_without_scores(client):
    said = client.send("POST", "/v2/models/risk/infer", json={"inputs": TENSORS}).json()
    assert [one["name"] for one in said["outputs"]] == ["predict", "predict_proba"]


def test_whether_there_are_scores_is_told_beforehand(client):
    listed = client.get("/v1/endpoints").json()["endpoints"]
    assert {one["name"]: one["signature"]["output"]["scores_width"] for one in listed} == {
        "risk": 1,
        "age": 0,
        "both": 0,
    }
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    names = {
        name: schemas[f"{name}.Request"]["properties"]["signature_name"]["enum"]
        for name in ("risk", "age", "both")
    }
    assert ["raw_scores" in names[name] for name in ("risk", "age", "both")] == [True, False, False]
    assert "raw scores on demand" in client.get("/docs").text


def test_graphql_computes_scores_for_who_selects_them(client, models, frame):
    row = "age: 61.0, dose: 2.5"
    query = f"{{ predict {{ risk(rows: [{{{row}}}]) {{ predictions ...more }} }} }}"
    fragment = "fragment more on RiskAnswer { ... on RiskAnswer { rawScores } }"
    answer = client.send("POST", "/graphql", json={"query": f"{query} {fragment}"}).json()
    wanted = models["logistic"][0].decision_function(frame.head(1).assign(**ROW)[list(ROW)])
    assert answer["data"]["predict"]["risk"]["rawScores"] == pytest.approx(wanted.tolist())
    none = client.send("POST", "/graphql", json={"query": query.replace("...more", "rawScores")})
    assert none.status_code == 200
    age = f"{{ predict {{ age(rows: [{{{row}}}]) {{ rawScores }} }} }}"
    assert "rawScores" in client.send("POST", "/graphql", json={"query": age}).text

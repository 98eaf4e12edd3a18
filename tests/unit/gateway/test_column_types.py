"""Dates, decimals, categories and oddly named columns, in every dialect; the pipeline is right."""

import datetime as dt
import io
import itertools
import json
import struct
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from serve_app.client.calls import rows as client_rows
from serve_app.config import ControlSettings
from serve_app.control.declare import declare
from serve_app.core.snapshot import Snapshot
from serve_app.engine.assemble import Assembler
from serve_app.engine.load import load
from serve_app.engine.local import LocalModels
from serve_app.engine.predict import Predictor
from serve_app.engine.registration.register import Candidate, register
from serve_app.protocols.graphql.names import unique
from serve_app.registry.store import Registry
from tests.unit.gateway.harness import Client, answered, offered

_numbers = itertools.count()


def _visits():
    rng = np.random.default_rng(5)
    hours = rng.integers(0, 5000, 40)
    when = pd.to_datetime("2024-01-01T00:30") + pd.to_timedelta(hours, "h")
    return pd.DataFrame(
        {
            "when": when,
            "seen": pd.DatetimeIndex(when).tz_localize("UTC").tz_convert("Europe/Berlin"),
            "day": pd.Series([moment.date() for moment in when], dtype=object),
            "price": pd.Series([Decimal(n) / 100 for n in hours.tolist()], dtype=object),
            "store": pd.Categorical(rng.choice([10, 30, 20], 40), categories=[30, 10, 20]),
            "size": pd.Categorical(
                rng.choice(["low", "high"], 40), categories=["low", "mid", "high"], ordered=True
            ),
            "count": pd.array(rng.integers(0, 9, 40), dtype="Int64"),
        }
    )


def _features(frame):
    """What only the very types of training can do."""
    return pd.DataFrame(
        {
            "weekday": frame["when"].dt.day_of_week,
            "hour": frame["seen"].dt.hour,
            "day": [day.toordinal() % 11 for day in frame["day"]],
            "cents": [float(price * 100) for price in frame["price"]],
            "store": frame["store"].cat.codes,
            "small": frame["size"] < "high",
            "more": frame["size"].cat.codes,
            "count": frame["count"].astype(float),
        }
    ).astype(float)


VISITS = _visits()
ODD = pd.DataFrame(
    np.random.default_rng(6).normal(size=(30, 9)),
    columns=[" a", "a ", "x[0]", "a.b", "\U0001f600", "b,c", 'q"q', "7", "ä ö"],
)


def _made():
    target = np.random.default_rng(7).normal(size=40)
    visits = make_pipeline(FunctionTransformer(_features), StandardScaler(), LinearRegression())
    odd = make_pipeline(StandardScaler(), LinearRegression())
    return {
        "visits": (visits.fit(VISITS, target), VISITS),
        "odd": (odd.fit(ODD, target[:30]), ODD),
    }


MODELS = _made()


@pytest.fixture(scope="module")
def store():
    made = Registry(f"memory://types-{next(_numbers)}")
    for name, (estimator, frame) in MODELS.items():
        register(made, Candidate(name, estimator, frame), allow_pickle=True)
    return made


@pytest.fixture
def client(store):
    models = LocalModels(
        {f"{name}@1": load(store, name, 1, allow_pickle=True).model for name in MODELS},
        clock=lambda: 0.0,
    )
    predictor = Predictor(clock=lambda: 0.0, ids=lambda: "p-1")
    wanted = {name: {"route": {"kind": "single", "model": f"{name}@1"}} for name in MODELS}
    endpoints = declare(
        ControlSettings.model_validate({"endpoints": wanted}), store.manifest
    ).checked()
    assembler = Assembler(replicas=models, inline=models, clock=lambda: 0.0)
    predictor.swap(assembler.stages(Snapshot(4, "hash", endpoints)))
    return Client(predictor, models)


def _cell(value):
    if isinstance(value, (dt.date, pd.Timestamp)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    return value.item() if isinstance(value, np.generic) else value


def cells(frame):
    """Lists of what a person would write for each value, by column."""
    return {name: [_cell(v) for v in frame[name].astype(object)] for name in frame.columns}


def records(frame):
    columns = cells(frame)
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def by_json_rows(client, name, frame):
    body = {"instances": records(frame)}
    return client.send("POST", f"/v1/models/{name}:predict", json=body).json()["predictions"]


def by_json_columns(client, name, frame):
    body = {"inputs": cells(frame)}
    return client.send("POST", f"/v1/models/{name}:predict", json=body).json()["predictions"]


def by_our_client(client, name, frame):
    body = json.dumps(client_rows(frame))
    answer = client.send("POST", f"/v1/models/{name}:predict", content=body)
    return answer.json()["predictions"]


def by_csv(client, name, frame):
    body = pd.DataFrame(cells(frame)).to_csv(index=False)
    headers = {"content-type": "text/csv"}
    path = f"/endpoints/{name}/invocations"
    answer = client.send("POST", path, content=body, headers=headers)
    return answer.json()["predictions"]


def by_arrow(client, name, frame):
    table = pa.Table.from_pandas(frame, preserve_index=False)
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    kind = "application/vnd.apache.arrow.stream"
    headers = {"content-type": kind, "accept": kind}
    answer = client.send(
        "POST", f"/v1/models/{name}:predict", content=sink.getvalue(), headers=headers
    )
    return pa.ipc.open_stream(answer.content).read_all().column("prediction").to_pylist()


def _datatypes(client, name):
    inputs = client.get(f"/v2/models/{name}").json()["inputs"]
    return {one["name"]: one["datatype"] for one in inputs}


def by_v2(client, name, frame):
    inputs = [
        {"name": column, "shape": [len(frame)], "datatype": datatype, "data": cells(frame)[column]}
        for column, datatype in _datatypes(client, name).items()
    ]
    answer = client.send("POST", f"/v2/models/{name}/infer", json={"inputs": inputs})
    return answer.json()["outputs"][0]["data"]


def by_v2_bytes(client, name, frame):
    inputs, behind = [], []
    for column, datatype in _datatypes(client, name).items():
        values = cells(frame)[column]
        if datatype == "BYTES":
            texts = [value.encode() for value in values]
            content = b"".join(struct.pack("<I", len(text)) + text for text in texts)
        else:
            content = np.array(values, {"FP64": "<f8", "INT64": "<i8"}[datatype]).tobytes()
        behind.append(content)
        size = {"binary_data_size": len(content)}
        one = {"name": column, "shape": [len(frame)], "datatype": datatype, "parameters": size}
        inputs.append(one)
    head = json.dumps({"inputs": inputs}).encode()
    headers = {"inference-header-content-length": str(len(head))}
    answer = client.send(
        "POST", f"/v2/models/{name}/infer", content=head + b"".join(behind), headers=headers
    )
    return answer.json()["outputs"][0]["data"]


def by_graphql(client, name, frame):
    words = unique(frame.columns)
    sent = [{words[column]: value for column, value in row.items()} for row in records(frame)]
    kind = f"{name.title()}Row"
    query = f"query($rows: [{kind}!]!) {{ predict {{ {name}(rows: $rows) {{ predictions }} }} }}"
    body = {"query": query, "variables": {"rows": sent}}
    answer = client.send("POST", "/graphql", json=body).json()
    return answer["data"]["predict"][name]["predictions"]


def by_tensorflow(client, name, frame):
    body = {"instances": records(frame)}
    return client.send("POST", f"/tfs/v1/models/{name}:predict", json=body).json()["predictions"]


DIALECTS = [
    *(by_json_rows, by_json_columns, by_our_client, by_csv, by_arrow, by_v2, by_v2_bytes),
    *(by_graphql, by_tensorflow),
]


@pytest.mark.parametrize("rows", [1, 7])
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("ask", DIALECTS, ids=lambda ask: ask.__name__)
def test_the_answer_is_the_pipelines_own(client, ask, name, rows):
    estimator, frame = MODELS[name]
    asked = frame[10 : 10 + rows].reset_index(drop=True)
    np.testing.assert_allclose(ask(client, name, asked), estimator.predict(asked), rtol=1e-12)


ROW = records(VISITS.head(1))[0]


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("when", "yesterday", "an ISO 8601 date-time such as 2024-05-01T12:00:00"),
        ("when", 1714564800, "an ISO 8601 date-time such as 2024-05-01T12:00:00"),
        ("when", "2024-05-01T12:00:00Z", "without an offset, as in training"),
        ("seen", "2024-05-01T12:00:00", "with its offset such as 2024-05-01T12:00:00Z"),
        ("day", "2024-05-01T12:00:00", "without a time of day"),
        ("price", "cheap", 'a number, or one in a string such as "12.50"'),
        ("store", "10", "an integer"),
    ],
)
def test_what_does_not_fit_is_a_400_that_says_what_would(client, column, value, expected):
    answer = client.predict("visits", {**ROW, column: value})
    assert answer.status_code == 400
    (violation,) = answer.json()["violations"]
    assert (violation["column"], violation["row"]) == (column, 0)
    assert expected in violation["expected"]


def test_the_documents_tell_the_types(client):
    row = client.get("/openapi.json").json()["components"]["schemas"]["visits.Row"]
    assert {name: cell.get("format") for name, cell in row["properties"].items()} == {
        "when": "date-time-local",
        "seen": "date-time",
        "day": "date",
        "price": "decimal",
        "store": "int64",
        "size": None,
        "count": "int64",
    }
    assert row["properties"]["price"]["type"] == ["string", "number"]
    example = row["examples"][0]
    assert client.predict("visits", example).status_code == 200
    assert _datatypes(client, "visits") == {
        **dict.fromkeys(["when", "seen", "day", "price", "size"], "BYTES"),
        **dict.fromkeys(["store", "count"], "INT64"),
    }
    page = client.get("/docs").text
    assert "Europe/Berlin" in page
    fields = '{ __type(name: "VisitsRow") { inputFields { name type { name } } } }'
    answer = client.send("POST", "/graphql", json={"query": fields}).json()
    kinds = {one["name"]: one["type"]["name"] for one in answer["data"]["__type"]["inputFields"]}
    assert kinds == {
        "when": "LocalDateTime",
        "seen": "DateTime",
        "day": "Date",
        "price": "Decimal",
        "store": "Long",
        "size": "String",
        "count": "Long",
    }


def test_what_the_documentation_offers_is_answered_whatever_the_columns_are(client):
    asked = offered(client)
    assert len(asked) == 20
    for path, body in asked:
        assert answered(client, path, body) == 200, (path, body)

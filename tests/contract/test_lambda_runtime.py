"""Lambda's own runtime client, in a process of its own, with our handler and a registered model."""

import base64
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.linear_model import LinearRegression

from benchmarks.lambda_api import RuntimeApi, function
from serve_app.engine.registration.register import Candidate, register
from serve_app.registry.store import Registry
from tests.unit.standalone.aws_house import bytes_of, of_api, of_balancer, of_url

HANDLER = "serve_app.standalone.aws_lambda.handler"
PREDICT = "/v1/models/dose:predict"
INVOCATIONS = 1000
ROOT = Path(__file__).parents[2]
GUARD = """
import os, sys

FORBIDDEN = {"_multiprocessing", "_posixshmem"}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT

def guard(event, given):
    if event == "import" and given[0] in FORBIDDEN:
        raise OSError(f"Lambda has no /dev/shm for {given[0]}")
    if event == "open" and isinstance(given[0], str) and (given[2] or 0) & WRITING:
        if not given[0].startswith(("/tmp/", "/dev/null")):
            raise OSError(f"{given[0]} is read-only on Lambda")

sys.addaudithook(guard)
"""
"""Python runs this first: what Lambda's machines do not have fails here too."""
pytestmark = pytest.mark.timeout(300)


def frame(rows, seed):
    rng = np.random.default_rng(seed)
    return pd.DataFrame({"age": rng.normal(50, 10, rows), "weight": rng.normal(70, 12, rows)})


@pytest.fixture(scope="module")
def model():
    data = frame(200, 1)
    return LinearRegression().fit(data, 0.1 * data["age"] - 0.02 * data["weight"] ** 2)


@pytest.fixture(scope="module")
def store(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("registry")
    register(Registry(str(folder)), Candidate("dose", model, frame(200, 1)))
    return folder


@pytest.fixture
def environ(store, tmp_path):
    """What a function's template sets; /tmp is all that it may write to."""
    guard = tmp_path / "guard"
    guard.mkdir()
    (guard / "sitecustomize.py").write_text(GUARD)
    return {
        "PYTHONPATH": os.pathsep.join([str(guard), str(ROOT)]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "SERVE_APP_REGISTRY": str(store),
        "SERVE_APP_MODEL": "dose@1",
        "HOME": str(tmp_path),
        "AWS_LAMBDA_LOG_FORMAT": "JSON",
    }


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log"


@pytest.fixture
def api(environ, log):
    """The runtime API of a function that answers."""
    with RuntimeApi() as made, function(made, HANDLER, environ, log):
        yield made


def of_value(row):
    return {"instances": [row]}


def over(form):
    return lambda row: form(PREDICT, json.dumps(of_value(row)))


FORMS = (over(of_url), over(of_api), over(of_balancer), of_value)


def predictions(answer):
    document = json.loads(bytes_of(answer)) if "statusCode" in answer else answer
    return document["predictions"]


def test_a_thousand_invocations_of_all_forms_are_answered_as_the_model_answers(api, model, log):
    rows = frame(INVOCATIONS, 2)
    expected = model.predict(rows)
    answered = []
    for number, row in enumerate(rows.to_dict("records")):
        outcome = api.invoke(FORMS[number % len(FORMS)](row))
        assert outcome.kind == "response", outcome.body
        answered += predictions(outcome.value)
    np.testing.assert_allclose(answered, expected, rtol=1e-12)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    told = [line["request_id"] for line in lines if line["message"] == "invocation"]
    assert told == [f"invocation-{number}" for number in range(1, INVOCATIONS + 1)]
    assert [line["is_first"] for line in lines if "is_first" in line].count(True) == 1


def test_arrow_and_binary_tensors_go_through_in_base64(api, model):
    rows = frame(50, 3)
    expected = model.predict(rows)
    table = pa.Table.from_pandas(rows, preserve_index=False)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    stream = "application/vnd.apache.arrow.stream"
    kinds = {"content-type": stream, "accept": stream}
    outcome = api.invoke(of_url(PREDICT, sink.getvalue().to_pybytes(), headers=kinds))
    assert outcome.value["isBase64Encoded"] is True
    with pa.ipc.open_stream(bytes_of(outcome.value)) as reader:
        answered = reader.read_all().column(0).to_numpy()
    np.testing.assert_allclose(answered, expected, rtol=1e-12)

    inputs = [
        {
            "name": name,
            "shape": [len(rows)],
            "datatype": "FP64",
            "parameters": {"binary_data_size": 8 * len(rows)},
        }
        for name in rows
    ]
    wanted = {"inputs": inputs, "parameters": {"binary_data_output": True}}
    head = json.dumps(wanted).encode()
    body = head + b"".join(rows[name].to_numpy().tobytes() for name in rows)
    kinds = {
        "content-type": "application/octet-stream",
        "inference-header-content-length": str(len(head)),
    }
    outcome = api.invoke(of_url("/v2/models/dose/infer", body, headers=kinds))
    assert outcome.value["isBase64Encoded"] is True
    content = base64.b64decode(outcome.value["body"])
    size = int(outcome.value["headers"]["inference-header-content-length"])
    np.testing.assert_allclose(np.frombuffer(content[size:]), expected, rtol=1e-12)


def test_a_value_that_is_refused_is_an_error_of_the_invocation_and_the_next_is_answered(api):
    outcome = api.invoke({"instances": [{"age": 1.0}]})
    assert outcome.kind == "error"
    assert outcome.value["errorType"] == "InvalidInput"
    assert "weight" in outcome.value["errorMessage"]
    assert api.invoke(of_value({"age": 1.0, "weight": 2.0})).kind == "response"


def test_the_guard_of_this_test_sees_a_write(environ, log):
    folder = Path(environ["PYTHONPATH"].split(os.pathsep)[0])
    (folder / "writing.py").write_text("open('/var/tmp/of-lambda', 'w')")
    with RuntimeApi() as api, function(api, "writing.handler", environ, log):
        error = api.init_errors.get(timeout=120)
    assert "is read-only on Lambda" in error["errorMessage"]


def test_too_little_time_is_a_504_and_the_function_goes_on(api):
    # More rows than are computed where they arrive: they wait for a thread.
    many = json.dumps({"instances": frame(9_000, 4).to_dict("records")})
    late = api.invoke(of_url(PREDICT, many), left_s=0.0)
    assert (late.kind, late.value["statusCode"]) == ("response", 504)
    assert api.invoke(of_url(PREDICT, many)).value["statusCode"] == 200


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        ({"SERVE_APP_MODEL": "dose@7"}, "ConfigError", "dose"),
        ({"SERVE_APP_MODEL": "nobody@1"}, "ConfigError", "nobody"),
    ],
)
def test_a_model_that_cannot_load_is_an_error_of_the_start_in_words(
    environ, log, change, kind, words
):
    with RuntimeApi() as api, function(api, HANDLER, {**environ, **change}, log) as process:
        error = api.init_errors.get(timeout=120)
        assert process.wait(timeout=60) == 1
    assert error["errorType"] == kind
    assert words in error["errorMessage"]

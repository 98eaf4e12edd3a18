"""The local graph, deployed as users do, answers like the library and refuses what is bad."""

import concurrent.futures
import contextlib
import csv
import json
import socket
from pathlib import Path

import numpy as np
import psutil
import pytest

from serve_app.client import Client
from serve_app.engine.load import load
from serve_app.errors import DeadlineExceeded, NotReady
from serve_app.examples.datasets import breast_cancer, diabetes
from serve_app.models.frames import to_columns
from serve_app.registry.store import Registry
from tests.cluster.harness import config, until


@pytest.fixture(scope="module")
def local(cluster):
    cluster.start()
    cluster.deploy(config("local"))
    return cluster


@pytest.fixture(scope="module")
def patients():
    """The features of all 569 patients, as a frame."""
    return breast_cancer().frame


@pytest.fixture(scope="module")
def row(patients):
    return patients.iloc[0].to_dict()


def expected(home, model, frame, *, scores=False):
    """What the library says of the rows, called directly."""
    registry = Registry(str(home / "registry"))
    columns = to_columns(frame)
    if model.startswith("diagnosis"):
        columns = load(registry, "diagnosis-features", 1).model.transform(columns)
    loaded = load(registry, model, 1).model
    return loaded.predict_with_scores(columns) if scores else loaded.predict(columns)


def test_a_thousand_rows_are_answered_as_by_the_library_to_the_last_bit(local, patients):
    rows = patients.sample(1000, replace=True, random_state=7)
    body = {"instances": rows.to_dict(orient="records")}
    answer = local.request("/v1/models/diagnosis/versions/1:predict", body)
    assert answer.status == 404  # both variants have the number 1: the name must say which
    path = "/v1/models/diagnosis/versions/diagnosis-xgb@1:predict"
    answer = local.request(path, body).json()
    direct = expected(local.home, "diagnosis-xgb", rows)
    assert answer["predictions"] == list(direct.values)
    served = np.array(answer["probabilities"], dtype=direct.probabilities.dtype)
    assert served.tobytes() == np.ascontiguousarray(direct.probabilities).tobytes()


def test_a_thousand_single_rows_sent_at_once_are_each_answered_to_the_last_bit(local, patients):
    rows = patients.sample(1000, replace=True, random_state=8)
    direct = expected(local.home, "diagnosis-xgb", rows)
    path = "/v1/models/diagnosis/versions/diagnosis-xgb@1:predict"

    def ask(record):
        return local.request(path, {"instances": [record]}).json()["probabilities"][0]

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, rows.to_dict(orient="records")))
    served = np.array(answers, dtype=direct.probabilities.dtype)
    assert served.tobytes() == np.ascontiguousarray(direct.probabilities).tobytes()


def test_a_regression_is_answered_as_by_the_library(local):
    rows = diabetes().frame
    answer = local.predict("progression", rows.to_dict(orient="records"))
    direct = expected(local.home, "progression-xgb", rows)
    assert np.array(answer["predictions"], dtype=direct.values.dtype).tolist() == (
        direct.values.tolist()
    )


def test_raw_scores_are_those_of_the_library_where_it_has_some(local, patients):
    rows = patients.head(20)
    body = {"instances": rows.to_dict(orient="records"), "signature_name": "raw_scores"}
    answer = local.request("/v1/models/diagnosis/versions/diagnosis-xgb@1:predict", body).json()
    direct = expected(local.home, "diagnosis-xgb", rows, scores=True)
    assert np.array(answer["predictions"], direct.scores.dtype).tobytes() == direct.scores.tobytes()
    forest = local.request("/v1/models/diagnosis/versions/diagnosis-forest@1:predict", body)
    assert (forest.status, forest.json()["error_code"]) == (400, "invalid_input")
    assert forest.json()["error"].startswith("diagnosis-forest@1: ")


def test_answers_are_explained_by_what_adds_up_to_them(local, patients):
    body = {"instances": patients.head(20).to_dict(orient="records")}
    answer = local.request("/v1/models/diagnosis/versions/diagnosis-xgb@1:explain", body).json()
    direct = expected(local.home, "diagnosis-xgb", patients.head(20), scores=True)
    assert (answer["method"], answer["space"]) == ("tree_shap", "log_odds")
    assert "columns_of" not in answer
    assert list(answer["explanations"][0]["contributions"]) == list(patients.columns)
    outputs = [one["output"] for one in answer["explanations"]]
    assert outputs == pytest.approx(direct.scores.tolist(), rel=1e-4, abs=1e-5)
    for one in answer["explanations"]:
        total = one["base_value"] + sum(one["contributions"].values())
        assert one["output"] == pytest.approx(total)
    too_many = {"instances": patients.head(101).to_dict(orient="records")}
    assert local.request("/v1/models/diagnosis:explain", too_many).status == 413


def test_rows_may_come_as_lists_in_the_order_of_the_schema(local, patients, row):
    by_name = local.predict("diagnosis", [row], parameters={"patient_id": "p"})
    by_order = local.predict(
        "diagnosis", [patients.iloc[0].tolist()], parameters={"patient_id": "p"}
    )
    assert by_name["probabilities"] == by_order["probabilities"]


def test_the_open_inference_protocol_gives_the_same_answer(local, patients, row):
    native = local.predict("diagnosis", [row], parameters={"patient_id": "p"})
    body = {
        "id": "call-1",
        "parameters": {"patient_id": "p"},
        "inputs": [
            {"name": n, "shape": [1], "datatype": "FP64", "data": [v]} for n, v in row.items()
        ],
    }
    answer = local.request("/v2/models/diagnosis/infer", body).json()
    outputs = {output["name"]: output for output in answer["outputs"]}
    assert answer["id"] == "call-1"
    assert outputs["predict"]["data"] == native["predictions"]
    proba = np.array(outputs["predict_proba"]["data"])
    assert proba == pytest.approx(np.array(native["probabilities"][0]), rel=1e-6)
    assert outputs["predict_proba"]["shape"] == [1, 2]


def test_a_patient_keeps_a_variant_and_shares_follow_the_weights(local, row):
    def variant(patient, **more):
        return local.predict("diagnosis", [row], parameters={"patient_id": patient}, **more)[
            "variants"
        ]

    first = {patient: variant(patient) for patient in range(300)}
    assert all(variant(patient) == first[patient] for patient in range(0, 300, 7))
    share = sum(v == ["diagnosis-xgb@1"] for v in first.values()) / len(first)
    assert 0.83 < share < 0.96
    by_header = local.request(
        "/v1/models/diagnosis:predict", {"instances": [row]}, headers={"patient-id": "17"}
    ).json()
    assert by_header["variants"] == first[17]


def test_an_ensemble_answers_with_all_its_members(local, row):
    answer = local.predict("diagnosis-ensemble", [row])
    assert set(answer["variants"]) == {
        "diagnosis-xgb@1",
        "diagnosis-forest@1",
        "diagnosis-logistic@1",
    }
    assert sum(answer["probabilities"][0]) == pytest.approx(1.0)


def test_every_answer_says_who_gave_it_and_under_which_snapshot(local, row):
    answer = local.request(
        "/v1/models/diagnosis:predict", {"instances": [row]}, headers={"x-request-id": "mine-1"}
    )
    body = answer.json()
    headers = {name.lower(): value for name, value in answer.headers.items()}
    assert headers["x-request-id"] == body["request_id"] == "mine-1"
    assert headers["x-prediction-id"] == body["prediction_id"]
    assert headers["x-variant"] in {"diagnosis-xgb@1", "diagnosis-forest@1"}
    assert int(headers["x-snapshot"]) == body["snapshot"] >= 1


def test_every_violation_of_a_request_is_reported_at_once(local, row):
    bad = {**row, "mean_radius": "17.9", "mean_texture": None, "age": 3}
    del bad["mean_area"]
    answer = local.request("/v1/models/diagnosis:predict", {"instances": [row, bad]})
    assert answer.status == 400
    body = answer.json()
    found = {(v["row"], v["column"], v["rule"]) for v in body["violations"]}
    assert found == {
        (1, "mean_radius", "type"),
        (1, "mean_texture", "nan"),
        (1, "mean_area", "missing"),
        (1, "age", "unknown"),
    }


def test_a_value_outside_the_range_of_training_is_answered_with_a_warning(local, row):
    answer = local.predict("diagnosis", [{**row, "mean_radius": 1e6}])
    (warning,) = answer["warnings"]
    assert (warning["row"], warning["column"], warning["rule"]) == (0, "mean_radius", "range")


DEEP = b'{"instances": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "said"),
    [
        ("/v1/models/diagnosis:predict", b"{", {}, 400, "JSON"),
        ("/v1/models/diagnosis:predict", b"\xff\xfe", {}, 400, "UTF-8"),
        ("/v1/models/diagnosis:predict", b"{}", {}, 400, "instances"),
        ("/v1/models/diagnosis:predict", b"{}", {"content-type": "text/csv"}, 415, "json"),
        ("/v1/models/diagnosis:predict", b"{}", {"content-encoding": "br"}, 415, "plain"),
        ("/v1/models/diagnosis:predict", DEEP, {}, 400, ""),
        ("/v1/models/diagnosiss:predict", b"{}", {}, 404, "Did you mean 'diagnosis'"),
        ("/v1/models/diagnosis/versions/9:predict", b"{}", {}, 404, "diagnosis-xgb@1"),
        ("/v2/models/nothing/infer", b"{}", {}, 404, "diagnosis"),
        ("/v1/nothing", b"{}", {}, 404, "/docs"),
        ("/v1/models/diagnosis:predict", None, {}, 405, "POST"),
    ],
)  # fmt: skip
def test_bad_input_gets_a_clear_answer(local, path, body, headers, status, said):
    if status == 404 and "versions" in path:
        body = b'{"instances": []}'
    answer = local.request(path, body, headers=headers)
    assert answer.status == status, answer.content
    assert said in answer.json()["error"]


def test_limits_hold(local, row):
    rows = [row] * 10_001
    lists = [list(row.values())] * 10_001
    large = local.request("/v1/models/diagnosis:predict", {"instances": lists})
    assert large.status == 413
    assert "10000" in large.json()["error"].replace(",", "")
    huge = local.request("/v1/models/diagnosis:predict", {"instances": rows * 2})
    assert huge.status == 413
    assert "8388608" in huge.json()["error"]


def test_an_endless_body_is_cut_off_and_memory_stays_where_it_was(local, row):
    gateways = [psutil.Process(pid) for pid in local.replicas("gateway")]
    before = [gateway.memory_info().rss for gateway in gateways]
    head = (
        b"POST /v1/models/diagnosis:predict HTTP/1.1\r\nhost: x\r\n"
        b"content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    chunk = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
    answers = []
    for _ in range(10):
        with socket.create_connection(("127.0.0.1", local.http_port), timeout=30) as client:
            client.sendall(head)
            with contextlib.suppress(ConnectionError, TimeoutError):
                for _ in range(100):
                    client.sendall(chunk)
            with contextlib.suppress(ConnectionError):
                answers.append(client.recv(4096))
    assert any(answer.startswith(b"HTTP/1.1 413") for answer in answers)
    after = [gateway.memory_info().rss for gateway in gateways]
    assert max(np.subtract(after, before)) < 100 * 1024 * 1024
    assert local.predict("diagnosis", [row])["predictions"]


def test_a_deadline_that_passed_is_said_and_leaves_the_server_well(local, row):
    answer = local.request(
        "/v1/models/diagnosis:predict", {"instances": [row]}, headers={"x-timeout-s": "0.000001"}
    )
    assert answer.status == 504
    assert local.predict("diagnosis", [row])["predictions"]


def test_endpoints_are_described(local):
    body = local.request("/v1/endpoints").json()
    found = {e["name"]: e for e in body["endpoints"]}
    assert set(found) == {"diagnosis", "diagnosis-ensemble", "progression"}
    assert found["diagnosis"]["fallback"] == "diagnosis-logistic@1"
    metadata = local.request("/v2/models/diagnosis").json()
    assert len(metadata["inputs"]) == 30
    assert local.request("/v2/models/diagnosis/ready").status == 200
    assert local.request("/v2/models/nothing/ready").status == 404
    assert local.request("/v2/health/live").status == 200
    assert local.request("/v2").json()["name"] == "serve-app"
    document = local.request("/openapi.json").json()
    assert "/v1/models/diagnosis:predict" in document["paths"]
    page = local.request("/docs").content.decode()
    assert "diagnosis-ensemble" in page
    assert "https://" not in page.replace("https://www.w3.org", "")


def test_weights_can_be_set_at_run_time_and_status_shows_them(local, row):
    local.run(
        "endpoints", "set-weights", "diagnosis", "diagnosis-xgb@1=0", "diagnosis-forest@1=5",
        "--reason", "recall fell",
    )  # fmt: skip
    for _ in range(20):
        assert local.predict("diagnosis", [row])["variants"] == ["diagnosis-forest@1"]
    status = json.loads(local.run("status", "--json"))
    diagnosis = next(e for e in status["endpoints"] if e["name"] == "diagnosis")
    assert [v["weight"] for v in diagnosis["variants"]] == [0, 5]
    assert status["set_at_run_time"] == {
        "diagnosis": {"diagnosis-xgb@1": 0, "diagnosis-forest@1": 5}
    }
    assert "set at run time" in local.run("status")
    assert {a["application"] for a in status["applications"]} >= {"gateway", "control"}
    said = local.run("endpoints", "set-weights", "diagnosis", "nobody@1=1", code=1)
    assert "diagnosis-xgb@1" in said
    local.run(
        "endpoints", "set-weights", "diagnosis", "diagnosis-xgb@1=90", "diagnosis-forest@1=10"
    )


def test_what_was_changed_is_told_with_who_and_why(local):
    local.run("endpoints", "set-weights", "diagnosis", "diagnosis-xgb@1=89", "--reason", "a try")
    local.run("endpoints", "set-weights", "diagnosis", "diagnosis-xgb@1=90", "--reason", "back")
    newest, before, *_ = json.loads(local.run("events", "--kind", "weights set", "--json"))
    assert (newest["why"], before["why"], newest["subject"]) == ("back", "a try", "diagnosis")
    assert newest["who"]
    assert newest["before"]["diagnosis-xgb@1"] == 89
    assert newest["after"]["diagnosis-xgb@1"] == 90
    local.run("models", "alias", "diagnosis-xgb@1", "candidate", "--reason", "tried for a day")

    def moved():
        found = json.loads(local.run("events", "--kind", "alias moved", "--json"))
        return [event for event in found if event["subject"] == "diagnosis-xgb@candidate"]

    (event,) = until(moved, timeout_s=30, what="the move of the alias among the events")
    assert (event["before"], event["after"], event["why"]) == (None, 1, "tried for a day")
    assert "declared" in local.run("events")


def test_rows_of_a_file_are_predicted_from_the_command_line(local, patients):
    path = local.home / "rows.csv"
    patients.head(3).to_csv(path, index=False, quoting=csv.QUOTE_MINIMAL)
    table = local.run("predict", "diagnosis", "--data", "rows.csv")
    assert table.count("malignant") >= 3
    answer = json.loads(local.run("predict", "diagnosis", "--data", "rows.csv", "--json"))
    assert len(answer["predictions"]) == 3
    scored = local.run(
        "predict", "diagnosis-ensemble", "--data", "rows.csv", "--raw-scores", code=1
    )
    assert "an ensemble has no raw scores" in scored
    path.write_text("mean_radius\nabc\n")
    assert "missing" in local.run("predict", "diagnosis", "--data", "rows.csv", code=1)


def test_feedback_is_kept_for_the_whole_cluster_and_survives_the_monitor(local, patients, row):
    with Client(f"http://127.0.0.1:{local.http_port}") as client:
        answer = client.predict("diagnosis", patients.head(2), parameters={"patient_id": "p"})
        assert client.feedback("diagnosis", answer, reward=0.5) == "stored"
        (monitor,) = local.replicas("monitor")
        local.kill(monitor)
        kept = until(
            lambda: told_again(client, answer), timeout_s=60, what="a monitor that keeps feedback"
        )
    # What was given up on may have been kept after all; once, as the records below show.
    assert kept in {"completed", "repeated"}
    message = {"data": {"names": list(row), "ndarray": [list(row.values())]}}
    path = "/seldon/any/diagnosis/api/v1.0/predictions"
    response = local.request(path, message).json()
    told = {"request": message, "response": response, "reward": 1.0}
    assert local.request(path.replace("predictions", "feedback"), told).status == 200
    lines = local.run("feedback", "--records").splitlines()
    first, second = [json.loads(line) for line in lines]
    assert first["prediction_id"] == answer.prediction_id
    assert (first["variants"], first["truth"]) == (answer.variants, ["benign", "malignant"])
    assert second["variants"] == list(response["meta"]["requestPath"])
    assert "mean reward" in local.run("feedback")
    received = json.loads(local.run("feedback", "diagnosis", "--json"))
    assert sum(one["rewards"] for one in received) == 2


def told_again(client, answer):
    """What became of the truth, or none while the monitor is away."""
    try:
        return client.feedback("diagnosis", answer, truth=["benign", "malignant"])
    except (NotReady, DeadlineExceeded):
        return None


def test_the_replicas_keep_json_logs_beside_those_of_serve(local):
    folder = json.loads((local.home / "state" / "cluster.json").read_text())["folder"]
    files = list(Path(folder).glob("ray/session_latest/logs/serve/serve-app-*.jsonl"))
    lines = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    assert {line["component"] for line in lines} >= {"gateway", "control", "model"}
    assert any(line["message"] == "version loaded" for line in lines)
    # Nothing per request at the default level.
    assert not any(line["message"] == "predicted" for line in lines)

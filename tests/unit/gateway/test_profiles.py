"""The strict profiles answer as one system does: its forms, its words, its paths and no others."""

import io
import json
import typing

import numpy as np
import orjson
import pytest
from prometheus_client.parser import text_string_to_metric_families

from serve_app import __version__, config
from serve_app.errors import ModelFailed
from serve_app.gateway.app import build
from serve_app.gateway.context import Settings
from serve_app.gateway.profiles import profiles
from tests.unit.gateway.harness import ROW, answered, offered

LIST = [list(ROW.values())]
TWO = [LIST[0], [40.0, 1.0]]
DEFAULT = Settings(max_body_bytes=10_000, max_rows=50, default_endpoint="risk")


@pytest.fixture
def sent(client):
    """Sends a request to the gateway whose default endpoint is `risk`."""
    client.app = build(client.predictor, DEFAULT)
    return client.send


@pytest.fixture
def expected(client):
    """What the native dialect says of two rows, for every endpoint."""
    return {name: client.predict(name, *TWO).json() for name in ("risk", "age")}


def test_the_configuration_knows_every_profile():
    assert set(typing.get_args(config.Profile)) == {*profiles(DEFAULT), "all"}


class TestTensorFlowServing:
    def test_answers_rows_with_predictions_and_nothing_else(self, sent, expected):
        answer = sent("POST", "/tfs/v1/models/risk:predict", json={"instances": TWO})
        assert answer.json() == {"predictions": expected["risk"]["predictions"]}

    def test_answers_columns_with_outputs(self, sent, expected):
        columns = {name: [row[at] for row in TWO] for at, name in enumerate(ROW)}
        answer = sent("POST", "/tfs/v1/models/risk:predict", json={"inputs": columns})
        assert answer.json() == {"outputs": expected["risk"]["predictions"]}

    def test_reads_bodies_of_any_content_type(self, sent, expected):
        answer = sent(
            "POST",
            "/tfs/v1/models/age:predict",
            content=json.dumps({"instances": TWO}),
            headers={"content-type": "application/x-www-form-urlencoded"},
        )
        assert answer.json() == {"predictions": expected["age"]["predictions"]}

    def test_gives_probabilities_where_the_signature_asks(self, sent, expected):
        body = {"signature_name": "predict_proba", "instances": TWO}
        answer = sent("POST", "/tfs/v1/models/risk:predict", json=body)
        assert answer.json() == {"predictions": expected["risk"]["probabilities"]}

    def test_tells_of_versions_and_of_nothing_else(self, sent):
        healthy = {"error_code": "OK", "error_message": ""}
        one = {"version": "1", "state": "AVAILABLE", "status": healthy}
        assert sent("GET", "/tfs/v1/models/age").json() == {"model_version_status": [one]}
        assert sent("GET", "/tfs/v1/models/age/versions/1").json() == {
            "model_version_status": [one]
        }

    def test_names_versions_in_full_where_numbers_do_not_tell_them_apart(self, sent):
        said = sent("GET", "/tfs/v1/models/risk").json()["model_version_status"]
        assert [one["version"] for one in said] == ["logistic@1", "other@1"]

    def test_describes_signatures(self, sent):
        body = sent("GET", "/tfs/v1/models/age/metadata").json()
        assert body["model_spec"] == {"name": "age", "signature_name": "", "version": "1"}
        assert (
            "predictions"
            in body["metadata"]["signature_def"]["signature_def"]["serving_default"]["outputs"]
        )

    @pytest.mark.parametrize("place", ["versions/1", "labels/champion"])
    def test_a_version_or_a_label_goes_past_the_route(self, sent, place):
        name = "age" if place == "versions/1" else "risk"
        answer = sent("POST", f"/tfs/v1/models/{name}/{place}:predict", json={"instances": LIST})
        assert answer.status_code == 200, answer.text
        assert answer.headers["x-variant"] == ("line@1" if name == "age" else "logistic@1")

    @pytest.mark.parametrize(
        ("method", "path", "status", "said"),
        [
            ("GET", "/v1/models/risk:predict", 400, "Malformed request: GET"),
            ("POST", "/v1/models/risk:ask", 400, "Malformed request: POST"),
            ("POST", "/v1/models/risk/metadata", 400, "Malformed request"),
            ("GET", "/v1/models/risk/version/1", 400, "Malformed request"),
            ("GET", "/v1/models", 400, "Missing model name in request"),
            ("POST", "/v1/models/risk/versions/-1:predict", 400, "Malformed request: POST"),
            ("POST", f"/v1/models/nobody/versions/{2**64 - 1}:regress", 400, "Failed to convert"),
            ("GET", f"/v1/models/risk/versions/{2**63}", 400, "Failed to convert version: 92233"),
            ("GET", f"/v1/models/risk/versions/{2**63 - 1}", 404, "no version '9223372036854"),
            ("GET", f"/v1/models/risk/versions/{'9' * 3000}/metadata", 400, "Failed to convert"),
            ("GET", "/v1/models/risk/versions/009", 404, "no version '9'"),
            ("GET", "/v1/models/nobody", 404, "Servable not found for request: "),
            ("GET", "/v1/models/risk/versions/9", 404, "no version '9'"),
            ("POST", "/v1/models/risk:predict", 400, "JSON Parse error: The document is empty"),
            ("GET", "/v1/models/risk/labels/nobody", 400, "Unrecognized servable version label"),
            ("GET", "/v1/models/risk/labels/nobody", 400, "labels: both, champion"),
            ("GET", "/v1/models/risk/labels/both", 400, "names several"),
            ("GET", "/v1/models/risk/labels/gone", 400, "no version labelled"),
            ("GET", "/v2", 404, "nothing at"),
        ],
    )
    def test_refuses_in_its_own_words(self, sent, method, path, status, said):
        answer = sent(method, f"/tfs{path}")
        assert answer.status_code == status
        assert list(answer.json()) == ["error"]
        assert said in answer.json()["error"]

    def test_zeros_before_a_version_say_nothing(self, sent):
        answer = sent("POST", "/tfs/v1/models/age/versions/001:predict", json={"instances": LIST})
        assert answer.headers["x-variant"] == "line@1"

    def test_a_signature_is_looked_at_before_rows_are(self, sent):
        answer = sent("POST", "/tfs/v1/models/risk:predict", json={"signature_name": 100})
        assert answer.status_code == 400
        assert "'signature_name' key must be a string value" in answer.json()["error"]

    @pytest.mark.parametrize(
        "body", [{"instances": []}, {}, {"instances": LIST, "inputs": LIST}, {"instances": {}}]
    )
    def test_refuses_what_is_neither_rows_nor_columns(self, sent, body):
        answer = sent("POST", "/tfs/v1/models/risk:predict", json=body)
        assert (answer.status_code, list(answer.json())) == (400, ["error"])


class TestKServe:
    @pytest.mark.parametrize(
        "body",
        [
            {"instances": TWO},
            {"inputs": TWO},
            {"instances": [dict(zip(ROW, row, strict=True)) for row in TWO]},
            {"instances": [{n: [v] for n, v in zip(ROW, row, strict=True)} for row in TWO]},
            {"inputs": [[{n: v} for n, v in zip(ROW, row, strict=True)] for row in TWO]},
        ],
    )
    def test_reads_rows_as_its_clients_write_them(self, sent, expected, body):
        answer = sent("POST", "/kserve/v1/models/age:predict", json=body)
        assert answer.json() == {"predictions": expected["age"]["predictions"]}

    def test_tells_of_life_and_readiness(self, sent):
        assert sent("GET", "/kserve/").json() == {"status": "alive"}
        assert sent("GET", "/kserve/v1/models/age").json() == {"name": "age", "ready": True}
        assert sent("GET", "/kserve/v1/models").json() == {"models": ["age", "both", "risk"]}

    def test_says_as_fastapi_does_that_there_is_no_such_path(self, sent):
        answer = sent("GET", "/kserve/nowhere")
        assert (answer.status_code, answer.json()) == (404, {"detail": "Not Found"})

    def test_answers_an_event_with_an_event(self, sent, expected):
        event = {"specversion": "1.0", "id": "7", "source": "me", "type": "ask"}
        body = {**event, "data": {"instances": TWO}}
        answer = sent(
            "POST",
            "/kserve/v1/models/age:predict",
            content=json.dumps(body),
            headers={"content-type": "application/cloudevents+json"},
        )
        assert answer.headers["content-type"] == "application/cloudevents+json"
        said = answer.json()
        assert said["data"] == {"predictions": expected["age"]["predictions"]}
        assert said["type"] == "io.kserve.inference.response"
        assert said["id"] == answer.headers["x-prediction-id"]

    def test_answers_an_event_in_headers_with_one_in_headers(self, sent, expected):
        headers = {"ce-specversion": "1.0", "ce-id": "7", "ce-source": "me", "ce-type": "ask"}
        answer = sent(
            "POST", "/kserve/v1/models/age:predict", json={"instances": TWO}, headers=headers
        )
        assert answer.json() == {"predictions": expected["age"]["predictions"]}
        assert answer.headers["ce-type"] == "io.kserve.inference.response"
        assert answer.headers["ce-id"] == answer.headers["x-prediction-id"]


class TestOpenInference:
    def test_says_nothing_but_the_error(self, sent):
        answer = sent("POST", "/oip/v2/models/nobody/infer", json={})
        assert (answer.status_code, list(answer.json())) == (404, ["error"])

    def test_configures_models_as_triton_does(self, sent):
        body = sent("GET", "/oip/v2/models/risk/config").json()
        assert (body["name"], body["max_batch_size"]) == ("risk", 0)
        assert body["input"][0] == {"name": "age", "data_type": "TYPE_FP64", "dims": [-1]}
        assert body["output"][0]["data_type"] == "TYPE_STRING"

    def test_counts_what_was_asked(self, sent, client):
        client.predict("age", *TWO)
        client.predict("age", {"age": "x"})
        (stats,) = sent("GET", "/oip/v2/models/age/stats").json()["model_stats"]
        assert (stats["inference_count"], stats["execution_count"]) == (2, 1)
        assert stats["inference_stats"]["fail"]["count"] == 1
        assert len(sent("GET", "/v2/models/stats").json()["model_stats"]) == 3

    def test_counts_go_on_under_another_snapshot(self, sent, client):
        client.predict("age", *TWO)
        client.predictor.swap(client.predictor.stages)
        (stats,) = sent("GET", "/v2/models/age/stats").json()["model_stats"]
        assert stats["inference_count"] == 2

    def test_what_is_here_is_loaded_and_stays_so(self, sent):
        loaded = sent("POST", "/v2/repository/models/age/load")
        assert (loaded.status_code, loaded.json()["load"]) == (200, True)
        assert sent("POST", "/v2/repository/models/nobody/load").status_code == 404
        unloaded = sent("POST", "/v2/repository/models/age/unload")
        assert unloaded.status_code == 403
        assert "serve-app deploy" in unloaded.json()["error"]

    def test_shares_no_memory(self, sent):
        assert sent("GET", "/v2/systemsharedmemory/status").json() == []
        assert sent("POST", "/v2/cudasharedmemory/unregister").status_code == 200
        refused = sent("POST", "/v2/systemsharedmemory/region/a/register", json={})
        assert refused.status_code == 400


class TestTorchServe:
    @pytest.mark.parametrize("method", ["POST", "PUT"])
    def test_answers_the_rows_alone(self, sent, expected, method):
        answer = sent(method, "/torchserve/predictions/age", json=TWO)
        assert answer.json() == expected["age"]["predictions"]

    def test_reads_forms(self, sent, expected):
        files = [("data", ("a.json", json.dumps(row))) for row in TWO]
        answer = sent("POST", "/torchserve/predictions/age", files=files)
        assert answer.json() == expected["age"]["predictions"], answer.text
        fields = {"data": [json.dumps(row) for row in TWO]}
        answer = sent("POST", "/predictions/age", data=fields)
        assert answer.json() == expected["age"]["predictions"]

    def test_reads_a_query(self, sent, expected):
        answer = sent("GET", "/torchserve/predictions/age", params={"data": json.dumps(TWO)})
        assert answer.json() == expected["age"]["predictions"]

    def test_gives_probabilities_where_they_are_asked_for(self, sent, expected):
        body = {"instances": TWO, "parameters": {"predict_method": "predict_proba"}}
        answer = sent("POST", "/torchserve/predictions/risk", json=body)
        assert answer.json() == expected["risk"]["probabilities"]

    def test_describes_its_interface(self, sent):
        assert sent("OPTIONS", "/torchserve/").json()["openapi"].startswith("3.")
        assert "paths" in sent("OPTIONS", "/torchserve/predictions/age").json()

    def test_refuses_in_its_own_words(self, sent):
        answer = sent("POST", "/torchserve/predictions/nobody", json=LIST)
        assert answer.status_code == 404
        body = answer.json()
        assert list(body) == ["code", "type", "message"]
        assert (body["code"], body["type"]) == (404, "ModelNotFoundException")
        # As TorchServe's own tests of its frontend expect it, to the letter.
        assert body["message"] == "Model not found: nobody"
        other = sent("POST", "/torchserve/predictions/age/1.3.1", json=LIST).json()
        assert other["type"] == "ModelVersionNotFoundException"
        assert other["message"] == "Model version: 1.3.1 does not exist for model: age"
        assert sent("POST", "/torchserve/explanations/age", json=LIST).status_code == 404

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", "/torchserve/InvalidUrl"),
            ("GET", "/torchserve/predictions"),
            ("POST", "/torchserve/explanations"),
            ("GET", "/torchserve-management/InvalidUrl"),
            ("GET", "/torchserve-metrics/InvalidUrl"),
        ],
    )
    def test_tells_of_paths_that_there_are_not_in_its_very_words(self, sent, method, path):
        answer = sent(method, path)
        assert answer.status_code == 404
        assert answer.json() == {
            "code": 404,
            "type": "ResourceNotFoundException",
            "message": "Requested resource is not found, please refer to API document.",
        }

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", "/torchserve/"),
            ("GET", "/torchserve-management/"),
            ("PUT", "/torchserve-management/models"),
            ("POST", "/torchserve-management/models/age"),
            ("POST", "/torchserve-metrics/metrics"),
        ],
    )
    def test_tells_of_methods_that_there_are_not_in_its_very_words(self, sent, method, path):
        answer = sent(method, path)
        assert answer.status_code == 405
        assert answer.json() == {
            "code": 405,
            "type": "MethodNotAllowedException",
            "message": "Requested method is not allowed, please refer to API document.",
        }

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("OPTIONS", "/predictions/{}"),
            ("GET", "/predictions/{}"),
            ("POST", "/invocations?model_name={}"),
            ("POST", "/explanations/{}"),
            ("POST", "/{}/predict"),
        ],
    )
    def test_says_that_there_is_no_such_model_before_it_reads_a_body(self, sent, method, path):
        answer = sent(method, "/torchserve" + path.format("InvalidModel"))
        assert answer.status_code == 404
        assert answer.json()["message"] == "Model not found: InvalidModel"

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", "/predictions/age/1.3.1"),
            ("OPTIONS", "/predictions/age/1.3.1"),
            ("POST", "/age/1.3.1/predict"),
        ],
    )
    def test_says_that_there_is_no_such_version_before_it_reads_a_body(self, sent, method, path):
        answer = sent(method, "/torchserve" + path)
        assert answer.status_code == 404
        expected = "Model version: 1.3.1 does not exist for model: age"
        assert answer.json()["message"] == expected

    @pytest.mark.parametrize(
        "path",
        ["/invocations?model_name=age", "/models/age/invoke", "/age/predict", "/age/1/predict"],
    )
    def test_answers_at_its_older_paths(self, sent, expected, path):
        answer = sent("POST", f"/torchserve{path}", json=TWO)
        assert answer.json() == expected["age"]["predictions"]

    def test_asks_the_default_endpoint_where_a_query_names_none(self, sent, expected):
        answer = sent("POST", "/torchserve/invocations", json=TWO)
        assert answer.json() == expected["risk"]["predictions"]

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", "/torchserve/api-description"),
            ("OPTIONS", "/torchserve-management/"),
            ("OPTIONS", "/torchserve-metrics/"),
        ],
    )
    def test_describes_itself_on_each_of_its_ports(self, sent, method, path):
        assert sent(method, path).json()["openapi"].startswith("3.")

    def test_lists_models_a_page_at_a_time(self, sent):
        first = sent("GET", "/torchserve-management/models?limit=2").json()
        assert [one["modelName"] for one in first["models"]] == ["age", "both"]
        path = f"/torchserve-management/models?limit=2&next_page_token={first['nextPageToken']}"
        last = sent("GET", path).json()
        assert [one["modelName"] for one in last["models"]] == ["risk"]
        assert "nextPageToken" not in last

    def test_describes_models_in_a_list(self, sent):
        (one,) = sent("GET", "/torchserve-management/models/age").json()
        assert (one["modelName"], one["modelVersion"]) == ("age", "1")
        assert len(sent("GET", "/torchserve-management/models/risk/all").json()) == 2
        (one,) = sent("GET", "/torchserve-management/models/risk/other@1").json()
        assert one["modelVersion"] == "other@1"
        assert sent("GET", "/torchserve-management/models/risk/9").status_code == 404

    def test_counts_requests_answered_and_failed(self, sent):
        for rows in (TWO, TWO, [{"nothing": 1}]):
            sent("POST", "/torchserve/predictions/age", json=rows)
        answer = sent("GET", "/torchserve-metrics/metrics")
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        found = list(text_string_to_metric_families(answer.text))
        assert [family.type for family in found] == ["counter", "counter"]
        by_name = {(s.name, s.labels["model_name"]): s for f in found for s in f.samples}
        asked = by_name["ts_inference_requests_total", "age"]
        assert asked.value == 3
        assert asked.labels["model_version"] == "default"
        assert asked.labels.keys() >= {"hostname", "uuid"}
        assert by_name["ts_inference_requests_total", "risk"].value == 0

    def test_gives_the_metrics_that_are_named(self, sent):
        path = "/torchserve-metrics/metrics?name[]=ts_inference_latency_microseconds"
        lines = sent("GET", f"{path}&name[]=other").text.splitlines()
        names = {line.partition("{")[0] for line in lines if not line.startswith("#")}
        assert names == {"ts_inference_latency_microseconds"}

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("POST", "/models?url=a.mar"),
            ("PUT", "/models/age?min_worker=3"),
            ("PUT", "/models/age/1/set-default"),
            ("DELETE", "/models/age"),
            ("DELETE", "/models/age/1"),
        ],
    )
    def test_a_write_is_refused_and_says_what_to_use(self, sent, method, path):
        answer = sent(method, f"/torchserve-management{path}")
        assert answer.status_code == 403
        assert "serve-app" in answer.json()["message"]


class TestMlflow:
    @pytest.mark.parametrize(
        "body",
        [
            {"dataframe_split": {"columns": list(ROW), "data": TWO}},
            {"dataframe_records": [dict(zip(ROW, row, strict=True)) for row in TWO]},
            {"instances": TWO},
            {"inputs": {name: [row[at] for row in TWO] for at, name in enumerate(ROW)}},
        ],
    )
    def test_reads_its_four_forms(self, sent, expected, body):
        answer = sent("POST", "/mlflow/invocations", json=body)
        assert answer.json() == {"predictions": expected["risk"]["predictions"]}

    def test_takes_the_first_line_of_csv_for_a_header(self, sent, expected):
        csv = "\n".join([",".join(ROW), *(",".join(map(str, row)) for row in TWO)])
        headers = {"content-type": "text/csv"}
        answer = sent("POST", "/mlflow/invocations", content=csv, headers=headers)
        assert answer.json() == {"predictions": expected["risk"]["predictions"]}
        headless = csv.partition("\n")[2]
        answer = sent("POST", "/mlflow/invocations", content=headless, headers=headers)
        assert answer.status_code == 400

    def test_refuses_in_its_own_words(self, sent):
        answer = sent("POST", "/mlflow/invocations", json={"rows": []})
        assert list(answer.json()) == ["error_code", "message"]
        assert answer.json()["error_code"] == "BAD_REQUEST"
        answer = sent("POST", "/mlflow/invocations", json={"instances": [{"age": 1.0}]})
        assert answer.json()["error_code"] == "INVALID_PARAMETER_VALUE"
        headers = {"content-type": "image/png"}
        answer = sent("POST", "/mlflow/invocations", content=b"x", headers=headers)
        assert answer.status_code == 415
        assert answer.headers["content-type"].startswith("text/plain")

    @pytest.mark.parametrize(
        ("body", "words"),
        [
            (
                "this is,,,, not valid json",
                "Failed to parse input from JSON. Ensure that input",
            ),
            ("1", "The input must be a JSON dictionary with exactly one of the input fields"),
            ('["1"]', "The input must be a JSON dictionary with exactly one of the input fields"),
            ('{"not": "x"}', "The input must be a JSON dictionary with exactly one of the input"),
            (
                '{"dataframe_records": [], "dataframe_split": {"data": []}}',
                "The input must be a JSON dictionary with exactly one of the input fields",
            ),
            (
                '{"dataframe_split": [{"a": 1}]}',
                "Dataframe split format must be a dictionary. Got list",
            ),
            (
                '{"dataframe_records": {"a": 1}}',
                "Dataframe records format must be a list of records. Got dictionary.",
            ),
            (
                '{"dataframe_split": {"index": [1, 2], "data": [[1], [2], [3]]}}',
                "Provided dataframe_split field is not a valid dataframe representation",
            ),
        ],
    )
    def test_begins_with_the_words_of_its_server(self, sent, body, words):
        kind = {"content-type": "application/json"}
        answer = sent("POST", "/mlflow/invocations", content=body, headers=kind)
        assert answer.status_code == 400
        assert answer.json()["error_code"] == "BAD_REQUEST"
        assert answer.json()["message"].startswith(words)

    def test_tells_of_health_and_version(self, sent):
        assert sent("GET", "/mlflow/ping").text == "\n"
        assert sent("GET", "/mlflow/health").status_code == 200
        assert sent("GET", "/mlflow/version").text == __version__


class TestSageMaker:
    @pytest.mark.parametrize("path", ["/invocations", "/models/risk/invoke"])
    def test_answers_a_bare_list(self, sent, expected, path):
        answer = sent("POST", f"/sagemaker{path}", json=TWO)
        assert answer.json() == expected["risk"]["predictions"]

    def test_speaks_the_arrays_of_numpy(self, sent, expected):
        file = io.BytesIO()
        np.save(file, np.array(TWO))
        kind = "application/x-npy"
        headers = {"content-type": kind, "accept": kind, "x-amzn-sagemaker-target-model": "age"}
        answer = sent("POST", "/sagemaker/invocations", content=file.getvalue(), headers=headers)
        assert answer.headers["content-type"] == kind
        assert np.load(io.BytesIO(answer.content)).tolist() == expected["age"]["predictions"]

    def test_reads_libsvm(self, sent, expected):
        lines = "\n".join(f"0 1:{age} 2:{dose}" for age, dose in TWO)
        headers = {"content-type": "text/libsvm", "accept": "text/csv"}
        answer = sent("POST", "/sagemaker/invocations", content=lines, headers=headers)
        assert answer.text.split() == expected["risk"]["predictions"]

    def test_refuses_an_accept_that_it_cannot_meet(self, sent):
        headers = {"accept": "application/x-recordio-protobuf"}
        answer = sent("POST", "/sagemaker/invocations", json=TWO, headers=headers)
        assert answer.status_code == 406

    def test_lists_models(self, sent):
        body = sent("GET", "/sagemaker/models").json()
        assert [one["modelName"] for one in body["models"]] == ["age", "both", "risk"]
        assert sent("GET", "/sagemaker/models/age").json()["modelName"] == "age"
        assert sent("GET", "/sagemaker/models/nobody").status_code == 404

    @pytest.mark.parametrize(
        ("method", "path", "body", "status"),
        [
            ("POST", "/models", {"model_name": "age", "url": "/opt"}, 409),
            ("POST", "/models", {"model_name": "more", "url": "/opt"}, 403),
            ("POST", "/models", {"url": "/opt"}, 400),
            ("POST", "/models", [], 400),
            ("DELETE", "/models/age", None, 403),
            ("DELETE", "/models/nobody", None, 404),
        ],
    )
    def test_models_come_and_go_with_the_configuration_alone(
        self, sent, method, path, body, status
    ):
        answer = sent(method, f"/sagemaker{path}", content=orjson.dumps(body))
        assert answer.status_code == status, answer.text

    def test_tells_batch_transforms_what_to_send(self, sent):
        body = sent("GET", "/execution-parameters").json()
        assert body["BatchStrategy"] == "MULTI_RECORD"
        assert body["MaxPayloadInMB"] == 1


class TestVertex:
    PATHS = (
        "/v1/endpoints/1/deployedModels/2:predict",
        "/v1/projects/p/locations/l/endpoints/risk:predict",
        "/v1/projects/p/locations/l/endpoints/risk:rawPredict",
    )

    @pytest.mark.parametrize("prefix", ["", "/vertex"])
    @pytest.mark.parametrize("path", PATHS)
    def test_answers_instances(self, sent, expected, prefix, path):
        answer = sent("POST", prefix + path, json={"instances": TWO})
        body = answer.json()
        assert body["predictions"] == expected["risk"]["predictions"]
        assert (body["model"], body["deployedModelId"]) == ("risk", "logistic@1")

    def test_answers_where_the_environment_says(self, client, expected):
        settings = Settings(
            max_body_bytes=10_000,
            max_rows=50,
            default_endpoint="risk",
            health_route="/are/you/well",
            predict_route="/say",
        )
        client.app = build(client.predictor, settings)
        for prefix in ("", "/vertex"):
            assert client.get(f"{prefix}/are/you/well").status_code == 200
            answer = client.send("POST", f"{prefix}/say", json={"instances": TWO})
            assert answer.json()["predictions"] == expected["risk"]["predictions"]

    def test_refuses_in_the_words_of_google(self, sent):
        answer = sent("POST", self.PATHS[1], json={"instances": 5})
        assert answer.status_code == 400
        error = answer.json()["error"]
        assert (error["code"], error["status"]) == (400, "INVALID_ARGUMENT")
        assert "instances" in error["message"]


class TestAzure:
    def test_answers_with_its_headers(self, sent, expected):
        answer = sent("POST", "/azureml/score", json={"data": TWO})
        assert answer.json() == expected["risk"]["predictions"]
        assert answer.headers["x-ms-run-function-failed"] == "False"

    def test_gives_probabilities_where_they_are_asked_for(self, sent, expected):
        body = {"Inputs": {"data": TWO}, "GlobalParameters": {"method": "predict_proba"}}
        answer = sent("POST", "/azureml/score", json=body)
        assert answer.json() == {"Results": expected["risk"]["probabilities"]}

    def test_is_healthy(self, sent):
        assert sent("GET", "/azureml/").text == "Healthy"

    def test_reads_a_query(self, sent, expected):
        answer = sent("GET", "/azureml/score", params={"data": json.dumps(TWO)})
        assert answer.json() == expected["risk"]["predictions"]

    @pytest.mark.parametrize("name", ["x-ms-request-id", "x-ms-client-request-id"])
    def test_refuses_an_identifier_that_is_very_long(self, sent, name):
        answer = sent("POST", "/azureml/score", json={"data": TWO}, headers={name: "x" * 101})
        assert answer.status_code == 431
        assert answer.json() == {"message": f"{name} must not exceed 100 characters"}

    def test_lets_browsers_ask_what_it_allows(self, sent):
        answer = sent("OPTIONS", "/azureml/score")
        assert (answer.status_code, answer.content) == (200, b"")

    @pytest.mark.parametrize("version", [None, "2", "3", "3.1"])
    def test_describes_itself(self, sent, version):
        query = "" if version is None else f"?version={version}"
        body = sent("GET", f"/azureml/swagger.json{query}").json()
        assert "/score" in body["paths"]
        assert (body.get("swagger") or body["openapi"]).startswith(version or "2")

    def test_knows_no_other_version_of_swagger(self, sent):
        answer = sent("GET", "/azureml/swagger.json?version=4")
        assert (answer.status_code, list(answer.json())) == (404, ["message"])

    def test_refuses_in_its_own_words(self, sent, client):
        answer = sent("POST", "/azureml/score", json={})
        assert (answer.status_code, list(answer.json())) == (400, ["message"])
        assert answer.headers["x-ms-run-function-failed"] == "False"
        client.models.errors = dict.fromkeys(("logistic@1", "other@1"), ModelFailed("inside"))
        answer = sent("POST", "/azureml/score", json={"data": TWO})
        assert answer.status_code == 500
        assert answer.headers["x-ms-run-function-failed"] == "True"


class TestSeldon:
    BODY: typing.ClassVar = {"data": {"names": list(ROW), "ndarray": TWO}}

    @pytest.mark.parametrize(
        "path",
        [
            "/seldon/api/v1.0/predictions",
            "/seldon/api/v0.1/predictions",
            "/seldon/space/risk/api/v1.0/predictions",
            "/seldon/predict",
            "/api/v1.0/predictions",
        ],
    )
    def test_answers_in_the_kind_of_data_that_was_sent(self, sent, expected, path):
        body = sent("POST", path, json=self.BODY).json()
        assert body["data"]["ndarray"] == expected["risk"]["probabilities"]
        assert body["data"]["names"] == expected["risk"]["classes"]

    def test_reads_what_its_own_client_sends(self, sent, expected):
        form = {"json": json.dumps(self.BODY)}
        for answer in (
            sent("POST", "/seldon/predict", data=form),
            sent("GET", "/seldon/predict", params=form),
            sent("POST", "/seldon/predict", files={"json": (None, form["json"])}),
        ):
            assert answer.json()["data"]["ndarray"] == expected["risk"]["probabilities"]

    def test_tells_of_health(self, sent):
        assert sent("GET", "/seldon/health/ping").text == "pong"
        assert sent("GET", "/seldon/ready").status_code == 200
        assert sent("GET", "/api/v1.0/health/status").status_code == 200
        assert sent("GET", "/seldon/api/v1.0/metadata/risk").json()["name"] == "risk"

    def test_refuses_in_its_own_words(self, sent):
        answer = sent("POST", "/seldon/api/v1.0/predictions", json={})
        assert answer.status_code == 400
        assert answer.json()["status"]["status"] == "FAILURE"


@pytest.mark.parametrize("name", list(profiles(DEFAULT)))
def test_what_is_nowhere_is_refused_in_each_profiles_words(sent, name):
    answer = sent("GET", f"/{name}/nowhere/at/all")
    assert answer.status_code == 404
    assert answer.json()


@pytest.mark.parametrize("name", list(profiles(DEFAULT)))
def test_a_page_has_no_post(sent, name):
    answer = sent("POST", f"/{name}/nowhere/at/all", json={})
    assert answer.status_code in {403, 404}


def test_the_documentation_page_offers_bodies_that_are_answered(client):
    asked = offered(client)
    assert {path.split("/")[1] for path, _ in asked} >= {
        "v1", "v2", "tfs", "kserve", "torchserve", "endpoints", "sagemaker", "bentoml", "seldon",
    }  # fmt: skip
    for path, body in asked:
        assert answered(client, path, body) == 200, path

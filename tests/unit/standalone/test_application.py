"""One process answers what gateways answer, by the models that it has loaded."""

import asyncio
import secrets
import time
from dataclasses import replace

import fsspec
import httpx
import pandas as pd
import pytest
import yaml

from serve_app.control.keys import KeyBook
from serve_app.core.access import KeyOrder
from serve_app.errors import ArtifactRejected, ConfigError, NotFound
from serve_app.standalone.application import build
from serve_app.standalone.settings import RunSettings
from serve_app.storage.keys_file import KeysFile
from tests.unit.gateway.harness import ENDPOINTS, ROW, client_of

CSV = b"age,dose\n61,2.5\n"


def settings(registry, **changes):
    own = RunSettings.from_environment({"SERVE_APP_REGISTRY": registry._files.url})
    return replace(own, **changes)


def asked(application, *requests):
    """The answers to some requests, once the models are loaded."""

    async def all_of_them():
        await application.load()
        transport = httpx.ASGITransport(application)
        async with httpx.AsyncClient(transport=transport, base_url="http://run") as client:
            return [await client.request(method, path, **more) for method, path, more in requests]

    try:
        return asyncio.run(all_of_them())
    finally:
        asyncio.run(application.close())


def config(tmp_path, endpoints=ENDPOINTS, **args):
    file = tmp_path / "config.yaml"
    control = {"name": "Control", "user_config": {"endpoints": endpoints}}
    applications = [
        {"name": "gateway", "import_path": "serve_app.app:gateway", "args": args},
        {"name": "control", "import_path": "serve_app.app:control", "deployments": [control]},
    ]
    file.write_text(yaml.safe_dump({"applications": applications}))
    return str(file)


PREDICT = ("POST", "/v1/models/logistic:predict", {"json": {"instances": [ROW]}})


def test_it_answers_like_the_library(registry, models):
    application = build(settings(registry, endpoints={"logistic": "logistic@1"}), clock=time.time)
    (answer,) = asked(application, PREDICT)
    assert answer.status_code == 200

    assert (
        answer.json()["predictions"] == models["logistic"][0].predict(pd.DataFrame([ROW])).tolist()
    )


def test_every_endpoint_of_a_config_answers_as_gateways_do(registry, tmp_path):
    bodies = {
        "risk": {"instances": [{**ROW, "patient_id": "p-1"}]},
        "age": {"instances": [ROW, ROW]},
        "both": {"instances": [ROW]},
    }
    application = build(settings(registry, config=config(tmp_path)), clock=time.time)
    answers = asked(
        application,
        *(("POST", f"/v1/models/{name}:predict", {"json": body}) for name, body in bodies.items()),
    )
    gateway = client_of(registry)
    for (name, body), answer in zip(bodies.items(), answers, strict=True):
        expected = gateway.send("POST", f"/v1/models/{name}:predict", json=body).json()
        assert answer.status_code == 200
        assert answer.json()["predictions"] == expected["predictions"]
        assert answer.json()["variants"] == expected["variants"]


@pytest.mark.parametrize(
    ("path", "more"),
    [
        ("/v2/models/age/infer", {"json": {"inputs": [
            {"name": "age", "shape": [1], "datatype": "FP64", "data": [61.0]},
            {"name": "dose", "shape": [1], "datatype": "FP64", "data": [2.5]},
        ]}}),
        ("/invocations", {"content": CSV, "headers": {"content-type": "text/csv"}}),
        ("/invocations", {"json": {"dataframe_records": [ROW]}}),
        ("/predictions/age", {"json": ROW}),
        ("/mlflow/invocations", {"json": {"dataframe_records": [ROW]}}),
        ("/kserve/v1/models/age:predict", {"json": {"instances": [ROW]}}),
    ],
)  # fmt: skip
def test_all_dialects_are_spoken(registry, path, more):
    chosen = settings(registry, endpoints={"age": "line@1"})
    (answer,) = asked(build(chosen, clock=time.time), ("POST", path, more))
    assert answer.status_code == 200, answer.text
    assert "61.0" in answer.text or "60.99" in answer.text


def test_it_is_not_ready_until_its_models_are(registry):
    application = build(settings(registry, endpoints={"logistic": "logistic@1"}), clock=time.time)

    async def before():
        transport = httpx.ASGITransport(application)
        async with httpx.AsyncClient(transport=transport, base_url="http://run") as client:
            paths = ("/v2/health/live", "/v2/health/ready", "/health")
            pages = [await client.get(path) for path in paths]
            return [*pages, await client.request(*PREDICT[:2], **PREDICT[2])]

    statuses = [answer.status_code for answer in asyncio.run(before())]
    assert statuses == [200, 503, 503, 503]
    assert not application.is_ready
    answers = asked(application, ("GET", "/v2/health/ready", {}), ("GET", "/health", {}))
    assert [answer.status_code for answer in answers] == [200, 200]


def test_vertex_asks_where_it_says(registry):
    environment = {
        "AIP_HTTP_PORT": "8080", "AIP_HEALTH_ROUTE": "/alive", "AIP_PREDICT_ROUTE": "/ask",
        "SERVE_APP_REGISTRY": registry._files.url, "SERVE_APP_MODEL": "line@1",
    }  # fmt: skip
    application = build(RunSettings.from_environment(environment), clock=time.time)
    health, answer = asked(
        application, ("GET", "/alive", {}), ("POST", "/ask", {"json": {"instances": [ROW]}})
    )
    assert health.status_code == 200
    assert answer.json()["predictions"] == pytest.approx([61.0])


def test_aliases_name_versions(registry):
    registry.set_alias("line", "champion", 1, by="tests")
    application = build(settings(registry, endpoints={"age": "line@champion"}), clock=time.time)
    (answer,) = asked(
        application, ("POST", "/v1/models/age:predict", {"json": {"instances": [ROW]}})
    )
    assert answer.json()["variants"] == ["line@1"]


def test_the_bounds_of_a_configs_gateway_hold(registry, tmp_path):
    named = config(tmp_path, max_rows=2, default_endpoint="age")
    application = build(settings(registry, config=named), clock=time.time)
    few, many = asked(
        application,
        ("POST", "/invocations", {"json": {"instances": [ROW] * 2}}),
        ("POST", "/invocations", {"json": {"instances": [ROW] * 3}}),
    )
    assert (few.status_code, many.status_code) == (200, 413)


def test_feedback_is_refused_in_words(registry):
    chosen = settings(registry, endpoints={"age": "line@1"})
    body = {"json": {"prediction_id": "p", "truth": 1}}
    (answer,) = asked(build(chosen, clock=time.time), ("POST", "/v1/models/age:feedback", body))
    assert answer.status_code in {404, 501, 503}
    assert "feedback" in answer.text


@pytest.mark.parametrize(
    ("endpoints", "kind", "words"),
    [
        ({"a": "nobody@1"}, ConfigError, "there is no model 'nobody'"),
        ({"a": "line@7"}, ConfigError, "has no version 7"),
        ({"a": "line@stable"}, NotFound, "has no alias 'stable'"),
        ({"a": "scaler@1"}, ConfigError, "transformer"),
        (None, ConfigError, "name those that shall answer"),
    ],
)
def test_what_cannot_answer_is_refused_in_words(registry, endpoints, kind, words):
    with pytest.raises(kind, match=words):
        asked(build(settings(registry, endpoints=endpoints), clock=time.time))


def test_a_changed_model_does_not_answer(registry):
    files, root = fsspec.url_to_fs(registry._files.url)
    (path,) = [one for one in files.find(f"{root}/line/1") if one.endswith("compiled.npz")]
    files.pipe_file(path, files.cat_file(path)[:-1] + b"!")
    application = build(settings(registry, endpoints={"age": "line@1"}), clock=time.time)
    with pytest.raises(ArtifactRejected, match="has changed"):
        asked(application)
    assert not application.is_ready


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("applications: []", "declares no endpoints"),
        ("- 1", "declares no endpoints"),
        ("a: [", "is no YAML"),
        (
            "applications: [{import_path: serve_app.app:gateway, args: {max_rows: 0}}]",
            "gateway: max_rows",
        ),
        (
            "applications: [{import_path: serve_app.app.gateway, args: {max_rows: 0}}]",
            "gateway: max_rows",
        ),
    ],
)
def test_a_config_that_declares_nothing_is_refused(registry, tmp_path, text, words):
    file = tmp_path / "config.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=words):
        build(settings(registry, config=str(file)), clock=time.time)


def test_with_a_file_of_keys_whoever_has_none_of_it_is_not_answered(registry, tmp_path):
    place = tmp_path / "keys.json"
    book = KeyBook(
        KeysFile(place), clock=time.time, random_bytes=secrets.token_bytes,
        keep_event=lambda _: None,
    )  # fmt: skip
    key = book.create(KeyOrder("phone", ("predict:logistic",)), "ada").key
    own = settings(registry, endpoints={"logistic": "logistic@1"}, keys_file=str(place))
    method, path, body = PREDICT
    answers = asked(
        build(own, clock=time.monotonic),
        PREDICT,
        (method, path, {**body, "headers": {"x-api-key": key}}),
        (method, path, {**body, "headers": {"authorization": f"Bearer {key}"}}),
        (method, path, {**body, "headers": {"authorization": f"Bearer {key[:-1]}"}}),
        ("GET", "/v1/endpoints", {}),
        ("GET", "/ping", {}),
    )
    assert [one.status_code for one in answers] == [401, 200, 200, 401, 401, 200]

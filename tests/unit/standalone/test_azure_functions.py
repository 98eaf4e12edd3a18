"""The function app of Azure's Python model, called as Azure's worker calls it."""

import json
import sys

import azure.functions as func
import pytest

from serve_app.errors import ArtifactRejected, ConfigError
from serve_app.standalone import azure_functions
from serve_app.standalone.azure_functions import WithLifespan, function_app

ROW = {"age": 61.0, "dose": 2.5}
URL = "https://example.azurewebsites.net/v1/models/age:predict"


class Steps:
    """Notes what was done."""

    def __init__(self, error=None):
        self.done = []
        self.error = error

    async def load(self):
        self.done.append("load")
        if self.error is not None:
            raise self.error

    async def close(self):
        self.done.append("close")


def request(body=None, url=URL, method="POST", **headers):
    return func.HttpRequest(
        method=method,
        url=url,
        headers={"content-type": "application/json", **headers},
        body=json.dumps({"instances": [ROW]}).encode() if body is None else body,
    )


@pytest.fixture
async def worker(app):
    """The function app, and what was done to its application; it ends with the test."""
    steps = Steps()
    made = function_app(WithLifespan(app, load=steps.load, close=steps.close))
    yield made, steps
    if made.startup_task_done:
        await made.middleware.notify_shutdown()
        # The package would do that again, on a loop of its own, when it is collected.
        made.startup_task_done = False


def only_function(made):
    (function,) = made.get_functions()
    return function


async def test_one_function_answers_every_path_to_callers_with_a_key(worker):
    function = only_function(worker[0])
    assert function.get_function_name() == "serve_app"
    trigger = function.get_trigger().get_dict_repr()
    assert trigger["type"] == "httpTrigger"
    assert trigger["route"] == "/{*route}"
    assert trigger["authLevel"] is func.AuthLevel.FUNCTION


async def test_a_request_is_answered_as_the_model_answers(worker, models):
    call = only_function(worker[0]).get_user_function()
    answer = await call(request(), None)
    estimator, _ = models["line"]
    expected = float(estimator.intercept_ + estimator.coef_ @ [61.0, 2.5])
    assert answer.status_code == 200
    assert json.loads(answer.get_body())["predictions"] == [pytest.approx(expected)]


async def test_it_is_loaded_once_before_the_first_request(worker):
    made, steps = worker
    call = only_function(made).get_user_function()
    assert steps.done == []
    for _ in range(3):
        await call(request(), None)
    assert steps.done == ["load"]


async def test_it_is_closed_when_the_worker_ends(worker):
    made, steps = worker
    await only_function(made).get_user_function()(request(), None)
    await made.middleware.notify_shutdown()
    made.startup_task_done = False
    assert steps.done == ["load", "close"]


async def test_a_refusal_keeps_its_status_and_words(worker):
    call = only_function(worker[0]).get_user_function()
    answer = await call(request(url=URL.replace("age", "nobody")), None)
    assert answer.status_code == 404
    assert b"nobody" in answer.get_body()


async def test_a_model_that_cannot_load_fails_the_function_in_words(app, caplog):
    steps = Steps(ArtifactRejected("line@1 is not what was registered"))
    made = function_app(WithLifespan(app, load=steps.load, close=steps.close))
    with pytest.raises(RuntimeError, match="startup failed"):
        await only_function(made).get_user_function()(request(), None)
    assert "line@1 is not what was registered" in caplog.text


def test_other_names_of_the_module_are_missing_as_usual():
    with pytest.raises(AttributeError, match="no attribute 'main'"):
        azure_functions.main  # noqa: B018


def test_without_azures_package_it_says_what_to_install(app, monkeypatch):
    monkeypatch.setitem(sys.modules, "azure.functions", None)
    with pytest.raises(ConfigError, match=r"pip install 'serve-app\[azure\]'"):
        function_app(app)

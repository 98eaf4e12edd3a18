"""Methods and tasks by BentoML's own clients."""

import asyncio
import threading
import time

import pytest

from serve_app.config.deferred import DeferredSettings
from serve_app.gateway.context import Settings
from serve_app.gateway.deferral import deferral_of
from tests.clients import running
from tests.clients.foreign import Raised
from tests.unit.gateway.harness import ROW, client_of

SCRIPT = "bento_calls.py"
SETTINGS = Settings(max_body_bytes=1_000_000, max_rows=20_000, server_name="Census")
DEADLINE_S = 30


class Service:
    """A running gateway as a service of BentoML's; its models answer while `gate` is open."""

    def __init__(self, http, call, gate):
        self.http, self._call, self.gate = http, call, gate

    def call(self, function, /, *, method="age", **given):
        return self._call(function, place=self.http, method=method, **given)

    def submit(self, row=ROW):
        return self.call("submit", instances=[row])

    def task(self, action, name, method="age"):
        return self.call("task", method=method, action=action, name=name)

    def ended(self, name):
        """The status with which a task has ended."""
        until = time.monotonic() + DEADLINE_S
        while (status := self.task("get_status", name)) in {"pending", "in_progress"}:
            assert time.monotonic() < until
        return status


@pytest.fixture
def service(registry, tmp_path, call, monkeypatch):
    client, gate = client_of(registry), threading.Event()
    ask = client.models.ask

    async def gated(*given):
        await asyncio.to_thread(gate.wait, DEADLINE_S)
        return await ask(*given)

    monkeypatch.setattr(client.models, "ask", gated)
    gate.set()
    settings = DeferredSettings(state=str(tmp_path))
    deferral = deferral_of(settings, clock=time.time)
    with running.gateway(
        client.predictor, SETTINGS, lambda: "r", deferral=deferral, profile="bentoml"
    ) as (http, _):
        yield Service(http, call, gate)
        gate.set()


def test_endpoints_are_methods_and_tasks(service, call):
    assert call("methods", place=service.http) == {
        name: [True, f"/{name}"] for name in ("risk", "age", "both")
    }


def test_a_task_is_submitted_watched_and_gives_what_the_method_gives(service):
    at_once = service.call("call", instances=[ROW])
    name = service.submit()
    assert service.ended(name) == "completed"
    later = service.task("get", name)
    assert later["predictions"] == at_once["predictions"]
    assert later["variants"] == ["line@1"]


def test_a_task_that_waits_has_no_answer_and_can_be_canceled(service):
    service.gate.clear()
    name = service.submit()
    assert service.task("get_status", name) in {"pending", "in_progress"}
    for action in ("get", "retry"):
        with pytest.raises(Raised, match="not completed yet"):
            service.task(action, name)
    service.task("cancel", name)
    assert service.task("get_status", name) == "canceled"
    with pytest.raises(Raised, match="nothing can be canceled"):
        service.task("cancel", name)
    service.gate.set()
    assert service.task("get_status", name) == "canceled"


def test_a_task_that_has_ended_can_be_tried_again(service):
    first = service.submit()
    assert service.ended(first) == "completed"
    again = service.task("retry", first)
    assert again != first
    assert service.ended(again) == "completed"
    assert service.task("get", again)["predictions"] == service.task("get", first)["predictions"]


def test_what_is_wrong_with_a_task_is_said_when_it_is_submitted(service):
    with pytest.raises(Raised, match="dose"):
        service.submit({"age": 1.0, "dose": "much"})
    with pytest.raises(Raised, match="no answer"):
        service.task("get_status", "nothing")
    name = service.submit()
    with pytest.raises(Raised, match="no answer"):
        service.task("get_status", name, method="risk")

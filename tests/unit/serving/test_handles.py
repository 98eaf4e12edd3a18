"""Whatever Ray raises reaches clients as one of our errors, without a word of Ray's."""

import asyncio
import functools
import inspect
import time

import numpy as np
import pytest
import ray.exceptions
from ray.serve import exceptions as serve_errors

from serve_app.core.columns import Columns
from serve_app.engine import second_tries
from serve_app.errors import (
    DeadlineExceeded,
    InvalidInput,
    ModelFailed,
    NotReady,
    Overloaded,
    ReplicaDied,
    ServerFault,
    Unavailable,
)
from serve_app.serving import handles
from serve_app.serving.handles import translate
from serve_app.tasks import task_named

RAYS = sorted(
    {
        found
        for module in (ray.exceptions, serve_errors)
        for _, found in inspect.getmembers(module, inspect.isclass)
        if issubclass(found, Exception)
    },
    key=lambda found: f"{found.__module__}.{found.__qualname__}",
)
RAYS.remove(serve_errors.BackPressureError)  # it carries numbers, and has a test of its own


def made(kind):
    """An error of a class, whatever its constructor wants."""
    error = kind.__new__(kind)
    error.args = ("Traceback (most recent call last): a secret of the replica",)
    return error


@pytest.mark.parametrize("kind", RAYS, ids=lambda kind: kind.__qualname__)
def test_every_error_of_ray_becomes_one_of_ours_in_our_words(kind):
    error = translate(made(kind), "diagnosis-xgb@1")
    assert isinstance(error, (Unavailable, ServerFault))
    assert "diagnosis-xgb@1" in error.message
    assert "Traceback" not in str(error)
    assert "secret" not in str(error)


@pytest.mark.parametrize(
    ("error", "ours"),
    [
        (made(ray.exceptions.ActorDiedError), ReplicaDied),
        (made(ray.exceptions.WorkerCrashedError), ReplicaDied),
        (made(ray.exceptions.ActorUnavailableError), ReplicaDied),
        (made(ray.exceptions.NodeDiedError), NotReady),
        (made(serve_errors.DeploymentUnavailableError), NotReady),
        (made(ray.exceptions.GetTimeoutError), DeadlineExceeded),
        (made(ray.exceptions.RaySystemError), NotReady),
        (made(ray.exceptions.ActorHandleNotFoundError), NotReady),
        (made(ray.exceptions.UserCodeException), ModelFailed),
        (TimeoutError(), DeadlineExceeded),
        (made(serve_errors.RequestCancelledError), DeadlineExceeded),
        (ValueError("of a model"), ModelFailed),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_the_error_says_what_a_client_can_do(error, ours):
    assert type(translate(error, "m@1")) is ours


def test_a_version_is_asked_in_the_application_that_the_snapshot_says(monkeypatch):
    bound = []

    class Handle:
        def options(self, **_):
            return self

    def handle(deployment, application, **_):
        bound.append(application)
        return Handle()

    monkeypatch.setattr(handles.serve, "get_deployment_handle", handle)
    models = handles.HandleModels(clock=lambda: 0.0)
    models.locate({"m@1": "m-champion", "n@1": "n-1"})
    models.locate({"m@2": "m-champion", "n@1": "n-1"})
    # Requests that were routed by the former snapshot still find their version.
    for version in ("m@1", "m@2", "n@1", "other@4"):
        models._handle(version, "ask")
    assert bound == ["m-champion", "n-1", "other-4"]
    models.locate({"m@1": "m-1"})
    models._handle("m@1", "ask")
    assert bound[-1] == "m-1"


def test_a_full_queue_says_when_to_come_back():
    full = serve_errors.BackPressureError(
        num_queued_requests=9, max_queued_requests=9, status_code=429, retry_after_s=2.5
    )
    error = translate(full, "m@1")
    assert isinstance(error, Overloaded)
    assert error.details["retry_after_s"] == 2.5


def test_our_own_errors_come_out_of_rays_wrapper_as_they_were_raised():
    inner = InvalidInput("row 3 is odd", violations=[{"row": 3}])
    wrapped = ray.exceptions.RayTaskError("predict", "a long traceback", inner)
    for error in (wrapped, wrapped.as_instanceof_cause()):
        found = translate(error, "m@1")
        assert type(found) is InvalidInput
        assert found.message == "row 3 is odd"
        assert found.details == inner.details


async def test_a_version_is_ready_once_the_application_of_its_name_holds_it(monkeypatch):
    """Until then it may be asked in that of an alias, which says nothing of its own."""
    asked = []
    held = {"m-2": "m@1"}

    class Handle:
        def __init__(self, application):
            self.application = application

        def options(self, **_):
            return self

        async def remote(self):
            asked.append(self.application)
            return held[self.application]

    monkeypatch.setattr(
        handles.serve, "get_deployment_handle", lambda _, application, **__: Handle(application)
    )
    models = handles.HandleModels(clock=lambda: 0.0)
    models.locate({"m@2": "m-champion"})
    with pytest.raises(NotReady, match="m-2 holds m@1 and not m@2"):
        await models.wait_until_ready("m@2")
    held["m-2"] = "m@2"
    await models.wait_until_ready("m@2")
    assert asked == ["m-2", "m-2"]


@pytest.mark.parametrize(
    ("error", "calls", "kind"),
    [
        (ray.exceptions.ActorDiedError, 1, ReplicaDied),
        (ray.exceptions.ActorUnavailableError, 1, ReplicaDied),
        (ray.exceptions.NodeDiedError, handles.ATTEMPTS, NotReady),
    ],
)
async def test_a_call_that_a_replica_died_with_is_not_shown_to_another_one_unasked(
    monkeypatch, error, calls, kind
):
    seen = []

    class Handle:
        def options(self, **_):
            return self

        async def remote(self, *arguments):
            seen.append(arguments)
            raise made(error)

    monkeypatch.setattr(handles.serve, "get_deployment_handle", lambda *_, **__: Handle())
    monkeypatch.setattr(handles, "RETRY_PAUSE_S", 0.0)
    models = handles.HandleModels(clock=lambda: 0.0)
    columns = Columns.from_block(["x"], np.zeros((1, 1)))
    with pytest.raises(kind):
        await models.ask("m@1", task_named("predict"), columns, 10.0)
    assert len(seen) == calls


@pytest.mark.parametrize(
    "error",
    [
        # What Serve raises where it looks for its controller and finds none, and what Ray does.
        serve_errors.RayServeException("There is no Serve instance running"),
        ValueError("Failed to look up actor with name 'SERVE_CONTROLLER_ACTOR'"),
        made(ray.exceptions.ActorDiedError),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_where_serve_s_controller_is_away_a_version_that_was_never_asked_is_not_ready(
    monkeypatch, error
):
    """And once it is back, the version is asked."""
    away = [error]

    class Handle:
        def options(self, **_):
            if away:
                raise away.pop()
            return self

        async def remote(self, *_):
            return "answer"

    monkeypatch.setattr(handles.serve, "get_deployment_handle", lambda *_, **__: Handle())
    models = handles.HandleModels(clock=lambda: 0.0)
    columns = Columns.from_block(["x"], np.zeros((1, 1)))
    with pytest.raises(NotReady, match=r"m-1 cannot be reached yet"):
        await models.ask("m@1", task_named("predict"), columns, 10.0)
    assert await models.ask("m@1", task_named("predict"), columns, 10.0) == "answer"


class Answer:
    """What one replica says of a call to all; nothing, for ever, where it is silent."""

    def __init__(self, outcome):
        self.outcome = outcome

    async def get_async(self):
        if self.outcome is SILENT:
            await asyncio.Event().wait()
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


class All:
    def __init__(self, outcomes):
        self.outcomes = outcomes

    async def _fetch_replica_results_async(self):
        return [Answer(one) for one in self.outcomes]


SILENT = object()


@pytest.fixture
def replicas(monkeypatch):
    """Of one version; calls go to the first one, then to the next, each with its outcome."""
    outcomes, calls = [], []

    class Handle:
        def options(self, **_):
            return self

        def broadcast(self, method, *_):
            heard = [None if method == "hear" and isinstance(one, str) else one for one in outcomes]
            return All(heard)

        def remote(self, *_):
            outcome = outcomes[len(calls) % len(outcomes)]
            calls.append(outcome)
            return asyncio.ensure_future(Answer(outcome).get_async())

    monkeypatch.setattr(handles.serve, "get_deployment_handle", lambda *_, **__: Handle())
    monkeypatch.setattr(handles, "SILENT_S", 0.02)
    monkeypatch.setattr(handles, "HELD_TIMEOUT_S", 0.05)
    monkeypatch.setattr(second_tries, "PATIENCE_S", 0.02)
    return outcomes, calls


async def test_a_version_lives_though_one_of_its_replicas_is_silent(replicas, monkeypatch):
    monkeypatch.setattr(handles.scaling_records, "read_all", dict)
    outcomes, _ = replicas
    models = handles.HandleModels(clock=time.monotonic)
    for these, digests, alive in (
        (["digest", SILENT, "digest"], ["digest", "digest"], True),
        (["digest", ValueError("odd")], ["digest"], True),
        ([SILENT, SILENT], [], False),
    ):
        outcomes[:] = these
        assert await models.held(["m@1"]) == {"m@1": digests}
        assert await models.alive(["m@1"]) == {"m@1": alive}


async def test_while_a_replica_is_silent_others_answer_in_its_place(replicas):
    outcomes, calls = replicas
    outcomes[:] = [SILENT, "answer"]
    models = handles.HandleModels(clock=time.monotonic)
    columns = Columns.from_block(["x"], np.zeros((1, 1)))
    ask = functools.partial(models.ask, "m@1", task_named("predict"), columns)
    with pytest.raises(DeadlineExceeded):
        await ask(time.monotonic() + 0.1)
    assert len(calls) == 1
    calls.clear()
    await models.tell("m@1", "gateway", None)
    assert models.replicas("m@1") == 1
    async with asyncio.timeout(5):
        assert await ask(time.monotonic() + 5) == "answer"
    assert calls == [SILENT, "answer"]
    # All answer again: nothing is asked twice any more.
    outcomes[:] = ["answer", "answer"]
    await models.tell("m@1", "gateway", None)
    assert models.replicas("m@1") == 2
    assert await ask(time.monotonic() + 5) == "answer"
    assert len(calls) == 3

"""Whatever Ray raises reaches clients as one of our errors, without a word of Ray's."""

import inspect

import numpy as np
import pytest
import ray.exceptions
from ray.serve import exceptions as serve_errors

from serve_app.core.columns import Columns
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

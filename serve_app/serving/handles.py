"""Versions in their own Serve applications, reached by handle."""

import asyncio
from collections.abc import Collection
from typing import Any

import ray.exceptions
from ray import serve
from ray.serve import exceptions as serve_errors
from ray.serve.handle import DeploymentHandle

from serve_app.core.columns import Columns
from serve_app.core.messages import Prediction
from serve_app.core.ports import Clock
from serve_app.core.reference import application_name
from serve_app.core.workload import Waiting
from serve_app.errors import (
    DeadlineExceeded,
    ModelFailed,
    NotReady,
    Overloaded,
    ServeError,
)
from serve_app.serving import scaling_records

DEPLOYMENT = "Model"
ATTEMPTS = 4
RETRY_PAUSE_S = 0.05
HELD_TIMEOUT_S = 3.0

# A replica that died or left took the call with it. Predictions change nothing, so asking
# another replica is safe.
GONE: tuple[type[BaseException], ...] = (
    ray.exceptions.RayActorError,
    ray.exceptions.WorkerCrashedError,
    ray.exceptions.NodeDiedError,
    ray.exceptions.ObjectLostError,
    serve_errors.ReplicaUnavailableError,
)

_TRANSLATIONS: tuple[tuple[tuple[type[BaseException], ...], type[ServeError], str], ...] = (
    (
        (*GONE, serve_errors.DeploymentUnavailableError),
        NotReady,
        "has no replica that could answer",
    ),
    (
        (serve_errors.RequestCancelledError, ray.exceptions.TaskCancelledError),
        DeadlineExceeded,
        "had its call cancelled",
    ),
    (
        (TimeoutError, ray.exceptions.GetTimeoutError),
        DeadlineExceeded,
        "did not answer in time",
    ),
    ((serve_errors.RayServeException,), NotReady, "cannot be reached"),
)


def translate(error: BaseException, version: str) -> ServeError:
    """Ray's error as one of ours; an error of ours inside it comes out as it was raised.

    The text of Ray's wrapper is a remote traceback and never part of the message.
    """
    cause = getattr(error, "cause", None)
    if isinstance(cause, ServeError):
        return cause
    if isinstance(error, ServeError):
        return error
    inner = cause if isinstance(cause, BaseException) else error
    if isinstance(inner, serve_errors.BackPressureError):
        msg = f"{version} has more waiting than it takes; try again later"
        return Overloaded(msg, retry_after_s=inner.retry_after_s or 1.0)
    for foreign, kind, said in _TRANSLATIONS:
        if isinstance(inner, foreign):
            return kind(f"{version} {said}")
    return ModelFailed(f"{version} failed")


class HandleModels:
    """Implements the `Models` port with Serve handles, bound once per version."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._handles: dict[tuple[str, str], DeploymentHandle[Any]] = {}
        self._heard_by: dict[str, int] = {}

    async def predict(self, version: str, columns: Columns, deadline: float) -> Prediction:
        """Predict in one of the version's replicas.

        Raises:
            NotReady: no replica is there.
            Overloaded: the replicas and their queues are full.
            DeadlineExceeded: the deadline passed; the call is cancelled.
            ModelFailed: the model refused the rows.
        """
        answer: Prediction = await self._call(version, "predict", columns, deadline)
        return answer

    async def predict_with_scores(
        self, version: str, columns: Columns, deadline: float
    ) -> Prediction:
        """Predict in one of the version's replicas, with raw scores; raises as `predict` does.

        Raises:
            InvalidInput: the model has none.
        """
        answer: Prediction = await self._call(version, "predict_with_scores", columns, deadline)
        return answer

    async def transform(self, version: str, columns: Columns, deadline: float) -> Columns:
        """Transform in one of the version's replicas; raises as `predict` does."""
        answer: Columns = await self._call(version, "transform", columns, deadline)
        return answer

    async def wait_until_ready(self, version: str) -> None:
        """Return once a replica of the version has answered.

        Raises:
            ServeError: it cannot be reached yet; ask again later.
        """
        handle = self._handle(version, "ready")
        try:
            await handle.remote()
        except Exception as error:
            raise translate(error, version) from error

    async def held(self, versions: Collection[str]) -> dict[str, list[str]]:
        """The digests of what the replicas of some versions hold; none of those that are silent."""
        asked = [(version, self._held(version)) for version in sorted(versions)]
        said = await asyncio.gather(*(digests for _, digests in asked))
        return {version: digests for (version, _), digests in zip(asked, said, strict=True)}

    async def alive(self, versions: Collection[str]) -> dict[str, bool]:
        """Whether some versions have a replica that answers, or have none because none is wanted.

        A version that was scaled to zero starts with the first request, so that it counts.
        """
        names = sorted(versions)
        digests = await asyncio.gather(*map(self._held, names))
        alive = {name: bool(found) for name, found in zip(names, digests, strict=True)}
        if not all(alive.values()):
            wanted = await asyncio.to_thread(scaling_records.read_all)
            for name in names:
                record = wanted.get(scaling_records.key_of(application_name(name), DEPLOYMENT), {})
                alive[name] = alive[name] or record.get("target") == 0
        return alive

    def replicas(self, version: str) -> int:
        """How many replicas of a version heard the last that was said to it; 1 before that."""
        return self._heard_by.get(version, 1)

    async def tell(self, version: str, gateway: str, waiting: Waiting) -> None:
        """Tell every replica of a version what waits for it here, and learn how many there are."""
        try:
            said = self._handle(version, "hear").broadcast("hear", gateway, waiting)
            async with asyncio.timeout(HELD_TIMEOUT_S):
                heard: list[Any] = await said.results_async(return_exceptions=True)
        except Exception:  # noqa: BLE001 - a version without replicas hears of it in the next block
            return
        self._heard_by[version] = max(1, sum(one is None for one in heard))

    async def _held(self, version: str) -> list[str]:
        try:
            told = self._handle(version, "held").broadcast("held")
            async with asyncio.timeout(HELD_TIMEOUT_S):
                digests: list[Any] = await told.results_async(return_exceptions=True)
        except Exception:  # noqa: BLE001 - whoever is silent is waited for elsewhere
            return []
        return [digest for digest in digests if isinstance(digest, str)]

    async def _call(self, version: str, method: str, columns: Columns, deadline: float) -> Any:
        handle = self._handle(version, method)
        for attempt in range(1, ATTEMPTS + 1):
            left_s = deadline - self._clock()
            if left_s <= 0:
                break
            call = handle.remote(columns)
            try:
                async with asyncio.timeout(left_s):
                    return await call
            except TimeoutError:
                call.cancel()  # type: ignore[no-untyped-call]
                break
            except asyncio.CancelledError:
                call.cancel()  # type: ignore[no-untyped-call]
                raise
            except GONE as error:
                if attempt == ATTEMPTS:
                    raise translate(error, version) from error
                await asyncio.sleep(RETRY_PAUSE_S * attempt)
            except Exception as error:
                raise translate(error, version) from error
        msg = f"{version} did not answer in time"
        raise DeadlineExceeded(msg)

    def _handle(self, version: str, method: str) -> DeploymentHandle[Any]:
        handle = self._handles.get((version, method))
        if handle is None:
            handle = serve.get_deployment_handle(
                DEPLOYMENT, application_name(version), _check_exists=False
            ).options(
                method_name=method,
                request_serialization="pickle",
                response_serialization="pickle",
            )
            self._handles[version, method] = handle
        return handle

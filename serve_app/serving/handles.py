"""Versions in their own Serve applications, reached by handle."""

import asyncio
import functools
from collections.abc import Callable, Collection, Mapping
from typing import Any

import ray.exceptions
from ray import serve
from ray.serve import exceptions as serve_errors
from ray.serve.handle import DeploymentHandle

from serve_app.core.columns import Columns
from serve_app.core.ports import Clock, Task
from serve_app.core.reference import application_name
from serve_app.core.waiting import T
from serve_app.core.workload import Waiting
from serve_app.engine.second_tries import Begin, SecondTries
from serve_app.errors import (
    DeadlineExceeded,
    ModelFailed,
    NotReady,
    Overloaded,
    ReplicaDied,
    ServeError,
)
from serve_app.serving import scaling_records, socket_calls
from serve_app.serving.socket_calls import SocketCalls

DEPLOYMENT = "Model"
ATTEMPTS = 4
RETRY_PAUSE_S = 0.05
HELD_TIMEOUT_S = 3.0
SILENT_S = 1.0
"""Who has not said within this that it heard something is silent, until it does."""

# It had taken the call, and may have died by it. By gRPC Serve says of such a replica that it is
# unavailable: calls that one had not taken yet are given to others by Serve itself.
DIED: tuple[type[BaseException], ...] = (
    ray.exceptions.ActorDiedError,
    ray.exceptions.ActorUnavailableError,
    ray.exceptions.WorkerCrashedError,
    socket_calls.Died,
)
# A replica that left took the call with it. Predictions change nothing, so asking another replica
# is safe.
GONE: tuple[type[BaseException], ...] = (
    ray.exceptions.RayActorError,
    ray.exceptions.WorkerCrashedError,
    ray.exceptions.NodeDiedError,
    ray.exceptions.ObjectLostError,
    serve_errors.ReplicaUnavailableError,
    socket_calls.Left,
)

_TRANSLATIONS: tuple[tuple[tuple[type[BaseException], ...], type[ServeError], str], ...] = (
    (
        DIED,
        ReplicaDied,
        "had a replica that died while it computed this",
    ),
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
# Raised by what was called, or by a value that cannot travel.
_OF_CODE: tuple[type[BaseException], ...] = (
    ray.exceptions.RayTaskError,
    ray.exceptions.UserCodeException,
    ray.exceptions.CrossLanguageError,
    ray.exceptions.UnserializableException,
    ray.exceptions.OufOfBandObjectRefSerializationException,
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
    for foreign, kind, words in _TRANSLATIONS:
        if isinstance(inner, foreign):
            return kind(f"{version} {words}")
    if isinstance(inner, ray.exceptions.RayError) and not isinstance(inner, _OF_CODE):
        # Whatever else Ray could not do, the model has not failed, and may be asked again.
        return NotReady(f"{version} cannot be reached: {type(inner).__name__} inside")
    return ModelFailed(f"{version} failed")


def connected(make: Callable[[], DeploymentHandle[Any]], who: str) -> DeploymentHandle[Any]:
    """A handle that Serve makes, for which it may have to reach its controller first.

    Raises:
        NotReady: it cannot, as while another controller starts.
    """
    try:
        return make()
    except Exception as error:
        raise NotReady(f"{who} cannot be reached yet") from error


class HandleModels:
    """Implements the `Models` port with Serve handles, bound once per version."""

    _method = "ask"
    """What is called of a replica to compute."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._handles: dict[tuple[str, str], DeploymentHandle[Any]] = {}
        self._heard_by: dict[str, int] = {}
        self._placed: dict[str, str] = {}
        self._sockets: SocketCalls | None = None
        self._second = SecondTries(is_lost=lambda error: isinstance(error, GONE))

    def call_over(self, sockets: SocketCalls | None) -> None:
        """Ask replicas of this machine over their sockets, where those are open, or nobody so."""
        self._sockets = sockets

    def close(self) -> None:
        """End connections of its own."""
        if self._sockets is not None:
            self._sockets.close()

    def locate(self, placed: Mapping[str, str]) -> None:
        """Take in which applications versions are, where it is not one of their own name.

        What was said before holds for versions of which this says nothing: requests on their way
        may still ask for those.
        """
        self._placed = {**self._placed, **placed}

    async def ask(self, version: str, task: Task[T], columns: Columns, deadline: float) -> T:
        """Compute in one of the version's replicas.

        Raises:
            NotReady: no replica is there.
            ReplicaDied: the one that had taken the call died.
            Overloaded: the replicas and their queues are full.
            DeadlineExceeded: the deadline passed; the call is cancelled.
            ServeError: whatever the model raised.
        """
        handle = self._handle(version, self._method)
        for attempt in range(1, ATTEMPTS + 1):
            left_s = deadline - self._clock()
            if left_s <= 0:
                break
            begin = functools.partial(self._call, handle, version, task.name, columns)
            try:
                async with asyncio.timeout(left_s):
                    result: T = await self._answer(version, begin)
                    return result
            except TimeoutError:
                break
            except DIED as error:
                raise translate(error, version) from error
            except GONE as error:
                if attempt == ATTEMPTS:
                    raise translate(error, version) from error
                await asyncio.sleep(RETRY_PAUSE_S * attempt)
            except Exception as error:
                raise translate(error, version) from error
        msg = f"{version} did not answer in time"
        raise DeadlineExceeded(msg)

    async def _answer(self, version: str, begin: Begin) -> Any:
        """The answer of a replica, or of another one where one of several is silent."""
        if self.replicas(version) > 1 or self._second.is_silent(version):
            return await self._second.first_answer(version, begin)
        call = begin()
        try:
            return await call
        except asyncio.CancelledError:
            call.cancel()
            raise

    async def wait_until_ready(self, version: str) -> None:
        """Return once the application of the version's own name has answered.

        Until it does, the version may be asked in that of an alias.

        Raises:
            ServeError: it cannot be reached yet, or holds something else; ask again later.
        """
        application = application_name(version)
        handle = self._handle_of(application, "ready")
        try:
            held = await handle.remote()
        except Exception as error:
            raise translate(error, version) from error
        if held != version:
            msg = f"{application} holds {held} and not {version}"
            raise NotReady(msg)

    async def held(self, versions: Collection[str]) -> dict[str, list[str]]:
        """The digests of what the replicas of some versions hold; none of those that are silent."""
        calls = [(version, self._held(version)) for version in sorted(versions)]
        answers = await asyncio.gather(*(answer for _, answer in calls))
        return {
            # A replica of an alias may not hold a version yet, or not any more.
            version: [digest for digest in digests if digest]
            for (version, _), digests in zip(calls, answers, strict=True)
        }

    async def alive(self, versions: Collection[str]) -> dict[str, bool]:
        """Whether some versions have a replica that answers, or have none because none is wanted.

        A version that was scaled to zero starts with the first request, so that it counts.
        """
        names = sorted(versions)
        digests = await asyncio.gather(*map(self._held, names))
        alive = {name: bool(held) for name, held in zip(names, digests, strict=True)}
        if not all(alive.values()):
            wanted = await asyncio.to_thread(scaling_records.read_all)
            for name in names:
                record = wanted.get(scaling_records.key_of(self._application(name), DEPLOYMENT), {})
                alive[name] = alive[name] or record.get("target") == 0
        return alive

    def replicas(self, version: str) -> int:
        """How many replicas of a version heard the last that was said to it; 1 before that."""
        return self._heard_by.get(version, 1)

    async def tell(self, version: str, gateway: str, waiting: Waiting) -> None:
        """Tell every replica of a version what waits for it here, and learn how many there are."""
        try:
            # Two versions of an alias may be asked of the same replicas.
            asker = f"{gateway} {version}"
            calls = self._handle(version, "hear").broadcast("hear", asker, waiting)
            heard = await self._answers(version, calls)
        except Exception:  # noqa: BLE001 - a version without replicas hears of it in the next block
            return
        self._heard_by[version] = max(1, sum(one is None for one in heard))

    async def _held(self, version: str) -> list[str]:
        try:
            calls = self._handle(version, "held").broadcast("held", version)
            digests = await self._answers(version, calls)
        except Exception:  # noqa: BLE001 - whoever is silent is waited for elsewhere
            return []
        return [digest for digest in digests if isinstance(digest, str)]

    async def _answers(self, version: str, calls: Any) -> list[Any]:
        """What the replicas of a version that answer say, errors among it.

        Serve's own `results_async` has nothing to say where one of them is silent.
        """
        async with asyncio.timeout(HELD_TIMEOUT_S):
            replicas = await calls._fetch_replica_results_async()  # noqa: SLF001
        tasks = [asyncio.ensure_future(one.get_async()) for one in replicas]
        silent: set[asyncio.Future[Any]] = set()
        try:
            for patience_s in (SILENT_S, HELD_TIMEOUT_S - SILENT_S):
                silent = (await asyncio.wait(tasks, timeout=patience_s))[1]
                answering = len(tasks) - len(silent)
                self._second.heard(version, answering=answering, silent=len(silent))
                if not silent:
                    break
        finally:
            for one in tasks:
                one.cancel()
        ended = [one for one in tasks if one not in silent]
        return await asyncio.gather(*ended, return_exceptions=True)

    def _call(
        self, handle: DeploymentHandle[Any], version: str, task: str, columns: Columns
    ) -> Any:
        """Begin a call of one of the version's replicas."""
        if self._sockets is not None:
            call = self._sockets.begin(handle, version, task, columns)
            if call is not None:
                return call
        return handle.remote(version, task, columns)

    def _handle(self, version: str, method: str) -> DeploymentHandle[Any]:
        return self._handle_of(self._application(version), method)

    def _handle_of(self, application: str, method: str) -> DeploymentHandle[Any]:
        handle = self._handles.get((application, method))
        if handle is None:
            handle = connected(lambda: _made(application, method), application)
            self._handles[application, method] = handle
        return handle

    def _application(self, version: str) -> str:
        return self._placed.get(version) or application_name(version)


def _made(application: str, method: str) -> DeploymentHandle[Any]:
    return serve.get_deployment_handle(DEPLOYMENT, application, _check_exists=False).options(
        method_name=method,
        request_serialization="pickle",
        response_serialization="pickle",
    )

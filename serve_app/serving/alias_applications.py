"""Applications whose replicas hold whatever an alias names, as control asks them."""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Collection
from typing import Any

from ray import serve
from ray.serve.handle import DeploymentHandle

from serve_app.control.snapshots import Snapshots
from serve_app.core.former_versions import kept_by_application
from serve_app.core.reference import application_name
from serve_app.errors import NotReady
from serve_app.serving.handles import DEPLOYMENT, GONE, translate

HOLD_TIMEOUT_S = 60.0
"""How long it is waited for replicas that load; they go on loading, and are asked again."""
logger = logging.getLogger("serve_app.control")


class AliasApplications:
    """Asks replicas to hold what endpoints ask of them now, and what they are to ask next.

    All else replicas let go once nobody asked for it for as long as a request may take.
    `wait_until_ready` returns once the application of a version's own name has answered.
    """

    def __init__(
        self, snapshots: Snapshots, wait_until_ready: Callable[[str], Awaitable[None]]
    ) -> None:
        self._snapshots = snapshots
        self._wait_until_ready = wait_until_ready
        self._handles: dict[str, DeploymentHandle[Any]] = {}

    async def wait_until_held(self, version: str) -> None:
        """Return once the application that is to answer for a version has it in its replicas.

        Those of an alias all hold it then; of its own, one has answered.

        Raises:
            ServeError: they do not yet, one cannot load it, there is no application, or it is
                to be another one by now; ask again later.
        """
        application = self._snapshots.placed().get(version, application_name(version))
        if application == application_name(version):
            self._require(version, application)
            await self._wait_until_ready(version)
        else:
            await self._wait_until_all_hold(version, application)
        if self._snapshots.placed().get(version) != application:
            msg = f"{version} is not to be in {application} any more"
            raise NotReady(msg)

    async def _wait_until_all_hold(self, version: str, application: str) -> None:
        # Of what else they are to hold one may be broken, which is why the next is wanted.
        only, handle = (version,), self._handle(application)
        try:
            # Where no replica is wanted, one starts for this.
            async with asyncio.timeout(HOLD_TIMEOUT_S):
                await handle.remote(only, math.inf)
            answers = await self._broadcast(handle, only, math.inf)
        except Exception as error:
            raise translate(error, version) from error
        for answer in answers:
            if isinstance(answer, GONE):
                continue
            if isinstance(answer, BaseException):
                raise translate(answer, version) from answer
            if version not in answer:
                msg = f"a replica of {application} does not hold {version} yet"
                raise NotReady(msg)

    def in_use(self) -> frozenset[str]:
        """The applications of aliases that answer now."""
        return frozenset(self._snapshots.current.applications.values())

    async def hold(self, application: str) -> None:
        """Tell the replicas of an application what to hold; whoever is silent hears it again."""
        try:
            await self._broadcast(self._handle(application), *self._wanted(application))
        except Exception as error:  # noqa: BLE001 - the next look tells it again
            logger.info("replicas cannot be told", extra={"why": type(error).__name__})

    def _require(self, version: str, application: str) -> None:
        """Let pass what has an application, as far as anybody looked."""
        present = self._snapshots.present
        if present is not None and application not in present:
            msg = f"{version} has no application; deploy one that is named {application}"
            raise NotReady(msg)

    def _wanted(self, application: str) -> tuple[tuple[str, ...], float, tuple[str, ...]]:
        """What an application is to hold, after how many seconds all else may go, and what stays.

        What stays was named before: it is not loaded for that, and not let go.
        """
        current = self._snapshots.current
        placed = (current.placed(), self._snapshots.placed())
        versions = {v for one in placed for v, name in one.items() if name == application}
        longest_s = max((one.timeout_s for one in current.endpoints.values()), default=0.0)
        everywhere = {**placed[0], **placed[1]}
        former = kept_by_application(
            application, everywhere, self._snapshots.follows(), current.kept
        )
        return tuple(sorted(versions)), longest_s, tuple(sorted(former))

    async def _broadcast(
        self,
        handle: DeploymentHandle[Any],
        versions: Collection[str],
        release_after_s: float,
        former: Collection[str] = (),
    ) -> list[Any]:
        # Replicas of a former release know nothing of a third argument.
        stays = (tuple(former),) if former else ()
        call = handle.broadcast("hold", tuple(versions), release_after_s, *stays)
        async with asyncio.timeout(HOLD_TIMEOUT_S):
            answers: list[Any] = await call.results_async(return_exceptions=True)
        return answers

    def _handle(self, application: str) -> DeploymentHandle[Any]:
        handle = self._handles.get(application)
        if handle is None:
            handle = serve.get_deployment_handle(
                DEPLOYMENT, application, _check_exists=False
            ).options(
                method_name="hold",
                request_serialization="pickle",
                response_serialization="pickle",
            )
            self._handles[application] = handle
        return handle

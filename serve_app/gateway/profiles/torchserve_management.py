"""TorchServe's management API, on a port of its own: which models answer, and by how many workers.

https://pytorch.org/serve/management_api.html
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from serve_app.core.reference import model_of
from serve_app.engine.stages import Stage
from serve_app.errors import Conflict, Forbidden, NotPermitted
from serve_app.gateway import bodies
from serve_app.gateway.context import MANAGEMENT, GatewayContext, caller_of, headers_of, json
from serve_app.gateway.listing import listed, refused_write
from serve_app.gateway.manages import Manages
from serve_app.gateway.wishes import wish_of
from serve_app.protocols.dialect import ANY
from serve_app.protocols.dialects import torchserve, torchserve_management

_BY = "TorchServe's management API"
Manage = Callable[[Request, Manages], Awaitable[Response]]


class ModelManagement:
    """Lists models, and changes which answer where requests may decide that."""

    def __init__(self, context: GatewayContext) -> None:
        self._context = context

    async def models(self, request: Request) -> Response:
        """The endpoints, a page at a time."""
        return listed(self._context, request)

    async def model(self, request: Request) -> Response:
        """The versions of an endpoint that answer."""
        return self._context.of_endpoint(request, _model)

    async def register(self, request: Request) -> Response:
        """Let a version answer under a new name."""
        return await self._managed(request, self._register)

    async def scale(self, request: Request) -> Response:
        """Give the versions of an endpoint so many workers."""
        return await self._managed(request, self._scale)

    async def unregister(self, request: Request) -> Response:
        """Let an endpoint answer no more."""
        return await self._managed(request, self._unregister)

    async def set_default(self, request: Request) -> Response:
        """Let another version of its model answer for an endpoint."""
        return await self._managed(request, self._set_default)

    async def _managed(self, request: Request, manage: Manage) -> Response:
        management = self._context.management
        if management is None:
            return refused_write(self._context, request)
        try:
            return await manage(request, management)
        except Exception as error:  # noqa: BLE001 - becomes an answer
            return self._context.refused(request, error)

    async def _register(self, request: Request, management: Manages) -> Response:
        headers = headers_of(request.scope)
        limit = self._context.settings.max_body_bytes
        body = await bodies.read(request.receive, headers, max_bytes=limit, accepted=ANY)
        media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        wanted = torchserve_management.registration(request.query_params, body, media_type)
        reference = management.reference(wanted.url)
        name = wanted.name or model_of(reference)
        wish = wish_of(request, name, _BY)
        if self._may_see(request, name):
            self._require(request, name)
            raise Conflict(f"A version is registered for model {name[:80]} already")
        version = await management.add(wish, reference, replicas=wanted.workers)
        short = version.rpartition("@")[2]
        workers = wanted.workers or 0
        return _status(f'Model "{name}" Version: {short} registered with {workers} initial workers')

    async def _scale(self, request: Request, management: Manages) -> Response:
        stage = self._stage(request)
        wanted = torchserve_management.scaling(request.query_params)
        wish = wish_of(request, stage.spec.name, _BY)
        await management.scale(wish, wanted.least, wanted.most, waits=wanted.waits)
        if not wanted.waits:
            return _status("Processing worker updates...", 202)
        return _status(f"Workers scaled to {wanted.least} for model: {stage.spec.name}")

    async def _unregister(self, request: Request, management: Manages) -> Response:
        stage = self._stage(request)
        name = stage.spec.name
        wish = wish_of(request, name, _BY)
        if "version" in request.path_params and len(stage.versions(None)) > 1:
            self._require(request, name)
            raise NotPermitted(f"Cannot remove one of the versions that answer for model {name}")
        await management.remove(wish)
        return _status(f'Model "{name}" unregistered')

    async def _set_default(self, request: Request, management: Manages) -> Response:
        named = request.path_params
        stage = self._context.stages_for(request).endpoint(named["endpoint"])
        wish = wish_of(request, stage.spec.name, _BY)
        await management.set_default(wish, stage, named["version"])
        short = named["version"]
        return _status(
            f'Default version successfully updated for model "{wish.endpoint}" to "{short}"'
        )

    def _stage(self, request: Request) -> Stage:
        """The endpoint that a path names, and the version, where it names one."""
        named = request.path_params
        version = named.get("version")
        stage = self._context.stages_for(request).endpoint(named["endpoint"], version)
        stage.versions(version)
        return stage

    def _may_see(self, request: Request, name: str) -> bool:
        return name in self._context.stages_for(request).endpoints

    def _require(self, request: Request, name: str) -> None:
        caller = caller_of(request.scope)
        if not caller.grants.allow(MANAGEMENT, name):
            scope = f"{MANAGEMENT}:{name}"
            msg = f"{caller.name} may not do this: it needs the scope {scope}"
            raise Forbidden(msg, scope=scope)


def _status(text: str, status: int = 200) -> Response:
    return json({"status": text}, status)


def _model(stage: Stage, versions: list[str]) -> object:
    short = stage.shortened(versions)
    return [
        torchserve.model_description(stage.spec.name, version, name)
        for version, name in zip(versions, short, strict=True)
    ]

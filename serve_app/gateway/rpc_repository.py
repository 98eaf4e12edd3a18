"""The methods by which Triton's and KServe's clients list, load and unload models over gRPC."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from google.protobuf.unknown_fields import UnknownFieldSet

from serve_app.core.ports import Ids
from serve_app.engine.predict import Predictor
from serve_app.engine.visible import require
from serve_app.errors import NotPermitted
from serve_app.gateway.context import MANAGEMENT
from serve_app.gateway.entrance import request_id_of
from serve_app.gateway.manages import Manages
from serve_app.gateway.rpc_access import caller_of, headers_of, peer_of
from serve_app.gateway.wish import Attempt, Wish
from serve_app.protocols.oip import triton as oip_triton
from serve_app.protocols.oip.messages import message

_PARAMETERS = 3
"""The field in which Triton's requests to load bring configurations and files."""


class RepositoryMethods:
    """Lists models, and changes which answer where `management` lets calls decide that."""

    def __init__(self, predictor: Predictor, management: Manages | None, ids: Ids) -> None:
        self._predictor = predictor
        self._management = management
        self._ids = ids

    def methods(self) -> Mapping[str, Callable[[Any, Any], Awaitable[Any]]]:
        """What answers, by the names of the methods."""
        return {
            "RepositoryIndex": self._index,
            "RepositoryModelLoad": self._load,
            "RepositoryModelUnload": self._unload,
        }

    async def _index(self, request: Any, context: Any) -> Any:
        caller = caller_of(context)
        stages = self._predictor.stages_for(caller).endpoints.items()
        states = {name: self._predictor.alive_versions(stage) for name, stage in stages}
        models = oip_triton.index(states, request.ready)
        if self._management is not None and not request.ready:
            models += oip_triton.not_loaded(await self._management.not_served(caller, states))
        return message("RepositoryIndexResponse")(models=models)

    async def _load(self, request: Any, context: Any) -> Any:
        name, caller = _name(request), caller_of(context)
        stages = self._predictor.stages_for(caller)
        if self._management is None:
            require(caller, MANAGEMENT, stages.endpoint(name).spec.name)
            return _loaded(name)
        if any(field.field_number == _PARAMETERS for field in _unknown(request)):
            raise NotPermitted(oip_triton.NO_FILES)
        stage, wish = stages.endpoints.get(name), self._wish(context, name)
        if stage is None:
            await self._management.add(wish, name)
        else:
            await self._management.reload(wish, stage)
        return _loaded(name)

    async def _unload(self, request: Any, context: Any) -> Any:
        name = _name(request)
        if self._management is None:
            raise NotPermitted(oip_triton.cannot_unload(name))
        await self._management.remove(self._wish(context, name))
        return message("RepositoryModelUnloadResponse")(model_name=name, isUnloaded=True)

    def _wish(self, context: Any, name: str) -> Wish:
        request_id = request_id_of(headers_of(context), self._ids)
        attempt = Attempt(caller_of(context), request_id, peer_of(context))
        return Wish(attempt, name, "V2's repository over gRPC")


def _unknown(request: Any) -> Iterable[Any]:
    """The fields of a request that the message has no names for."""
    fields: Any = UnknownFieldSet(request)
    return (fields[index] for index in range(len(fields)))


def _name(request: Any) -> str:
    """The model that is meant; KServe's requests have it where Triton's name the repository."""
    return str(request.model_name or request.repository_name)


def _loaded(name: str) -> Any:
    return message("RepositoryModelLoadResponse")(model_name=name, isLoaded=True)

"""What the admin API does, in a gateway of a Ray cluster."""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ray import serve

from serve_app.core.events import Event
from serve_app.core.ports import EventStore
from serve_app.gateway.admin.actions import AliasChange, Change
from serve_app.registry.aliases import AliasMove, Expected
from serve_app.registry.store import Registry
from serve_app.serving.control_client import StatusReader, WeightSetter


class ClusterActions:
    """Implements `AdminActions`: control is asked by handle, the registry in a thread."""

    def __init__(
        self,
        registry: Registry,
        events: EventStore,
        *,
        status: StatusReader,
        set_weights: WeightSetter,
    ) -> None:
        self._registry = registry
        self._events = events
        self._status = status
        self._set_weights = set_weights

    async def status(self) -> Mapping[str, Any]:
        """What is in effect, as control knows it."""
        return await self._status()

    async def applications(self) -> Mapping[str, Any]:
        """The applications of the cluster with their deployments and replicas, as Serve says."""
        status = await asyncio.to_thread(serve.status)
        applications: dict[str, Any] = {}
        for name, application in sorted(status.applications.items()):
            applications[name] = {
                "status": application.status.value,
                "message": application.message,
                "deployments": {
                    deployment: {
                        "status": state.status.value,
                        "replicas": {str(one.value): n for one, n in state.replica_states.items()},
                        "message": state.message,
                    }
                    for deployment, state in sorted(application.deployments.items())
                },
            }
        return {"applications": applications}

    async def set_weights(
        self, endpoint: str, weights: Mapping[str, float], change: Change
    ) -> Mapping[str, Any]:
        """Change weights, and say what stands then and which gateways do not know yet."""
        return await self._set_weights(endpoint, dict(weights), change)

    async def models(self) -> list[Mapping[str, Any]]:
        """All models of the registry with their versions and aliases."""
        return await asyncio.to_thread(self._models)

    async def version(self, model: str, number: int) -> Mapping[str, Any]:
        """The manifest of a version."""
        manifest = await asyncio.to_thread(self._registry.manifest, model, number)
        body: dict[str, Any] = manifest.model_dump(mode="json")
        return body

    async def aliases(self, model: str) -> list[Mapping[str, Any]]:
        """Every move of every alias of a model."""
        histories = await asyncio.to_thread(self._registry.alias_histories, model)
        return [
            {"alias": alias, **asdict(move)} for alias, moves in histories.items() for move in moves
        ]

    async def move_alias(
        self, model: str, alias: str, move: AliasChange, change: Change
    ) -> Mapping[str, Any]:
        """Let an alias name another version, or none. Control notices, and keeps an event."""
        moved = await asyncio.to_thread(self._move, model, alias, move, change)
        return {"model": model, "alias": alias, **asdict(moved)}

    async def events(self, limit: int, kind: str | None, subject: str | None) -> list[Event]:
        """What was changed, the newest first."""
        return await asyncio.to_thread(self._events.newest, limit, kind=kind, subject=subject)

    def _models(self) -> list[Mapping[str, Any]]:
        store = self._registry
        return [
            {"name": name, "versions": store.versions(name), "aliases": store.aliases(name)}
            for name in store.models()
        ]

    def _move(self, model: str, alias: str, move: AliasChange, change: Change) -> AliasMove:
        expected = Expected(move.expected) if move.is_expected else None
        by, reason = change.who, change.why or None
        if move.version is None:
            moved = self._registry.remove_alias(
                model, alias, by=by, reason=reason, expected=expected
            )
        else:
            moved = self._registry.set_alias(
                model, alias, move.version, by=by, reason=reason, expected=expected
            )
        return moved

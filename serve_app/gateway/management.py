"""What requests may change of what is served, in whichever system's words they ask for it.

It goes the way of the admin API: the audit log has it before it begins, control makes the change,
and whoever asked waits until it is in effect.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Protocol

from serve_app.config.management import ManagementSettings
from serve_app.core.caller import Caller
from serve_app.core.ports import Clock
from serve_app.core.reference import is_alias, is_model, model_of, number, split_version
from serve_app.engine.stages import Stage
from serve_app.errors import (
    ClientError,
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    NotPermitted,
    NotReady,
)
from serve_app.gateway import managed
from serve_app.gateway.admin.actions import (
    Change,
    EndpointOrder,
    Json,
    NewEndpoint,
    Replicas,
)
from serve_app.gateway.admin.audit import AuditedChanges
from serve_app.gateway.context import MANAGEMENT
from serve_app.gateway.wish import Wish

LOOK_PAUSE_S = 0.25
"""How often it is looked how far a change is."""
MOST_REPLICAS = 1000
_LONGEST_NAME = 200


class ManagedActions(Protocol):
    """What of the admin API's actions management needs. Raises ServeErrors."""

    async def models(self) -> list[Json]:
        """All models with their versions and aliases."""
        ...

    async def model(self, name: str) -> Json:
        """One model with its versions and aliases."""
        ...

    async def is_managed(self, endpoint: str) -> bool:
        """Whether an endpoint that is declared may be changed by management calls."""
        ...

    async def change_endpoint(self, order: EndpointOrder) -> Json:
        """Begin to add, replace, scale or remove an endpoint; gives the change under way."""
        ...

    async def change(self, identity: str) -> Json:
        """How far a change is."""
        ...


class Management:
    """Implements `Manages` within the settings, by what the admin API does.

    `registry` is where versions lie, as addresses of models name them. `clock` gives seconds.
    """

    def __init__(
        self,
        actions: ManagedActions,
        settings: ManagementSettings,
        registry: str,
        *,
        clock: Clock,
        audited: AuditedChanges | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._actions = actions
        self._settings = settings
        self._registry = registry.rstrip("/")
        self._clock = clock
        self._audited = audited
        self._sleep = sleep

    def url_of(self, endpoint: str) -> str | None:  # noqa: ARG002
        """None: versions are the registry's, wherever their files lie."""
        return None

    def reference(self, address: str) -> str:
        """The version that an address of a model names: `churn@3`, `churn/3`, `<registry>/churn/3`.

        Without a number or an alias it is the newest one.

        Raises:
            NotFound: it leads out of the registry.
            InvalidInput: it names none of the registry's.
        """
        place = address.strip()
        if self._registry:
            place = place.removeprefix(f"{self._registry}/")
        parts = place.rstrip("/").split("/")
        if ".." in parts:
            raise NotFound(f"Relative path is not allowed in url: {address[:200]}")
        if len(parts) == 2 and (number(parts[1]) is not None or is_alias(parts[1])):
            parts = ["@".join(parts)]
        name, separator, version = parts[0].partition("@")
        is_named = not separator or number(version) is not None or is_alias(version)
        if len(parts) != 1 or not is_model(name) or not is_named:
            msg = (
                f"{address[:200]!r} names no version of the registry; write model@number, "
                "model@alias, or where it lies in the registry, such as diagnosis-xgb/1"
            )
            raise InvalidInput(msg)
        return parts[0]

    async def add(self, wish: Wish, reference: str, *, replicas: int | None = None) -> str:
        """Let an endpoint that there is none of answer by a version; gives that.

        With `replicas` it computes in that many of its own, whatever the settings say.

        Raises:
            Forbidden, NotPermitted: who asks may not, or the settings do not allow it.
            NotFound: there is no such version.
            Conflict: there is such an endpoint.
        """
        placement = self._settings.placement if replicas is None else "replicas"
        wanted = NewEndpoint(reference, placement, managed=True)
        change = await self._changed("add_endpoint", wish, wanted)
        if replicas is not None and replicas > 1:
            await self._changed("scale_endpoint", wish, Replicas(replicas, replicas))
        return str(change["version"] or reference)

    async def reload(self, wish: Wish, stage: Stage) -> None:
        """Let the newest version of its model answer, where another does and it is managed.

        Raises:
            Forbidden: who asks may not.
        """
        await self._permit("put_endpoint", wish, None)
        versions = [variant.version for variant in stage.spec.variants]
        if len(versions) != 1 or stage.spec.follows() or not self._fits(wish.endpoint, None):
            return
        model, standing = split_version(versions[0])
        newest = (await self._actions.model(model))["newest"]
        if newest != standing and await self._may_change(wish.endpoint):
            await self.answer_by(wish, f"{model}@{newest}")

    async def set_default(self, wish: Wish, stage: Stage, version: str) -> str:
        """Let another version of its model answer for an endpoint; gives that.

        Raises:
            Forbidden, NotPermitted: who asks may not, or the settings do not allow it.
            NotFound: there is no such version.
            Conflict: several versions answer for it.
        """
        await self._permit("put_endpoint", wish, None)
        versions = [variant.version for variant in stage.spec.variants]
        if len(versions) != 1:
            msg = (
                f"{wish.endpoint!r} is answered by {', '.join(versions)}: the admin API sets their "
                "weights"
            )
            raise Conflict(msg)
        model = model_of(versions[0])
        if number(version) is None:
            raise managed.no_version(wish.endpoint, version)
        reference = f"{model}@{version}"
        if reference == versions[0]:
            return reference
        if int(version) not in (await self._actions.model(model))["versions"]:
            raise managed.no_version(wish.endpoint, version)
        await self.answer_by(wish, reference)
        return reference

    async def answer_by(self, wish: Wish, reference: str) -> None:
        """Let a version answer for an endpoint that there is; raises as `set_default`."""
        wanted = NewEndpoint(reference, replace=True, keeps_settings=True)
        await self._changed("put_endpoint", wish, wanted)

    async def scale(self, wish: Wish, least: int, most: int, *, waits: bool = True) -> None:
        """Let each version of an endpoint have so many replicas; raises as `set_default`.

        Raises:
            InvalidInput: there cannot be so many.
        """
        if not 1 <= least <= most <= MOST_REPLICAS:
            msg = (
                f"there can be from 1 to {MOST_REPLICAS} workers, and no fewer at most than at "
                f"least; got {least} to {most}"
            )
            raise InvalidInput(msg)
        await self._changed("scale_endpoint", wish, Replicas(least, most), waits=waits)

    async def remove(self, wish: Wish) -> None:
        """Let an endpoint answer no more.

        Raises:
            Forbidden, NotPermitted: who asks may not, or the settings do not allow it.
            NotFound: there is none.
        """
        await self._changed("remove_endpoint", wish, None)

    async def not_served(self, caller: Caller, served: Iterable[str]) -> Mapping[str, int]:
        """The newest versions of models that a caller could let answer under their own names."""
        if not caller.grants.allow_everywhere(MANAGEMENT):
            return {}
        there = set(served)
        return {
            one["model"]: one["newest"]
            for one in await self._actions.models()
            if one["model"] not in there and self._fits(one["model"], one["model"])
        }

    async def _changed(
        self,
        action: str,
        wish: Wish,
        wanted: NewEndpoint | Replicas | None,
        *,
        waits: bool = True,
    ) -> Json:
        """Make a change in the way of the admin API, and give it once it is in effect."""
        model = wanted.model if isinstance(wanted, NewEndpoint) else None
        await self._permit(action, wish, None if model is None else model_of(model))
        order = EndpointOrder(
            wish.endpoint,
            wanted,
            Change(wish.caller.name, f"asked by {wish.by}"),
            managed_alone=not self._settings.declared,
        )

        async def begin() -> Json:
            if isinstance(wanted, NewEndpoint) and wanted.replace:
                await self._check_managed(wish)
            try:
                return await self._actions.change_endpoint(order)
            except NotFound:
                if wish.caller.grants.allow_everywhere("read:metadata"):
                    raise
                # What there is instead is not for everybody.
                raise managed.unknown(wish.endpoint, model) from None

        if self._audited is None:
            begun = await begin()
        else:
            event = wish.attempt.to(action, f"endpoint {wish.endpoint}")
            begun = await self._audited.made(event, {"endpoint": wish.endpoint}, begin)
        return await self._ended(begun) if waits else begun

    async def _permit(self, action: str, wish: Wish, model: str | None) -> None:
        """Return where who asks may change this endpoint; a refusal is written down.

        Raises:
            Forbidden, NotPermitted: who asks may not, or the settings do not allow it.
        """
        try:
            is_short = len(wish.endpoint) <= _LONGEST_NAME
            if not is_short or not wish.caller.grants.allow(MANAGEMENT, wish.endpoint):
                scope = f"{MANAGEMENT}:{wish.endpoint[:80]}"
                msg = f"{wish.caller.name} may not do this: it needs the scope {scope}"
                raise Forbidden(msg, scope=scope)
            if not self._fits(wish.endpoint, model):
                what = wish.endpoint if model is None else f"{wish.endpoint} by {model}"
                raise NotPermitted(
                    f"`access: {{management: …}}` in the gateway's args does not let requests "
                    f"change {what[:160]!r}"
                )
        except ClientError as error:
            if self._audited is not None:
                event = wish.attempt.to(action, f"endpoint {wish.endpoint}")
                await self._audited.refused(event, error)
            raise

    def _fits(self, endpoint: str, model: str | None) -> bool:
        settings = self._settings
        return any(fnmatchcase(endpoint, one) for one in settings.endpoints) and (
            model is None or any(fnmatchcase(model, one) for one in settings.models)
        )

    async def _may_change(self, endpoint: str) -> bool:
        return self._settings.declared or await self._actions.is_managed(endpoint)

    async def _check_managed(self, wish: Wish) -> None:
        if not await self._may_change(wish.endpoint):
            raise managed.declared(wish.endpoint)

    async def _ended(self, change: Json) -> Json:
        """A change once it is in effect.

        Raises:
            NotReady: it takes longer than a call waits; it goes on.
            ServeError: it failed, and what was there before is again; says why.
        """
        until_s = self._clock() + self._settings.wait_s
        while change["state"] not in {"done", "failed"}:
            if self._clock() >= until_s:
                msg = (
                    f"the change {change['id']} is still under way ({change['progress']}); it goes "
                    "on, and the admin API tells how far it is"
                )
                raise NotReady(msg)
            await self._sleep(LOOK_PAUSE_S)
            change = await self._actions.change(change["id"])
        if change["state"] == "failed":
            raise managed.failed(change.get("error") or {})
        return change

"""What the admin API does, in a gateway of a Ray cluster."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

from serve_app.control.registrations import DELETED
from serve_app.core.access import KeyChange
from serve_app.core.events import Event
from serve_app.core.ports import EventStore
from serve_app.engine.load import profile_of
from serve_app.errors import NotFound, ServeError
from serve_app.gateway.admin.actions import (
    AliasChange,
    Change,
    EndpointOrder,
    ExperimentAction,
    Json,
    NewEndpoint,
    RolloutAction,
)
from serve_app.registry.card_notes import CardNotes
from serve_app.registry.listed import line, listed, moves
from serve_app.registry.store import Registry
from serve_app.serving import overview
from serve_app.serving.alias_moves import moved_alias
from serve_app.serving.control_client import ControlCaller
from serve_app.serving.deploying import additions, declaration, managed
from serve_app.serving.holders import check_unneeded, holders
from serve_app.serving.monitor_client import APPLICATION as MONITOR
from serve_app.serving.monitor_client import MonitorCaller
from serve_app.serving.not_there import no_endpoint, no_experiment
from serve_app.storage.feedback import FeedbackStore

EXPERIMENT = "experiment"
logger = logging.getLogger("serve_app.gateway")


class ClusterActions:
    """Implements `AdminActions`: control and the monitor are asked by handle, all else in threads.

    `standing` gives the endpoints of this gateway, `details` what Serve tells of itself, `clock`
    the seconds since 1970.
    """

    def __init__(
        self,
        registry: Registry,
        stores: tuple[EventStore, FeedbackStore],
        *,
        applications: tuple[ControlCaller, MonitorCaller],
        standing: Callable[[], Json],
        details: Callable[[], Json],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._registry = registry
        self._events, self._feedback = stores
        self._control, self._monitor = applications
        self._standing = standing
        self._details = details
        self._clock = clock

    async def status(self) -> Json:
        """What runs and is in effect; what control does not say is told as not in effect."""
        details, effect = await asyncio.gather(
            asyncio.to_thread(self._details), self._effect_or_why_not()
        )
        status = overview.overview(details, self._standing(), effect)
        if MONITOR not in details["applications"]:
            return status
        return {**status, "failing": [*status["failing"], *await self._failing_in_monitor()]}

    async def applications(self) -> Json:
        """The applications of the cluster with their deployments and replicas, as Serve says."""
        details = await asyncio.to_thread(self._details)
        return {"applications": overview.applications(details)}

    async def scaling(self) -> Json:
        """What the autoscaler decided, as control reads it."""
        return overview.scaling(await self._control.in_effect())

    async def endpoints(self) -> Json:
        """The endpoints as this gateway answers them."""
        return self._standing()

    async def endpoint(self, name: str) -> Json:
        """One endpoint as this gateway answers it.

        Raises:
            NotFound: there is none; names those that there are.
        """
        endpoint: Json = self._known(name)[name]
        return endpoint

    async def loads(self) -> Json:
        """How often every endpoint is asked now, as control says."""
        return await self._control.loads()

    async def requests(self, endpoint: str) -> Json:
        """How often an endpoint was asked of late at all gateways, as control says.

        Raises:
            NotFound: there is none; names those that there are.
        """
        self._known(endpoint)
        return await self._control.requests(endpoint)

    async def change_endpoint(self, order: EndpointOrder) -> Json:
        """Begin a change in control; what is wrong at first sight is refused here.

        Raises:
            InvalidInput: no endpoint can have this name, or a version is named wrongly.
            NotFound: a version is not registered, or there is no endpoint to remove.
            Conflict: there is an endpoint of this name, and it may not be replaced.
            NotPermitted: it is no managed one, and only those may be changed.
        """
        additions.check_name(order.endpoint)
        declared = await asyncio.to_thread(self._declared)
        wanted = order.wanted
        is_there = order.endpoint in declared
        if isinstance(wanted, NewEndpoint) and not wanted.keeps_settings:
            if is_there and not wanted.replace:
                raise additions.taken(order.endpoint)
        elif not is_there:
            raise no_endpoint(order.endpoint, declared)
        managed.check_managed(order, declared)
        if isinstance(wanted, NewEndpoint):
            resolved = await asyncio.to_thread(additions.resolved, self._registry, wanted)
            order = replace(order, wanted=resolved)
        return await self._control.change_endpoint(order)

    async def is_managed(self, endpoint: str) -> bool:
        """Whether what Serve was given last says so of an endpoint."""
        declared = await asyncio.to_thread(self._declared)
        return managed.is_managed(declared.get(endpoint) or {})

    async def changes(self) -> list[Json]:
        """The changes that control remembers."""
        return await self._control.endpoint_changes()

    async def change(self, identity: str) -> Json:
        """How far a change is, as control says."""
        return await self._control.endpoint_change(identity)

    async def set_weights(
        self, endpoint: str, weights: Mapping[str, float], change: Change
    ) -> Json:
        """Change weights, and say what stands then and which gateways do not know yet."""
        return await self._control.set_weights(endpoint, dict(weights), change)

    async def rollouts(self) -> list[Json]:
        """How rollouts stand, as control says."""
        return await self._control.rollouts()

    async def move_rollout(self, endpoint: str, action: RolloutAction, change: Change) -> Json:
        """Let control move a rollout."""
        return await self._control.move_rollout(endpoint, action, change)

    async def experiments(self) -> list[Json]:
        """How experiments stand, as control says, with what the monitor makes of them."""
        standing = await self._control.experiments()
        try:
            reports = await self._monitor.report(EXPERIMENT, None, 0.0) if standing else []
        except ServeError as error:
            logger.warning("the monitor does not say what experiments come to", exc_info=error)
            reports = []
        decisions = {one["endpoint"]: one["decision"] for one in reports}
        return [{**one, "decision": decisions.get(one["endpoint"])} for one in standing]

    async def experiment(self, endpoint: str) -> Json:
        """What an experiment has come to, as the monitor says.

        Raises:
            NotFound: the endpoint has none.
        """
        reports = await self._monitor.report(EXPERIMENT, endpoint, 0.0)
        if not reports:
            standing = await self._control.experiments()
            raise no_experiment(endpoint, [one["endpoint"] for one in standing])
        return reports[0]

    async def move_experiment(
        self, endpoint: str, action: ExperimentAction, change: Change
    ) -> Json:
        """Let control start or stop an experiment."""
        return await self._control.move_experiment(endpoint, action, change)

    async def keys(self) -> list[Json]:
        """The keys, as control says."""
        return await self._control.keys()

    async def change_keys(self, order: KeyChange, change: Change) -> Json:
        """Let control make, replace or revoke a key."""
        return await self._control.change_keys(order, change)

    async def models(self) -> list[Json]:
        """All models of the registry with their versions and aliases."""
        lines: list[Json] = [*await asyncio.to_thread(listed, self._registry)]
        return lines

    async def model(self, name: str) -> Json:
        """One model with its versions and aliases."""
        return await asyncio.to_thread(line, self._registry, name)

    async def version(self, model: str, version: str) -> Json:
        """The manifest of a version."""
        return await asyncio.to_thread(self._version, f"{model}@{version}")

    async def profile(self, model: str, version: int) -> Json:
        """The profile that was stored with a version.

        Raises:
            NotFound: it has none.
        """
        made = await asyncio.to_thread(profile_of, self._registry, model, version)
        if made is None:
            raise NotFound(f"{model}@{version} was registered without rows, and has no profile")
        return made.to_json()

    async def card_notes(self, model: str, version: int) -> list[Json]:
        """What people wrote on the card of a version, oldest first."""
        notes = CardNotes(self._registry.url)
        return [asdict(one) for one in await asyncio.to_thread(notes.of, model, version)]

    async def aliases(self, model: str) -> list[Json]:
        """Every move of every alias of a model."""
        made: list[Json] = await asyncio.to_thread(lambda: [*moves(self._registry, model)])
        return made

    async def move_alias(self, model: str, alias: str, move: AliasChange, change: Change) -> Json:
        """Let an alias name another version, or none. Control notices, and keeps an event."""
        moved = await asyncio.to_thread(moved_alias, self._registry, (model, alias), move, change)
        await self._control.look_at_aliases()
        return {"model": model, "alias": alias, **asdict(moved)}

    async def follow_aliases(self, change: Change) -> Json:
        """Let control look at aliases now; raises as control does."""
        logger.info("aliases are followed at once", extra={"who": change.who})
        return await self._control.follow_aliases()

    async def delete(self, model: str, version: str | None, change: Change) -> list[str]:
        """Delete a version, or all of a model.

        Raises:
            NotFound: there is none.
            Conflict: an alias or something deployed needs it; says what.
        """
        return await asyncio.to_thread(self._delete, model, version, change)

    async def events(self, limit: int, kind: str | None, subject: str | None) -> list[Event]:
        """What was changed, the newest first."""
        return await asyncio.to_thread(self._events.newest, limit, kind=kind, subject=subject)

    async def watched(self, kind: str, endpoint: str | None, within_s: int) -> list[Json]:
        """What the monitor's watch of a kind knows, of one endpoint or all."""
        self._known(endpoint)
        return await self._monitor.report(kind, endpoint, within_s)

    async def alerts(self) -> Json:
        """What is wrong now, and what receivers of alerts were sent, as the monitor says."""
        return await self._monitor.alerts()

    async def test_alerts(self, receiver: str | None) -> list[Json]:
        """Let the monitor send a test message to a receiver of alerts, or to all."""
        return await self._monitor.test_alerts(receiver)

    async def findings(self, endpoint: str | None) -> list[Json]:
        """What the monitor's watches say is wrong now, of one endpoint or all."""
        self._known(endpoint)
        findings = await self._monitor.findings()
        return [one for one in findings if endpoint in {None, one["endpoint"]}]

    async def report(self, endpoint: str | None, within_s: int) -> Json:
        """All that the monitor saw in the last so many seconds, as one document."""
        self._known(endpoint)
        return await self._monitor.document(endpoint, within_s)

    async def feedback(self, endpoint: str | None) -> list[Json]:
        """How much feedback there is, by endpoint and variants."""
        received = await asyncio.to_thread(self._feedback.received, endpoint)
        return [asdict(one) for one in received]

    async def feedback_records(self, endpoint: str | None, after: int, limit: int) -> list[Json]:
        """Feedback that follows a number, the oldest first."""
        records: list[Json] = [
            *await asyncio.to_thread(self._feedback.page, endpoint, after=after, limit=limit)
        ]
        return records

    async def _failing_in_monitor(self) -> list[str]:
        try:
            return await self._monitor.failing()
        except ServeError as error:
            return [error.message]

    async def _effect_or_why_not(self) -> Json | str:
        try:
            return await self._control.in_effect()
        except ServeError as error:
            return error.message

    def _known(self, endpoint: str | None) -> dict[str, Json]:
        """The endpoints as this gateway answers them, among which one is to be.

        Raises:
            NotFound: it is not there; names those that are.
        """
        endpoints = {one["name"]: one for one in self._standing()["endpoints"]}
        if endpoint is not None and endpoint not in endpoints:
            raise no_endpoint(endpoint, endpoints)
        return endpoints

    def _declared(self) -> dict[str, Any]:
        """The endpoints that Serve was given last: control may not serve all of them yet."""
        return declaration.endpoints(declaration.from_serve(self._details()))

    def _version(self, reference: str) -> Json:
        manifest = self._registry.manifest(*self._registry.resolve(reference))
        body: Json = manifest.model_dump(mode="json")
        return body

    def _delete(self, model: str, version: str | None, change: Change) -> list[str]:
        store = self._registry
        if version is None:
            numbers = line(store, model)["versions"]
        else:
            numbers = [store.resolve(f"{model}@{version}")[1]]
        references = [f"{model}@{number}" for number in numbers]
        configs = [
            {"name": name, **(body.get("deployed_app_config") or {})}
            for name, body in self._details()["applications"].items()
        ]
        check_unneeded(references, holders(configs, self._standing()["endpoints"]))
        if version is None:
            references = [f"{model}@{number}" for number in store.delete_model(model)]
        else:
            store.delete(model, numbers[0])
        for reference in references:
            self._remember(Event(self._clock(), change.who, DELETED, reference, change.why))
        return references

    def _remember(self, event: Event) -> None:
        """Keep an event; where that fails, the log has it, and what was done stands."""
        try:
            self._events.append_once(event)
        except ServeError as error:
            logger.error("an event cannot be kept", exc_info=error, extra={"event": str(event)})
